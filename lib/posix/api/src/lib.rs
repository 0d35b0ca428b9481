//! What the Linux personality needs of a platform: the low half of the address space, safe copies
//! to and from it, and a way to start an application whose system calls come back to the kernel.
//!
//! Bound at link time like the platform (`docs/decisions/001-link-time-binding.md`). Every
//! address here comes from an application and is checked: a bad one is an error value.
#![no_std]

use core::ops::Range;

/// What an application may do with a mapping (`PROT_READ`, `PROT_WRITE`, `PROT_EXEC`).
/// A mapping that nobody may touch is `Prot::default()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prot {
    /// Loads are allowed.
    pub read: bool,
    /// Stores are allowed.
    pub write: bool,
    /// Instruction fetches are allowed.
    pub exec: bool,
}

impl Prot {
    /// Read only.
    pub const R: Self = Self { read: true, write: false, exec: false };
    /// Read and write.
    pub const RW: Self = Self { read: true, write: true, exec: false };
    /// Read and execute.
    pub const RX: Self = Self { read: true, write: false, exec: true };
}

/// Why a mapping could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// No memory for the pages or for the page tables (ENOMEM).
    NoMemory,
    /// Not page-aligned, empty, outside [`UserSpace::range`], or overlapping (EINVAL).
    Invalid,
}

/// An address that the application may not use that way (EFAULT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// The registers of a system call, in the order of Linux's x86-64 ABI.
#[derive(Clone, Copy, Debug)]
pub struct SyscallArgs {
    /// The number (rax).
    pub nr: usize,
    /// The arguments (rdi, rsi, rdx, r10, r8, r9).
    pub args: [usize; 6],
}

/// All registers of an application's thread at a system call or a fault, but for the vector state.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Registers {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The number of the system call, which rax loses to the result; -1 at a fault.
    pub orig_rax: u64,
    pub rip: u64,
    pub rflags: u64,
    pub rsp: u64,
}

impl Registers {
    /// The system call that these registers make.
    pub const fn call(&self) -> SyscallArgs {
        let args = [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9];
        let [a, b, c, d, e, f] = args;
        let args = [a as usize, b as usize, c as usize, d as usize, e as usize, f as usize];
        SyscallArgs { nr: self.orig_rax as usize, args }
    }
}

/// The application's half of the machine.
pub trait UserSpace {
    /// The addresses that an application may map, page-aligned.
    fn range() -> Range<usize>;

    /// Maps zero-filled memory at `addr..addr + len`. Nothing may be mapped there yet.
    fn map(addr: usize, len: usize, prot: Prot) -> Result<(), MapError>;

    /// Changes what may be done with `addr..addr + len`, which must all be mapped.
    fn protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError>;

    /// Unmaps `addr..addr + len`; pages that are not mapped are passed over.
    fn unmap(addr: usize, len: usize) -> Result<(), MapError>;

    /// Copies application memory into `into`. Nothing is promised about `into` after a fault.
    fn copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault>;

    /// Copies `from` into application memory. After a fault a part of it may have been written.
    fn copy_out(from: &[u8], to: usize) -> Result<(), Fault>;

    /// Sets the thread pointer (FS base); false if `base` is not a canonical user address.
    fn set_thread_pointer(base: usize) -> bool;

    /// The thread pointer.
    fn thread_pointer() -> usize;

    /// Features of this processor that the auxiliary vector tells (AT_HWCAP).
    fn hwcap() -> usize;

    /// Starts the application, in the current thread. `handler` is called for every system call of
    /// every thread with its registers, on the kernel stack of the thread; it may change any of
    /// them before the return.
    fn start(registers: &Registers, handler: fn(&mut Registers)) -> !;

    /// Enters the application in the current thread, a new one; [`start`](Self::start) has said
    /// who handles its system calls. The vector state is the initial one.
    fn resume(registers: &Registers) -> !;

    /// Writes the vector state of the application's current thread, as XSAVE does in the standard
    /// format (512 bytes as FXSAVE does on a processor without it): how many bytes it has. Nothing
    /// is written if `area` is shorter.
    fn save_vector_state(area: &mut [u8]) -> usize;

