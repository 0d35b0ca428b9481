//! What can be open.

use crate::{Events, Sink, Source};
use alloc::vec::Vec;
use core::any::Any;
use unilith_fs_api::{MemorySource, Metadata, NodeRef};
use unilith_posix_abi::{Errno, Result, UserPtr};
use unilith_posix_task::WaitQueue;

/// Something that can be read, written or both.
///
/// No method waits for a peer, a timer or a person: what is not ready is EAGAIN, and the caller
/// waits on the [`queue`](Self::queue) and asks again ([`wait_for`](crate::wait_for)). Waiting
/// for a disk is not meant by that.
pub trait File: Any + Send + Sync {
    /// What stat(2) tells about it.
    fn metadata(&self) -> Result<Metadata>;

    /// Reads from `offset` on, which a file without positions passes over; 0 is the end.
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let _ = (offset, buf);
        Err(Errno::EINVAL)
    }

    /// Writes to `offset`; how much was written.
    fn write(&self, offset: u64, data: &[u8]) -> Result<usize> {
        let _ = (offset, data);
        Err(Errno::EINVAL)
    }

    /// Reads what there is straight into `to`, if this file without positions can: then the bytes
    /// are copied once. Who has something locked meanwhile has `to` prepared before.
    fn read_into(&self, to: &mut dyn Sink) -> Option<Result<usize>> {
        let _ = to;
        None
    }

    /// Writes straight from `from`, if this file without positions can; how much was written. As
    /// for what is locked, see [`read_into`](Self::read_into).
    fn write_from(&self, from: &mut dyn Source) -> Option<Result<usize>> {
        let _ = from;
        None
    }

    /// Whether it has positions.
    fn is_seekable(&self) -> bool {
        false
    }

    /// Whether a write that was cut short goes on with the rest, once there is room: files that
    /// take one message at a time say no.
    fn is_stream(&self) -> bool {
        true
    }

    /// Whether it is a terminal.
    fn is_terminal(&self) -> bool {
        false
    }

    /// What can be done without waiting.
    fn ready(&self) -> Events {
        Events::READ | Events::WRITE
    }

    /// Woken whenever [`ready`](Self::ready) may have changed. `None`: it is always ready, and
    /// epoll does not take it.
    fn queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// Nanoseconds that one call waits at most until it can read (SO_RCVTIMEO) or `writes`
    /// (SO_SNDTIMEO); then it is EAGAIN. `None`: as long as it takes.
    fn patience(&self, writes: bool) -> Option<u64> {
        let _ = writes;
        None
    }

    /// Bytes that can be read without waiting (FIONREAD).
    fn available(&self) -> Result<usize> {
        Err(Errno::ENOTTY)
    }

    /// Requests of ioctl(2) that only this kind of file understands.
    fn ioctl(&self, request: u32, argument: UserPtr) -> Result<()> {
        let _ = (request, argument);
        Err(Errno::ENOTTY)
    }

    /// Commands of fcntl(2) that only this kind of file understands.
    fn fcntl(&self, command: u32, argument: usize) -> Result<usize> {
        let _ = (command, argument);
        Err(Errno::EINVAL)
    }

    /// Changes its size.
    fn truncate(&self, size: u64) -> Result<()> {
        let _ = size;
        Err(Errno::EINVAL)
    }

    /// Waits until what was written is where it survives.
    fn sync(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// The node of a file system that it is.
    fn node(&self) -> Option<&NodeRef> {
        None
    }

    /// Its contents, if they lie in memory and never change.
    fn in_memory(&self) -> Option<MemorySource> {
        None
    }

    /// The path under which it was opened, without symbolic links, if it has one.
    fn path(&self) -> Option<Vec<u8>> {
        None
    }
}

impl dyn File {
    /// The file as what it is, for the family that made it.
    pub fn downcast<T: File>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}
