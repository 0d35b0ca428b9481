//! AF_UNIX against unix(7).

use common::*;
use fake::{machine, pause, peek, peek_i32, poke, thread, timed};
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::raw::net;
use unilith_posix_abi::{Errno, Fd};
use unilith_posix_fs::Place;

mod common;
#[path = "../../fd/tests/fake/mod.rs"]
mod fake;
mod stack;

mod binding {
    unilith_sched_api::bind!(crate::fake::Fake, [unilith_posix_fd::POLLER]);
}

fn listener(name: &[u8], kind: usize) -> usize {
    let fd = socket(UNIX, kind);
    bind(fd, &local(name)).expect("free");
    listen(fd).expect("bound");
    fd
}

#[test]
fn pairs_talk() {
    machine(|| {
        let (a, b) = pair(STREAM);
        assert_eq!((ready(a), receive(b, 1, DONTWAIT)), (nr::POLLOUT, Err(Errno::EAGAIN)));
        send(a, b"one", 0).expect("fine");
        send(a, b"two", 0).expect("fine");
        assert_eq!(receive(b, 4, PEEK), Ok(b"onet".to_vec()));
        assert_eq!(receive(b, 100, 0), Ok(b"onetwo".to_vec())); // no boundaries
        assert_eq!(address(nr::__NR_getpeername, a), Ok(vec![1, 0]));
        let credentials = get(a, net::SOL_SOCKET, net::SO_PEERCRED, 12);
        assert_eq!(credentials, Ok([1u32, 0, 0].map(u32::to_ne_bytes).concat()));
        // The end of a direction, and of both.
        send(a, b"last", 0).expect("fine");
        call(nr::__NR_shutdown, [a, 1]).expect("connected");
        assert_eq!(send(a, b"x", 0), Err(Errno::EPIPE));
        assert_eq!(receive(b, 9, 0), Ok(b"last".to_vec()));
        assert_eq!(receive(b, 9, 0), Ok(vec![]));
        assert_eq!(ready(b), nr::POLLIN | nr::POLLOUT | nr::POLLRDHUP);
        send(b, b"still", 0).expect("half open");
        close(&[b]);
        assert_eq!(receive(a, 9, 0), Ok(b"still".to_vec()));
        assert_ne!(ready(a) & nr::POLLHUP, 0);
        close(&[a]);
        // Messages.
        let (a, b) = pair(SEQPACKET);
        send(a, b"one", 0).expect("fine");
        send(a, b"two", 0).expect("fine");
        assert_eq!(receive(b, 2, 0), Ok(b"on".to_vec()));
        assert_eq!(receive(b, 100, 0), Ok(b"two".to_vec()));
        close(&[a]);
        assert_eq!(receive(b, 100, 0), Ok(vec![]));
        close(&[b]);
        let (a, b) = pair(DGRAM);
        send(b, b"ping", 0).expect("fine");
        assert_eq!(receive(a, 100, 0), Ok(b"ping".to_vec()));
        close(&[a]);
        assert_eq!(send(b, b"x", 0), Err(Errno::ECONNREFUSED));
        close(&[b]);
    });
}

#[test]
fn writers_wait_for_readers() {
    machine(|| {
        let (a, b) = pair(STREAM);
        let all: Vec<u8> = (0..1_000_000).map(|i| (i % 249) as u8).collect();
        poke(DATA, &all);
        thread(move || {
            assert_eq!(call(nr::__NR_write, [a, DATA, 1_000_000]), Ok(1_000_000));
            close(&[a]);
        });
        assert_eq!(receive(b, 1_000_000, WAITALL), Ok(all));
        assert_eq!(receive(b, 1, 0), Ok(vec![]));
        close(&[b]);
        // A datagram waits as a whole.
        let (a, b) = pair(DGRAM);
        while send(a, &[1; 60_000], DONTWAIT).is_ok() {}
        assert_eq!(ready(a), 0);
        assert_eq!(send(a, &[1; 300_000], DONTWAIT), Err(Errno::EMSGSIZE));
        thread(move || {
            pause(20);
            call(nr::__NR_recvfrom, [b, INTO, 1, 0, 0, 0]).expect("fine");
        });
        let (ms, got) = timed(|| send(a, &[1; 60_000], 0));
        assert!(got == Ok(60_000) && ms >= 15, "{ms}");
        close(&[a, b]);
    });
}

