//! A filter on the system calls of a function: it cannot signal, trace or write into the server that runs it.
//!
//! A function has the server's user, so without it `process.kill(process.ppid)` would end the server. It is no security
//! border: what the user may do to other processes, a function may do as well.

/// The filter, made before the fork: between fork and exec nothing may allocate.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(crate) struct Guard {
    program: Vec<libc::sock_filter>,
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
impl Guard {
    /// A filter that keeps `server` and its process group from being harmed.
    ///
    /// - Refused calls answer `EPERM`, as for a process of another user.
    pub(crate) fn of(server: u32, server_group: i32) -> Guard {
        let everybody = -1_i32 as u32;
        let group = server_group.wrapping_neg() as u32;
        let mut program = vec![
            load(ARCHITECTURE_AT),
            // Another architecture numbers its calls in another way; it is left alone.
            jump_unless_equal(ARCHITECTURE, 0, 1),
            jump(1),
            allow(),
            load(NUMBER_AT),
        ];
        let calls: [(libc::c_long, u32, &[u32]); 9] = [
            (libc::SYS_kill, 0, &[server, everybody, group]),
            (libc::SYS_tkill, 0, &[server]),
            (libc::SYS_tgkill, 0, &[server]),
            (libc::SYS_rt_sigqueueinfo, 0, &[server]),
            (libc::SYS_rt_tgsigqueueinfo, 0, &[server]),
            (libc::SYS_pidfd_open, 0, &[server]),
            (libc::SYS_process_vm_writev, 0, &[server]),
            (libc::SYS_prlimit64, 0, &[server]),
            (libc::SYS_ptrace, 1, &[server]),
        ];
        for (call, argument, refused) in calls {
            let number = u32::try_from(call).expect("system call numbers are small");
            // Per refused value: a test and the refusal; then the way back.
            let length = u8::try_from(2 * refused.len() + 2).expect("three values at most");
            program.push(jump_unless_equal(number, 0, length));
            program.push(load(ARGUMENTS_AT + 8 * argument));
            for value in refused {
                program.push(jump_unless_equal(*value, 0, 1));
                program.push(refuse());
            }
            program.push(allow());
        }
        program.push(allow());
        Guard { program }
    }

    /// Puts the calling process and all it starts under the filter. Makes system calls only.
    ///
    /// A kernel without filters leaves the process as it is.
    pub(crate) fn apply(&self) {
        let program = libc::sock_fprog {
            len: self.program.len() as u16,
            filter: self.program.as_ptr().cast_mut(),
        };
        #[expect(
            unsafe_code,
            reason = "system calls the standard library does not offer"
        )]
        // SAFETY: `program` and what it points to outlive the call, which only reads them.
        unsafe {
            // Without it, only root may set filters; no function needs set-user-id programs.
            if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 {
                libc::syscall(
                    libc::SYS_seccomp,
                    SECCOMP_SET_MODE_FILTER,
                    0,
                    &raw const program,
                );
            }
        }
    }
}

/// Where there are no such filters.
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(crate) struct Guard;

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
impl Guard {
    pub(crate) fn of(_server: u32, _server_group: i32) -> Guard {
        Guard
    }

    pub(crate) fn apply(&self) {}
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod program {
    //! The few instructions the filter is made of (classic BPF, as `linux/filter.h` defines it).

    pub(super) fn load(offset: u32) -> libc::sock_filter {
        instruction(0x20, 0, 0, offset)
    }

    /// Goes on behind `then` more instructions if the loaded value is `value`, else behind `otherwise`.
    pub(super) fn jump_unless_equal(value: u32, then: u8, otherwise: u8) -> libc::sock_filter {
        instruction(0x15, then, otherwise, value)
    }

    pub(super) fn jump(over: u32) -> libc::sock_filter {
        instruction(0x05, 0, 0, over)
    }

    pub(super) fn allow() -> libc::sock_filter {
        instruction(0x06, 0, 0, 0x7fff_0000)
    }

    pub(super) fn refuse() -> libc::sock_filter {
        instruction(0x06, 0, 0, 0x0005_0000 | libc::EPERM as u32)
    }

    fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
        libc::sock_filter { code, jt, jf, k }
    }

    /// Offsets in `struct seccomp_data`.
    pub(super) const NUMBER_AT: u32 = 0;
    pub(super) const ARCHITECTURE_AT: u32 = 4;
    /// The lower half of the first argument: both architectures are little-endian.
    pub(super) const ARGUMENTS_AT: u32 = 16;
    #[cfg(target_arch = "x86_64")]
    pub(super) const ARCHITECTURE: u32 = 0xc000_003e;
    #[cfg(target_arch = "aarch64")]
    pub(super) const ARCHITECTURE: u32 = 0xc000_00b7;
    pub(super) const SECCOMP_SET_MODE_FILTER: u32 = 1;
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
use program::{
    ARCHITECTURE, ARCHITECTURE_AT, ARGUMENTS_AT, NUMBER_AT, SECCOMP_SET_MODE_FILTER, allow, jump,
    jump_unless_equal, load, refuse,
};
