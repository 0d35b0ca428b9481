//! Numbers that tell who the process is.

use unilith_posix_abi::{Errno, Result, UserPtr, syscall};

/// The process, its thread, its group and its session.
pub(crate) const PID: i32 = 1;
/// Its user and group.
const ROOT: u32 = 0;

/// Whether `pid` means this process.
pub(crate) fn is_self(pid: i32) -> bool {
    pid == 0 || pid == PID
}

macro_rules! constant {
    ($($(#[$doc:meta])* $name:ident[$number:ident] = $value:expr;)*) => {
        $(syscall! {
            $(#[$doc])*
            pub fn $name[$number]() -> usize {
                $value as usize
            }
        })*
    };
}

constant! {
    /// getpid(2)
    getpid[__NR_getpid] = PID;
    /// gettid(2)
    gettid[__NR_gettid] = PID;
    /// getppid(2): 0, as of a process whose parent is out of sight.
    getppid[__NR_getppid] = 0;
    /// getuid(2)
    getuid[__NR_getuid] = ROOT;
    /// geteuid(2)
    geteuid[__NR_geteuid] = ROOT;
    /// getgid(2)
    getgid[__NR_getgid] = ROOT;
    /// getegid(2)
    getegid[__NR_getegid] = ROOT;
}

#[cfg(target_arch = "x86_64")]
constant! {
    /// getpgrp(2)
    getpgrp[__NR_getpgrp] = PID;
}

fn write_three(to: [UserPtr; 3]) -> Result<()> {
    to.into_iter().try_for_each(|to| to.copy_out(&ROOT.to_ne_bytes()))
}

syscall! {
    /// getresuid(2)
    pub fn getresuid[__NR_getresuid](
        real: UserPtr,
        effective: UserPtr,
        saved: UserPtr,
    ) -> Result<()> {
        write_three([real, effective, saved])
    }
}

syscall! {
    /// getresgid(2)
    pub fn getresgid[__NR_getresgid](
        real: UserPtr,
        effective: UserPtr,
        saved: UserPtr,
    ) -> Result<()> {
        write_three([real, effective, saved])
    }
}

syscall! {
    /// getgroups(2): no supplementary groups, as the first process of a Linux has none.
    pub fn getgroups[__NR_getgroups](size: i32, to: UserPtr) -> Result<usize> {
        let _ = to;
        if size < 0 { Err(Errno::EINVAL) } else { Ok(0) }
    }
}

fn own(pid: i32) -> Result<usize> {
    if is_self(pid) { Ok(PID as usize) } else { Err(Errno::ESRCH) }
}

syscall! {
    /// getpgid(2)
    pub fn getpgid[__NR_getpgid](pid: i32) -> Result<usize> {
        own(pid)
    }
}

syscall! {
    /// getsid(2)
    pub fn getsid[__NR_getsid](pid: i32) -> Result<usize> {
        own(pid)
    }
}
