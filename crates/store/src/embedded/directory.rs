//! The data directory: its lock, its format marker and how it comes to be.
//!
//! ```text
//! DIRECTORY/lock      held while the store is open
//! DIRECTORY/format    "stepwell-store 1\n"
//! DIRECTORY/rows      the database; there and whole, or not there
//! DIRECTORY/rows.new  a database being created; never holds an acknowledged row
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// The format this version writes, and the newest it reads.
const FORMAT: u32 = 1;
const FORMAT_MARK: &str = "stepwell-store ";
const FORMAT_BYTES_MAX: u64 = 64;

/// A directory that is locked, of a known format, and holds a whole database.
pub(super) struct Directory {
    path: PathBuf,
    #[expect(dead_code, reason = "the lock is held as long as the file is open")]
    lock: File,
}

impl Directory {
    /// Locks `path` and checks its format; creates what is missing, the database with `create`.
    pub(super) fn open(
        path: &Path,
        create: &mut dyn FnMut(&Path) -> fjall::Result<()>,
    ) -> Result<Self, Error> {
        let failed = |action| move |cause| io_error(path, action, cause);
        create_directory(path).map_err(failed("create the directory"))?;
        let lock = lock(path)?;
        let directory = Self {
            path: path.to_owned(),
            lock,
        };
        let format = directory.read_format()?;
        let has_rows = directory
            .rows()
            .try_exists()
            .map_err(failed("look for the database"))?;
        match (format, has_rows) {
            (Some(found), _) if found > FORMAT => {
                return Err(Error::NewerFormat {
                    directory: directory.name(),
                    found,
                    supported: FORMAT,
                });
            }
            (Some(_), true) => {}
            (Some(_), false) => {
                return Err(directory.damaged("it has a format marker but no database".to_owned()));
            }
            (None, has_rows) => {
                if !has_rows {
                    directory.create_rows(create)?;
                }
                directory
                    .write_format()
                    .map_err(failed("write the format marker"))?;
            }
        }
        Ok(directory)
    }

    /// The path of the database.
    pub(super) fn rows(&self) -> PathBuf {
        self.path.join("rows")
    }

    /// The directory as shown in errors.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Creates the database aside and renames it into place when all of it is on disk: the engine cannot
    /// open a database whose creation was cut short.
    fn create_rows(&self, create: &mut dyn FnMut(&Path) -> fjall::Result<()>) -> Result<(), Error> {
        let failed = |cause| io_error(&self.path, "create the database", cause);
        let aside = self.path.join("rows.new");
        match fs::remove_dir_all(&aside) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
            _ => {}
        }
        create(&aside).map_err(|cause| failed(super::io_cause(cause)))?;
        sync_below(&aside).map_err(failed)?;
        fs::rename(&aside, self.rows()).map_err(failed)?;
        sync(&self.path).map_err(failed)
    }

    fn read_format(&self) -> Result<Option<u32>, Error> {
        let mut text = Vec::new();
        let read = File::open(self.path.join("format"))
            .and_then(|file| file.take(FORMAT_BYTES_MAX).read_to_end(&mut text));
        match read {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(io_error(&self.path, "read the format marker", cause)),
            Ok(_) => {}
        }
        std::str::from_utf8(&text)
            .ok()
            .and_then(|text| {
                text.strip_prefix(FORMAT_MARK)?
                    .strip_suffix('\n')?
                    .parse()
                    .ok()
            })
            .filter(|format| *format > 0)
            .map(Some)
            .ok_or_else(|| {
                self.damaged(format!(
                    "its format marker reads \"{}\"",
                    text.escape_ascii()
                ))
            })
    }

    fn write_format(&self) -> io::Result<()> {
        let aside = self.path.join("format.new");
        let mut file = File::create(&aside)?;
        writeln!(file, "{FORMAT_MARK}{FORMAT}")?;
        file.sync_all()?;
        fs::rename(&aside, self.path.join("format"))?;
        sync(&self.path)
    }

    fn damaged(&self, reason: String) -> Error {
        Error::Damaged {
            directory: self.name(),
            reason,
        }
    }
}

fn lock(path: &Path) -> Result<File, Error> {
    let failed = |cause| io_error(path, "lock the directory", cause);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            directory: path.display().to_string(),
        }),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Creates `path` with what is missing above it, each entry durable.
fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_directory(parent)?;
    match fs::create_dir(path) {
        // Somebody else was faster; the lock decides who may go on.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        created => created?,
    }
    sync(parent)
}

fn sync_below(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path())?;
        } else {
            sync(&entry.path())?;
        }
    }
    sync(directory)
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn io_error(path: &Path, action: &'static str, cause: io::Error) -> Error {
    Error::Io {
        action,
        place: path.display().to_string(),
        cause,
    }
}
