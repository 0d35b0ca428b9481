//! A network stack in memory: everything is on this host, and there at once, but for connections
//! to [`SLOW`] (which wait for [`settle`]) and to [`NOWHERE`].
#![allow(dead_code)]

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use unilith_net_api::{Datagram, NetError, Ready, Result, Shutdown, Socket, Stack};
use unilith_posix_task::WaitQueue;

/// Connections to this port are established by [`settle`] only.
pub const SLOW: u16 = 777;
/// Nothing comes back from this address, until [`settle`].
pub const NOWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 9, 9));
/// Bytes in a buffer.
pub const BUFFER: usize = 16 * 1024;

/// How often a buffer was lent, and the largest piece that was written into one.
pub static LENT: AtomicUsize = AtomicUsize::new(0);
pub static LARGEST: AtomicUsize = AtomicUsize::new(0);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}

static LISTENERS: Mutex<BTreeMap<u16, Weak<Tcp>>> = Mutex::new(BTreeMap::new());
static DATAGRAMS: Mutex<BTreeMap<u16, Weak<Udp>>> = Mutex::new(BTreeMap::new());
static PENDING: Mutex<Vec<(Arc<Tcp>, SocketAddr)>> = Mutex::new(Vec::new());
static NEXT_PORT: AtomicU16 = AtomicU16::new(40_000);

fn loopback(v6: bool) -> IpAddr {
    if v6 { std::net::Ipv6Addr::LOCALHOST.into() } else { std::net::Ipv4Addr::LOCALHOST.into() }
}

#[derive(Default)]
struct State {
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    input: VecDeque<u8>,
    input_closed: bool,
    output_closed: bool,
    other: Weak<Tcp>,
    connecting: bool,
    error: Option<NetError>,
    backlog: Option<usize>,
    waiting: VecDeque<Arc<Tcp>>,
    pub settings: Vec<String>,
}

pub struct Tcp {
    v6: bool,
    state: Mutex<State>,
    queue: WaitQueue,
    me: Weak<Tcp>,
}

/// What was set about the sockets, in order.
pub static SETTINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Tcp {
    fn fresh(v6: bool) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            v6,
            state: Mutex::default(),
            queue: WaitQueue::new(),
            me: me.clone(),
        })
    }

    fn establish(&self, to: SocketAddr) -> Result<()> {
        let listener = lock(&LISTENERS).get(&to.port()).and_then(Weak::upgrade);
        let refused = NetError::Refused;
        let listener = listener.ok_or(refused)?;
        let other = Self::fresh(listener.v6);
        let own = SocketAddr::new(to.ip(), NEXT_PORT.fetch_add(1, SeqCst)); // all is this host
        {
            let mut state = lock(&self.state);
            let own = *state.local.get_or_insert(own);
            (state.peer, state.other, state.connecting) = (Some(to), Arc::downgrade(&other), false);
            let mut there = lock(&other.state);
            (there.local, there.peer, there.other) = (Some(to), Some(own), self.me.clone());
        }
        lock(&listener.state).waiting.push_back(other);
        listener.queue.wake_all();
        self.queue.wake_all();
        Ok(())
    }

    fn other(&self) -> Option<Arc<Tcp>> {
        lock(&self.state).other.upgrade()
    }
}

/// Establishes or refuses the connections that are in progress.
pub fn settle() {
    let pending = std::mem::take(&mut *lock(&PENDING));
    for (socket, to) in pending {
        let result =
            if to.ip() == NOWHERE { Err(NetError::TimedOut) } else { socket.establish(to) };
        if let Err(error) = result {
            let mut state = lock(&socket.state);
            (state.error, state.connecting) = (Some(error), false);
            drop(state);
            socket.queue.wake_all();
        }
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        if let Some(other) = self.other() {
            lock(&other.state).input_closed = true;
            other.queue.wake_all();
        }
    }
}

