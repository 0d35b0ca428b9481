//! Waiting for files: poll(2), select(2) and their kin.
//!
//! A call looks once; if nothing is ready it waits on the queues of all its files and looks again
//! whenever one is woken. Its files stay what they were when it began, even if another thread
//! closes their descriptors.

use crate::mask::with_mask;
use crate::waiting::deadline;
use crate::{Description, Events, table};
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_posix_abi::raw::general::{POLLNVAL, timespec, timeval};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, buffer, encode, syscall};
use unilith_posix_task::WaitQueue;

const SECOND: u64 = 1_000_000_000;

/// Asks whenever something happens to one of `files`, until `ask` finds something or it is `end`.
fn wait<'a>(
    files: impl Iterator<Item = &'a Arc<Description>>,
    end: u64,
    mut ask: impl FnMut() -> usize,
) -> Result<usize> {
    let mut look = || Some(ask()).filter(|&found| found > 0);
    // Most calls need not wait, and some must not: they need no list of queues.
    if let Some(found) = look() {
        return Ok(found);
    }
    if end == 0 {
        return Ok(0);
    }
    let queues: Vec<&WaitQueue> = files.filter_map(|open| open.file().queue()).collect();
    Ok(unilith_posix_task::wait(&queues, end, look)?.unwrap_or(0))
}

/// Bytes in a `struct pollfd`: an i32 and two i16.
const POLLFD: usize = 8;

struct Polled {
    open: Option<Arc<Description>>,
    wanted: Events,
    got: u32,
}

fn poll_all(fds: UserPtr, count: usize, end: u64) -> Result<usize> {
    if count > table::limit() {
        return Err(Errno::EINVAL);
    }
    let mut bytes = buffer(count * POLLFD)?;
    fds.copy_in(&mut bytes)?;
    let read = |entry: &[u8]| {
        let fd = entry.first_chunk().map_or(-1, |fd| i32::from_ne_bytes(*fd));
        let wanted = entry.get(4..).and_then(|rest| rest.first_chunk());
        let wanted = Events(wanted.map_or(0, |wanted| u16::from_ne_bytes(*wanted).into()));
        let open = if fd < 0 { None } else { table::get(Fd(fd)).ok() };
        let got = if fd >= 0 && open.is_none() { POLLNVAL } else { 0 };
        Polled { open, wanted: wanted | Events::ERROR | Events::HANGUP, got }
    };
    let mut all: Vec<Polled> = bytes.chunks_exact(POLLFD).map(read).collect();
    let files: Vec<_> = all.iter().filter_map(|entry| entry.open.clone()).collect();
    let found = wait(files.iter(), end, || {
        let mut found = 0;
        for entry in &mut all {
            if let Some(open) = &entry.open {
                entry.got = (open.file().ready() & entry.wanted).0;
            }
            found += usize::from(entry.got != 0);
        }
        found
    })?;
    for (bytes, entry) in bytes.chunks_exact_mut(POLLFD).zip(&all) {
        bytes[POLLFD - 2..].copy_from_slice(&(entry.got as u16).to_ne_bytes());
    }
    fds.copy_out(&bytes)?;
    Ok(found)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// poll(2): `timeout` in milliseconds, negative for no limit.
    pub fn poll[__NR_poll](fds: UserPtr, count: usize, timeout: i32) -> Result<usize> {
        let timeout = u64::try_from(timeout).ok().map(|ms| ms * 1_000_000);
        poll_all(fds, count, deadline(timeout))
    }
}

/// A timeout in a `timespec`, or in a `timeval` (`micros`), where what is left is written back.
struct Timeout {
    pointer: UserPtr,
    end: u64,
    micros: bool,
}

impl Timeout {
    fn read(pointer: UserPtr, micros: bool) -> Result<Self> {
        let timeout = match (pointer.is_null(), micros) {
            (true, _) => None,
            (_, false) => Some(pointer.read_timespec()?),
            (_, true) => {
                let (seconds, micros) = (pointer.read_u64()?, pointer.add(8).read_u64()?);
                if (seconds | micros) >> 63 != 0 {
                    return Err(Errno::EINVAL);
                }
                Some(seconds.saturating_mul(SECOND).saturating_add(micros.saturating_mul(1000)))
            }
        };
        Ok(Self { pointer, end: deadline(timeout), micros })
    }

    /// Tells how much is left, as Linux does. If that cannot be written, the call's result counts
    /// all the same.
    fn write_rest(&self) {
        if self.pointer.is_null() || self.end == 0 {
            return;
        }
        let rest = self.end.saturating_sub(unilith_platform::monotonic_ns());
        let (seconds, rest) = (rest / SECOND, rest % SECOND);
        let _ = if self.micros {
            self.pointer.copy_out(&encode!(timeval { tv_sec: seconds, tv_usec: rest / 1000 }))
        } else {
            self.pointer.copy_out(&encode!(timespec { tv_sec: seconds, tv_nsec: rest }))
        };
    }
}

syscall! {
    /// ppoll(2)
    pub fn ppoll[__NR_ppoll](
        fds: UserPtr,
        count: usize,
        timeout: UserPtr,
        mask: UserPtr,
        mask_size: usize,
    ) -> Result<usize> {
        let timeout = Timeout::read(timeout, false)?;
        let found = with_mask(mask, mask_size, || poll_all(fds, count, timeout.end));
        timeout.write_rest();
        found
    }
}

/// Descriptors that select(2) can name (FD_SETSIZE).
const SET_SIZE: usize = 1024;
type Set = [u8; SET_SIZE / 8];

fn select_all(count: i32, sets: [UserPtr; 3], end: u64) -> Result<usize> {
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
    let named = (0..count).filter(|&fd| wanted.iter().any(|set| has(set, fd)));
    let files: Vec<(usize, Arc<Description>)> =
        named.map(|fd| Ok((fd, table::get(Fd(fd as i32))?))).collect::<Result<_>>()?;
    let mut ready = [[0; SET_SIZE / 8]; 3];
    let found = wait(files.iter().map(|(_, open)| open), end, || {
        let mut found = 0;
        for (fd, open) in &files {
            let state = open.file().ready();
            for ((set, ready), events) in wanted.iter().zip(&mut ready).zip(events) {
                if has(set, *fd) && (state & (events | Events::ERROR)).any() {
                    ready[fd / 8] |= 1 << (fd % 8);
                    found += 1;
                }
            }
        }
        found
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
    /// select(2): the time that is left is written back.
    pub fn select[__NR_select](
        count: i32,
        read: UserPtr,
        write: UserPtr,
        except: UserPtr,
        timeout: UserPtr,
    ) -> Result<usize> {
        let timeout = Timeout::read(timeout, true)?;
        let found = select_all(count, [read, write, except], timeout.end);
        timeout.write_rest();
        found
    }
}

syscall! {
    /// pselect(2): the last argument points to a pointer to the signal mask and its size.
    pub fn pselect6[__NR_pselect6](
        count: i32,
        read: UserPtr,
        write: UserPtr,
        except: UserPtr,
        timeout: UserPtr,
        mask: UserPtr,
    ) -> Result<usize> {
        let (mask, size) = match mask.is_null() {
            true => (UserPtr::NULL, 0),
            false => (UserPtr(mask.read_u64()? as usize), mask.add(8).read_u64()? as usize),
        };
        let timeout = Timeout::read(timeout, false)?;
        let sets = [read, write, except];
        let found = with_mask(mask, size, || select_all(count, sets, timeout.end));
        timeout.write_rest();
        found
    }
}
