//! SOCK_STREAM: TCP.

use super::{errno, events, option_errno, to_destination, to_local, unbound};
use crate::address::Address;
use crate::endpoint::{Directions, Endpoint, Incoming, Outgoing, Setting};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use unilith_net_api::{NetError, Shutdown, Socket};
use unilith_posix_abi::{Errno, Result};
use unilith_posix_fd::{Events, moved};
use unilith_posix_task::WaitQueue;

/// How far a connection is, as connect(2) tells it.
const FRESH: u8 = 0;
const CONNECTING: u8 = 1;
const ESTABLISHED: u8 = 2;

pub struct Tcp {
    socket: Arc<dyn Socket>,
    v6: bool,
    phase: AtomicU8,
    listening: AtomicBool,
}

impl Tcp {
    pub fn new(socket: Arc<dyn Socket>, v6: bool) -> Self {
        Self { socket, v6, phase: AtomicU8::new(FRESH), listening: AtomicBool::new(false) }
    }

    fn is_connecting(&self) -> bool {
        self.phase.load(Relaxed) == CONNECTING && !self.socket.ready().send
    }
}

impl Endpoint for Tcp {
    fn bind(&self, address: &Address, reuse: bool) -> Result<()> {
        self.socket.bind(to_local(address, self.v6)?, reuse).map_err(errno)
    }

    fn listen(&self, backlog: usize) -> Result<()> {
        self.socket.listen(backlog).map_err(errno)?;
        self.listening.store(true, Relaxed);
        Ok(())
    }

    fn accept(&self) -> Result<Box<dyn Endpoint>> {
        if !self.is_listening() {
            return Err(Errno::EINVAL);
        }
        let new = Self::new(self.socket.accept().map_err(errno)?, self.v6);
        new.phase.store(ESTABLISHED, Relaxed);
        Ok(Box::new(new))
    }

    /// Asking again while it is being established is EALREADY; the first time after that it
    /// succeeds (or says why not), and then it is EISCONN.
    fn connect(&self, address: &Address) -> Result<()> {
        if self.is_listening() || self.phase.load(Relaxed) == ESTABLISHED {
            return Err(Errno::EISCONN);
        }
        if self.phase.load(Relaxed) == CONNECTING {
            return self.connected().map_err(|error| match error {
                Errno::EAGAIN => Errno::EALREADY,
                error => error,
            });
        }
        match self.socket.connect(to_destination(address)?) {
            Ok(()) => {
                self.phase.store(ESTABLISHED, Relaxed);
                Ok(())
            }
            Err(NetError::InProgress | NetError::WouldBlock) => {
                self.phase.store(CONNECTING, Relaxed);
                Err(Errno::EINPROGRESS)
            }
            Err(error) => Err(errno(error)),
        }
    }

    fn connected(&self) -> Result<()> {
        let ready = self.socket.ready();
        if let Some(error) = self.socket.take_error() {
            self.phase.store(FRESH, Relaxed);
            return Err(errno(error));
        }
        if ready.closed {
            // Somebody else fetched the error.
            self.phase.store(FRESH, Relaxed);
            return Err(Errno::ECONNABORTED);
        }
        if ready.send || ready.receive {
            self.phase.store(ESTABLISHED, Relaxed);
            return Ok(());
        }
        Err(Errno::EAGAIN)
    }

    fn send(&self, message: &mut Outgoing<'_>) -> Result<usize> {
        let data = &mut *message.data;
        let result = self.socket.send(&mut |room| {
            let room_left = room.len().min(data.left());
            room.get_mut(..room_left).map_or(0, |room| data.get(room))
        });
        match result {
            Ok(count) => moved(count, message.data.fault()),
            Err(NetError::NotConnected) if self.is_connecting() => Err(Errno::EAGAIN),
            // As Linux, which does not tell "not yet" from "not any more".
            Err(NetError::NotConnected) => Err(Errno::EPIPE),
            Err(error) => Err(errno(error)),
        }
    }

    fn receive(&self, message: &mut Incoming<'_>) -> Result<usize> {
        let data = &mut *message.data;
        let result = self.socket.receive(message.peek, &mut |bytes| data.put(bytes));
        match result {
            Ok(count) => {
                message.length = count;
                moved(count, message.data.fault())
            }
            Err(NetError::NotConnected) if self.is_connecting() => Err(Errno::EAGAIN),
            Err(error) => Err(errno(error)),
        }
    }

    fn shutdown(&self, directions: Directions) -> Result<()> {
        let how = match directions {
            Directions { receive: true, send: true } => Shutdown::Both,
            Directions { send: true, .. } => Shutdown::Send,
            _ => Shutdown::Receive,
        };
        self.socket.shutdown(how).map_err(errno)
    }

    fn local(&self) -> Address {
        self.socket.local().map_or_else(|| unbound(self.v6), Address::Inet)
    }

    fn peer(&self) -> Result<Address> {
        self.socket.peer().map(Address::Inet).ok_or(Errno::ENOTCONN)
    }

    fn ready(&self) -> Events {
        let ready = self.socket.ready();
        // Linux says of a socket that was never connected that both ends are gone.
        if self.phase.load(Relaxed) == FRESH && !self.is_listening() {
            return Events::WRITE | Events::HANGUP | Events::ERROR.when(ready.error);
        }
        // One that is broken can be read and written without waiting: for the error.
        events(ready) | (Events::READ | Events::WRITE).when(ready.error || ready.closed)
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

    fn is_listening(&self) -> bool {
        self.listening.load(Relaxed)
    }

    fn set(&self, setting: Setting) -> Result<()> {
        match setting {
            Setting::NoDelay(on) => self.socket.set_no_delay(on),
            Setting::KeepAlive(seconds) => self.socket.set_keep_alive(seconds),
            Setting::AbortOnClose(on) => self.socket.set_abort_on_close(on),
            Setting::V6Only(on) if self.v6 => {
                return self.socket.set_v6_only(on).map_err(option_errno);
            }
            Setting::V6Only(_) => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }
}
