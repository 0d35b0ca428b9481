//! A writable file system in memory.
//!
//! Everything hangs on one table of inodes behind one lock, as operations touch up to four
//! inodes at once (rename) and none of them waits for anything. A [`node::RamNode`] is a counted
//! handle of an inode: a file that has lost its last name lives on until its last handle goes.
//!
//! Directories number their entries as they come, and list them in this order: so a cookie stays
//! good whatever else comes and goes (POSIX demands that of readdir). Files consist of pages in a
//! map: they can be sparse, and growing one never copies it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod directory;
mod file;
mod inode;
mod node;
mod table;

pub use directory::Directory;

use alloc::sync::Arc;
use unilith_fs_api::NodeRef;
use unilith_sync::Lock;

const MAX_MIB: usize = unilith_config::number(option_env!("CONFIG_RAMFS_MAX_MIB"), 0);

/// A new file system as large as configured: its root directory.
pub fn root(permissions: u32) -> NodeRef {
    let limit = if MAX_MIB == 0 { u64::MAX } else { (MAX_MIB as u64) << 20 };
    with_limit(permissions, limit)
}

/// A new file system whose files may hold `limit` bytes together: its root directory.
pub fn with_limit(permissions: u32, limit: u64) -> NodeRef {
    let table = table::Table::new(permissions, limit / file::PAGE as u64);
    let device = unilith_fs_api::anonymous_device();
    Arc::new(node::RamNode::root(Arc::new(node::Ramfs { device, table: Lock::new(table) })))
}

/// The time for timestamps.
fn now() -> unilith_fs_api::Timestamp {
    unilith_fs_api::Timestamp::from_ns(unilith_platform::realtime_ns())
}
