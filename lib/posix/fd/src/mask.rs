//! Signal masks that hold while a call waits (ppoll, pselect6, epoll_pwait).

use unilith_posix_abi::{Errno, Result, UserPtr};

/// Bytes in the kernel's sigset_t.
const SIGSET: usize = 8;

/// Calls `act` while the signal mask of the thread is the one at `mask`, of `size` bytes, if that
/// is not null. EINVAL if it has another size, EFAULT if it cannot be read.
///
/// This is the one place where calls that wait change the mask. As no signal is delivered yet,
/// the mask is read and checked only.
pub fn with_mask<T>(mask: UserPtr, size: usize, act: impl FnOnce() -> Result<T>) -> Result<T> {
    if !mask.is_null() {
        if size != SIGSET {
            return Err(Errno::EINVAL);
        }
        mask.read_u64()?;
    }
    act()
}
