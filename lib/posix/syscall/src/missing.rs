//! System calls that the image does not have.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use unilith_posix_abi::{Errno, SyscallArgs};
use unilith_print::eprint;

/// Numbers that are remembered; those above share the last bit.
const BITS: usize = 512;

static MISSING: [AtomicU64; BITS / 64] = [const { AtomicU64::new(0) }; BITS / 64];

/// Remembers the call, and says ENOSYS.
pub fn missing(call: &SyscallArgs) -> isize {
    let bit = call.nr.min(BITS - 1);
    if let Some(word) = MISSING.get(bit / 64) {
        word.fetch_or(1 << (bit % 64), Relaxed);
    }
    -isize::from(Errno::ENOSYS)
}

/// Reports the missing calls when the image ends.
pub fn report_at_exit() {
    if unilith_exit::at_exit(report).is_err() {
        eprint!("unilith: missing system calls will not be reported: raise EXIT_HOOKS\n");
    }
}

/// Reports, in one line on standard error, the calls that were missing; each once.
pub fn report() {
    let mut numbers = (0..BITS).filter(|&bit| {
        MISSING.get(bit / 64).is_some_and(|word| word.load(Relaxed) >> (bit % 64) & 1 != 0)
    });
    let Some(first) = numbers.next() else { return };
    eprint!("unilith: system calls that this image does not have: ");
    say(first);
    for number in numbers {
        eprint!(", ");
        say(number);
    }
    eprint!("\n");
    MISSING.iter().for_each(|word| word.store(0, Relaxed));
}

fn say(number: usize) {
    #[cfg(feature = "names")]
    if let Some(name) = crate::names::name(number) {
        return eprint!("{}", name);
    }
    eprint!("{}", number);
}
