//! Signals that wait to be delivered.

use crate::bit;
use alloc::vec::Vec;
use unilith_posix_abi::raw::general::{SI_KERNEL, SIGCHLD};
use unilith_posix_abi::{Errno, Result, Scalar};

/// Signals that one thread or process can have queued (a part of RLIMIT_SIGPENDING).
const QUEUED: usize = 128;
/// Signals from here on are queued each; of those below one at a time is pending (SIGRTMIN).
const FIRST_QUEUED: u32 = 32;

/// The part of a `siginfo_t` that has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info(pub [u8; Info::LEN]);

impl Info {
    /// Its length (`struct kernel_siginfo`).
    pub const LEN: usize = 48;
    /// The length of a whole `siginfo_t`, which is zero from [`LEN`](Self::LEN) on.
    pub const FULL: usize = 128;

    fn with(signal: u32, code: i32, fields: &[(usize, u32)]) -> Self {
        let mut info = Self([0; Self::LEN]);
        info.put(0, signal);
        info.put(8, code as u32);
        fields.iter().for_each(|&(offset, value)| info.put(offset, value));
        info
    }

    fn put(&mut self, offset: usize, value: u32) {
        value.put(self.0.get_mut(offset..).unwrap_or_default());
    }

    /// Sent by the kernel (SI_KERNEL).
    pub fn kernel(signal: u32) -> Self {
        Self::with(signal, SI_KERNEL as i32, &[])
    }

    /// Sent by process `pid`, of root; `code` is SI_USER (0) or SI_TKILL (-6).
    pub fn user(signal: u32, code: i32, pid: i32) -> Self {
        Self::with(signal, code, &[(16, pid as u32)])
    }

    /// Raised by an instruction, about `address`.
    pub fn fault(signal: u32, code: i32, address: u64) -> Self {
        Self::with(signal, code, &[(16, address as u32), (20, (address >> 32) as u32)])
    }

    /// About the child `pid` (SIGCHLD): CLD_EXITED and its status, or CLD_KILLED and the signal.
    pub fn child(code: i32, pid: i32, status: i32) -> Self {
        Self::with(SIGCHLD, code, &[(16, pid as u32), (24, status as u32)])
    }

    /// The same, as another signal.
    pub fn as_signal(mut self, signal: u32) -> Self {
        self.put(0, signal);
        self
    }

    /// The signal (si_signo).
    pub fn signal(&self) -> u32 {
        Scalar::get(&self.0)
    }

    /// Where it comes from (si_code).
    pub fn code(&self) -> i32 {
        Scalar::get(&self.0[8..])
    }

    /// A `siginfo_t`.
    pub fn bytes(&self) -> [u8; Self::FULL] {
        let mut bytes = [0; Self::FULL];
        bytes[..Self::LEN].copy_from_slice(&self.0);
        bytes
    }
}

/// Signals that wait.
#[derive(Default)]
pub struct Pending {
    bits: u64,
    queue: Vec<Info>,
}

impl Pending {
    /// None.
    pub const fn new() -> Self {
        Self { bits: 0, queue: Vec::new() }
    }

    /// Which ones.
    pub const fn bits(&self) -> u64 {
        self.bits
    }

    /// Adds one. If the queue is full it is pending all the same, without the information; with
    /// `whole` that is EAGAIN.
    pub fn push(&mut self, info: Info, whole: bool) -> Result<()> {
        let signal = info.signal();
        if signal < FIRST_QUEUED && self.bits & bit(signal) != 0 {
            return Ok(());
        }
        if self.queue.len() >= QUEUED || self.queue.try_reserve(1).is_err() {
            if whole {
                return Err(Errno::EAGAIN);
            }
        } else {
            self.queue.push(info);
        }
        self.bits |= bit(signal);
        Ok(())
    }

    /// Takes the one in `set` with the lowest number; of several the oldest.
    pub fn take(&mut self, set: u64) -> Option<Info> {
        let due = self.bits & set;
        if due == 0 {
            return None;
        }
        let signal = due.trailing_zeros() + 1;
        let mut queued = self.queue.iter().enumerate().filter(|(_, info)| info.signal() == signal);
        let first = queued.next().map(|(index, _)| index);
        if queued.next().is_none() {
            self.bits &= !bit(signal);
        }
        Some(match first {
            Some(index) => self.queue.remove(index),
            None => Info::user(signal, 0, 0),
        })
    }

    /// Forgets those in `set`.
    pub fn discard(&mut self, set: u64) {
        self.bits &= !set;
        self.queue.retain(|info| bit(info.signal()) & set == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_signals_first_and_once() {
        let mut pending = Pending::new();
        for (signal, pid) in [(40, 1), (10, 2), (10, 3), (40, 4), (12, 5)] {
            assert_eq!(pending.push(Info::user(signal, 0, pid), true), Ok(()));
        }
        assert_eq!(pending.bits(), bit(40) | bit(10) | bit(12));
        assert_eq!(pending.take(!bit(10)), Some(Info::user(12, 0, 5)));
        assert_eq!(pending.take(!0), Some(Info::user(10, 0, 2)));
        assert_eq!(pending.take(!0), Some(Info::user(40, 0, 1)));
        assert_eq!(pending.take(!0), Some(Info::user(40, 0, 4)));
        assert_eq!((pending.take(!0), pending.bits()), (None, 0));
    }

    #[test]
    fn a_full_queue_keeps_the_signal() {
        let mut pending = Pending::new();
        for _ in 0..QUEUED {
            assert_eq!(pending.push(Info::user(50, 0, 1), true), Ok(()));
        }
        assert_eq!(pending.push(Info::user(51, -1, 1), true), Err(Errno::EAGAIN));
        assert_eq!(pending.push(Info::user(15, 0, 9), false), Ok(()));
        assert_eq!(pending.take(bit(15)), Some(Info::user(15, 0, 0)));
        pending.discard(bit(50));
        assert_eq!(pending.take(!0), None);
    }

    #[test]
    fn fields_are_where_siginfo_has_them() {
        let bytes = Info::child(1, 7, 3).bytes();
        assert_eq!(bytes[..4], 17u32.to_ne_bytes());
        assert_eq!(
            (&bytes[16..20], &bytes[24..28]),
            (&7u32.to_ne_bytes()[..], &3u32.to_ne_bytes()[..])
        );
        assert_eq!(
            Info::fault(11, 1, 0x1_2345_6789).bytes()[16..24],
            0x1_2345_6789u64.to_ne_bytes()
        );
    }
}
