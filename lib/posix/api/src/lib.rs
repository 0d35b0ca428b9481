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

#[cfg(target_arch = "x86_64")]
pub use unilith_x86_64::user::{Registers, USER_FLAGS};

/// What an instruction tried to do with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// An exception that an application caused, and that its memory does not explain away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// It may not touch this address that way.
    Memory(usize, Access),
    /// Division by zero, or a quotient that does not fit.
    Divide,
    /// An exception of x87 or SSE.
    Float,
    /// An instruction that does not exist.
    Opcode,
    /// A breakpoint instruction.
    Breakpoint,
    /// A single step or a hardware breakpoint.
    Debug,
    /// A misaligned access, where that is checked.
    Alignment,
    /// Anything else that is forbidden (#GP and its kin).
    Protection,
}

/// What happens to an application's events. Lists are asked in order.
#[derive(Clone, Copy, Debug)]
pub struct Handlers {
    /// A system call: the value for its result register.
    pub syscall: fn(&SyscallArgs) -> isize,
    /// The application is about to go on after a system call, an interrupt or an exception: its
    /// registers may be changed.
    pub leave: &'static [fn(&mut Registers)],
    /// It touched memory that is not mapped, or not that way; also on its behalf by
    /// [`copy_in`](UserSpace::copy_in) and [`copy_out`](UserSpace::copy_out). True: try again.
    pub page: &'static [fn(usize, Access) -> bool],
    /// An exception: true if it may go on, with the registers as they are then. If nobody says
    /// so the image ends with a report.
    pub trap: &'static [fn(&mut Registers, Trap) -> bool],
    /// A timer or a device has interrupted it while it computed
    /// ([`Platform::alarm`](unilith_platform::Platform::alarm)).
    pub tick: &'static [fn()],
}

/// What the processor holds of a thread's application side, while another thread runs.
#[derive(Debug, Default)]
pub struct ThreadState {
    /// It has entered the application; until then nothing needs to be kept.
    pub entered: bool,
    /// The thread pointer.
    pub thread_pointer: usize,
    /// The end of its kernel stack.
    pub stack_end: usize,
    /// Memory for the vector registers, of the platform's own kind.
    pub vector: Option<core::ptr::NonNull<u8>>,
}

// SAFETY: the memory belongs to this object alone.
unsafe impl Send for ThreadState {}

/// The application's half of the machine.
pub trait UserSpace {
    /// The addresses that an application may map, page-aligned.
    fn range() -> Range<usize>;

    /// Maps one page of memory at `addr` with the bytes that `fill` leaves in it, which are zero at
    /// first. [`MapError::Invalid`] if something is mapped there. `fill` must not wait.
    fn map(addr: usize, prot: Prot, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), MapError>;

    /// Maps `page`, a page of memory that never changes, at `addr` as it is;
    /// [`MapError::Invalid`] if something is mapped there. A store to it is a page fault, whatever `prot` and [`protect`](Self::protect)
    /// say: see [`make_own`](Self::make_own). False, and nothing is mapped, if this platform
    /// cannot do that with this page.
    fn map_in_place(addr: usize, prot: Prot, page: &'static [u8]) -> Result<bool, MapError> {
        let _ = (addr, prot, page);
        Ok(false)
    }

    /// If the page at `addr` was mapped in place, puts a copy of it there instead, of which
    /// everything in `prot` may be done. False if it was not.
    fn make_own(addr: usize, prot: Prot) -> Result<bool, MapError> {
        let _ = (addr, prot);
        Ok(false)
    }

    /// Changes what may be done with the pages that are mapped in `addr..addr + len`.
    fn protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError>;

    /// Unmaps the pages that are mapped in `addr..addr + len`.
    fn unmap(addr: usize, len: usize) -> Result<(), MapError>;

    /// Moves the pages that are mapped in `from..from + len` to `to`, where nothing is mapped; the
    /// two do not overlap. What can be done with them stays.
    fn relocate(from: usize, to: usize, len: usize) -> Result<(), MapError>;

    /// Whether a page is mapped at `addr`, whatever may be done with it.
    fn is_mapped(addr: usize) -> bool;

    /// How many pages are mapped in `addr..addr + len`.
    fn resident(addr: usize, len: usize) -> usize;

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

