//! A function's code as the zip archive Lambda takes. The only file that names the functions crate.

use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;
pub use stepwell_functions::bundle::{Installation, Stop};
use stepwell_functions::{
    bundle::{BuildProperties, Project, bundle},
    package,
};

/// Files of a directory that is packaged as it is; a file that is saved beyond this is still packaged.
const INPUTS_MAX: usize = 20_000;
/// What never belongs to a package. AWS: `sam build` leaves out the last two; the first is the store of `stepwell dev`.
const EXCLUDED: [&str; 3] = [".stepwell", ".aws-sam", ".git"];

/// A function's code, ready to be sent.
#[derive(Debug, Clone)]
pub struct Package {
    /// A zip archive.
    pub zip: Arc<Vec<u8>>,
    /// Base64 of its SHA-256, as Lambda reports it.
    pub code_sha256: String,
    /// The files it was made from, absolute.
    pub inputs: BTreeSet<PathBuf>,
    /// The directory whose files are the package, as they are.
    pub whole: Option<PathBuf>,
    pub warnings: Vec<String>,
}

impl Package {
    /// Whether the package is made of this file, or would be if the file appeared.
    pub fn is_made_of(&self, path: &Path) -> bool {
        let is_inside = |whole: &PathBuf| {
            path.strip_prefix(whole)
                .is_ok_and(|inner| !is_excluded(inner))
        };
        self.inputs.contains(path) || self.whole.as_ref().is_some_and(is_inside)
    }
}

/// A function's directory, and what is known of what is in it.
pub struct Source<'a> {
    /// The template's directory.
    pub project: &'a Path,
    /// The function's `CodeUri`.
    pub directory: &'a Path,
    pub handler: &'a str,
    /// `BuildMethod` and `BuildProperties` of the template's metadata.
    pub build: Option<(&'a str, &'a Value)>,
    /// Of the bundler, shared by the functions of one build.
    pub installation: &'a Installation,
    pub stop: &'a Stop,
}

/// The package of a function whose code is a directory.
pub fn directory(source: &Source<'_>) -> Result<Package, String> {
    let directory = source
        .directory
        .canonicalize()
        .map_err(|reason| format!("{}: {reason}", source.directory.display()))?;
    let source = Source {
        directory: &directory,
        ..*source
    };
    match build_properties(&source)? {
        Some(properties) => bundled(&source, &properties),
        None => {
            let inputs = files(&directory);
            Ok(Package {
                whole: Some(directory.clone()),
                ..packaged(zipped(&directory)?, inputs, Vec::new())?
            })
        }
    }
}

/// Base64 of the SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> String {
    package::code_sha256(bytes)
}

/// The package of a layer: a directory as it is, or a zip file.
pub fn layer(path: &Path) -> Result<Package, String> {
    if path.is_file() {
        return archive(path);
    }
    let directory = path
        .canonicalize()
        .map_err(|reason| format!("{}: {reason}", path.display()))?;
    let inputs = files(&directory);
    Ok(Package {
        whole: Some(directory.clone()),
        ..packaged(zipped(&directory)?, inputs, Vec::new())?
    })
}

/// The package of a function whose code is a zip file.
pub fn archive(path: &Path) -> Result<Package, String> {
    let path = path
        .canonicalize()
        .map_err(|reason| format!("{}: {reason}", path.display()))?;
    let unreadable = |reason: io::Error| format!("{}: {reason}", path.display());
    let length = fs::metadata(&path).map_err(unreadable)?.len();
    if length > package::ZIP_BYTES_MAX as u64 {
        return Err(format!(
            "{} has {length} bytes, AWS allows {}",
            path.display(),
            package::ZIP_BYTES_MAX
        ));
    }
    let zip = fs::read(&path).map_err(unreadable)?;
    packaged(zip, BTreeSet::from([path]), Vec::new())
}

/// The package of a function whose source is in the template.
///
/// AWS: the source becomes `index` with the runtime's extension.
pub fn inline(source: &str, runtime: &str) -> Result<Package, String> {
    let name = match runtime.starts_with("python") {
        true => "index.py",
        false => "index.js",
    };
    let zip =
        package::zip_files(&[(name, source.as_bytes())]).map_err(|error| error.to_string())?;
    packaged(zip, BTreeSet::new(), Vec::new())
}

