//! The process: its end, its identity, its signals, its limits.
//!
//! An image has one process, number 1, with one thread, which belongs to root and has no parent
//! and no children. What follows from that is answered truthfully; what would need more (fork,
//! delivering signals) is not here.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod end;
mod identity;
mod limits;
mod procfs;
mod random;
mod signals;
mod system;
mod thread;

pub use end::{end_by_signal, exit_with};
pub use procfs::PROCFS;
pub use random::random;

/// The calls themselves.
pub mod calls {
    pub use crate::end::*;
    pub use crate::identity::*;
    pub use crate::limits::*;
    pub use crate::random::*;
    pub use crate::signals::*;
    pub use crate::system::*;
    pub use crate::thread::*;
}

use unilith_posix_abi::Entry;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[
    end::exit::ENTRY,
    end::exit_group::ENTRY,
    end::wait4::ENTRY,
    end::waitid::ENTRY,
    identity::getpid::ENTRY,
    identity::gettid::ENTRY,
    identity::getppid::ENTRY,
    identity::getuid::ENTRY,
    identity::geteuid::ENTRY,
    identity::getgid::ENTRY,
    identity::getegid::ENTRY,
    identity::getresuid::ENTRY,
    identity::getresgid::ENTRY,
    identity::getgroups::ENTRY,
    #[cfg(target_arch = "x86_64")]
    identity::getpgrp::ENTRY,
    identity::getpgid::ENTRY,
    identity::getsid::ENTRY,
    limits::prlimit64::ENTRY,
    #[cfg(target_arch = "x86_64")]
    limits::getrlimit::ENTRY,
    limits::setrlimit::ENTRY,
    limits::getrusage::ENTRY,
    limits::times::ENTRY,
    random::getrandom::ENTRY,
    signals::rt_sigaction::ENTRY,
    signals::rt_sigprocmask::ENTRY,
    signals::rt_sigpending::ENTRY,
    signals::sigaltstack::ENTRY,
    signals::kill::ENTRY,
    signals::tkill::ENTRY,
    signals::tgkill::ENTRY,
    system::uname::ENTRY,
    system::sysinfo::ENTRY,
    thread::set_tid_address::ENTRY,
    thread::set_robust_list::ENTRY,
    thread::rseq::ENTRY,
    thread::prctl::ENTRY,
    thread::sched_yield::ENTRY,
    thread::sched_getaffinity::ENTRY,
    #[cfg(target_arch = "x86_64")]
    thread::arch_prctl::ENTRY,
    thread::getcpu::ENTRY,
];
