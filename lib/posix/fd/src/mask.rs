//! Signal masks that hold while a call waits (ppoll, pselect6, epoll_pwait).

use unilith_posix_abi::{Errno, Result, UserPtr};

/// Bytes in the kernel's sigset_t.
const SIGSET: usize = 8;

/// Reads a signal mask of `size` bytes. EINVAL if it has another size, EFAULT if it cannot be read.
pub fn read_mask(from: UserPtr, size: usize) -> Result<u64> {
    if size != SIGSET {
        return Err(Errno::EINVAL);
    }
    from.read_u64()
}

/// Calls `act` while the signal mask of the thread is the one at `mask`, of `size` bytes, if that
/// is not null.
pub fn with_mask<T>(mask: UserPtr, size: usize, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let mask = if mask.is_null() { None } else { Some(read_mask(mask, size)?) };
    unilith_posix_task::with_mask(mask, act)
}
