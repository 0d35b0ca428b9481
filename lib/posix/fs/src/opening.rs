//! Opening files.

use crate::change::permissions;
use crate::node_file::NodeFile;
use crate::place::Place;
use crate::procfs::OpenNode;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use unilith_fs_api::{FileType, NodeRef};
use unilith_posix_abi::raw::general::{
    O_ACCMODE, O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_PATH,
    O_RDONLY, O_TRUNC, O_WRONLY, open_how,
};
use unilith_posix_abi::{Errno, Fd, PATH_MAX, Result, UserPtr, decode, syscall};
use unilith_posix_fd::table;

/// The bit of O_TMPFILE that is not O_DIRECTORY: the kernel's `__O_TMPFILE`.
const TMPFILE: u32 = 0o20_000_000;
/// The flags that O_PATH does not ignore.
const WITH_PATH: u32 = O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW;
/// The flags that F_GETFL tells later.
const KEPT: u32 = !(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC);

/// What was opened, and the directory and name that it was found by.
struct Opened {
    node: NodeRef,
    place: Option<(NodeRef, Vec<u8>)>,
}

fn open_node(place: &Place, flags: u32, mode: u32) -> Result<Opened> {
    let writes = flags & O_ACCMODE != O_RDONLY;
    let exclusive = flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL;
    let found = place.walk(flags & O_NOFOLLOW == 0 && !exclusive)?;
    let Some(node) = found.node else {
        return match found.name {
            Some(name) if flags & O_CREAT != 0 => {
                if found.directory {
                    return Err(Errno::EISDIR);
                }
                let node = found.parent.create(&name, permissions(mode))?;
                Ok(Opened { node, place: Some((found.parent, name)) })
            }
            _ => Err(Errno::ENOENT),
        };
    };
    if exclusive {
        return Err(Errno::EEXIST);
    }
    let place = found.name.map(|name| (found.parent, name));
    if flags & O_PATH == 0 && again(&node).is_some() {
        return Ok(Opened { node, place: None });
    }
    match node.file_type() {
        FileType::Symlink if flags & O_PATH == 0 => return Err(Errno::ELOOP),
        FileType::Directory if writes || flags & O_CREAT != 0 => return Err(Errno::EISDIR),
        FileType::Directory => {}
        _ if flags & O_DIRECTORY != 0 => return Err(Errno::ENOTDIR),
        FileType::Fifo | FileType::Socket if flags & O_PATH == 0 => return Err(Errno::ENXIO),
        FileType::Regular if writes && node.is_read_only() => return Err(Errno::EROFS),
        FileType::Regular if flags & O_PATH == 0 => {
            node.open(writes)?;
            if flags & O_TRUNC != 0 {
                node.truncate(0)?;
            }
        }
        _ => {}
    }
    Ok(Opened { node, place })
}

/// The descriptor that a node stands for, if it does.
fn again(node: &NodeRef) -> Option<Fd> {
    Some(node.clone().into_any().downcast::<OpenNode>().ok()?.fd)
}

/// Gives an open file one more number, if it is open for what `flags` want.
fn open_again(fd: Fd, flags: u32) -> Result<Fd> {
    let open = table::get(fd)?;
    let denied = |_| Errno::EACCES;
    if flags & O_ACCMODE != O_WRONLY {
        open.readable().map_err(denied)?;
    }
    if flags & O_ACCMODE != O_RDONLY {
        open.writable().map_err(denied)?;
    }
    table::duplicate(fd, 0, flags & O_CLOEXEC != 0)
}

fn open_at(dir: Fd, path: UserPtr, flags: u32, mode: u32) -> Result<Fd> {
    let flags = if flags & O_PATH != 0 { flags & WITH_PATH } else { flags };
    if flags & TMPFILE != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if flags & (O_CREAT | O_DIRECTORY) == O_CREAT | O_DIRECTORY {
        return Err(Errno::EINVAL);
    }
    let place = Place::read(dir, path)?;
    table::check_room()?; // before a file is made or made empty
    let Opened { node, place } = open_node(&place, flags, mode)?;
    if let Some(fd) = again(&node).filter(|_| flags & O_PATH == 0) {
        return open_again(fd, flags);
    }
    let file = match place {
        Some((parent, name)) => NodeFile::named(node, parent, name),
        None => NodeFile::new(node),
    };
    table::open(Box::new(file), flags & KEPT, flags & O_CLOEXEC != 0)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// open(2)
    pub fn open[__NR_open](path: UserPtr, flags: u32, mode: u32) -> Result<Fd> {
        open_at(Fd::CWD, path, flags, mode)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// creat(2)
    pub fn creat[__NR_creat](path: UserPtr, mode: u32) -> Result<Fd> {
        open_at(Fd::CWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode)
    }
}

syscall! {
    /// openat(2). O_NONBLOCK and O_APPEND are kept, what concerns caches and signals is too, but
    /// has no effect; O_TMPFILE is not supported.
    pub fn openat[__NR_openat](dir: Fd, path: UserPtr, flags: u32, mode: u32) -> Result<Fd> {
        const { assert!(KEPT & (O_APPEND | O_NONBLOCK) == O_APPEND | O_NONBLOCK) };
        open_at(dir, path, flags, mode)
    }
}

syscall! {
    /// openat2(2): openat(2) that refuses flags it does not know. Of `resolve` none is supported,
    /// which programs take for a kernel that is too old.
    pub fn openat2[__NR_openat2](dir: Fd, path: UserPtr, how: UserPtr, size: usize) -> Result<Fd> {
        const SIZE: usize = size_of::<open_how>();
        /// The access mode, and the flags from O_CREAT to O_TMPFILE.
        const KNOWN: u64 = 0o37_777_703;
        if size < SIZE {
            return Err(Errno::EINVAL);
        }
        if size > PATH_MAX {
            return Err(Errno::E2BIG);
        }
        let bytes: [u8; SIZE] = how.read()?;
        let mut rest = vec![0; size - SIZE];
        how.add(SIZE).copy_in(&mut rest)?;
        if rest.iter().any(|&byte| byte != 0) {
            return Err(Errno::E2BIG);
        }
        let (flags, mode) = (decode!(bytes, open_how, flags), decode!(bytes, open_how, mode));
        let creates = flags & u64::from(O_CREAT | TMPFILE) != 0;
        if decode!(bytes, open_how, resolve) != 0
            || flags & !KNOWN != 0
            || mode & !0o7777 != 0
            || mode != 0 && !creates
            || flags & u64::from(O_PATH) != 0 && flags & !u64::from(WITH_PATH) != 0
        {
            return Err(Errno::EINVAL);
        }
        open_at(dir, path, flags as u32, mode as u32)
    }
}

syscall! {
    /// truncate(2)
    pub fn truncate[__NR_truncate](path: UserPtr, size: i64) -> Result<()> {
        let size = u64::try_from(size).map_err(|_| Errno::EINVAL)?;
        Ok(Place::read(Fd::CWD, path)?.node(true)?.truncate(size)?)
    }
}
