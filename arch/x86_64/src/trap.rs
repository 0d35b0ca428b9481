//! Exceptions: entry stubs, the frame that they save, the handler that they call (SDM chapter 6).

use crate::interrupt::WAKE;
use crate::user;
use crate::vector::{load_xmm, save_xmm};
use core::arch::naked_asm;
use core::sync::atomic::{AtomicPtr, Ordering};

/// What an exception interrupted.
#[repr(C, align(16))]
#[derive(Clone, Debug)]
pub struct Frame {
    /// The vector registers.
    pub xmm: [u128; 16],
    reserved: u64,
    /// The address that a page fault was about (CR2).
    pub address: u64,
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
    if frame.vector == u64::from(WAKE) {
        return; // an application that has left its addresses, and will hear of it
    }
    let handler = HANDLER.load(Ordering::Relaxed);
    if !handler.is_null() {
        // SAFETY: only `set_handler` stores here, and it stores a function of this type.
        let handler: fn(&mut Frame) = unsafe { core::mem::transmute(handler) };
        handler(frame);
    }
}

/// Where an exception is handled: a stack pointer, and the function to call with it.
#[repr(C)]
struct Place {
    stack: usize,
    handler: usize,
}

/// Chooses where an exception is handled. The stack of the exceptions (IST) is everybody's: what
/// may take long, or wait, has to leave it. So an application's exception is handled like a
/// system call, at the top of its thread's kernel stack; the kernel's own, where it expects one
/// (`user::copy`), on the stack that it interrupted; any other ends in a report and stays.
extern "C" fn place(frame: &mut Frame) -> Place {
    /// Bytes below the stack pointer that the code may be using (System V ABI, 3.2.2).
    const RED_ZONE: usize = 128;
    if let Some(stack) = user::enter(frame) {
        return Place { stack, handler: user::on_exception as *const () as usize };
    }
    let handler = dispatch as *const () as usize;
    let here = core::ptr::from_mut(frame);
    if !user::is_copying(frame) {
        return Place { stack: here as usize, handler };
    }
    let there = (frame.rsp as usize - RED_ZONE - size_of::<Frame>()) & !15;
    // SAFETY: the kernel stack that `copy` ran on, below everything that is in use.
    unsafe { (there as *mut Frame).copy_from_nonoverlapping(here, 1) };
    Place { stack: there, handler }
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

/// Saves all registers and calls the handler where `place` says.
#[unsafe(naked)]
pub(crate) extern "C" fn common() {
    naked_asm!(
        "push rax", "push rbx", "push rcx", "push rdx", "push rsi", "push rdi", "push rbp",
        "push r8", "push r9", "push r10", "push r11", "push r12", "push r13", "push r14", "push r15",
        "mov rax, cr2",
        "push rax",
        "sub rsp, 8 + 256",
        save_xmm!(),
        "cld",
        "mov rdi, rsp",
        "call {place}",
        "mov rsp, rax",
        "mov rdi, rax",
        "call rdx",
        load_xmm!(),
        "add rsp, 256 + 16",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop r11", "pop r10", "pop r9", "pop r8",
        "pop rbp", "pop rdi", "pop rsi", "pop rdx", "pop rcx", "pop rbx", "pop rax",
        "add rsp, 16",
        "iretq",
        place = sym place,
    )
}
