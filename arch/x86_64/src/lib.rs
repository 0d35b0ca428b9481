//! The x86-64 processor as the layers above see it: registers, descriptor tables, traps, page
//! tables, and the border between kernel and application.
//!
//! Knows nothing of any platform or policy. Section numbers refer to the *Intel 64 and IA-32
//! Architectures Software Developer's Manual* (SDM), volume 3A unless said otherwise.
#![cfg(target_arch = "x86_64")]
#![no_std]

pub mod apic;
pub mod backtrace;
pub mod context;
pub mod cpu;
pub mod interrupt;
pub mod ioapic;
pub mod paging;
pub mod pci;
pub mod pic;
pub mod port;
pub mod tables;
pub mod trap;
pub mod user;
pub mod vdso;
pub mod vector;
