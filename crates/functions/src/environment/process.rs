//! One operating system process group that runs one function: start, watch, kill.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::family::{descendants, proportional_bytes, resident_bytes};
use super::guard::Guard;
use super::tag::Tag;

/// What to execute, and the few descriptors the process gets.
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) directory: PathBuf,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Gets the number [`API_DESCRIPTOR`].
    pub(crate) api: Option<OwnedFd>,
    /// Gets the number [`LOG_DESCRIPTOR`].
    pub(crate) log: Option<OwnedFd>,
    pub(crate) bounds: Bounds,
    /// Whether `program` and its first child only stand between: their memory is not the function's.
    pub(crate) is_helped: bool,
}

/// What the process and all it starts are held to.
pub(crate) struct Bounds {
    /// Writable private memory of one process.
    pub(crate) data_bytes_max: u64,
    /// Size of one file.
    pub(crate) file_bytes_max: u64,
    /// Processes and threads of this user, wherever they come from; root is not held to it.
    pub(crate) processes_max: u64,
    /// Steps that the process is less urgent than the server.
    pub(crate) nice: i32,
    pub(crate) tag: Tag,
    pub(crate) guard: Option<Guard>,
    /// `cgroup.procs` of the groups to join.
    pub(crate) cgroups: Vec<File>,
}

/// How much memory is used.
pub(crate) struct Used {
    pub(crate) bytes: u64,
    /// Whether it is that of more than one process.
    pub(crate) has_family: bool,
}

/// A running process group. Dropping it kills the group.
pub(crate) struct Process {
    child: Child,
    group: i32,
    /// `/proc/<pid>/statm`, held open: one `pread` a look. `None` where there is no such file.
    statm: Option<File>,
    page_bytes: u64,
    is_helped: bool,
}

impl Process {
    /// Starts the process. Must run on a thread that lives as long as the process may (see [`close_inheritance`]),
    /// inside a tokio runtime.
    pub(crate) fn start(launch: Launch) -> io::Result<Process> {
        let mut command = std::process::Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .env_clear()
            .envs(&launch.variables)
            .current_dir(&launch.directory)
            .stdin(Stdio::null())
            .stdout(launch.stdout)
            .stderr(launch.stderr);
        let kept = [&launch.api, &launch.log].map(|kept| kept.as_ref().map(AsRawFd::as_raw_fd));
        let bounds = launch.bounds;
        #[expect(
            unsafe_code,
            reason = "pre_exec is the only place between fork and exec"
        )]
        // SAFETY: the closure makes system calls only; it does not allocate, lock or panic.
        unsafe {
            command.pre_exec(move || {
                bounds.apply()?;
                close_inheritance(kept)
            });
        }
        let child = Command::from(command).spawn()?;
        let pid = child
            .id()
            .ok_or_else(|| io::Error::other("the process ended while it was started"))?;
        let group = i32::try_from(pid).map_err(io::Error::other)?;
        let statm = File::open(format!("/proc/{pid}/statm")).ok();
        Ok(Process {
            child,
            group,
            statm,
            page_bytes: page_bytes(),
            is_helped: launch.is_helped,
        })
    }

    /// The id of the process group, equal to the id of its first process.
    pub(crate) fn group(&self) -> i32 {
        self.group
    }

    /// Whether the first process only stands between: it is not the function's.
    pub(crate) fn is_helped(&self) -> bool {
        self.is_helped
    }

    /// Memory in bytes of the process and what it has started.
    ///
    /// - `limit`: from here on memory that processes share is counted once.
    pub(crate) fn use_of_all(&self, limit: u64) -> Used {
        let family = descendants(self.group);
        let has_family = !family.is_empty();
        let counted: Vec<i32> = if self.is_helped {
            family.into_iter().skip(1).collect()
        } else {
            family.into_iter().chain([self.group]).collect()
        };
        let mut bytes = counted.iter().copied().map(resident_bytes).sum();
        if counted.len() > 1 && bytes > limit {
            bytes = counted.into_iter().map(proportional_bytes).sum();
        }
        Used { bytes, has_family }
    }

    /// Resident memory in bytes, 0 where the system does not tell.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let mut text = [0_u8; 128];
        let read = self
            .statm
            .as_ref()
            .and_then(|statm| statm.read_at(&mut text, 0).ok())
            .unwrap_or(0);
        let fields = std::str::from_utf8(&text[..read]).unwrap_or("");
        let resident = fields
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<u64>().ok());
        resident.unwrap_or(0) * self.page_bytes
    }

    /// How the process ended, if it has.
    pub(crate) fn exited(&mut self) -> Option<Exit> {
        self.child.try_wait().ok().flatten().map(Exit::from)
    }

    /// Waits a moment for a process that has closed its connection, then kills the group.
    pub(crate) async fn end(&mut self) -> Exit {
        let exit = match tokio::time::timeout(EXIT_GRACE, self.child.wait()).await {
            Ok(Ok(status)) => Exit::from(status),
            Ok(Err(_)) | Err(_) => Exit::Signal(libc::SIGKILL),
        };
        // Whatever the first process left running in its group goes too.
        self.kill();
        exit
    }

    /// Kills the whole group.
    pub(crate) fn kill(&mut self) {
        kill_group(self.group);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends one process a signal.
pub(crate) fn signal_one(process: i32, signal: i32) {
    #[expect(
        unsafe_code,
        reason = "the standard library kills children of its own only"
    )]
    // SAFETY: kill(2) takes two integers and touches no memory. `process` was read from /proc, so it is over 0.
    unsafe {
        libc::kill(process, signal);
    }
}

