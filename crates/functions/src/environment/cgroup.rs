//! Control groups, version 2: limits that hold for all processes of an environment together.
//!
//! Source: docs.kernel.org/admin-guide/cgroup-v2.html. Which of the limits there are depends on what has been delegated to
//! the server; a group without any of them still ends all of its processes at once. Where the number of processes is held by
//! the older hierarchy of version 1 (it has one directory a controller), that limit is made there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::pool::ControlGroup;

/// The directory below which a pool makes its groups. Dropping it removes it.
pub(crate) struct Cgroups {
    root: PathBuf,
    /// The same for the controller of processes in the hierarchy of version 1.
    pids: Option<PathBuf>,
}

/// The group of one environment.
pub(crate) struct Cgroup {
    directory: PathBuf,
    /// Writing `0` to each of these moves the writer into the group.
    procs: Vec<File>,
    /// The group in the hierarchy of version 1.
    pids: Option<PathBuf>,
}

impl Cgroups {
    /// Prepares the place for groups; `None` if there are to be none.
    ///
    /// Errors: a directory that was given cannot be used. The server's own group may be unusable.
    pub(crate) fn open(place: &ControlGroup) -> io::Result<Option<Cgroups>> {
        match place {
            ControlGroup::At(given) => {
                let of_given = |error: io::Error| {
                    let given = given.display();
                    io::Error::new(error.kind(), format!("control group {given}: {error}"))
                };
                Cgroups::below(given).map(Some).map_err(of_given)
            }
            ControlGroup::Own => Ok(own_group("0::", "cgroup2", "").and_then(|own| {
                let mut groups = Cgroups::below(&own).ok()?;
                groups.pids = own_group(":pids:", "cgroup", "pids")
                    .inspect(|own| remove_abandoned(own))
                    .map(|own| own.join(name_of(&groups.root)))
                    .filter(|pids| fs::create_dir(pids).is_ok());
                Some(groups)
            })),
            ControlGroup::None => Ok(None),
        }
    }

    fn below(parent: &Path) -> io::Result<Cgroups> {
        static POOLS: AtomicU32 = AtomicU32::new(0);
        remove_abandoned(parent);
        let pool = POOLS.fetch_add(1, Ordering::Relaxed);
        let root = parent.join(format!("{PREFIX}{}-{pool}", std::process::id()));
        fs::create_dir(&root)?;
        // Each of these may be refused: the controller is not delegated, or the parent has processes of its own.
        for directory in [parent, &root] {
            for controller in ["+memory", "+pids", "+cpu"] {
                let _ = put(directory, "cgroup.subtree_control", controller);
            }
        }
        Ok(Cgroups { root, pids: None })
    }

    /// A group with the limits of a function of `memory_mb`, as far as they are delegated.
    pub(crate) fn make(&self, serial: u64, memory_mb: u32) -> io::Result<Cgroup> {
        let directory = self.root.join(serial.to_string());
        fs::create_dir(&directory)?;
        let made = Cgroup::limit(&directory, memory_mb);
        if made.is_err() {
            let _ = fs::remove_dir(&directory);
        }
        let mut group = made?;
        if let Some(pids) = &self.pids {
            group.join_pids(pids.join(serial.to_string()));
        }
        Ok(group)
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        // Groups of environments that are still being cleared up keep it; the next server removes it.
        let _ = fs::remove_dir(&self.root);
        if let Some(pids) = &self.pids {
            let _ = fs::remove_dir(pids);
        }
    }
}

impl Cgroup {
    fn limit(directory: &Path, memory_mb: u32) -> io::Result<Cgroup> {
        let bytes = u64::from(memory_mb) << 20;
        let limits = [
            ("memory.max", bytes.to_string()),
            ("memory.swap.max", "0".to_owned()),
            // One process over the limit takes the environment with it, as on Lambda.
            ("memory.oom.group", "1".to_owned()),
            ("pids.max", PROCESSES_MAX.to_string()),
            ("cpu.weight", cpu_weight(memory_mb).to_string()),
        ];
        for (file, value) in limits {
            // No such file: the controller is not delegated.
            let _ = put(directory, file, &value);
        }
        let procs = OpenOptions::new()
            .write(true)
            .open(directory.join("cgroup.procs"))?;
        Ok(Cgroup {
            directory: directory.to_owned(),
            procs: vec![procs],
            pids: None,
        })
    }

    /// Holds the number of processes in the hierarchy of version 1 too, if that can be done.
    fn join_pids(&mut self, directory: PathBuf) {
        if fs::create_dir(&directory).is_err() {
            return;
        }
        let limited = put(&directory, "pids.max", &PROCESSES_MAX.to_string());
        let procs = directory.join("cgroup.procs");
        match limited.and_then(|()| OpenOptions::new().write(true).open(procs)) {
            Ok(procs) => {
                self.procs.push(procs);
                self.pids = Some(directory);
            }
            Err(_) => {
                let _ = fs::remove_dir(&directory);
            }
        }
    }

    /// To be written `0` by the process that joins.
    pub(crate) fn procs(&self) -> io::Result<Vec<File>> {
        self.procs.iter().map(File::try_clone).collect()
    }

