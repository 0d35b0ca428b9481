//! Load generators: other people's programs, and what they say.

use crate::error::{Error, Result};
use std::io::Read;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Connections at a time.
const CONNECTIONS: &str = "30";

/// A load.
#[derive(Clone, Copy)]
pub enum Load {
    /// redis-benchmark: one of its tests, with so many requests in flight on a connection.
    Redis { test: &'static str, pipeline: u32 },
    /// ab: one connection per request, or all over the same ones.
    Http { keep: bool },
}

impl Load {
    /// What it is called.
    pub fn name(self) -> String {
        match self {
            Self::Redis { test, pipeline } => format!("{test} -c {CONNECTIONS} -P {pipeline}"),
            Self::Http { keep: true } => format!("GET -c {CONNECTIONS}, keep-alive"),
            Self::Http { keep: false } => format!("GET -c {CONNECTIONS}, connection per request"),
        }
    }

    /// The program and the Debian package that has it.
    pub fn tool(self) -> (&'static str, &'static str) {
        match self {
            Self::Redis { .. } => ("redis-benchmark", "redis-tools"),
            Self::Http { .. } => ("ab", "apache2-utils"),
        }
    }

    /// Runs it: requests per second.
    pub fn run(self, at: SocketAddr, requests: u32, limit: Duration) -> Result<f64> {
        let mut command = Command::new(self.tool().0);
        let n = requests.to_string();
        match self {
            Self::Redis { test, pipeline } => {
                command.args(["-h", &at.ip().to_string(), "-p", &at.port().to_string()]);
                command.args(["-t", &test.to_lowercase(), "-n", &n, "-c", CONNECTIONS, "--csv"]);
                command.args(["-P", &pipeline.to_string()]);
            }
            Self::Http { keep } => {
                command.args(["-q", "-n", &n, "-c", CONNECTIONS]);
                command.args(keep.then_some("-k"));
                command.arg(format!("http://{at}/"));
            }
        }
        let text = output(&mut command, limit)?;
        let found = match self {
            Self::Redis { test, .. } => redis(&text, test),
            Self::Http { .. } => http(&text),
        };
        found.ok_or_else(|| {
            Error::failed(format!("{}: no result, or failed requests: {text}", self.tool().0))
        })
    }
}

/// The rate in `"SET","1234.56",...`.
fn redis(text: &str, test: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(&format!("\"{test}\"")))?;
    line.split(',').nth(1)?.trim_matches('"').parse().ok()
}

fn http(text: &str) -> Option<f64> {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    if value("Failed requests:")? > 0.0 || value("Non-2xx responses:").is_some() {
        return None;
    }
    value("Requests per second:")
}

/// What a command prints, if it succeeds in time.
fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |why: String| Error::failed(format!("{name}: {why}"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|s| Box::new(s) as _),
        child.stderr.take().map(|s| Box::new(s) as _),
    ];
    let readers = streams.map(|stream| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        })
    });
    let start = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|e| failed(e.to_string()))? {
            Some(status) => break status,
            None if start.elapsed() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("no end within {} s", limit.as_secs())));
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let [out, err] = readers.map(|reader| reader.join().unwrap_or_default());
    if status.success() { Ok(out) } else { Err(failed(err.trim().to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read() {
        let csv = "\"test\",\"rps\"\n\"SET\",\"12.50\",\"1\"\n\"GET\",\"20.00\",\"1\"\n";
        assert_eq!(redis(csv, "SET"), Some(12.5));
        assert_eq!(redis(csv, "GET"), Some(20.0));
        assert_eq!(redis("", "GET"), None);
        let ab = "Failed requests:        0\nRequests per second:    2800.12 [#/sec] (mean)\n";
        assert_eq!(http(ab), Some(2800.12));
        assert_eq!(http(&ab.replace("  0", "  3")), None);
        assert_eq!(http(&format!("{ab}Non-2xx responses:      9\n")), None);
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let error = output(Command::new("sleep").arg("100"), Duration::from_millis(50));
        assert!(error.expect_err("it is too slow").to_string().contains("no end within"));
    }
}
