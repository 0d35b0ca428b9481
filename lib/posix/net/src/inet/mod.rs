//! AF_INET and AF_INET6, over the network stack of the image.

mod tcp;
mod udp;

use crate::address::Address;
use crate::endpoint::Endpoint;
use alloc::boxed::Box;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use unilith_net_api::{NetError, Ready};
use unilith_posix_abi::raw::net::{SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};
use unilith_posix_abi::{Errno, Result};
use unilith_posix_fd::Events;

/// IPPROTO_TCP
pub const TCP: u32 = 6;
/// IPPROTO_UDP
pub const UDP: u32 = 17;

/// The one place where errors of network stacks become numbers.
fn errno(error: NetError) -> Errno {
    match error {
        NetError::WouldBlock => Errno::EAGAIN,
        NetError::InProgress => Errno::EINPROGRESS,
        NetError::Connected => Errno::EISCONN,
        NetError::NotConnected => Errno::ENOTCONN,
        NetError::Refused => Errno::ECONNREFUSED,
        NetError::Reset => Errno::ECONNRESET,
        NetError::Aborted => Errno::ECONNABORTED,
        NetError::Closed => Errno::EPIPE,
        NetError::TimedOut => Errno::ETIMEDOUT,
        NetError::Unreachable => Errno::ENETUNREACH,
        NetError::InUse => Errno::EADDRINUSE,
        NetError::NotAvailable => Errno::EADDRNOTAVAIL,
        NetError::TooLong => Errno::EMSGSIZE,
        NetError::Invalid => Errno::EINVAL,
        NetError::Unsupported => Errno::EOPNOTSUPP,
        NetError::NoMemory => Errno::ENOBUFS,
    }
}

/// As [`errno`], of an option: one that the stack does not have is no option. Programs that would
/// rather have it (redis, for IPV6_V6ONLY) do without then.
fn option_errno(error: NetError) -> Errno {
    match error {
        NetError::Unsupported => Errno::ENOPROTOOPT,
        error => errno(error),
    }
}

/// A new endpoint, and its protocol.
pub fn open(v6: bool, kind: u32, protocol: u32) -> Result<(Box<dyn Endpoint>, u32)> {
    match (kind, protocol) {
        (SOCK_STREAM, 0 | TCP) => {
            let socket = unilith_net_api::tcp(v6).map_err(errno)?;
            Ok((Box::new(tcp::Tcp::new(socket, v6)), TCP))
        }
        (SOCK_DGRAM, 0 | UDP) => {
            let socket = unilith_net_api::udp(v6).map_err(errno)?;
            Ok((Box::new(udp::Udp::new(socket, v6)), UDP))
        }
        (SOCK_STREAM | SOCK_DGRAM | SOCK_RAW, _) => Err(Errno::EPROTONOSUPPORT),
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}

/// The address for the stack, of the socket's family: to a socket of IPv6 an address of IPv4 is a
/// mapped one. EAFNOSUPPORT if it is no address.
fn to_stack(address: &Address) -> Result<SocketAddr> {
    match address {
        Address::Inet(address) => Ok(*address),
        Address::Unspecified | Address::Unix(_) => Err(Errno::EAFNOSUPPORT),
    }
}

/// As [`to_stack`], for a destination: the unspecified address means this host, as in Linux.
fn to_destination(address: &Address) -> Result<SocketAddr> {
    let mut address = to_stack(address)?;
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(address)
}

/// The address of a socket that has none yet.
fn unbound(v6: bool) -> Address {
    let ip = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    Address::Inet(SocketAddr::new(ip, 0))
}

/// Where to bind. Old programs bind to AF_UNSPEC, which Linux takes for all addresses.
fn to_local(address: &Address, v6: bool) -> Result<SocketAddr> {
    match address {
        Address::Unspecified => to_stack(&unbound(v6)),
        address => to_stack(address),
    }
}

fn events(ready: Ready) -> Events {
    Events::READ.when(ready.receive || ready.receive_closed)
        | Events::WRITE.when(ready.send)
        | Events::READ_HANGUP.when(ready.receive_closed || ready.closed)
        | Events::HANGUP.when(ready.closed)
        | Events::ERROR.when(ready.error)
}
