//! Networking, in two layers that can each be used by itself: a [`Device`] sends and receives
//! frames (a UDP service can stand on that alone), and a [`Stack`] makes sockets of it.
//!
//! A stack is a singleton of the image, bound at link time
//! (`docs/decisions/001-link-time-binding.md`). Its sockets are objects with operations that never
//! wait; who wants to wait does so on the socket's queue. Bytes are not copied between layers:
//! the caller fills or empties the socket's own buffer.
#![no_std]

extern crate alloc;

mod device;
mod socket;

#[doc(hidden)]
pub use alloc::sync::Arc;
pub use device::{Device, Offload, Received};
pub use socket::{Addresses, Datagram, NetError, Ready, Result, Shutdown, Socket, Stack};
pub use socket::{local_addresses, tcp, udp};
