//! Reading and writing.
//!
//! Files that can move bytes straight from or to the application do. For others they go through a
//! buffer of the kernel, and the contents of files that lie in memory are copied from there.

use crate::bytes::{Sink, Source, UserPieces, moved};
use crate::waiting::{Direction, wait_for};
use crate::{Description, File, table};
use unilith_posix_abi::raw::general;
use unilith_posix_abi::{Errno, Fd, IoVec, Result, UserPtr, buffer, syscall};
use unilith_posix_task::broken_pipe;

/// Most bytes that one call transfers (MAX_RW_COUNT).
pub const MAX_COUNT: usize = 0x7fff_f000;
/// Bytes in a buffer on the heap.
pub(crate) const BUFFER: usize = 64 * 1024;
/// Bytes in a buffer on the stack: enough for a line.
const SMALL: usize = 256;

/// Lends a buffer of at least one byte and at most `len`. Where pieces do as well, as in a file with
/// positions, a small one if there is no memory: it is for the file to say what it has no room for.
fn with_buffer<T>(
    len: usize,
    in_pieces: bool,
    act: impl FnOnce(&mut [u8]) -> Result<T>,
) -> Result<T> {
    if len <= SMALL {
        return act(&mut [0; SMALL][..len.max(1)]);
    }
    match buffer(len.min(BUFFER)) {
        Ok(mut buffer) => act(&mut buffer),
        Err(_) if in_pieces => act(&mut [0; SMALL]),
        Err(error) => Err(error),
    }
}

/// What a transfer that failed half-way gives back: how far it came, unless it did not start.
pub fn partial(done: usize, error: Errno) -> Result<usize> {
    if done > 0 { Ok(done) } else { Err(error) }
}

/// Reads from a file with positions until `to` is full or the file ends.
fn read_seekable(file: &dyn File, offset: u64, to: &mut UserPieces<'_>) -> Result<usize> {
    if let Some(data) = file.in_memory() {
        let rest = usize::try_from(offset).ok().and_then(|offset| data.get(offset..));
        let count = to.put(rest.unwrap_or_default());
        return moved(count, Sink::fault(to));
    }
    with_buffer(Sink::left(to), true, |buffer| {
        let mut done = 0;
        loop {
            let piece = buffer.len().min(Sink::left(to));
            let got = match file.read(offset.saturating_add(done as u64), &mut buffer[..piece]) {
                Ok(got) => got.min(piece),
                Err(error) => return partial(done, error),
            };
            done += to.put(&buffer[..got]);
            if Sink::fault(to) {
                return moved(done, true);
            }
            if got < piece || Sink::left(to) == 0 {
                return Ok(done);
            }
        }
    })
}

/// Reads what a file without positions has; more would mean waiting again.
fn read_available(file: &dyn File, to: &mut UserPieces<'_>) -> Result<usize> {
    if let Some(result) = file.read_into(to) {
        return result;
    }
    with_buffer(Sink::left(to), false, |buffer| {
        let room = buffer.len().min(Sink::left(to));
        let got = file.read(0, &mut buffer[..room])?.min(room);
        let count = to.put(&buffer[..got]);
        moved(count, Sink::fault(to))
    })
}

/// Copies from a file to the application.
fn read_at(open: &Description, offset: u64, to: &[IoVec], nonblocking: bool) -> Result<usize> {
    let file = open.readable()?;
    let mut to = UserPieces::new(to, MAX_COUNT);
    if file.is_seekable() {
        return read_seekable(file, offset, &mut to);
    }
    wait_for(open, Direction::Read, nonblocking, |file| read_available(file, &mut to))
}

/// Writes some of `from`, by way of a buffer if need be, and moves on by what was written.
fn write_some(file: &dyn File, offset: u64, from: &mut UserPieces<'_>) -> Result<usize> {
    if !file.is_seekable()
        && let Some(result) = file.write_from(from)
    {
        return result;
    }
    with_buffer(Source::left(from), file.is_seekable(), |buffer| {
        let start = *from;
        let piece = buffer.len().min(Source::left(from));
        let got = from.get(&mut buffer[..piece]);
        let result = match moved(got, Source::fault(from)) {
            Ok(_) => file.write(offset, &buffer[..got]).map(|put| put.min(got)),
            Err(error) => Err(error),
        };
        *from = start;
        from.skip(*result.as_ref().unwrap_or(&0));
        result
    })
}

/// Copies from the application to a file: everything, unless the file takes no more.
fn write_at(open: &Description, offset: u64, from: &[IoVec], nonblocking: bool) -> Result<usize> {
    let stream = open.writable()?.is_stream();
    let mut from = UserPieces::new(from, MAX_COUNT);
    let mut done = 0;
    loop {
        let at = offset.saturating_add(done as u64);
        match wait_for(open, Direction::Write, nonblocking, |f| write_some(f, at, &mut from)) {
            Ok(0) => return moved(done, Source::fault(&from)),
            Ok(put) => done += put,
            Err(error) => {
                if done == 0 && error == Errno::EPIPE {
                    broken_pipe();
                }
                return partial(done, error);
            }
        }
        if Source::left(&from) == 0 || !stream {
            return Ok(done);
        }
        if Source::fault(&from) {
            return moved(done, true);
        }
    }
}

/// One piece, as an array.
fn single(base: UserPtr, len: usize) -> [IoVec; 1] {
    [IoVec { base, len }]
}

