//! Numbers that tell who a process is.

use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_posix_task::{self as task, INIT};

/// The user and group of everything.
const ROOT: u32 = 0;

/// Whether `pid`, as a call that means 0 as itself has it, is a process or thread that there is.
pub(crate) fn check_task(pid: i32) -> Result<()> {
    let known = pid == 0 || task::owner(pid).is_some() || task::exists(pid);
    if known { Ok(()) } else { Err(Errno::ESRCH) }
}

fn parent() -> i32 {
    match task::parent() {
        0 if task::pid() != INIT => INIT, // its parent has ended
        parent => parent,
    }
}

macro_rules! constant {
    ($($(#[doc = $doc:literal])* $name:ident[$number:ident] = $value:expr;)*) => {
        $(syscall! {
            $(#[doc = $doc])*
            pub fn $name[$number]() -> usize {
                $value as usize
            }
        })*
    };
}

constant! {
    /// getpid(2)
    getpid[__NR_getpid] = task::pid();
    /// gettid(2)
    gettid[__NR_gettid] = task::tid();
    /// getppid(2): 0 for the first process, whose parent is out of sight.
    getppid[__NR_getppid] = parent();
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
syscall! {
    /// getpgrp(2)
    pub fn getpgrp[__NR_getpgrp]() -> Result<usize> {
        getpgid(0)
    }
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

syscall! {
    /// getpgid(2)
    pub fn getpgid[__NR_getpgid](pid: i32) -> Result<usize> {
        task::group(pid).map(|group| group as usize)
    }
}

syscall! {
    /// getsid(2)
    pub fn getsid[__NR_getsid](pid: i32) -> Result<usize> {
        task::session(pid).map(|session| session as usize)
    }
}

syscall! {
    /// setpgid(2)
    pub fn setpgid[__NR_setpgid](pid: i32, group: i32) -> Result<()> {
        task::set_group(pid, group)
    }
}

syscall! {
    /// setsid(2)
    pub fn setsid[__NR_setsid]() -> Result<usize> {
        task::new_session().map(|session| session as usize)
    }
}