#[test]
fn names_are_found_until_they_are_gone() {
    machine(|| {
        unilith_vfs::mount(b"/", unilith_ramfs::with_limit(0o755, 1 << 20));
        for name in [&b"/server\0"[..], b"\0hidden\0name"] {
            let l = listener(name, STREAM);
            let again = socket(UNIX, STREAM);
            assert_eq!(bind(again, &local(name)), Err(Errno::EADDRINUSE));
            let c = socket(UNIX, STREAM);
            connect(c, &local(name)).expect("it listens");
            assert_eq!(connect(c, &local(name)), Err(Errno::EISCONN));
            send(c, b"early", 0).expect("before it is accepted");
            assert_eq!(ready(l), nr::POLLIN);
            let s = accept(l).expect("a connection");
            assert_eq!(receive(s, 9, 0), Ok(b"early".to_vec()));
            assert_eq!(address(nr::__NR_getpeername, c), Ok(local(name)));
            assert_eq!(address(nr::__NR_getsockname, s), Ok(local(name)));
            assert_eq!(address(nr::__NR_getpeername, s), Ok(vec![1, 0]));
            let wrong = socket(UNIX, SEQPACKET);
            assert_eq!(connect(wrong, &local(name)), Err(Errno::EPROTOTYPE));
            // A connection that is not accepted ends with the listener.
            let late = socket(UNIX, STREAM);
            connect(late, &local(name)).expect("it listens");
            close(&[l]);
            assert_eq!(receive(late, 1, 0), Ok(vec![]));
            let after = socket(UNIX, STREAM);
            assert_eq!(connect(after, &local(name)), Err(Errno::ECONNREFUSED));
            assert_eq!(send(s, b"x", 0), Ok(1)); // the connection lives on
            close(&[again, c, s, wrong, late, after]);
        }
        // The file stays, as in Linux, until it is removed.
        let fd = socket(UNIX, STREAM);
        assert_eq!(bind(fd, &local(b"/server")), Err(Errno::EADDRINUSE));
        let place = Place::of(Fd::CWD, b"/server".to_vec()).expect("a place");
        unilith_vfs::vfs().unlink(&place.start, &place.path).expect("there");
        assert_eq!(connect(fd, &local(b"/server")), Err(Errno::ENOENT));
        bind(fd, &local(b"server")).expect("relative, and free again");
        assert_eq!(bind(fd, &local(b"/other")), Err(Errno::EINVAL));
        let deaf = socket(UNIX, STREAM);
        assert_eq!(connect(deaf, &local(b"/server")), Err(Errno::ECONNREFUSED)); // not listening
        assert_eq!(listen(deaf), Err(Errno::EINVAL)); // no name
        close(&[fd, deaf]);
        // Autobind.
        let auto = socket(UNIX, DGRAM);
        bind(auto, &local(b"")).expect("any name");
        let name = address(nr::__NR_getsockname, auto).expect("bound");
        assert_eq!((name.len(), name[2]), (8, 0));
        close(&[auto]);
    });
}

#[test]
fn datagrams_tell_where_they_come_from() {
    machine(|| {
        let (a, b) = (socket(UNIX, DGRAM), socket(UNIX, DGRAM));
        bind(a, &local(b"\0a")).expect("free");
        bind(b, &local(b"\0b")).expect("free");
        assert_eq!(send(a, b"x", 0), Err(Errno::ENOTCONN));
        let to = local(b"\0b");
        let at = poke(PAD + 0x100, &to);
        let args = [a, poke(DATA, b"hello"), 5, 0, at, to.len()];
        assert_eq!(call(nr::__NR_sendto, args), Ok(5));
        poke(PAD + 0x200, &128u32.to_ne_bytes());
        let args = [b, INTO, 100, 0, PAD + 0x300, PAD + 0x200];
        assert_eq!(call(nr::__NR_recvfrom, args), Ok(5));
        assert_eq!(peek(PAD + 0x300, peek_i32(PAD + 0x200) as usize), local(b"\0a"));
        connect(b, &local(b"\0a")).expect("there");
        assert_eq!(send(b, b"back", 0), Ok(4));
        assert_eq!(receive(a, 9, 0), Ok(b"back".to_vec()));
        let stream = socket(UNIX, STREAM);
        assert_eq!(connect(stream, &local(b"\0a")), Err(Errno::EPROTOTYPE));
        close(&[a, b, stream]);
    });
}

#[test]
fn a_full_backlog_is_waited_for() {
    machine(|| {
        let l = socket(UNIX, STREAM);
        bind(l, &local(b"\0busy")).expect("free");
        call(nr::__NR_listen, [l, 1]).expect("bound");
        let clients: Vec<usize> = (0..2).map(|_| socket(UNIX, STREAM)).collect();
        for &client in &clients {
            connect(client, &local(b"\0busy")).expect("room");
        }
        let n = socket(UNIX, STREAM | NONBLOCK);
        assert_eq!(connect(n, &local(b"\0busy")), Err(Errno::EAGAIN));
        thread(move || {
            pause(20);
            close(&[call(nr::__NR_accept, [l, 0, 0]).expect("one waits")]);
        });
        let w = socket(UNIX, STREAM);
        let (ms, got) = timed(|| connect(w, &local(b"\0busy")));
        assert!(got == Ok(0) && ms >= 15, "{ms}");
        close(&[l, n, w]);
        close(&clients);
    });
}

