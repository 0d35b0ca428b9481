//! Listing directories, and the working directory.

use crate::place::{Place, node_of, set_working, working};
use alloc::vec::Vec;
use unilith_fs_api::{DirEntry, FileType};
use unilith_posix_abi::raw::general::linux_dirent64 as Dirent;
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, encode, syscall};
use unilith_posix_fd::table;
use unilith_vfs::vfs;

/// Most bytes of entries in one call.
const MOST: usize = 32 * 1024;
/// Offsets of `.` and `..` come before those of the file system.
const DOTS: u64 = 2;

/// Entries in the layout of getdents64(2), or of its predecessor, as many as fit.
struct Entries {
    bytes: Vec<u8>,
    room: usize,
    old: bool,
}

impl Entries {
    /// Adds an entry; false if it does not fit.
    fn push(&mut self, entry: DirEntry<'_>) -> bool {
        const NAME: usize = core::mem::offset_of!(Dirent, d_name);
        // The old layout has the type behind the name, in the last byte.
        let (name_at, more) = if self.old { (NAME - 1, 2) } else { (NAME, 1) };
        let len = (name_at + entry.name.len() + more).next_multiple_of(8);
        if len > self.room - self.bytes.len() {
            return false;
        }
        let head = encode!(Dirent {
            d_ino: entry.inode,
            d_off: entry.next,
            d_reclen: len,
            d_type: entry.file_type.dirent_type(),
        });
        let end = self.bytes.len() + len;
        self.bytes.extend_from_slice(&head[..name_at]);
        self.bytes.extend_from_slice(entry.name);
        self.bytes.resize(end, 0);
        if let Some(last) = self.bytes.last_mut().filter(|_| self.old) {
            *last = entry.file_type.dirent_type();
        }
        true
    }
}

/// Lists what `fd` is from its offset on, and moves that.
fn list(fd: Fd, to: UserPtr, count: u32, old: bool) -> Result<usize> {
    let open = table::get(fd)?;
    let dir = open.readable()?.node().ok_or(Errno::ENOTDIR)?;
    if dir.file_type() != FileType::Directory {
        return Err(Errno::ENOTDIR);
    }
    let mut entries = Entries { bytes: Vec::new(), room: (count as usize).min(MOST), old };
    let mut at = open.offset();
    let mut full = false;
    while at < DOTS && !full {
        let (name, inode) = match at {
            0 => (&b"."[..], dir.id().inode),
            _ => (&b".."[..], vfs().parent(dir).unwrap_or_else(|_| dir.clone()).id().inode),
        };
        let file_type = FileType::Directory;
        full = !entries.push(DirEntry { name, inode, file_type, next: at + 1 });
        at += u64::from(!full);
    }
    if !full {
        vfs().read_dir(dir, at - DOTS, &mut |entry| {
            let next = entry.next + DOTS;
            full = !entries.push(DirEntry { next, ..entry });
            if !full {
                at = next;
            }
            !full
        })?;
    }
    if entries.bytes.is_empty() && full {
        return Err(Errno::EINVAL);
    }
    to.copy_out(&entries.bytes)?;
    open.set_offset(at);
    Ok(entries.bytes.len())
}

syscall! {
    /// getdents64(2): the offset of the description is where listing goes on.
    pub fn getdents64[__NR_getdents64](fd: Fd, to: UserPtr, count: u32) -> Result<usize> {
        list(fd, to, count, false)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// getdents(2), the call before getdents64(2).
    pub fn getdents[__NR_getdents](fd: Fd, to: UserPtr, count: u32) -> Result<usize> {
        list(fd, to, count, true)
    }
}

syscall! {
    /// getcwd(2): the call gives the length with the NUL.
    pub fn getcwd[__NR_getcwd](to: UserPtr, size: usize) -> Result<usize> {
        let mut path = vfs().path_of(&working()?)?;
        path.push(0);
        if path.len() > size {
            return Err(Errno::ERANGE);
        }
        to.copy_out(&path)?;
        Ok(path.len())
    }
}

syscall! {
    /// chdir(2)
    pub fn chdir[__NR_chdir](path: UserPtr) -> Result<()> {
        set_working(Place::read(Fd::CWD, path)?.node(true)?)
    }
}

syscall! {
    /// fchdir(2)
    pub fn fchdir[__NR_fchdir](fd: Fd) -> Result<()> {
        let node = node_of(fd).or_else(|_| table::get(fd).and(Err(Errno::ENOTDIR)))?;
        set_working(node)
    }
}
