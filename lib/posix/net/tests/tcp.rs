//! TCP, UDP and options, over a stack in memory.

use common::*;
use fake::{HOLE, READ_ONLY, machine, pause, peek, poke, thread, timed};
use stack::{BUFFER, SETTINGS, settle};
use std::sync::atomic::Ordering::SeqCst;
use unilith_fs_api::{FileType, MemorySource, Metadata, NodeRef};
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::raw::net;
use unilith_posix_abi::{Errno, Result};
use unilith_posix_fd::{File, nameless, table};

mod common;
#[path = "../../fd/tests/fake/mod.rs"]
mod fake;
mod stack;

mod binding {
    unilith_sched_api::bind!(crate::fake::Fake, [unilith_posix_fd::POLLER]);
}

const SOL_SOCKET: u32 = net::SOL_SOCKET;

/// A listener, a client and the connection between them.
fn connection(port: u16) -> (usize, usize, usize) {
    let listener = socket(INET, STREAM);
    bind(listener, &inet(&format!("0.0.0.0:{port}"))).expect("free");
    listen(listener).expect("bound");
    let client = socket(INET, STREAM);
    connect(client, &inet(&format!("127.0.0.1:{port}"))).expect("somebody listens");
    let server = accept(listener).expect("a connection");
    (listener, client, server)
}

#[test]
fn connections_carry_bytes_both_ways() {
    machine(|| {
        let (listener, client, server) = connection(1000);
        assert_eq!(address(nr::__NR_getpeername, client), Ok(inet("127.0.0.1:1000")));
        let own = address(nr::__NR_getsockname, client);
        assert_eq!(address(nr::__NR_getpeername, server), own);
        assert_eq!((ready(client), ready(server)), (nr::POLLOUT, nr::POLLOUT));
        assert_eq!(send(client, b"hello", 0), Ok(5));
        assert_eq!(ready(server), nr::POLLIN | nr::POLLOUT);
        assert_eq!(receive(server, 100, PEEK), Ok(b"hello".to_vec()));
        assert_eq!(receive(server, 2, 0), Ok(b"he".to_vec()));
        assert_eq!(receive(server, 100, 0), Ok(b"llo".to_vec()));
        assert_eq!(receive(server, 100, DONTWAIT), Err(Errno::EAGAIN));
        // read, write, readv and ioctl are for sockets, too.
        assert_eq!(call(nr::__NR_write, [server, poke(DATA, b"answer"), 6]), Ok(6));
        assert_eq!(call(nr::__NR_ioctl, [client, 0x541b, PAD]), Ok(0));
        assert_eq!(fake::peek_i32(PAD), 6);
        let iov = [INTO, 2, INTO + 64, 100].map(usize::to_ne_bytes).concat();
        assert_eq!(call(nr::__NR_readv, [client, poke(PAD, &iov), 2]), Ok(6));
        assert_eq!((peek(INTO, 2), peek(INTO + 64, 4)), (b"an".to_vec(), b"swer".to_vec()));
        // Nothing is nothing, at once.
        assert_eq!(receive(client, 0, 0), Ok(vec![]));
        assert_eq!(send(client, b"", 0), Ok(0));
        // MSG_TRUNC throws bytes away.
        send(server, b"abcdef", 0).expect("fine");
        assert_eq!(call(nr::__NR_recvfrom, [client, 0, 4, TRUNC, 0, 0]), Ok(4));
        assert_eq!(receive(client, 9, 0), Ok(b"ef".to_vec()));
        // The end.
        assert_eq!(call(nr::__NR_shutdown, [client, 1]), Ok(0));
        assert_eq!(receive(server, 10, 0), Ok(vec![]));
        assert_eq!(send(client, b"x", 0), Err(Errno::EPIPE));
        assert_ne!(ready(server) & nr::POLLRDHUP, 0);
        assert_eq!(call(nr::__NR_shutdown, [client, 3]), Err(Errno::EINVAL));
        close(&[client]);
        assert_eq!(send(server, b"x", 0), Err(Errno::ECONNRESET));
        close(&[server, listener]);
    });
}