/// Receives a message with control messages; what of these came, and the flags.
fn receive_rights(fd: usize, most: usize, room: usize, flags: usize) -> (usize, Vec<usize>, u32) {
    let header = message(PAD + 0x600, (0, 0), &[(INTO, most)], (PAD + 0x800, room));
    let count = call(nr::__NR_recvmsg, [fd, header, flags]).expect("something came");
    let len = u64::from_ne_bytes(peek(header + 40, 8).try_into().expect("eight")) as usize;
    let body = if len > 16 { (peek_i32(PAD + 0x800) as usize - 16) / 4 } else { 0 };
    let fds = (0..body).map(|index| peek_i32(PAD + 0x810 + index * 4) as usize).collect();
    (count, fds, u32::from_ne_bytes(peek(header + 48, 4).try_into().expect("four")))
}

fn send_rights(fd: usize, data: &[u8], fds: &[usize]) -> Result<usize, Errno> {
    let control = rights(fds);
    let at = poke(PAD + 0x1000, &control);
    let pieces = [(poke(DATA, data), data.len())];
    let header = message(PAD + 0x600, (0, 0), &pieces, (at, control.len()));
    call(nr::__NR_sendmsg, [fd, header, 0])
}

#[test]
fn open_files_can_be_sent() {
    machine(|| {
        for kind in [STREAM, DGRAM, SEQPACKET] {
            let (a, b) = pair(kind);
            let (x, y) = pair(STREAM);
            assert_eq!(send_rights(a, b"take", &[x]), Ok(4));
            close(&[x]);
            send(y, b"through", 0).expect("it is on its way, not closed");
            let cloexec = net::MSG_CMSG_CLOEXEC as usize;
            let (count, fds, flags) = receive_rights(b, 100, 64, cloexec);
            assert_eq!((count, fds.len(), flags), (4, 1, cloexec as u32));
            assert_eq!(call(nr::__NR_fcntl, [fds[0], nr::F_GETFD as usize]), Ok(1));
            assert_eq!(receive(fds[0], 100, 0), Ok(b"through".to_vec()));
            close(&fds);
            assert_eq!(receive(y, 1, 0), Ok(vec![]));
            // Without room for them they are closed.
            let (x, z) = pair(STREAM);
            send_rights(a, b"lost", &[x, x]).expect("fine");
            close(&[x]);
            let (count, fds, flags) = receive_rights(b, 100, 0, 0);
            assert_eq!((count, fds.len(), flags), (4, 0, net::MSG_CTRUNC));
            assert_eq!(receive(z, 1, 0), Ok(vec![]));
            // read(2) closes them, too.
            let (x, w) = pair(STREAM);
            send_rights(a, b"read", &[x]).expect("fine");
            close(&[x]);
            assert_eq!(call(nr::__NR_read, [b, INTO, 10]), Ok(4));
            assert_eq!(receive(w, 1, 0), Ok(vec![]));
            // A connection that is closed with files on their way closes them.
            let (x, v) = pair(STREAM);
            send_rights(a, b"gone", &[x]).expect("fine");
            close(&[x, b]);
            assert_eq!(receive(v, 1, 0), Ok(vec![]));
            close(&[a, y, z, w, v]);
        }
        // In a stream they mark a byte, across which nothing is read.
        let (a, b) = pair(STREAM);
        send(a, b"before", 0).expect("fine");
        send_rights(a, b"with", &[1]).expect("fine");
        send(a, b"after", 0).expect("fine");
        assert_eq!(receive_rights(b, 100, 64, 0), (6, vec![], 0));
        let (count, fds, _) = receive_rights(b, 2, 64, 0);
        assert_eq!((count, fds.len()), (2, 1));
        assert_eq!(receive_rights(b, 100, 64, 0), (7, vec![], 0));
        close(&fds);
        // Mistakes.
        assert_eq!(send_rights(a, b"x", &[99]), Err(Errno::EBADF));
        assert_eq!(send_rights(a, b"x", &[1; 254]), Err(Errno::EINVAL));
        let inet = socket(INET, DGRAM);
        assert_eq!(send_rights(inet, b"x", &[1]), Err(Errno::EINVAL));
        let bad = poke(PAD + 0x1000, &usize::MAX.to_ne_bytes());
        let header = message(PAD + 0x600, (0, 0), &[(DATA, 1)], (bad, 16));
        assert_eq!(call(nr::__NR_sendmsg, [a, header, 0]), Err(Errno::EINVAL));
        // Credentials, for who wants them.
        set(b, net::SOL_SOCKET, net::SO_PASSCRED, &1u32.to_ne_bytes()).expect("fine");
        send(a, b"x", 0).expect("fine");
        let header = message(PAD + 0x600, (0, 0), &[(INTO, 9)], (PAD + 0x800, 64));
        assert_eq!(call(nr::__NR_recvmsg, [b, header, 0]), Ok(1));
        let expected =
            [28u64.to_ne_bytes().to_vec(), [1u32, 2, 1, 0, 0].map(u32::to_ne_bytes).concat()];
        assert_eq!(peek(PAD + 0x800, 28), expected.concat());
        close(&[a, b, inet]);
    });
}
