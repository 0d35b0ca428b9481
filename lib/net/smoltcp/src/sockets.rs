//! smoltcp's sockets, one to a set.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer};
use smoltcp::time::Duration;

const SEND: usize = unilith_config::number(option_env!("CONFIG_NET_TCP_SEND_KIB"), 32) * 1024;
const RECEIVE: usize = unilith_config::number(option_env!("CONFIG_NET_TCP_RECEIVE_KIB"), 32) * 1024;

/// How long an acknowledgement waits for data to go with: an answer usually comes earlier.
const ACK_DELAY: Duration = Duration::from_millis(5);

/// A socket of TCP with its buffers.
pub struct Tcp {
    pub set: SocketSet<'static>,
    handle: SocketHandle,
}

/// Whether connections may take more memory: a sixteenth of what there was at first stays for the
/// rest of the image, so that clients, however many, exhaust their own share.
fn is_room() -> bool {
    static FIRST: AtomicUsize = AtomicUsize::new(0);
    let free = unilith_mem_api::free_pages();
    let first = match FIRST.load(Ordering::Relaxed) {
        0 => {
            FIRST.store(free, Ordering::Relaxed);
            free
        }
        first => first,
    };
    free > first / 16 + Tcp::BUFFERS / unilith_mem_api::PAGE_SIZE
}

/// A zeroed buffer, if there is memory.
pub fn buffer(len: usize) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).ok()?;
    buffer.resize(len, 0);
    Some(buffer)
}

impl Tcp {
    /// Bytes of buffers.
    pub const BUFFERS: usize = SEND + RECEIVE;

    /// A fresh one, if there is memory.
    pub fn new() -> Option<Self> {
        if !is_room() {
            return None;
        }
        let (receive, send) = (buffer(RECEIVE)?, buffer(SEND)?);
        let socket = Socket::new(SocketBuffer::new(receive), SocketBuffer::new(send));
        let mut set = SocketSet::new(Vec::with_capacity(1));
        let handle = set.add(socket);
        let mut tcp = Self { set, handle };
        tcp.defaults();
        Some(tcp)
    }

    fn defaults(&mut self) {
        let socket = self.socket_mut();
        socket.set_ack_delay(Some(ACK_DELAY));
        socket.set_nagle_enabled(true);
        socket.set_keep_alive(None);
        // Until something is lost: the window of the other end and our buffer bound a burst,
        // where smoltcp's congestion control would start with two segments.
        socket.set_congestion_control(CongestionControl::None);
    }

    /// As good as fresh, with the same buffers.
    pub fn renewed(mut self) -> Self {
        self.socket_mut().abort();
        // Another place in the set forgets what smoltcp knew of the neighbour.
        let socket = self.set.remove(self.handle);
        self.handle = self.set.add(socket);
        self.defaults();
        self
    }

    pub fn socket(&self) -> &Socket<'static> {
        self.set.get(self.handle)
    }

    pub fn socket_mut(&mut self) -> &mut Socket<'static> {
        self.set.get_mut(self.handle)
    }
}
