//! nginx, as ab, curl and a client of its own see it.

use crate::{noise, succeeded};
use std::io::{Read, Write};
use std::process::Command;
use std::time::Instant;
use unilith_harness::{Guest, Server, TempDir, bounded, tempdir};

const GET: &[u8] = b"GET /1k HTTP/1.0\r\n\r\n";

pub struct Site {
    directory: TempDir,
    pub server: Server,
}

/// Files of different sizes.
fn files() -> TempDir {
    let directory = tempdir().expect("a directory");
    let small = directory.path().join("small");
    std::fs::create_dir(&small).expect("a directory");
    for i in 0..1000 {
        std::fs::write(small.join(i.to_string()), format!("file {i}\n")).expect("a file");
    }
    for (name, len) in [("1k", 1024), ("1m", 1 << 20), ("empty", 0)] {
        std::fs::write(directory.path().join(name), noise(len)).expect("a file");
    }
    directory
}

/// nginx, with files of this machine.
pub fn start() -> Site {
    let directory = files();
    let include = format!("{}:/srv/www", directory.path().display());
    let guest = Guest::new("apps/nginx").timeout(300).options(["--include", &include]);
    Site { server: guest.serve(80, GET, b"HTTP/1.1 200 OK"), directory }
}

/// The native server with the same files.
pub fn start_httpd() -> Site {
    let directory = files();
    let root = directory.path().to_str().expect("text").to_owned();
    let guest = Guest::new("apps/httpd").timeout(300).options(["--rootfs", &root]);
    Site { server: guest.serve(80, GET, b"HTTP/1.1 200 OK"), directory }
}

impl Site {
    fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.server.port())
    }

    #[track_caller]
    fn curl(&self, name: &str, options: &[&str]) -> Vec<u8> {
        let mut command = Command::new("curl");
        let output = bounded(command.arg("-sS").args(options).arg(self.url(name)), 60);
        succeeded(&output);
        output.stdout
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.directory.path().join(name)).expect("a file")
    }

    /// Runs `ab`: all requests are answered, with what was asked for. Requests per second.
    #[track_caller]
    pub fn ab(&self, name: &str, requests: u32, options: &[&str]) -> f64 {
        let mut command = Command::new("ab");
        command.args(["-q", "-s", "30", "-n", &requests.to_string()]);
        let text = succeeded(&bounded(command.args(options).arg(self.url(name)), 120));
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            number.unwrap_or_else(|| panic!("{key}: {text}"))
        };
        assert_eq!(value("Complete requests:"), f64::from(requests), "{text}");
        assert_eq!(value("Failed requests:"), 0.0, "{text}");
        assert!(!text.contains("Non-2xx"), "{text}");
        let rate = value("Requests per second:");
        println!("{name} {options:?}: {rate} requests/s");
        rate
    }
}

#[test]
fn files_arrive_as_they_are() {
    let site = start();
    for name in ["1k", "1m", "empty", "small/999"] {
        assert!(site.curl(name, &[]) == site.file(name), "{name}");
    }
    let large = site.file("1m");
    assert!(site.curl("1m", &["-r", "70000-300000"]) == large[70000..=300_000]);
    assert!(site.curl("1m", &["-r", "-5"]) == large[large.len() - 5..]);
    let parts = String::from_utf8_lossy(&site.curl("1k", &["-i", "-r", "0-1,5-9"])).into_owned();
    assert!(parts.contains("206") && parts.contains("multipart/byteranges"), "{parts}");
    let head = String::from_utf8_lossy(&site.curl("1m", &["-I"])).into_owned();
    assert!(head.contains("Content-Length: 1048576\r\n"), "{head}");
    let status = |name: &str, options: &[&str]| {
        let options = [&["-o", "/dev/null", "-w", "%{http_code}"], options].concat();
        String::from_utf8_lossy(&site.curl(name, &options)).into_owned()
    };
    assert_eq!(status("nothing", &[]), "404");
    assert_eq!(status("../../etc/passwd", &["--path-as-is"]), "400");
    assert_eq!(status("small", &[]), "301");
    assert_eq!(status("small/", &[]), "403");
    let body = site.directory.path().join("1m");
    let body = format!("@{}", body.display());
    assert_eq!(status("1k", &["--data-binary", &body]), "405");
    let head = String::from_utf8_lossy(&site.curl("1k", &["-I"])).into_owned();
    let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("a tag");
    assert_eq!(status("1k", &["-H", &format!("If-None-Match: {tag}")]), "304");
    pipelined(site.server.connect());
    for round in 0..2 {
        for i in (round..1000).step_by(97) {
            assert_eq!(site.curl(&format!("small/{i}"), &[]), format!("file {i}\n").as_bytes());
        }
    }
    site.server.stop().expect_status(0);
}

