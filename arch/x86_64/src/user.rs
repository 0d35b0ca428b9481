//! The border between kernel and application: both run in ring 0, but an application's pointers
//! may be bad, its system calls arrive through the `syscall` instruction, and its exceptions are
//! handled on the same stack in the same way.

use crate::tables::CODE;
use crate::trap::{Frame, PAGE_FAULT};
use crate::vector::{load_xmm, save_xmm};
use crate::{cpu, vector};
use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Copies `len` bytes; false if a page on either side could not be accessed. A part may have
/// been copied by then.
///
/// # Safety
/// Whichever side is the kernel's is valid for `len` bytes; the other is an application's
/// address range, about which nothing is promised but that it is not the kernel's.
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) -> bool {
    let failed: usize;
    // SAFETY: a fault inside `copy_bytes` that nobody resolves resumes at `copy_fault` (see
    // `fix_up`).
    unsafe {
        asm!(
            "call {}",
            sym copy_bytes,
            inout("rdi") to => _, inout("rsi") from => _, inout("rdx") len => _,
            lateout("rax") failed,
            clobber_abi("C"),
        );
    }
    failed == 0
}

/// The only kernel code that may fault on an application's address.
#[unsafe(naked)]
extern "C" fn copy_bytes() {
    naked_asm!(
        "mov rcx, rdx",
        "shr rcx, 3",
        "rep movsq",
        "mov ecx, edx",
        "and ecx, 7",
        "rep movsb",
        "xor eax, eax",
        "ret",
    )
}

/// Where [`copy_bytes`] goes on after a fault: it has pushed nothing.
#[unsafe(naked)]
extern "C" fn copy_fault() {
    naked_asm!("mov eax, 1", "ret")
}

/// Whether `frame` is an exception of [`copy`] on an application's address.
pub fn is_copying(frame: &Frame) -> bool {
    const GENERAL_PROTECTION: u64 = 13; // a non-canonical address
    let start = copy_bytes as *const () as u64;
    // The code of `copy_bytes` is 20 bytes; it is followed by other functions.
    let inside = (start..start + 20).contains(&frame.rip);
    inside && (frame.vector == PAGE_FAULT || frame.vector == GENERAL_PROTECTION)
}

/// If `frame` is an exception of [`copy`] on an application's address, makes the copy fail and
/// says true: return to it.
pub fn fix_up(frame: &mut Frame) -> bool {
    let copying = is_copying(frame);
    if copying {
        frame.rip = copy_fault as *const () as u64;
    }
    copying
}

/// All registers of an application's thread at a system call or an exception. General registers
/// have the processor's names.
#[repr(C, align(16))]
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Registers {
    pub xmm: [u128; 16],
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
    /// The number of the system call; all ones at an exception.
    pub orig_rax: u64,
    pub rip: u64,
    pub rflags: u64,
    pub rsp: u64,
    #[doc(hidden)]
    pub reserved: u64,
}

/// The interrupt flag.
pub const INTERRUPT_FLAG: u64 = 1 << 9;

/// The flags that an application may set: status flags, DF, AC and ID (SDM volume 1, 3.4.3).
pub const USER_FLAGS: u64 = 0x24_0cd5;

/// An exception of an application: its registers lie where those of a system call lie, at the top
/// of the thread's kernel stack.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Exception {
    /// Which.
    pub vector: u64,
    /// The error code, 0 for exceptions that have none.
    pub error: u64,
    /// The address that a page fault was about.
    pub address: u64,
    reserved: u64,
    /// The registers, which the handler may change.
    pub registers: Registers,
}

/// This processor's data, at GS.
#[repr(C)]
struct PerCpu {
    /// The end of the current thread's kernel stack.
    kernel_stack: usize,
    /// Scratch of the entry code.
    user_stack: usize,
    /// Scratch of the return code.
    user_rip: usize,
}

struct Boot(UnsafeCell<PerCpu>);

// SAFETY: written before GS points to it, then only by this processor.
unsafe impl Sync for Boot {}

static BOOT_CPU: Boot =
    Boot(UnsafeCell::new(PerCpu { kernel_stack: 0, user_stack: 0, user_rip: 0 }));

/// The addresses that are an application's, as the platform has it; empty before the start.
static RANGE: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
static SYSCALL: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
static EXCEPTION: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// What is called for an application.
#[derive(Clone, Copy, Debug)]
pub struct Handlers {
    /// A system call.
    pub syscall: extern "C" fn(*mut Registers),
    /// An exception.
    pub exception: fn(&mut Exception),
    /// Where its instructions may be.
    pub range: (u64, u64),
}

/// If an application's instruction caused the exception, moves it to the top of the thread's
/// kernel stack, as an [`Exception`]: its address.
pub(crate) fn enter(frame: &Frame) -> Option<usize> {
    let [start, end] = [0, 1].map(|i: usize| RANGE[i].load(Ordering::Relaxed));
    // A call of a null pointer leaves the range, but not the application's stack.
    let called_null = frame.rip < start && (start..end).contains(&frame.rsp);
    if !(start..end).contains(&frame.rip) && !called_null {
        return None;
    }
    let exception = Exception {
        vector: frame.vector,
        error: frame.error,
        address: frame.address,
        reserved: 0,
        registers: Registers {
            xmm: frame.xmm,
            r15: frame.r15,
            r14: frame.r14,
            r13: frame.r13,
            r12: frame.r12,
            rbp: frame.rbp,
            rbx: frame.rbx,
            r11: frame.r11,
            r10: frame.r10,
            r9: frame.r9,
            r8: frame.r8,
            rax: frame.rax,
            rcx: frame.rcx,
            rdx: frame.rdx,
            rsi: frame.rsi,
            rdi: frame.rdi,
            orig_rax: u64::MAX,
            rip: frame.rip,
            rflags: frame.rflags,
            rsp: frame.rsp,
            reserved: 0,
        },
    };
    // SAFETY: while an application runs, nothing is on its thread's kernel stack.
    unsafe {
        let place = ((*BOOT_CPU.0.get()).kernel_stack - size_of::<Exception>()) as *mut Exception;
        place.write(exception);
        Some(place as usize)
    }
}

