//! Randomness.

use unilith_posix_abi::raw::general::{GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};

/// Bytes that are made at once.
const PIECE: usize = 256;

/// Fills `into` with unpredictable bytes. ENOSYS on a machine that has no source of them: then
/// programs try something else, as on a Linux that is too old.
pub fn random(into: &mut [u8]) -> Result<()> {
    if unilith_platform::entropy(into) { Ok(()) } else { Err(Errno::ENOSYS) }
}

syscall! {
    /// getrandom(2): what is there is there at once, so the flags change nothing.
    pub fn getrandom[__NR_getrandom](to: UserPtr, count: usize, flags: u32) -> Result<usize> {
        if flags & !(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) != 0
            || flags & (GRND_RANDOM | GRND_INSECURE) == GRND_RANDOM | GRND_INSECURE
        {
            return Err(Errno::EINVAL);
        }
        let count = count.min(i32::MAX as usize);
        let mut buffer = [0; PIECE];
        let mut done = 0;
        while done < count {
            let piece = &mut buffer[..PIECE.min(count - done)];
            random(piece)?;
            to.add(done).copy_out(piece)?;
            done += piece.len();
        }
        Ok(done)
    }
}
