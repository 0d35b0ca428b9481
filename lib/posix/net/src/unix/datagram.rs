//! SOCK_DGRAM.

use super::channel::Channel;
use super::names::{Binding, Target, find};
use crate::address::{Address, Name};
use crate::endpoint::{Directions, Endpoint, Incoming, Outgoing, Setting};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use unilith_posix_abi::{Errno, Result};
use unilith_posix_fd::Events;
use unilith_posix_task::WaitQueue;
use unilith_sync::Lock;

/// Where datagrams go if nothing else is said.
#[derive(Clone)]
struct Peer {
    inbox: Weak<Channel>,
    name: Name,
}

/// A socket of datagrams.
pub struct UnixDatagram {
    inbox: Arc<Channel>,
    peer: Lock<Option<Peer>>,
    binding: Lock<Option<Binding>>,
    send_closed: AtomicBool,
    queue: Arc<WaitQueue>,
}

/// Two sockets whose datagrams go to each other.
pub fn pair() -> [UnixDatagram; 2] {
    let [one, two] = [(); 2].map(|()| UnixDatagram::new());
    for (from, to) in [(&one, &two), (&two, &one)] {
        let inbox = Arc::downgrade(&to.inbox);
        *from.peer.lock() = Some(Peer { inbox, name: Name::Unnamed });
    }
    [one, two]
}

fn inbox_of(name: &Name) -> Result<Weak<Channel>> {
    match find(name)? {
        Target::Inbox(inbox) => Ok(inbox),
        Target::Silent(_) | Target::Listener(..) => Err(Errno::EPROTOTYPE),
    }
}

impl UnixDatagram {
    /// A fresh one.
    pub fn new() -> Self {
        let queue = Arc::new(WaitQueue::new());
        Self {
            inbox: Channel::messages(&queue),
            peer: Lock::new(None),
            binding: Lock::new(None),
            send_closed: AtomicBool::new(false),
            queue,
        }
    }

    fn name(&self) -> Name {
        self.binding.lock().as_ref().map_or(Name::Unnamed, |binding| binding.name.clone())
    }

    fn peer_inbox(&self) -> Option<Arc<Channel>> {
        self.peer.lock().as_ref()?.inbox.upgrade()
    }
}

impl Endpoint for UnixDatagram {
    fn bind(&self, address: &Address, _: bool) -> Result<()> {
        let Address::Unix(name) = address else { return Err(Errno::EINVAL) };
        if self.binding.lock().is_some() {
            return Err(Errno::EINVAL);
        }
        let binding = Binding::new(name, Target::Inbox(Arc::downgrade(&self.inbox)))?;
        *self.binding.lock() = Some(binding);
        Ok(())
    }

    fn connect(&self, address: &Address) -> Result<()> {
        let peer = match address {
            Address::Unspecified => None,
            Address::Unix(name) => Some(Peer { inbox: inbox_of(name)?, name: name.clone() }),
            Address::Inet(_) => return Err(Errno::EINVAL),
        };
        *self.peer.lock() = peer;
        self.queue.wake_all();
        Ok(())
    }

    fn send(&self, message: &mut Outgoing<'_>) -> Result<usize> {
        if self.send_closed.load(Relaxed) {
            return Err(Errno::EPIPE);
        }
        let inbox = match &message.to {
            Some(Address::Unix(name)) => inbox_of(name)?,
            Some(_) => return Err(Errno::EINVAL),
            None => self.peer.lock().as_ref().ok_or(Errno::ENOTCONN)?.inbox.clone(),
        };
        let inbox = inbox.upgrade().ok_or(Errno::ECONNREFUSED)?;
        inbox.send(message, &self.name(), &self.queue)
    }

    fn receive(&self, message: &mut Incoming<'_>) -> Result<usize> {
        self.inbox.receive(message)
    }

    fn shutdown(&self, directions: Directions) -> Result<()> {
        if self.peer.lock().is_none() {
            return Err(Errno::ENOTCONN);
        }
        if directions.receive {
            self.inbox.close(false);
        }
        self.send_closed.fetch_or(directions.send, Relaxed);
        self.queue.wake_all();
        Ok(())
    }

    fn local(&self) -> Address {
        Address::Unix(self.name())
    }

    fn peer(&self) -> Result<Address> {
        self.peer
            .lock()
            .as_ref()
            .map(|peer| Address::Unix(peer.name.clone()))
            .ok_or(Errno::ENOTCONN)
    }

    fn ready(&self) -> Events {
        let writable = self.peer_inbox().is_none_or(|inbox| inbox.is_writable(&self.queue));
        let closed = self.inbox.is_closed();
        Events::READ.when(self.inbox.is_readable())
            | Events::WRITE.when(writable)
            | Events::READ_HANGUP.when(closed)
            | Events::HANGUP.when(closed && self.send_closed.load(Relaxed))
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn available(&self) -> usize {
        self.inbox.available()
    }

    fn set(&self, setting: Setting) -> Result<()> {
        match setting {
            Setting::KeepAlive(_) | Setting::AbortOnClose(_) => Ok(()),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}

impl Drop for UnixDatagram {
    fn drop(&mut self) {
        self.inbox.close(true);
    }
}
