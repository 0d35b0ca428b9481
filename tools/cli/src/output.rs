//! Standard output, and progress on standard error.

use crate::error::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::Duration;
use unilith_image::cargo::Progress;

/// Status of a command whose output nobody reads any more: 128 + SIGPIPE, as a shell tells it of
/// any other program.
pub const UNREAD: u8 = 141;

/// Prints a command's result.
pub fn print(text: impl AsRef<[u8]>) -> Result {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Ok(()) => Ok(0),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(UNREAD),
        Err(error) => Err(Error::failed(format!("standard output: {error}"))),
    }
}

/// Tells the user something on standard error, where it can be told.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a command's result for scripts.
pub fn print_json(value: &serde_json::Value) -> Result {
    print(format!("{value:#}\n"))
}

/// A line on a terminal that says what takes so long; nothing elsewhere. It is gone in the end.
pub struct Working {
    what: String,
    bar: Option<ProgressBar>,
}

impl Working {
    /// About to do `what`; shown from the first step on.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), bar: None }
    }

    fn bar(&mut self) -> &ProgressBar {
        self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner(); // draws on standard error, if it is a terminal
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {prefix} ({elapsed}) {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(self.what.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        })
    }
}

impl Progress for Working {
    fn step(&mut self, what: &str) {
        self.bar().set_message(what.to_owned());
    }

    fn warnings(&mut self, text: &str) {
        if self.colour() {
            self.bar().suspend(|| eprintln!("{text}"));
        }
    }

    fn colour(&self) -> bool {
        io::stderr().is_terminal()
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
