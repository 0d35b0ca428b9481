//! Sockets of the Internet protocols.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use unilith_sched_api::WaitQueue;

/// The result of an operation on a socket.
pub type Result<T> = core::result::Result<T, NetError>;

/// Why a socket refused. Each is one error number of POSIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetError {
    /// Not now: wait until it is ready (EAGAIN).
    WouldBlock,
    /// The connection is being established (EINPROGRESS), or still is (EALREADY).
    InProgress,
    /// It is connected already (EISCONN).
    Connected,
    /// It is not connected (ENOTCONN).
    NotConnected,
    /// Nobody listens there (ECONNREFUSED).
    Refused,
    /// The other end broke the connection (ECONNRESET).
    Reset,
    /// The connection was given up before it was accepted (ECONNABORTED).
    Aborted,
    /// Sending after the sending half was closed (EPIPE).
    Closed,
    /// No answer in time (ETIMEDOUT).
    TimedOut,
    /// No way to that address (ENETUNREACH).
    Unreachable,
    /// The address is in use (EADDRINUSE).
    InUse,
    /// The address is none of this host's (EADDRNOTAVAIL).
    NotAvailable,
    /// A datagram that is too long (EMSGSIZE).
    TooLong,
    /// The operation makes no sense in this state (EINVAL).
    Invalid,
    /// This kind of socket does not have the operation (EOPNOTSUPP).
    Unsupported,
    /// No memory for buffers (ENOBUFS).
    NoMemory,
}

/// What can be done without waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Something can be received or accepted, or the end of the stream can be.
    pub receive: bool,
    /// Something can be sent.
    pub send: bool,
    /// The other end will send nothing more.
    pub receive_closed: bool,
    /// Both directions are closed.
    pub closed: bool,
    /// An error waits to be fetched.
    pub error: bool,
}

/// Which half of a connection to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Nothing more is received.
    Receive,
    /// Nothing more is sent.
    Send,
    /// Both.
    Both,
}

/// A socket of TCP: fresh, then bound, then listening or connected. Dropping the last reference
/// closes it as close(2) does: what was sent still gets there.
pub trait Socket: Send + Sync {
    /// Chooses the local address. Port 0 chooses a free one; the unspecified address means all.
    /// `reuse`: a port whose old connections linger may be taken (SO_REUSEADDR).
    fn bind(&self, address: SocketAddr, reuse: bool) -> Result<()>;

    /// Accepts connections, of which `backlog` may wait to be taken.
    fn listen(&self, backlog: usize) -> Result<()>;

    /// Takes a connection that has been established.
    fn accept(&self) -> Result<Arc<dyn Socket>>;

    /// Starts a connection: [`NetError::InProgress`], then ready to send or an error. After the
    /// error has been told it may be tried again.
    fn connect(&self, to: SocketAddr) -> Result<()>;

    /// Lends `fill` room in the send buffer, perhaps several times; it tells how much it wrote,
    /// and stops the sending by writing less than there is room for. It may wait: nothing is locked.
    /// How much was written.
    fn send(&self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> Result<usize>;

    /// Lends `take` what has been received, perhaps in several pieces; it tells how much it took,
    /// and stops by taking less than there is; it may wait. 0 is the end of the stream. With `peek`
    /// nothing is removed.
    fn receive(&self, peek: bool, take: &mut dyn FnMut(&[u8]) -> usize) -> Result<usize>;

    /// Closes one direction or both.
    fn shutdown(&self, how: Shutdown) -> Result<()>;

    /// The local address.
    fn local(&self) -> Option<SocketAddr>;

    /// The address of the other end.
    fn peer(&self) -> Option<SocketAddr>;

    /// What can be done now.
    fn ready(&self) -> Ready;

    /// Fetches the error that waits, if one does (SO_ERROR).
    fn take_error(&self) -> Option<NetError>;

    /// Bytes that can be received now.
    fn available(&self) -> usize;

    /// Small pieces are sent at once (TCP_NODELAY) or gathered.
    fn set_no_delay(&self, on: bool);

    /// Probes after this many seconds of silence (SO_KEEPALIVE, TCP_KEEPIDLE); `None`: never.
    fn set_keep_alive(&self, seconds: Option<u32>);

    /// On close, unsent bytes are dropped and the connection is reset (SO_LINGER with 0).
    fn set_abort_on_close(&self, on: bool);

    /// A socket of IPv6 has nothing to do with IPv4 (IPV6_V6ONLY). To be said before it is bound.
    fn set_v6_only(&self, on: bool) -> Result<()> {
        if on { Err(NetError::Unsupported) } else { Ok(()) }
    }

    /// Told whenever [`ready`](Self::ready) may have changed.
    fn queue(&self) -> &WaitQueue;
}

/// A socket of UDP.
pub trait Datagram: Send + Sync {
    /// Chooses the local address; see [`Socket::bind`].
    fn bind(&self, address: SocketAddr, reuse: bool) -> Result<()>;

