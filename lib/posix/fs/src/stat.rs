//! What is known about a file.

use crate::place::{Place, node_at};
use unilith_fs_api::{FileType, Metadata, Node};
use unilith_posix_abi::raw::general::{
    AT_EACCESS, AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_STATX_SYNC_TYPE, AT_SYMLINK_NOFOLLOW, R_OK,
    STATX__RESERVED, STATX_BASIC_STATS, W_OK, X_OK, stat as Stat, statx as Statx,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, encode, syscall};
use unilith_posix_fd::table;

fn write_stat(meta: &Metadata, to: UserPtr) -> Result<()> {
    to.copy_out(&encode!(Stat {
        st_dev: meta.device,
        st_ino: meta.inode,
        st_mode: meta.mode(),
        st_nlink: meta.links,
        st_uid: meta.uid,
        st_gid: meta.gid,
        st_rdev: meta.device_number,
        st_size: meta.size,
        st_blksize: meta.block_size,
        st_blocks: meta.blocks,
        st_atime: meta.accessed.seconds,
        st_atime_nsec: meta.accessed.nanoseconds,
        st_mtime: meta.modified.seconds,
        st_mtime_nsec: meta.modified.nanoseconds,
        st_ctime: meta.changed.seconds,
        st_ctime_nsec: meta.changed.nanoseconds,
    }))
}

/// About what `dir` and `path` mean; with AT_EMPTY_PATH that may be any open file.
fn metadata_at(dir: Fd, path: UserPtr, flags: u32) -> Result<Metadata> {
    let follow = flags & AT_SYMLINK_NOFOLLOW == 0;
    if flags & AT_EMPTY_PATH != 0 && dir != Fd::CWD {
        // Before Linux 6.11 the pointer had to be valid; since then null is an empty path.
        if path.is_null() || path.read::<1>()? == [0] {
            return table::get(dir)?.file().metadata();
        }
    }
    Ok(node_at(dir, path, follow, flags & AT_EMPTY_PATH != 0)?.metadata())
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// stat(2)
    pub fn stat[__NR_stat](path: UserPtr, to: UserPtr) -> Result<()> {
        write_stat(&metadata_at(Fd::CWD, path, 0)?, to)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// lstat(2)
    pub fn lstat[__NR_lstat](path: UserPtr, to: UserPtr) -> Result<()> {
        write_stat(&metadata_at(Fd::CWD, path, AT_SYMLINK_NOFOLLOW)?, to)
    }
}

syscall! {
    /// fstat(2)
    pub fn fstat[__NR_fstat](fd: Fd, to: UserPtr) -> Result<()> {
        write_stat(&table::get(fd)?.file().metadata()?, to)
    }
}

syscall! {
    /// fstatat(2)
    pub fn newfstatat[__NR_newfstatat](
        dir: Fd,
        path: UserPtr,
        to: UserPtr,
        flags: u32,
    ) -> Result<()> {
        if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT) != 0 {
            return Err(Errno::EINVAL);
        }
        write_stat(&metadata_at(dir, path, flags)?, to)
    }
}

syscall! {
    /// statx(2): the basic fields, whatever `mask` asks for.
    pub fn statx[__NR_statx](
        dir: Fd,
        path: UserPtr,
        flags: u32,
        mask: u32,
        to: UserPtr,
    ) -> Result<()> {
        const KNOWN: u32 =
            AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE;
        if flags & !KNOWN != 0
            || flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE
            || mask & STATX__RESERVED != 0
        {
            return Err(Errno::EINVAL);
        }
        let meta = metadata_at(dir, path, flags)?;
        to.copy_out(&encode!(Statx {
            stx_mask: STATX_BASIC_STATS,
            stx_blksize: meta.block_size,
            stx_nlink: meta.links,
            stx_uid: meta.uid,
            stx_gid: meta.gid,
            stx_mode: meta.mode(),
            stx_ino: meta.inode,
            stx_size: meta.size,
            stx_blocks: meta.blocks,
            stx_atime.tv_sec: meta.accessed.seconds,
            stx_atime.tv_nsec: meta.accessed.nanoseconds,
            stx_mtime.tv_sec: meta.modified.seconds,
            stx_mtime.tv_nsec: meta.modified.nanoseconds,
            stx_ctime.tv_sec: meta.changed.seconds,
            stx_ctime.tv_nsec: meta.changed.nanoseconds,
            stx_rdev_major: major(meta.device_number),
            stx_rdev_minor: minor(meta.device_number),
            stx_dev_major: major(meta.device),
            stx_dev_minor: minor(meta.device),
        }))
    }
}

