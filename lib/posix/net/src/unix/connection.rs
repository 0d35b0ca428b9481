//! SOCK_STREAM and SOCK_SEQPACKET.

use super::channel::Channel;
use super::names::{Binding, Target, find};
use crate::address::{Address, Name};
use crate::endpoint::{Directions, Endpoint, Incoming, Outgoing, Setting};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use unilith_posix_abi::raw::net::SOCK_STREAM;
use unilith_posix_abi::{Errno, Result};
use unilith_posix_fd::Events;
use unilith_posix_task::{WaitQueue, pid};
use unilith_sync::Lock;

/// Connections that wait to be accepted.
pub struct Listener {
    name: Name,
    pid: i32,
    waiting: Lock<VecDeque<UnixConnection>>,
    backlog: Lock<usize>,
    /// Who waits until there is room for one more.
    connecting: Lock<Vec<Weak<WaitQueue>>>,
    queue: Arc<WaitQueue>,
}

impl Listener {
    fn remember(&self, connecting: &Arc<WaitQueue>) {
        let new = Arc::downgrade(connecting);
        let mut all = self.connecting.lock();
        all.retain(|known| known.strong_count() > 0);
        if !all.iter().any(|known| known.ptr_eq(&new)) {
            all.push(new);
        }
    }

    fn wake_connecting(&self) {
        let all = core::mem::take(&mut *self.connecting.lock());
        all.iter().filter_map(Weak::upgrade).for_each(|queue| queue.wake_all());
    }
}

/// Both directions of a connection.
#[derive(Clone)]
struct Link {
    input: Arc<Channel>,
    output: Arc<Channel>,
    peer: Name,
    peer_pid: i32,
}

#[derive(Clone)]
enum State {
    Fresh,
    Listening(Arc<Listener>),
    Connected(Link),
}

/// A socket that is connected, or will be, or accepts connections.
pub struct UnixConnection {
    kind: u32,
    state: Lock<State>,
    binding: Lock<Option<Binding>>,
    /// The name of an accepted socket is its listener's.
    inherited: Name,
    queue: Arc<WaitQueue>,
}

fn channel(kind: u32, reader: &Arc<WaitQueue>) -> Arc<Channel> {
    if kind == SOCK_STREAM { Channel::stream(reader) } else { Channel::messages(reader) }
}

/// Two sockets that are connected to each other.
pub fn pair(kind: u32) -> [UnixConnection; 2] {
    let [one, two] = [(); 2].map(|()| UnixConnection::new(kind));
    one.connect_to(&two, Name::Unnamed, (Name::Unnamed, pid()));
    [one, two]
}

impl UnixConnection {
    /// A fresh one.
    pub fn new(kind: u32) -> Self {
        Self::inheriting(kind, Name::Unnamed)
    }

    fn inheriting(kind: u32, name: Name) -> Self {
        Self {
            kind,
            state: Lock::new(State::Fresh),
            binding: Lock::new(None),
            inherited: name,
            queue: Arc::new(WaitQueue::new()),
        }
    }

    /// Connects both: this one has a name and is the current process's, the other has a name and
    /// a process.
    fn connect_to(&self, other: &Self, own_name: Name, (other_name, other_pid): (Name, i32)) {
        let (there, back) = (channel(self.kind, &other.queue), channel(self.kind, &self.queue));
        let link = Link {
            input: back.clone(),
            output: there.clone(),
            peer: other_name,
            peer_pid: other_pid,
        };
        *self.state.lock() = State::Connected(link);
        let link = Link { input: there, output: back, peer: own_name, peer_pid: pid() };
        *other.state.lock() = State::Connected(link);
    }

    fn state(&self) -> State {
        self.state.lock().clone()
    }

    fn link(&self) -> Result<Link> {
        match self.state() {
            State::Connected(link) => Ok(link),
            State::Fresh | State::Listening(_) => Err(Errno::ENOTCONN),
        }
    }

    fn name(&self) -> Name {
        let binding = self.binding.lock();
        binding.as_ref().map_or_else(|| self.inherited.clone(), |binding| binding.name.clone())
    }
}

impl Endpoint for UnixConnection {
    fn bind(&self, address: &Address, _: bool) -> Result<()> {
        let Address::Unix(name) = address else { return Err(Errno::EINVAL) };
        if self.binding.lock().is_some() {
            return Err(Errno::EINVAL);
        }
        let binding = Binding::new(name, Target::Silent(self.kind))?;
        *self.binding.lock() = Some(binding);
        Ok(())
    }

