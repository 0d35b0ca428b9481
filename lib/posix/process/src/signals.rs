//! Signals: recorded, not delivered.
//!
//! Handlers and masks are kept exactly, as programs read back what they set. A signal that the
//! process sends to itself does what it would do without a handler: ends it, or nothing. If it
//! has a handler, sending it is ENOSYS, as the handler cannot be called.

use crate::end::end_by_signal;
use crate::identity::PID;
use unilith_posix_abi::raw::general::{
    SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGURG, SIGWINCH, SS_AUTODISARM, SS_DISABLE,
};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_sync::Lock;

/// The highest signal (_NSIG).
const LAST: u32 = 64;
/// Bytes in a `sigset_t` of the kernel.
const SET: usize = 8;
/// Bytes in a `struct sigaction` of the kernel: handler, flags, restorer, mask; the last three
/// in an order that depends on the architecture, which does not matter here.
const ACTION: usize = 32;
/// SIG_DFL and SIG_IGN.
const DEFAULT: usize = 0;
const IGNORE: usize = 1;
/// Smallest alternative stack (MINSIGSTKSZ).
const SMALLEST_STACK: usize = 2048;

struct Signals {
    actions: [[u8; ACTION]; LAST as usize],
    blocked: u64,
    pending: u64,
    /// Address, flags and size of the alternative stack.
    stack: (usize, u32, usize),
}

static SIGNALS: Lock<Signals> = Lock::new(Signals {
    actions: [[0; ACTION]; LAST as usize],
    blocked: 0,
    pending: 0,
    stack: (0, SS_DISABLE, 0),
});

const fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// The signals that nobody can block, catch or ignore.
const UNSTOPPABLE: u64 = bit(SIGKILL) | bit(SIGSTOP);

fn index(signal: u32) -> Result<usize> {
    if (1..=LAST).contains(&signal) { Ok(signal as usize - 1) } else { Err(Errno::EINVAL) }
}

fn check_size(size: usize) -> Result<()> {
    if size == SET { Ok(()) } else { Err(Errno::EINVAL) }
}

impl Signals {
    fn handler(&self, signal: u32) -> Result<usize> {
        let action = self.actions.get(index(signal)?);
        Ok(action.map_or(DEFAULT, |action| <usize as unilith_posix_abi::Scalar>::get(action)))
    }
}

syscall! {
    /// sigaction(2)
    pub fn rt_sigaction[__NR_rt_sigaction](
        signal: u32,
        new: UserPtr,
        old: UserPtr,
        size: usize,
    ) -> Result<()> {
        check_size(size)?;
        let index = index(signal)?;
        let action: Option<[u8; ACTION]> = match new.is_null() {
            true => None,
            false if UNSTOPPABLE & bit(signal) != 0 => return Err(Errno::EINVAL),
            false => Some(new.read()?),
        };
        let before = {
            let mut signals = SIGNALS.lock();
            let Some(slot) = signals.actions.get_mut(index) else { return Err(Errno::EINVAL) };
            let before = *slot;
            *slot = action.unwrap_or(before);
            before
        };
        if old.is_null() { Ok(()) } else { old.copy_out(&before) }
    }
}

syscall! {
    /// sigprocmask(2): a pending signal that is unblocked does what it does.
    pub fn rt_sigprocmask[__NR_rt_sigprocmask](
        how: u32,
        new: UserPtr,
        old: UserPtr,
        size: usize,
    ) -> Result<()> {
        check_size(size)?;
        let set = if new.is_null() { None } else { Some(new.read_u64()?) };
        let (before, due) = {
            let mut signals = SIGNALS.lock();
            let before = signals.blocked;
            if let Some(set) = set {
                signals.blocked = !UNSTOPPABLE & match how {
                    SIG_BLOCK => before | set,
                    SIG_UNBLOCK => before & !set,
                    SIG_SETMASK => set,
                    _ => return Err(Errno::EINVAL),
                };
            }
            let due = signals.pending & !signals.blocked;
            signals.pending &= signals.blocked;
            (before, due)
        };
        for signal in (1..=LAST).filter(|&signal| due & bit(signal) != 0) {
            // What cannot be delivered was reported to who sent it, or had no handler then.
            let _ = take_effect(signal);
        }
        if old.is_null() { Ok(()) } else { old.copy_out(&before.to_ne_bytes()) }
    }
}

