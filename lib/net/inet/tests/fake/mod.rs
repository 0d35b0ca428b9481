//! A platform whose clock the test turns, and devices that are wired to each other.
#![allow(dead_code)]

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use unilith_fakes::{OneThread, Waiting};
use unilith_inet::{Addresses, Net};
use unilith_net_api::{Device, NetError, Offload, Received, Socket};

pub const SECOND: u64 = 1_000_000_000;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(SECOND) };
}

pub fn now() -> u64 {
    NOW.get()
}

pub fn set_now(now: u64) {
    NOW.set(now);
}

struct Fake;

impl unilith_fakes::Machine for Fake {
    fn monotonic_ns() -> u64 {
        now()
    }
    fn entropy(buf: &mut [u8]) -> bool {
        buf.fill(7);
        true
    }
}

unilith_platform::bind!(unilith_fakes::Platform<Fake>);

/// The host's memory, of which there is enough.
struct Pages;

impl unilith_mem_api::PageAllocator for Pages {
    fn allocate(_: usize) -> Option<std::ptr::NonNull<u8>> {
        None
    }
    unsafe fn free(_: std::ptr::NonNull<u8>, _: usize) {}
    fn free_pages() -> usize {
        FREE_PAGES.get()
    }
}

thread_local! {
    /// Pages that the machine of this test has.
    pub static FREE_PAGES: std::cell::Cell<usize> = const { std::cell::Cell::new(1 << 24) };
}

unilith_mem_api::bind!(Pages);

/// Nobody waits: tests look again.
struct AtOnce;

impl Waiting for AtOnce {
    fn block(_: u64) {}
}

unilith_sched_api::bind!(OneThread<AtOnce>, []);

/// What happens to frames on the wire, each with a probability of 0 to 255 in 256.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    pub lose: u8,
    pub swap: u8,
    pub double: u8,
    pub corrupt: u8,
}

/// A device. What is sent goes into the other end's queue.
pub struct Nic {
    address: [u8; 6],
    mtu: usize,
    pub offload: Offload,
    received: Mutex<VecDeque<(Vec<u8>, bool)>>,
    other: Mutex<Weak<Nic>>,
    pub faults: Mutex<Faults>,
    random: AtomicU64,
    receiving: AtomicBool,
    pub room: AtomicUsize,
    pub sent: AtomicUsize,
    pub flushes: AtomicUsize,
    /// The frames that were sent, if the test wants to see them.
    pub log: Mutex<Option<Vec<Vec<u8>>>>,
}

impl Nic {
    pub fn new(last: u8, offload: Offload) -> Arc<Self> {
        Arc::new(Self {
            address: [0x52, 0x54, 0, 0, 0, last],
            mtu: 1500,
            offload,
            received: Mutex::default(),
            other: Mutex::default(),
            faults: Mutex::default(),
            random: AtomicU64::new(u64::from(last) + 88172645463325252),
            receiving: AtomicBool::new(false),
            room: AtomicUsize::new(usize::MAX),
            sent: AtomicUsize::new(0),
            flushes: AtomicUsize::new(0),
            log: Mutex::new(None),
        })
    }

    pub fn pair(offload: Offload) -> (Arc<Self>, Arc<Self>) {
        let (a, b) = (Self::new(1, offload), Self::new(2, offload));
        *a.other.lock().unwrap() = Arc::downgrade(&b);
        *b.other.lock().unwrap() = Arc::downgrade(&a);
        (a, b)
    }

    /// Xorshift: the same faults in each run.
    fn chance(&self, of: u8) -> bool {
        (self.random() >> 24 & 255) < u64::from(of)
    }

