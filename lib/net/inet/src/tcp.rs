//! Sockets of TCP, as applications see them.
//!
//! While an application fills or empties the buffers of a connection, its control block is taken
//! out of the stack: nothing is locked then, and a page fault or a file that has to be read may wait.
//! Segments that arrive meanwhile wait, too.

use crate::conn::Conn;
use crate::flow::{endpoint, is_loopback, socket_address};
use crate::listen::{Listener, Options};
use crate::net::Net;
use crate::slab::Id;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicU64, Ordering};
use smoltcp::wire::{IpAddress, IpEndpoint};
use unilith_net_api::{NetError, Ready, Result, Shutdown, Socket};
use unilith_sched_api::WaitQueue;
use unilith_sync::Lock;
use unilith_tcp::{State, Tcb};

/// Unsent bytes from which on a send does not wait for the end of the application's turn.
const AT_ONCE: usize = 1400;

/// What a socket is.
#[derive(Clone, Copy)]
enum Role {
    Fresh,
    Listener(Id),
    Connection(Id),
}

#[derive(Clone, Copy)]
struct Inner {
    role: Role,
    bound: Option<IpEndpoint>,
    options: Options,
}

/// A socket of TCP.
pub struct TcpSocket {
    net: Arc<Net>,
    v6: bool,
    /// Names it among those that have ports.
    number: u64,
    inner: Lock<Inner>,
    queue: Arc<WaitQueue>,
}

/// A number that no other socket has.
pub fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The address that a socket wants, if it is of the socket's family.
pub fn wanted(address: SocketAddr, v6: bool) -> Result<IpEndpoint> {
    if address.is_ipv6() == v6 { Ok(endpoint(address)) } else { Err(NetError::Invalid) }
}

impl TcpSocket {
    /// A fresh socket.
    pub fn new(net: Arc<Net>, v6: bool) -> Self {
        let inner = Inner { role: Role::Fresh, bound: None, options: Options::default() };
        let queue = Arc::new(WaitQueue::new());
        Self { net, v6, number: number(), inner: Lock::new(inner), queue }
    }

    fn inner(&self) -> Inner {
        *self.inner.lock()
    }

    fn connection(&self) -> Result<Id> {
        match self.inner().role {
            Role::Connection(id) => Ok(id),
            _ => Err(NetError::NotConnected),
        }
    }

    /// Has the control block of a connection, if `ready` lets it.
    fn take(&self, ready: impl FnOnce(&mut Conn) -> Result<()>) -> Result<(Id, Box<Tcb>)> {
        let id = self.connection()?;
        self.net.look(|state| {
            let conn = state.conns.get_mut(id).ok_or(NetError::NotConnected)?;
            ready(conn)?;
            let tcb = conn.tcb.take();
            // Another thread has it: its giving back wakes.
            conn.contended |= tcb.is_none();
            tcb.map(|tcb| (id, tcb)).ok_or(NetError::WouldBlock)
        })
    }

    fn update(&self, change: impl Fn(&mut Options)) {
        let (options, role) = {
            let mut inner = self.inner.lock();
            change(&mut inner.options);
            (inner.options, inner.role)
        };
        self.net.with(|state| match role {
            Role::Fresh => {}
            Role::Listener(id) => {
                if let Some(listener) = state.listeners.get_mut(id) {
                    listener.options = options;
                }
            }
            Role::Connection(id) => {
                if let Some(conn) = state.conns.get_mut(id) {
                    conn.heard = state.now;
                    conn.set_options(options);
                }
                state.touch(id);
            }
        });
    }
}

impl Socket for TcpSocket {
    fn bind(&self, address: SocketAddr, reuse: bool) -> Result<()> {
        let endpoint = wanted(address, self.v6)?;
        let inner = self.inner();
        if inner.bound.is_some() || !matches!(inner.role, Role::Fresh) {
            return Err(NetError::Invalid);
        }
        let bound = self.net.with(|state| {
            let address = endpoint.addr;
            if !address.is_unspecified() && !is_loopback(address) && !state.addresses.has(address) {
                return Err(NetError::NotAvailable);
            }
            let port = endpoint.port;
            if port != 0 && !reuse {
                let mut flows = state.flows.keys();
                if flows.any(|flow| flow.local.port == port)
                    || state.time_wait.uses_port(state.now, port)
                {
                    return Err(NetError::InUse);
                }
            }
            let start = state.random() as u16;
            state.ports.bind(self.number, endpoint, reuse, start)
        })?;
        self.inner.lock().bound = Some(bound);
        Ok(())
    }