    fn listen(&self, backlog: usize) -> Result<()> {
        match self.state() {
            State::Connected(_) => return Err(Errno::EINVAL),
            State::Listening(listener) => {
                *listener.backlog.lock() = backlog;
                return Ok(());
            }
            State::Fresh => {}
        }
        let binding = self.binding.lock();
        let Some(binding) = &*binding else { return Err(Errno::EINVAL) };
        let listener = Arc::new(Listener {
            name: binding.name.clone(),
            pid: pid(),
            waiting: Lock::new(VecDeque::new()),
            backlog: Lock::new(backlog),
            connecting: Lock::new(Vec::new()),
            queue: self.queue.clone(),
        });
        binding.set(Target::Listener(self.kind, Arc::downgrade(&listener)));
        *self.state.lock() = State::Listening(listener);
        Ok(())
    }

    fn accept(&self) -> Result<Box<dyn Endpoint>> {
        let State::Listening(listener) = self.state() else { return Err(Errno::EINVAL) };
        let new = listener.waiting.lock().pop_front().ok_or(Errno::EAGAIN)?;
        listener.wake_connecting();
        Ok(Box::new(new))
    }

    fn connect(&self, address: &Address) -> Result<()> {
        let Address::Unix(name) = address else { return Err(Errno::EINVAL) };
        match self.state() {
            State::Connected(_) => return Err(Errno::EISCONN),
            State::Listening(_) => return Err(Errno::EINVAL),
            State::Fresh => {}
        }
        let listener = match find(name)? {
            Target::Silent(kind) | Target::Listener(kind, _) if kind != self.kind => {
                return Err(Errno::EPROTOTYPE);
            }
            Target::Inbox(_) => return Err(Errno::EPROTOTYPE),
            Target::Silent(_) => return Err(Errno::ECONNREFUSED),
            Target::Listener(_, listener) => listener.upgrade().ok_or(Errno::ECONNREFUSED)?,
        };
        let backlog = *listener.backlog.lock();
        if listener.waiting.lock().len() > backlog {
            listener.remember(&self.queue);
            return Err(Errno::EAGAIN);
        }
        let other = Self::inheriting(self.kind, listener.name.clone());
        self.connect_to(&other, self.name(), (listener.name.clone(), listener.pid));
        listener.waiting.lock().push_back(other);
        listener.queue.wake_all();
        Ok(())
    }

    fn send(&self, message: &mut Outgoing<'_>) -> Result<usize> {
        if message.to.is_some() && self.kind == SOCK_STREAM {
            let connected = self.link().is_ok();
            return Err(if connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        self.link()?.output.send(message, &Name::Unnamed, &self.queue)
    }

    fn receive(&self, message: &mut Incoming<'_>) -> Result<usize> {
        // Where it came from is known: as Linux, nothing is told.
        let link = self.link().map_err(|error| match self.kind {
            SOCK_STREAM => Errno::EINVAL,
            _ => error,
        })?;
        let count = link.input.receive(message)?;
        message.from = None;
        Ok(count)
    }

    fn shutdown(&self, directions: Directions) -> Result<()> {
        let link = self.link()?;
        if directions.receive {
            link.input.close(false);
        }
        if directions.send {
            link.output.close(false);
        }
        self.queue.wake_all();
        Ok(())
    }

    fn local(&self) -> Address {
        Address::Unix(self.name())
    }

    fn peer(&self) -> Result<Address> {
        Ok(Address::Unix(self.link()?.peer))
    }

    fn peer_pid(&self) -> Result<i32> {
        Ok(self.link()?.peer_pid)
    }

    fn ready(&self) -> Events {
        match self.state() {
            State::Fresh => Events::WRITE | Events::HANGUP,
            State::Listening(listener) => Events::READ.when(!listener.waiting.lock().is_empty()),
            State::Connected(link) => {
                let (no_input, no_output) = (link.input.is_closed(), link.output.is_closed());
                Events::READ.when(link.input.is_readable())
                    | Events::WRITE.when(link.output.is_writable(&self.queue))
                    | Events::READ_HANGUP.when(no_input)
                    | Events::HANGUP.when(no_input && no_output)
            }
        }
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn available(&self) -> usize {
        self.link().map_or(0, |link| link.input.available())
    }

    fn is_listening(&self) -> bool {
        matches!(*self.state.lock(), State::Listening(_))
    }

    fn set(&self, setting: Setting) -> Result<()> {
        match setting {
            // A local connection does not die in silence, and nothing is left to send.
            Setting::KeepAlive(_) | Setting::AbortOnClose(_) => Ok(()),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}

impl Drop for UnixConnection {
    fn drop(&mut self) {
        if let State::Connected(link) = self.state() {
            link.input.close(true);
            link.output.close(false);
        }
        // Connections that nobody will accept end with the listener; who waits to connect sees
        // that it is gone.
        if let State::Listening(listener) = self.state() {
            let waiting = core::mem::take(&mut *listener.waiting.lock());
            drop(waiting);
            let binding = self.binding.lock().take();
            drop(binding);
            listener.wake_connecting();
        }
    }
}
