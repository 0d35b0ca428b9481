//! Messages: size[4] type[1] tag[2], then what the type demands, little-endian.

use crate::error::{Failure, from_number};
use alloc::vec::Vec;
use unilith_fs_api::FsError;

/// Bytes before what depends on the type.
pub const HEADER: usize = 7;
/// The answer that is an error.
const RLERROR: u8 = 7;
/// The most that a string may have.
const STRING_MAX: usize = u16::MAX as usize;

/// A request that is being written.
pub struct Request {
    bytes: Vec<u8>,
    /// Why it is not what it should be.
    failure: Option<FsError>,
}

impl Request {
    /// A request of this type, written into a buffer.
    pub fn new(kind: u8, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { bytes: buffer, failure: None }.raw(&[0, 0, 0, 0, kind, 0, 0])
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        match self.bytes.try_reserve(bytes.len()) {
            Ok(()) => self.bytes.extend_from_slice(bytes),
            Err(_) => self.failure = Some(FsError::NoMemory),
        }
        self
    }

    pub fn u16(self, value: u16) -> Self {
        self.raw(&value.to_le_bytes())
    }

    pub fn u32(self, value: u32) -> Self {
        self.raw(&value.to_le_bytes())
    }

    pub fn u64(self, value: u64) -> Self {
        self.raw(&value.to_le_bytes())
    }

    pub fn string(mut self, text: &[u8]) -> Self {
        if text.len() > STRING_MAX {
            self.failure = Some(FsError::NameTooLong);
        }
        let text = text.get(..STRING_MAX).unwrap_or(text);
        self.u16(text.len() as u16).raw(text)
    }

    /// The whole message, with this tag: at most `limit` bytes.
    pub fn finish(&mut self, tag: u16, limit: usize) -> Result<&[u8], FsError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let size = u32::try_from(self.bytes.len()).map_err(|_| FsError::NameTooLong)?;
        let [a, b, c, d, _, e, f, ..] = &mut *self.bytes else { return Err(FsError::Io) };
        [*a, *b, *c, *d] = size.to_le_bytes();
        [*e, *f] = tag.to_le_bytes();
        if self.bytes.len() > limit { Err(FsError::NameTooLong) } else { Ok(&self.bytes) }
    }

    pub fn kind(&self) -> u8 {
        self.bytes.get(4).copied().unwrap_or(0)
    }

    /// The buffer, to be used again.
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

/// What is left to read of an answer.
pub struct Reply<'a>(&'a [u8]);

/// Which file: its number, and the bits of its type that a client may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qid {
    kind: u8,
    pub path: u64,
}

impl Qid {
    const DIRECTORY: u8 = 0x80;
    const SYMLINK: u8 = 0x02;

    pub fn is_directory(self) -> bool {
        self.kind & Self::DIRECTORY != 0
    }

    pub fn is_symlink(self) -> bool {
        self.kind & Self::SYMLINK != 0
    }
}

impl<'a> Reply<'a> {
    /// The answer in `message` to a request of type `kind` with this tag.
    pub fn parse(message: &'a [u8], kind: u8, tag: u16) -> Result<Self, Failure> {
        let mut reply = Reply(message);
        let (size, answer, its_tag) = (reply.u32()?, reply.u8()?, reply.u16()?);
        if usize::try_from(size) != Ok(message.len()) || its_tag != tag {
            return Err(Failure::Broken);
        }
        match answer {
            RLERROR => Err(Failure::Refused(from_number(reply.u32()?))),
            answer if answer == kind.wrapping_add(1) => Ok(reply),
            _ => Err(Failure::Broken),
        }
    }

    /// Something in an answer that is to be read by itself.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Failure> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Failure::Broken)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Failure::Broken)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub fn u8(&mut self) -> Result<u8, Failure> {
        self.array().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, Failure> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Failure> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Failure> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn string(&mut self) -> Result<&'a [u8], Failure> {
        let len = self.u16()?;
        self.bytes(len.into())
    }

    pub fn qid(&mut self) -> Result<Qid, Failure> {
        let (kind, _version, path) = (self.u8()?, self.u32()?, self.u64()?);
        Ok(Qid { kind, path })
    }

    /// Bytes with their count, of which there are at most `most`.
    pub fn counted(&mut self, most: usize) -> Result<&'a [u8], Failure> {
        let count = usize::try_from(self.u32()?).map_err(|_| Failure::Broken)?;
        if count > most { Err(Failure::Broken) } else { self.bytes(count) }
    }
}
