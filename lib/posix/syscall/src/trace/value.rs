//! Values in words, as strace writes them.

use super::kind::{self, Kind};
use super::names;
use core::fmt::{Result, Write};
use unilith_posix_abi::Scalar;
use unilith_posix_abi::raw::general::AT_FDCWD;

/// Bytes of a string or a buffer that are shown.
const SHOWN: usize = 32;
/// Elements of an array that are shown.
pub const ELEMENTS: usize = 16;
const PATH_MAX: usize = 4096;

/// The application's memory.
pub trait Memory {
    /// Fills `into` with what is at `address`; false if that is not readable.
    fn read(&self, address: usize, into: &mut [u8]) -> bool;
}

/// A call whose arguments are to be written.
pub struct Call<'a> {
    pub args: &'a [usize; 6],
    /// What it returned, if it did.
    pub result: Option<isize>,
    pub memory: &'a dyn Memory,
}

impl Call<'_> {
    pub fn array<const N: usize>(&self, address: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (address != 0 && self.memory.read(address, &mut bytes)).then_some(bytes)
    }

    pub fn number<T: Scalar>(&self, address: usize) -> Option<T> {
        let bytes: [u8; 8] = match size_of::<T>() {
            8 => self.array(address)?,
            _ => {
                let [a, b, c, d] = self.array(address)?;
                [a, b, c, d, 0, 0, 0, 0]
            }
        };
        Some(T::get(&bytes))
    }

    pub fn argument(&self, index: usize) -> usize {
        self.args.get(index).copied().unwrap_or(0)
    }

    /// What the call returned, if it succeeded.
    pub fn returned(&self) -> Option<usize> {
        self.result.and_then(|result| usize::try_from(result).ok())
    }

    /// Writes an argument.
    pub fn write(&self, out: &mut dyn Write, kind: Kind, value: usize) -> Result {
        match kind {
            Kind::Int => write!(out, "{}", value as i32),
            Kind::Long => write!(out, "{}", value as isize),
            Kind::Unsigned => write!(out, "{value}"),
            Kind::Hex => hex(out, value),
            Kind::Mode => write!(out, "0{:02o}", value as u32 & 0o177_777),
            Kind::Pointer => pointer(out, value),
            Kind::Fd if value as i32 == AT_FDCWD => out.write_str("AT_FDCWD"),
            Kind::Fd => write!(out, "{}", value as i32),
            // Only clone(2)'s are wider, and nobody names those bits.
            Kind::Named(names) => names::write(out, names, u64::from(value as u32)),
            Kind::Text => self.text(out, value, SHOWN),
            Kind::Path => self.text(out, value, PATH_MAX),
            Kind::Texts => self.texts(out, value),
            Kind::Count => match self.count(value) {
                Some(count) => write!(out, "{value:#x} /* {count} vars */"),
                None => pointer(out, value),
            },
            Kind::Bytes(len) => self.bytes(out, value, self.argument(len), false),
            Kind::In(layout) => self.layout(out, layout, value),
            _ => match (kind, self.returned()) {
                (Kind::Filled, Some(len)) => self.bytes(out, value, len, false),
                (Kind::Random, Some(len)) => self.bytes(out, value, len, true),
                (Kind::TextOut, Some(_)) => self.text(out, value, SHOWN),
                (Kind::Out(layout), Some(_)) => self.layout(out, layout, value),
                _ => pointer(out, value),
            },
        }
    }

    /// `len` bytes, or as many as are shown.
    pub fn bytes(&self, out: &mut dyn Write, address: usize, len: usize, numbers: bool) -> Result {
        let mut bytes = [0; SHOWN];
        let shown = len.min(SHOWN);
        if address == 0 || !self.memory.read(address, &mut bytes[..shown]) {
            return pointer(out, address);
        }
        quoted(out, &bytes[..shown], numbers)?;
        out.write_str(if len > SHOWN { "..." } else { "" })
    }

    /// A string, byte by byte: what follows its end may be unmapped.
    pub fn text(&self, out: &mut dyn Write, address: usize, limit: usize) -> Result {
        let byte = |at: usize| self.array::<1>(address.wrapping_add(at)).map(|[byte]| byte);
        let Some(len) = (0..limit)
            .find_map(|at| match byte(at) {
                Some(0) => Some(Some(at)),
                Some(_) => None,
                None => Some(None),
            })
            .unwrap_or(Some(limit))
        else {
            return pointer(out, address);
        };
        let cut = len == limit && byte(limit) != Some(0);
        out.write_char('"')?;
        for at in 0..len {
            escaped(out, byte(at).unwrap_or(0), byte(at + 1).filter(|_| at + 1 < len), false)?;
        }
        out.write_str(if cut { "\"..." } else { "\"" })
    }

    pub fn count(&self, array: usize) -> Option<usize> {
        (0..PATH_MAX).find_map(|at| match self.number::<usize>(array.wrapping_add(at * 8)) {
            Some(0) => Some(Some(at)),
            Some(_) => None,
            None => Some(None),
        })?
    }

    fn texts(&self, out: &mut dyn Write, array: usize) -> Result {
        let Some(count) = self.count(array) else { return pointer(out, array) };
        list(out, count, count, |out, at| {
            let text = self.number(array.wrapping_add(at * 8)).unwrap_or(0);
            self.text(out, text, SHOWN)
        })
    }

    /// Writes what is to be said after the result: of poll(2), what is ready.
    pub fn aftermath(&self, out: &mut dyn Write, name: &str) -> Result {
        match (name, self.returned()) {
            ("fcntl", Some(flags)) => match kind::gives_flags(self.args) {
                Some(names) if flags > 0 => {
                    out.write_str(" (flags ")?;
                    names::write(out, names, flags as u64)?;
                    out.write_str(")")
                }
                _ => Ok(()),
            },
            ("poll" | "ppoll" | "select" | "pselect6", Some(0)) => out.write_str(" (Timeout)"),
            ("poll" | "ppoll", Some(_)) => {
                out.write_str(" ([")?;
                let mut first = true;
                for at in 0..self.argument(1).min(ELEMENTS) {
                    let poll = self.array(self.argument(0).wrapping_add(at * 8));
                    let [a, b, c, d, _, _, g, h] = poll.unwrap_or_default();
                    let revents = u16::from_ne_bytes([g, h]);
                    if revents == 0 {
                        continue;
                    }
                    let comma = if first { "" } else { ", " };
                    first = false;
                    let fd = i32::from_ne_bytes([a, b, c, d]);
                    write!(out, "{comma}{{fd={fd}, revents=")?;
                    names::write(out, names::POLL_EVENTS, revents.into())?;
                    out.write_str("}")?;
                }
                out.write_str("])")
            }
            _ => Ok(()),
        }
    }
}

