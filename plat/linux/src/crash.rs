//! Signals that mean a crash: the report, and the end. The kernel's own and the application's.

use crate::{console, host, start, user};
use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use linux_raw_sys::general as abi;
use unilith_platform::{Event, Stream};
use unilith_posix_api::Access;
use unilith_x86_64::backtrace::{Interrupted, walk, walk_interrupted};

/// Exit status of a kernel that crashed: 128 + SIGABRT.
const CRASHED: u8 = 134;
/// Frames that a report shows at most.
const DEPTH: usize = 32;
/// The stack of signal handlers: system calls run on it too.
const STACK: usize = 256 * 1024;

#[repr(C, align(16))]
struct Stack(UnsafeCell<[u8; STACK]>);

// SAFETY: used as a stack only, by one thread.
unsafe impl Sync for Stack {}

static SIGNAL_STACK: Stack = Stack(UnsafeCell::new([0; STACK]));

/// The kernel's `struct sigaction`.
#[repr(C)]
struct Action {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

/// The kernel's `struct ucontext` up to the registers.
#[repr(C)]
pub struct Context {
    flags: u64,
    link: u64,
    stack: [u64; 3],
    /// r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags, ...
    pub registers: [u64; 23],
}

/// Positions in [`Context::registers`].
pub mod register {
    pub const R8: usize = 0;
    pub const R9: usize = 1;
    pub const R10: usize = 2;
    pub const RDI: usize = 8;
    pub const RSI: usize = 9;
    pub const RBP: usize = 10;
    pub const RDX: usize = 12;
    pub const RAX: usize = 13;
    pub const RSP: usize = 15;
    pub const RIP: usize = 16;
}

/// Ends a signal handler (sigreturn(2)).
#[unsafe(naked)]
extern "C" fn restorer() {
    naked_asm!("mov eax, {nr}", "syscall", nr = const abi::__NR_rt_sigreturn)
}

pub type Handler = extern "C" fn(u32, *const u8, *mut Context);

/// Has `handler` called for a signal, on the signal stack.
pub fn on_signal(signal: u32, handler: Handler) {
    const SA_RESTORER: u64 = 0x0400_0000;
    const MASK_BYTES: usize = 8;
    let action = Action {
        handler: handler as usize,
        flags: (abi::SA_SIGINFO | abi::SA_ONSTACK | abi::SA_NODEFER) as u64 | SA_RESTORER,
        restorer: restorer as *const () as usize,
        mask: 0,
    };
    // SAFETY: a valid action; the handlers keep to the signal stack.
    unsafe {
        host::call(
            abi::__NR_rt_sigaction,
            [signal as usize, (&raw const action) as usize, 0, MASK_BYTES, 0, 0],
        )
    };
}

/// Catches the signals of a crash.
pub fn catch() {
    let stack = [SIGNAL_STACK.0.get() as usize, 0, STACK];
    // SAFETY: `struct stack_t`: pointer, flags, size. The memory is the handlers' alone.
    unsafe { host::call(abi::__NR_sigaltstack, [(&raw const stack) as usize, 0, 0, 0, 0, 0]) };
    for signal in [abi::SIGSEGV, abi::SIGBUS, abi::SIGILL, abi::SIGFPE, abi::SIGTRAP] {
        on_signal(signal, on_crash);
    }
}

/// The stacks that frames may be on: the signal stack and the process's.
fn stack_of(at: usize) -> Range<usize> {
    let signal = SIGNAL_STACK.0.get() as usize;
    if (signal..signal + STACK).contains(&at) {
        return signal..signal + STACK;
    }
    // From the frame to the first stack pointer, all is mapped; Linux stacks grow to 8 MiB.
    const REACH: usize = 8 << 20;
    let top = start::given().map_or(0, |given| given.stack_top);
    if at < top && top - at < REACH { at..top } else { 0..0 }
}

/// The instructions of this image, and the constants before them.
fn text() -> Range<usize> {
    unsafe extern "C" {
        // Defined by the linker.
        static __executable_start: u8;
        static etext: u8;
    }
    (&raw const __executable_start) as usize..(&raw const etext) as usize
}

/// The return addresses from a frame outwards.
pub fn backtrace(rbp: usize, visit: &mut dyn FnMut(usize)) {
    // SAFETY: both stacks are mapped.
    unsafe { walk(rbp, stack_of(rbp), DEPTH, visit) };
}

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console::write(Stream::Err, text.as_bytes());
        Ok(())
    }
}

extern "C" fn on_crash(signal: u32, info: *const u8, context: *mut Context) {
    static CRASHING: AtomicBool = AtomicBool::new(false);
    /// The host's copy of the processor's error code is the register behind the flags, and two.
    const ERROR: usize = 19;
    const WRITE: u64 = 1 << 1;
    const FETCH: u64 = 1 << 4;
    // SAFETY: as below.
    let (error, at) =
        unsafe { ((*context).registers[ERROR], info.add(16).cast::<usize>().read_unaligned()) };
    let access = match error {
        error if error & FETCH != 0 => Access::Execute,
        error if error & WRITE != 0 => Access::Write,
        _ => Access::Read,
    };
    if signal == abi::SIGSEGV && user::resolve(at, access) {
        return;
    }
    if CRASHING.swap(true, Ordering::Relaxed) {
        host::exit(CRASHED);
    }
    // SAFETY: the kernel's structures for this signal; si_addr is 16 bytes into siginfo_t.
    let (registers, address) =
        unsafe { (&(*context).registers, info.add(16).cast::<usize>().read_unaligned()) };
    let at = |i: usize| registers[i] as usize;
    let (rip, rbp, rsp) = (at(register::RIP), at(register::RBP), at(register::RSP));
    let name = match signal {
        abi::SIGSEGV => "segmentation fault",
        abi::SIGBUS => "bus error",
        abi::SIGILL => "invalid opcode",
        abi::SIGFPE => "arithmetic error",
        _ => "breakpoint",
    };
    // A call of a null pointer leaves the range, but not the application's stack.
    let called_null = rip < user::RANGE.start && user::RANGE.contains(&rsp);
    let user = called_null || user::RANGE.contains(&rip);
    let who = if user { "application" } else { "kernel" };
    // Writing to this console cannot fail.
    let _ = writeln!(
        Console,
        "\n{who} crash: {name}, address {address:#x}\n  rip {rip:016x}  rsp {rsp:016x}  rbp {rbp:016x}  rax {:016x}",
        at(register::RAX)
    );
    if user {
        host::exit(128 + signal as u8);
    }
    let _ = Console.write_str("backtrace (return addresses):\n");
    let mut show = |pc: usize| {
        let _ = writeln!(Console, "  {pc:#x}");
        console::event(Event::Frame(pc));
    };
    // SAFETY: both stacks are mapped.
    unsafe {
        walk_interrupted(Interrupted { rip, rsp, rbp }, text(), stack_of(rsp), DEPTH, &mut show)
    };
    host::exit(CRASHED)
}