#[test]
fn calls_wait_or_do_not() {
    machine(|| {
        let (listener, client, server) = connection(1001);
        thread(move || {
            pause(10);
            poke(PAD + 0x9000, b"abcd");
            call(nr::__NR_sendto, [client, PAD + 0x9000, 2, 0, 0, 0]).expect("fine");
            pause(10);
            call(nr::__NR_sendto, [client, PAD + 0x9002, 2, 0, 0, 0]).expect("fine");
        });
        assert_eq!(receive(server, 4, WAITALL), Ok(b"abcd".to_vec()));
        // More than fits waits for the reader.
        let all: Vec<u8> = (0..BUFFER * 3).map(|i| (i % 253) as u8).collect();
        let count = all.len();
        poke(DATA, &all);
        thread(move || {
            assert_eq!(call(nr::__NR_sendto, [client, DATA, count, 0, 0, 0]), Ok(count));
        });
        assert_eq!(receive(server, count, WAITALL), Ok(all.clone()));
        // Without waiting it is as much as fits.
        assert_eq!(send(client, &all, DONTWAIT), Ok(BUFFER));
        assert_eq!(send(client, &all, DONTWAIT), Err(Errno::EAGAIN));
        assert_eq!(receive(server, BUFFER * 3, 0).map(|got| got.len()), Ok(BUFFER));
        // accept waits, and not.
        thread(move || {
            pause(10);
            let other = call(nr::__NR_socket, [INET, STREAM, 0]).expect("room");
            poke(PAD + 0x9000, &inet("127.0.0.1:1001"));
            call(nr::__NR_connect, [other, PAD + 0x9000, 16]).expect("somebody listens");
            close(&[other]);
        });
        poke(PAD + 0x200, &128u32.to_ne_bytes());
        let flags = NONBLOCK | CLOEXEC;
        let args = [listener, PAD + 0x300, PAD + 0x200, flags];
        let accepted = call(nr::__NR_accept4, args).expect("a connection");
        assert_eq!(peek(PAD + 0x200, 4), 16u32.to_ne_bytes());
        assert_eq!(call(nr::__NR_fcntl, [accepted, nr::F_GETFD as usize]), Ok(1));
        let status = call(nr::__NR_fcntl, [accepted, nr::F_GETFL as usize]).expect("open");
        assert_ne!(status & NONBLOCK, 0);
        call(nr::__NR_fcntl, [listener, nr::F_SETFL as usize, NONBLOCK]).expect("open");
        assert_eq!(accept(listener), Err(Errno::EAGAIN));
        // SO_RCVTIMEO.
        let time = [0u64, 20_000].map(u64::to_ne_bytes).concat();
        set(client, SOL_SOCKET, net::SO_RCVTIMEO, &time).expect("fine");
        assert_eq!(get(client, SOL_SOCKET, net::SO_RCVTIMEO, 16), Ok(time));
        let (ms, got) = timed(|| receive(client, 1, 0));
        assert!(got == Err(Errno::EAGAIN) && (15..1000).contains(&ms), "{ms}");
        close(&[client, server, accepted, listener]);
    });
}

#[test]
fn connecting_takes_time_or_fails() {
    machine(|| {
        // Nobody there.
        let s = socket(INET, STREAM);
        assert_eq!(connect(s, &inet("127.0.0.1:1")), Err(Errno::ECONNREFUSED));
        assert_eq!(address(nr::__NR_getpeername, s), Err(Errno::ENOTCONN));
        assert_eq!(receive(s, 1, 0), Err(Errno::ENOTCONN));
        assert_eq!(send(s, b"x", 0), Err(Errno::EPIPE));
        assert_eq!(ready(s), nr::POLLOUT | nr::POLLHUP);
        // In the background.
        let listener = socket(INET, STREAM);
        bind(listener, &inet("127.0.0.1:777")).expect("free");
        listen(listener).expect("bound");
        let n = socket(INET, STREAM | NONBLOCK);
        assert_eq!(connect(n, &inet("127.0.0.1:777")), Err(Errno::EINPROGRESS));
        assert_eq!(connect(n, &inet("127.0.0.1:777")), Err(Errno::EALREADY));
        assert_eq!((ready(n), receive(n, 1, 0)), (0, Err(Errno::EAGAIN)));
        assert_eq!(send(n, b"x", 0), Err(Errno::EAGAIN));
        settle();
        assert_eq!(ready(n), nr::POLLOUT);
        assert_eq!(get_i32(n, SOL_SOCKET, net::SO_ERROR), Ok(0));
        assert_eq!(connect(n, &inet("127.0.0.1:777")), Ok(0));
        assert_eq!(connect(n, &inet("127.0.0.1:777")), Err(Errno::EISCONN));
        // One that fails later.
        let f = socket(INET, STREAM | NONBLOCK);
        assert_eq!(connect(f, &inet("10.9.9.9:5")), Err(Errno::EINPROGRESS));
        settle();
        assert_ne!(ready(f) & nr::POLLERR, 0);
        let timed_out = i32::from(Errno::ETIMEDOUT.number());
        assert_eq!(get_i32(f, SOL_SOCKET, net::SO_ERROR), Ok(timed_out));
        assert_eq!(get_i32(f, SOL_SOCKET, net::SO_ERROR), Ok(0)); // fetched
        // Waiting for it.
        let w = socket(INET, STREAM);
        thread(|| {
            pause(20);
            settle();
        });
        let (ms, got) = timed(|| connect(w, &inet("127.0.0.1:777")));
        assert!(got == Ok(0) && ms >= 15, "{ms}");
        // Not for ever: SO_SNDTIMEO.
        let p = socket(INET, STREAM);
        let time = [0u64, 20_000].map(u64::to_ne_bytes).concat();
        set(p, SOL_SOCKET, net::SO_SNDTIMEO, &time).expect("fine");
        assert_eq!(connect(p, &inet("10.9.9.9:5")), Err(Errno::EINPROGRESS));
        settle();
        close(&[s, listener, n, f, w, p]);
    });
}

