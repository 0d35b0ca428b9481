//! Descriptors themselves: closing, copying, flags.

use crate::table;
use unilith_posix_abi::raw::general::{
    F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_GETLK, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
    F_RDLCK, F_SETFD, F_SETFL, F_SETLK, F_SETLKW, F_UNLCK, F_WRLCK, FD_CLOEXEC, O_CLOEXEC,
    O_LARGEFILE, flock as Lock,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, decode, syscall};

/// `<linux/close_range.h>`
const CLOSE_RANGE_UNSHARE: u32 = 1 << 1;
/// `<linux/close_range.h>`
const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;

syscall! {
    /// close(2)
    pub fn close[__NR_close](fd: Fd) -> Result<()> {
        table::close(fd)
    }
}

syscall! {
    /// close_range(2): CLOSE_RANGE_UNSHARE changes nothing, as nobody shares the table.
    pub fn close_range[__NR_close_range](first: u32, last: u32, flags: u32) -> Result<()> {
        if flags & !(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE) != 0 || first > last {
            return Err(Errno::EINVAL);
        }
        for fd in table::open_between(first as usize, last as usize) {
            if flags & CLOSE_RANGE_CLOEXEC != 0 {
                table::set_close_on_exec(fd, true)?;
            } else {
                table::close(fd)?;
            }
        }
        Ok(())
    }
}

syscall! {
    /// dup(2)
    pub fn dup[__NR_dup](fd: Fd) -> Result<Fd> {
        table::duplicate(fd, 0, false)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// dup2(2)
    pub fn dup2[__NR_dup2](old: Fd, new: Fd) -> Result<Fd> {
        if old == new {
            return table::get(old).map(|_| new);
        }
        table::duplicate_to(old, new, false)
    }
}

syscall! {
    /// dup3(2)
    pub fn dup3[__NR_dup3](old: Fd, new: Fd, flags: u32) -> Result<Fd> {
        if flags & !O_CLOEXEC != 0 || old == new {
            return Err(Errno::EINVAL);
        }
        table::duplicate_to(old, new, flags & O_CLOEXEC != 0)
    }
}

/// Locks of byte ranges. There is one process, which never stands in its own way: POSIX lets it
/// replace its own locks. So any valid request is granted.
fn record_lock(fd: Fd, command: u32, pointer: UserPtr) -> Result<usize> {
    const SIZE: usize = size_of::<Lock>();
    let open = table::get(fd)?;
    open.opened()?;
    let request: [u8; SIZE] = pointer.read()?;
    let kind = decode!(request, Lock, l_type) as u32;
    let get = matches!(command, F_GETLK | F_OFD_GETLK);
    match kind {
        F_RDLCK if !get => drop(open.readable()?),
        F_WRLCK if !get => drop(open.writable()?),
        F_RDLCK | F_WRLCK => {
            let offset = core::mem::offset_of!(Lock, l_type);
            pointer.add(offset).copy_out(&(F_UNLCK as i16).to_ne_bytes())?;
        }
        F_UNLCK if !get => {}
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

syscall! {
    /// fcntl(2): F_DUPFD, flags, locks of byte ranges, and what the file itself understands. There
    /// is no SIGIO: F_SETOWN and its kin are EINVAL.
    pub fn fcntl[__NR_fcntl](fd: Fd, command: u32, argument: usize) -> Result<usize> {
        let number = |fd: Fd| fd.0 as usize;
        match command {
            F_DUPFD | F_DUPFD_CLOEXEC => {
                table::duplicate(fd, argument as u32 as usize, command == F_DUPFD_CLOEXEC)
                    .map(number)
            }
            F_GETFD => {
                table::close_on_exec(fd).map(|set| if set { FD_CLOEXEC as usize } else { 0 })
            }
            F_SETFD => {
                table::set_close_on_exec(fd, argument as u32 & FD_CLOEXEC != 0).map(|()| 0)
            }
            F_GETFL => Ok((table::get(fd)?.flags() | O_LARGEFILE) as usize),
            F_SETFL => {
                let open = table::get(fd)?;
                open.opened()?;
                open.set_flags(argument as u32);
                Ok(0)
            }
            F_GETLK | F_SETLK | F_SETLKW | F_OFD_GETLK | F_OFD_SETLK | F_OFD_SETLKW => {
                record_lock(fd, command, UserPtr(argument))
            }
            _ => table::get(fd)?.opened()?.fcntl(command, argument),
        }
    }
}