/// Many requests at once on one connection: many answers, in order.
fn pipelined(mut stream: std::net::TcpStream) {
    let mut requests: String =
        (0..200).map(|i| format!("GET /small/{i} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    requests.push_str("GET /small/200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(requests.as_bytes()).expect("sent");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    let bodies: Vec<&str> = answers.lines().filter(|line| line.starts_with("file ")).collect();
    let want: Vec<String> = (0..=200).map(|i| format!("file {i}")).collect();
    assert_eq!(bodies, want);
}

/// Requests on connections that stay, 20,000 connections one after the other, and many at once.
fn load(site: &Site) {
    site.ab("1k", 20_000, &["-k", "-c", "30"]);
    site.ab("1m", 200, &["-k", "-c", "8"]);
    site.ab("1k", 10_000, &["-k", "-c", "500"]);
    let (mut rates, mut touched) = (Vec::new(), Vec::new());
    // A machine that does something else meanwhile can spoil a part; decay spoils all that follow.
    while rates.len() < 4 || rates.len() < 8 && rates[rates.len() - 1] < 0.8 * rates[0] {
        let start = Instant::now();
        for i in 0..5000 {
            let said = site.server.ask(GET, 15);
            assert_eq!(said.as_deref(), Some(&b"HTTP/1.1 200 OK"[..]), "{rates:?} {i}");
        }
        rates.push(5000.0 / start.elapsed().as_secs_f64());
        touched.push(site.server.guest_kib());
    }
    println!("{rates:.0?} connections/s, {touched:?} KiB");
    assert!(rates[rates.len() - 1] >= 0.8 * rates[0], "{rates:?} connections/s");
    assert!(touched[touched.len() - 1] < touched[0] + 4096, "{touched:?} KiB");
    site.ab("1k", 5000, &["-c", "500"]);
}

#[test]
fn nginx_under_load() {
    let site = start();
    load(&site);
    site.server.stop().expect_status(0);
}

#[test]
fn httpd_under_load() {
    let site = start_httpd();
    for name in ["1k", "1m", "empty", "small/999"] {
        assert!(site.curl(name, &[]) == site.file(name), "{name}");
    }
    pipelined(site.server.connect());
    load(&site);
}

#[test]
fn five_hundred_connections_at_once() {
    let site = start();
    let mut streams: Vec<_> = (0..500).map(|_| site.server.connect()).collect();
    let request = b"GET /1k HTTP/1.1\r\nHost: x\r\n\r\n";
    let body = site.file("1k");
    for _ in 0..2 {
        for stream in &mut streams {
            stream.write_all(request).expect("sent");
        }
        for stream in &mut streams {
            let mut answer = Vec::new();
            let mut buffer = [0; 4096];
            while !answer.ends_with(&body) {
                let n = stream.read(&mut buffer).expect("an answer");
                assert!(n > 0, "{}", String::from_utf8_lossy(&answer));
                answer.extend(&buffer[..n]);
            }
        }
    }
    site.server.stop().expect_status(0);
}
