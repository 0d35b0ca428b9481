//! Offsets and sizes.

use crate::table;
use unilith_fs_api::FileType;
use unilith_posix_abi::raw::general::{
    POSIX_FADV_NOREUSE, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET,
};
use unilith_posix_abi::{Errno, Fd, Result, syscall};

syscall! {
    /// lseek(2): moves the offset; where it is afterwards. Holes are not told from data.
    pub fn lseek[__NR_lseek](fd: Fd, offset: i64, whence: u32) -> Result<usize> {
        let open = table::get(fd)?;
        let file = open.opened()?;
        if !file.is_seekable() {
            return Err(Errno::ESPIPE);
        }
        let size = || file.metadata().map(|metadata| metadata.size as i64);
        let base = match whence {
            SEEK_SET => 0,
            SEEK_CUR => open.offset() as i64,
            SEEK_END => size()?,
            SEEK_DATA | SEEK_HOLE => {
                let size = size()?;
                if !(0..size).contains(&offset) {
                    return Err(Errno::ENXIO);
                }
                if whence == SEEK_DATA { 0 } else { size - offset }
            }
            _ => return Err(Errno::EINVAL),
        };
        let target = base.checked_add(offset).ok_or(Errno::EOVERFLOW)?;
        let target = u64::try_from(target).map_err(|_| Errno::EINVAL)?;
        open.set_offset(target);
        Ok(target as usize)
    }
}

syscall! {
    /// ftruncate(2): changes the size of a file that is open for writing.
    pub fn ftruncate[__NR_ftruncate](fd: Fd, size: i64) -> Result<()> {
        let open = table::get(fd)?;
        let size = u64::try_from(size).map_err(|_| Errno::EINVAL)?;
        open.opened()?;
        open.writable().map_err(|_| Errno::EINVAL)?.truncate(size)
    }
}

syscall! {
    /// fsync(2): waits until what was written is where it survives.
    pub fn fsync[__NR_fsync](fd: Fd) -> Result<()> {
        table::get(fd)?.opened()?.sync()
    }
}

syscall! {
    /// fdatasync(2): as fsync(2).
    pub fn fdatasync[__NR_fdatasync](fd: Fd) -> Result<()> {
        table::get(fd)?.opened()?.sync()
    }
}

syscall! {
    /// posix_fadvise(2): checked as Linux does; there is no cache that could heed the advice.
    pub fn fadvise64[__NR_fadvise64](fd: Fd, offset: i64, len: i64, advice: u32) -> Result<()> {
        let open = table::get(fd)?;
        let _ = offset;
        if open.opened()?.metadata()?.file_type == FileType::Fifo {
            return Err(Errno::ESPIPE);
        }
        if len < 0 || advice > POSIX_FADV_NOREUSE {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }
}