#[test]
fn ipv6_sockets_know_ipv4_as_mapped() {
    machine(|| {
        let listener = socket(INET6, STREAM);
        bind(listener, &inet("[::]:1002")).expect("free");
        listen(listener).expect("bound");
        let client = socket(INET6, STREAM);
        connect(client, &inet("[::ffff:127.0.0.1]:1002")).expect("somebody listens");
        assert_eq!(address(nr::__NR_getpeername, client), Ok(inet("[::ffff:127.0.0.1]:1002")));
        let server = accept(listener).expect("a connection");
        let peer = address(nr::__NR_getpeername, server).expect("connected");
        assert_eq!((peer.len(), &peer[8..24]), (28, &inet("[::ffff:127.0.0.1]:0")[8..24]));
        assert_eq!(address(nr::__NR_getsockname, socket(INET6, STREAM)), Ok(inet("[::]:0")));
        // The unspecified address is this host.
        let v4 = socket(INET, STREAM);
        connect(v4, &inet("0.0.0.0:1002")).expect("somebody listens");
        // The stack in memory cannot keep the families apart, and says so.
        let v6_only = net::IPV6_V6ONLY;
        assert_eq!(set(client, net::SOL_IPV6, v6_only, &[1, 0, 0, 0]), Err(Errno::ENOPROTOOPT));
        assert_eq!(set(client, net::SOL_IPV6, v6_only, &[0; 4]), Ok(0));
        assert_eq!(set(v4, net::SOL_IPV6, v6_only, &[0; 4]), Err(Errno::ENOPROTOOPT));
        close(&[listener, client, server, v4]);
    });
}

