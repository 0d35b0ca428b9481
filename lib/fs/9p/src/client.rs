//! One session with a server: tags, fid numbers, buffers, and the exchange of one message.

use crate::error::Failure;
use crate::message::{HEADER, Reply, Request};
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_fs_api::FsError;
use unilith_p9_api::Channel;
use unilith_sync::Lock;

/// The dialect.
const VERSION: &[u8] = b"9P2000.L";
const TVERSION: u8 = 100;
/// The tag of Tversion.
const NOTAG: u16 = u16::MAX;
/// Bytes of header in messages that carry data (P9_IOHDRSZ).
pub const IO_HEADER: usize = 24;
/// Answers without data are not longer: the target of a link is the longest.
const SHORT: usize = 8192;
/// Buffers that are kept.
const SPARE: usize = 4;
/// The largest message that is asked for.
const MSIZE: usize = unilith_config::number(option_env!("CONFIG_FS_9P_MSIZE_KIB"), 512) << 10;

/// Numbers below a limit that are in use or free.
struct Numbers {
    next: u32,
    limit: u32,
    free: Vec<u32>,
}

impl Numbers {
    const fn below(limit: u32) -> Self {
        Self { next: 0, limit, free: Vec::new() }
    }

    fn take(&mut self) -> Option<u32> {
        if let Some(number) = self.free.pop() {
            return Some(number);
        }
        let number = self.next;
        if number >= self.limit {
            return None;
        }
        self.next += 1;
        Some(number)
    }
}

/// A session.
pub struct Client {
    channel: Arc<dyn Channel>,
    /// Bytes that a message may have.
    msize: usize,
    tags: Lock<Numbers>,
    fids: Lock<Numbers>,
    buffers: Lock<Vec<Vec<u8>>>,
}

impl Client {
    /// Starts a session.
    pub fn new(channel: Arc<dyn Channel>) -> Result<Self, Failure> {
        let msize = channel.limit().min(MSIZE).min(u32::MAX as usize);
        let mut client = Self {
            channel,
            msize,
            tags: Lock::new(Numbers::below(NOTAG.into())),
            fids: Lock::new(Numbers::below(u32::MAX)), // the last one is NOFID
            buffers: Lock::new(Vec::new()),
        };
        let request = client.request(TVERSION).u32(msize as u32).string(VERSION);
        let agreed = client.exchange(request, NOTAG, SHORT, |mut reply| {
            let size = usize::try_from(reply.u32()?).map_err(|_| Failure::Broken)?;
            if reply.string()? == VERSION { Ok(size) } else { Err(Failure::Broken) }
        })?;
        if agreed < SHORT.min(msize) || agreed < IO_HEADER * 2 || agreed > msize {
            return Err(Failure::Broken);
        }
        client.msize = agreed;
        Ok(client)
    }

    /// Bytes of data that a message may carry.
    pub fn room(&self) -> usize {
        self.msize - IO_HEADER
    }

    /// A request to be filled.
    pub fn request(&self, kind: u8) -> Request {
        Request::new(kind, self.buffers.lock().pop().unwrap_or_default())
    }

    /// Sends a request; `read` reads the answer.
    pub fn call<T>(
        &self,
        request: Request,
        read: impl FnOnce(Reply<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.call_for(request, 0, read)
    }

    /// As [`call`](Self::call), where the answer carries up to `data` bytes.
    pub fn call_for<T>(
        &self,
        request: Request,
        data: usize,
        read: impl FnOnce(Reply<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let tag = self.tags.lock().take().ok_or(Failure::Broken)?;
        let result = self.exchange(request, tag as u16, SHORT.max(data + IO_HEADER), read);
        // Without a proper answer the server may still use the tag.
        if !matches!(result, Err(Failure::Broken)) {
            self.tags.lock().free.push(tag);
        }
        result
    }

    fn exchange<T>(
        &self,
        mut request: Request,
        tag: u16,
        room: usize,
        read: impl FnOnce(Reply<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let kind = request.kind();
        let room = room.min(self.msize).max(HEADER);
        let mut buffer = self.buffer(room)?;
        let result = match request.finish(tag, self.msize) {
            Ok(message) => {
                let into = buffer.get_mut(..room).ok_or(Failure::Broken)?;
                let received = self.channel.exchange(message, into);
                received.map_err(Failure::from).and_then(|len| {
                    let message = buffer.get(..len.min(room)).ok_or(Failure::Broken)?;
                    read(Reply::parse(message, kind, tag)?)
                })
            }
            Err(error) => Err(Failure::Unsent(error)),
        };
        self.keep(buffer);
        self.keep(request.into_buffer());
        result
    }

    /// A buffer of at least `len` bytes.
    fn buffer(&self, len: usize) -> Result<Vec<u8>, Failure> {
        let mut buffer = self.buffers.lock().pop().unwrap_or_default();
        if buffer.len() < len {
            let no_memory = |_| Failure::Unsent(FsError::NoMemory);
            buffer.try_reserve_exact(len - buffer.len()).map_err(no_memory)?;
            buffer.resize(len, 0);
        }
        Ok(buffer)
    }

    fn keep(&self, buffer: Vec<u8>) {
        let mut buffers = self.buffers.lock();
        if buffers.len() < SPARE {
            buffers.push(buffer);
        }
    }

    /// A fid number that is not in use.
    pub fn take_fid(&self) -> Result<u32, Failure> {
        self.fids.lock().take().ok_or(Failure::Broken)
    }

    /// The server has nothing under this number any more.
    pub fn free_fid(&self, number: u32) {
        self.fids.lock().free.push(number);
    }
}
