//! Extended attributes: no file system has them, which is what the calls say.

use crate::place::{Place, node_of};
use alloc::vec::Vec;
use unilith_posix_abi::raw::general::{
    XATTR_CREATE, XATTR_NAME_MAX, XATTR_REPLACE, XATTR_SIZE_MAX,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, syscall};

/// Reads an attribute's name. ERANGE if there can be none of that length.
fn read_name(from: UserPtr) -> Result<Vec<u8>> {
    let name = from.read_string(XATTR_NAME_MAX as usize + 1, Errno::ERANGE)?;
    if name.is_empty() { Err(Errno::ERANGE) } else { Ok(name) }
}

/// Looks for the file at a path.
fn at(path: UserPtr, follow: bool) -> Result<()> {
    Place::read(Fd::CWD, path)?.node(follow).map(drop)
}

/// What every call about one attribute gives, when its arguments are right.
fn unsupported<T>(name: UserPtr, file: impl FnOnce() -> Result<()>) -> Result<T> {
    read_name(name)?;
    file()?;
    Err(Errno::EOPNOTSUPP)
}

fn set(name: UserPtr, size: usize, flags: u32, file: impl FnOnce() -> Result<()>) -> Result<()> {
    if flags & !(XATTR_CREATE | XATTR_REPLACE) != 0 {
        return Err(Errno::EINVAL);
    }
    if size > XATTR_SIZE_MAX as usize {
        return Err(Errno::E2BIG);
    }
    unsupported(name, file)
}

syscall! {
    /// getxattr(2)
    pub fn getxattr[__NR_getxattr](
        path: UserPtr,
        name: UserPtr,
        value: UserPtr,
        size: usize,
    ) -> Result<usize> {
        let _ = (value, size);
        unsupported(name, || at(path, true))
    }
}

syscall! {
    /// lgetxattr(2)
    pub fn lgetxattr[__NR_lgetxattr](
        path: UserPtr,
        name: UserPtr,
        value: UserPtr,
        size: usize,
    ) -> Result<usize> {
        let _ = (value, size);
        unsupported(name, || at(path, false))
    }
}

syscall! {
    /// fgetxattr(2)
    pub fn fgetxattr[__NR_fgetxattr](
        fd: Fd,
        name: UserPtr,
        value: UserPtr,
        size: usize,
    ) -> Result<usize> {
        let _ = (value, size);
        unsupported(name, || node_of(fd).map(drop))
    }
}

syscall! {
    /// setxattr(2)
    pub fn setxattr[__NR_setxattr](
        path: UserPtr,
        name: UserPtr,
        value: UserPtr,
        size: usize,
        flags: u32,
    ) -> Result<()> {
        let _ = value;
        set(name, size, flags, || at(path, true))
    }
}

syscall! {
    /// lsetxattr(2)
    pub fn lsetxattr[__NR_lsetxattr](
        path: UserPtr,
        name: UserPtr,
        value: UserPtr,
        size: usize,
        flags: u32,
    ) -> Result<()> {
        let _ = value;
        set(name, size, flags, || at(path, false))
    }
}

syscall! {
    /// fsetxattr(2)
    pub fn fsetxattr[__NR_fsetxattr](
        fd: Fd,
        name: UserPtr,
        value: UserPtr,
        size: usize,
        flags: u32,
    ) -> Result<()> {
        let _ = value;
        set(name, size, flags, || node_of(fd).map(drop))
    }
}

syscall! {
    /// listxattr(2): an empty list.
    pub fn listxattr[__NR_listxattr](path: UserPtr, list: UserPtr, size: usize) -> Result<usize> {
        let _ = (list, size);
        at(path, true).map(|()| 0)
    }
}

syscall! {
    /// llistxattr(2): an empty list.
    pub fn llistxattr[__NR_llistxattr](path: UserPtr, list: UserPtr, size: usize) -> Result<usize> {
        let _ = (list, size);
        at(path, false).map(|()| 0)
    }
}

syscall! {
    /// flistxattr(2): an empty list.
    pub fn flistxattr[__NR_flistxattr](fd: Fd, list: UserPtr, size: usize) -> Result<usize> {
        let _ = (list, size);
        node_of(fd).map(|_| 0)
    }
}

syscall! {
    /// removexattr(2)
    pub fn removexattr[__NR_removexattr](path: UserPtr, name: UserPtr) -> Result<()> {
        unsupported(name, || at(path, true))
    }
}

syscall! {
    /// lremovexattr(2)
    pub fn lremovexattr[__NR_lremovexattr](path: UserPtr, name: UserPtr) -> Result<()> {
        unsupported(name, || at(path, false))
    }
}

syscall! {
    /// fremovexattr(2)
    pub fn fremovexattr[__NR_fremovexattr](fd: Fd, name: UserPtr) -> Result<()> {
        unsupported(name, || node_of(fd).map(drop))
    }
}
