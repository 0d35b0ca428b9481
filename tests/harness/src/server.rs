//! Guests that serve: started in the background, asked, ended.

use crate::{Ended, Guest, unilith};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long it may take until the first answer: the image may have to be built before.
const START: Duration = Duration::from_secs(400);
/// How long a connection may make no progress.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a server may take to end once it was told to.
const END: Duration = Duration::from_secs(60);

/// A guest that serves at a port of this machine, or at an address of its own. Dropped, it is ended at once.
pub struct Server {
    child: Child,
    at: SocketAddr,
    out: Stream,
    err: Stream,
}

/// An output of a child, gathered as it arrives.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn new(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = bytes.clone();
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                shared.lock().expect("a buffer").extend(&buffer[..n]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().expect("a buffer").clone()
    }

    fn all(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.so_far()
    }
}

impl Guest {
    /// Starts it, and leads a free port of this machine to port `guest` of it. It has started when
    /// it answers `request` with something that begins with `answer`.
    ///
    /// # Panics
    /// It ends before, or does not answer in time.
    #[track_caller]
    pub fn serve(self, guest: u16, request: &[u8], answer: &[u8]) -> Server {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        let publish = ["--publish".to_owned(), format!("{port}:{guest}")];
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.options(publish).serve_at(at, request, answer)
    }

    /// Starts it, with options that make it reachable at an address. It has started when it answers
    /// `request` with something that begins with `answer`.
    ///
    /// # Panics
    /// It ends before, or does not answer in time.
    #[track_caller]
    pub fn serve_at(self, at: SocketAddr, request: &[u8], answer: &[u8]) -> Server {
        let mut command = unilith(["run", "-p", "qemu", "--timeout", &self.timeout]);
        command.args(&self.options).arg(&self.app);
        if !self.args.is_empty() {
            command.arg("--").args(&self.args);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("unilith starts");
        let out = Stream::new(child.stdout.take().expect("a pipe"));
        let err = Stream::new(child.stderr.take().expect("a pipe"));
        let mut server = Server { child, at, out, err };
        let end = Instant::now() + START;
        while server.ask(request, answer.len()).is_none_or(|said| said != answer) {
            let ended = server.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended: {}", server.log());
            assert!(Instant::now() < end, "no answer in time: {}", server.log());
            thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Server {
    /// The port at which it is reached.
    pub fn port(&self) -> u16 {
        self.at.port()
    }

    /// A new connection, which gives up what makes no progress.
    ///
    /// # Panics
    /// There is nobody.
    #[track_caller]
    pub fn connect(&self) -> TcpStream {
        self.try_connect().unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    fn try_connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.at, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// The first `len` bytes of the answer to a request on a connection of its own.
    pub fn ask(&self, request: &[u8], len: usize) -> Option<Vec<u8>> {
        let mut stream = self.try_connect().ok()?;
        stream.write_all(request).ok()?;
        let mut answer = vec![0; len];
        stream.read_exact(&mut answer).ok()?;
        Some(answer)
    }

    /// What it has said until now.
    pub fn log(&self) -> String {
        let (out, err) = (self.out.so_far(), self.err.so_far());
        format!("{}\n{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err))
    }

    /// Memory that the guest has touched since its start, in KiB: what is resident of the
    /// monitor's mapping for it. QEMU's own memory goes up and down with the connections of its
    /// user network.
    ///
    /// # Panics
    /// The monitor does not run, or is not QEMU.
    #[track_caller]
    pub fn guest_kib(&self) -> u64 {
        let id = self.child.id();
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).expect("a process").flatten();
        let children =
            tasks.filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
        let children = children.collect::<String>();
        let monitor = children.split_whitespace().next().expect("the monitor");
        let read = |name: &str| {
            let bytes = std::fs::read(format!("/proc/{monitor}/{name}")).expect("it runs");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let command = read("cmdline");
        let memory = command.split('\0').skip_while(|word| *word != "-m").nth(1);
        let memory = memory.and_then(|kib| kib.strip_suffix('k')).expect("KiB of memory");
        // A mapping is some lines of `Name: KiB kB`: first Size, then Rss.
        let mappings = read("smaps");
        let mut inside = false;
        for line in mappings.lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("Size:"), Some(size)) => inside = size == memory,
                (Some("Rss:"), Some(kib)) if inside => return kib.parse().expect("a number"),
                _ => {}
            }
        }
        panic!("there is no mapping of {memory} KiB");
    }

    /// Tells it to stop, as `kill` does, and waits for its end.
    ///
    /// # Panics
    /// It does not end in time.
    #[track_caller]
    pub fn stop(self) -> Ended {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().expect("kill starts");
        assert!(status.success(), "it had ended: {}", self.log());
        self.ended()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It does not end in time.
    #[track_caller]
    pub fn ended(mut self) -> Ended {
        let status = wait(&mut self.child, END);
        let status = status.unwrap_or_else(|| panic!("it does not end: {}", self.log()));
        Ended { output: Output { status, stdout: self.out.all(), stderr: self.err.all() } }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The monitor does not outlive it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a child; `None`, and it is killed, if that takes too long.
fn wait(child: &mut Child, limit: Duration) -> Option<std::process::ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        match child.try_wait().expect("a child") {
            Some(status) => return Some(status),
            None if Instant::now() > end => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Runs a program of this machine, for at most `seconds`.
///
/// # Panics
/// It cannot be started, or takes longer.
#[track_caller]
pub fn bounded(command: &mut Command, seconds: u64) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut out = Stream::new(child.stdout.take().expect("a pipe"));
    let mut err = Stream::new(child.stderr.take().expect("a pipe"));
    let status = wait(&mut child, Duration::from_secs(seconds));
    let (stdout, stderr) = (out.all(), err.all());
    let text = [&stdout[..], &stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let status = status.unwrap_or_else(|| panic!("{command:?}: {seconds} s are over: {text:?}"));
    Output { status, stdout, stderr }
}
