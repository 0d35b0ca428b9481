//! epoll, eventfd, timerfd and signalfd: waiting for many files, for events, timers and signals.
//!
//! All are files of `unilith-posix-fd` with a queue, so they can be waited for like any other,
//! also by each other.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod epoll;
mod eventfd;
mod signalfd;
mod timerfd;

pub use timerfd::POLLER;

/// The calls themselves.
pub mod calls {
    pub use crate::epoll::calls::*;
    pub use crate::eventfd::*;
    pub use crate::signalfd::*;
    pub use crate::timerfd::*;
}

use epoll::calls as poll;
use unilith_posix_abi::Entry;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[
    #[cfg(target_arch = "x86_64")]
    poll::epoll_create::ENTRY,
    poll::epoll_create1::ENTRY,
    poll::epoll_ctl::ENTRY,
    #[cfg(target_arch = "x86_64")]
    poll::epoll_wait::ENTRY,
    poll::epoll_pwait::ENTRY,
    poll::epoll_pwait2::ENTRY,
    #[cfg(target_arch = "x86_64")]
    eventfd::eventfd::ENTRY,
    eventfd::eventfd2::ENTRY,
    #[cfg(target_arch = "x86_64")]
    signalfd::signalfd::ENTRY,
    signalfd::signalfd4::ENTRY,
    timerfd::timerfd_create::ENTRY,
    timerfd::timerfd_settime::ENTRY,
    timerfd::timerfd_gettime::ENTRY,
];
