//! Options of sockets.
//!
//! An option that is not here is ENOPROTOOPT: nobody is told that something is in effect which is
//! not. What is only a hint (buffer sizes) is accepted, and documented where it is kept.

use crate::control::credentials;
use crate::endpoint::Setting;
use crate::options::Options;
use crate::socket::{SocketFile, with_socket};
use alloc::vec::Vec;
use unilith_posix_abi::raw::net::{
    AF_INET, AF_INET6, AF_UNIX, IP_RECVERR, IPV6_RECVERR, IPV6_V6ONLY, SO_ACCEPTCONN, SO_BROADCAST,
    SO_DOMAIN, SO_ERROR, SO_KEEPALIVE, SO_LINGER, SO_PASSCRED, SO_PEERCRED, SO_PROTOCOL, SO_RCVBUF,
    SO_RCVBUFFORCE, SO_RCVLOWAT, SO_RCVTIMEO_NEW, SO_RCVTIMEO_OLD, SO_REUSEADDR, SO_REUSEPORT,
    SO_SNDBUF, SO_SNDBUFFORCE, SO_SNDLOWAT, SO_SNDTIMEO_NEW, SO_SNDTIMEO_OLD, SO_TYPE, SOCK_STREAM,
    SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP, TCP_CORK, TCP_DEFER_ACCEPT, TCP_FASTOPEN,
    TCP_FASTOPEN_CONNECT, TCP_INFO, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_MAXSEG,
    TCP_NODELAY, TCP_QUICKACK, linger, tcp_info,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, decode, encode, syscall};

const SECOND: u64 = 1_000_000_000;
/// The largest value that is read.
const LONGEST: usize = 16;
/// Bytes that a buffer has at most (net.core.wmem_max and rmem_max), before they are doubled.
const MOST_BUFFER: u32 = 212_992;
/// Bytes that a buffer has at least, after they were doubled (SOCK_MIN_SNDBUF).
const LEAST_BUFFER: u32 = 4608;
/// `<netinet/tcp.h>`: states of a connection that can be told apart from outside.
const ESTABLISHED: u8 = 1;
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;
/// What an IPv4 packet of 1500 bytes leaves for a segment.
const SEGMENT: u32 = 1460;

/// A value as the application gives it.
struct Value {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Value {
    fn read(from: UserPtr, len: usize) -> Result<Self> {
        let mut bytes = [0; LONGEST];
        let len = len.min(LONGEST);
        from.copy_in(bytes.get_mut(..len).unwrap_or_default())?;
        Ok(Self { bytes, len })
    }

    fn number(&self) -> Result<i32> {
        if self.len < 4 {
            return Err(Errno::EINVAL);
        }
        Ok(self.bytes.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes)))
    }

    fn flag(&self) -> Result<bool> {
        Ok(self.number()? != 0)
    }

    /// A number from `low` to `high`. EINVAL.
    fn within(&self, low: i32, high: i32) -> Result<u32> {
        let number = self.number()?;
        if (low..=high).contains(&number) { Ok(number as u32) } else { Err(Errno::EINVAL) }
    }

    /// A size of a buffer, as Linux keeps it: doubled, for what it needs itself.
    fn buffer(&self) -> Result<u32> {
        let asked = u32::try_from(self.number()?).unwrap_or(u32::MAX);
        Ok((asked.min(MOST_BUFFER) * 2).max(LEAST_BUFFER))
    }

    /// A `struct timeval`, in nanoseconds.
    fn time(&self) -> Result<u64> {
        let [seconds, micros] = [0, 8].map(|at| {
            let bytes = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
            bytes.map_or(0, |bytes| i64::from_ne_bytes(*bytes))
        });
        if self.len < LONGEST {
            return Err(Errno::EINVAL);
        }
        match (u64::try_from(seconds), u64::try_from(micros)) {
            (_, micros) if !micros.is_ok_and(|micros| micros < 1_000_000) => Err(Errno::EDOM),
            (Ok(seconds), Ok(micros)) => {
                Ok(seconds.saturating_mul(SECOND).saturating_add(micros * 1000))
            }
            // Linux takes a negative time for the shortest.
            _ => Ok(1),
        }
    }
}

impl SocketFile {
    fn keep(&self, change: impl FnOnce(&mut Options)) -> Result<()> {
        change(&mut self.options.lock());
        Ok(())
    }

    /// As [`keep`](Self::keep), and tells the endpoint unless it does not know such a thing.
    fn keep_and_tell(
        &self,
        change: impl FnOnce(&mut Options),
        tell: impl FnOnce(&Options) -> Setting,
    ) -> Result<()> {
        self.keep(change)?;
        let setting = tell(&self.options.lock());
        match self.endpoint.set(setting) {
            Err(Errno::ENOPROTOOPT) => Ok(()), // as Linux does at the level of sockets
            result => result,
        }
    }

