//! The cache of unpacked packages: one directory a package, shared read-only by all environments that run it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{Error, PackageSource, archive, id};
use crate::configuration::PackageId;
use crate::invocation::InvokeError;

/// A package's directory. While one of these lives the directory stays.
pub(crate) struct Unpacked {
    directory: PathBuf,
}

impl Unpacked {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

pub(crate) struct Packages {
    root: PathBuf,
    in_use: Mutex<BTreeMap<PackageId, Weak<Unpacked>>>,
    /// One package is unpacked at a time: a burst of cold starts reads its zip once.
    turn: Semaphore,
}

impl Packages {
    /// A cache below `cache_dir`, which must exist.
    pub(crate) fn open(cache_dir: &Path) -> io::Result<Packages> {
        let root = cache_dir.join("packages");
        fs::create_dir_all(&root)?;
        let root = root.canonicalize()?;
        // Node.js looks upwards for the nearest package.json to tell modules from CommonJS. It must stop here: the
        // cache may lie inside a project whose own package.json says `module`.
        fs::write(root.join("package.json"), "{}\n")?;
        Ok(Packages {
            root,
            in_use: Mutex::new(BTreeMap::new()),
            turn: Semaphore::new(1),
        })
    }

    /// The unpacked package, unpacking it if need be.
    pub(crate) async fn get(
        &self,
        id: &PackageId,
        source: &dyn PackageSource,
    ) -> Result<Arc<Unpacked>, InvokeError> {
        if let Some(unpacked) = self.find(id) {
            return Ok(unpacked);
        }
        let _turn = self
            .turn
            .acquire()
            .await
            .expect("the semaphore is never closed");
        if let Some(unpacked) = self.find(id) {
            return Ok(unpacked);
        }
        let zip = source.zip(id);
        let zip = zip
            .map_err(|error| InvokeError::Service(format!("cannot read package {id}: {error}")))?;
        self.prune();
        let (id_owned, root) = (id.clone(), self.root.clone());
        let unpacked = tokio::task::spawn_blocking(move || unpack(&zip, &id_owned, &root)).await;
        match unpacked
            .map_err(|error| InvokeError::Service(format!("cannot unpack package {id}: {error}")))?
        {
            Ok(()) => {}
            Err(Error::Invalid(reason)) => return Err(InvokeError::InvalidZipFile(reason)),
            Err(Error::Io(error)) => {
                return Err(InvokeError::Service(format!(
                    "cannot unpack package {id}: {error}"
                )));
            }
        }
        self.find(id).ok_or_else(|| {
            InvokeError::Service(format!("package {id} was removed while it was unpacked"))
        })
    }

    fn find(&self, id: &PackageId) -> Option<Arc<Unpacked>> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unpacked) = in_use.get(id).and_then(Weak::upgrade) {
            return Some(unpacked);
        }
        let directory = self.root.join(id.as_str());
        if !directory.is_dir() {
            return None;
        }
        let unpacked = Arc::new(Unpacked { directory });
        in_use.retain(|_, weak| weak.strong_count() > 0);
        in_use.insert(id.clone(), Arc::downgrade(&unpacked));
        Some(unpacked)
    }

    /// Removes the oldest unused directories beyond [`PACKAGES_MAX`]. What cannot be removed is tried again next time.
    fn prune(&self) {
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(entries) = fs::read_dir(&self.root) else {
            return;
        };
        let age = |path: &Path| {
            fs::metadata(path)
                .and_then(|found| found.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH)
        };
        let directories = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir());
        let mut packages: Vec<_> = directories.map(|path| (age(&path), path)).collect();
        packages.sort();
        let surplus = packages.len().saturating_sub(PACKAGES_MAX);
        for (_, path) in packages.into_iter().take(surplus) {
            let id = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(PackageId::parse);
            let is_used = id
                .and_then(|id| in_use.get(&id).cloned())
                .is_some_and(|weak| weak.strong_count() > 0);
            if !is_used {
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}

/// Unpacks beside the final place and renames, so that a directory that exists is complete.
fn unpack(zip: &Bytes, expected: &PackageId, root: &Path) -> Result<(), Error> {
    let actual = id(zip);
    if actual != *expected {
        return Err(Error::Invalid(format!(
            "package {expected} has other content: its SHA-256 is {actual}"
        )));
    }
    let unfinished = root.join(format!("{expected}.{}", std::process::id()));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    fs::create_dir_all(&unfinished)?;
    let unpacked = archive::unpack(zip, &unfinished);
    let placed = unpacked.and_then(|()| Ok(fs::rename(&unfinished, root.join(expected.as_str()))?));
    if placed.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    match placed {
        // Another server that shares the cache was faster.
        Err(Error::Io(_)) if root.join(expected.as_str()).is_dir() => Ok(()),
        other => other,
    }
}

/// Unpacked packages kept on disk; those in use stay beyond it.
const PACKAGES_MAX: usize = 256;
