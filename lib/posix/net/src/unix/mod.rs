//! AF_UNIX: sockets of this machine, which need no network.
//!
//! A connection is two [`channel::Channel`]s, one for each direction. Sockets are found by name
//! ([`names`]): abstract ones in a table, paths by the node that binding made.

mod channel;
mod connection;
mod datagram;
mod flight;
mod names;

use crate::endpoint::Endpoint;
use alloc::boxed::Box;
use unilith_posix_abi::raw::net::SOCK_DGRAM;

/// A new endpoint.
pub fn open(kind: u32) -> Box<dyn Endpoint> {
    match kind {
        SOCK_DGRAM => Box::new(datagram::UnixDatagram::new()),
        kind => Box::new(connection::UnixConnection::new(kind)),
    }
}

/// Two endpoints that are connected to each other.
pub fn pair(kind: u32) -> [Box<dyn Endpoint>; 2] {
    match kind {
        SOCK_DGRAM => datagram::pair().map(|end| Box::new(end) as Box<dyn Endpoint>),
        kind => connection::pair(kind).map(|end| Box::new(end) as Box<dyn Endpoint>),
    }
}
