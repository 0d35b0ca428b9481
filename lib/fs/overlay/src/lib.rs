//! A writable file system over a read-only one.
//!
//! Everything is served by the lower file system until it changes. A table holds what differs:
//! of a file its new metadata and, once it has been written, its new contents; of a directory the
//! names that came and the names that went. Names lead to inodes by number, so that moving a file
//! or a whole directory of the lower tree copies nothing, and all names of a file see a change,
//! as do handles that were there before. A node keeps its number for its whole life; nodes of the
//! lower tree have the number that they have there.
//!
//! Both file systems below are in memory and never wait: they are called while the table is
//! locked, which makes every operation atomic. The upper one only holds contents of files,
//! without names.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod change;
mod inode;
mod node;
mod table;

use unilith_fs_api::{NodeRef, Timestamp};

const MAX_MIB: usize = unilith_config::number(option_env!("CONFIG_OVERLAY_MAX_MIB"), 0);

/// A file system that shows `lower`, given by its root directory, and whose changes go to
/// `upper`, an empty file system in memory: its root directory.
pub fn over(lower: NodeRef, upper: NodeRef) -> NodeRef {
    node::root(lower, upper)
}

/// Covers the root file system of this image, before anything else is mounted. Without one it
/// does nothing: why there is none has been said.
pub fn cover_root() {
    if let Ok(lower) = unilith_vfs::vfs().root() {
        let limit = if MAX_MIB == 0 { u64::MAX } else { (MAX_MIB as u64) << 20 };
        unilith_vfs::mount(b"/", over(lower, unilith_ramfs::with_limit(0o700, limit)));
    }
}

/// The time for timestamps.
fn now() -> Timestamp {
    Timestamp::from_ns(unilith_platform::realtime_ns())
}
