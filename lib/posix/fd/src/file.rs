//! What can be open.

use crate::Events;
use alloc::vec::Vec;
use unilith_fs_api::{MemorySource, Metadata, NodeRef};
use unilith_posix_abi::{Errno, Result};

/// Something that can be read, written or both.
pub trait File: Send + Sync {
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

    /// Whether it has positions.
    fn is_seekable(&self) -> bool {
        false
    }

    /// Whether it is a terminal.
    fn is_terminal(&self) -> bool {
        false
    }

    /// What can be done without waiting.
    fn ready(&self) -> Events {
        Events::READ | Events::WRITE
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