/// Writes an address.
pub fn pointer(out: &mut dyn Write, address: usize) -> Result {
    if address == 0 { out.write_str("NULL") } else { write!(out, "{address:#x}") }
}

fn hex(out: &mut dyn Write, value: usize) -> Result {
    if value == 0 { out.write_str("0") } else { write!(out, "{value:#x}") }
}

fn quoted(out: &mut dyn Write, bytes: &[u8], numbers: bool) -> Result {
    out.write_char('"')?;
    for (at, &byte) in bytes.iter().enumerate() {
        escaped(out, byte, bytes.get(at + 1).copied(), numbers)?;
    }
    out.write_char('"')
}

/// A byte as C would have it; one in octal is short unless a digit follows.
fn escaped(out: &mut dyn Write, byte: u8, next: Option<u8>, numbers: bool) -> Result {
    match byte {
        _ if numbers => write!(out, "\\x{byte:02x}"),
        b'"' => out.write_str("\\\""),
        b'\\' => out.write_str("\\\\"),
        b'\t' => out.write_str("\\t"),
        b'\n' => out.write_str("\\n"),
        0x0b => out.write_str("\\v"),
        0x0c => out.write_str("\\f"),
        b'\r' => out.write_str("\\r"),
        b' '..=b'~' => out.write_char(byte.into()),
        _ if next.is_some_and(|next| next.is_ascii_digit()) => write!(out, "\\{byte:03o}"),
        _ => write!(out, "\\{byte:o}"),
    }
}

/// `count` elements in brackets, `most` of them in words.
pub fn list(
    out: &mut dyn Write,
    count: usize,
    most: usize,
    mut element: impl FnMut(&mut dyn Write, usize) -> Result,
) -> Result {
    out.write_str("[")?;
    for at in 0..count.min(most) {
        out.write_str(if at > 0 { ", " } else { "" })?;
        element(out, at)?;
    }
    out.write_str(if count > most { ", ...]" } else { "]" })
}
