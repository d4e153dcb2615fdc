//! Where the files of a bundle go, so that Lambda finds the handler.

use std::path::{Path, PathBuf};

use super::{BuildProperties, BundleError, Problem};

/// Entry points as esbuild arguments.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) arguments: Vec<String>,
    /// Set when no entry point can be the handler's module.
    pub(super) warning: Option<Problem>,
}

/// The module of a handler string: `src/app` of `src/app.orders.create`.
pub(crate) fn handler_module(handler: &str) -> &str {
    let name_at = handler.rfind('/').map_or(0, |at| at + 1);
    handler[name_at..]
        .find('.')
        .map_or(handler, |dot| &handler[..name_at + dot])
}

/// Checks that the entry points exist and decides where each one goes.
pub(super) fn entries(
    code_dir: &Path,
    properties: &BuildProperties,
    handler: Option<&str>,
) -> Result<Entries, BundleError> {
    let files = properties
        .entry_points
        .iter()
        .map(|entry| file(code_dir, entry))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(place(&files, handler))
}

/// `files`: relative to the code directory, with extension, separated by `/`.
fn place(files: &[String], handler: Option<&str>) -> Entries {
    let mut arguments = files.to_vec();
    let Some(handler) = handler else {
        return Entries {
            arguments,
            warning: None,
        };
    };
    let module = handler_module(handler);
    let lowest = lowest_directory(files);
    let is_there = |file: &String| {
        Path::new(stem(file))
            .strip_prefix(&lowest)
            .is_ok_and(|path| path == Path::new(module))
    };
    if files.iter().any(is_there) {
        return Entries {
            arguments,
            warning: None,
        };
    }
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let namesakes = (0..files.len()).filter(|at| name(stem(&files[*at])) == name(module));
    match namesakes.max_by_key(|at| shared_suffix(stem(&files[*at]), module)) {
        Some(at) => {
            arguments[at] = format!("{module}={}", files[at]);
            Entries {
                arguments,
                warning: None,
            }
        }
        None => {
            let text = format!(
                "handler {handler:?} needs a file {module}.js, and no entry point gives one: {}",
                files.join(", ")
            );
            Entries {
                arguments,
                warning: Some(Problem::warning(text)),
            }
        }
    }
}

/// The entry point as a file; an extension may be left out.
fn file(code_dir: &Path, entry: &str) -> Result<String, BundleError> {
    let entry = entry.strip_prefix("./").unwrap_or(entry);
    if code_dir.join(entry).is_file() {
        return Ok(entry.to_owned());
    }
    let mut candidates = SOURCE_EXTENSIONS
        .iter()
        .map(|extension| format!("{entry}.{extension}"));
    candidates
        .find(|candidate| code_dir.join(candidate).is_file())
        .ok_or_else(|| {
            let directory = code_dir.display();
            BundleError::Properties(format!("entry point {entry:?} is no file in {directory}"))
        })
}

/// The lowest directory above all `files`, as esbuild computes its default `--outbase`.
fn lowest_directory(files: &[String]) -> PathBuf {
    let directory = |file: &String| {
        Path::new(file)
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default()
    };
    let mut directories = files.iter().map(directory);
    let first = directories.next().unwrap_or_default();
    directories.fold(first, |lowest, directory| {
        lowest
            .components()
            .zip(directory.components())
            .take_while(|(a, b)| a == b)
            .map(|(a, _)| a)
            .collect()
    })
}

fn stem(file: &str) -> &str {
    let name_at = file.rfind('/').map_or(0, |at| at + 1);
    file[name_at..]
        .rfind('.')
        .map_or(file, |dot| &file[..name_at + dot])
}

fn shared_suffix(a: &str, b: &str) -> usize {
    a.rsplit('/')
        .zip(b.rsplit('/'))
        .take_while(|(a, b)| a == b)
        .count()
}

/// Extensions of source files, TypeScript first.
pub(super) const SOURCE_EXTENSIONS: [&str; 8] =
    ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], handler: &str, expected: &[&str]) {
        let files: Vec<_> = files.iter().map(|file| (*file).to_owned()).collect();
        let placed = place(&files, Some(handler));
        assert_eq!(placed.arguments, expected, "{handler}");
        assert!(placed.warning.is_none());
    }

    #[test]
    fn esbuilds_layout_stays_where_the_handler_fits_it() {
        check(&["app.ts"], "app.handler", &["app.ts"]);
        check(&["src/app.ts"], "app.handler", &["src/app.ts"]);
        check(
            &["src/a/x.ts", "src/b/y.ts"],
            "b/y.handler",
            &["src/a/x.ts", "src/b/y.ts"],
        );
    }

    #[test]
    fn an_entry_of_the_handlers_name_goes_where_the_handler_looks() {
        check(&["src/app.ts"], "src/app.handler", &["src/app=src/app.ts"]);
        check(
            &["src/app.ts"],
            "dist/app.handler",
            &["dist/app=src/app.ts"],
        );
        check(
            &["a/app.ts", "b/app.ts"],
            "src/b/app.x.y",
            &["a/app.ts", "src/b/app=b/app.ts"],
        );
    }

    #[test]
    fn a_handler_without_entry_is_warned_of() {
        let placed = place(&["src/app.ts".to_owned()], Some("index.handler"));
        assert!(
            placed
                .warning
                .expect("warned")
                .text
                .contains("needs a file index.js")
        );
    }
}