/// Kills every process of `group` that is left.
pub(crate) fn kill_group(group: i32) {
    #[expect(
        unsafe_code,
        reason = "the standard library kills single processes only"
    )]
    // SAFETY: kill(2) takes two integers and touches no memory. `group` comes from a child of ours, so it is over 1.
    unsafe {
        libc::kill(-group, libc::SIGKILL);
    }
}

/// The server's own process group.
pub(crate) fn own_process_group() -> i32 {
    #[expect(
        unsafe_code,
        reason = "the standard library does not tell the process group"
    )]
    // SAFETY: getpgrp takes nothing and cannot fail.
    unsafe {
        libc::getpgrp()
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Status(i32),
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Status(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(libc::SIGKILL)),
        }
    }
}

impl Exit {
    /// The tail of Lambda's `Runtime.ExitError` message.
    ///
    /// AWS: signals are named as Go's `syscall.Signal` names them.
    pub(crate) fn describe(self) -> String {
        match self {
            Exit::Status(0) => "Runtime exited without providing a reason".to_owned(),
            Exit::Status(code) => format!("Runtime exited with error: exit status {code}"),
            Exit::Signal(signal) => {
                let name = match signal {
                    libc::SIGHUP => "hangup",
                    libc::SIGINT => "interrupt",
                    libc::SIGQUIT => "quit",
                    libc::SIGILL => "illegal instruction",
                    libc::SIGTRAP => "trace/breakpoint trap",
                    libc::SIGABRT => "aborted",
                    libc::SIGBUS => "bus error",
                    libc::SIGFPE => "floating point exception",
                    libc::SIGKILL => "killed",
                    libc::SIGSEGV => "segmentation fault",
                    libc::SIGPIPE => "broken pipe",
                    libc::SIGTERM => "terminated",
                    other => return format!("Runtime exited with error: signal: signal {other}"),
                };
                format!("Runtime exited with error: signal: {name}")
            }
        }
    }
}

