//! Room for files, and what concerns caches.

use crate::place::Place;
use unilith_fs_api::FileType;
use unilith_posix_abi::raw::general::{
    SYNC_FILE_RANGE_WAIT_AFTER, SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, syscall};
use unilith_posix_fd::table;

syscall! {
    /// fallocate(2): mode 0 where the file system can; EOPNOTSUPP else, which C libraries know
    /// how to do without.
    pub fn fallocate[__NR_fallocate](fd: Fd, mode: u32, offset: i64, len: i64) -> Result<()> {
        let open = table::get(fd)?;
        open.writable()?;
        let (offset, len) = match (u64::try_from(offset), u64::try_from(len)) {
            (Ok(offset), Ok(len)) if len > 0 => (offset, len),
            _ => return Err(Errno::EINVAL),
        };
        let end = offset.checked_add(len).filter(|&end| i64::try_from(end).is_ok());
        end.ok_or(Errno::EFBIG)?;
        let node = open.file().node().ok_or(Errno::ESPIPE)?;
        match node.file_type() {
            FileType::Regular if mode == 0 => Ok(node.allocate(offset, len)?),
            FileType::Regular => Err(Errno::EOPNOTSUPP),
            FileType::Directory => Err(Errno::EISDIR),
            FileType::Fifo => Err(Errno::ESPIPE),
            _ => Err(Errno::ENODEV),
        }
    }
}

syscall! {
    /// sync_file_range(2): all of the file is synced, which is more than was asked for.
    pub fn sync_file_range[__NR_sync_file_range](
        fd: Fd,
        offset: i64,
        len: i64,
        flags: u32,
    ) -> Result<()> {
        const KNOWN: u32 =
            SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
        let open = table::get(fd)?;
        let file = open.opened()?;
        if flags & !KNOWN != 0 || offset < 0 || len < 0 {
            return Err(Errno::EINVAL);
        }
        if !file.is_seekable() {
            return Err(Errno::ESPIPE);
        }
        if flags & SYNC_FILE_RANGE_WRITE != 0 { file.sync() } else { Ok(()) }
    }
}

syscall! {
    /// readahead(2): checked as Linux does; there is no cache that could be filled.
    pub fn readahead[__NR_readahead](fd: Fd, offset: i64, count: usize) -> Result<()> {
        let _ = (offset, count);
        let open = table::get(fd)?;
        match open.readable()?.node() {
            Some(node) if node.file_type() == FileType::Regular => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }
}

syscall! {
    /// mount(2): the tree is made by the configuration. EPERM, as for who may not.
    pub fn mount[__NR_mount](
        source: UserPtr,
        target: UserPtr,
        kind: UserPtr,
        flags: usize,
        data: UserPtr,
    ) -> Result<()> {
        let _ = (source, kind, flags, data);
        Place::read(Fd::CWD, target)?.node(true)?;
        Err(Errno::EPERM)
    }
}

syscall! {
    /// umount2(2): EBUSY for what is mounted, as it stays; EINVAL for what is not.
    pub fn umount2[__NR_umount2](target: UserPtr, flags: u32) -> Result<()> {
        let _ = flags;
        let node = Place::read(Fd::CWD, target)?.node(true)?;
        let mounted = unilith_vfs::vfs().mounts().iter().any(|root| root.id() == node.id());
        Err(if mounted { Errno::EBUSY } else { Errno::EINVAL })
    }
}