#[test]
fn datagrams_keep_their_boundaries() {
    machine(|| {
        let a = socket(INET, DGRAM);
        bind(a, &inet("0.0.0.0:2000")).expect("free");
        let b = socket(INET, DGRAM);
        assert_eq!(send(b, b"x", 0), Err(Errno::EDESTADDRREQ));
        let to = inet("127.0.0.1:2000");
        let send_to = |data: &[u8]| {
            let at = poke(PAD + 0x100, &to);
            call(nr::__NR_sendto, [b, poke(DATA, data), data.len(), 0, at, 16])
        };
        for data in [&b"first"[..], b"", b"third datagram"] {
            assert_eq!(send_to(data), Ok(data.len()));
        }
        poke(PAD + 0x200, &128u32.to_ne_bytes());
        let args = [a, INTO, 100, 0, PAD + 0x300, PAD + 0x200];
        assert_eq!(call(nr::__NR_recvfrom, args), Ok(5));
        assert_eq!(peek(PAD + 0x300, 16), address(nr::__NR_getsockname, b).expect("bound"));
        assert_eq!(receive(a, 100, 0), Ok(vec![]));
        assert_eq!(receive(a, 5, PEEK), Ok(b"third".to_vec()));
        assert_eq!(call(nr::__NR_recvfrom, [a, INTO, 5, TRUNC, 0, 0]), Ok(14));
        assert_eq!(receive(a, 5, DONTWAIT), Err(Errno::EAGAIN));
        // recvmsg tells that something was cut off.
        send_to(b"0123456789").expect("fine");
        let header = message(PAD + 0x600, (PAD + 0x300, 8), &[(INTO, 2), (INTO + 64, 3)], (0, 0));
        assert_eq!(call(nr::__NR_recvmsg, [a, header, 0]), Ok(5));
        assert_eq!((peek(INTO, 2), peek(INTO + 64, 3)), (b"01".to_vec(), b"234".to_vec()));
        assert_eq!(peek(header + 48, 4), (TRUNC as u32).to_ne_bytes());
        assert_eq!(peek(header + 8, 4), 16u32.to_ne_bytes());
        // Connected: write, and an empty datagram.
        connect(b, &to).expect("an address");
        assert_eq!(call(nr::__NR_write, [b, DATA, 3]), Ok(3));
        assert_eq!(send(b, b"", 0), Ok(0));
        assert_eq!(receive(a, 9, 0).map(|got| got.len()), Ok(3));
        assert_eq!(receive(a, 9, 0), Ok(vec![]));
        // Half a datagram is not sent.
        assert_eq!(call(nr::__NR_sendto, [b, HOLE - 4, 8, 0, 0, 0]), Err(Errno::EFAULT));
        assert_eq!(ready(a), nr::POLLOUT);
        assert_eq!(send(b, &vec![0; 65_508], 0), Err(Errno::EMSGSIZE));
        assert_eq!(send(b, &vec![7; 5000], 0), Ok(5000));
        assert_eq!(receive(a, 9000, 0), Ok(vec![7; 5000]));
        // Several at once.
        let headers = PAD + 0x2000;
        for index in 0..3 {
            let body = poke(DATA + index * 16, &[index as u8; 8][..index + 1]);
            let header = message(PAD + 0x3000 + index * 256, (0, 0), &[(body, index + 1)], (0, 0));
            poke(headers + index * 64, &peek(header, 56));
        }
        assert_eq!(call(nr::__NR_sendmmsg, [b, headers, 3, 0]), Ok(3));
        assert_eq!(peek(headers + 2 * 64 + 56, 4), 3u32.to_ne_bytes());
        for index in 0..4 {
            let into = INTO + index * 16;
            let header = message(PAD + 0x3000 + index * 256, (0, 0), &[(into, 16)], (0, 0));
            poke(headers + index * 64, &peek(header, 56));
        }
        let one = 0x1_0000; // MSG_WAITFORONE
        assert_eq!(call(nr::__NR_recvmmsg, [a, headers, 4, one, 0]), Ok(3));
        assert_eq!(peek(INTO + 32, 3), [2; 3]);
        close(&[a, b]);
    });
}

