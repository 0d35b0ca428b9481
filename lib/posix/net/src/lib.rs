//! Sockets.
//!
//! An open socket is a file ([`socket::SocketFile`]) with options and an [`endpoint::Endpoint`],
//! which is what its family makes of it: TCP and UDP over the image's network stack (`inet`), or
//! AF_UNIX, which needs no network. An endpoint never waits; calls wait as all calls on
//! descriptors do (`unilith_posix_fd::wait_for`). Bytes are copied once, between the application
//! and the endpoint's own buffers.
//!
//! What Linux has and this does not: AF_NETLINK, AF_PACKET and raw sockets (EAFNOSUPPORT,
//! EPROTONOSUPPORT), urgent data, TCP_FASTOPEN, TCP_DEFER_ACCEPT, multicast.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod address;
mod calls;
mod control;
mod endpoint;
#[cfg(feature = "inet")]
mod inet;
mod message;
mod options;
mod setting;
mod socket;
mod unix;

/// The calls themselves.
pub mod syscalls {
    pub use crate::calls::*;
    pub use crate::message::*;
    pub use crate::setting::*;
}

use unilith_posix_abi::Entry;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[
    calls::socket::ENTRY,
    calls::socketpair::ENTRY,
    calls::bind::ENTRY,
    calls::listen::ENTRY,
    calls::accept::ENTRY,
    calls::accept4::ENTRY,
    calls::connect::ENTRY,
    calls::getsockname::ENTRY,
    calls::getpeername::ENTRY,
    calls::shutdown::ENTRY,
    message::sendto::ENTRY,
    message::recvfrom::ENTRY,
    message::sendmsg::ENTRY,
    message::recvmsg::ENTRY,
    message::sendmmsg::ENTRY,
    message::recvmmsg::ENTRY,
    setting::setsockopt::ENTRY,
    setting::getsockopt::ENTRY,
];
