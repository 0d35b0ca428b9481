//! Runs images as a user does, by the `unilith` command, and judges how they ended.
//!
//! ```no_run
//! unilith_harness::Guest::new("apps/hello").run().expect_status(0).expect_stdout("Hello, world!\n");
//! ```
//! Every run has a time limit: a guest that hangs fails its test, it does not stop the others.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

mod server;

pub use server::{Server, bounded};
pub use tempfile::{TempDir, tempdir};

/// Seconds that a guest may run unless its test says otherwise. A translated guest takes a
/// fraction of one; a machine busy with other tests may take many times as long.
const TIME_LIMIT: &str = "60";

/// The platforms on which whole-system tests run.
pub const PLATFORMS: [&str; 2] = ["qemu", "linux"];

/// The project's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// `unilith` with `args`, to be run in the project's root.
pub fn unilith<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(root().join("unilith"));
    command.args(args).current_dir(root());
    command
}

/// Runs `unilith` with `args` and parses what it prints as JSON.
///
/// # Panics
/// It fails, or prints something else.
#[track_caller]
pub fn json<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> serde_json::Value {
    let output = unilith(args).output().expect("unilith starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{errors}", output.status);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// An application or a program, and how it is to be run.
pub struct Guest {
    app: PathBuf,
    options: Vec<String>,
    args: Vec<String>,
    input: Vec<u8>,
    timeout: String,
}

impl Guest {
    /// `app` is relative to the project's root.
    pub fn new(app: impl AsRef<Path>) -> Self {
        Self {
            app: root().join(app),
            options: vec![],
            args: vec![],
            input: vec![],
            timeout: TIME_LIMIT.to_owned(),
        }
    }

    /// Options of `unilith run`.
    pub fn options<S: Into<String>>(mut self, options: impl IntoIterator<Item = S>) -> Self {
        self.options.extend(options.into_iter().map(Into::into));
        self
    }

    /// The application's arguments.
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// What the application reads from standard input.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Seconds that it may run.
    pub fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = seconds.to_string();
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// `unilith` cannot be started.
    #[track_caller]
    pub fn run(self) -> Ended {
        let mut command = unilith(["run", "--quiet", "--timeout", &self.timeout]);
        command.args(&self.options).arg(&self.app).arg("--").args(&self.args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("unilith starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = self.input;
        // The guest need not read all of it.
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("unilith ends");
        let _ = writer.join();
        Ended { output }
    }
}

/// How a run ended.
pub struct Ended {
    output: Output,
}

impl Ended {
    /// The exit status; -1 if a signal ended `unilith` itself.
    pub fn status(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    /// Standard output.
    pub fn stdout(&self) -> &[u8] {
        &self.output.stdout
    }

    /// Standard error.
    pub fn stderr(&self) -> &[u8] {
        &self.output.stderr
    }

    fn all(&self) -> String {
        format!(
            "status {}\n--- stdout\n{}\n--- stderr\n{}",
            self.status(),
            String::from_utf8_lossy(self.stdout()),
            String::from_utf8_lossy(self.stderr())
        )
    }

    /// # Panics
    /// The exit status is another one.
    #[track_caller]
    pub fn expect_status(&self, status: i32) -> &Self {
        assert_eq!(self.status(), status, "{}", self.all());
        self
    }

    /// # Panics
    /// Standard output is anything else.
    #[track_caller]
    pub fn expect_stdout(&self, text: &str) -> &Self {
        assert_eq!(String::from_utf8_lossy(self.stdout()), text, "{}", self.all());
        self
    }

    /// # Panics
    /// Standard error does not contain all of `texts`, in this order.
    #[track_caller]
    pub fn expect_stderr(&self, texts: &[&str]) -> &Self {
        let stderr = String::from_utf8_lossy(self.stderr());
        let mut rest = &*stderr;
        for text in texts {
            match rest.split_once(text) {
                Some((_, after)) => rest = after,
                None => panic!("{text:?} is missing or not in its place\n{}", self.all()),
            }
        }
        self
    }
}
