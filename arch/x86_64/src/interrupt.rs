//! Interrupts: one ends a halt and does nothing else (`docs/decisions/003-interrupts-end-halts.md`).
//!
//! The kernel enables them during [`wait`] only. Where a scheduler preempts, they also stop an
//! application that computes ([`stop_applications`], `docs/decisions/008-preemption.md`). The stubs
//! keep all registers and use a stack of their own: an application in ring 0 may set the interrupt
//! flag by itself, where its red zone and registers are in use.

use crate::apic::{self, LocalApic};
use crate::tables::{self, Hardware};
use crate::trap;
use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The vector of what ends a halt: devices, messages.
pub const WAKE: u8 = 32;
/// The vector of the local APIC's timer, which ends a halt, too.
pub const TIMER: u8 = 33;
/// The vector that the local APIC delivers when an interrupt went away again. Its low four bits
/// are ones, as old processors demand (SDM 10.9).
pub const SPURIOUS: u8 = 47;

/// IST 3: the stubs push 64 bytes; an exception meanwhile uses IST 1 or 2.
const STACK: usize = 256;
const IST: usize = 3;

#[repr(C, align(16))]
struct Stack([u8; STACK]);

static INTERRUPT_STACK: Hardware<Stack> = Hardware::new(UnsafeCell::new(Stack([0; STACK])));

/// Address of the local APIC's EOI register; 0: it is a model-specific register.
static EOI: AtomicUsize = AtomicUsize::new(0);

/// The timer has interrupted.
static FIRED: AtomicBool = AtomicBool::new(false);

/// Whether the timer has interrupted since the last call.
pub fn has_timer_fired() -> bool {
    FIRED.swap(false, Ordering::Relaxed)
}

/// Lets interrupts that `apic` delivers end halts.
///
/// # Safety
/// Runs in ring 0 with interrupts disabled, after [`tables::load`]; `apic` is this processor's.
pub unsafe fn start(apic: &LocalApic) {
    EOI.store(apic.register(apic::EOI).unwrap_or(0), Ordering::Relaxed);
    // SAFETY: the stack is used by interrupts only, which do not nest; the stubs are entry code.
    unsafe {
        tables::set_stack(IST, INTERRUPT_STACK.get() as usize + STACK);
        tables::set_gate(WAKE.into(), acknowledge as *const () as usize, IST);
        tables::set_gate(TIMER.into(), timer as *const () as usize, IST);
        tables::set_gate(SPURIOUS.into(), ignore as *const () as usize, IST);
    }
}

/// Halts until an interrupt. One that came since interrupts were last enabled is pending in the
/// local APIC and ends the halt at once: `sti` takes effect after the next instruction, so none
/// gets between the two.
///
/// # Safety
/// Runs in ring 0, after [`start`].
pub unsafe fn wait() {
    // SAFETY: the stubs keep every register and use a stack of their own. The compiler takes it
    // that any memory may have changed: devices have written meanwhile.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
}

/// Assembly: tells the local APIC, whose register is in memory at `{eoi}` or else `{msr}`, that the
/// interrupt is over. Changes rax.
macro_rules! end_of_interrupt {
    () => {
        "mov rax, [rip + {eoi}]
        test rax, rax
        jz 8f
        mov dword ptr [rax], 0
        jmp 9f
        8:
        push rcx
        push rdx
        mov ecx, {msr}
        xor eax, eax
        xor edx, edx
        wrmsr
        pop rdx
        pop rcx
        9:"
    };
}

/// Has interrupts stop an application that runs with the interrupt flag set: they arrive as an
/// exception of vector [`WAKE`].
///
/// # Safety
/// As [`start`], which has run.
pub unsafe fn stop_applications() {
    // SAFETY: as in `start`.
    unsafe {
        tables::set_stack(IST, STOP_STACK.get() as usize + STOP_STACK_LEN);
        tables::set_gate(WAKE.into(), stop as *const () as usize, IST);
        tables::set_gate(TIMER.into(), stop_by_timer as *const () as usize, IST);
    }
}

/// [`trap`](crate::trap) makes its frame here, and a copy of it.
const STOP_STACK_LEN: usize = 4096;

#[repr(C, align(16))]
struct StopStack([u8; STOP_STACK_LEN]);

static STOP_STACK: Hardware<StopStack> =
    Hardware::new(UnsafeCell::new(StopStack([0; STOP_STACK_LEN])));

/// Takes note of the timer's interrupt.
#[unsafe(naked)]
extern "C" fn stop_by_timer() {
    naked_asm!(
        "mov byte ptr [rip + {fired}], 1",
        "jmp {stop}",
        fired = sym FIRED,
        stop = sym stop,
    )
}

/// Ends the interrupt; returns to the kernel, and makes an exception of it in an application, which
/// is in the lower half of the addresses. The kernel may be about to return to the application
/// (`user::resume`), with one or two instructions to go: their effect is made here.
#[unsafe(naked)]
extern "C" fn stop() {
    naked_asm!(
        // The frame: instruction, code segment, flags, stack, stack segment; above rax.
        "push rax",
        "lea rax, [rip + unilith_resume_stack]",
        "cmp [rsp + 8], rax",
        "jne 2f",
        "mov rax, [rsp + 32]",
        "mov rax, [rax]",
        "mov [rsp + 32], rax",
        "jmp 3f",
        "2:",
        "lea rax, [rip + unilith_resume_jump]",
        "cmp [rsp + 8], rax",
        "jne 4f",
        "3:",
        "mov rax, gs:[16]",
        "mov [rsp + 8], rax",
        "4:",
        end_of_interrupt!(),
        "pop rax",
        "test byte ptr [rsp + 7], 0x80",
        "jz 5f",
        "iretq",
        "5:",
        "push 0",
        "push {wake}",
        "jmp {common}",
        eoi = sym EOI,
        msr = const apic::msr(apic::EOI),
        wake = const WAKE,
        common = sym trap::common,
    )
}

/// Takes note of the timer's interrupt.
#[unsafe(naked)]
extern "C" fn timer() {
    naked_asm!(
        "mov byte ptr [rip + {fired}], 1",
        "jmp {acknowledge}",
        fired = sym FIRED,
        acknowledge = sym acknowledge,
    )
}

/// Ends the interrupt and returns.
#[unsafe(naked)]
extern "C" fn acknowledge() {
    naked_asm!(
        "push rax",
        end_of_interrupt!(),
        "pop rax",
        "iretq",
        eoi = sym EOI,
        msr = const apic::msr(apic::EOI),
    )
}

/// Returns. A spurious interrupt is not acknowledged (SDM 10.9).
#[unsafe(naked)]
extern "C" fn ignore() {
    naked_asm!("iretq")
}
