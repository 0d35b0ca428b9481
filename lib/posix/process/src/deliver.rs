//! What happens between a system call, or an exception, and the application's next instruction:
//! signals that are due are delivered, and threads end that have to.

use crate::end::{exit_process, exit_thread};
use crate::frame::{self, FRAME, Kept, RETURN_ADDRESS};
use crate::rseq;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use unilith_posix_abi::raw::general::{
    __NR_clock_nanosleep, __NR_epoll_pwait, __NR_epoll_pwait2, __NR_epoll_wait, __NR_futex,
    __NR_io_getevents, __NR_nanosleep, __NR_pause, __NR_poll, __NR_ppoll, __NR_pselect6,
    __NR_rt_sigreturn, __NR_rt_sigsuspend, __NR_rt_sigtimedwait, __NR_select, BUS_ADRERR,
    FPE_FLTINV, FPE_INTDIV, ILL_ILLOPN, SA_RESTART, SEGV_MAPERR, SI_KERNEL, SIGBUS, SIGFPE, SIGILL,
    SIGSEGV, SIGTRAP, SS_AUTODISARM, TRAP_BRKPT,
};
use unilith_posix_abi::{Errno, Result, Scalar, UserPtr, buffer, syscall};
use unilith_posix_api::{Registers, Trap};
use unilith_posix_fd::give_way;
use unilith_posix_task::{self as task, Action, AlternativeStack, Delivery, Info, Status};

/// The result register of a call that a signal has ended.
const INTERRUPTED: u64 = -4i64 as u64;
/// Bytes of the `syscall` instruction.
const INSTRUCTION: u64 = 2;
/// Where the control words of x87 and SSE are in XSAVE's format (SDM volume 1, table 13-1).
const FCW: usize = 0;
const MXCSR: usize = 24;
/// Direction flag, which a function finds clear (System V ABI, 3.2.1).
const DIRECTION: u64 = 1 << 10;

/// Calls after which it is looked whether the processor has been kept for long: a look at the
/// clock costs more than many a call.
const CALLS: u32 = 64;

/// Called on the way from a system call back to the application, or from an interrupt or an exception.
pub fn leave(registers: &mut Registers) {
    if registers.orig_rax == u64::MAX {
        // Other threads may have run.
        rseq::restart(registers);
    } else {
        unilith_sched_api::called();
    }
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.load(Relaxed).wrapping_add(1);
    MADE.store(made, Relaxed);
    if made.is_multiple_of(CALLS) {
        // No call of a loop that asks for the time, or only computes between calls, waits: the
        // signal or the other thread that would end it has its turn here.
        give_way();
    }
    if task::attention() {
        deliver(registers);
    }
}

/// Delivers what is due to the current thread. Does not come back if that ends it.
fn deliver(registers: &mut Registers) {
    loop {
        if task::must_end() {
            exit_thread(task::ending().unwrap_or(Status::Exited(0)));
        }
        match task::next_delivery() {
            None => break,
            Some(Delivery::Terminate(signal)) => exit_process(Status::Signaled(signal as u8)),
            Some(Delivery::Handle { info, action, mask }) => {
                if action.flags & u64::from(SA_RESTART) != 0 && can_restart(registers) {
                    restart(registers);
                }
                registers.orig_rax = u64::MAX; // further handlers interrupt the first
                if enter_handler(registers, &info, &action, mask).is_err() {
                    no_frame(info.signal());
                }
            }
        }
    }
    task::restore_mask();
    // Another thread has taken the signal that ended the call.
    if can_restart(registers) {
        restart(registers);
    }
    task::settle();
}

/// There is no room for a frame: SIGSEGV, and nothing but that if that was the signal.
fn no_frame(signal: u32) {
    if signal == SIGSEGV {
        exit_process(Status::Signaled(SIGSEGV as u8));
    }
    task::force(Info::kernel(SIGSEGV));
}

/// The calls that a signal always ends: those that have a relative timeout, which would begin
/// again, and those that wait for a signal (signal(7)). What rt_sigreturn gives is not its own.
const NEVER_RESTARTED: &[u32] = &[
    __NR_rt_sigreturn,
    __NR_pause,
    __NR_rt_sigsuspend,
    __NR_rt_sigtimedwait,
    __NR_nanosleep,
    __NR_clock_nanosleep,
    __NR_poll,
    __NR_ppoll,
    __NR_select,
    __NR_pselect6,
    __NR_epoll_wait,
    __NR_epoll_pwait,
    __NR_epoll_pwait2,
    __NR_io_getevents,
];

/// Whether the call that the registers made was ended by a signal and can be made again.
fn can_restart(registers: &Registers) -> bool {
    let Ok(number) = u32::try_from(registers.orig_rax) else { return false };
    let has_timeout = number == __NR_futex && registers.r10 != 0;
    registers.rax == INTERRUPTED && !has_timeout && !NEVER_RESTARTED.contains(&number)
}

/// Has the application make its call again.
fn restart(registers: &mut Registers) {
    registers.rax = registers.orig_rax;
    registers.rip = registers.rip.wrapping_sub(INSTRUCTION);
    registers.orig_rax = u64::MAX;
}

