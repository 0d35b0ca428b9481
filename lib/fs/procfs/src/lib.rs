//! /proc and /sys: what programs read about the system.
//!
//! The tree is a list of paths, each with a function that makes its content; the composition root
//! collects the list from the libraries that know something ([`unilith_procfs_api`]). Directories
//! follow from the paths. As on Linux, files have size 0 and content is made when reading starts.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod node;
mod system;
mod tree;

pub use system::SYSTEM;
pub use unilith_procfs_api::{Content, Entry, Links};

use unilith_fs_api::NodeRef;

/// PROC_SUPER_MAGIC
const PROC_MAGIC: u64 = 0x9fa0;
/// SYSFS_MAGIC
const SYSFS_MAGIC: u64 = 0x6265_6572;

/// A new /proc of these files: its root directory.
pub fn proc(lists: &'static [&'static [Entry]]) -> NodeRef {
    node::root(tree::Tree::new(lists, PROC_MAGIC))
}

/// A new /sys: its root directory.
pub fn sys() -> NodeRef {
    node::root(tree::Tree::new(&[system::SYS], SYSFS_MAGIC))
}
