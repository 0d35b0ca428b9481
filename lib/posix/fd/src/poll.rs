//! Waiting for files: poll(2), select(2) and their kin.
//!
//! There is one thread and no interrupt that could make a file ready, so waiting is asking again
//! until the time is up.

use crate::table;
use core::ops::{BitAnd, BitOr};
use unilith_posix_abi::raw::general::{
    POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, buffer, syscall};

/// What can be done with a file without waiting: bits of poll(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events(pub u32);

impl Events {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Reading (POLLIN).
    pub const READ: Self = Self(POLLIN | POLLRDNORM);
    /// Writing (POLLOUT).
    pub const WRITE: Self = Self(POLLOUT | POLLWRNORM);
    /// Something exceptional (POLLPRI).
    pub const EXCEPTION: Self = Self(POLLPRI);
    /// The other end is gone (POLLHUP).
    pub const HANGUP: Self = Self(POLLHUP);
    /// Something went wrong (POLLERR).
    pub const ERROR: Self = Self(POLLERR);

    /// Whether there is any.
    pub const fn any(self) -> bool {
        self.0 != 0
    }
}

impl BitOr for Events {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Events {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// The point in time `timeout` nanoseconds from now; `None` for "never".
fn deadline(timeout: Option<u64>) -> Option<u64> {
    timeout.map(|ns| match ns {
        0 => 0,
        ns => unilith_platform::monotonic_ns().saturating_add(ns),
    })
}

/// Asks until `ask` finds something or the time is up.
fn wait(timeout: Option<u64>, mut ask: impl FnMut() -> Result<usize>) -> Result<usize> {
    let deadline = deadline(timeout);
    loop {
        let found = ask()?;
        if found > 0 {
            return Ok(found);
        }
        if deadline.is_some_and(|end| end == 0 || unilith_platform::monotonic_ns() >= end) {
            return Ok(0);
        }
        core::hint::spin_loop();
    }
}

/// Bytes in a `struct pollfd`: an i32 and two i16.
const POLLFD: usize = 8;

fn poll_all(fds: UserPtr, count: usize, timeout: Option<u64>) -> Result<usize> {
    if count > table::limit() {
        return Err(Errno::EINVAL);
    }
    let mut all = buffer(count * POLLFD)?;
    fds.copy_in(&mut all)?;
    let found = wait(timeout, || {
        let mut found = 0;
        for bytes in all.chunks_exact_mut(POLLFD) {
            let [a, b, c, d, e, f, result @ ..] = bytes else { continue };
            let fd = i32::from_ne_bytes([*a, *b, *c, *d]);
            let wanted = u16::from_ne_bytes([*e, *f]);
            let got = match table::get(Fd(fd)) {
                _ if fd < 0 => 0,
                Ok(open) => {
                    let wanted = Events(wanted.into()) | Events::ERROR | Events::HANGUP;
                    (open.file().ready() & wanted).0
                }
                Err(_) => POLLNVAL,
            };
            found += usize::from(got != 0);
            result.copy_from_slice(&(got as u16).to_ne_bytes());
        }
        Ok(found)
    })?;
    fds.copy_out(&all)?;
    Ok(found)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// poll(2): `timeout` in milliseconds, negative for no limit.
    pub fn poll[__NR_poll](fds: UserPtr, count: usize, timeout: i32) -> Result<usize> {
        poll_all(fds, count, u64::try_from(timeout).ok().map(|ms| ms * 1_000_000))
    }
}

syscall! {
    /// ppoll(2): the signal mask is passed over, as no signal is delivered.
    pub fn ppoll[__NR_ppoll](
        fds: UserPtr,
        count: usize,
        timeout: UserPtr,
        mask: UserPtr,
    ) -> Result<usize> {
        let _ = mask;
        let timeout = (!timeout.is_null()).then(|| timeout.read_timespec()).transpose()?;
        poll_all(fds, count, timeout)
    }
}

/// Descriptors that select(2) can name (FD_SETSIZE).
const SET_SIZE: usize = 1024;
type Set = [u8; SET_SIZE / 8];

fn select_all(count: i32, sets: [UserPtr; 3], timeout: Option<u64>) -> Result<usize> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?.min(SET_SIZE);
    // Linux reads and writes whole words of the sets.
    let len = count.div_ceil(64) * 8;
    let mut wanted = [[0; SET_SIZE / 8]; 3];
    for (set, pointer) in wanted.iter_mut().zip(sets) {
        if !pointer.is_null() {
            pointer.copy_in(&mut set[..len])?;
        }
    }
    let events = [Events::READ | Events::HANGUP, Events::WRITE, Events::EXCEPTION];
    let has = |set: &Set, fd: usize| set[fd / 8] >> (fd % 8) & 1 != 0;
    let mut ready = [[0; SET_SIZE / 8]; 3];
    let found = wait(timeout, || {
        let mut found = 0;
        for fd in (0..count).filter(|&fd| wanted.iter().any(|set| has(set, fd))) {
            let state = table::get(Fd(fd as i32))?.file().ready();
            for ((set, ready), events) in wanted.iter().zip(&mut ready).zip(events) {
                if has(set, fd) && (state & (events | Events::ERROR)).any() {
                    ready[fd / 8] |= 1 << (fd % 8);
                    found += 1;
                }
            }
        }
        Ok(found)
    })?;
    for (set, pointer) in ready.iter().zip(sets) {
        if !pointer.is_null() {
            pointer.copy_out(&set[..len])?;
        }
    }
    Ok(found)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// select(2): the time that is left is not written back.
    pub fn select[__NR_select](
        count: i32,
        read: UserPtr,
        write: UserPtr,
        except: UserPtr,
        timeout: UserPtr,
    ) -> Result<usize> {
        let timeout = match timeout.is_null() {
            true => None,
            false => {
                let (seconds, micros) = (timeout.read_u64()?, timeout.add(8).read_u64()?);
                if (seconds | micros) >> 63 != 0 {
                    return Err(Errno::EINVAL);
                }
                let ns = micros.saturating_mul(1000);
                Some(seconds.saturating_mul(1_000_000_000).saturating_add(ns))
            }
        };
        select_all(count, [read, write, except], timeout)
    }
}

syscall! {
    /// pselect(2): the signal mask is passed over, as no signal is delivered.
    pub fn pselect6[__NR_pselect6](
        count: i32,
        read: UserPtr,
        write: UserPtr,
        except: UserPtr,
        timeout: UserPtr,
        mask: UserPtr,
    ) -> Result<usize> {
        let _ = mask;
        let timeout = (!timeout.is_null()).then(|| timeout.read_timespec()).transpose()?;
        select_all(count, [read, write, except], timeout)
    }
}
