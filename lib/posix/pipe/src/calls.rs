//! The system calls.

use crate::{Pipe, ReadEnd, WriteEnd};
use alloc::boxed::Box;
use unilith_posix_abi::raw::general::{O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_WRONLY};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_posix_fd::table;

syscall! {
    /// pipe2(2): O_CLOEXEC and O_NONBLOCK. There are no packets (O_DIRECT is EINVAL).
    pub fn pipe2[__NR_pipe2](to: UserPtr, flags: u32) -> Result<()> {
        if flags & !(O_CLOEXEC | O_NONBLOCK) != 0 {
            return Err(Errno::EINVAL);
        }
        let pipe = Pipe::new();
        let status = flags & O_NONBLOCK;
        let fds = table::open_pair(
            [Box::new(ReadEnd(pipe.clone())), Box::new(WriteEnd(pipe))],
            [O_RDONLY | status, O_WRONLY | status],
            flags & O_CLOEXEC != 0,
        )?;
        let numbers = fds.map(|fd| fd.0.to_ne_bytes());
        to.copy_out(numbers.as_flattened()).inspect_err(|_| {
            for fd in fds {
                let _ = table::close(fd);
            }
        })
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// pipe(2)
    pub fn pipe[__NR_pipe](to: UserPtr) -> Result<()> {
        pipe2(to, 0)
    }
}
