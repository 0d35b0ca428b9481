//! Reading and writing.
//!
//! Bytes go through a buffer of the kernel, as files do not touch an application's memory. The
//! contents of files that lie in memory are copied straight from there.

use crate::{Description, table};
use unilith_posix_abi::raw::general;
use unilith_posix_abi::{Errno, Fd, IoVec, Result, UserPtr, buffer, syscall};

/// Most bytes that one call transfers (MAX_RW_COUNT).
const MAX_COUNT: usize = 0x7fff_f000;
/// Bytes in a buffer on the heap.
const BUFFER: usize = 64 * 1024;
/// Bytes in a buffer on the stack: enough for a line.
const SMALL: usize = 256;

/// Lends a buffer of at least one byte and at most `len`.
fn with_buffer<T>(len: usize, act: impl FnOnce(&mut [u8]) -> Result<T>) -> Result<T> {
    if len <= SMALL {
        act(&mut [0; SMALL][..len.max(1)])
    } else {
        act(&mut buffer(len.min(BUFFER))?)
    }
}

/// What a transfer that failed half-way gives back: how far it came, unless it did not start.
fn partial(done: usize, error: Errno) -> Result<usize> {
    if done > 0 { Ok(done) } else { Err(error) }
}

/// Copies from a file to the application.
fn read_at(open: &Description, offset: u64, to: UserPtr, count: usize) -> Result<usize> {
    let file = open.readable()?;
    let count = count.min(MAX_COUNT);
    if let Some(data) = file.in_memory() {
        let rest = usize::try_from(offset).ok().and_then(|offset| data.get(offset..));
        let rest = rest.unwrap_or_default();
        let rest = &rest[..rest.len().min(count)];
        to.copy_out(rest)?;
        return Ok(rest.len());
    }
    with_buffer(count, |buffer| {
        let mut done = 0;
        loop {
            let piece = buffer.len().min(count - done);
            let got = match file.read(offset.saturating_add(done as u64), &mut buffer[..piece]) {
                Ok(got) => got.min(piece),
                Err(error) => return partial(done, error),
            };
            if let Err(error) = to.add(done).copy_out(&buffer[..got]) {
                return partial(done, error);
            }
            done += got;
            // What is not a file with positions gives what it has; more would wait.
            if got < piece || done == count || !file.is_seekable() {
                return Ok(done);
            }
        }
    })
}

/// Copies from the application to a file.
fn write_at(open: &Description, offset: u64, from: UserPtr, count: usize) -> Result<usize> {
    let file = open.writable()?;
    let count = count.min(MAX_COUNT);
    with_buffer(count, |buffer| {
        let mut done = 0;
        loop {
            let piece = buffer.len().min(count - done);
            if let Err(error) = from.add(done).copy_in(&mut buffer[..piece]) {
                return partial(done, error);
            }
            match file.write(offset.saturating_add(done as u64), &buffer[..piece]) {
                Ok(put) => done += put.min(piece),
                Err(error) => return partial(done, error),
            }
            if done == count || piece == 0 {
                return Ok(done);
            }
        }
    })
}

type Transfer = fn(&Description, u64, UserPtr, usize) -> Result<usize>;

/// The pieces that one readv(2) may fill: of a file without positions the first only, as waiting
/// for more would keep from the application what there is.
fn fillable<'a>(open: &Description, pieces: &'a [IoVec]) -> &'a [IoVec] {
    let first = pieces.iter().position(|piece| piece.len > 0);
    match first {
        Some(first) if !open.file().is_seekable() => &pieces[..=first],
        _ => pieces,
    }
}

/// Several transfers one after the other, until one is short.
fn vectored(open: &Description, offset: u64, pieces: &[IoVec], one: Transfer) -> Result<usize> {
    let mut done = 0;
    for piece in pieces.iter().filter(|piece| piece.len > 0) {
        match one(open, offset.saturating_add(done as u64), piece.base, piece.len) {
            Ok(count) => {
                done += count;
                if count < piece.len {
                    break;
                }
            }
            Err(error) => return partial(done, error),
        }
    }
    if done == 0 && pieces.iter().all(|piece| piece.len == 0) {
        return one(open, offset, UserPtr::NULL, 0); // checks the descriptor
    }
    Ok(done)
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
        open.at_offset(false, |offset| read_at(&open, offset, buf, count))
    }
}

syscall! {
    /// write(2): up to `count` bytes to the offset.
    pub fn write[__NR_write](fd: Fd, buf: UserPtr, count: usize) -> Result<usize> {
        let open = table::get(fd)?;
        open.at_offset(true, |offset| write_at(&open, offset, buf, count))
    }
}

syscall! {
    /// readv(2): read(2) into several pieces.
    pub fn readv[__NR_readv](fd: Fd, iov: UserPtr, count: usize) -> Result<usize> {
        let open = table::get(fd)?;
        let pieces = IoVec::read_array(iov, count)?;
        let pieces = fillable(&open, &pieces);
        open.at_offset(false, |offset| vectored(&open, offset, pieces, read_at))
    }
}

