//! Running cargo on an image crate: what it says is progress while it works, and a message when
//! it fails.

use crate::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Who wants to know how a build goes on.
pub trait Progress {
    /// The build does this now: a few words.
    fn step(&mut self, what: &str);
    /// The compiler's warnings about a build that succeeded.
    fn warnings(&mut self, text: &str);
    /// Whether messages may be coloured.
    fn colour(&self) -> bool;
}

/// Nobody.
impl Progress for () {
    fn step(&mut self, _: &str) {}
    fn warnings(&mut self, _: &str) {}
    fn colour(&self) -> bool {
        false
    }
}

/// The words with which cargo's status lines begin.
const STATUS: [&str; 12] = [
    "Compiling",
    "Checking",
    "Fresh",
    "Finished",
    "Locking",
    "Updating",
    "Adding",
    "Downloading",
    "Downloaded",
    "Blocking",
    "Removing",
    "Downgrading",
];

/// Builds the crate in `directory` for release.
///
/// # Errors
/// Cargo cannot be started, or fails.
pub(crate) fn build(
    directory: &Path,
    image: &str,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--color"]);
    command.arg(if progress.colour() { "always" } else { "never" });
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::piped());
    // Settings of whoever called us are not the image's.
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_BUILD_TARGET",
        "CARGO_TERM_QUIET",
        "CARGO_TERM_VERBOSE",
        "RUSTC_WRAPPER",
    ] {
        command.env_remove(variable);
    }
    let failed = |output: String| Error::Build { image: image.to_owned(), output };
    let mut child = command.spawn().map_err(|e| {
        failed(format!("cargo cannot be started ({e}); install Rust: https://rustup.rs"))
    })?;
    let mut messages = String::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line.map_err(|e| failed(format!("cargo: {e}")))?;
            let line = String::from_utf8_lossy(&line);
            match status(&line) {
                Some(step) => progress.step(&step),
                None => {
                    messages.push_str(&line);
                    messages.push('\n');
                }
            }
        }
    }
    let status = child.wait().map_err(|e| failed(format!("cargo: {e}")))?;
    if !status.success() {
        return Err(failed(format!("{}{}", messages.trim_end(), hint(&messages))));
    }
    if !messages.trim().is_empty() {
        progress.warnings(messages.trim_end());
    }
    Ok(())
}

/// A remedy that cargo does not know: an application that was copied out of this checkout.
fn hint(messages: &str) -> &'static str {
    let moved =
        ["failed to find a workspace root", "failed to load source for dependency `unilith-"];
    if moved.iter().any(|words| messages.contains(words)) {
        "\n\nAn application outside of Unilith's workspace has a Cargo.toml of its own: it says version and edition \
         itself, and where the libraries are. `unilith new app` makes such a one"
    } else {
        ""
    }
}

/// A status line of cargo's, without colours and details; `None` for any other line.
fn status(line: &str) -> Option<String> {
    let plain = line.split('\x1b').enumerate().map(|(i, part)| match i {
        0 => part,
        _ => part.split_once('m').map_or("", |(_, rest)| rest), // ESC [ numbers m
    });
    let plain: String = plain.collect();
    let mut words = plain.split_whitespace();
    let verb = words.next().filter(|verb| plain.starts_with(' ') && STATUS.contains(verb))?;
    let object = words.next().unwrap_or_default();
    Some(format!("{} {object}", verb.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn status_lines_are_told_from_messages() {
        let coloured = "\x1b[1m\x1b[92m   Compiling\x1b[0m unilith-boot v0.1.0 (/somewhere)";
        assert_eq!(status(coloured).as_deref(), Some("compiling unilith-boot"));
        assert_eq!(status("    Finished `release` profile").as_deref(), Some("finished `release`"));
        assert_eq!(status("error[E0425]: cannot find value"), None);
        assert_eq!(status("Compiling is a word"), None);
        assert_eq!(status(" --> src/lib.rs:7:5"), None);
    }
}