impl Bounds {
    /// Runs in the child between fork and exec. Makes system calls only.
    fn apply(&self) -> io::Result<()> {
        for mut cgroup in &self.cgroups {
            cgroup.write_all(b"0")?;
        }
        self.tag.apply();
        #[expect(
            unsafe_code,
            reason = "system calls the standard library does not offer"
        )]
        // SAFETY: only system calls on integers and on limits that live on this stack.
        unsafe {
            // A user who may not be nice to the server is left as urgent as it is.
            libc::setpriority(libc::PRIO_PROCESS, 0, self.nice);
            // Backstop behind the watch on resident memory. Address space is no measure: V8 reserves far more than
            // it touches; writable private memory (RLIMIT_DATA) is.
            #[cfg(target_os = "linux")]
            check(libc::setrlimit(
                libc::RLIMIT_DATA,
                &limit(self.data_bytes_max),
            ))?;
            check(libc::setrlimit(
                libc::RLIMIT_FSIZE,
                &limit(self.file_bytes_max),
            ))?;
            check(libc::setrlimit(libc::RLIMIT_CORE, &limit(0)))?;
            // A write beyond the size of a file is an error to the writer, not its end.
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            // Fails where the user has a lower limit already, which then holds.
            libc::setrlimit(libc::RLIMIT_NPROC, &limit(self.processes_max));
        }
        if let Some(guard) = &self.guard {
            guard.apply();
        }
        Ok(())
    }
}

fn limit(value: u64) -> libc::rlimit {
    libc::rlimit {
        rlim_cur: value,
        rlim_max: value,
    }
}

/// Runs in the child between fork and exec: own session, no descriptors but `kept`, death with the server.
fn close_inheritance(kept: [Option<RawFd>; 2]) -> io::Result<()> {
    #[expect(
        unsafe_code,
        reason = "system calls the standard library does not offer"
    )]
    // SAFETY: only system calls on integers and on `limit`, which lives on this stack.
    unsafe {
        check(libc::setsid())?;
        // The signal comes when the *thread* that forked ends, so processes are started by a thread that lives as
        // long as the pool. If the server died before this line, the parent is no longer the one that forked; the
        // closed socket then ends the bootstrap.
        #[cfg(target_os = "linux")]
        {
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
            let closed = libc::syscall(
                libc::SYS_close_range,
                3_u32,
                u32::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
            if closed != 0 {
                close_one_by_one();
            }
        }
        #[cfg(not(target_os = "linux"))]
        close_one_by_one();
        // Out of the way first: one of the two may sit on the other's number. What else sits there belongs to the
        // server and was to be closed. (It could be the descriptor that reports a failed exec to the standard
        // library, if the server had such a low number free: the failure is then seen as an exit.)
        let mut moved = [None; 2];
        for (kept, moved) in kept.into_iter().zip(&mut moved) {
            if let Some(kept) = kept {
                *moved = Some(check(libc::fcntl(
                    kept,
                    libc::F_DUPFD_CLOEXEC,
                    OUT_OF_THE_WAY,
                ))?);
            }
        }
        for (moved, number) in moved.into_iter().zip([API_DESCRIPTOR, LOG_DESCRIPTOR]) {
            if let Some(moved) = moved {
                check(libc::dup2(moved, number))?;
            }
        }
    }
    Ok(())
}

/// For kernels without `close_range` (before Linux 5.11).
fn close_one_by_one() {
    for descriptor in 3..DESCRIPTORS_MAX {
        #[expect(
            unsafe_code,
            reason = "system calls the standard library does not offer"
        )]
        // SAFETY: fcntl on integers; a number that is not open answers EBADF, which is fine.
        unsafe {
            libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn page_bytes() -> u64 {
    #[expect(
        unsafe_code,
        reason = "the standard library does not tell the page size"
    )]
    // SAFETY: sysconf takes and returns an integer.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

/// The Runtime API in our bootstrap. Low, because Node.js keeps only low numbers from the children it starts itself.
pub(crate) const API_DESCRIPTOR: RawFd = 3;
/// The frames of `console.*` in our bootstrap.
pub(crate) const LOG_DESCRIPTOR: RawFd = 4;
const OUT_OF_THE_WAY: RawFd = 5;
/// How long a process that closed its connection may take to end by itself.
const EXIT_GRACE: Duration = Duration::from_millis(500);
/// Bound of the fallback loop over descriptors.
const DESCRIPTORS_MAX: RawFd = 65_536;
