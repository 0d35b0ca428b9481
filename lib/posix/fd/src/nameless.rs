//! Files that no file system knows.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use unilith_fs_api::{FileType, Metadata, Timestamp};

/// A number that tells a file without a name from others. 1 is the console, 2 every file that
/// need not be told from others.
pub fn new_inode() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(3);
    NEXT.fetch_add(1, Relaxed)
}

/// What stat(2) tells about a file without a name: a pipe, a socket, an event (inode 2).
pub fn nameless(file_type: FileType, permissions: u32, inode: u64) -> Metadata {
    Metadata {
        device: 0,
        inode,
        file_type,
        permissions,
        links: 1,
        uid: 0,
        gid: 0,
        device_number: 0,
        size: 0,
        blocks: 0,
        block_size: 4096,
        accessed: Timestamp::EPOCH,
        modified: Timestamp::EPOCH,
        changed: Timestamp::EPOCH,
    }
}
