//! Files that no file system knows.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use unilith_fs_api::{FileType, Metadata, NodeId};

/// A number that tells a file without a name from others. 1 is the console, 2 every file that
/// need not be told from others.
pub fn new_inode() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(3);
    NEXT.fetch_add(1, Relaxed)
}

/// What stat(2) tells about a file without a name: a pipe, a socket, an event (inode 2).
pub fn nameless(file_type: FileType, permissions: u32, inode: u64) -> Metadata {
    Metadata::new(NodeId { device: 0, inode }, file_type, permissions)
}