#[test]
fn options_are_kept_passed_on_or_refused() {
    machine(|| {
        let (listener, client, server) = connection(1003);
        let on = 1u32.to_ne_bytes();
        for name in [net::SO_REUSEADDR, net::SO_REUSEPORT, net::SO_KEEPALIVE, net::SO_BROADCAST] {
            assert_eq!(get_i32(client, SOL_SOCKET, name), Ok(0));
            assert_eq!(set(client, SOL_SOCKET, name, &on), Ok(0));
            assert_eq!(get_i32(client, SOL_SOCKET, name), Ok(1));
        }
        SETTINGS.lock().expect("whole").clear();
        set(client, net::SOL_TCP, net::TCP_NODELAY, &on).expect("fine");
        set(client, net::SOL_TCP, net::TCP_KEEPIDLE, &30u32.to_ne_bytes()).expect("fine");
        set(client, SOL_SOCKET, net::SO_LINGER, &[on, [0; 4]].concat()).expect("fine");
        set(server, net::SOL_TCP, net::TCP_CORK, &on).expect("fine");
        set(server, net::SOL_TCP, net::TCP_CORK, &[0; 4]).expect("fine");
        let settings = SETTINGS.lock().expect("whole").clone();
        let expected = [
            "no delay true",
            "keep alive Some(30)",
            "abort true",
            "no delay false",
            "no delay true",
            "no delay false",
        ];
        assert_eq!(settings, expected);
        // An accepted socket has its listener's.
        set(listener, net::SOL_TCP, net::TCP_NODELAY, &on).expect("fine");
        let other = socket(INET, STREAM);
        connect(other, &inet("127.0.0.1:1003")).expect("somebody listens");
        let accepted = accept(listener).expect("a connection");
        assert_eq!(get_i32(accepted, net::SOL_TCP, net::TCP_NODELAY), Ok(1));
        assert_eq!(SETTINGS.lock().expect("whole").last().expect("one"), "no delay true");
        // Facts.
        assert_eq!(get_i32(listener, SOL_SOCKET, net::SO_ACCEPTCONN), Ok(1));
        assert_eq!(get_i32(client, SOL_SOCKET, net::SO_ACCEPTCONN), Ok(0));
        assert_eq!(get_i32(client, SOL_SOCKET, net::SO_TYPE), Ok(STREAM as i32));
        assert_eq!(get_i32(client, SOL_SOCKET, net::SO_DOMAIN), Ok(INET as i32));
        assert_eq!(get_i32(client, SOL_SOCKET, net::SO_PROTOCOL), Ok(6));
        set(client, SOL_SOCKET, net::SO_RCVBUF, &4096u32.to_ne_bytes()).expect("fine");
        assert_eq!(get_i32(client, SOL_SOCKET, net::SO_RCVBUF), Ok(8192));
        for (fd, state) in [(listener, 10), (client, 1), (socket(INET, STREAM), 7)] {
            let info = get(fd, net::SOL_TCP, net::TCP_INFO, 512).expect("known");
            assert_eq!(info[0], state);
            assert!(info[1..].iter().all(|&byte| byte == 0));
        }
        // As much as there is room for.
        assert_eq!(get(client, SOL_SOCKET, net::SO_TYPE, 2).map(|bytes| bytes.len()), Ok(2));
        // Refused.
        for (level, name, error) in [
            (SOL_SOCKET, 9999, Errno::ENOPROTOOPT),
            (SOL_SOCKET, net::SO_MARK, Errno::ENOPROTOOPT),
            (net::SOL_TCP, net::TCP_FASTOPEN, Errno::EOPNOTSUPP),
            (net::SOL_TCP, net::TCP_DEFER_ACCEPT, Errno::EOPNOTSUPP),
            (net::SOL_TCP, 9999, Errno::ENOPROTOOPT),
            (net::SOL_UDP, 1, Errno::ENOPROTOOPT),
        ] {
            assert_eq!(set(client, level, name, &on), Err(error), "{level} {name}");
        }
        assert_eq!(set(client, SOL_SOCKET, net::SO_REUSEADDR, &[1]), Err(Errno::EINVAL));
        assert_eq!(set(client, net::SOL_TCP, net::TCP_KEEPCNT, &[0; 4]), Err(Errno::EINVAL));
        let bad_time = [0u64, 1_000_000].map(u64::to_ne_bytes).concat();
        assert_eq!(set(client, SOL_SOCKET, net::SO_RCVTIMEO, &bad_time), Err(Errno::EDOM));
        let udp = socket(INET, DGRAM);
        assert_eq!(set(udp, net::SOL_TCP, net::TCP_NODELAY, &on), Err(Errno::ENOPROTOOPT));
        assert_eq!(set(udp, net::SOL_IP, net::IP_RECVERR, &on), Ok(0)); // glibc's resolver
        assert_eq!(receive(udp, 10, 0x2000), Err(Errno::EAGAIN)); // MSG_ERRQUEUE
        close(&[listener, client, server, other, accepted, udp]);
    });
}