fn positioned(open: &Description, offset: i64) -> Result<u64> {
    if !open.opened()?.is_seekable() {
        return Err(Errno::ESPIPE);
    }
    u64::try_from(offset).map_err(|_| Errno::EINVAL)
}

/// Where pwrite(2) writes: with O_APPEND to the end, whatever the position (its page calls that a
/// bug of Linux, but programs have been written on it).
fn writing_position(open: &Description, offset: i64) -> Result<u64> {
    let offset = positioned(open, offset)?;
    if open.flags() & general::O_APPEND == 0 {
        return Ok(offset);
    }
    Ok(open.file().metadata()?.size)
}

syscall! {
    /// read(2): up to `count` bytes from the offset on.
    pub fn read[__NR_read](fd: Fd, buf: UserPtr, count: usize) -> Result<usize> {
        let open = table::get(fd)?;
        open.at_offset(false, |offset| read_at(&open, offset, &single(buf, count), false))
    }
}

syscall! {
    /// write(2): up to `count` bytes to the offset.
    pub fn write[__NR_write](fd: Fd, buf: UserPtr, count: usize) -> Result<usize> {
        let open = table::get(fd)?;
        open.at_offset(true, |offset| write_at(&open, offset, &single(buf, count), false))
    }
}

syscall! {
    /// readv(2): read(2) into several pieces.
    pub fn readv[__NR_readv](fd: Fd, iov: UserPtr, count: usize) -> Result<usize> {
        let open = table::get(fd)?;
        let pieces = IoVec::read_array(iov, count)?;
        open.at_offset(false, |offset| read_at(&open, offset, &pieces, false))
    }
}

syscall! {
    /// writev(2): write(2) from several pieces.
    pub fn writev[__NR_writev](fd: Fd, iov: UserPtr, count: usize) -> Result<usize> {
        let open = table::get(fd)?;
        let pieces = IoVec::read_array(iov, count)?;
        open.at_offset(true, |offset| write_at(&open, offset, &pieces, false))
    }
}

syscall! {
    /// pread(2): read at a position, without moving the offset.
    pub fn pread64[__NR_pread64](
        fd: Fd,
        buf: UserPtr,
        count: usize,
        position: i64,
    ) -> Result<usize> {
        let open = table::get(fd)?;
        read_at(&open, positioned(&open, position)?, &single(buf, count), false)
    }
}

syscall! {
    /// pwrite(2): write at a position, without moving the offset.
    pub fn pwrite64[__NR_pwrite64](
        fd: Fd,
        buf: UserPtr,
        count: usize,
        position: i64,
    ) -> Result<usize> {
        let open = table::get(fd)?;
        write_at(&open, writing_position(&open, position)?, &single(buf, count), false)
    }
}

syscall! {
    /// preadv(2): the high half of the position is for 32-bit machines only.
    pub fn preadv[__NR_preadv](
        fd: Fd,
        iov: UserPtr,
        count: usize,
        position: i64,
        high: usize,
    ) -> Result<usize> {
        let _ = high;
        let open = table::get(fd)?;
        let offset = positioned(&open, position)?;
        read_at(&open, offset, &IoVec::read_array(iov, count)?, false)
    }
}

syscall! {
    /// pwritev(2): the high half of the position is for 32-bit machines only.
    pub fn pwritev[__NR_pwritev](
        fd: Fd,
        iov: UserPtr,
        count: usize,
        position: i64,
        high: usize,
    ) -> Result<usize> {
        let _ = high;
        let open = table::get(fd)?;
        let offset = writing_position(&open, position)?;
        write_at(&open, offset, &IoVec::read_array(iov, count)?, false)
    }
}

/// RWF_NOWAIT, from flags of preadv2(2) of which it and advice are all that is supported.
fn nowait(flags: u32) -> Result<bool> {
    if flags & !(general::RWF_NOWAIT | general::RWF_HIPRI) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok(flags & general::RWF_NOWAIT != 0)
}

syscall! {
    /// preadv2(2): at the offset if the position is -1; RWF_NOWAIT.
    pub fn preadv2[__NR_preadv2](
        fd: Fd,
        iov: UserPtr,
        count: usize,
        position: i64,
        high: usize,
        flags: u32,
    ) -> Result<usize> {
        let _ = high;
        let open = table::get(fd)?;
        let (pieces, nonblocking) = (IoVec::read_array(iov, count)?, nowait(flags)?);
        if position == -1 {
            return open.at_offset(false, |offset| read_at(&open, offset, &pieces, nonblocking));
        }
        read_at(&open, positioned(&open, position)?, &pieces, nonblocking)
    }
}

syscall! {
    /// pwritev2(2): at the offset if the position is -1; RWF_NOWAIT.
    pub fn pwritev2[__NR_pwritev2](
        fd: Fd,
        iov: UserPtr,
        count: usize,
        position: i64,
        high: usize,
        flags: u32,
    ) -> Result<usize> {
        let _ = high;
        let open = table::get(fd)?;
        let (pieces, nonblocking) = (IoVec::read_array(iov, count)?, nowait(flags)?);
        if position == -1 {
            return open.at_offset(true, |offset| write_at(&open, offset, &pieces, nonblocking));
        }
        write_at(&open, writing_position(&open, position)?, &pieces, nonblocking)
    }
}