/// Handles an exception that [`enter`] moved here, and goes back.
pub(crate) extern "C" fn on_exception(exception: *mut Exception) -> ! {
    // SAFETY: `start` stores a function of this type; the exception is on this stack, and no other
    // reference to it exists.
    unsafe {
        let handler: fn(&mut Exception) = core::mem::transmute(EXCEPTION.load(Ordering::Relaxed));
        handler(&mut *exception);
        resume(&(*exception).registers)
    }
}

/// The registers of the system call or exception that the current thread is in.
///
/// # Safety
/// It is in one.
pub unsafe fn registers() -> *mut Registers {
    // SAFETY: both entries put them right below the end of the kernel stack.
    unsafe { ((*BOOT_CPU.0.get()).kernel_stack - size_of::<Registers>()) as *mut Registers }
}

/// The kernel stack of the thread that runs next ends at `end`.
///
/// # Safety
/// It is a 16-byte aligned end of that thread's stack; nothing above the part in use is in use when
/// the application runs.
pub unsafe fn set_kernel_stack(end: usize) {
    // SAFETY: this processor's data, which only its entry code reads.
    unsafe { (*BOOT_CPU.0.get()).kernel_stack = end };
}

/// The end of the current thread's kernel stack.
pub fn kernel_stack() -> usize {
    // SAFETY: this processor's data, written by this processor.
    unsafe { (*BOOT_CPU.0.get()).kernel_stack }
}

extern "C" fn dispatch(registers: *mut Registers) {
    // SAFETY: `start` stores a function of this type before any application runs.
    let handler: extern "C" fn(*mut Registers) =
        unsafe { core::mem::transmute(SYSCALL.load(Ordering::Relaxed)) };
    handler(registers);
}

/// Target of `syscall`: makes [`Registers`] and calls the handler. Linux's contract is that all
/// registers but rax, rcx and r11 survive, vector registers and flags included. The kernel is
/// compiled for SSE2, so of the vector registers it changes xmm0-15 only.
#[unsafe(naked)]
extern "C" fn entry() {
    naked_asm!(
        "mov gs:[8], rsp",
        "mov rsp, gs:[0]",
        "push 0",
        "push gs:[8]",
        "push r11",
        "push rcx",
        "push rax",
        "push rdi", "push rsi", "push rdx", "push rcx", "push rax", "push r8", "push r9", "push r10",
        "push r11", "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "sub rsp, 256",
        save_xmm!(),
        "mov rdi, rsp",
        "call {dispatch}",
        "mov rdi, rsp",
        "jmp {resume}",
        dispatch = sym dispatch,
        resume = sym resume,
    )
}

/// Lets the application go on with these registers.
///
/// # Safety
/// They are an application's, with flags among [`USER_FLAGS`], and lie on the current thread's
/// kernel stack, of which nothing else is in use any more.
#[unsafe(naked)]
pub unsafe extern "C" fn resume(registers: *const Registers) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        load_xmm!(),
        "add rsp, 256",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rax",
        "pop rcx",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "add rsp, 8",
        "pop gs:[16]",
        "popfq",
        // From here on an interrupt may come: `interrupt::stop` knows these two places.
        ".globl unilith_resume_stack",
        ".hidden unilith_resume_stack",
        "unilith_resume_stack:",
        "pop rsp",
        ".globl unilith_resume_jump",
        ".hidden unilith_resume_jump",
        "unilith_resume_jump:",
        "jmp gs:[16]",
    )
}

/// Has an application's system calls and exceptions call `handlers`, on the stack that ends at
/// `kernel_stack`. [`resume`] starts it.
///
/// # Safety
/// Runs in ring 0 once. `kernel_stack` is the 16-byte aligned end of the current thread's stack.
pub unsafe fn start(kernel_stack: usize, handlers: Handlers) {
    // Cleared at entry: TF, IF, DF, NT, AC (SDM chapter 5.8.8).
    const CLEARED: u64 = 1 << 8 | 1 << 9 | 1 << 10 | 1 << 14 | 1 << 18;
    const SYSCALL_ENABLE: u64 = 1;
    SYSCALL.store(handlers.syscall as *mut (), Ordering::Relaxed);
    EXCEPTION.store(handlers.exception as *mut (), Ordering::Relaxed);
    // SAFETY: GS points to this processor's data from here on, and the entry code is the only user
    // of both.
    unsafe {
        set_kernel_stack(kernel_stack);
        cpu::write_msr(cpu::GS_BASE, BOOT_CPU.0.get() as u64);
        cpu::write_msr(cpu::STAR, u64::from(CODE) << 32);
        cpu::write_msr(cpu::LSTAR, entry as *const () as u64);
        cpu::write_msr(cpu::FMASK, CLEARED);
        cpu::write_msr(cpu::EFER, cpu::read_msr(cpu::EFER) | SYSCALL_ENABLE);
        vector::enable();
    }
    RANGE[0].store(handlers.range.0, Ordering::Relaxed);
    RANGE[1].store(handlers.range.1, Ordering::Relaxed);
}
