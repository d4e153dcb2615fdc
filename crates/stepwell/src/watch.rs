//! Which files of an application were saved.
//!
//! Directories are watched, not files: editors save by renaming, and a file that is missing may appear.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::ModifyKind,
};

/// Directories that are watched at most; the kernel's own quota is often 8,192 for a user.
const DIRECTORIES_MAX: usize = 2_048;
/// Paths remembered between two looks; more, and everything counts as changed.
const PATHS_MAX: usize = 4_096;

/// What has changed since the last look.
#[derive(Debug, Default)]
pub struct Changes {
    pub paths: BTreeSet<PathBuf>,
    /// So much has changed that the paths do not tell all of it.
    pub is_everything: bool,
}

pub struct Watch {
    watcher: RecommendedWatcher,
    root: PathBuf,
    watched: BTreeSet<PathBuf>,
    changes: Arc<Mutex<Changes>>,
}

impl Watch {
    /// Watches the directories below `root`; `wake` is called, on another thread, when something changes.
    pub fn new(root: &Path, wake: impl Fn() + Send + 'static) -> anyhow::Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot watch {}", root.display()))?;
        let changes = Arc::new(Mutex::new(Changes::default()));
        let noted = Arc::clone(&changes);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if note(&mut locked(&noted), event) {
                wake();
            }
        })
        .context("cannot watch files")?;
        let mut watch = Self {
            watcher,
            root,
            watched: BTreeSet::new(),
            changes,
        };
        watch.cover(&BTreeSet::new())?;
        Ok(watch)
    }

    /// Watches also where these files are, and directories that have appeared.
    pub fn cover(&mut self, files: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
        let mut directories = source_directories(&self.root);
        // A dependency is watched for its presence in the lock file, not file by file.
        let outside = files
            .iter()
            .filter(|file| !file.starts_with(&self.root) && !is_dependency(file));
        directories.extend(
            outside
                .filter_map(|file| file.parent())
                .map(Path::to_path_buf),
        );
        for gone in self.watched.difference(&directories) {
            // It may be gone from the disk as well, and then there is nothing to unwatch.
            let _ = self.watcher.unwatch(gone);
        }
        let mut watched = BTreeSet::new();
        for directory in directories.into_iter().take(DIRECTORIES_MAX) {
            let is_new = !self.watched.contains(&directory);
            if is_new
                && self
                    .watcher
                    .watch(&directory, RecursiveMode::NonRecursive)
                    .is_err()
                && directory.exists()
            {
                anyhow::bail!(
                    "cannot watch {}: the system's limit of watched files is reached",
                    directory.display()
                );
            }
            watched.insert(directory);
        }
        self.watched = watched;
        Ok(())
    }

    /// What has changed since the last call.
    pub fn take(&self) -> Changes {
        std::mem::take(&mut *locked(&self.changes))
    }
}

/// Whether a path lies in an installed package.
pub fn is_dependency(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == "node_modules")
}

fn locked(changes: &Mutex<Changes>) -> MutexGuard<'_, Changes> {
    // Plain sets are whole even if a thread died between two insertions.
    changes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds an event; false if it changes nothing a reader of files would see.
fn note(changes: &mut Changes, event: notify::Result<Event>) -> bool {
    let Ok(event) = event else {
        changes.is_everything = true;
        return true;
    };
    let is_silent = matches!(
        event.kind,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_))
    );
    if is_silent && !event.need_rescan() {
        return false;
    }
    changes.is_everything |= event.need_rescan() || changes.paths.len() >= PATHS_MAX;
    if !changes.is_everything {
        changes.paths.extend(event.paths);
    }
    true
}

/// The directories below `root` that can hold sources: not hidden, not installed packages.
fn source_directories(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::from([root.to_path_buf()]);
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_hidden = name.to_string_lossy().starts_with('.') || name == "node_modules";
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory && !is_hidden && found.len() < DIRECTORIES_MAX {
                found.insert(entry.path());
                open.push(entry.path());
            }
        }
    }
    found
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use notify::event::{AccessKind, DataChange, Flag};

    use super::*;

    fn modified(path: &str) -> notify::Result<Event> {
        Ok(
            Event::new(EventKind::Modify(ModifyKind::Data(DataChange::Any)))
                .add_path(PathBuf::from(path)),
        )
    }

    #[test]
    fn a_save_is_noted_and_a_read_is_not() {
        let mut changes = Changes::default();
        assert!(note(&mut changes, modified("/app/a.ts")));
        assert!(!note(
            &mut changes,
            Ok(Event::new(EventKind::Access(AccessKind::Any)).add_path(PathBuf::from("/app/b.ts")))
        ));
        assert_eq!(changes.paths, BTreeSet::from([PathBuf::from("/app/a.ts")]));
        assert!(!changes.is_everything);
    }

    #[test]
    fn too_much_to_remember_is_everything() {
        let mut changes = Changes::default();
        for number in 0..=PATHS_MAX {
            note(&mut changes, modified(&format!("/app/{number}")));
        }
        assert!(changes.is_everything);
        assert!(changes.paths.len() <= PATHS_MAX);

        let mut changes = Changes::default();
        note(
            &mut changes,
            Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)),
        );
        assert!(changes.is_everything, "the kernel dropped events");
    }

    #[test]
    fn a_file_saved_in_a_new_directory_is_seen() {
        let root = std::env::temp_dir().join(format!("stepwell-watch-{}", std::process::id()));
        fs::create_dir_all(root.join("src")).unwrap();
        let (wake, woken) = std::sync::mpsc::channel();
        let mut watch = Watch::new(&root, move || {
            let _ = wake.send(());
        })
        .unwrap();
        let mut seen = BTreeSet::new();
        let mut wait_for = |watch: &Watch, path: &Path| {
            let path = path.canonicalize().unwrap();
            while !seen.contains(&path) {
                woken
                    .recv_timeout(std::time::Duration::from_secs(20))
                    .expect("the save is noticed");
                seen.extend(watch.take().paths);
            }
        };
        fs::write(root.join("src/a.ts"), "1").unwrap();
        wait_for(&watch, &root.join("src/a.ts"));
        fs::create_dir_all(root.join("src/new")).unwrap();
        wait_for(&watch, &root.join("src/new"));
        watch.cover(&BTreeSet::new()).unwrap();
        fs::write(root.join("src/new/b.ts"), "1").unwrap();
        wait_for(&watch, &root.join("src/new/b.ts"));
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn installed_packages_are_not_sources() {
        assert!(is_dependency(Path::new("/app/node_modules/zod/index.js")));
        assert!(!is_dependency(Path::new("/app/src/node_modules.ts")));
    }
}
