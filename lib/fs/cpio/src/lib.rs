//! A read-only file system served in place from a cpio archive.
//!
//! The archive is the initial RAM disk, which is in memory already and stays there. Unpacking it,
//! as Linux does, would hold every byte twice and take time at boot for files that nobody opens.
//! So mounting only builds an index of names; the contents of files remain slices of the archive.
//!
//! The format is "newc" as Linux's `Documentation/driver-api/early-userspace/buffer-format.rst`
//! describes it, several archives after each other included: what a later one has replaces what an
//! earlier one had. Directories that are missing are made up. The bytes may be anybody's: whatever
//! is wrong with them is an [`Error`] that tells where.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod format;
mod index;
mod node;

pub use format::{Error, Problem};

use unilith_fs_api::NodeRef;

/// Mounts `archive`: its root directory.
pub fn root(archive: &'static [u8]) -> Result<NodeRef, Error> {
    Ok(node::root(index::Index::build(archive)?))
}