syscall! {
    /// writev(2): write(2) from several pieces.
    pub fn writev[__NR_writev](fd: Fd, iov: UserPtr, count: usize) -> Result<usize> {
        let open = table::get(fd)?;
        let pieces = IoVec::read_array(iov, count)?;
        open.at_offset(true, |offset| vectored(&open, offset, &pieces, write_at))
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
        read_at(&open, positioned(&open, position)?, buf, count)
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
        write_at(&open, writing_position(&open, position)?, buf, count)
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
        vectored(&open, offset, &IoVec::read_array(iov, count)?, read_at)
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
        vectored(&open, offset, &IoVec::read_array(iov, count)?, write_at)
    }
}

/// Copies between files until `count`, the end of `from`, or a short write.
fn copy(from: &Description, mut at: u64, to: &Description, count: usize) -> Result<usize> {
    let (source, sink) = (from.readable()?, to.writable()?);
    let count = count.min(MAX_COUNT);
    let end = at.saturating_add(count as u64);
    let mut buffer = buffer(if source.in_memory().is_some() { 0 } else { count.min(BUFFER) })?;
    let start = at;
    while at < end {
        let left = (end - at) as usize;
        let piece = match source.in_memory() {
            Some(data) => {
                let rest = usize::try_from(at).ok().and_then(|at| data.get(at..));
                let rest = rest.unwrap_or_default();
                &rest[..rest.len().min(left)]
            }
            None => {
                let len = buffer.len().min(left);
                match source.read(at, &mut buffer[..len]) {
                    Ok(got) => &buffer[..got.min(len)],
                    Err(error) => return partial((at - start) as usize, error),
                }
            }
        };
        if piece.is_empty() {
            break;
        }
        match to.at_offset(true, |offset| sink.write(offset, piece)) {
            Ok(0) => break,
            Ok(put) => at += put as u64,
            Err(error) => return partial((at - start) as usize, error),
        }
    }
    Ok((at - start) as usize)
}

/// Where to read: the offset at `pointer`, or that of the description.
fn source_offset(from: &Description, pointer: UserPtr) -> Result<u64> {
    if pointer.is_null() {
        return Ok(from.offset());
    }
    if !from.opened()?.is_seekable() {
        return Err(Errno::ESPIPE);
    }
    pointer.read_u64().and_then(|at| if at as i64 >= 0 { Ok(at) } else { Err(Errno::EINVAL) })
}

/// Tells how far the reading came, in the place where it was told from.
fn advance(from: &Description, pointer: UserPtr, to: u64) -> Result<()> {
    if pointer.is_null() {
        from.set_offset(to);
        return Ok(());
    }
    pointer.copy_out(&to.to_ne_bytes())
}

syscall! {
    /// sendfile(2): from a file with positions to any file.
    pub fn sendfile[__NR_sendfile](
        out: Fd,
        input: Fd,
        offset: UserPtr,
        count: usize,
    ) -> Result<usize> {
        let (to, from) = (table::get(out)?, table::get(input)?);
        if !from.readable()?.is_seekable() || from.file().node().is_none() {
            return Err(Errno::EINVAL);
        }
        if to.flags() & general::O_APPEND != 0 {
            return Err(Errno::EINVAL);
        }
        let at = source_offset(&from, offset)?;
        let done = copy(&from, at, &to, count)?;
        advance(&from, offset, at + done as u64)?;
        Ok(done)
    }
}

syscall! {
    /// copy_file_range(2): between two regular files, at least one of them at its own offset.
    pub fn copy_file_range[__NR_copy_file_range](
        input: Fd,
        in_offset: UserPtr,
        out: Fd,
        out_offset: UserPtr,
        count: usize,
        flags: u32,
    ) -> Result<usize> {
        use unilith_fs_api::FileType::Regular;
        let (from, to) = (table::get(input)?, table::get(out)?);
        let regular = |open: &Description| {
            open.opened()?.metadata().map(|metadata| metadata.file_type == Regular)
        };
        if flags != 0 || !regular(&from)? || !regular(&to)? {
            return Err(Errno::EINVAL);
        }
        if to.flags() & general::O_APPEND != 0 {
            return Err(Errno::EBADF);
        }
        let same = from.file().node().map(|node| node.id()) == to.file().node().map(|n| n.id());
        if same {
            return Err(Errno::EINVAL); // ranges of one file must not overlap
        }
        let at = source_offset(&from, in_offset)?;
        let own = to.offset();
        if !out_offset.is_null() {
            to.set_offset(source_offset(&to, out_offset)?);
        }
        let done = copy(&from, at, &to, count);
        if !out_offset.is_null() {
            let end = to.offset();
            to.set_offset(own);
            out_offset.copy_out(&end.to_ne_bytes())?;
        }
        let done = done?;
        advance(&from, in_offset, at + done as u64)?;
        Ok(done)
    }
}
