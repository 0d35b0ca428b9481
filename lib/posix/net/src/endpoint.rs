//! What a family makes of a socket.

use crate::address::Address;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_posix_abi::{Errno, Result};
use unilith_posix_fd::{Description, Events, Sink, Source};
use unilith_posix_task::WaitQueue;

/// Open files on their way from one process to another (SCM_RIGHTS).
pub type Rights = Vec<Arc<Description>>;

/// Something to send.
pub struct Outgoing<'a> {
    /// The bytes. If it cannot be sent now (EAGAIN) none of them are taken.
    pub data: &'a mut dyn Source,
    /// Where to, unless the socket is connected.
    pub to: Option<Address>,
    /// Taken with the first byte that is sent.
    pub rights: Rights,
}

/// Something received.
pub struct Incoming<'a> {
    /// Where the bytes go.
    pub data: &'a mut dyn Sink,
    /// It stays where it is (MSG_PEEK).
    pub peek: bool,
    /// Where it came from, if messages of this kind tell.
    pub from: Option<Address>,
    /// Bytes of the message, which may be more than there was room for.
    pub length: usize,
    /// Open files that came with it.
    pub rights: Rights,
}

/// Which directions to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directions {
    /// Nothing more is received.
    pub receive: bool,
    /// Nothing more is sent.
    pub send: bool,
}

/// Something that can be set about an endpoint, beyond what the socket keeps for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Small pieces are sent at once.
    NoDelay(bool),
    /// Probes after so many seconds of silence; never if `None`.
    KeepAlive(Option<u32>),
    /// Closing drops what was not sent.
    AbortOnClose(bool),
    /// A socket of AF_INET6 has nothing to do with IPv4.
    V6Only(bool),
}

/// A socket, as its family sees it. Nothing here waits: EAGAIN says "not yet", and the queue is
/// woken when it is worth asking again.
pub trait Endpoint: Send + Sync {
    /// Chooses its address. `reuse`: an address whose old connections linger may be taken.
    fn bind(&self, address: &Address, reuse: bool) -> Result<()>;

    /// Accepts connections, of which `backlog` may wait.
    fn listen(&self, backlog: usize) -> Result<()> {
        let _ = backlog;
        Err(Errno::EOPNOTSUPP)
    }

    /// Takes a connection.
    fn accept(&self) -> Result<Box<dyn Endpoint>> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Connects. EINPROGRESS if that takes time: then see [`connected`](Self::connected).
    fn connect(&self, address: &Address) -> Result<()>;

    /// How a connection that was in progress turned out; EAGAIN if it is not known yet.
    fn connected(&self) -> Result<()> {
        Ok(())
    }

    /// Sends what there is room for; how many bytes.
    fn send(&self, message: &mut Outgoing<'_>) -> Result<usize>;

    /// Receives what there is; how many bytes went into the sink. 0 is the end of a stream.
    fn receive(&self, message: &mut Incoming<'_>) -> Result<usize>;

    /// Closes directions.
    fn shutdown(&self, directions: Directions) -> Result<()>;

    /// Its own address.
    fn local(&self) -> Address;

    /// The address of what it is connected to. ENOTCONN.
    fn peer(&self) -> Result<Address>;

    /// The process that connected, or listened, at the other end (SO_PEERCRED). ENOTCONN.
    fn peer_pid(&self) -> Result<i32> {
        Err(Errno::ENOTCONN)
    }

    /// What can be done now.
    fn ready(&self) -> Events;

    /// Woken whenever that may have changed.
    fn queue(&self) -> &WaitQueue;

    /// Bytes that can be received.
    fn available(&self) -> usize;

    /// Fetches the error that waits (SO_ERROR).
    fn take_error(&self) -> Option<Errno> {
        None
    }

    /// Whether it accepts connections.
    fn is_listening(&self) -> bool {
        false
    }

    /// Sets something. ENOPROTOOPT if this kind of endpoint does not know it.
    fn set(&self, setting: Setting) -> Result<()> {
        let _ = setting;
        Err(Errno::ENOPROTOOPT)
    }
}