/// Puts a frame onto the application's stack and has it go on in the handler.
fn enter_handler(r: &mut Registers, info: &Info, action: &Action, mask: u64) -> Result<()> {
    if action.restorer == 0 {
        return Err(Errno::EFAULT);
    }
    let stack = task::with_thread(|thread| thread.stack);
    let len = unilith_posix_api::vectors_len();
    let place = frame::place(r.rsp, action, &stack, len).ok_or(Errno::EFAULT)?;
    // A platform that does not know them says 0: then the frame has none, as on a processor
    // without any, and what the handler does to them stays.
    if len > 0 {
        let mut vectors = buffer(frame::vectors_room(len))?;
        if !unilith_posix_api::save_vectors(r, &mut vectors) {
            return Err(Errno::EFAULT);
        }
        frame::mark_vectors(&mut vectors, len);
        UserPtr(place.vectors as usize).copy_out(&vectors)?;
    }
    let kept = Kept { mask, stack };
    let bytes = frame::build(r, &kept, action, info, place, len);
    UserPtr(place.frame as usize).copy_out(&bytes)?;
    task::begin_handler(info.signal(), action);
    if stack.flags & SS_AUTODISARM != 0 {
        task::with_thread(|thread| thread.stack = AlternativeStack::NONE);
    }
    r.rax = 0; // no vector registers carry arguments
    r.rdi = info.signal().into();
    r.rsi = place.frame + 8 + 304;
    r.rdx = place.frame + 8;
    r.rip = action.handler;
    r.rsp = place.frame;
    r.rflags &= !DIRECTION;
    Ok(())
}

/// The vector registers that a program starts with: all zero, and no exceptions.
fn initial_vectors() -> Result<Vec<u8>> {
    let mut area = buffer(unilith_posix_api::vectors_len())?;
    for (offset, value) in [(FCW, 0x37fu32), (MXCSR, 0x1f80)] {
        if let Some(field) = area.get_mut(offset..offset + 4) {
            value.put(field);
        }
    }
    Ok(area)
}

/// Has the current thread, which is in a system call, go on with these registers as a new program
/// does: the initial vector registers, and no thread pointer.
pub fn start_program(mut registers: Registers) {
    registers.orig_rax = u64::MAX;
    registers.rflags = 2; // the bit that is always one
    if let Ok(area) = initial_vectors() {
        // Without memory for it the program starts with what its predecessor left.
        unilith_posix_api::load_vectors(&mut registers, &area);
    }
    unilith_posix_api::set_thread_pointer(0);
    unilith_posix_api::set_registers(&registers);
}

/// Reads the frame that the current thread's stack pointer is at, and takes it over.
fn leave_handler() -> Result<usize> {
    let now = unilith_posix_api::registers();
    let at = UserPtr(now.rsp.wrapping_sub(RETURN_ADDRESS) as usize);
    let bytes: [u8; FRAME] = at.read()?;
    let range = unilith_posix_api::range();
    let restored = frame::parse(&bytes, &range).ok_or(Errno::EFAULT)?;
    let mut registers = restored.registers;
    registers.xmm = now.xmm;
    let mut vectors = initial_vectors()?;
    if restored.vectors != 0 {
        UserPtr(restored.vectors as usize).copy_in(&mut vectors)?;
    }
    if !vectors.is_empty() && !unilith_posix_api::load_vectors(&mut registers, &vectors) {
        return Err(Errno::EFAULT);
    }
    task::set_blocked(restored.mask);
    if let Ok(stack) = restored.stack {
        task::with_thread(|thread| {
            if !thread.stack.holds(registers.rsp) {
                thread.stack = stack;
            }
        });
    }
    unilith_posix_api::set_registers(&registers);
    Ok(registers.rax as usize)
}

syscall! {
    /// sigreturn(2): a frame that nobody could go on with is a SIGSEGV.
    pub fn rt_sigreturn[__NR_rt_sigreturn]() -> usize {
        leave_handler().unwrap_or_else(|_| {
            task::force(Info::kernel(SIGSEGV));
            0
        })
    }
}

/// The signal that an exception is.
fn signal_of(trap: Trap, rip: u64) -> Info {
    let fault = |signal, code: u32, address: u64| Info::fault(signal, code as i32, address);
    match trap {
        Trap::Memory(address, _) => fault(SIGSEGV, SEGV_MAPERR, address as u64),
        Trap::Divide => fault(SIGFPE, FPE_INTDIV, rip),
        Trap::Float => fault(SIGFPE, FPE_FLTINV, rip),
        Trap::Opcode => fault(SIGILL, ILL_ILLOPN, rip),
        Trap::Breakpoint => fault(SIGTRAP, SI_KERNEL, rip),
        Trap::Debug => fault(SIGTRAP, TRAP_BRKPT, rip),
        Trap::Alignment => fault(SIGBUS, BUS_ADRERR, rip),
        Trap::Protection => fault(SIGSEGV, SI_KERNEL, 0),
    }
}

/// Called for an exception of the application, on the thread's kernel stack. False if the first
/// process has no handler for it: the image is to end with a report. Another process just ends.
pub fn trap(registers: &mut Registers, trap: Trap) -> bool {
    let info = signal_of(trap, registers.rip);
    registers.orig_rax = u64::MAX; // it is no system call that could be made again
    if !task::handles(info.signal()) {
        if task::is_init() {
            return false;
        }
        unilith_print::eprintln!(
            "unilith: process {} ended by signal {}: {:?} at {:#x}",
            task::pid(),
            info.signal(),
            trap,
            registers.rip
        );
        exit_process(Status::Signaled(info.signal() as u8));
    }
    task::force(info);
    deliver(registers);
    true
}
