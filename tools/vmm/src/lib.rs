//! Virtual machine monitors: how an image is started, watched and ended.
//!
//! One module per way to run an image ([`qemu`], [`process`]); [`run`] is the life of an
//! instance, the same for all: console, time limit, exit status.

mod backlog;
pub mod devices;
pub mod frame;
pub mod host;
mod instance;
pub mod process;
pub mod qemu;
mod stop;

pub use devices::{Devices, Network, Protocol, Publish, Volume};
pub use instance::{Input, Outcome, TIMED_OUT, on_terminal, run, spawn};

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

/// What runs the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitor {
    /// A virtual machine of QEMU.
    Qemu {
        /// The machine type.
        machine: qemu::Machine,
        /// The accelerator, already chosen.
        accel: qemu::Accel,
    },
    /// The image is an ordinary process of this Linux.
    Process,
}

/// An instance to be started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What runs it.
    pub monitor: Monitor,
    /// The image.
    pub image: PathBuf,
    /// Memory of the machine, in KiB.
    pub memory_kib: u64,
    /// The initial RAM disk.
    pub initrd: Option<PathBuf>,
    /// The kernel command line: words, percent-encoded, separated by spaces.
    pub command_line: String,
    /// What else the machine has.
    pub devices: Devices,
    /// After this time the instance is ended.
    pub timeout: Option<Duration>,
    /// Further arguments for the monitor.
    pub extra: Vec<OsString>,
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl CommandLine {
    /// As a line that a shell understands.
    pub fn shell(&self) -> OsString {
        let words = std::iter::once(&self.program).chain(&self.args);
        let words: Vec<Vec<u8>> = words.map(|word| quote(word.as_bytes())).collect();
        OsString::from_vec(words.join(&b' '))
    }
}

fn quote(word: &[u8]) -> Vec<u8> {
    let plain = |c: &u8| c.is_ascii_alphanumeric() || b"-_=+,./:@%".contains(c);
    if !word.is_empty() && word.iter().all(plain) {
        return word.to_owned();
    }
    let mut quoted = b"'".to_vec();
    for &byte in word {
        match byte {
            b'\'' => quoted.extend_from_slice(br"'\''"),
            other => quoted.push(other),
        }
    }
    quoted.push(b'\'');
    quoted
}

impl Launch {
    /// The exact command that starts this instance.
    pub fn command(&self) -> CommandLine {
        match self.monitor {
            Monitor::Qemu { machine, accel } => qemu::command(self, machine, accel),
            Monitor::Process => process::command(self),
        }
    }
}

/// Encodes one word of the kernel command line: every byte that could be mistaken becomes `%XX`.
/// The empty word is a lone `%`.
pub fn encode_word(word: &[u8]) -> String {
    if word.is_empty() {
        return "%".to_owned();
    }
    word.iter().fold(String::new(), |mut text, &byte| {
        // A lone `--` ends the options, so a dash is encoded where a word is nothing but dashes.
        let plain = byte.is_ascii_graphic() && byte != b'%' && !(byte == b'-' && word == b"--");
        if plain {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02x}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_command_line() {
        assert_eq!(encode_word(b"plain=1"), "plain=1");
        assert_eq!(encode_word(b"a b%\xff"), "a%20b%25%ff");
        assert_eq!(encode_word(b""), "%");
        assert_eq!(encode_word(b"--"), "%2d%2d");
    }

    #[test]
    fn shell_words_are_quoted() {
        let line =
            CommandLine { program: "a".into(), args: vec!["b c".into(), "it's".into(), "".into()] };
        assert_eq!(line.shell(), r"a 'b c' 'it'\''s' ''");
        let line = CommandLine { program: OsString::from_vec(vec![0xff]), args: vec![] };
        assert_eq!(line.shell().as_bytes(), b"'\xff'");
    }
}