    /// Only datagrams from `to` are received, and it is where others go; `None` ends that.
    fn connect(&self, to: Option<SocketAddr>) -> Result<()>;

    /// Sends a datagram of `len` bytes that `fill` writes; `to` is needed if it is not connected.
    fn send_to(
        &self,
        to: Option<SocketAddr>,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<()>;

    /// Shows the next datagram to `take`. With `peek` it stays.
    fn receive_from(&self, peek: bool, take: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<()>;

    /// The local address.
    fn local(&self) -> Option<SocketAddr>;

    /// The address that it is connected to.
    fn peer(&self) -> Option<SocketAddr>;

    /// What can be done now.
    fn ready(&self) -> Ready;

    /// Fetches the error that waits, if one does (SO_ERROR).
    fn take_error(&self) -> Option<NetError>;

    /// Bytes of the next datagram.
    fn available(&self) -> usize;

    /// A socket of IPv6 has nothing to do with IPv4 (IPV6_V6ONLY). To be said before it is bound.
    fn set_v6_only(&self, on: bool) -> Result<()> {
        if on { Err(NetError::Unsupported) } else { Ok(()) }
    }

    /// Told whenever [`ready`](Self::ready) may have changed.
    fn queue(&self) -> &WaitQueue;
}

/// A network stack.
pub trait Stack {
    /// A fresh socket of TCP; `v6` says which family it was asked for.
    fn tcp(v6: bool) -> Result<Arc<dyn Socket>>;

    /// A fresh socket of UDP.
    fn udp(v6: bool) -> Result<Arc<dyn Datagram>>;

    /// This host's addresses with the length of their prefix, the loopback's first.
    fn local_addresses() -> Vec<(IpAddr, u8)>;
}

/// Binds the network stack of this image. Say it once, in the composition root.
#[macro_export]
macro_rules! bind {
    ($stack:ty) => {
        const _: () = {
            use $crate::{Arc, Datagram, Result, Socket, Stack as _};
            #[unsafe(no_mangle)]
            fn __unilith_net_tcp(v6: bool) -> Result<Arc<dyn Socket>> {
                <$stack>::tcp(v6)
            }
            #[unsafe(no_mangle)]
            fn __unilith_net_udp(v6: bool) -> Result<Arc<dyn Datagram>> {
                <$stack>::udp(v6)
            }
            #[unsafe(no_mangle)]
            fn __unilith_net_local_addresses() -> $crate::Addresses {
                <$stack>::local_addresses()
            }
        };
    };
}

/// Addresses with the length of their prefix.
pub type Addresses = Vec<(IpAddr, u8)>;

// SAFETY: the only definitions of these symbols are made by `bind!`, whose signatures are checked
// against the trait `Stack`, as these are.
unsafe extern "Rust" {
    safe fn __unilith_net_tcp(v6: bool) -> Result<Arc<dyn Socket>>;
    safe fn __unilith_net_udp(v6: bool) -> Result<Arc<dyn Datagram>>;
    safe fn __unilith_net_local_addresses() -> Addresses;
}

/// See [`Stack::tcp`].
pub fn tcp(v6: bool) -> Result<Arc<dyn Socket>> {
    __unilith_net_tcp(v6)
}

/// See [`Stack::udp`].
pub fn udp(v6: bool) -> Result<Arc<dyn Datagram>> {
    __unilith_net_udp(v6)
}

/// See [`Stack::local_addresses`].
pub fn local_addresses() -> Addresses {
    __unilith_net_local_addresses()
}
