//! Processes and threads: their beginning and end, their identity, their signals, their limits.
//!
//! The first process, number 1, is the image's application; the image ends with it. Everybody is
//! root. Processes share one address space: a new one borrows its parent's memory until it has a
//! program of its own (vfork, posix_spawn), fork is not possible.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(target_arch = "x86_64")]
mod clone;
#[cfg(target_arch = "x86_64")]
mod deliver;
mod end;
#[cfg(target_arch = "x86_64")]
mod frame;
mod identity;
mod kill;
mod limits;
mod procfs;
mod random;
mod rseq;
mod scheduling;
mod signals;
mod system;
mod thread;
mod timer;

#[cfg(target_arch = "x86_64")]
pub use deliver::{leave, start_program, trap};
pub use end::{exit_process, exit_thread};
pub use procfs::PROCFS;
pub use random::random;
pub use timer::POLLER;

/// The calls themselves.
pub mod calls {
    #[cfg(target_arch = "x86_64")]
    pub use crate::clone::*;
    #[cfg(target_arch = "x86_64")]
    pub use crate::deliver::*;
    pub use crate::end::*;
    pub use crate::identity::*;
    pub use crate::kill::*;
    pub use crate::limits::*;
    pub use crate::random::*;
    pub use crate::scheduling::*;
    pub use crate::signals::*;
    pub use crate::system::*;
    pub use crate::thread::*;
    pub use crate::timer::*;
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
    identity::setpgid::ENTRY,
    identity::setsid::ENTRY,
    limits::prlimit64::ENTRY,
    #[cfg(target_arch = "x86_64")]
    limits::getrlimit::ENTRY,
    limits::setrlimit::ENTRY,
    limits::getrusage::ENTRY,
    limits::times::ENTRY,
    random::getrandom::ENTRY,
    kill::kill::ENTRY,
    kill::tkill::ENTRY,
    kill::tgkill::ENTRY,
    kill::rt_sigqueueinfo::ENTRY,
    kill::rt_tgsigqueueinfo::ENTRY,
    signals::rt_sigaction::ENTRY,
    signals::rt_sigprocmask::ENTRY,
    signals::rt_sigpending::ENTRY,
    signals::rt_sigsuspend::ENTRY,
    #[cfg(target_arch = "x86_64")]
    signals::pause::ENTRY,
    signals::rt_sigtimedwait::ENTRY,
    #[cfg(target_arch = "x86_64")]
    signals::sigaltstack::ENTRY,
    #[cfg(target_arch = "x86_64")]
    clone::clone::ENTRY,
    #[cfg(target_arch = "x86_64")]
    clone::clone3::ENTRY,
    #[cfg(target_arch = "x86_64")]
    clone::vfork::ENTRY,
    #[cfg(target_arch = "x86_64")]
    deliver::rt_sigreturn::ENTRY,
    system::uname::ENTRY,
    system::sysinfo::ENTRY,
    thread::set_tid_address::ENTRY,
    thread::set_robust_list::ENTRY,
    thread::get_robust_list::ENTRY,
    rseq::rseq::ENTRY,
    thread::prctl::ENTRY,
    #[cfg(target_arch = "x86_64")]
    thread::arch_prctl::ENTRY,
    scheduling::sched_yield::ENTRY,
    scheduling::sched_getaffinity::ENTRY,
    scheduling::sched_setaffinity::ENTRY,
    scheduling::sched_get_priority_max::ENTRY,
    scheduling::sched_get_priority_min::ENTRY,
    scheduling::sched_getscheduler::ENTRY,
    scheduling::sched_setscheduler::ENTRY,
    scheduling::sched_setparam::ENTRY,
    scheduling::sched_getparam::ENTRY,
    scheduling::sched_rr_get_interval::ENTRY,
    scheduling::getpriority::ENTRY,
    scheduling::setpriority::ENTRY,
    scheduling::getcpu::ENTRY,
    #[cfg(target_arch = "x86_64")]
    timer::alarm::ENTRY,
    timer::setitimer::ENTRY,
    timer::getitimer::ENTRY,
];
