//! Clients that mean no good, or break off in the middle: the next one is served.

use crate::{nginx, noise, redis};
use rustix::net::sockopt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use unilith_harness::{Guest, Server};

/// Longer than any of the servers keeps a connection that says nothing, when it has no room.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connections that say nothing. Fewer than any server allows: what happens at the limit is tested
/// elsewhere.
const SILENT: usize = 200;

/// Closes a connection with RST instead of FIN.
fn reset(stream: TcpStream) {
    sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket");
    drop(stream);
}

/// What every server has to bear. `request` is a whole request, `answer` how its answer begins.
#[track_caller]
fn harass(server: &Server, request: &[u8], answer: &[u8]) {
    let used: Vec<u64> = (0..2).map(|_| round(server, request, answer)).collect();
    println!("{used:?} KiB of the guest's memory were used");
    // The second time takes what the first gave back; how many are there at once varies. A loss of
    // 20 KiB for each of 1,300 connections would be seen.
    assert!(used[1] < used[0] + 24 * 1024, "{used:?} KiB: {}", server.log());
}

/// Once; how much memory the guest has touched then, in KiB.
#[track_caller]
fn round(server: &Server, request: &[u8], answer: &[u8]) -> u64 {
    // A server that is full of connections that say nothing may first have to give them up.
    let served = |after: &str| {
        let start = Instant::now();
        loop {
            let said = server.ask(request, answer.len());
            if said.as_deref() == Some(answer) {
                return;
            }
            let late = start.elapsed() > PATIENCE;
            assert!(!late, "after {after}: {said:?} {}", server.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    served("nothing");
    // Many that never say anything; they stay until the end.
    let silent: Vec<_> = (0..SILENT).map(|_| server.connect()).collect();
    served("connections that say nothing");

    // Reset at once, after half a request, after a request whose answer nobody reads.
    for part in [&request[..0], &request[..request.len() / 2], request] {
        for _ in 0..200 {
            let mut stream = server.connect();
            // It may be gone already.
            let _ = stream.write_all(part);
            reset(stream);
        }
        served("resets");
    }
    // Closed in the middle of a request, and half closed.
    for _ in 0..100 {
        let mut stream = server.connect();
        let _ = stream.write_all(&request[..request.len() / 2]);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        drop(stream);
    }
    served("half requests");

    // A request that arrives byte by byte.
    let mut slow = server.connect();
    for byte in request {
        slow.write_all(&[*byte]).expect("sent");
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut said = vec![0; answer.len()];
    slow.read_exact(&mut said).expect("an answer");
    assert_eq!(said, answer);

    // Bytes that make no sense, short and long.
    let noise = noise(300_000);
    for chunk in noise.chunks(977).take(100).chain([&noise[..]]) {
        let mut stream = server.connect();
        let _ = stream.set_write_timeout(Some(Duration::from_secs(2)));
        let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
        let _ = stream.write_all(chunk);
        let _ = stream.read(&mut [0; 100]);
        reset(stream);
    }
    served("garbage");

    // Answers that nobody reads, while others are served.
    let deaf: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = server.connect();
            let _ = stream.write_all(request);
            stream
        })
        .collect();
    served("clients that do not read");
    drop((silent, deaf));
    served("all of it");
    server.guest_kib()
}

#[test]
fn redis_bears_it() {
    let server = redis::start(&["-m", "160"], &[]);
    harass(&server, b"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n", b"$5\r\nhello\r\n");
    // Lengths that promise too much.
    for bad in ["*99999999999\r\n", "*1\r\n$-5\r\n", "*1\r\n$999999999999\r\n", "*x\r\n"] {
        assert_eq!(server.ask(bad.as_bytes(), 4).as_deref(), Some(&b"-ERR"[..]), "{bad}");
    }
    redis::benchmark(&server, 60, &["-n", "20000", "-c", "50", "-t", "set,get"]);
    server.stop().expect_status(0);
}

#[test]
fn nginx_bears_it() {
    let site = nginx::start();
    let request = b"GET /1m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    harass(&site.server, request, b"HTTP/1.1 200 OK");
    for (bad, answer) in [
        (&b"GET / HTTP/9.9\r\n\r\n"[..], "HTTP/1.1 505"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "HTTP/1.1 400"),
        (b"GET /%00 HTTP/1.0\r\n\r\n", "HTTP/1.1 400"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
    ] {
        let said = site.server.ask(bad, answer.len()).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&said), answer);
    }
    let mut long = b"GET /".to_vec();
    long.resize(20_000, b'a');
    long.extend(b" HTTP/1.0\r\n\r\n");
    assert_eq!(site.server.ask(&long, 12).as_deref(), Some(&b"HTTP/1.1 414"[..]));
    site.ab("1k", 5000, &["-k", "-c", "50"]);
    site.server.stop().expect_status(0);
}

#[test]
fn httpd_bears_it() {
    let site = nginx::start_httpd();
    let request = b"GET /1m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    harass(&site.server, request, b"HTTP/1.1 200 OK");
    site.ab("1k", 5000, &["-k", "-c", "50"]);
}

#[test]
fn python_bears_it() {
    let serve = "import http.server as h
class Handler(h.BaseHTTPRequestHandler):
    timeout = 60
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'x' * 100000)
    def log_message(self, *a):
        pass
class Server(h.ThreadingHTTPServer):
    request_queue_size = 1024
    def handle_error(self, *a):
        pass
Server(('', 8000), Handler).serve_forever()";
    let guest = Guest::new("/usr/bin/python3.11").timeout(300);
    let guest = guest.options(["-m", "256", "--include", "/usr/lib/python3.11"]);
    let request = b"GET / HTTP/1.0\r\n\r\n";
    let server = guest.args(["-c", serve]).serve(8000, request, b"HTTP/1.0 200 OK");
    harass(&server, request, b"HTTP/1.0 200 OK");
}