    /// Whether a process was ended because all together used more memory than the function has.
    pub(crate) fn was_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.directory.join("memory.events")).unwrap_or_default();
        events
            .lines()
            .filter_map(|line| line.strip_prefix("oom_kill "))
            .any(|count| count.trim() != "0")
    }

    /// How many processes are in the group; `None` if it cannot be read.
    pub(crate) fn processes(&self) -> Option<usize> {
        let processes = fs::read_to_string(self.directory.join("cgroup.procs")).ok()?;
        Some(processes.lines().count())
    }

    /// Kills every process of the group, and those that are just being started; false if the kernel cannot.
    pub(crate) fn kill_now(&self) -> bool {
        put(&self.directory, "cgroup.kill", "1").is_ok()
    }

    /// As [`Cgroup::kill_now`], and waits; true if none is left.
    pub(crate) fn kill(&self) -> bool {
        if !self.kill_now() {
            return false;
        }
        let until = Instant::now() + KILL_MAX;
        loop {
            match fs::read_to_string(self.directory.join("cgroup.events")) {
                Ok(events) if events.contains("populated 0") => return true,
                Ok(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                Ok(_) | Err(_) => return false,
            }
        }
    }

    /// Removes the group, which must be empty.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir(&self.directory);
        if let Some(pids) = &self.pids {
            let _ = fs::remove_dir(pids);
        }
    }
}

/// AWS: 1,769 MB have the equivalent of one processor; a share counts only where processors are short.
fn cpu_weight(memory_mb: u32) -> u32 {
    (memory_mb * 100 / MEMORY_MB_OF_ONE_CPU).clamp(1, 10_000)
}

/// Writes to a file that exists: control groups have no others.
fn put(directory: &Path, file: &str, value: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(directory.join(file))?
        .write_all(value.as_bytes())
}

/// The directory of the server's own group in the hierarchy that is named `name` in `/proc/self/cgroup`, mounted as a
/// file system of `kind` with `option`.
fn own_group(name: &str, kind: &str, option: &str) -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.split_once(name))?.1;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let is_it = *fields.get(2)? == kind
            && (option.is_empty() || fields.get(3)?.split(',').any(|one| one == option));
        is_it.then_some(fields[1])
    })?;
    Some(Path::new(mount).join(own.trim_start_matches('/')))
}

fn name_of(directory: &Path) -> PathBuf {
    directory.file_name().map(PathBuf::from).unwrap_or_default()
}

/// Ends and removes the groups of servers that were killed.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| {
            name.strip_prefix(PREFIX)?
                .split('-')
                .next()?
                .parse::<u32>()
                .ok()
        });
        let Some(process) = process else { continue };
        if Path::new("/proc").join(process.to_string()).exists() {
            continue;
        }
        let _ = put(&entry.path(), "cgroup.kill", "1");
        for group in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(group.path());
        }
        let _ = fs::remove_dir(entry.path());
    }
}

const PREFIX: &str = "stepwell-";
/// AWS: processes and threads of an execution environment (Lambda quotas).
pub(crate) const PROCESSES_MAX: u32 = 1024;
/// AWS: memory at which a function has one whole processor.
pub(crate) const MEMORY_MB_OF_ONE_CPU: u32 = 1769;
const KILL_MAX: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree that looks as if all controllers were delegated.
    fn make_fake(group: &Path, files: &[&str]) {
        fs::create_dir_all(group).expect("a temporary directory");
        for file in files {
            fs::write(group.join(file), "").expect("a temporary file");
        }
    }

    fn read(group: &Path, file: &str) -> String {
        fs::read_to_string(group.join(file)).unwrap_or_else(|_| "no file".to_owned())
    }

    const ALL: [&str; 7] = [
        "cgroup.procs",
        "memory.max",
        "memory.swap.max",
        "memory.oom.group",
        "pids.max",
        "cpu.weight",
        "cgroup.kill",
    ];

    #[test]
    fn a_group_gets_the_limits_of_its_function() {
        let tree = tempfile::tempdir().expect("a temporary directory");
        make_fake(tree.path(), &ALL);
        let group = Cgroup::limit(tree.path(), 256).expect("a group");
        assert_eq!(read(tree.path(), "memory.max"), "268435456");
        assert_eq!(read(tree.path(), "memory.swap.max"), "0");
        assert_eq!(read(tree.path(), "memory.oom.group"), "1");
        assert_eq!(read(tree.path(), "pids.max"), "1024");
        assert_eq!(read(tree.path(), "cpu.weight"), "14");
        assert!(!group.was_out_of_memory());
        fs::write(tree.path().join("memory.events"), "oom 1\noom_kill 1\n").expect("written");
        assert!(group.was_out_of_memory());
        assert!(
            !group.kill(),
            "a tree that is no control group kills nobody"
        );
        assert_eq!(read(tree.path(), "cgroup.kill"), "1");
    }

    #[test]
    fn controllers_that_are_not_delegated_are_done_without() {
        let tree = tempfile::tempdir().expect("a temporary directory");
        make_fake(tree.path(), &["cgroup.procs", "pids.max"]);
        Cgroup::limit(tree.path(), 128).expect("a group");
        assert_eq!(read(tree.path(), "pids.max"), "1024");
        assert_eq!(read(tree.path(), "memory.max"), "no file");
        let without = tempfile::tempdir().expect("a temporary directory");
        assert!(Cgroup::limit(without.path(), 128).is_err());
    }

    #[test]
    fn a_directory_that_is_no_control_group_is_refused_by_name() {
        let error = Cgroups::open(&ControlGroup::At("/proc/none".into()))
            .err()
            .expect("no such directory");
        assert!(error.to_string().contains("/proc/none"), "{error}");
    }

    #[test]
    fn the_share_of_the_processor_follows_the_memory_size() {
        assert_eq!(cpu_weight(128), 7);
        assert_eq!(cpu_weight(1769), 100);
        assert_eq!(cpu_weight(10_240), 578);
    }
}
