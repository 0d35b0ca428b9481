//! Making, moving and removing files.

use crate::place::{CONTEXT, Place, node_at, node_of};
use unilith_fs_api::FileType;
use unilith_posix_abi::raw::general::{
    AT_EMPTY_PATH, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, RENAME_EXCHANGE, RENAME_NOREPLACE,
    RENAME_WHITEOUT,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, syscall};
use unilith_vfs::vfs;

/// The permissions of something new.
pub fn permissions(mode: u32) -> u32 {
    mode & 0o7777 & !CONTEXT.with(|context| context.umask)
}

syscall! {
    /// umask(2): the mask that was set before.
    pub fn umask[__NR_umask](mask: u32) -> usize {
        CONTEXT.with(|context| core::mem::replace(&mut context.umask, mask & 0o777)) as usize
    }
}

fn make_dir(dir: Fd, path: UserPtr, mode: u32) -> Result<()> {
    let place = Place::read(dir, path)?;
    Ok(vfs().create_dir(&place.start, &place.path, permissions(mode & 0o1777))?)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// mkdir(2)
    pub fn mkdir[__NR_mkdir](path: UserPtr, mode: u32) -> Result<()> {
        make_dir(Fd::CWD, path, mode)
    }
}

syscall! {
    /// mkdirat(2)
    pub fn mkdirat[__NR_mkdirat](dir: Fd, path: UserPtr, mode: u32) -> Result<()> {
        make_dir(dir, path, mode)
    }
}

fn make_node(dir: Fd, path: UserPtr, mode: u32) -> Result<()> {
    let place = Place::read(dir, path)?;
    match FileType::from_mode(mode) {
        None if mode & FileType::MASK != 0 => Err(Errno::EINVAL),
        None | Some(FileType::Regular) => {
            vfs().create(&place.start, &place.path, permissions(mode))?;
            Ok(())
        }
        Some(_) => Err(Errno::EPERM),
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// mknod(2): regular files only; EPERM for what the file systems cannot hold.
    pub fn mknod[__NR_mknod](path: UserPtr, mode: u32, device: u32) -> Result<()> {
        let _ = device;
        make_node(Fd::CWD, path, mode)
    }
}

syscall! {
    /// mknodat(2): as mknod(2).
    pub fn mknodat[__NR_mknodat](dir: Fd, path: UserPtr, mode: u32, device: u32) -> Result<()> {
        let _ = device;
        make_node(dir, path, mode)
    }
}

fn remove(dir: Fd, path: UserPtr, flags: u32) -> Result<()> {
    let place = Place::read(dir, path)?;
    match flags {
        0 => Ok(vfs().unlink(&place.start, &place.path)?),
        AT_REMOVEDIR => Ok(vfs().remove_dir(&place.start, &place.path)?),
        _ => Err(Errno::EINVAL),
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// unlink(2)
    pub fn unlink[__NR_unlink](path: UserPtr) -> Result<()> {
        remove(Fd::CWD, path, 0)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// rmdir(2)
    pub fn rmdir[__NR_rmdir](path: UserPtr) -> Result<()> {
        remove(Fd::CWD, path, AT_REMOVEDIR)
    }
}

syscall! {
    /// unlinkat(2)
    pub fn unlinkat[__NR_unlinkat](dir: Fd, path: UserPtr, flags: u32) -> Result<()> {
        remove(dir, path, flags)
    }
}

fn rename_at(from: (Fd, UserPtr), to: (Fd, UserPtr), flags: u32) -> Result<()> {
    match flags {
        0 | RENAME_NOREPLACE => {}
        RENAME_EXCHANGE | RENAME_WHITEOUT => return Err(Errno::EINVAL), // as without support
        _ => return Err(Errno::EINVAL),
    }
    let (from, to) = (Place::read(from.0, from.1)?, Place::read(to.0, to.1)?);
    Ok(vfs().rename((&from.start, &from.path), (&to.start, &to.path), flags != 0)?)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// rename(2)
    pub fn rename[__NR_rename](from: UserPtr, to: UserPtr) -> Result<()> {
        rename_at((Fd::CWD, from), (Fd::CWD, to), 0)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// renameat(2)
    pub fn renameat[__NR_renameat](
        from_dir: Fd,
        from: UserPtr,
        to_dir: Fd,
        to: UserPtr,
    ) -> Result<()> {
        rename_at((from_dir, from), (to_dir, to), 0)
    }
}

syscall! {
    /// renameat2(2): RENAME_NOREPLACE is the one flag that is supported.
    pub fn renameat2[__NR_renameat2](
        from_dir: Fd,
        from: UserPtr,
        to_dir: Fd,
        to: UserPtr,
        flags: u32,
    ) -> Result<()> {
        rename_at((from_dir, from), (to_dir, to), flags)
    }
}

fn link_at(from: (Fd, UserPtr), to: (Fd, UserPtr), flags: u32) -> Result<()> {
    if flags & !(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let follow = flags & AT_SYMLINK_FOLLOW != 0;
    let node = node_at(from.0, from.1, follow, flags & AT_EMPTY_PATH != 0)?;
    let to = Place::read(to.0, to.1)?;
    Ok(vfs().link(&node, &to.start, &to.path)?)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// link(2)
    pub fn link[__NR_link](from: UserPtr, to: UserPtr) -> Result<()> {
        link_at((Fd::CWD, from), (Fd::CWD, to), 0)
    }
}

syscall! {
    /// linkat(2)
    pub fn linkat[__NR_linkat](
        from_dir: Fd,
        from: UserPtr,
        to_dir: Fd,
        to: UserPtr,
        flags: u32,
    ) -> Result<()> {
        link_at((from_dir, from), (to_dir, to), flags)
    }
}

fn symlink_at(target: UserPtr, dir: Fd, path: UserPtr) -> Result<()> {
    let target = target.read_path()?;
    let place = Place::read(dir, path)?;
    Ok(vfs().create_symlink(&place.start, &place.path, &target)?)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// symlink(2)
    pub fn symlink[__NR_symlink](target: UserPtr, path: UserPtr) -> Result<()> {
        symlink_at(target, Fd::CWD, path)
    }
}

syscall! {
    /// symlinkat(2)
    pub fn symlinkat[__NR_symlinkat](target: UserPtr, dir: Fd, path: UserPtr) -> Result<()> {
        symlink_at(target, dir, path)
    }
}

syscall! {
    /// sync(2): nothing is ever held back.
    pub fn sync[__NR_sync]() -> () {}
}

syscall! {
    /// syncfs(2): as sync(2).
    pub fn syncfs[__NR_syncfs](fd: Fd) -> Result<()> {
        Ok(node_of(fd)?.sync()?)
    }
}
