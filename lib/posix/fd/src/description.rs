//! Open file descriptions.

use crate::File;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use unilith_posix_abi::raw::general::{
    O_ACCMODE, O_APPEND, O_DIRECT, O_NOATIME, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY,
};
use unilith_posix_abi::{Errno, Result};
use unilith_posix_task::WaitQueue;
use unilith_sched_api::Mutex;
use unilith_sync::Lock;

/// An open file: what several descriptors may share.
pub struct Description {
    file: Box<dyn File>,
    /// O_APPEND and the like; and the access mode.
    flags: AtomicU32,
    offset: Lock<u64>,
    /// Held from reading the offset to moving it, also while a disk is waited for.
    turn: Mutex<()>,
    closed: WaitQueue,
}

impl Drop for Description {
    fn drop(&mut self) {
        self.closed.wake_all();
    }
}

/// The flags that F_SETFL can change.
const CHANGEABLE: u32 = O_APPEND | O_DIRECT | O_NOATIME | O_NONBLOCK;

impl Description {
    /// An open file at offset 0; `flags` as in open(2).
    pub fn new(file: Box<dyn File>, flags: u32) -> Self {
        Self {
            file,
            flags: AtomicU32::new(flags),
            offset: Lock::new(0),
            turn: Mutex::new(()),
            closed: WaitQueue::new(),
        }
    }

    /// What is open.
    pub fn file(&self) -> &dyn File {
        &*self.file
    }

    /// Access mode and status flags, as F_GETFL tells them.
    pub fn flags(&self) -> u32 {
        self.flags.load(Relaxed)
    }

    /// Sets those of `flags` that can be changed.
    pub fn set_flags(&self, flags: u32) {
        self.flags.store(self.flags() & !CHANGEABLE | flags & CHANGEABLE, Relaxed);
    }

    /// The file, if it is open for reading. EBADF otherwise.
    pub fn readable(&self) -> Result<&dyn File> {
        match self.flags() & (O_ACCMODE | O_PATH) {
            O_RDONLY | O_RDWR => Ok(&*self.file),
            _ => Err(Errno::EBADF),
        }
    }

    /// The file, if it is open for writing. EBADF otherwise.
    pub fn writable(&self) -> Result<&dyn File> {
        match self.flags() & (O_ACCMODE | O_PATH) {
            O_WRONLY | O_RDWR => Ok(&*self.file),
            _ => Err(Errno::EBADF),
        }
    }

    /// The file, if it was opened for more than its path. EBADF otherwise.
    pub fn opened(&self) -> Result<&dyn File> {
        if self.flags() & O_PATH == 0 { Ok(&*self.file) } else { Err(Errno::EBADF) }
    }

    /// Calls `act` with the offset, and moves it by what `act` gives back; other threads that do
    /// the same wait so long. With `append` and O_APPEND the offset is the end of the file. A file
    /// without positions has offset 0.
    pub fn at_offset(&self, append: bool, act: impl FnOnce(u64) -> Result<usize>) -> Result<usize> {
        if !self.file.is_seekable() {
            return act(0);
        }
        let _turn = self.turn.lock();
        let offset = match append && self.flags() & O_APPEND != 0 {
            true => self.file.metadata()?.size,
            false => self.offset(),
        };
        let done = act(offset)?;
        self.set_offset(offset.saturating_add(done as u64));
        Ok(done)
    }

    /// Its observers are told when nobody has the description any more, right before the file
    /// itself goes.
    pub fn closed(&self) -> &WaitQueue {
        &self.closed
    }

    /// The offset.
    pub fn offset(&self) -> u64 {
        *self.offset.lock()
    }

    /// Moves the offset.
    pub fn set_offset(&self, offset: u64) {
        *self.offset.lock() = offset;
    }
}
