//! The application's memory.

use crate::{Errno, Result};
use alloc::vec::Vec;

/// Bytes that a path may have, its NUL included.
pub const PATH_MAX: usize = 4096;
/// Pieces that one call can scatter or gather (UIO_MAXIOV).
pub const IOV_MAX: usize = 1024;
/// A string is looked for in pieces that do not cross a page: what follows may be unmapped.
const PAGE: usize = 4096;

/// A buffer of `len` zeros. ENOMEM if there is no memory for it: an application that has taken all
/// gets an error, the kernel does not end.
pub fn buffer(len: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| Errno::ENOMEM)?;
    buffer.resize(len, 0);
    Ok(buffer)
}

/// An address that the application gave. It may be any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserPtr(pub usize);

impl UserPtr {
    /// The null pointer: in many calls, "I do not want this".
    pub const NULL: Self = Self(0);

    /// Whether it is the null pointer.
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The address `bytes` further on. It wraps: then the copy fails.
    pub const fn add(self, bytes: usize) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// Fills `into` with what is there. EFAULT if it is not readable.
    pub fn copy_in(self, into: &mut [u8]) -> Result<()> {
        if into.is_empty() {
            return Ok(());
        }
        Ok(unilith_posix_api::copy_in(self.0, into)?)
    }

    /// Writes `bytes` there. EFAULT if it is not writable.
    pub fn copy_out(self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        Ok(unilith_posix_api::copy_out(bytes, self.0)?)
    }

    /// Reads a structure of `N` bytes.
    pub fn read<const N: usize>(self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.copy_in(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads an integer.
    pub fn read_u32(self) -> Result<u32> {
        self.read().map(u32::from_ne_bytes)
    }

    /// Reads an integer.
    pub fn read_u64(self) -> Result<u64> {
        self.read().map(u64::from_ne_bytes)
    }

    /// Reads a `struct timespec`: nanoseconds, or as many as a number can tell. EINVAL if it is
    /// negative or its fraction is none.
    pub fn read_timespec(self) -> Result<u64> {
        const SECOND: u64 = 1_000_000_000;
        let (seconds, nanoseconds) = (self.read_u64()?, self.add(8).read_u64()?);
        if i64::try_from(seconds).is_err() || nanoseconds >= SECOND {
            return Err(Errno::EINVAL);
        }
        Ok(seconds.saturating_mul(SECOND).saturating_add(nanoseconds))
    }

    /// Reads a string that ends with NUL, which is left out. `too_long` if there is none within
    /// `limit` bytes.
    pub fn read_string(self, limit: usize, too_long: Errno) -> Result<Vec<u8>> {
        let mut string = Vec::new();
        while string.len() < limit {
            let at = self.add(string.len());
            // Most strings are short: begin with little, but end with a page.
            let piece = if string.is_empty() { 64 } else { PAGE };
            let len = piece.min(PAGE - at.0 % PAGE).min(limit - string.len());
            let start = string.len();
            string.resize(start + len, 0);
            at.copy_in(&mut string[start..])?;
            if let Some(end) = string[start..].iter().position(|&byte| byte == 0) {
                string.truncate(start + end);
                return Ok(string);
            }
        }
        Err(too_long)
    }

    /// Reads a path.
    pub fn read_path(self) -> Result<Vec<u8>> {
        self.read_string(PATH_MAX, Errno::ENAMETOOLONG)
    }
}

/// A piece of the application's memory (struct iovec).
#[derive(Clone, Copy, Debug)]
pub struct IoVec {
    /// Where it is.
    pub base: UserPtr,
    /// How many bytes.
    pub len: usize,
}

impl IoVec {
    /// Reads `count` pieces from an array at `from`. EINVAL if there are too many, or if they are
    /// longer together than a result can tell.
    pub fn read_array(from: UserPtr, count: usize) -> Result<Vec<Self>> {
        const SIZE: usize = size_of::<usize>() * 2;
        if count > IOV_MAX {
            return Err(Errno::EINVAL);
        }
        let mut total = 0usize;
        let mut pieces = Vec::with_capacity(count);
        for index in 0..count {
            let bytes: [u8; SIZE] = from.add(index * SIZE).read()?;
            let (base, len) = bytes.split_at(SIZE / 2);
            let [base, len] = [base, len].map(<usize as crate::Scalar>::get);
            total = total.checked_add(len).ok_or(Errno::EINVAL)?;
            if isize::try_from(total).is_err() {
                return Err(Errno::EINVAL);
            }
            pieces.push(Self { base: UserPtr(base), len });
        }
        Ok(pieces)
    }
}