    fn listen(&self, backlog: usize) -> Result<()> {
        let backlog = backlog.clamp(1, 4096);
        let inner = self.inner();
        match inner.role {
            Role::Connection(_) => return Err(NetError::Invalid),
            Role::Listener(id) => {
                return self.net.with(|state| {
                    let listener = state.listeners.get_mut(id).ok_or(NetError::Invalid)?;
                    listener.backlog = backlog;
                    Ok(())
                });
            }
            Role::Fresh => {}
        }
        let (id, bound) = self.net.with(|state| {
            let bound = match inner.bound {
                Some(bound) => bound,
                None => {
                    let start = state.random() as u16;
                    let any = endpoint(unspecified(self.v6));
                    state.ports.bind(self.number, any, false, start)?
                }
            };
            state.ports.listen(self.number, bound)?;
            let id = state.listen(Listener {
                endpoint: bound,
                backlog,
                pending: VecDeque::new(),
                queue: self.queue.clone(),
                options: inner.options,
            });
            Ok((id, bound))
        })?;
        let mut inner = self.inner.lock();
        (inner.role, inner.bound) = (Role::Listener(id), Some(bound));
        Ok(())
    }

    fn accept(&self) -> Result<Arc<dyn Socket>> {
        let inner = self.inner();
        let Role::Listener(listener) = inner.role else { return Err(NetError::Invalid) };
        let (id, local, queue) = self.net.with(|state| {
            let id = state.accept(listener)?;
            let conn = state.conns.get(id).ok_or(NetError::Aborted)?;
            Ok((id, conn.flow.local, conn.queue.clone()))
        })?;
        Ok(Arc::new(Self {
            net: self.net.clone(),
            v6: self.v6,
            number: number(),
            inner: Lock::new(Inner {
                role: Role::Connection(id),
                bound: Some(local),
                options: inner.options,
            }),
            queue,
        }))
    }

    fn connect(&self, to: SocketAddr) -> Result<()> {
        let mut to = wanted(to, self.v6)?;
        let inner = self.inner();
        match inner.role {
            Role::Listener(_) => return Err(NetError::Connected),
            Role::Connection(id) => self.net.with(|state| {
                let conn = state.conns.get_mut(id).ok_or(NetError::NotConnected)?;
                if let Some(error) = conn.error.take() {
                    return Err(error);
                }
                match conn.state {
                    State::SynSent | State::SynReceived => Err(NetError::InProgress),
                    // It failed, and whoever asked knows: they may try again.
                    State::Closed => {
                        state.forget(id);
                        Ok(())
                    }
                    _ => Err(NetError::Connected),
                }
            })?,
            Role::Fresh => {}
        }
        if to.port == 0 {
            return Err(NetError::Refused);
        }
        if to.addr.is_unspecified() {
            to.addr = match to.addr {
                IpAddress::Ipv4(_) => core::net::Ipv4Addr::LOCALHOST.into(),
                IpAddress::Ipv6(_) => core::net::Ipv6Addr::LOCALHOST.into(),
            };
        }
        let (id, flow) =
            self.net.with(|state| state.connect(to, inner.bound, inner.options, &self.queue))?;
        let mut inner = self.inner.lock();
        inner.role = Role::Connection(id);
        inner.bound.get_or_insert(flow.local);
        Err(NetError::InProgress)
    }