    fn set_general(&self, name: u32, value: &Value) -> Result<()> {
        match name {
            SO_REUSEADDR => value.flag().and_then(|on| self.keep(|o| o.reuse_address = on)),
            SO_REUSEPORT => value.flag().and_then(|on| self.keep(|o| o.reuse_port = on)),
            SO_BROADCAST => value.flag().and_then(|on| self.keep(|o| o.broadcast = on)),
            SO_PASSCRED => value.flag().and_then(|on| self.keep(|o| o.pass_credentials = on)),
            SO_KEEPALIVE => {
                let on = value.flag()?;
                self.keep_and_tell(|o| o.keep_alive = on, Options::keep_alive_setting)
            }
            SO_LINGER => {
                if value.len < size_of::<linger>() {
                    return Err(Errno::EINVAL);
                }
                let on = decode!(value.bytes, linger, l_onoff) != 0;
                let seconds = decode!(value.bytes, linger, l_linger) as u32;
                let abort = |o: &Options| Setting::AbortOnClose(o.linger == Some(0));
                self.keep_and_tell(|o| o.linger = on.then_some(seconds), abort)
            }
            SO_SNDBUF | SO_SNDBUFFORCE => {
                value.buffer().and_then(|size| self.keep(|o| o.send_buffer = size))
            }
            SO_RCVBUF | SO_RCVBUFFORCE => {
                value.buffer().and_then(|size| self.keep(|o| o.receive_buffer = size))
            }
            SO_RCVTIMEO_OLD | SO_RCVTIMEO_NEW => {
                value.time().and_then(|ns| self.keep(|o| o.receive_timeout = ns))
            }
            SO_SNDTIMEO_OLD | SO_SNDTIMEO_NEW => {
                value.time().and_then(|ns| self.keep(|o| o.send_timeout = ns))
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn set_tcp(&self, name: u32, value: &Value) -> Result<()> {
        match name {
            TCP_NODELAY => {
                let on = value.flag()?;
                self.keep_and_tell(|o| o.no_delay = on, |o| Setting::NoDelay(o.no_delay))
            }
            // Small pieces wait for others until it is taken away, or an acknowledgement comes.
            TCP_CORK => {
                let on = value.flag()?;
                self.keep(|o| o.cork = on)?;
                let no_delay = self.options.lock().no_delay;
                self.endpoint.set(Setting::NoDelay(!on))?;
                if on { Ok(()) } else { self.endpoint.set(Setting::NoDelay(no_delay)) }
            }
            TCP_KEEPIDLE => {
                let seconds = value.within(1, 32_767)?;
                self.keep_and_tell(|o| o.keep_idle = seconds, Options::keep_alive_setting)
            }
            TCP_KEEPINTVL => {
                let seconds = value.within(1, 32_767)?;
                self.keep(|o| o.keep_interval = seconds)
            }
            TCP_KEEPCNT => {
                let count = value.within(1, 127)?;
                self.keep(|o| o.keep_count = count)
            }
            TCP_FASTOPEN | TCP_FASTOPEN_CONNECT | TCP_DEFER_ACCEPT => Err(Errno::EOPNOTSUPP),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn set(&self, level: u32, name: u32, value: &Value) -> Result<()> {
        match (level, name) {
            (SOL_SOCKET, name) => self.set_general(name, value),
            (SOL_TCP, name) if self.is_tcp() => self.set_tcp(name, value),
            (SOL_IPV6, IPV6_V6ONLY) if self.domain == AF_INET6 => {
                let on = value.flag()?;
                self.endpoint.set(Setting::V6Only(on))?;
                self.keep(|o| o.v6_only = on)
            }
            // Errors that arrive are told by the next call in any case; none are queued.
            (SOL_IP, IP_RECVERR) | (SOL_IPV6, IPV6_RECVERR) if self.is_internet() => {
                value.flag().and_then(|on| self.keep(|o| o.receive_errors = on))
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn is_internet(&self) -> bool {
        matches!(self.domain, AF_INET | AF_INET6)
    }

    fn is_tcp(&self) -> bool {
        self.is_internet() && self.kind == SOCK_STREAM
    }

    fn get(&self, level: u32, name: u32) -> Result<Vec<u8>> {
        let options = *self.options.lock();
        let number = |value: u32| Ok(value.to_ne_bytes().to_vec());
        let flag = |on: bool| number(on.into());
        match (level, name) {
            (SOL_SOCKET, SO_REUSEADDR) => flag(options.reuse_address),
            (SOL_SOCKET, SO_REUSEPORT) => flag(options.reuse_port),
            (SOL_SOCKET, SO_BROADCAST) => flag(options.broadcast),
            (SOL_SOCKET, SO_PASSCRED) => flag(options.pass_credentials),
            (SOL_SOCKET, SO_KEEPALIVE) => flag(options.keep_alive),
            (SOL_SOCKET, SO_SNDBUF) => number(options.send_buffer),
            (SOL_SOCKET, SO_RCVBUF) => number(options.receive_buffer),
            (SOL_SOCKET, SO_RCVLOWAT | SO_SNDLOWAT) => number(1),
            (SOL_SOCKET, SO_TYPE) => number(self.kind),
            (SOL_SOCKET, SO_DOMAIN) => number(self.domain),
            (SOL_SOCKET, SO_PROTOCOL) => number(self.protocol),
            (SOL_SOCKET, SO_ACCEPTCONN) => flag(self.endpoint.is_listening()),
            (SOL_SOCKET, SO_ERROR) => {
                number(self.endpoint.take_error().map_or(0, |error| error.number().into()))
            }
            (SOL_SOCKET, SO_LINGER) => Ok(encode!(linger {
                l_onoff: options.linger.is_some(),
                l_linger: options.linger.unwrap_or(0),
            })
            .to_vec()),
            (SOL_SOCKET, SO_RCVTIMEO_OLD | SO_RCVTIMEO_NEW) => time(options.receive_timeout),
            (SOL_SOCKET, SO_SNDTIMEO_OLD | SO_SNDTIMEO_NEW) => time(options.send_timeout),
            (SOL_SOCKET, SO_PEERCRED) if self.domain == AF_UNIX => {
                Ok(credentials(self.endpoint.peer_pid()?).to_vec())
            }
            (SOL_TCP, TCP_NODELAY) if self.is_tcp() => flag(options.no_delay),
            (SOL_TCP, TCP_CORK) if self.is_tcp() => flag(options.cork),
            (SOL_TCP, TCP_KEEPIDLE) if self.is_tcp() => number(options.keep_idle),
            (SOL_TCP, TCP_KEEPINTVL) if self.is_tcp() => number(options.keep_interval),
            (SOL_TCP, TCP_KEEPCNT) if self.is_tcp() => number(options.keep_count),
            (SOL_TCP, TCP_MAXSEG) if self.is_tcp() => number(SEGMENT),
            (SOL_TCP, TCP_QUICKACK) if self.is_tcp() => flag(false),
            (SOL_TCP, TCP_DEFER_ACCEPT) if self.is_tcp() => number(0),
            (SOL_TCP, TCP_INFO) if self.is_tcp() => Ok(self.tcp_info()),
            (SOL_IPV6, IPV6_V6ONLY) if self.domain == AF_INET6 => flag(options.v6_only),
            (SOL_IP, IP_RECVERR) | (SOL_IPV6, IPV6_RECVERR) if self.is_internet() => {
                flag(options.receive_errors)
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// The state; nothing else is known, and is zero as if nothing had been measured yet.
    fn tcp_info(&self) -> Vec<u8> {
        let state = match (self.endpoint.is_listening(), self.endpoint.peer()) {
            (true, _) => LISTEN,
            (_, Ok(_)) => ESTABLISHED,
            _ => CLOSE,
        };
        encode!(tcp_info { tcpi_state: state }).to_vec()
    }
}

/// Nanoseconds as a `struct timeval`.
fn time(ns: u64) -> Result<Vec<u8>> {
    let [seconds, micros] = [ns / SECOND, ns % SECOND / 1000].map(u64::to_ne_bytes);
    Ok([seconds, micros].concat())
}

syscall! {
    /// setsockopt(2)
    pub fn setsockopt[__NR_setsockopt](
        fd: Fd,
        level: u32,
        name: u32,
        value: UserPtr,
        len: i32,
    ) -> Result<()> {
        with_socket(fd, |_, socket| {
            let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
            socket.set(level, name, &Value::read(value, len)?)
        })
    }
}

syscall! {
    /// getsockopt(2): as much of the value as there is room for.
    pub fn getsockopt[__NR_getsockopt](
        fd: Fd,
        level: u32,
        name: u32,
        value: UserPtr,
        len: UserPtr,
    ) -> Result<()> {
        with_socket(fd, |_, socket| {
            let room = i32::from_ne_bytes(len.read()?);
            let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
            let bytes = socket.get(level, name)?;
            let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
            value.copy_out(bytes)?;
            len.copy_out(&(bytes.len() as u32).to_ne_bytes())
        })
    }
}
