//! Directories of the host as a file system: a client of 9P2000.L.
//!
//! Nothing is cached, neither data nor names: host and guest may change the same files, and each
//! sees what the other did. What makes that bearable is that messages are large and that a node
//! keeps what it has opened.
//!
//! Two things of the server are mirrored. A [`fid::Fid`] is a handle that the server keeps for us;
//! it is given back when it is dropped. A node is found again by the number in its qid, so that
//! one file is one node whatever path leads to it. A server may identify files by paths (QEMU's
//! does): then a handle of a file that was removed, which is not open, leads nowhere or to another
//! file; so what a handle leads to is compared with what it should.
//!
//! Every byte that the server sends is checked. No lock is held while a message is under way, as
//! that may let other threads run.
//!
//! Protocol: <https://github.com/chaos/diod/blob/master/protocol.md>, and 9P2000's intro(5).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod attributes;
mod calls;
mod client;
mod cookies;
mod error;
mod fid;
mod message;
mod mount;
mod node;
mod open;

pub use mount::{Error, mount_all, root};
