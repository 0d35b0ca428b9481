//! Structures in words.

use super::kind::Layout;
use super::names;
use super::value::{Call, ELEMENTS, list, pointer};
use core::fmt::{Result, Write};
use core::net::{Ipv4Addr, Ipv6Addr};
use unilith_posix_abi::decode;
use unilith_posix_abi::raw::general::{self, stat};

impl Call<'_> {
    /// Writes the structure at `address`, or the address if it is not there.
    pub fn layout(&self, out: &mut dyn Write, layout: Layout, address: usize) -> Result {
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
                    self.text(out, address.wrapping_add(FIELD), FIELD)?;
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
            Layout::Clone => {
                // linux/sched.h
                let (flags, child, parent, signal) = (word(0)?, word(16)?, word(24)?, word(32)?);
                let (stack, size, tls) = (word(40)?, word(48)?, word(56)?);
                out.write_str("{flags=").and_then(|()| {
                    names::write(out, names::CLONE_FLAGS, flags)?;
                    write!(out, ", child_tid={child:#x}, parent_tid={parent:#x}, exit_signal=")?;
                    names::write(out, names::SIGNAL, signal)?;
                    write!(out, ", stack={stack:#x}, stack_size={size:#x}, tls={tls:#x}}}")
                })
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
        write!(out, "|0{:02o}, ", mode & !general::S_IFMT)?;
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
        /// struct sockaddr_un.
        const UNIX_MAX: usize = 110;
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
            UNIX if len > 2 && len <= UNIX_MAX => {
                out.write_str("{sa_family=AF_UNIX, sun_path=").and_then(|()| {
                    // The path need not have an end: it has a length.
                    let path = address.wrapping_add(2);
                    let (sign, path, len) = match self.array(path) {
                        Some([0]) => ("@", path.wrapping_add(1), len - 3),
                        _ => ("", path, len - 2),
                    };
                    let end = (0..len).find(|at| self.array(path.wrapping_add(*at)) == Some([0]));
                    out.write_str(sign)?;
                    self.bytes(out, path, end.unwrap_or(len), false)?;
                    out.write_str("}")
                })
            }
            _ => out.write_str("{sa_family=").and_then(|()| {
                names::write(out, names::FAMILY, family.into())?;
                if len > 2 {
                    out.write_str(", sa_data=")?;
                    self.bytes(out, address.wrapping_add(2), len - 2, false)?;
                }
                out.write_str("}")
            }),
        })
    }

    /// The number of struct linux_dirent64 in `len` bytes.
    fn entries(&self, address: usize, len: usize) -> Option<usize> {
        /// Up to its name.
        const HEADER: usize = 19;
        let (mut at, mut count) = (0, 0);
        while at < len {
            let record = self.array::<2>(address.wrapping_add(at + 16))?;
            let record = usize::from(u16::from_ne_bytes(record));
            if record < HEADER {
                return None;
            }
            at += record;
            count += 1;
        }
        Some(count)
    }
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
