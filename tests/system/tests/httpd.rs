//! The native web server: what it serves, what it refuses, and how it treats slow clients.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use unilith_harness::{TempDir, json, tempdir, unilith};

const APP: &str = "apps/httpd";
/// The port that the application publishes.
const PUBLISHED: &str = "8081";
/// Connections that it has at a time.
const CONNECTIONS: usize = 512;
/// More than that.
const MANY: usize = 600;
/// How long a new client waits at most, however many others there are.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How long the server lets a connection do nothing, and how much later it may notice.
const IDLE: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    qemu: Child,
    port: u16,
    _files: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// The server with files of 1 KB and 1 MB, at a port that was free a moment ago.
fn serve() -> Server {
    let files = tempdir().expect("a directory");
    for (name, content) in [
        ("index.html", b"<p>hello</p>".to_vec()),
        ("small", bytes(1000)),
        ("big", bytes(1 << 20)),
        ("with space", b"spaced".to_vec()),
    ] {
        std::fs::write(files.path().join(name), content).expect("a file");
    }
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let mut command = unilith(["run", "--quiet", "--dry-run", "-p", "qemu", APP, "--rootfs"]);
    let output = command.arg(files.path()).output().expect("unilith starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = String::from_utf8(output.stdout).expect("text");
    assert_eq!(line.matches(PUBLISHED).count(), 1, "{line}");
    let qemu = Command::new("sh")
        .args(["-c", &format!("exec {}", line.replace(PUBLISHED, &port.to_string()))])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("QEMU starts");
    let server = Server { qemu, port, _files: files };
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        // QEMU takes connections before the guest does.
        if server.says("GET / HTTP/1.0\r\n\r\n").is_ok_and(|answer| !answer.is_empty()) {
            return server;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("no answer within {PATIENCE:?}");
}

impl Server {
    fn try_connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    #[track_caller]
    fn connect(&self) -> TcpStream {
        self.try_connect().expect("a connection")
    }

    /// What comes back until the server closes.
    fn says(&self, request: impl AsRef<[u8]>) -> std::io::Result<Vec<u8>> {
        let mut stream = self.try_connect()?;
        stream.write_all(request.as_ref())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// Status and body of the answer to `request`, which must be the last one.
    #[track_caller]
    fn answer(&self, request: impl AsRef<[u8]>) -> (u16, Vec<u8>) {
        let answer = self.says(request).expect("an answer");
        let mut rest = answer.as_slice();
        let parsed = take(&mut rest, false).expect("an answer");
        assert_eq!(rest, b"", "bytes after the answer");
        parsed
    }

    fn ab(&self, options: &[&str], path: &str) -> String {
        let url = format!("http://127.0.0.1:{}/{path}", self.port);
        let output = Command::new("ab").args(options).arg(url).output();
        let output = output.expect("ab is missing: apt-get install apache2-utils");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }
}

/// Takes an answer from the front of `bytes`: its status and body.
fn take(bytes: &mut &[u8], head_only: bool) -> Option<(u16, Vec<u8>)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head of text");
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?;
    let length = if head_only { 0 } else { length.parse().ok()? };
    let body = bytes.get(end..end + length)?.to_vec();
    *bytes = &bytes[end + length..];
    Some((status, body))
}

#[test]
fn files_arrive_as_they_are() {
    let server = serve();
    for (path, content) in [
        ("/", b"<p>hello</p>".to_vec()),
        ("/small", bytes(1000)),
        ("/big?query", bytes(1 << 20)),
        ("/with%20space", b"spaced".to_vec()),
        ("http://example.org/small", bytes(1000)),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let (status, body) = server.answer(request);
        assert_eq!(status, 200, "{path}");
        assert!(body == content, "{path}: {} bytes", body.len());
    }
    // A head without its body; the next request on the same connection; one that is not there.
    let requests = "HEAD /big HTTP/1.1\r\nHost: x\r\n\r\n\
                    GET /small HTTP/1.1\r\nHost: x\r\n\r\n\
                    GET /../etc/passwd HTTP/1.0\r\n\r\n";
    let answer = server.says(requests).expect("answers");
    let mut rest = answer.as_slice();
    assert!(String::from_utf8_lossy(&answer).contains("Content-Length: 1048576\r\n"));
    assert_eq!(take(&mut rest, true), Some((200, vec![])));
    assert_eq!(take(&mut rest, false), Some((200, bytes(1000))));
    assert_eq!(take(&mut rest, false).map(|answer| answer.0), Some(404));
    assert_eq!(rest, b"");
}

#[test]
fn load_is_served_without_a_failure() {
    let server = serve();
    for (options, path) in [
        (&["-q", "-k", "-c", "30", "-n", "5000"][..], "small"),
        (&["-q", "-c", "30", "-n", "1000"], "small"),
        (&["-q", "-k", "-c", "10", "-n", "60"], "big"),
        (&["-q", "-c", "10", "-n", "60"], "big"),
    ] {
        let text = server.ab(options, path);
        assert!(text.contains("Failed requests:        0"), "{options:?} {path}\n{text}");
        assert!(!text.contains("Non-2xx"), "{options:?} {path}\n{text}");
        let kept = text.lines().find(|line| line.starts_with("Keep-Alive requests"));
        let all = options.last().expect("a number");
        assert!(!options.contains(&"-k") || kept.is_some_and(|line| line.ends_with(all)), "{text}");
    }
    // More requests than fit into any buffer, written before an answer is read.
    let mut stream = server.connect();
    let mut writer = stream.try_clone().expect("a handle");
    let count = 3000;
    let thread = std::thread::spawn(move || {
        let one = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n";
        writer.write_all(&one.repeat(count - 1)).expect("room");
        writer.write_all(b"GET /small HTTP/1.0\r\n\r\n").expect("room");
    });
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).expect("answers");
    thread.join().expect("all was written");
    let mut rest = answers.as_slice();
    for number in 0..count {
        assert!(take(&mut rest, false) == Some((200, bytes(1000))), "answer {number}");
    }
    assert_eq!(rest, b"");
}

#[test]
fn garbage_is_refused_and_the_server_lives() {
    let server = serve();
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", "c".repeat(9000));
    let cases: &[(u16, &[u8])] = &[
        (400, b"nonsense\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"),
        (400, b"GET /\r\n\r\n"),
        (400, b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: x\r\n continued\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        (
            400,
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        (400, b"GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n"),
        (400, b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
        (404, b"GET /%00 HTTP/1.0\r\n\r\n"),
        (405, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
        (405, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
        (413, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        (413, b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (431, long.as_bytes()),
        (505, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
        (200, b"\r\n\r\nGET / HTTP/1.0\n\n"),
    ];
    for (status, request) in cases {
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]);
        assert_eq!(server.answer(request).0, *status, "{shown:?}");
    }
    // Clients that break off, at every place of a request.
    let whole = b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n";
    for len in 0..=whole.len() {
        server.connect().write_all(&whole[..len]).expect("room");
    }
    // A body that is never read to its end does not keep the refusal from arriving.
    let mut flood = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".to_vec();
    flood.extend(bytes(100_000));
    assert_eq!(server.answer(flood).0, 405);
    assert_eq!(server.answer("GET /small HTTP/1.0\r\n\r\n"), (200, bytes(1000)));
}

#[test]
fn slow_clients_are_borne_and_idle_ones_are_not() {
    let server = serve();
    // One that takes its time, but less than it has.
    let mut slow = server.connect();
    for byte in b"GET /small HTTP/1.0\r\n\r\n" {
        slow.write_all(&[*byte]).expect("room");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).expect("an answer");
    assert_eq!(take(&mut answer.as_slice(), false), Some((200, bytes(1000))));

    let start = Instant::now();
    // Connections that say nothing, that never end their request, that take no answer.
    let mut silent = server.connect();
    let mut endless = server.connect();
    let mut deaf = server.connect();
    deaf.write_all(&b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n".repeat(8)).expect("room");
    endless.set_read_timeout(Some(Duration::from_millis(200))).expect("a time");
    let mut byte = [0];
    loop {
        // Each byte is progress in its own eyes only.
        let wrote = endless.write_all(b"G");
        let read = endless.read(&mut byte);
        match (wrote, read) {
            (Ok(()), Err(error)) if error.kind() == ErrorKind::WouldBlock => {}
            (_, Ok(1)) => panic!("an answer to no request"),
            _ => break,
        }
        assert!(start.elapsed() < IDLE + SLACK, "a request may take for ever");
    }
    assert!(start.elapsed() >= IDLE - Duration::from_secs(1), "closed after {:?}", start.elapsed());
    assert!(matches!(silent.read(&mut byte), Ok(0) | Err(_)), "a silent client is closed");
    // Others were served all the time; they are still.
    assert_eq!(server.answer("GET /small HTTP/1.0\r\n\r\n"), (200, bytes(1000)));
}

/// More clients than the server has connections: the new one is served at once, and those go that
/// said nothing for the longest time, no more than have to.
#[test]
fn a_full_server_serves_a_new_client_at_once() {
    let server = serve();
    let start = Instant::now();
    // In the middle of an answer that fits into no buffer.
    let mut busy = server.connect();
    let mut requests = b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n".repeat(7);
    requests.extend(b"GET /big HTTP/1.0\r\n\r\n");
    busy.write_all(&requests).expect("room");
    let mut first = [0; 12];
    busy.read_exact(&mut first).expect("the start of an answer");
    // Connections that say nothing. One that does is answered after each: QEMU lets just one wait
    // to be accepted, and drops more.
    let request = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut working = server.connect();
    let mut silent: Vec<TcpStream> = Vec::new();
    for number in 0..MANY {
        silent.push(server.connect());
        working.write_all(request).expect("room");
        let read = working.read(&mut [0; 512]);
        assert!(read.is_ok_and(|len| len > 0), "no answer after {number} connections");
    }
    for _ in 0..3 {
        let asked = Instant::now();
        assert_eq!(server.answer("GET /small HTTP/1.0\r\n\r\n"), (200, bytes(1000)));
        assert!(asked.elapsed() < AT_ONCE, "served after {:?}", asked.elapsed());
    }
    let closed = |client: &&TcpStream| {
        client.set_nonblocking(true).expect("a socket");
        !client.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    let (gone, spent) = (silent.iter().filter(closed).count(), start.elapsed());
    assert!(spent < IDLE, "{spent:?}: some may be closed for another reason");
    let needed = MANY + 3 - CONNECTIONS;
    assert!((needed..needed + 3).contains(&gone), "{gone} are closed, {needed} had to be");
    assert!(silent[needed + 3..].iter().all(|client| !closed(&client)), "not the first");
    // The answer is whole.
    let mut answers = first.to_vec();
    busy.read_to_end(&mut answers).expect("the rest");
    let mut rest = answers.as_slice();
    for number in 0..8 {
        assert!(take(&mut rest, false) == Some((200, bytes(1 << 20))), "answer {number}");
    }
    assert_eq!(rest, b"");
    // Whoever comes behind them does not notice.
    let text = server.ab(&["-q", "-c", "30", "-n", "1000"], "small");
    assert!(text.contains("Failed requests:        0"), "{text}");
    drop((silent, working));
}

/// No system call, no file descriptor, no virtual file system, no threads.
#[test]
fn the_image_has_no_linux_in_it() {
    let path = json(["build", APP, "-p", "qemu", "--json"])["symbols"].clone();
    let symbols = std::fs::read_to_string(path.as_str().expect("a path")).expect("the symbols");
    for name in ["unilith_posix", "unilith_syscall", "unilith_elf", "unilith_vfs", "unilith_coop"] {
        assert!(!symbols.contains(name), "{name}");
    }
    // The names are spelt so, where they are.
    for name in ["unilith_inet", "unilith_none"] {
        assert!(symbols.contains(name), "{name}");
    }
}
