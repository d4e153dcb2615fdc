//! The system calls of the sandbox.
#![expect(
    unsafe_code,
    reason = "namespaces, mounts and forks are system calls the standard library does not offer"
)]

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::END_OF_HIDDEN;

/// What the helper is told.
struct Told {
    task_root: File,
    opt: Option<File>,
    runtime: File,
    scratch: File,
    hidden: Vec<PathBuf>,
    program: Vec<String>,
}

pub(super) fn run(arguments: Vec<String>) -> io::Result<Infallible> {
    let (user, group) = own_ids();
    enter_namespaces().map_err(doing("enter new namespaces"))?;
    // Only now: directories that are opened before belong to the mounts that were left.
    let told = Told::parse(arguments)?;
    put("/proc/self/setgroups", "deny").map_err(doing("give up groups"))?;
    put("/proc/self/uid_map", &format!("{user} {user} 1")).map_err(doing("map the user"))?;
    put("/proc/self/gid_map", &format!("{group} {group} 1")).map_err(doing("map the group"))?;
    let (read, write) = io::pipe()?;
    // The first process that is started from here on is the first of the new process namespace.
    match fork()? {
        0 => {
            drop(read);
            let status = first_process(told);
            let bytes = match &status {
                Ok(status) => status.to_ne_bytes(),
                Err(error) => {
                    eprintln!("sandbox: {error}");
                    (super::COULD_NOT_SET_UP << 8).to_ne_bytes()
                }
            };
            // Whoever would read it has ended, and with it this process.
            let _ = io::Write::write_all(&mut &write, &bytes);
            std::process::exit(0)
        }
        child => {
            drop(write);
            // The service must see when the function closes them, not when this process ends.
            close_inherited();
            let mut bytes = [0; 4];
            let is_told = io::Read::read_exact(&mut &read, &mut bytes).is_ok();
            wait_for(child);
            end_as(if is_told {
                i32::from_ne_bytes(bytes)
            } else {
                libc::SIGKILL
            })
        }
    }
}

impl Told {
    fn parse(arguments: Vec<String>) -> io::Result<Told> {
        let mut arguments = arguments.into_iter();
        let mut next = || {
            arguments
                .next()
                .ok_or_else(|| io::Error::other("too few arguments"))
        };
        let open = |path: String| -> io::Result<File> {
            // Held open: the directory may be hidden by what is mounted later.
            let opened = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_PATH)
                .open(&path);
            opened.map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
        };
        let (task_root, opt) = (next()?, next()?);
        let (runtime, scratch) = (next()?, next()?);
        let mut told = Told {
            task_root: open(task_root)?,
            opt: if opt.is_empty() {
                None
            } else {
                Some(open(opt)?)
            },
            runtime: open(runtime)?,
            scratch: open(scratch)?,
            hidden: Vec::new(),
            program: Vec::new(),
        };
        told.hidden = (&mut arguments)
            .take_while(|argument| argument != END_OF_HIDDEN)
            .map(PathBuf::from)
            .collect();
        told.program = arguments.collect();
        if told.program.is_empty() {
            return Err(io::Error::other("no program to run"));
        }
        Ok(told)
    }
}

/// The first process of the process namespace: mounts, starts the program, reaps, tells how the program ended.
fn first_process(told: Told) -> io::Result<i32> {
    // SAFETY: prctl on integers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    mount_all(&told)?;
    let program = match fork()? {
        0 => return Err(execute(&told.program)),
        child => child,
    };
    drop(told);
    close_inherited();
    loop {
        let (child, status) = wait_any()?;
        if child == program {
            return Ok(status);
        }
    }
}

/// Becomes the program; returns why it could not.
fn execute(program: &[String]) -> io::Error {
    give_up_capabilities();
    let mut command = Command::new(&program[0]);
    command.args(&program[1..]).current_dir("/var/task");
    let error = command.exec();
    // This process must not go on as the first one does.
    eprintln!("sandbox: {}: {error}", program[0]);
    std::process::exit(super::COULD_NOT_SET_UP)
}

/// Builds the function's view of the machine and makes it the root.
fn mount_all(told: &Told) -> io::Result<()> {
    mount(None::<&str>, "/", None, libc::MS_REC | libc::MS_PRIVATE)
        .map_err(doing("keep mounts apart"))?;
    // Any directory that every machine has will do: it is not seen through any more.
    let root = Path::new("/tmp");
    let top: Vec<PathBuf> = list("/")?;
    let of_var: Vec<PathBuf> = list("/var")?;
    mount(Some("none"), root, Some("tmpfs"), 0).map_err(doing("mount the new root"))?;
    for (parent, entries) in [("", top), ("var", of_var)] {
        fs::create_dir_all(root.join(parent))?;
        for entry in entries {
            let name = entry.file_name().unwrap_or_default();
            if OWN.contains(&name.to_str().unwrap_or("")) {
                continue;
            }
            bind_or_link(&entry, &root.join(parent).join(name))?;
        }
    }
    let made = ["var/task", "var/runtime", "opt", "tmp", "proc"];
    for directory in made {
        fs::create_dir_all(root.join(directory))?;
    }
    let opened = [
        (Some(&told.task_root), "var/task"),
        (Some(&told.runtime), "var/runtime"),
        (told.opt.as_ref(), "opt"),
    ];
    for (source, target) in opened {
        if let Some(source) = source {
            bind(&through(source), &root.join(target)).map_err(doing(target))?;
        }
    }
    for hidden in &told.hidden {
        let hidden = root.join(hidden.strip_prefix("/").unwrap_or(hidden));
        if hidden.is_dir() {
            mount(Some("none"), &hidden, Some("tmpfs"), 0).map_err(doing("hide a directory"))?;
        } else if hidden.is_file() {
            bind(Path::new("/dev/null"), &hidden).map_err(doing("hide a file"))?;
        }
    }
    make_read_only(root).map_err(doing("make the machine read-only"))?;
    bind(&through(&told.scratch), &root.join("tmp")).map_err(doing("tmp"))?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // A container may have parts of /proc covered, and the kernel then refuses a new one: better none than its own.
    let _ = mount(Some("proc"), root.join("proc"), Some("proc"), flags);
    change_root(root).map_err(doing("change the root"))
}

