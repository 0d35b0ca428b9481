//! Exceptions: entry stubs, the frame that they save, the handler that they call (SDM chapter 6).

use core::arch::naked_asm;
use core::sync::atomic::{AtomicPtr, Ordering};

/// What an exception interrupted.
#[repr(C)]
#[derive(Clone, Debug)]
pub struct Frame {
    /// General registers.
    pub r15: u64,
    #[allow(missing_docs)]
    pub r14: u64,
    #[allow(missing_docs)]
    pub r13: u64,
    #[allow(missing_docs)]
    pub r12: u64,
    #[allow(missing_docs)]
    pub r11: u64,
    #[allow(missing_docs)]
    pub r10: u64,
    #[allow(missing_docs)]
    pub r9: u64,
    #[allow(missing_docs)]
    pub r8: u64,
    #[allow(missing_docs)]
    pub rbp: u64,
    #[allow(missing_docs)]
    pub rdi: u64,
    #[allow(missing_docs)]
    pub rsi: u64,
    #[allow(missing_docs)]
    pub rdx: u64,
    #[allow(missing_docs)]
    pub rcx: u64,
    #[allow(missing_docs)]
    pub rbx: u64,
    #[allow(missing_docs)]
    pub rax: u64,
    /// Which exception.
    pub vector: u64,
    /// The error code, 0 for exceptions that have none.
    pub error: u64,
    /// Where it happened.
    pub rip: u64,
    /// The code segment.
    pub cs: u64,
    /// The flags.
    pub rflags: u64,
    /// The stack pointer.
    pub rsp: u64,
    /// The stack segment.
    pub ss: u64,
}

/// Page fault.
pub const PAGE_FAULT: u64 = 14;
/// Page fault error code: the page was present, its protection forbade the access.
pub const PF_PRESENT: u64 = 1 << 0;
/// Page fault error code: a store.
pub const PF_WRITE: u64 = 1 << 1;
/// Page fault error code: an instruction fetch.
pub const PF_FETCH: u64 = 1 << 4;

/// The names of the exceptions (SDM table 6-1).
pub fn name(vector: u64) -> &'static str {
    match vector {
        0 => "divide error",
        1 => "debug exception",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        4 => "overflow",
        5 => "bound range exceeded",
        6 => "invalid opcode",
        7 => "device not available",
        8 => "double fault",
        10 => "invalid TSS",
        11 => "segment not present",
        12 => "stack-segment fault",
        13 => "general protection fault",
        14 => "page fault",
        16 => "x87 floating-point error",
        17 => "alignment check",
        18 => "machine check",
        19 => "SIMD floating-point exception",
        20 => "virtualization exception",
        21 => "control protection exception",
        _ => "reserved exception",
    }
}

static HANDLER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

pub(crate) fn set_handler(handler: fn(&mut Frame)) {
    HANDLER.store(handler as *mut (), Ordering::Relaxed);
}

/// Bytes from one entry stub to the next.
const STUB: usize = 16;

/// The address of a vector's entry stub.
pub(crate) fn stub(vector: usize) -> usize {
    stubs as *const () as usize + vector * STUB
}

extern "C" fn dispatch(frame: &mut Frame) {
    let handler = HANDLER.load(Ordering::Relaxed);
    if !handler.is_null() {
        // SAFETY: only `set_handler` stores here, and it stores a function of this type.
        let handler: fn(&mut Frame) = unsafe { core::mem::transmute(handler) };
        handler(frame);
    }
}

/// One stub per vector, [`STUB`] bytes apart: makes the stack look alike for all of them.
#[unsafe(naked)]
extern "C" fn stubs() {
    naked_asm!(
        ".set vector, 0",
        ".rept 32",
        ".balign 16",
        // Vectors 8, 10-14, 17, 21, 29 and 30 push an error code themselves.
        ".if ((1 << vector) & 0x60227d00) == 0",
        "push 0",
        ".endif",
        "push vector",
        "jmp {common}",
        ".set vector, vector + 1",
        ".endr",
        common = sym common,
    )
}

/// Saves the registers and calls the handler. The vector registers are not saved: a handler
/// returns only to code that expects to lose them (`user::copy`).
#[unsafe(naked)]
extern "C" fn common() {
    naked_asm!(
        "push rax", "push rbx", "push rcx", "push rdx", "push rsi", "push rdi", "push rbp",
        "push r8", "push r9", "push r10", "push r11", "push r12", "push r13", "push r14", "push r15",
        "cld",
        "mov rdi, rsp",
        "mov rbp, rsp",
        "and rsp, -16",
        "call {dispatch}",
        "mov rsp, rbp",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop r11", "pop r10", "pop r9", "pop r8",
        "pop rbp", "pop rdi", "pop rsi", "pop rdx", "pop rcx", "pop rbx", "pop rax",
        "add rsp, 16",
        "iretq",
        dispatch = sym dispatch,
    )
}
