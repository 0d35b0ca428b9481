//! The kernel command line: options, environment variables and arguments.
//!
//! ```text
//! unilith.tty unilith.program=/bin/ls env.TZ=UTC -- -l /my%20files
//! ```
//!
//! Words are separated by spaces. Every byte may be written `%XX`, so a word may contain any
//! byte: `%20` is a space, `%25` a per cent sign; a `%` without two hexadecimal digits stands
//! for itself, but the argument `%` is the empty one. Before `--` a word is an option, `name=value` or a mere flag; `env.NAME=VALUE` is
//! an environment variable. After `--` every word is an argument of the application.
//!
//! Nothing is copied: a [`Word`] is a piece of the command line that is decoded while it is
//! read, so this works before there is a heap.
#![no_std]
#![forbid(unsafe_code)]

use core::fmt::{self, Write};

/// A word, or the name or value in one, still encoded.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a>(&'a [u8]);

impl<'a> Word<'a> {
    /// A word as it stands on the command line.
    pub const fn new(encoded: &'a [u8]) -> Self {
        Self(encoded)
    }

    /// The bytes that it means.
    pub fn bytes(self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (byte, used) = match *rest {
                [] => return None,
                [b'%', high, low, ..] => match (hex(high), hex(low)) {
                    (Some(high), Some(low)) => (high << 4 | low, 3),
                    _ => (b'%', 1),
                },
                [byte, ..] => (byte, 1),
            };
            rest = rest.get(used..).unwrap_or_default();
            Some(byte)
        })
    }

    /// Whether it means exactly `text`.
    pub fn eq_str(self, text: &str) -> bool {
        self.bytes().eq(text.bytes())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// As text; a byte that is not ASCII is shown as U+FFFD.
impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().try_for_each(|byte| {
            f.write_char(if byte.is_ascii() { byte.into() } else { char::REPLACEMENT_CHARACTER })
        })
    }
}

/// A command line. The functions of this crate read that of the platform.
#[derive(Clone, Copy, Debug)]
pub struct CommandLine<'a>(&'a [u8]);

impl<'a> CommandLine<'a> {
    /// A command line in these bytes.
    pub const fn new(line: &'a [u8]) -> Self {
        Self(line)
    }

    fn words(self) -> impl Iterator<Item = &'a [u8]> {
        self.0
            .split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0))
            .filter(|word| !word.is_empty())
    }

    fn options(self) -> impl Iterator<Item = &'a [u8]> {
        self.words().take_while(|&word| word != b"--")
    }

    /// The value of the option `name`; the last one if there are several.
    pub fn option(self, name: &str) -> Option<Word<'a>> {
        self.options()
            .filter_map(split_option)
            .filter(|(key, _)| key.eq_str(name))
            .last()
            .map(|(_, value)| value)
    }

    /// The values of the option `name`, which may be given several times.
    pub fn values(self, name: &str) -> impl Iterator<Item = Word<'a>> {
        self.options()
            .filter_map(split_option)
            .filter(move |(key, _)| key.eq_str(name))
            .map(|(_, value)| value)
    }

    /// Whether `name` is given as a flag.
    pub fn flag(self, name: &str) -> bool {
        self.options().any(|word| Word(word).eq_str(name))
    }

    /// The application's arguments, without its name.
    pub fn args(self) -> impl Iterator<Item = Word<'a>> {
        self.words().skip_while(|&word| word != b"--").skip(1).map(|word| match word {
            b"%" => Word(b""),
            word => Word(word),
        })
    }

    /// The application's environment: names and values.
    pub fn env(self) -> impl Iterator<Item = (Word<'a>, Word<'a>)> {
        self.options()
            .filter_map(|word| split_option(word.strip_prefix(b"env.")?))
            .filter(|(name, _)| !name.is_empty())
    }
}

fn split_option(word: &[u8]) -> Option<(Word<'_>, Word<'_>)> {
    let equals = word.iter().position(|&byte| byte == b'=')?;
    let (name, value) = word.split_at(equals);
    Some((Word(name), Word(value.get(1..)?)))
}

fn here() -> CommandLine<'static> {
    CommandLine(unilith_platform::command_line())
}

/// See [`CommandLine::option`].
pub fn option(name: &str) -> Option<Word<'static>> {
    here().option(name)
}

/// See [`CommandLine::values`].
pub fn values(name: &str) -> impl Iterator<Item = Word<'static>> {
    here().values(name)
}

/// See [`CommandLine::flag`].
pub fn flag(name: &str) -> bool {
    here().flag(name)
}

/// See [`CommandLine::args`].
pub fn args() -> impl Iterator<Item = Word<'static>> {
    here().args()
}

/// See [`CommandLine::env`].
pub fn env() -> impl Iterator<Item = (Word<'static>, Word<'static>)> {
    here().env()
}
