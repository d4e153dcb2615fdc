//! Reading and writing zip files.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::{Error, FILES_MAX, UNZIPPED_BYTES_MAX, ZIP_BYTES_MAX};

/// Checks that `zip` can be a deployment package, without unpacking it: size, directory, names, declared sizes.
///
/// - Returns the bytes of its files together, as the zip declares them.
/// - Texts of the two size errors are AWS's.
pub fn check(zip: &[u8]) -> Result<u64, Error> {
    if zip.len() > ZIP_BYTES_MAX {
        return Err(Error::Invalid(format!(
            "Zipped size must be smaller than {ZIP_BYTES_MAX} bytes"
        )));
    }
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(unreadable)?;
    if archive.is_empty() {
        return Err(Error::Invalid(
            "Uploaded file must be a non-empty zip".to_owned(),
        ));
    }
    if archive.len() > FILES_MAX {
        return Err(Error::Invalid(format!(
            "the zip has {} files; at most {FILES_MAX} are allowed",
            archive.len()
        )));
    }
    let mut unzipped: u64 = 0;
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(unreadable)?;
        checked_path(entry.name())?;
        unzipped = unzipped.saturating_add(entry.size());
    }
    if unzipped > UNZIPPED_BYTES_MAX {
        Err(too_large())
    } else {
        Ok(unzipped)
    }
}

/// Unpacks `zip` into the empty directory `directory`; files come out read-only.
///
/// Nothing is written outside `directory`: names with `..` or a root are refused, symbolic links are made last and
/// must end inside.
pub(super) fn unpack(zip: &[u8], directory: &Path) -> Result<(), Error> {
    check(zip)?;
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(unreadable)?;
    let mut links = Vec::new();
    let mut left = UNZIPPED_BYTES_MAX;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(unreadable)?;
        let name = entry.name().to_owned();
        let path = directory.join(checked_path(&name)?);
        if entry.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if entry.is_symlink() {
            let mut target = String::new();
            let read = entry
                .by_ref()
                .take(LINK_BYTES_MAX)
                .read_to_string(&mut target);
            read.map_err(|_| {
                Error::Invalid(format!(
                    "the symbolic link {name:?} has an unreadable target"
                ))
            })?;
            links.push((name, path, target));
            continue;
        }
        let executable = entry.unix_mode().unwrap_or(0) & 0o111;
        // `create_new`: two entries of one name would otherwise overwrite each other.
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path);
        let mut file = file.map_err(|error| in_entry(&name, error))?;
        // The declared size may lie: count what really comes out.
        let written = io::copy(&mut entry.by_ref().take(left + 1), &mut file)
            .map_err(|error| in_entry(&name, error))?;
        left = left.checked_sub(written).ok_or_else(too_large)?;
        file.set_permissions(fs::Permissions::from_mode(0o444 | executable))?;
    }
    make_links(links, directory)
}

fn make_links(links: Vec<(String, PathBuf, String)>, directory: &Path) -> Result<(), Error> {
    let root = directory.canonicalize()?;
    for (name, path, target) in &links {
        let is_relative = Path::new(target).is_relative();
        if !is_relative {
            return Err(Error::Invalid(format!(
                "the symbolic link {name:?} has the absolute target {target:?}"
            )));
        }
        symlink(target, path).map_err(|error| in_entry(name, error))?;
    }
    // Only the file system knows where a chain of links ends.
    for (name, path, target) in &links {
        if !path.canonicalize().is_ok_and(|end| end.starts_with(&root)) {
            let reason =
                format!("the symbolic link {name:?} to {target:?} does not end inside the package");
            return Err(Error::Invalid(reason));
        }
    }
    Ok(())
}

/// Zips the files below `directory`: sorted names, fixed times, so equal files give equal bytes.
///
/// A symbolic link that ends inside stays a link; one that leads outside is replaced by what it leads to.
pub fn zip_directory(directory: &Path) -> Result<Vec<u8>, Error> {
    let root = directory
        .canonicalize()
        .map_err(|error| at_path(directory, error))?;
    let mut found = BTreeMap::new();
    collect(&root, &root, "", 0, &mut found)?;
    write(found)
}

/// Zips files given as `(name, content)`; all of them get mode 0644, but an entry named `bootstrap` gets 0755.
pub fn zip_files(files: &[(&str, &[u8])]) -> Result<Vec<u8>, Error> {
    let mut found = BTreeMap::new();
    for (name, content) in files {
        checked_path(name)?;
        let mode = if *name == "bootstrap" { 0o755 } else { 0o644 };
        found.insert((*name).to_owned(), Found::Bytes(content.to_vec(), mode));
    }
    write(found)
}

