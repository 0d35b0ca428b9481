//! A server in a machine: started, asked, ended.

use crate::error::{Error, Result};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use unilith_vmm::Launch;

/// A connection is tried this long before the next one: what is sent to a machine that is not
/// ready is lost.
const TRY: Duration = Duration::from_millis(15);
/// An answer takes no longer.
const ANSWER: Duration = Duration::from_millis(500);
/// The console of a machine that has ended is read to its end within this time.
const LAST: Duration = Duration::from_millis(50);
/// Lines of its console that are shown when a guest fails.
const LINES: usize = 12;

/// A question, and how its answer begins.
#[derive(Clone, Copy)]
pub struct Probe {
    pub ask: &'static str,
    pub answer: &'static str,
}

/// A running machine; it ends when this is dropped.
pub struct Guest {
    child: Child,
    started: Instant,
    console: Arc<Mutex<Vec<u8>>>,
}

impl Guest {
    pub fn start(launch: &Launch) -> Result<Self> {
        let started = Instant::now();
        let mut child =
            unilith_vmm::spawn(launch, Stdio::piped(), Stdio::piped(), Stdio::inherit())
                .map_err(Error::failed)?;
        let console = Arc::new(Mutex::new(Vec::new()));
        if let Some(mut from) = child.stdout.take() {
            let console = Arc::clone(&console);
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(n @ 1..) = from.read(&mut buffer) {
                    let mut all = console.lock().unwrap_or_else(PoisonError::into_inner);
                    all.extend_from_slice(&buffer[..n]);
                }
            });
        }
        Ok(Self { child, started, console })
    }

    /// Asks until there is an answer: from the start of the machine to that. `None` if it has
    /// ended, or after `limit`.
    pub fn first_answer(
        &mut self,
        at: SocketAddr,
        probe: Probe,
        limit: Duration,
    ) -> Option<Duration> {
        while self.started.elapsed() < limit {
            if answers(at, probe) {
                return Some(self.started.elapsed());
            }
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
        None
    }

    /// Waits until it says `text`: from the start of the machine to that. `None` if it has ended, or
    /// after `limit`.
    pub fn says(&mut self, text: &str, limit: Duration) -> Option<Duration> {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            if ended {
                thread::sleep(LAST); // what it said at last may still be read
            }
            if self.words().contains(text) {
                return Some(self.started.elapsed());
            }
            if ended {
                return None;
            }
            thread::sleep(Duration::from_millis(1));
        }
        None
    }

    /// What it said.
    pub fn words(&self) -> String {
        let all = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&all).into_owned()
    }

    /// The end of what it said.
    pub fn last_words(&self) -> String {
        let text = self.words();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answers(at: SocketAddr, probe: Probe) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&at, TRY) else { return false };
    let mut start = vec![0; probe.answer.len()];
    stream.set_read_timeout(Some(ANSWER)).is_ok()
        && stream.write_all(probe.ask.as_bytes()).is_ok()
        && stream.read_exact(&mut start).is_ok()
        && start == probe.answer.as_bytes()
}