/// The files of a directory as a zip, without what never belongs to a package.
fn zipped(directory: &Path) -> Result<Vec<u8>, String> {
    if !EXCLUDED.iter().any(|name| directory.join(name).exists()) {
        return package::zip_directory(directory).map_err(|error| error.to_string());
    }
    // A directory of links to what remains: links that lead outside are packaged as what they lead to.
    let staged = temporary_directory("package");
    let linked = || {
        fs::create_dir_all(&staged)?;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if !is_excluded(Path::new(&entry.file_name())) {
                std::os::unix::fs::symlink(entry.path(), staged.join(entry.file_name()))?;
            }
        }
        Ok(())
    };
    let zip = linked()
        .map_err(|reason: io::Error| format!("{}: {reason}", staged.display()))
        .and_then(|()| package::zip_directory(&staged).map_err(|error| error.to_string()));
    // Temporary: what cannot be removed now, the system removes.
    let _ = fs::remove_dir_all(&staged);
    zip
}

fn is_excluded(inner: &Path) -> bool {
    inner
        .components()
        .next()
        .is_some_and(|first| EXCLUDED.iter().any(|name| first.as_os_str() == *name))
}

fn temporary_directory(purpose: &str) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("stepwell-{purpose}-{}-{number}", process::id()))
}

/// Bundles into a temporary directory, and packages that.
fn bundled(source: &Source<'_>, properties: &BuildProperties) -> Result<Package, String> {
    let out_directory = temporary_directory("bundle");
    let project = Project {
        project_dir: source.project,
        code_dir: source.directory,
        handler: Some(source.handler),
        cache_dir: &cache_directory(),
        // Builds run at the same time, and each would install into the same directory.
        installs_dependencies: false,
        notice: &|told| eprintln!("{told}"),
        installation: source.installation,
        stop: source.stop,
    };
    let package = bundle(&project, properties, &out_directory)
        .map_err(|error| error.to_string())
        .and_then(|built| {
            let zip = package::zip_directory(&out_directory).map_err(|error| error.to_string())?;
            let warnings = built.warnings.iter().map(ToString::to_string).collect();
            packaged(zip, built.inputs.into_iter().collect(), warnings)
        });
    // Temporary: what cannot be removed now, the system removes.
    let _ = fs::remove_dir_all(&out_directory);
    package
}

/// Where an esbuild is kept for projects that bring none (XDG Base Directory Specification).
fn cache_directory() -> PathBuf {
    let named = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(env::temp_dir).join("stepwell")
}

fn packaged(
    zip: Vec<u8>,
    inputs: BTreeSet<PathBuf>,
    warnings: Vec<String>,
) -> Result<Package, String> {
    package::check(&zip).map_err(|error| error.to_string())?;
    Ok(Package {
        code_sha256: package::code_sha256(&zip),
        zip: Arc::new(zip),
        inputs,
        whole: None,
        warnings,
    })
}

/// How the directory is bundled, or `None` if its files are packaged as they are.
///
/// As `sam build` does; but where that would only copy TypeScript, which cannot run, it is bundled.
fn build_properties(source: &Source<'_>) -> Result<Option<BuildProperties>, String> {
    match source.build {
        Some(("esbuild", properties)) => BuildProperties::parse(properties)
            .map(Some)
            .map_err(|error| error.to_string()),
        Some((method, _)) if !method.starts_with("nodejs") => Err(format!(
            "BuildMethod {method} is not supported: use esbuild, or name a directory that is built already"
        )),
        _ if has_script(source.directory, source.handler) => Ok(None),
        _ => Ok(BuildProperties::for_handler(
            source.directory,
            source.handler,
        )),
    }
}

