//! SOCK_DGRAM: UDP.

use super::{errno, events, option_errno, to_destination, to_local, unbound};
use crate::address::Address;
use crate::endpoint::{Directions, Endpoint, Incoming, Outgoing, Setting};
use alloc::sync::Arc;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use unilith_net_api::Datagram;
use unilith_posix_abi::{Errno, Result, buffer};
use unilith_posix_fd::{Events, Sink, Source, moved};
use unilith_posix_task::WaitQueue;

/// The longest payload (65,535 without the headers of UDP and IPv4).
const LONGEST: usize = 65_507;
/// Datagrams up to this are gathered on the stack: nearly all of them are.
const SHORT: usize = 1536;

pub struct Udp {
    socket: Arc<dyn Datagram>,
    v6: bool,
    receive_closed: AtomicBool,
    send_closed: AtomicBool,
}

impl Udp {
    pub fn new(socket: Arc<dyn Datagram>, v6: bool) -> Self {
        let [receive_closed, send_closed] = [false; 2].map(AtomicBool::new);
        Self { socket, v6, receive_closed, send_closed }
    }

    /// Sends what `buffer` is filled with. The bytes are gathered before anything is sent: half a
    /// datagram, because an address was bad, must not be.
    fn send_gathered(
        &self,
        to: Option<SocketAddr>,
        data: &mut dyn Source,
        buffer: &mut [u8],
    ) -> Result<usize> {
        if data.get(buffer) < buffer.len() {
            return Err(Errno::EFAULT);
        }
        let fill = &mut |room: &mut [u8]| {
            let count = room.len().min(buffer.len());
            room[..count].copy_from_slice(&buffer[..count]);
        };
        self.socket.send_to(to, buffer.len(), fill).map_err(errno)?;
        Ok(buffer.len())
    }
}

impl Endpoint for Udp {
    fn bind(&self, address: &Address, reuse: bool) -> Result<()> {
        self.socket.bind(to_local(address, self.v6)?, reuse).map_err(errno)
    }

    fn connect(&self, address: &Address) -> Result<()> {
        let to = match address {
            Address::Unspecified => None,
            address => Some(to_destination(address)?),
        };
        self.socket.connect(to).map_err(errno)
    }

    fn send(&self, message: &mut Outgoing<'_>) -> Result<usize> {
        if self.send_closed.load(Relaxed) {
            return Err(Errno::EPIPE);
        }
        let to = message.to.as_ref().map(to_destination).transpose()?;
        if to.is_none() && self.socket.peer().is_none() {
            return Err(Errno::EDESTADDRREQ);
        }
        let len = message.data.left();
        if len > LONGEST {
            return Err(Errno::EMSGSIZE);
        }
        // What is taken from the application must still be there if there is no room now.
        if !self.socket.ready().send {
            return Err(Errno::EAGAIN);
        }
        if len <= SHORT {
            let mut buffer = [0; SHORT];
            return self.send_gathered(to, message.data, &mut buffer[..len]);
        }
        self.send_gathered(to, message.data, &mut buffer(len)?)
    }

    fn receive(&self, message: &mut Incoming<'_>) -> Result<usize> {
        let (mut count, mut length, mut from) = (0, 0, None);
        // The datagram is lent under a lock.
        message.data.prepare();
        let data: &mut dyn Sink = &mut *message.data;
        let result = self.socket.receive_from(message.peek, &mut |sender, bytes| {
            length = bytes.len();
            count = data.put(bytes.get(..length.min(data.left())).unwrap_or_default());
            from = Some(Address::Inet(sender));
        });
        match result.map_err(errno) {
            Err(Errno::EAGAIN) if self.receive_closed.load(Relaxed) => return Ok(0),
            result => result?,
        }
        (message.length, message.from) = (length, from);
        moved(count, message.data.fault())
    }

    fn shutdown(&self, directions: Directions) -> Result<()> {
        if self.socket.peer().is_none() {
            return Err(Errno::ENOTCONN);
        }
        self.receive_closed.fetch_or(directions.receive, Relaxed);
        self.send_closed.fetch_or(directions.send, Relaxed);
        self.socket.queue().wake_all();
        Ok(())
    }

    fn local(&self) -> Address {
        self.socket.local().map_or_else(|| unbound(self.v6), Address::Inet)
    }

    fn peer(&self) -> Result<Address> {
        self.socket.peer().map(Address::Inet).ok_or(Errno::ENOTCONN)
    }

    fn ready(&self) -> Events {
        let closed = self.receive_closed.load(Relaxed);
        events(self.socket.ready())
            | (Events::READ | Events::READ_HANGUP).when(closed)
            | Events::HANGUP.when(closed && self.send_closed.load(Relaxed))
    }

    fn queue(&self) -> &WaitQueue {
        self.socket.queue()
    }

    fn available(&self) -> usize {
        self.socket.available()
    }

    fn take_error(&self) -> Option<Errno> {
        self.socket.take_error().map(errno)
    }

    fn set(&self, setting: Setting) -> Result<()> {
        match setting {
            Setting::V6Only(on) if self.v6 => self.socket.set_v6_only(on).map_err(option_errno),
            // Nothing is kept back, nothing is probed, nothing waits to be sent.
            Setting::KeepAlive(_) | Setting::AbortOnClose(_) => Ok(()),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}