    /// Sets the vector state of the application's current thread from what
    /// [`save_vector_state`](Self::save_vector_state) wrote, or an application changed or invented;
    /// an area of 576 zero bytes is the initial state. False, and nothing changed, if the
    /// processor would fault on it.
    fn restore_vector_state(area: &[u8]) -> bool;
}

/// Binds the user space of this image. Say it once, in the composition root.
#[macro_export]
macro_rules! bind {
    ($user:ty) => {
        const _: () = {
            use $crate::{Fault, MapError, Prot, Registers, UserSpace as _};
            #[unsafe(no_mangle)]
            fn __unilith_user_range() -> core::ops::Range<usize> {
                <$user>::range()
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_map(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
                <$user>::map(addr, len, prot)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
                <$user>::protect(addr, len, prot)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_unmap(addr: usize, len: usize) -> Result<(), MapError> {
                <$user>::unmap(addr, len)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault> {
                <$user>::copy_in(from, into)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_copy_out(from: &[u8], to: usize) -> Result<(), Fault> {
                <$user>::copy_out(from, to)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_set_thread_pointer(base: usize) -> bool {
                <$user>::set_thread_pointer(base)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_thread_pointer() -> usize {
                <$user>::thread_pointer()
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_hwcap() -> usize {
                <$user>::hwcap()
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_start(registers: &Registers, handler: fn(&mut Registers)) -> ! {
                <$user>::start(registers, handler)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_resume(registers: &Registers) -> ! {
                <$user>::resume(registers)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_save_vector_state(area: &mut [u8]) -> usize {
                <$user>::save_vector_state(area)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_restore_vector_state(area: &[u8]) -> bool {
                <$user>::restore_vector_state(area)
            }
        };
    };
}

macro_rules! linked {
    ($($(#[$doc:meta])* $name:ident = $symbol:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)*) => {
        // SAFETY: the only definitions of these symbols are made by `bind!`, whose signatures
        // are checked against the trait `UserSpace`, as these are.
        unsafe extern "Rust" {
            $(safe fn $symbol($($arg: $ty),*) -> $ret;)*
        }
        $($(#[$doc])* #[inline] pub fn $name($($arg: $ty),*) -> $ret { $symbol($($arg),*) })*
    };
}

linked! {
    /// See [`UserSpace::range`].
    range = __unilith_user_range() -> Range<usize>;
    /// See [`UserSpace::map`].
    map = __unilith_user_map(addr: usize, len: usize, prot: Prot) -> Result<(), MapError>;
    /// See [`UserSpace::protect`].
    protect = __unilith_user_protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError>;
    /// See [`UserSpace::unmap`].
    unmap = __unilith_user_unmap(addr: usize, len: usize) -> Result<(), MapError>;
    /// See [`UserSpace::copy_in`].
    copy_in = __unilith_user_copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault>;
    /// See [`UserSpace::copy_out`].
    copy_out = __unilith_user_copy_out(from: &[u8], to: usize) -> Result<(), Fault>;
    /// See [`UserSpace::set_thread_pointer`].
    set_thread_pointer = __unilith_user_set_thread_pointer(base: usize) -> bool;
    /// See [`UserSpace::thread_pointer`].
    thread_pointer = __unilith_user_thread_pointer() -> usize;
    /// See [`UserSpace::hwcap`].
    hwcap = __unilith_user_hwcap() -> usize;
    /// See [`UserSpace::start`].
    start = __unilith_user_start(registers: &Registers, handler: fn(&mut Registers)) -> !;
    /// See [`UserSpace::resume`].
    resume = __unilith_user_resume(registers: &Registers) -> !;
    /// See [`UserSpace::save_vector_state`].
    save_vector_state = __unilith_user_save_vector_state(area: &mut [u8]) -> usize;
    /// See [`UserSpace::restore_vector_state`].
    restore_vector_state = __unilith_user_restore_vector_state(area: &[u8]) -> bool;
}