/// Whether the handler's module is there as JavaScript.
fn has_script(directory: &Path, handler: &str) -> bool {
    let name_at = handler.rfind('/').map_or(0, |slash| slash + 1);
    let module = handler[name_at..]
        .find('.')
        .map_or(handler, |dot| &handler[..name_at + dot]);
    ["js", "mjs", "cjs"]
        .iter()
        .any(|extension| directory.join(format!("{module}.{extension}")).is_file())
}

fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            if found.len() >= INPUTS_MAX {
                return found;
            }
            match entry.file_type() {
                Ok(_) if is_excluded(Path::new(&entry.file_name())) => {}
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(_) => drop(found.insert(entry.path())),
                Err(_) => {}
            }
        }
    }
    found
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn typescript_without_a_build_method_is_bundled_and_javascript_is_not() {
        let directory = env::temp_dir().join(format!("stepwell-packaging-{}", process::id()));
        fs::create_dir_all(directory.join("src")).unwrap();
        fs::write(directory.join("src/a.ts"), "").unwrap();
        fs::write(directory.join("src/b.ts"), "").unwrap();
        fs::write(directory.join("src/b.js"), "").unwrap();
        let entries = |handler: &str, build: Option<(&str, &Value)>| {
            let source = Source {
                project: &directory,
                directory: &directory,
                handler,
                build,
                installation: &Installation::default(),
                stop: &Stop::default(),
            };
            build_properties(&source)
                .map(|properties| properties.map(|properties| properties.entry_points))
        };
        assert_eq!(
            entries("src/a.handler", None),
            Ok(Some(vec!["src/a.ts".to_owned()]))
        );
        assert_eq!(entries("src/b.handler", None), Ok(None));
        assert_eq!(entries("absent.handler", None), Ok(None));
        let given = json!({ "EntryPoints": ["src/b.ts"] });
        assert_eq!(
            entries("b.handler", Some(("esbuild", &given))),
            Ok(Some(vec!["src/b.ts".to_owned()]))
        );
        assert_eq!(
            entries("src/b.handler", Some(("nodejs22.x", &json!({})))),
            Ok(None)
        );
        let refused = entries("src/b.handler", Some(("makefile", &json!({}))));
        assert!(
            refused
                .is_err_and(|reason| reason.starts_with("BuildMethod makefile is not supported"))
        );
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_source_in_the_template_is_a_package_and_equal_sources_are_equal_packages() {
        let package = inline("exports.handler = async () => 1;", "nodejs22.x").unwrap();
        assert_eq!(
            package.code_sha256,
            inline("exports.handler = async () => 1;", "nodejs22.x")
                .unwrap()
                .code_sha256
        );
        assert_ne!(
            package.code_sha256,
            inline("exports.handler = async () => 2;", "nodejs22.x")
                .unwrap()
                .code_sha256
        );
    }

    #[test]
    fn the_store_of_dev_is_neither_packaged_nor_a_reason_to_package_again() {
        let directory = env::temp_dir().join(format!("stepwell-packaging-whole-{}", process::id()));
        fs::create_dir_all(directory.join("lib")).unwrap();
        let directory = directory.canonicalize().unwrap();
        fs::write(
            directory.join("index.js"),
            "exports.handler = async () => 1;",
        )
        .unwrap();
        fs::write(directory.join("lib/a.js"), "1").unwrap();
        let package_of = || {
            super::directory(&Source {
                project: &directory,
                directory: &directory,
                handler: "index.handler",
                build: None,
                installation: &Installation::default(),
                stop: &Stop::default(),
            })
            .unwrap()
        };
        let before = package_of();
        fs::create_dir_all(directory.join(".stepwell")).unwrap();
        fs::write(directory.join(".stepwell/rows"), "x").unwrap();
        let after = package_of();
        assert_eq!(after.code_sha256, before.code_sha256);
        assert_eq!(
            after.inputs,
            BTreeSet::from([directory.join("index.js"), directory.join("lib/a.js")])
        );
        assert!(after.is_made_of(&directory.join("lib/new.js")));
        assert!(!after.is_made_of(&directory.join(".stepwell/rows")));
        assert!(!after.is_made_of(directory.parent().unwrap()));
        fs::remove_dir_all(&directory).unwrap();
    }
}