syscall! {
    /// sigpending(2)
    pub fn rt_sigpending[__NR_rt_sigpending](to: UserPtr, size: usize) -> Result<()> {
        if size > SET {
            return Err(Errno::EINVAL);
        }
        let pending = SIGNALS.lock().pending.to_ne_bytes();
        to.copy_out(&pending[..size])
    }
}

syscall! {
    /// sigaltstack(2): recorded like the handlers that would run on it.
    pub fn sigaltstack[__NR_sigaltstack](new: UserPtr, old: UserPtr) -> Result<()> {
        let wanted = match new.is_null() {
            true => None,
            false => {
                let (base, flags) = (new.read_u64()? as usize, new.add(8).read_u32()?);
                let size = new.add(16).read_u64()? as usize;
                match flags & !SS_AUTODISARM {
                    SS_DISABLE => Some((0, flags, 0)),
                    0 | 1 if size < SMALLEST_STACK => return Err(Errno::ENOMEM),
                    0 | 1 => Some((base, flags & SS_AUTODISARM, size)), // SS_ONSTACK means 0 here
                    _ => return Err(Errno::EINVAL),
                }
            }
        };
        let before = {
            let mut signals = SIGNALS.lock();
            let before = signals.stack;
            signals.stack = wanted.unwrap_or(before);
            before
        };
        if old.is_null() {
            return Ok(());
        }
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&before.0.to_ne_bytes());
        bytes[8..12].copy_from_slice(&before.1.to_ne_bytes());
        bytes[16..].copy_from_slice(&before.2.to_ne_bytes());
        old.copy_out(&bytes)
    }
}

/// Does what `signal` does to a process that does not block it.
fn take_effect(signal: u32) -> Result<()> {
    let handler = SIGNALS.lock().handler(signal)?;
    match (handler, signal) {
        (DEFAULT, SIGCHLD | SIGCONT | SIGURG | SIGWINCH) => Ok(()),
        // Nobody is there to continue a process that stops.
        (DEFAULT, SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU) => Err(Errno::ENOSYS),
        (DEFAULT, _) => end_by_signal(signal),
        (IGNORE, _) => Ok(()),
        _ => Err(Errno::ENOSYS),
    }
}

/// Sends `signal`, or only checks that it could be sent if it is 0.
fn send(signal: u32) -> Result<()> {
    if signal == 0 {
        return Ok(());
    }
    {
        let mut signals = SIGNALS.lock();
        let handler = signals.handler(signal)?;
        if signals.blocked & bit(signal) != 0 {
            // C libraries block everything while they raise a signal: saying no later is too late.
            if handler > IGNORE {
                return Err(Errno::ENOSYS);
            }
            signals.pending |= bit(signal);
            return Ok(());
        }
    }
    take_effect(signal)
}

syscall! {
    /// kill(2): to this process or its group, or to all; Linux does not let -1 reach the sender.
    pub fn kill[__NR_kill](pid: i32, signal: u32) -> Result<()> {
        match pid {
            0 | PID => send(signal),
            _ if pid == -PID => send(signal),
            _ => Err(Errno::ESRCH),
        }
    }
}

syscall! {
    /// tkill(2)
    pub fn tkill[__NR_tkill](tid: i32, signal: u32) -> Result<()> {
        match tid {
            PID => send(signal),
            ..=0 => Err(Errno::EINVAL),
            _ => Err(Errno::ESRCH),
        }
    }
}

syscall! {
    /// tgkill(2)
    pub fn tgkill[__NR_tgkill](pid: i32, tid: i32, signal: u32) -> Result<()> {
        match (pid, tid) {
            (PID, PID) => send(signal),
            (..=0, _) | (_, ..=0) => Err(Errno::EINVAL),
            _ => Err(Errno::ESRCH),
        }
    }
}
