//! The border between kernel and application: both run in ring 0, but an application's pointers
//! may be bad, and its system calls arrive through the `syscall` instruction.

use crate::cpu;
use crate::tables::CODE;
use crate::trap::{Frame, PAGE_FAULT};
use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicPtr, Ordering};

/// Copies `len` bytes; false if a page on either side could not be accessed. A part may have
/// been copied by then.
///
/// # Safety
/// Whichever side is the kernel's is valid for `len` bytes; the other is an application's
/// address range, about which nothing is promised but that it is not the kernel's.
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) -> bool {
    let failed: usize;
    // SAFETY: a fault inside `copy_bytes` resumes at `copy_fault` (see `fix_up`). The vector
    // registers are declared lost because the fault handler does not save them.
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

/// If `frame` is a fault of [`copy`] on an application's address, makes the copy fail and says
/// true: return to it.
pub fn fix_up(frame: &mut Frame) -> bool {
    const GENERAL_PROTECTION: u64 = 13; // a non-canonical address
    let start = copy_bytes as *const () as u64;
    // The code of `copy_bytes` is 20 bytes; it is followed by other functions.
    let inside = (start..start + 20).contains(&frame.rip);
    if inside && (frame.vector == PAGE_FAULT || frame.vector == GENERAL_PROTECTION) {
        frame.rip = copy_fault as *const () as u64;
        return true;
    }
    false
}

/// The registers of a system call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Syscall {
    /// The number (rax).
    pub nr: usize,
    /// The arguments: rdi, rsi, rdx, r10, r8, r9.
    pub args: [usize; 6],
}

/// This processor's data, at GS.
#[repr(C)]
struct PerCpu {
    kernel_stack: usize,
    user_stack: usize,
}

struct Boot(UnsafeCell<PerCpu>);

// SAFETY: written by `start` before GS points to it, then only by this processor's entry code.
unsafe impl Sync for Boot {}

static BOOT_CPU: Boot = Boot(UnsafeCell::new(PerCpu { kernel_stack: 0, user_stack: 0 }));

static HANDLER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

extern "C" fn dispatch(call: &Syscall) -> isize {
    // SAFETY: `start` stores a function of this type before any application runs.
    let handler: fn(&Syscall) -> isize =
        unsafe { core::mem::transmute(HANDLER.load(Ordering::Relaxed)) };
    handler(call)
}

/// Target of `syscall`. Linux's contract: all registers but rax, rcx and r11 survive, vector
/// registers and flags included. The kernel is compiled for SSE2, so saving xmm0-15 suffices;
/// the callee-saved general registers are the compiler's business.
#[unsafe(naked)]
extern "C" fn entry() {
    naked_asm!(
        "mov gs:[8], rsp",
        "mov rsp, gs:[0]",
        "push gs:[8]",
        "push rcx",
        "push r11",
        "push r9", "push r8", "push r10", "push rdx", "push rsi", "push rdi", "push rax",
        // The kernel stack is aligned to 16; ten words and 16 vectors keep it so.
        "mov rdi, rsp",
        "sub rsp, 256",
        "movaps [rsp], xmm0", "movaps [rsp + 16], xmm1", "movaps [rsp + 32], xmm2", "movaps [rsp + 48], xmm3",
        "movaps [rsp + 64], xmm4", "movaps [rsp + 80], xmm5", "movaps [rsp + 96], xmm6", "movaps [rsp + 112], xmm7",
        "movaps [rsp + 128], xmm8", "movaps [rsp + 144], xmm9", "movaps [rsp + 160], xmm10", "movaps [rsp + 176], xmm11",
        "movaps [rsp + 192], xmm12", "movaps [rsp + 208], xmm13", "movaps [rsp + 224], xmm14", "movaps [rsp + 240], xmm15",
        "call {dispatch}",
        "movaps xmm0, [rsp]", "movaps xmm1, [rsp + 16]", "movaps xmm2, [rsp + 32]", "movaps xmm3, [rsp + 48]",
        "movaps xmm4, [rsp + 64]", "movaps xmm5, [rsp + 80]", "movaps xmm6, [rsp + 96]", "movaps xmm7, [rsp + 112]",
        "movaps xmm8, [rsp + 128]", "movaps xmm9, [rsp + 144]", "movaps xmm10, [rsp + 160]", "movaps xmm11, [rsp + 176]",
        "movaps xmm12, [rsp + 192]", "movaps xmm13, [rsp + 208]", "movaps xmm14, [rsp + 224]", "movaps xmm15, [rsp + 240]",
        "add rsp, 264",
        "pop rdi", "pop rsi", "pop rdx", "pop r10", "pop r8", "pop r9",
        "popfq",
        "pop rcx",
        "pop rsp",
        "jmp rcx",
        dispatch = sym dispatch,
    )
}

/// Starts an application: from now on `syscall` calls `handler` on the stack that ends at
/// `kernel_stack`.
///
/// # Safety
/// Runs in ring 0 once. `kernel_stack` is the 16-byte aligned end of a stack that nobody uses
/// any more, the caller's own included.
pub unsafe fn start(
    entry_point: usize,
    stack: usize,
    kernel_stack: usize,
    handler: fn(&Syscall) -> isize,
) -> ! {
    // Cleared at entry: TF, IF, DF, NT, AC (SDM chapter 5.8.8).
    const CLEARED: u64 = 1 << 8 | 1 << 9 | 1 << 10 | 1 << 14 | 1 << 18;
    const SYSCALL_ENABLE: u64 = 1;
    HANDLER.store(handler as *mut (), Ordering::Relaxed);
    // SAFETY: GS points to this processor's data from here on, and the entry code is the only user
    // of both. The application runs in ring 0, so a jump is all that it takes to start it.
    unsafe {
        (*BOOT_CPU.0.get()).kernel_stack = kernel_stack;
        cpu::write_msr(cpu::GS_BASE, BOOT_CPU.0.get() as u64);
        cpu::write_msr(cpu::STAR, u64::from(CODE) << 32);
        cpu::write_msr(cpu::LSTAR, entry as *const () as u64);
        cpu::write_msr(cpu::FMASK, CLEARED);
        cpu::write_msr(cpu::EFER, cpu::read_msr(cpu::EFER) | SYSCALL_ENABLE);
        cpu::enable_vector_state();
        asm!(
            "mov rsp, {stack}",
            "push 2", // flags: nothing but the bit that is always one
            "popfq",
            "xor ebx, ebx", "xor ecx, ecx", "xor edx, edx", "xor esi, esi", "xor edi, edi",
            "xor ebp, ebp", "xor r8d, r8d", "xor r9d, r9d", "xor r10d, r10d", "xor r11d, r11d",
            "xor r12d, r12d", "xor r13d, r13d", "xor r14d, r14d", "xor r15d, r15d",
            "jmp rax",
            stack = in(reg) stack,
            in("rax") entry_point,
            options(noreturn)
        )
    }
}
