//! Copies from file to file, inside the kernel.
//!
//! What lies in memory (files of the initial RAM disk) is written from there: into a socket's
//! buffer it is copied once.

use crate::transfer::{BUFFER, MAX_COUNT, partial};
use crate::waiting::{Direction, wait_for};
use crate::{Description, table};
use unilith_posix_abi::raw::general;
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, buffer, syscall};
use unilith_posix_task::broken_pipe;

/// Copies between files until `count`, the end of `from`, or a short write.
fn copy(from: &Description, mut at: u64, to: &Description, count: usize) -> Result<usize> {
    let source = from.readable()?;
    to.writable()?;
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
        let put = to.at_offset(true, |offset| {
            wait_for(to, Direction::Write, false, |sink| sink.write(offset, piece))
        });
        match put {
            Ok(0) => break,
            Ok(put) => at += put as u64,
            Err(error) => {
                if at == start && error == Errno::EPIPE {
                    broken_pipe();
                }
                return partial((at - start) as usize, error);
            }
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
