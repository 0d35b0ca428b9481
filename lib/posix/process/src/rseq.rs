//! Restartable sequences (rseq(2), <linux/rseq.h>): a few instructions of a program, of which the
//! last one makes the others count. A thread that is taken off the processor in their middle goes on
//! where the program says, and begins them again.

use unilith_posix_abi::raw::general::SIGSEGV;
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_posix_api::Registers;
use unilith_posix_task::{self as task, Info};

/// Bytes of `struct rseq` in its first version, which is all that anybody may register.
const RSEQ_LEN: u32 = 32;
const RSEQ_FLAG_UNREGISTER: u32 = 1;
/// Where `struct rseq` has the address of the sequence that the thread is in.
const RSEQ_CS: usize = 8;

syscall! {
    /// rseq(2): restartable sequences. Threads run on processor 0.
    pub fn rseq[__NR_rseq](area: UserPtr, len: u32, flags: u32, signature: u32) -> Result<()> {
        let registered = task::with_thread(|thread| thread.rseq);
        let new = match (registered, flags) {
            (Some(old), RSEQ_FLAG_UNREGISTER)
                if old == (area.0, signature) && len == RSEQ_LEN =>
            {
                None
            }
            (Some((old, sig)), 0) if old == area.0 && len == RSEQ_LEN => {
                return Err(if sig == signature { Errno::EBUSY } else { Errno::EPERM });
            }
            (None, 0) if len == RSEQ_LEN && area.0.is_multiple_of(RSEQ_LEN as usize) => {
                area.copy_out(&[0; 8])?; // cpu_id_start and cpu_id
                Some((area.0, signature))
            }
            _ => return Err(Errno::EINVAL),
        };
        task::with_thread(|thread| thread.rseq = new);
        Ok(())
    }
}

/// `struct rseq_cs`.
struct Sequence {
    start: u64,
    len: u64,
    /// Where the thread goes on if it was interrupted.
    abort: u64,
}

impl Sequence {
    /// EINVAL if it is none.
    fn read(at: UserPtr, signature: u32) -> Result<Self> {
        let version = at.read_u32()?;
        let word = |index: usize| at.add(8 * index).read_u64();
        let this = Self { start: word(1)?, len: word(2)?, abort: word(3)? };
        let end = this.start.checked_add(this.len).ok_or(Errno::EINVAL)?;
        let before = (this.abort as usize).checked_sub(4).ok_or(Errno::EINVAL)?;
        if version != 0
            || (this.start..end).contains(&this.abort)
            || UserPtr(before).read_u32()? != signature
        {
            return Err(Errno::EINVAL);
        }
        Ok(this)
    }
}

/// The current thread was interrupted, and goes on: if it was in a sequence, at its abort handler.
/// A description that makes no sense is SIGSEGV.
pub(crate) fn restart(registers: &mut Registers) {
    let Some((area, signature)) = task::with_thread(|thread| thread.rseq) else { return };
    let place = UserPtr(area).add(RSEQ_CS);
    let mut go_on = || -> Result<()> {
        let sequence = place.read_u64()? as usize;
        if sequence == 0 {
            return Ok(());
        }
        let sequence = Sequence::read(UserPtr(sequence), signature)?;
        // It is over, or will be.
        place.copy_out(&[0; 8])?;
        if registers.rip.wrapping_sub(sequence.start) < sequence.len {
            registers.rip = sequence.abort;
        }
        Ok(())
    };
    if go_on().is_err() {
        task::force(Info::kernel(SIGSEGV));
    }
}
