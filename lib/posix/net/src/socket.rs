//! An open socket.

use crate::endpoint::{Endpoint, Incoming, Outgoing};
use crate::options::Options;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_fs_api::{FileType, Metadata};
use unilith_posix_abi::raw::net::SOCK_STREAM;
use unilith_posix_abi::{Errno, Fd, Result};
use unilith_posix_fd::{Description, Events, File, Room, Sink, Source, nameless, new_inode, table};
use unilith_posix_task::WaitQueue;
use unilith_sync::Lock;

/// A socket as a file.
pub struct SocketFile {
    /// What its family makes of it.
    pub endpoint: Box<dyn Endpoint>,
    /// AF_INET and so on.
    pub domain: u32,
    /// SOCK_STREAM and so on.
    pub kind: u32,
    /// IPPROTO_TCP and so on; 0 for AF_UNIX.
    pub protocol: u32,
    /// What was set.
    pub options: Lock<Options>,
    inode: u64,
}

impl SocketFile {
    /// A new socket.
    pub fn new(endpoint: Box<dyn Endpoint>, domain: u32, kind: u32, protocol: u32) -> Self {
        let options = Lock::new(Options::default());
        Self { endpoint, domain, kind, protocol, options, inode: new_inode() }
    }

    /// A socket of the same kind around a connection that was accepted.
    pub fn accepted(&self, endpoint: Box<dyn Endpoint>) -> Self {
        let new = Self::new(endpoint, self.domain, self.kind, self.protocol);
        *new.options.lock() = *self.options.lock();
        new
    }

    /// Whether its bytes have no boundaries.
    pub fn has_stream(&self) -> bool {
        self.kind == SOCK_STREAM
    }

    fn receive_plainly(&self, data: &mut dyn Sink) -> Result<usize> {
        if data.left() == 0 && self.has_stream() {
            return Ok(0);
        }
        let mut message = Incoming { data, peek: false, from: None, length: 0, rights: Vec::new() };
        self.endpoint.receive(&mut message)
    }

    fn send_plainly(&self, data: &mut dyn Source) -> Result<usize> {
        if data.left() == 0 && self.has_stream() {
            return Ok(0);
        }
        self.endpoint.send(&mut Outgoing { data, to: None, rights: Vec::new() })
    }
}

impl File for SocketFile {
    fn metadata(&self) -> Result<Metadata> {
        Ok(nameless(FileType::Socket, 0o777, self.inode))
    }

    fn read(&self, _: u64, buf: &mut [u8]) -> Result<usize> {
        self.receive_plainly(&mut Room(buf))
    }

    fn write(&self, _: u64, data: &[u8]) -> Result<usize> {
        self.send_plainly(&mut { data })
    }

    fn read_into(&self, to: &mut dyn Sink) -> Option<Result<usize>> {
        Some(self.receive_plainly(to))
    }

    fn write_from(&self, from: &mut dyn Source) -> Option<Result<usize>> {
        Some(self.send_plainly(from))
    }

    fn is_stream(&self) -> bool {
        self.has_stream()
    }

    fn ready(&self) -> Events {
        self.endpoint.ready()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.endpoint.queue())
    }

    fn patience(&self, writes: bool) -> Option<u64> {
        let options = self.options.lock();
        let limit = if writes { options.send_timeout } else { options.receive_timeout };
        (limit != 0).then_some(limit)
    }

    fn available(&self) -> Result<usize> {
        Ok(self.endpoint.available())
    }
}

/// The socket that a description is. ENOTSOCK.
pub fn socket_of(open: &Description) -> Result<&SocketFile> {
    open.opened()?.downcast().ok_or(Errno::ENOTSOCK)
}

/// Calls `act` with the socket that `fd` is.
pub fn with_socket<T>(
    fd: Fd,
    act: impl FnOnce(&Arc<Description>, &SocketFile) -> Result<T>,
) -> Result<T> {
    let open = table::get(fd)?;
    act(&open, socket_of(&open)?)
}