fn list(directory: &str) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

/// Shows `source` at `target`; what is neither directory nor link is left out.
fn bind_or_link(source: &Path, target: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(source)?;
    if metadata.is_symlink() {
        return symlink(fs::read_link(source)?, target);
    }
    if !metadata.is_dir() {
        return Ok(());
    }
    fs::create_dir(target)?;
    bind(source, target).map_err(|error| {
        io::Error::new(error.kind(), format!("show {}: {error}", source.display()))
    })
}

fn through(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn bind(source: &Path, target: &Path) -> io::Result<()> {
    mount(Some(source), target, None, libc::MS_BIND | libc::MS_REC)
}

fn mount(
    source: Option<impl AsRef<OsStr>>,
    target: impl AsRef<OsStr>,
    kind: Option<&str>,
    flags: libc::c_ulong,
) -> io::Result<()> {
    let source = source.map(|source| text(source.as_ref())).transpose()?;
    let target = text(target.as_ref())?;
    let kind = kind.map(|kind| text(OsStr::new(kind))).transpose()?;
    let pointer =
        |text: &Option<CString>| text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
    // SAFETY: the texts end with a zero and outlive the call; there are no data.
    let result = unsafe {
        libc::mount(
            pointer(&source),
            target.as_ptr(),
            pointer(&kind),
            flags,
            std::ptr::null(),
        )
    };
    check(result.into()).map(drop)
}

/// Makes everything below `root` read-only, and set-user-id programs ordinary ones.
fn make_read_only(root: &Path) -> io::Result<()> {
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let attributes = Attributes {
        set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID,
        clear: 0,
        propagation: 0,
        user_namespace: 0,
    };
    let root = text(root.as_os_str())?;
    // SAFETY: the text and the structure outlive the call, which reads as many bytes as it is told.
    let result = unsafe {
        libc::syscall(
            SYS_MOUNT_SETATTR,
            libc::AT_FDCWD,
            root.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    };
    check(result).map(drop)
}

fn change_root(root: &Path) -> io::Result<()> {
    std::env::set_current_dir(root)?;
    let here = text(OsStr::new("."))?;
    // SAFETY: the text outlives the calls.
    unsafe {
        // The old root lies over the new one then, and is taken away.
        check(libc::syscall(
            libc::SYS_pivot_root,
            here.as_ptr(),
            here.as_ptr(),
        ))?;
        check(libc::umount2(here.as_ptr(), libc::MNT_DETACH).into())?;
    }
    std::env::set_current_dir("/")
}

fn enter_namespaces() -> io::Result<()> {
    let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC;
    // SAFETY: unshare takes an integer; this process has one thread.
    check(unsafe { libc::unshare(flags) }.into()).map(drop)
}

fn own_ids() -> (u32, u32) {
    // SAFETY: both take nothing and cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// A function is no administrator of its namespace, not even with the user id 0.
fn give_up_capabilities() {
    // SAFETY: prctl on integers. What is refused was not there to be given up.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        for capability in 0..CAPABILITIES_MAX {
            libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
        }
        libc::prctl(libc::PR_SET_SECUREBITS, SECURE_NO_ROOT_LOCKED, 0, 0, 0);
    }
}

fn fork() -> io::Result<i32> {
    // SAFETY: this process has one thread, so the child may do what the parent may.
    check(unsafe { libc::fork() }.into()).map(|id| i32::try_from(id).unwrap_or(0))
}

fn wait_for(child: i32) {
    let mut status = 0;
    // SAFETY: waitpid writes to `status`, which outlives the call.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

fn wait_any() -> io::Result<(i32, i32)> {
    let mut status = 0;
    // SAFETY: wait writes to `status`, which outlives the call.
    let child = check(unsafe { libc::wait(&raw mut status) }.into())?;
    Ok((i32::try_from(child).unwrap_or(0), status))
}

/// Ends this process as the status says.
fn end_as(status: i32) -> ! {
    if libc::WIFEXITED(status) {
        std::process::exit(libc::WEXITSTATUS(status));
    }
    let signal = libc::WTERMSIG(status);
    // SAFETY: both take integers.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
    std::process::exit(128 + signal)
}

/// Closes the descriptors that are the function's alone.
fn close_inherited() {
    for descriptor in [
        crate::environment::process::API_DESCRIPTOR,
        crate::environment::process::LOG_DESCRIPTOR,
    ] {
        // SAFETY: nothing in this process owns them; one that is not open is refused.
        unsafe { libc::close(descriptor) };
    }
}

fn put(file: &str, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(file)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

fn text(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(io::Error::other)
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn doing(what: &str) -> impl FnOnce(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Names at the top that the sandbox makes itself; those of `/var` among them.
const OWN: [&str; 7] = ["tmp", "opt", "proc", "var", "task", "runtime", "lost+found"];
const SYS_MOUNT_SETATTR: libc::c_long = 442;
const MOUNT_ATTR_RDONLY: u64 = 1;
const MOUNT_ATTR_NOSUID: u64 = 2;
const CAPABILITIES_MAX: libc::c_ulong = 64;
/// `SECBIT_NOROOT` and its lock.
const SECURE_NO_ROOT_LOCKED: libc::c_ulong = 3;
