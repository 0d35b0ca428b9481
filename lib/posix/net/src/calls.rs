//! Making sockets and connections.

use crate::address::Address;
use crate::endpoint::Directions;
use crate::socket::{SocketFile, socket_of, with_socket};
use crate::unix;
use alloc::boxed::Box;
use unilith_posix_abi::raw::general::{O_CLOEXEC, O_NONBLOCK, O_RDWR};
use unilith_posix_abi::raw::net::{
    AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, syscall};
use unilith_posix_fd::{Direction, table, wait_for};

/// SOCK_CLOEXEC
pub const CLOEXEC: u32 = O_CLOEXEC;
/// SOCK_NONBLOCK
pub const NONBLOCK: u32 = O_NONBLOCK;
/// The kinds are numbers up to this (SOCK_MAX, SOCK_PACKET).
const LAST_KIND: u32 = 10;
/// Connections that may wait to be accepted (SOMAXCONN).
const MOST_WAITING: usize = 4096;

/// The kind and the flags that a type argument is made of.
fn split(kind: u32) -> Result<(u32, u32)> {
    let flags = kind & (CLOEXEC | NONBLOCK);
    let kind = kind & !flags;
    if kind > LAST_KIND { Err(Errno::EINVAL) } else { Ok((kind, flags)) }
}

#[cfg(feature = "inet")]
fn internet(domain: u32, kind: u32, protocol: u32) -> Result<SocketFile> {
    let (endpoint, protocol) = crate::inet::open(domain == AF_INET6, kind, protocol)?;
    Ok(SocketFile::new(endpoint, domain, kind, protocol))
}

#[cfg(not(feature = "inet"))]
fn internet(_: u32, _: u32, _: u32) -> Result<SocketFile> {
    Err(Errno::EAFNOSUPPORT)
}

fn check_unix(kind: u32, protocol: u32) -> Result<()> {
    if !matches!(kind, SOCK_STREAM | SOCK_DGRAM | SOCK_SEQPACKET) {
        return Err(Errno::ESOCKTNOSUPPORT);
    }
    // PF_UNIX is a protocol, too.
    if protocol == 0 || protocol == AF_UNIX { Ok(()) } else { Err(Errno::EPROTONOSUPPORT) }
}

fn install(file: SocketFile, flags: u32) -> Result<Fd> {
    table::open(Box::new(file), O_RDWR | flags & NONBLOCK, flags & CLOEXEC != 0)
}

syscall! {
    /// socket(2)
    pub fn socket[__NR_socket](domain: u32, kind: u32, protocol: u32) -> Result<Fd> {
        let (kind, flags) = split(kind)?;
        let file = match domain {
            AF_UNIX => {
                check_unix(kind, protocol)?;
                SocketFile::new(unix::open(kind), domain, kind, 0)
            }
            AF_INET | AF_INET6 => internet(domain, kind, protocol)?,
            _ => return Err(Errno::EAFNOSUPPORT),
        };
        install(file, flags)
    }
}

syscall! {
    /// socketpair(2): AF_UNIX only.
    pub fn socketpair[__NR_socketpair](
        domain: u32,
        kind: u32,
        protocol: u32,
        to: UserPtr,
    ) -> Result<()> {
        let (kind, flags) = split(kind)?;
        match domain {
            AF_UNIX => check_unix(kind, protocol)?,
            AF_INET | AF_INET6 => return Err(Errno::EOPNOTSUPP),
            _ => return Err(Errno::EAFNOSUPPORT),
        }
        let files = unix::pair(kind).map(|endpoint| {
            Box::new(SocketFile::new(endpoint, domain, kind, 0)) as Box<dyn unilith_posix_fd::File>
        });
        let open_flags = O_RDWR | flags & NONBLOCK;
        let fds = table::open_pair(files, [open_flags; 2], flags & CLOEXEC != 0)?;
        let numbers = fds.map(|fd| fd.0.to_ne_bytes());
        to.copy_out(numbers.as_flattened()).inspect_err(|_| {
            fds.map(table::close).into_iter().for_each(drop);
        })
    }
}