/// gnu_dev_major(3)
fn major(device: u64) -> u32 {
    ((device >> 8 & 0xfff) | (device >> 32 & 0xffff_f000)) as u32
}

/// gnu_dev_minor(3)
fn minor(device: u64) -> u32 {
    ((device & 0xff) | (device >> 12 & 0xffff_ff00)) as u32
}

/// Root may read and write everything that can be, and run what anybody may run.
fn check_access(node: &dyn Node, mode: u32) -> Result<()> {
    let meta = node.metadata();
    if mode & X_OK != 0 && meta.file_type == FileType::Regular && meta.permissions & 0o111 == 0 {
        return Err(Errno::EACCES);
    }
    let stored =
        matches!(meta.file_type, FileType::Regular | FileType::Directory | FileType::Symlink);
    if mode & W_OK != 0 && stored && node.is_read_only() {
        return Err(Errno::EROFS);
    }
    Ok(())
}

fn access_at(dir: Fd, path: UserPtr, mode: u32, flags: u32) -> Result<()> {
    if mode & !(R_OK | W_OK | X_OK) != 0
        || flags & !(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0
    {
        return Err(Errno::EINVAL);
    }
    let follow = flags & AT_SYMLINK_NOFOLLOW == 0;
    let node = node_at(dir, path, follow, flags & AT_EMPTY_PATH != 0)?;
    check_access(&*node, mode)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// access(2)
    pub fn access[__NR_access](path: UserPtr, mode: u32) -> Result<()> {
        access_at(Fd::CWD, path, mode, 0)
    }
}

syscall! {
    /// faccessat(2), the call, which has no flags.
    pub fn faccessat[__NR_faccessat](dir: Fd, path: UserPtr, mode: u32) -> Result<()> {
        access_at(dir, path, mode, 0)
    }
}

syscall! {
    /// faccessat2(2)
    pub fn faccessat2[__NR_faccessat2](
        dir: Fd,
        path: UserPtr,
        mode: u32,
        flags: u32,
    ) -> Result<()> {
        access_at(dir, path, mode, flags)
    }
}

fn read_link_at(dir: Fd, path: UserPtr, to: UserPtr, size: i32) -> Result<usize> {
    let size = usize::try_from(size).map_err(|_| Errno::EINVAL)?;
    if size == 0 {
        return Err(Errno::EINVAL);
    }
    let path = path.read_path()?;
    let node = match path.is_empty() && dir != Fd::CWD {
        true => crate::place::node_of(dir)?,
        false => Place::of(dir, path)?.node(false)?,
    };
    let target = node.read_link()?;
    let target = &target[..target.len().min(size)];
    to.copy_out(target)?;
    Ok(target.len())
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// readlink(2)
    pub fn readlink[__NR_readlink](path: UserPtr, to: UserPtr, size: i32) -> Result<usize> {
        read_link_at(Fd::CWD, path, to, size)
    }
}

syscall! {
    /// readlinkat(2)
    pub fn readlinkat[__NR_readlinkat](
        dir: Fd,
        path: UserPtr,
        to: UserPtr,
        size: i32,
    ) -> Result<usize> {
        read_link_at(dir, path, to, size)
    }
}

#[cfg(test)]
mod tests {
    use super::{major, minor};
    use unilith_fs_api::Metadata;

    #[test]
    fn device_numbers_are_taken_apart() {
        let device = Metadata::device_number(0x12345, 0x6789a);
        assert_eq!((major(device), minor(device)), (0x12345, 0x6789a));
    }
}