enum Found {
    File(PathBuf),
    Link(String),
    Bytes(Vec<u8>, u32),
}

fn collect(
    root: &Path,
    directory: &Path,
    prefix: &str,
    depth: usize,
    found: &mut BTreeMap<String, Found>,
) -> Result<(), Error> {
    if depth > DEPTH_MAX {
        let path = directory.display();
        return Err(Error::Invalid(format!(
            "{path} is nested deeper than {DEPTH_MAX} directories (a link to itself?)"
        )));
    }
    for entry in fs::read_dir(directory).map_err(|error| at_path(directory, error))? {
        let path = entry?.path();
        let file_name = path.file_name().and_then(|name| name.to_str());
        let file_name = file_name
            .ok_or_else(|| Error::Invalid(format!("{} has no UTF-8 name", path.display())))?;
        let name = format!("{prefix}{file_name}");
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_symlink() {
            let end = path.canonicalize().map_err(|error| at_path(&path, error))?;
            let target = fs::read_link(&path)?;
            if end.starts_with(root) && target.is_relative() {
                let target = target.to_string_lossy().into_owned();
                found.insert(name, Found::Link(target));
            } else if end.is_dir() {
                collect(root, &end, &format!("{name}/"), depth + 1, found)?;
            } else {
                found.insert(name, Found::File(end));
            }
        } else if metadata.is_dir() {
            collect(root, &path, &format!("{name}/"), depth + 1, found)?;
        } else if metadata.is_file() {
            found.insert(name, Found::File(path));
        }
        if found.len() > FILES_MAX {
            return Err(Error::Invalid(format!(
                "{} has more than {FILES_MAX} files",
                root.display()
            )));
        }
    }
    Ok(())
}

fn write(found: BTreeMap<String, Found>) -> Result<Vec<u8>, Error> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let mut unzipped: u64 = 0;
    for (name, found) in found {
        match found {
            Found::Link(target) => writer
                .add_symlink(name, target, options)
                .map_err(unwritable)?,
            Found::Bytes(content, mode) => {
                writer
                    .start_file(name, options.unix_permissions(mode))
                    .map_err(unwritable)?;
                writer.write_all(&content)?;
                unzipped += content.len() as u64;
            }
            Found::File(path) => {
                let mut file = File::open(&path).map_err(|error| at_path(&path, error))?;
                let is_executable = file.metadata()?.permissions().mode() & 0o111 != 0;
                let mode = if is_executable { 0o755 } else { 0o644 };
                writer
                    .start_file(name, options.unix_permissions(mode))
                    .map_err(unwritable)?;
                unzipped +=
                    io::copy(&mut file, &mut writer).map_err(|error| at_path(&path, error))?;
            }
        }
        if unzipped > UNZIPPED_BYTES_MAX {
            return Err(too_large());
        }
    }
    let zip = writer.finish().map_err(unwritable)?.into_inner();
    Ok(zip)
}

/// A relative path of plain names.
fn checked_path(name: &str) -> Result<&Path, Error> {
    let path = Path::new(name);
    let is_plain = !name.contains(['\0', '\\'])
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if is_plain && !name.is_empty() {
        return Ok(path);
    }
    Err(Error::Invalid(format!(
        "the zip has an entry named {name:?}, which is no path inside the package"
    )))
}

fn unreadable(error: ZipError) -> Error {
    match error {
        // AWS: the text of InvalidParameterValueException for a file that is no zip.
        ZipError::InvalidArchive(_) => Error::Invalid(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
                .to_owned(),
        ),
        other => Error::Invalid(format!("Could not unzip uploaded file: {other}")),
    }
}

fn unwritable(error: ZipError) -> Error {
    Error::Io(io::Error::other(error))
}

fn too_large() -> Error {
    Error::Invalid(format!(
        "Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes"
    ))
}

fn in_entry(name: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::Invalid(format!("the zip has two entries named {name:?}"))
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            Error::Invalid(format!("the zip's entry {name:?} is damaged: {error}"))
        }
        _ => Error::Io(error),
    }
}

fn at_path(path: &Path, error: io::Error) -> Error {
    Error::Io(io::Error::new(
        error.kind(),
        format!("{}: {error}", path.display()),
    ))
}

/// Longest target of a symbolic link; Linux's PATH_MAX.
const LINK_BYTES_MAX: u64 = 4096;
/// Directories inside directories.
const DEPTH_MAX: usize = 64;
