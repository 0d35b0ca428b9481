//! The calls that take a path.
//!
//! The walk itself is `unilith-vfs`'s. Here are what POSIX adds: the working directory, the
//! meaning of `dirfd`, open flags, and the structures that tell about files.
//!
//! The application is root: no permission is checked that root would pass anyway.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod attributes;
mod change;
mod directory;
mod lock;
mod metadata;
mod node_file;
mod opening;
mod place;
mod procfs;
mod space;
mod stat;
mod statfs;

pub use node_file::NodeFile;
pub use place::{Place, node_at, working};
pub use procfs::PROCFS;

/// The calls themselves.
pub mod calls {
    pub use crate::attributes::*;
    pub use crate::change::*;
    pub use crate::directory::*;
    pub use crate::lock::*;
    pub use crate::metadata::*;
    pub use crate::opening::*;
    pub use crate::space::*;
    pub use crate::stat::*;
    pub use crate::statfs::*;
}

use unilith_posix_abi::Entry;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[
    #[cfg(target_arch = "x86_64")]
    opening::open::ENTRY,
    #[cfg(target_arch = "x86_64")]
    opening::creat::ENTRY,
    opening::openat::ENTRY,
    opening::truncate::ENTRY,
    #[cfg(target_arch = "x86_64")]
    stat::stat::ENTRY,
    #[cfg(target_arch = "x86_64")]
    stat::lstat::ENTRY,
    stat::fstat::ENTRY,
    stat::newfstatat::ENTRY,
    stat::statx::ENTRY,
    statfs::statfs::ENTRY,
    statfs::fstatfs::ENTRY,
    #[cfg(target_arch = "x86_64")]
    stat::access::ENTRY,
    stat::faccessat::ENTRY,
    stat::faccessat2::ENTRY,
    #[cfg(target_arch = "x86_64")]
    stat::readlink::ENTRY,
    stat::readlinkat::ENTRY,
    directory::getdents64::ENTRY,
    directory::getcwd::ENTRY,
    directory::chdir::ENTRY,
    directory::fchdir::ENTRY,
    #[cfg(target_arch = "x86_64")]
    change::mkdir::ENTRY,
    change::mkdirat::ENTRY,
    #[cfg(target_arch = "x86_64")]
    change::rmdir::ENTRY,
    #[cfg(target_arch = "x86_64")]
    change::unlink::ENTRY,
    change::unlinkat::ENTRY,
    #[cfg(target_arch = "x86_64")]
    change::rename::ENTRY,
    #[cfg(target_arch = "x86_64")]
    change::renameat::ENTRY,
    change::renameat2::ENTRY,
    #[cfg(target_arch = "x86_64")]
    change::link::ENTRY,
    change::linkat::ENTRY,
    #[cfg(target_arch = "x86_64")]
    change::symlink::ENTRY,
    change::symlinkat::ENTRY,
    #[cfg(target_arch = "x86_64")]
    change::mknod::ENTRY,
    change::mknodat::ENTRY,
    change::umask::ENTRY,
    change::sync::ENTRY,
    change::syncfs::ENTRY,
    #[cfg(target_arch = "x86_64")]
    metadata::chmod::ENTRY,
    metadata::fchmod::ENTRY,
    metadata::fchmodat::ENTRY,
    #[cfg(target_arch = "x86_64")]
    metadata::chown::ENTRY,
    #[cfg(target_arch = "x86_64")]
    metadata::lchown::ENTRY,
    metadata::fchown::ENTRY,
    metadata::fchownat::ENTRY,
    metadata::utimensat::ENTRY,
    attributes::getxattr::ENTRY,
    attributes::lgetxattr::ENTRY,
    attributes::fgetxattr::ENTRY,
    attributes::setxattr::ENTRY,
    attributes::lsetxattr::ENTRY,
    attributes::fsetxattr::ENTRY,
    attributes::listxattr::ENTRY,
    attributes::llistxattr::ENTRY,
    attributes::flistxattr::ENTRY,
    attributes::removexattr::ENTRY,
    attributes::lremovexattr::ENTRY,
    attributes::fremovexattr::ENTRY,
    lock::flock::ENTRY,
    #[cfg(target_arch = "x86_64")]
    metadata::utime::ENTRY,
    #[cfg(target_arch = "x86_64")]
    metadata::utimes::ENTRY,
    #[cfg(target_arch = "x86_64")]
    metadata::futimesat::ENTRY,
    opening::openat2::ENTRY,
    #[cfg(target_arch = "x86_64")]
    directory::getdents::ENTRY,
    space::fallocate::ENTRY,
    space::sync_file_range::ENTRY,
    space::readahead::ENTRY,
    space::mount::ENTRY,
    space::umount2::ENTRY,
];
