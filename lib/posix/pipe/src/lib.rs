//! Pipes (pipe(7)).
//!
//! Two files around one ring of bytes. What each end waits for has a queue of its own: a write
//! wakes readers only, a read wakes writers once there is room for any atomic write.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod calls;

pub use calls::*;

use alloc::sync::Arc;
use unilith_fs_api::{FileType, Metadata};
use unilith_posix_abi::raw::general::{F_GETPIPE_SZ, F_SETPIPE_SZ, PIPE_BUF};
use unilith_posix_abi::{Entry, Errno, Result};
use unilith_posix_fd::{Events, File, Ring, Room, Sink, Source, moved, nameless, new_inode};
use unilith_posix_task::WaitQueue;
use unilith_sync::Lock;

/// Bytes that a new pipe holds.
const CAPACITY: usize = 64 * 1024;
/// Bytes that a pipe can be made to hold (/proc/sys/fs/pipe-max-size).
const MOST: usize = 1 << 20;
/// Writes of no more bytes are not mixed with others.
const ATOMIC: usize = PIPE_BUF as usize;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[
    #[cfg(target_arch = "x86_64")]
    calls::pipe::ENTRY,
    calls::pipe2::ENTRY,
];

struct State {
    ring: Ring,
    reader: bool,
    writer: bool,
}

struct Pipe {
    state: Lock<State>,
    readers: WaitQueue,
    writers: WaitQueue,
    inode: u64,
}

impl Pipe {
    fn new() -> Arc<Self> {
        let state = State { ring: Ring::new(CAPACITY), reader: true, writer: true };
        Arc::new(Self {
            state: Lock::new(state),
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
            inode: new_inode(),
        })
    }

    fn metadata(&self) -> Metadata {
        nameless(FileType::Fifo, 0o600, self.inode)
    }

    fn read(&self, to: &mut dyn Sink) -> Result<usize> {
        to.prepare();
        if to.left() == 0 {
            return Ok(0);
        }
        let (count, room) = {
            let mut state = self.state.lock();
            if state.ring.is_empty() {
                return if state.writer { Err(Errno::EAGAIN) } else { Ok(0) };
            }
            (state.ring.read(false, usize::MAX, to), state.ring.room())
        };
        if room >= ATOMIC {
            self.writers.wake_all();
        }
        moved(count, to.fault())
    }

    fn write(&self, from: &mut dyn Source) -> Result<usize> {
        from.prepare();
        if from.left() == 0 {
            return Ok(0);
        }
        let count = {
            let mut state = self.state.lock();
            if !state.reader {
                return Err(Errno::EPIPE);
            }
            let needed = if from.left() <= ATOMIC { from.left() } else { 1 };
            if state.ring.room() < needed {
                return Err(Errno::EAGAIN);
            }
            state.ring.write(from)?
        };
        self.readers.wake_all();
        moved(count, from.fault())
    }

    /// F_GETPIPE_SZ and F_SETPIPE_SZ.
    fn fcntl(&self, command: u32, argument: usize) -> Result<usize> {
        let mut state = self.state.lock();
        match command {
            F_GETPIPE_SZ => {}
            F_SETPIPE_SZ => {
                // The argument is an unsigned int.
                let size = argument as u32 as usize;
                if size > MOST {
                    return Err(Errno::EPERM);
                }
                state.ring.set_capacity(size.next_power_of_two().max(ATOMIC))?;
            }
            _ => return Err(Errno::EINVAL),
        }
        let capacity = state.ring.capacity();
        drop(state);
        self.writers.wake_all();
        Ok(capacity)
    }

    fn available(&self) -> usize {
        self.state.lock().ring.len()
    }
}

/// The end that is read.
struct ReadEnd(Arc<Pipe>);

impl File for ReadEnd {
    fn metadata(&self) -> Result<Metadata> {
        Ok(self.0.metadata())
    }

    fn read(&self, _: u64, buf: &mut [u8]) -> Result<usize> {
        self.0.read(&mut Room(buf))
    }

    fn read_into(&self, to: &mut dyn Sink) -> Option<Result<usize>> {
        Some(self.0.read(to))
    }

    fn ready(&self) -> Events {
        let state = self.0.state.lock();
        Events::READ.when(!state.ring.is_empty()) | Events::HANGUP.when(!state.writer)
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.readers)
    }

    fn available(&self) -> Result<usize> {
        Ok(self.0.available())
    }

    fn fcntl(&self, command: u32, argument: usize) -> Result<usize> {
        self.0.fcntl(command, argument)
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        self.0.state.lock().reader = false;
        self.0.writers.wake_all();
    }
}

/// The end that is written.
struct WriteEnd(Arc<Pipe>);

impl File for WriteEnd {
    fn metadata(&self) -> Result<Metadata> {
        Ok(self.0.metadata())
    }

    fn write(&self, _: u64, data: &[u8]) -> Result<usize> {
        self.0.write(&mut { data })
    }

    fn write_from(&self, from: &mut dyn Source) -> Option<Result<usize>> {
        Some(self.0.write(from))
    }

    fn ready(&self) -> Events {
        let state = self.0.state.lock();
        Events::WRITE.when(!state.reader || state.ring.room() >= ATOMIC)
            | Events::ERROR.when(!state.reader)
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.writers)
    }

    fn available(&self) -> Result<usize> {
        Ok(self.0.available())
    }

    fn fcntl(&self, command: u32, argument: usize) -> Result<usize> {
        self.0.fcntl(command, argument)
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        self.0.state.lock().writer = false;
        self.0.readers.wake_all();
    }
}
