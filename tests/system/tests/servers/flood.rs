//! Segments that no client of a server would send: SYNs from everywhere, resets by guessing.
//!
//! QEMU's own network lets none of them through, so this has a TAP interface in a network namespace
//! of its own, which ends with the test.

use crate::{noise, succeeded};
use rustix::fd::OwnedFd;
use rustix::net::{
    self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, sockopt,
};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::Command;
use std::time::{Duration, Instant};
use unilith_harness::{Guest, bounded, unilith};
use unilith_vmm::devices::{USER_ADDRESS, USER_GATEWAY, USER_PREFIX};
use unilith_vmm::{Network, host};

const TAP: &str = "tap0";
/// Of each kind.
const SEGMENTS: u32 = 20_000;
/// Segments of each kind that are sent in one go.
const BATCH: u32 = 100;
/// More than fits into any buffer.
const VALUE: usize = 16 << 20;
/// How long the next client waits at most.
const AT_ONCE: Duration = Duration::from_secs(2);
/// Bytes that the guest is ready to receive, at least.
const WINDOW: u32 = 16 << 10;
const SYN: u8 = 2;
const RST: u8 = 4;

/// Does `work` on a thread that has a network of its own, with a TAP interface in it.
fn on_a_tap(work: impl FnOnce() + Send) {
    let ip = |args: &str| {
        let mut command = Command::new("ip");
        succeeded(&bounded(command.args(args.split(' ')), 10));
    };
    let all = move || {
        if let Err(error) = host::private_network() {
            panic!("a network namespace of the test's own: {error}; run the tests as root");
        }
        let mac = Network::Tap(TAP.to_owned()).mac().map(|byte| format!("{byte:02x}")).join(":");
        ip("link set lo up");
        ip(&format!("tuntap add dev {TAP} mode tap"));
        ip(&format!("addr add {USER_GATEWAY}/{USER_PREFIX} dev {TAP}"));
        // Nothing is lost on the way, however slowly the guest takes it.
        ip(&format!("link set {TAP} txqueuelen {} up", 4 * SEGMENTS));
        ip(&format!("neigh add {USER_ADDRESS} lladdr {mac} dev {TAP} nud permanent"));
        work();
    };
    // Namespaces belong to threads; other tests keep theirs.
    let ended = std::thread::scope(|scope| scope.spawn(all).join());
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// Frames that the guest's card has taken from the interface, and those that were lost before.
fn taken_and_lost() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").expect("the interfaces");
    let line = text.lines().find_map(|line| line.trim().strip_prefix("tap0:"));
    // Eight columns of what was received; then bytes, packets, errors, drops.
    let sent = line.expect("the interface").split_whitespace().skip(8);
    let columns: Vec<u64> = sent.map(|word| word.parse().expect("a number")).collect();
    (columns[1], columns[3])
}

/// Sends segments without a connection.
struct Forger {
    socket: OwnedFd,
    to: SocketAddrV4,
}

impl Forger {
    fn new(to: SocketAddrV4) -> Self {
        let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
        let socket = net::socket_with(family, SocketType::RAW, flags, Some(ipproto::RAW));
        Self { socket: socket.expect("raw sockets take root"), to }
    }

    /// The kernel fills in the length and checksum of the IP header.
    fn send(&self, from: SocketAddrV4, seq: u32, flags: u8) {
        let mut tcp = [0; 20];
        tcp[..2].copy_from_slice(&from.port().to_be_bytes());
        tcp[2..4].copy_from_slice(&self.to.port().to_be_bytes());
        tcp[4..8].copy_from_slice(&seq.to_be_bytes());
        // Words of the header, flags, window.
        tcp[12..16].copy_from_slice(&[5 << 4, flags, 0xff, 0xff]);
        let (source, target) = (from.ip().octets(), self.to.ip().octets());
        let pseudo = [&source[..], &target, &[0, 6, 0, 20], &tcp].concat();
        let words = pseudo.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
        let sum: u32 = words.sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        let head = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
        let packet = [&head[..], &source, &target, &tcp].concat();
        let sent = net::sendto(&self.socket, &packet, SendFlags::empty(), &self.to);
        assert_eq!(sent.expect("sent"), packet.len());
    }
}

/// What the other end of a connection expects next, as its next segments on the wire say.
fn expected(server: SocketAddrV4, own: SocketAddrV4, read: impl FnOnce()) -> u32 {
    let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
    let socket = net::socket_with(family, SocketType::RAW, flags, Some(ipproto::TCP));
    let socket = socket.expect("raw sockets take root");
    read();
    let mut packet = [0; 2048];
    for _ in 0..1000 {
        let (len, _) = net::recv(&socket, &mut packet, RecvFlags::DONTWAIT).expect("a segment");
        let tcp = usize::from(packet[0] & 15) * 4;
        let ports = [server.port().to_be_bytes(), own.port().to_be_bytes()].concat();
        if len >= tcp + 20 && packet[tcp..tcp + 4] == ports {
            return u32::from_be_bytes(packet[tcp + 8..tcp + 12].try_into().expect("four"));
        }
    }
    panic!("no segment of the connection");
}