    fn random(&self) -> u64 {
        let mut x = self.random.load(Ordering::Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.store(x, Ordering::Relaxed);
        x
    }

    /// A frame arrives.
    pub fn inject(&self, frame: &[u8]) {
        self.received.lock().unwrap().push_back((frame.to_vec(), false));
    }

    /// Drops a frame that arrived; false if there is none.
    pub fn receive_and_drop(&self) -> bool {
        self.received.lock().unwrap().pop_front().is_some()
    }

    pub fn waiting(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// What was sent since the last call.
    pub fn take_log(&self) -> Vec<Vec<u8>> {
        self.log.lock().unwrap().replace(Vec::new()).unwrap_or_default()
    }

    fn transmit(&self, mut frame: Vec<u8>) {
        if let Some(log) = &mut *self.log.lock().unwrap() {
            log.push(frame.clone());
        }
        let Some(other) = self.other.lock().unwrap().upgrade() else { return };
        let faults = *self.faults.lock().unwrap();
        if self.chance(faults.lose) {
            return;
        }
        if self.chance(faults.corrupt) {
            let at = self.random() as usize % frame.len();
            frame[at] ^= 1 << (self.random() % 8);
        }
        let ok = self.offload.receive_checksum && faults.corrupt == 0;
        let mut queue = other.received.lock().unwrap();
        if self.chance(faults.double) {
            queue.push_back((frame.clone(), ok));
        }
        queue.push_back((frame, ok));
        if self.chance(faults.swap) && queue.len() > 1 {
            let last = queue.len() - 1;
            queue.swap(last, last - 1);
        }
    }
}

/// Completes a checksum as virtio-net does.
fn complete(frame: &mut [u8], start: usize, offset: usize) {
    let sum: u32 = frame[start..]
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[start + offset..start + offset + 2].copy_from_slice(&sum.to_be_bytes());
}

impl Device for Nic {
    fn address(&self) -> [u8; 6] {
        self.address
    }
    fn mtu(&self) -> usize {
        self.mtu
    }
    fn offload(&self) -> Offload {
        self.offload
    }
    fn receive(&self, take: &mut dyn FnMut(Received<'_>)) -> bool {
        let Some((mut frame, checksum_ok)) = self.received.lock().unwrap().pop_front() else {
            return false;
        };
        assert!(!self.receiving.swap(true, Ordering::Relaxed), "received while receiving");
        take(Received { frame: &mut frame, checksum_ok });
        self.receiving.store(false, Ordering::Relaxed);
        true
    }
    fn can_send(&self) -> bool {
        self.room.load(Ordering::Relaxed) > 0
    }
    fn send(
        &self,
        len: usize,
        checksum: Option<(u16, u16)>,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> bool {
        assert!(!self.receiving.load(Ordering::Relaxed), "sent while receiving");
        assert!(len <= self.mtu + 14, "a frame of {len} bytes");
        if !self.can_send() {
            return false;
        }
        self.room.fetch_sub(1, Ordering::Relaxed);
        let mut frame = vec![0xaa; len];
        fill(&mut frame);
        if let Some((start, offset)) = checksum {
            assert!(self.offload.send_checksum, "help that was not offered");
            complete(&mut frame, start.into(), offset.into());
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.transmit(frame);
        true
    }
    fn flush(&self) {
        self.flushes.fetch_add(1, Ordering::Relaxed);
    }
    fn arm(&self) -> bool {
        self.waiting() > 0
    }
}

pub const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

pub fn address(host: Ipv4Addr) -> Addresses {
    Addresses {
        v4: Some((host, 24)),
        gateway: Some(Ipv4Addr::new(10, 0, 0, 254)),
        ..Addresses::default()
    }
}

/// Two hosts and a wire.
pub struct World {
    pub a: Arc<Net>,
    pub b: Arc<Net>,
    pub nic_a: Arc<Nic>,
    pub nic_b: Arc<Nic>,
}

impl World {
    pub fn new() -> Self {
        Self::with(Offload::default())
    }

    pub fn with(offload: Offload) -> Self {
        let (nic_a, nic_b) = Nic::pair(offload);
        let a = Net::new(Some(nic_a.clone()), address(A), [1, 2]);
        let b = Net::new(Some(nic_b.clone()), address(B), [3, 4]);
        Self { a, b, nic_a, nic_b }
    }

    pub fn faults(&self, faults: Faults) {
        *self.nic_a.faults.lock().unwrap() = faults;
        *self.nic_b.faults.lock().unwrap() = faults;
    }

    /// Lets both do what they can do now; then turns the clock to what is due next.
    pub fn step(&self) {
        self.a.poll();
        self.b.poll();
        let next = self.a.arm().min(self.b.arm());
        if next > now() && next != u64::MAX {
            set_now(next);
        }
    }

    /// Goes on until `done`, for at most so many seconds of the clock.
    #[track_caller]
    pub fn until(&self, seconds: u64, mut done: impl FnMut() -> bool) {
        let end = now() + seconds * SECOND;
        let mut steps = 0;
        while !done() {
            assert!(now() < end && steps < 2_000_000, "nothing came of it in {seconds} s");
            steps += 1;
            let before = now();
            self.step();
            if now() == before && self.a.arm() == u64::MAX && self.b.arm() == u64::MAX {
                assert!(done(), "both wait for ever");
                return;
            }
        }
    }

    /// Lets the clock run.
    pub fn pass(&self, ns: u64) {
        let end = now() + ns;
        for turn in 0.. {
            assert!(turn < 200_000, "never idle");
            self.a.poll();
            self.b.poll();
            let next = self.a.arm().min(self.b.arm());
            if next > end {
                break;
            }
            set_now(next.max(now() + 1));
        }
        set_now(end);
        self.a.poll();
        self.b.poll();
    }

    pub fn listen(&self, port: u16, backlog: usize) -> Arc<dyn Socket> {
        let listener = self.b.tcp(false).unwrap();
        listener.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), true).unwrap();
        listener.listen(backlog).unwrap();
        listener
    }

    pub fn connect(&self, port: u16) -> Arc<dyn Socket> {
        let socket = self.a.tcp(false).unwrap();
        assert_eq!(socket.connect(SocketAddr::from((B, port))), Err(NetError::InProgress));
        socket
    }

    /// A connection that is established and accepted: A's end and B's.
    #[track_caller]
    pub fn connection(&self, listener: &Arc<dyn Socket>) -> (Arc<dyn Socket>, Arc<dyn Socket>) {
        let client = self.connect(listener.local().unwrap().port());
        let mut accepted = None;
        self.until(30, || {
            accepted = accepted.take().or_else(|| listener.accept().ok());
            accepted.is_some() && client.ready().send
        });
        (client, accepted.unwrap())
    }
}

pub fn send(socket: &Arc<dyn Socket>, mut bytes: &[u8]) -> Result<usize, NetError> {
    socket.send(&mut |room| {
        let len = room.len().min(bytes.len());
        room[..len].copy_from_slice(&bytes[..len]);
        bytes = &bytes[len..];
        len
    })
}

pub fn receive(socket: &Arc<dyn Socket>) -> Result<Vec<u8>, NetError> {
    let mut all = Vec::new();
    socket.receive(false, &mut |bytes| {
        all.extend_from_slice(bytes);
        bytes.len()
    })?;
    Ok(all)
}

/// Bytes that tell where they are.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2654435761) >> 13) as u8).collect()
}

/// Sends all of `data` from one end to the other.
#[track_caller]
pub fn transfer(world: &World, from: &Arc<dyn Socket>, to: &Arc<dyn Socket>, data: &[u8]) {
    let (mut sent, mut got) = (0, Vec::new());
    world.until(3000, || {
        if sent < data.len() {
            match send(from, &data[sent..]) {
                Ok(len) => sent += len,
                Err(error) => assert_eq!(error, NetError::WouldBlock),
            }
        }
        match receive(to) {
            Ok(bytes) => got.extend(bytes),
            Err(error) => assert_eq!(error, NetError::WouldBlock),
        }
        got.len() >= data.len()
    });
    assert!(got == data, "what arrived is not what was sent");
}

pub fn ip(address: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddr::from((IpAddr::V4(address), port))
}

/// A SYN from some host that does not exist, to B.
pub fn syn(from: [u8; 4], port: u16, seq: u32) -> Vec<u8> {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::*;
    let repr = TcpRepr {
        src_port: port,
        dst_port: 80,
        control: TcpControl::Syn,
        seq_number: TcpSeqNumber(seq as i32),
        ack_number: None,
        window_len: 65535,
        window_scale: Some(7),
        max_seg_size: Some(1460),
        sack_permitted: true,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let (from, to) = (IpAddress::Ipv4(from.into()), IpAddress::Ipv4(B));
    let ip = IpRepr::new(from, to, IpProtocol::Tcp, repr.buffer_len(), 64);
    let mut frame = vec![0; 14 + ip.buffer_len()];
    let mut ethernet = EthernetFrame::new_unchecked(&mut frame[..]);
    ethernet.set_dst_addr(EthernetAddress([0x52, 0x54, 0, 0, 0, 2]));
    ethernet.set_src_addr(EthernetAddress([0x52, 0x54, 0, 0, 0, 1]));
    ethernet.set_ethertype(EthernetProtocol::Ipv4);
    let sums = ChecksumCapabilities::default();
    ip.emit(ethernet.payload_mut(), &sums);
    let mut tcp = TcpPacket::new_unchecked(&mut ethernet.payload_mut()[20..]);
    repr.emit(&mut tcp, &from, &to, &sums);
    frame
}
