//! Values in words, as strace writes them.

use super::kind::{Kind, Layout};
use super::names;
use core::fmt::{Result, Write};
use core::net::{Ipv4Addr, Ipv6Addr};
use unilith_posix_abi::raw::general::{self, stat};
use unilith_posix_abi::{Scalar, decode};

/// Bytes of a string or a buffer that are shown.
const SHOWN: usize = 32;
/// Elements of an array that are shown.
const ELEMENTS: usize = 16;
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
    fn array<const N: usize>(&self, address: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (address != 0 && self.memory.read(address, &mut bytes)).then_some(bytes)
    }

    fn number<T: Scalar>(&self, address: usize) -> Option<T> {
        let bytes: [u8; 8] = match size_of::<T>() {
            8 => self.array(address)?,
            _ => {
                let [a, b, c, d] = self.array(address)?;
                [a, b, c, d, 0, 0, 0, 0]
            }
        };
        Some(T::get(&bytes))
    }

    fn argument(&self, index: usize) -> usize {
        self.args.get(index).copied().unwrap_or(0)
    }

    /// What the call returned, if it succeeded.
    fn returned(&self) -> Option<usize> {
        self.result.and_then(|result| usize::try_from(result).ok())
    }

    /// Writes an argument.
    pub fn write(&self, out: &mut dyn Write, kind: Kind, value: usize) -> Result {
        match kind {
            Kind::Int => write!(out, "{}", value as i32),
            Kind::Long => write!(out, "{}", value as isize),
            Kind::Unsigned => write!(out, "{value}"),
            Kind::Hex => hex(out, value),
            Kind::Mode => match value as u32 & 0o177_777 {
                0 => out.write_str("000"),
                mode => write!(out, "{mode:#05o}").map(|()| ()),
            },
            Kind::Pointer => pointer(out, value),
            Kind::Fd if value as i32 == general::AT_FDCWD => out.write_str("AT_FDCWD"),
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
    fn bytes(&self, out: &mut dyn Write, address: usize, len: usize, numbers: bool) -> Result {
        let mut bytes = [0; SHOWN];
        let shown = len.min(SHOWN);
        if address == 0 || !self.memory.read(address, &mut bytes[..shown]) {
            return pointer(out, address);
        }
        quoted(out, &bytes[..shown], numbers)?;
        out.write_str(if len > SHOWN { "..." } else { "" })
    }

    /// A string, byte by byte: what follows its end may be unmapped.
    fn text(&self, out: &mut dyn Write, address: usize, limit: usize) -> Result {
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

    fn count(&self, array: usize) -> Option<usize> {
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

    fn layout(&self, out: &mut dyn Write, layout: Layout, address: usize) -> Result {
        match self.known(out, layout, address) {
            Some(result) => result,
            None => pointer(out, address),
        }
    }

    /// Writes a structure; `None`, and nothing was written, if it is not there.
    fn known(&self, out: &mut dyn Write, layout: Layout, address: usize) -> Option<Result> {
        let word = |at: usize| self.number::<u64>(address.wrapping_add(at));
        Some(match layout {
            Layout::Time => {
                let (seconds, nanoseconds) = (word(0)? as i64, word(8)? as i64);
                write!(out, "{{tv_sec={seconds}, tv_nsec={nanoseconds}}}")
            }
            Layout::Stat => self.stat(out, &self.array::<{ size_of::<stat>() }>(address)?),
            Layout::Limit => {
                let (current, most) = (word(0)?, word(8)?);
                out.write_str("{rlim_cur=").and_then(|()| limit(out, current)).and_then(|()| {
                    out.write_str(", rlim_max=")?;
                    limit(out, most)?;
                    out.write_str("}")
                })
            }
            Layout::Names => {
                const FIELD: usize = 65;
                self.array::<{ 2 * FIELD }>(address)?;
                out.write_str("{sysname=").and_then(|()| {
                    self.text(out, address, FIELD)?;
                    out.write_str(", nodename=")?;
                    self.text(out, address + FIELD, FIELD)?;
                    out.write_str(", ...}")
                })
            }
            Layout::Pair => {
                let (first, second) =
                    (self.number::<i32>(address)?, self.number::<i32>(address.wrapping_add(4))?);
                write!(out, "[{first}, {second}]")
            }
            Layout::Int => write!(out, "[{}]", self.number::<i32>(address)?),
            Layout::Status => status(out, self.number::<i32>(address)?),
            Layout::Signals => signals(out, word(0)?),
            Layout::Action => {
                let (handler, flags, restorer, mask) = (word(0)?, word(8)?, word(16)?, word(24)?);
                action(out, handler, flags, restorer, mask)
            }
            Layout::Event => self.event(out, address)?,
            Layout::Events => {
                let count = self.returned()?;
                if count > 0 {
                    self.array::<12>(address)?;
                }
                list(out, count, ELEMENTS, |out, at| {
                    self.event(out, address.wrapping_add(at * 12)).unwrap_or(Ok(()))
                })
            }
            Layout::Polls(count) => {
                word(0)?;
                list(out, self.argument(count), ELEMENTS, |out, at| {
                    let [a, b, c, d, e, f, _, _] =
                        self.array(address.wrapping_add(at * 8)).unwrap_or_default();
                    write!(out, "{{fd={}, events=", i32::from_ne_bytes([a, b, c, d]))?;
                    names::write(out, names::POLL_EVENTS, u16::from_ne_bytes([e, f]).into())?;
                    out.write_str("}")
                })
            }
            Layout::Pieces(count) => {
                word(0)?;
                let mut left = self.returned().unwrap_or(usize::MAX);
                list(out, self.argument(count), ELEMENTS, |out, at| {
                    let at = address.wrapping_add(at * 16);
                    let base = self.number::<usize>(at).unwrap_or(0);
                    let len = self.number::<usize>(at.wrapping_add(8)).unwrap_or(0);
                    out.write_str("{iov_base=")?;
                    self.bytes(out, base, len.min(left), false)?;
                    left -= len.min(left);
                    write!(out, ", iov_len={len}}}")
                })
            }
            Layout::Address(len) => self.address(out, address, self.argument(len))?,
            Layout::AddressOf(len) => {
                let len = self.number::<u32>(self.argument(len))?;
                self.address(out, address, len as usize)?
            }
            Layout::Entries => {
                let entries = self.entries(address, self.returned()?)?;
                write!(out, "{address:#x} /* {entries} entries */")
            }
        })
    }

    fn stat(&self, out: &mut dyn Write, bytes: &[u8]) -> Result {
        let mode = decode!(bytes, stat, st_mode);
        out.write_str("{st_mode=")?;
        names::write(out, names::FILE_TYPE, u64::from(mode & general::S_IFMT))?;
        let device = decode!(bytes, stat, st_rdev);
        write!(out, "|{:#05o}, ", mode & !general::S_IFMT)?;
        if matches!(mode & general::S_IFMT, general::S_IFCHR | general::S_IFBLK) {
            let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
            write!(out, "st_rdev=makedev({major:#x}, {minor:#x}), ...}}")
        } else {
            write!(out, "st_size={}, ...}}", decode!(bytes, stat, st_size))
        }
    }

    /// struct epoll_event, which is packed on x86-64.
    fn event(&self, out: &mut dyn Write, address: usize) -> Option<Result> {
        let events = self.number::<u32>(address)?;
        let data = self.number::<u64>(address.wrapping_add(4))?;
        Some(out.write_str("{events=").and_then(|()| {
            names::write(out, names::EPOLL_EVENTS, events.into())?;
            write!(out, ", data={{u32={}, u64={data}}}}}", data as u32)
        }))
    }

    fn address(&self, out: &mut dyn Write, address: usize, len: usize) -> Option<Result> {
        const UNIX: u16 = 1;
        const INET: u16 = 2;
        const INET6: u16 = 10;
        let [a, b] = self.array(address)?;
        let family = u16::from_ne_bytes([a, b]);
        Some(match family {
            INET if len >= 16 => {
                let [_, _, p, q, host @ ..] = self.array::<8>(address)?;
                let (port, host) = (u16::from_be_bytes([p, q]), Ipv4Addr::from(host));
                write!(
                    out,
                    "{{sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr(\"{host}\")}}"
                )
            }
            INET6 if len >= 28 => {
                let [_, _, p, q] = self.array(address)?;
                let host = Ipv6Addr::from(self.array::<16>(address.wrapping_add(8))?);
                let port = u16::from_be_bytes([p, q]);
                write!(out, "{{sa_family=AF_INET6, sin6_port=htons({port}), \"{host}\"}}")
            }
            UNIX if len > 2 => out.write_str("{sa_family=AF_UNIX, sun_path=").and_then(|()| {
                // The path need not have an end: it has a length.
                let path = address.wrapping_add(2);
                let (sign, path, len) = match self.array(path) {
                    Some([0]) => ("@", path + 1, len - 3),
                    _ => ("", path, len - 2),
                };
                let end = (0..len).find(|at| self.array(path + at) == Some([0]));
                out.write_str(sign)?;
                self.bytes(out, path, end.unwrap_or(len), false)?;
                out.write_str("}")
            }),
            _ => out.write_str("{sa_family=").and_then(|()| {
                names::write(out, names::FAMILY, family.into())?;
                out.write_str("}")
            }),
        })
    }

    /// The number of struct linux_dirent64 in `len` bytes.
    fn entries(&self, address: usize, len: usize) -> Option<usize> {
        let (mut at, mut count) = (0, 0);
        while at < len {
            let record = self.array::<2>(address.wrapping_add(at + 16))?;
            at += usize::from(u16::from_ne_bytes(record).max(1));
            count += 1;
        }
        Some(count)
    }
}

fn pointer(out: &mut dyn Write, address: usize) -> Result {
    if address == 0 { out.write_str("NULL") } else { write!(out, "{address:#x}") }
}

fn hex(out: &mut dyn Write, value: usize) -> Result {
    if value == 0 { out.write_str("0") } else { write!(out, "{value:#x}") }
}

/// A limit: as strace has it, a multiple of 1024 is written as such.
fn limit(out: &mut dyn Write, value: u64) -> Result {
    match value {
        u64::MAX => out.write_str("RLIM64_INFINITY"),
        value if value > 1024 && value.is_multiple_of(1024) => write!(out, "{}*1024", value / 1024),
        value => write!(out, "{value}"),
    }
}

fn status(out: &mut dyn Write, status: i32) -> Result {
    match (status & 0x7f, status >> 8 & 0xff) {
        (0, code) => write!(out, "[{{WIFEXITED(s) && WEXITSTATUS(s) == {code}}}]"),
        (0x7f, signal) => {
            out.write_str("[{WIFSTOPPED(s) && WSTOPSIG(s) == ")?;
            names::write(out, names::SIGNAL, signal as u64)?;
            out.write_str("}]")
        }
        (signal, _) => {
            out.write_str("[{WIFSIGNALED(s) && WTERMSIG(s) == ")?;
            names::write(out, names::SIGNAL, signal as u64)?;
            out.write_str("}]")
        }
    }
}

/// A set of signals: those that are in it, or, after a tilde, those that are not.
fn signals(out: &mut dyn Write, set: u64) -> Result {
    let inverse = set.count_ones() > 32;
    out.write_str(if inverse { "~[" } else { "[" })?;
    let set = if inverse { !set } else { set };
    let mut first = true;
    for number in (1..=64).filter(|number| set >> (number - 1) & 1 != 0) {
        out.write_str(if first { "" } else { " " })?;
        first = false;
        if number < 32 {
            let mut name = Short(out);
            names::write(&mut name, names::SIGNAL, number)?;
        } else {
            write!(out, "RT_{}", number - 32)?;
        }
    }
    out.write_str("]")
}

/// Leaves out the "SIG" of names.
struct Short<'a>(&'a mut dyn Write);

impl Write for Short<'_> {
    fn write_str(&mut self, text: &str) -> Result {
        self.0.write_str(text.strip_prefix("SIG").unwrap_or(text))
    }
}

fn action(out: &mut dyn Write, handler: u64, flags: u64, restorer: u64, mask: u64) -> Result {
    out.write_str("{sa_handler=")?;
    match handler {
        0 => out.write_str("SIG_DFL")?,
        1 => out.write_str("SIG_IGN")?,
        address => write!(out, "{address:#x}")?,
    }
    out.write_str(", sa_mask=")?;
    signals(out, mask)?;
    out.write_str(", sa_flags=")?;
    names::write(out, names::ACTION_FLAGS, flags)?;
    if flags & u64::from(general::SA_RESTORER) != 0 {
        write!(out, ", sa_restorer={restorer:#x}")?;
    }
    out.write_str("}")
}

/// `count` elements in brackets, `most` of them in words.
fn list(
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
