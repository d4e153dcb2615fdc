//! The cache of unpacked packages: one directory a package, shared read-only by all environments that run it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use tokio::sync::Semaphore;

use super::{Error, PackageSource, archive};
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
        self: &Arc<Packages>,
        id: &PackageId,
        source: Arc<dyn PackageSource>,
    ) -> Result<Arc<Unpacked>, InvokeError> {
        if let Some(unpacked) = self.find(id) {
            return Ok(unpacked);
        }
        let (packages, wanted) = (Arc::clone(self), id.clone());
        self.in_turn(id, move || packages.place(&wanted, &*source))
            .await
    }

    /// Lets `place` make the directory `id`, unless it is there when its turn comes.
    pub(super) async fn in_turn(
        self: &Arc<Packages>,
        id: &PackageId,
        place: impl FnOnce() -> Result<(), InvokeError> + Send + 'static,
    ) -> Result<Arc<Unpacked>, InvokeError> {
        let _turn = self
            .turn
            .acquire()
            .await
            .expect("the semaphore is never closed");
        if let Some(unpacked) = self.find(id) {
            return Ok(unpacked);
        }
        let placed = tokio::task::spawn_blocking(place).await;
        placed.map_err(|error| {
            InvokeError::Service(format!("cannot unpack package {id}: {error}"))
        })??;
        self.find(id).ok_or_else(|| {
            InvokeError::Service(format!("package {id} was removed while it was unpacked"))
        })
    }

    /// Reads the zip and unpacks it. Blocks.
    fn place(&self, id: &PackageId, source: &dyn PackageSource) -> Result<(), InvokeError> {
        let zip = source
            .zip(id)
            .map_err(|error| InvokeError::Service(format!("cannot read package {id}: {error}")))?;
        let actual = super::id(&zip);
        let unpacked = if actual == *id {
            self.make(id, |directory| archive::unpack(&zip, directory))
        } else {
            Err(Error::Invalid(format!(
                "package {id} has other content: its SHA-256 is {actual}"
            )))
        };
        unpacked.map_err(|error| match error {
            Error::Invalid(reason) => InvokeError::InvalidZipFile(reason),
            Error::Io(error) => {
                InvokeError::Service(format!("cannot unpack package {id}: {error}"))
            }
        })
    }

    /// Lets `fill` fill a directory beside the final place and renames it, so that a directory that exists is
    /// complete. Blocks.
    pub(super) fn make(
        &self,
        id: &PackageId,
        fill: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.prune();
        let place = self.root.join(id.as_str());
        let unfinished = self.root.join(format!("{id}.{}", std::process::id()));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir_all(&unfinished)?;
        let placed = fill(&unfinished).and_then(|()| Ok(fs::rename(&unfinished, &place)?));
        if placed.is_err() {
            let _ = fs::remove_dir_all(&unfinished);
        }
        match placed {
            // Another server that shares the cache was faster.
            Err(Error::Io(_)) if place.is_dir() => Ok(()),
            other => other,
        }
    }

    pub(super) fn find(&self, id: &PackageId) -> Option<Arc<Unpacked>> {
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
        for path in self.retire_surplus() {
            let _ = fs::remove_dir_all(&path);
        }
    }

    /// Renames what [`Packages::prune`] removes, so that nobody finds it any more; the lock is held for that only.
    fn retire_surplus(&self) -> Vec<PathBuf> {
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(entries) = fs::read_dir(&self.root) else {
            return Vec::new();
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
        let mut retired = Vec::new();
        for (_, path) in packages.into_iter().take(surplus) {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(id) = name.and_then(PackageId::parse) else {
                // Left by a process that was killed: half unpacked, or half removed.
                retired.push(path);
                continue;
            };
            let is_used = in_use.get(&id).is_some_and(|weak| weak.strong_count() > 0);
            let aside = self.root.join(format!("{id}.removed"));
            if !is_used && fs::rename(&path, &aside).is_ok() {
                retired.push(aside);
            }
        }
        retired
    }
}

/// Unpacked packages kept on disk; those in use stay beyond it.
const PACKAGES_MAX: usize = 256;
