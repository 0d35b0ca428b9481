//! Linux's application binary interface, without its implementation.
//!
//! The families of system calls (files, memory, processes, time) are crates that do not know each
//! other more than they must; what they share stands here: error numbers ([`Errno`]), arguments
//! as they arrive in registers ([`Fd`], [`UserPtr`]), the layout of structures ([`encode!`],
//! [`decode!`]), and the way in which a system call is declared ([`syscall!`]). Numbers and
//! layouts come from the kernel's own headers, by way of `linux-raw-sys`.
//!
//! An application's memory is never a Rust reference: it is copied in and out through
//! `unilith-posix-api`, and an address that is not the application's is EFAULT.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod argument;
mod errno;
mod layout;
mod syscall;
mod user;

pub use argument::{Fd, FromRegister};
pub use errno::Errno;
pub use layout::{Scalar, get_field, put_field};
pub use syscall::{Entry, Outcome};
pub use unilith_posix_api::SyscallArgs;
pub use user::{IOV_MAX, IoVec, PATH_MAX, UserPtr, buffer};

/// The kernel's constants and structures.
pub use linux_raw_sys as raw;

/// The result of a system call.
pub type Result<T> = core::result::Result<T, Errno>;
