//! File descriptors.
//!
//! Three layers, as POSIX has them: a [`File`] can be read and written (the console here; nodes
//! of file systems in `unilith-posix-fs`; sockets elsewhere), an open file [`Description`] adds
//! an offset and flags, and the [`table`] gives descriptions numbers. A family that has another
//! kind of file implements [`File`] and calls [`table::open`]; it needs no change here.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bytes;
mod console;
mod control;
mod copy;
mod description;
mod events;
mod file;
mod ioctl;
mod mask;
mod nameless;
mod offset;
mod poll;
mod ring;
pub mod table;
mod transfer;
mod waiting;

pub use bytes::{Discard, Room, Sink, Source, UserPieces, moved};
pub use console::POLLER;
pub use description::Description;
pub use events::Events;
pub use file::File;
pub use mask::with_mask;
pub use nameless::{nameless, new_inode};
pub use ring::Ring;
pub use transfer::{MAX_COUNT, partial};
pub use waiting::{Direction, deadline, wait_for};

/// The calls themselves.
pub mod calls {
    pub use crate::control::*;
    pub use crate::copy::*;
    pub use crate::ioctl::*;
    pub use crate::offset::*;
    pub use crate::poll::*;
    pub use crate::transfer::*;
}

use unilith_posix_abi::Entry;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[
    transfer::read::ENTRY,
    transfer::write::ENTRY,
    transfer::readv::ENTRY,
    transfer::writev::ENTRY,
    transfer::pread64::ENTRY,
    transfer::pwrite64::ENTRY,
    transfer::preadv::ENTRY,
    transfer::pwritev::ENTRY,
    transfer::preadv2::ENTRY,
    transfer::pwritev2::ENTRY,
    copy::sendfile::ENTRY,
    copy::copy_file_range::ENTRY,
    offset::lseek::ENTRY,
    offset::ftruncate::ENTRY,
    offset::fsync::ENTRY,
    offset::fdatasync::ENTRY,
    offset::fadvise64::ENTRY,
    control::close::ENTRY,
    control::close_range::ENTRY,
    control::dup::ENTRY,
    #[cfg(target_arch = "x86_64")]
    control::dup2::ENTRY,
    control::dup3::ENTRY,
    control::fcntl::ENTRY,
    ioctl::ioctl::ENTRY,
    #[cfg(target_arch = "x86_64")]
    poll::poll::ENTRY,
    poll::ppoll::ENTRY,
    #[cfg(target_arch = "x86_64")]
    poll::select::ENTRY,
    poll::pselect6::ENTRY,
];