/// 20,000 SYNs from as many addresses, and resets at a connection whose ends the attacker knows,
/// half of them in its window (RFC 5961, 3): it goes on as if nothing was, and others are served.
#[test]
fn a_flood_of_syns_and_guessed_resets_is_borne() {
    let redis = "/usr/bin/redis-server";
    // What has to be built may need the network that there is here.
    let mut build = unilith(["run", "-q", "-p", "qemu", "--dry-run", "--net", "user", redis]);
    succeeded(&bounded(&mut build, 400));
    on_a_tap(|| {
        let address: Ipv4Addr = USER_ADDRESS.parse().expect("an address");
        let to = SocketAddrV4::new(address, 6379);
        let (net, ip) = (format!("tap={TAP}"), format!("{USER_ADDRESS}/{USER_PREFIX}"));
        let guest =
            Guest::new(redis).timeout(300).options(["-m", "160", "--net", &net, "--ip", &ip]);
        let guest = guest.args(["--save", "", "--protected-mode", "no"]);
        let server = guest.serve_at(SocketAddr::V4(to), b"PING\r\n", b"+PONG\r\n");
        let served = |when: &str| {
            let start = Instant::now();
            let said = server.ask(b"PING\r\n", 7);
            let (late, log) = (start.elapsed(), server.log());
            assert_eq!(said.as_deref(), Some(&b"+PONG\r\n"[..]), "{when}, {late:?}: {log}");
            assert!(late < AT_ONCE, "{when}: after {late:?}: {log}");
        };

        let value = noise(VALUE);
        let mut client = server.connect();
        let head = format!("*3\r\n$3\r\nSET\r\n$1\r\nx\r\n${VALUE}\r\n");
        client.write_all(&[head.as_bytes(), &value, b"\r\n"].concat()).expect("sent");
        let mut said = [0; 5];
        client.read_exact(&mut said).expect("an answer");
        assert_eq!(&said, b"+OK\r\n");
        // Most of the value has to wait at the guest.
        sockopt::set_socket_recv_buffer_size(&client, 64 << 10).expect("a socket");
        client.write_all(b"GET x\r\n").expect("sent");
        let want = [format!("${VALUE}\r\n").as_bytes(), &value, b"\r\n"].concat();
        let mut got = vec![0; want.len()];

        let SocketAddr::V4(own) = client.local_addr().expect("its address") else {
            panic!("not IPv4")
        };
        let forger = Forger::new(to);
        let before = taken_and_lost();
        let part = want.len() / (SEGMENTS / BATCH) as usize;
        let mut pieces = got.chunks_mut(part);
        client.read_exact(pieces.next().expect("a piece")).expect("its start");
        let next = pieces.next().expect("a piece");
        let exact = expected(to, own, || client.read_exact(next).expect("more of it"));
        for first in (0..SEGMENTS).step_by(BATCH as usize) {
            for number in first..first + BATCH {
                // 198.18.0.0/15 is for such tests (RFC 2544): nobody there takes offence.
                let source = Ipv4Addr::from_bits(0xc612_0000 + number);
                let port = 1024 + (number % 60_000) as u16;
                forger.send(SocketAddrV4::new(source, port), number.wrapping_mul(0x9e37_79b9), SYN);
                // Anywhere, and where it would fit but for what is exact.
                let guess = if number % 2 == 0 { number.wrapping_mul(0x85eb_ca6b) } else { exact };
                let guess = guess.wrapping_add(1 + number % WINDOW);
                if guess != exact {
                    forger.send(own, guess, RST);
                }
            }
            if let Some(piece) = pieces.next() {
                let read = client.read_exact(piece);
                assert!(read.is_ok(), "after {first} resets: {read:?} {}", server.log());
            }
            if first == SEGMENTS / 2 {
                served("in the middle of the flood");
            }
        }
        served("after the flood");
        for piece in pieces {
            client.read_exact(piece).expect("the rest");
        }
        assert!(got == want, "what arrived is something else");
        client.write_all(b"PING\r\n").expect("sent");
        let mut said = [0; 7];
        client.read_exact(&mut said).expect("an answer");
        assert_eq!(&said, b"+PONG\r\n");
        let after = taken_and_lost();
        let taken = after.0 - before.0;
        assert!(taken >= u64::from(2 * SEGMENTS - 1), "the guest got {taken} frames of the flood");
        assert_eq!(after.1, before.1, "frames were lost on the way");
        drop(client);
        server.stop().expect_status(0);
    });
}