syscall! {
    /// bind(2)
    pub fn bind[__NR_bind](fd: Fd, address: UserPtr, len: usize) -> Result<()> {
        with_socket(fd, |_, socket| {
            let address = Address::read(socket.domain, address, len)?;
            let options = *socket.options.lock();
            socket.endpoint.bind(&address, options.reuse_address || options.reuse_port)
        })
    }
}

syscall! {
    /// listen(2)
    pub fn listen[__NR_listen](fd: Fd, backlog: i32) -> Result<()> {
        with_socket(fd, |_, socket| {
            // Negative means as many as possible.
            let backlog = usize::try_from(backlog).unwrap_or(MOST_WAITING).min(MOST_WAITING);
            socket.endpoint.listen(backlog.max(1))
        })
    }
}

syscall! {
    /// accept4(2)
    pub fn accept4[__NR_accept4](
        fd: Fd,
        address: UserPtr,
        len: UserPtr,
        flags: u32,
    ) -> Result<Fd> {
        if flags & !(CLOEXEC | NONBLOCK) != 0 {
            return Err(Errno::EINVAL);
        }
        with_socket(fd, |open, socket| {
            // A connection that finds no descriptor stays where it is.
            table::check_room()?;
            let accept = || socket.endpoint.accept();
            let endpoint = wait_for(open, Direction::Read, false, |_| accept())?;
            let peer = endpoint.peer();
            let new = socket.accepted(endpoint);
            new.options.lock().pass_on(&*new.endpoint)?;
            // One that was broken meanwhile has no address any more.
            peer.unwrap_or(Address::Unspecified).write_with_length(socket.domain, address, len)?;
            install(new, flags)
        })
    }
}

syscall! {
    /// accept(2)
    pub fn accept[__NR_accept](fd: Fd, address: UserPtr, len: UserPtr) -> Result<Fd> {
        accept4(fd, address, len, 0)
    }
}

syscall! {
    /// connect(2)
    pub fn connect[__NR_connect](fd: Fd, address: UserPtr, len: usize) -> Result<()> {
        with_socket(fd, |open, socket| {
            let address = Address::read(socket.domain, address, len)?;
            let nonblocking = open.flags() & O_NONBLOCK != 0;
            let endpoint = &socket.endpoint;
            let first = wait_for(open, Direction::Write, false, |_| endpoint.connect(&address));
            match first {
                Err(Errno::EINPROGRESS | Errno::EALREADY) if !nonblocking => {}
                result => return result,
            }
            match wait_for(open, Direction::Write, false, |_| endpoint.connected()) {
                Err(Errno::EAGAIN) => Err(Errno::EINPROGRESS), // SO_SNDTIMEO is over
                result => result,
            }
        })
    }
}

syscall! {
    /// getsockname(2)
    pub fn getsockname[__NR_getsockname](fd: Fd, address: UserPtr, len: UserPtr) -> Result<()> {
        with_socket(fd, |_, socket| write_address(&socket.endpoint.local(), socket, address, len))
    }
}

syscall! {
    /// getpeername(2)
    pub fn getpeername[__NR_getpeername](fd: Fd, address: UserPtr, len: UserPtr) -> Result<()> {
        with_socket(fd, |_, socket| write_address(&socket.endpoint.peer()?, socket, address, len))
    }
}

fn write_address(address: &Address, socket: &SocketFile, to: UserPtr, len: UserPtr) -> Result<()> {
    if to.is_null() {
        return Err(Errno::EFAULT);
    }
    address.write_with_length(socket.domain, to, len)
}

syscall! {
    /// shutdown(2)
    pub fn shutdown[__NR_shutdown](fd: Fd, how: u32) -> Result<()> {
        let directions = match how {
            0 => Directions { receive: true, send: false },
            1 => Directions { receive: false, send: true },
            2 => Directions { receive: true, send: true },
            _ => return Err(Errno::EINVAL),
        };
        let open = table::get(fd)?;
        socket_of(&open)?.endpoint.shutdown(directions)
    }
}