#[test]
fn what_is_not_there_is_refused() {
    machine(|| {
        let socket = |domain: usize, kind: usize, protocol: usize| {
            call(nr::__NR_socket, [domain, kind, protocol])
        };
        assert_eq!(socket(16, 3, 0), Err(Errno::EAFNOSUPPORT)); // AF_NETLINK
        assert_eq!(socket(99, STREAM, 0), Err(Errno::EAFNOSUPPORT));
        assert_eq!(socket(INET, 3, 1), Err(Errno::EPROTONOSUPPORT)); // SOCK_RAW
        assert_eq!(socket(INET, STREAM, 17), Err(Errno::EPROTONOSUPPORT));
        assert_eq!(socket(INET, 9, 0), Err(Errno::ESOCKTNOSUPPORT));
        assert_eq!(socket(INET, 0x100, 0), Err(Errno::EINVAL));
        let pair = call(nr::__NR_socketpair, [INET, STREAM, 0, PAD]);
        assert_eq!(pair, Err(Errno::EOPNOTSUPP));
        let (listener, client, server) = connection(1004);
        let again = common::socket(INET, STREAM);
        assert_eq!(bind(again, &inet("0.0.0.0:1004")), Err(Errno::EADDRINUSE));
        assert_eq!(bind(again, &inet("[::]:1005")), Err(Errno::EAFNOSUPPORT));
        assert_eq!(bind(again, &inet("0.0.0.0:1005")[..8]), Err(Errno::EINVAL));
        assert_eq!(call(nr::__NR_bind, [again, PAD, 999]), Err(Errno::EINVAL));
        assert_eq!(accept(client), Err(Errno::EINVAL));
        assert_eq!(send(client, b"x", 1), Err(Errno::EOPNOTSUPP)); // MSG_OOB
        assert_eq!(receive(client, 1, 1), Err(Errno::EINVAL));
        assert_eq!(connect(1, &inet("0.0.0.0:1")), Err(Errno::ENOTSOCK));
        assert_eq!(connect(77, &inet("0.0.0.0:1")), Err(Errno::EBADF));
        assert_eq!(call(nr::__NR_lseek, [client, 0, 0]), Err(Errno::ESPIPE));
        close(&[listener, client, server, again]);
    });
}

#[test]
fn bad_addresses_are_errors_after_what_was_good() {
    machine(|| {
        let (listener, client, server) = connection(1005);
        assert_eq!(call(nr::__NR_sendto, [client, HOLE, 8, 0, 0, 0]), Err(Errno::EFAULT));
        let iov = [poke(DATA, b"good"), 4, HOLE, 4].map(usize::to_ne_bytes).concat();
        assert_eq!(call(nr::__NR_writev, [client, poke(PAD, &iov), 2]), Ok(4));
        assert_eq!(call(nr::__NR_recvfrom, [server, READ_ONLY, 8, 0, 0, 0]), Err(Errno::EFAULT));
        assert_eq!(receive(server, 10, 0), Ok(b"good".to_vec())); // nothing was lost
        // More than a buffer, with a hole at its end: what came before is sent, and counted.
        let iov = [DATA, 100, HOLE, 100_000].map(usize::to_ne_bytes).concat();
        assert_eq!(call(nr::__NR_writev, [client, poke(PAD, &iov), 2]), Ok(100));
        assert_eq!(receive(server, 1000, 0).map(|got| got.len()), Ok(100));
        close(&[listener, client, server]);
    });
}

/// A regular file whose contents lie in memory.
struct InMemory(NodeRef);

static CONTENT: [u8; 40_000] = [0x5a; 40_000];

impl File for InMemory {
    fn metadata(&self) -> Result<Metadata> {
        Ok(Metadata { size: CONTENT.len() as u64, ..nameless(FileType::Regular, 0o644, 2) })
    }
    fn is_seekable(&self) -> bool {
        true
    }
    fn node(&self) -> Option<&NodeRef> {
        Some(&self.0)
    }
    fn in_memory(&self) -> Option<MemorySource> {
        Some(&CONTENT)
    }
}

#[test]
fn sendfile_goes_straight_into_the_sockets_buffer() {
    machine(|| {
        let (listener, client, server) = connection(1006);
        let node = unilith_ramfs::with_limit(0o755, 1 << 20);
        let file = table::open(Box::new(InMemory(node)), nr::O_RDONLY, false).expect("room");
        let file = file.0 as usize;
        stack::LARGEST.store(0, SeqCst);
        thread(move || {
            assert_eq!(call(nr::__NR_sendfile, [client, file, 0, 40_000]), Ok(40_000));
        });
        assert_eq!(receive(server, 40_000, WAITALL), Ok(CONTENT.to_vec()));
        // The buffer's own pieces were filled whole: nothing of another size was in between.
        assert_eq!(stack::LARGEST.load(SeqCst), BUFFER / 2);
        // Not waiting: as much as fits, and the offset says how much.
        call(nr::__NR_fcntl, [client, nr::F_SETFL as usize, NONBLOCK]).expect("open");
        let offset = poke(PAD + 0x700, &1000u64.to_ne_bytes());
        assert_eq!(call(nr::__NR_sendfile, [client, file, offset, 40_000]), Ok(BUFFER));
        assert_eq!(peek(offset, 8), (1000 + BUFFER as u64).to_ne_bytes());
        assert_eq!(call(nr::__NR_sendfile, [client, file, offset, 1]), Err(Errno::EAGAIN));
        close(&[listener, client, server, file]);
    });
}
