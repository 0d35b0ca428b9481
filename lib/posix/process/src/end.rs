//! The end of the process, which is the end of the image.

use core::convert::Infallible;
use unilith_posix_abi::raw::general::{WCONTINUED, WEXITED, WNOHANG, WNOWAIT, WSTOPPED, WUNTRACED};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};

/// Ends the image with the status of a program that called exit(3).
pub fn exit_with(status: i32) -> ! {
    unilith_exit::exit(status as u8)
}

/// Ends the image as a shell tells of a program that died by `signal`.
pub fn end_by_signal(signal: u32) -> ! {
    unilith_exit::exit(128u8.wrapping_add(signal as u8))
}

syscall! {
    /// exit(2): of the one thread.
    pub fn exit[__NR_exit](status: i32) -> Infallible {
        exit_with(status)
    }
}

syscall! {
    /// exit_group(2)
    pub fn exit_group[__NR_exit_group](status: i32) -> Infallible {
        exit_with(status)
    }
}

syscall! {
    /// wait4(2): there are no children.
    pub fn wait4[__NR_wait4](
        pid: i32,
        status: UserPtr,
        options: u32,
        usage: UserPtr,
    ) -> Result<()> {
        let _ = (pid, status, usage);
        const CLONES: u32 = 0xe000_0000; // __WNOTHREAD, __WALL, __WCLONE
        if options & !(WNOHANG | WUNTRACED | WCONTINUED | CLONES) != 0 {
            return Err(Errno::EINVAL);
        }
        Err(Errno::ECHILD)
    }
}

syscall! {
    /// waitid(2): there are no children.
    pub fn waitid[__NR_waitid](
        kind: u32,
        id: i32,
        info: UserPtr,
        options: u32,
        usage: UserPtr,
    ) -> Result<()> {
        let _ = (kind, id, info, usage);
        if options & (WEXITED | WSTOPPED | WCONTINUED) == 0
            || options & !(WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) != 0
        {
            return Err(Errno::EINVAL);
        }
        Err(Errno::ECHILD)
    }
}