    /// Has the application's events handled so. Called once, before the first
    /// [`enter`](Self::enter).
    fn prepare(handlers: &'static Handlers);

    /// Lets the current thread run the application with these registers: for the first time, or
    /// after exec. Its kernel stack is free from then on.
    fn enter(registers: &Registers) -> !;

    /// The registers of the system call that the current thread is in. The result register has
    /// no meaning yet.
    fn registers() -> Registers;

    /// Replaces them. The call's result still goes into the result register.
    fn set_registers(registers: &Registers);

    /// Bytes that [`save_vectors`](Self::save_vectors) writes, in the format of XSAVE.
    fn vectors_len() -> usize;

    /// Writes the current thread's x87 and vector registers, as they are with `registers`, into
    /// `area`; false if it is too small.
    fn save_vectors(registers: &Registers, area: &mut [u8]) -> bool;

    /// Takes the x87 and vector registers from `area`, which may hold anything.
    fn load_vectors(registers: &mut Registers, area: &[u8]) -> bool;

    /// Makes room for the state of a thread whose kernel stack ends at `stack_end` (0 for the
    /// current thread). `None` if there is no memory, or the platform has one thread only.
    fn new_thread(stack_end: usize) -> Option<ThreadState>;

    /// The processor goes from one thread to another.
    fn switch_thread(from: &mut ThreadState, to: &mut ThreadState);

    /// The thread has ended.
    fn drop_thread(state: ThreadState);
}

/// Binds the user space of this image. Say it once, in the composition root.
#[macro_export]
macro_rules! bind {
    ($user:ty) => {
        const _: () = {
            use $crate::{Fault, Handlers, MapError, Prot, Registers, ThreadState, UserSpace as _};
            #[unsafe(no_mangle)]
            fn __unilith_user_range() -> core::ops::Range<usize> {
                <$user>::range()
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_map(
                addr: usize,
                prot: Prot,
                fill: &mut dyn FnMut(&mut [u8]),
            ) -> Result<(), MapError> {
                <$user>::map(addr, prot, fill)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_map_in_place(
                addr: usize,
                prot: Prot,
                page: &'static [u8],
            ) -> Result<bool, MapError> {
                <$user>::map_in_place(addr, prot, page)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_make_own(addr: usize, prot: Prot) -> Result<bool, MapError> {
                <$user>::make_own(addr, prot)
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
            fn __unilith_user_relocate(from: usize, to: usize, len: usize) -> Result<(), MapError> {
                <$user>::relocate(from, to, len)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_is_mapped(addr: usize) -> bool {
                <$user>::is_mapped(addr)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_resident(addr: usize, len: usize) -> usize {
                <$user>::resident(addr, len)
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
            fn __unilith_user_prepare(handlers: &'static Handlers) {
                <$user>::prepare(handlers)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_enter(registers: &Registers) -> ! {
                <$user>::enter(registers)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_registers() -> Registers {
                <$user>::registers()
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_set_registers(registers: &Registers) {
                <$user>::set_registers(registers)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_vectors_len() -> usize {
                <$user>::vectors_len()
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_save_vectors(registers: &Registers, area: &mut [u8]) -> bool {
                <$user>::save_vectors(registers, area)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_load_vectors(registers: &mut Registers, area: &[u8]) -> bool {
                <$user>::load_vectors(registers, area)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_new_thread(stack_end: usize) -> Option<ThreadState> {
                <$user>::new_thread(stack_end)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_switch_thread(from: &mut ThreadState, to: &mut ThreadState) {
                <$user>::switch_thread(from, to)
            }
            #[unsafe(no_mangle)]
            fn __unilith_user_drop_thread(state: ThreadState) {
                <$user>::drop_thread(state)
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
    map = __unilith_user_map(addr: usize, prot: Prot, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), MapError>;
    /// See [`UserSpace::map_in_place`].
    map_in_place = __unilith_user_map_in_place(addr: usize, prot: Prot, page: &'static [u8]) -> Result<bool, MapError>;
    /// See [`UserSpace::make_own`].
    make_own = __unilith_user_make_own(addr: usize, prot: Prot) -> Result<bool, MapError>;
    /// See [`UserSpace::protect`].
    protect = __unilith_user_protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError>;
    /// See [`UserSpace::unmap`].
    unmap = __unilith_user_unmap(addr: usize, len: usize) -> Result<(), MapError>;
    /// See [`UserSpace::relocate`].
    relocate = __unilith_user_relocate(from: usize, to: usize, len: usize) -> Result<(), MapError>;
    /// See [`UserSpace::is_mapped`].
    is_mapped = __unilith_user_is_mapped(addr: usize) -> bool;
    /// See [`UserSpace::resident`].
    resident = __unilith_user_resident(addr: usize, len: usize) -> usize;
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
    /// See [`UserSpace::prepare`].
    prepare = __unilith_user_prepare(handlers: &'static Handlers) -> ();
    /// See [`UserSpace::enter`].
    enter = __unilith_user_enter(registers: &Registers) -> !;
    /// See [`UserSpace::registers`].
    registers = __unilith_user_registers() -> Registers;
    /// See [`UserSpace::set_registers`].
    set_registers = __unilith_user_set_registers(registers: &Registers) -> ();
    /// See [`UserSpace::vectors_len`].
    vectors_len = __unilith_user_vectors_len() -> usize;
    /// See [`UserSpace::save_vectors`].
    save_vectors = __unilith_user_save_vectors(registers: &Registers, area: &mut [u8]) -> bool;
    /// See [`UserSpace::load_vectors`].
    load_vectors = __unilith_user_load_vectors(registers: &mut Registers, area: &[u8]) -> bool;
    /// See [`UserSpace::new_thread`].
    new_thread = __unilith_user_new_thread(stack_end: usize) -> Option<ThreadState>;
    /// See [`UserSpace::switch_thread`].
    switch_thread = __unilith_user_switch_thread(from: &mut ThreadState, to: &mut ThreadState) -> ();
    /// See [`UserSpace::drop_thread`].
    drop_thread = __unilith_user_drop_thread(state: ThreadState) -> ();
}