impl Socket for Tcp {
    fn bind(&self, address: SocketAddr, reuse: bool) -> Result<()> {
        let mut state = lock(&self.state);
        if state.local.is_some() {
            return Err(NetError::Invalid);
        }
        if lock(&LISTENERS).get(&address.port()).is_some_and(|l| l.strong_count() > 0) && !reuse {
            return Err(NetError::InUse);
        }
        let mut address = address;
        if address.port() == 0 {
            address.set_port(NEXT_PORT.fetch_add(1, SeqCst));
        }
        state.local = Some(address);
        Ok(())
    }
    fn listen(&self, backlog: usize) -> Result<()> {
        let mut state = lock(&self.state);
        state.backlog = Some(backlog);
        let port = state.local.map_or(0, |local| local.port());
        drop(state);
        lock(&LISTENERS).insert(port, self.me.clone());
        Ok(())
    }
    fn accept(&self) -> Result<Arc<dyn Socket>> {
        let first = lock(&self.state).waiting.pop_front();
        first.map(|socket| socket as Arc<dyn Socket>).ok_or(NetError::WouldBlock)
    }
    fn connect(&self, to: SocketAddr) -> Result<()> {
        let mut state = lock(&self.state);
        if state.peer.is_some() {
            return Err(NetError::Connected);
        }
        if to.port() == SLOW || to.ip() == NOWHERE {
            state.connecting = true;
            drop(state);
            lock(&PENDING).push((self.me.upgrade().expect("alive"), to));
            return Err(NetError::InProgress);
        }
        drop(state);
        self.establish(to)
    }
    fn send(&self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> Result<usize> {
        if lock(&self.state).output_closed {
            return Err(NetError::Closed);
        }
        if lock(&self.state).peer.is_none() {
            return Err(NetError::NotConnected);
        }
        let other = self.other().ok_or(NetError::Reset)?;
        let mut there = lock(&other.state);
        let room = BUFFER - there.input.len();
        if room == 0 {
            return Err(NetError::WouldBlock);
        }
        let mut buffer = vec![0; room];
        // In two pieces, as a ring would.
        let (first, second) = buffer.split_at_mut(room / 2);
        let mut count = 0;
        for piece in [first, second] {
            if piece.is_empty() {
                continue;
            }
            LENT.fetch_add(1, SeqCst);
            let done = fill(piece);
            LARGEST.fetch_max(done, SeqCst);
            count += done;
            if done < piece.len() {
                break;
            }
        }
        // What was written is at the start, as the first piece was filled before the second.
        there.input.extend(&buffer[..count]);
        drop(there);
        other.queue.wake_all();
        Ok(count)
    }
    fn receive(&self, peek: bool, take: &mut dyn FnMut(&[u8]) -> usize) -> Result<usize> {
        let mut state = lock(&self.state);
        if state.peer.is_none() {
            return Err(state.error.take().unwrap_or(NetError::NotConnected));
        }
        if state.input.is_empty() {
            return if state.input_closed { Ok(0) } else { Err(NetError::WouldBlock) };
        }
        let bytes: Vec<u8> = state.input.iter().copied().collect();
        let middle = bytes.len().div_ceil(2);
        let mut count = 0;
        for piece in [&bytes[..middle], &bytes[middle..]] {
            let done = take(piece);
            count += done;
            if done < piece.len() {
                break;
            }
        }
        if !peek {
            state.input.drain(..count);
        }
        let other = state.other.upgrade();
        drop(state);
        if let Some(other) = other {
            other.queue.wake_all();
        }
        Ok(count)
    }
    fn shutdown(&self, how: Shutdown) -> Result<()> {
        if lock(&self.state).peer.is_none() {
            return Err(NetError::NotConnected);
        }
        if how != Shutdown::Send {
            lock(&self.state).input_closed = true;
        }
        if how != Shutdown::Receive {
            lock(&self.state).output_closed = true;
            if let Some(other) = self.other() {
                lock(&other.state).input_closed = true;
                other.queue.wake_all();
            }
        }
        self.queue.wake_all();
        Ok(())
    }
    fn local(&self) -> Option<SocketAddr> {
        lock(&self.state).local
    }
    fn peer(&self) -> Option<SocketAddr> {
        lock(&self.state).peer
    }
    fn ready(&self) -> Ready {
        let state = lock(&self.state);
        let other = state.other.upgrade();
        let gone = state.peer.is_some() && other.is_none();
        let mut ready = Ready {
            receive: !state.input.is_empty() || state.input_closed || !state.waiting.is_empty(),
            receive_closed: state.input_closed,
            closed: state.input_closed && state.output_closed,
            error: state.error.is_some(),
            send: gone,
        };
        drop(state);
        if let Some(other) = other {
            ready.send = lock(&other.state).input.len() < BUFFER;
        }
        ready
    }
    fn take_error(&self) -> Option<NetError> {
        lock(&self.state).error.take()
    }
    fn available(&self) -> usize {
        lock(&self.state).input.len()
    }
    fn set_no_delay(&self, on: bool) {
        lock(&SETTINGS).push(format!("no delay {on}"));
    }
    fn set_keep_alive(&self, seconds: Option<u32>) {
        lock(&SETTINGS).push(format!("keep alive {seconds:?}"));
    }
    fn set_abort_on_close(&self, on: bool) {
        lock(&SETTINGS).push(format!("abort {on}"));
    }
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
}

type Packet = (SocketAddr, Vec<u8>);

#[derive(Default)]
struct UdpState {
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    input: VecDeque<Packet>,
}

pub struct Udp {
    v6: bool,
    state: Mutex<UdpState>,
    full: AtomicBool,
    queue: WaitQueue,
    me: Weak<Udp>,
}

impl Udp {
    fn own(&self) -> SocketAddr {
        let mut state = lock(&self.state);
        let local = state.local.get_or_insert_with(|| {
            SocketAddr::new(loopback(self.v6), NEXT_PORT.fetch_add(1, SeqCst))
        });
        lock(&DATAGRAMS).insert(local.port(), self.me.clone());
        *local
    }
}

impl Datagram for Udp {
    fn bind(&self, address: SocketAddr, _: bool) -> Result<()> {
        let mut address = address;
        if address.port() == 0 {
            address.set_port(NEXT_PORT.fetch_add(1, SeqCst));
        }
        lock(&self.state).local = Some(address);
        self.own();
        Ok(())
    }
    fn connect(&self, to: Option<SocketAddr>) -> Result<()> {
        lock(&self.state).peer = to;
        self.own();
        Ok(())
    }
    fn send_to(
        &self,
        to: Option<SocketAddr>,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<()> {
        let to = to.or(lock(&self.state).peer).ok_or(NetError::NotConnected)?;
        let mut own = self.own();
        if own.ip().is_unspecified() {
            own.set_ip(loopback(own.is_ipv6()));
        }
        let mut bytes = vec![0; len];
        fill(&mut bytes);
        if let Some(other) = lock(&DATAGRAMS).get(&to.port()).and_then(Weak::upgrade) {
            lock(&other.state).input.push_back((own, bytes));
            other.queue.wake_all();
        }
        Ok(())
    }
    fn receive_from(&self, peek: bool, take: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<()> {
        let mut state = lock(&self.state);
        let (from, bytes) = state.input.front().ok_or(NetError::WouldBlock)?;
        take(*from, bytes);
        if !peek {
            state.input.pop_front();
        }
        Ok(())
    }
    fn local(&self) -> Option<SocketAddr> {
        lock(&self.state).local
    }
    fn peer(&self) -> Option<SocketAddr> {
        lock(&self.state).peer
    }
    fn ready(&self) -> Ready {
        let receive = !lock(&self.state).input.is_empty();
        Ready { receive, send: !self.full.load(SeqCst), ..Ready::default() }
    }
    fn take_error(&self) -> Option<NetError> {
        None
    }
    fn available(&self) -> usize {
        lock(&self.state).input.front().map_or(0, |(_, bytes)| bytes.len())
    }
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
}

struct InMemory;

impl Stack for InMemory {
    fn tcp(v6: bool) -> Result<Arc<dyn Socket>> {
        Ok(Tcp::fresh(v6))
    }
    fn udp(v6: bool) -> Result<Arc<dyn Datagram>> {
        Ok(Arc::new_cyclic(|me| Udp {
            v6,
            state: Mutex::default(),
            full: AtomicBool::new(false),
            queue: WaitQueue::new(),
            me: me.clone(),
        }))
    }
    fn local_addresses() -> Vec<(IpAddr, u8)> {
        vec![(loopback(false), 8)]
    }
}

mod binding {
    unilith_net_api::bind!(super::InMemory);
}