    fn send(&self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> Result<usize> {
        let (id, mut tcb) = self.take(|conn| {
            if let Some(error) = conn.error.take() {
                return Err(error);
            }
            match conn.state {
                _ if conn.send_shut => return Err(NetError::Closed),
                State::SynSent | State::SynReceived => return Err(NetError::WouldBlock),
                State::Established | State::CloseWait => {}
                _ => return Err(NetError::Closed),
            }
            if conn.tcb.as_ref().is_some_and(|tcb| tcb.room() == 0) {
                conn.writable = false;
                return Err(NetError::WouldBlock);
            }
            Ok(())
        })?;
        let mut asked = false;
        let total = tcb.write(&mut |room| {
            asked = true;
            fill(room)
        });
        let unsent = tcb.unsent();
        self.net.with(|state| {
            state.give_back(id, tcb, total > 0);
            if total > 0 && (cfg!(feature = "eager") || unsent >= AT_ONCE) {
                state.turn(id);
                state.links.flush();
            }
        });
        if asked { Ok(total) } else { Err(NetError::NoMemory) }
    }

    fn receive(&self, peek: bool, take: &mut dyn FnMut(&[u8]) -> usize) -> Result<usize> {
        let mut end = false;
        let taken = self.take(|conn| {
            if conn.receive_shut {
                end = true;
                return Err(NetError::WouldBlock);
            }
            if conn.unread > 0 {
                return Ok(());
            }
            if let Some(error) = conn.error.take() {
                return Err(error);
            }
            end = conn.ended();
            Err(NetError::WouldBlock)
        });
        if end {
            return Ok(0);
        }
        let (id, mut tcb) = taken?;
        let total = if peek {
            // As far as it is in one piece.
            take(tcb.peek())
        } else {
            tcb.read(take)
        };
        let news = tcb.is_ack_due();
        self.net.with(|state| state.give_back(id, tcb, news));
        Ok(total)
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        let id = self.connection()?;
        self.net.with(|state| {
            let conn = state.conns.get_mut(id).ok_or(NetError::NotConnected)?;
            if matches!(conn.state, State::SynSent | State::Closed) {
                return Err(NetError::NotConnected);
            }
            if how != Shutdown::Send {
                conn.receive_shut = true;
            }
            if how != Shutdown::Receive && !conn.send_shut {
                conn.send_shut = true;
                conn.close();
                state.touch(id);
            }
            let queue = self.queue.clone();
            state.wake(&queue);
            Ok(())
        })
    }

    fn local(&self) -> Option<SocketAddr> {
        let inner = self.inner();
        let local = match inner.role {
            Role::Connection(id) => {
                self.net.look(|state| state.conns.get(id).map(|conn| conn.flow.local))
            }
            _ => None,
        };
        local.or(inner.bound).map(|local| socket_address(local, self.v6))
    }

    fn peer(&self) -> Option<SocketAddr> {
        let id = self.connection().ok()?;
        let remote = self.net.look(|state| state.conns.get(id).map(|conn| conn.flow.remote))?;
        Some(socket_address(remote, self.v6))
    }

    fn ready(&self) -> Ready {
        match self.inner().role {
            // As Linux: hung up, and it would tell of no error but that.
            Role::Fresh => Ready { send: true, closed: true, ..Ready::default() },
            Role::Listener(id) => self.net.look(|state| {
                let pending = state.listeners.get(id).is_some_and(|l| !l.pending.is_empty());
                Ready { receive: pending, ..Ready::default() }
            }),
            Role::Connection(id) => {
                { self.net.look(|state| state.conns.get(id).map(|conn| conn.ready())) }
                    .unwrap_or_default()
            }
        }
    }

    fn take_error(&self) -> Option<NetError> {
        let id = self.connection().ok()?;
        self.net.look(|state| state.conns.get_mut(id)?.error.take())
    }

    fn available(&self) -> usize {
        let Ok(id) = self.connection() else { return 0 };
        self.net.look(|state| state.conns.get(id).map_or(0, |conn| conn.unread))
    }

    fn set_no_delay(&self, on: bool) {
        self.update(|options| options.no_delay = on);
    }

    fn set_keep_alive(&self, seconds: Option<u32>) {
        self.update(|options| options.keep_alive = seconds.filter(|seconds| *seconds > 0));
    }

    fn set_abort_on_close(&self, on: bool) {
        self.update(|options| options.abort_on_close = on);
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
}

/// The unspecified address of a family, without a port.
pub fn unspecified(v6: bool) -> SocketAddr {
    if v6 {
        SocketAddr::from((core::net::Ipv6Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((core::net::Ipv4Addr::UNSPECIFIED, 0))
    }
}

impl Drop for TcpSocket {
    fn drop(&mut self) {
        let inner = self.inner();
        self.net.with(|state| {
            match inner.role {
                Role::Fresh => {}
                Role::Listener(id) => state.unlisten(id),
                Role::Connection(id) => state.abandon(id),
            }
            if let Some(bound) = inner.bound {
                state.ports.release(self.number, bound.port);
            }
        });
    }
}
