//! Exceptions that nobody resolves: the report, and the end.

use crate::{memory, user};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};
use unilith_platform::{Event, Stream};
use unilith_x86_64::backtrace::{Interrupted, frame_pointer, walk, walk_interrupted};
use unilith_x86_64::trap::{Frame, PAGE_FAULT, PF_FETCH, PF_PRESENT, PF_WRITE, name};
use unilith_x86_64::{cpu, user as border};

/// Exit status of a kernel that crashed: 128 + SIGABRT.
const CRASHED: u8 = 134;
/// Frames that a report shows at most.
const DEPTH: usize = 32;

static CRASHING: AtomicBool = AtomicBool::new(false);

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        crate::console::write(Stream::Err, text.as_bytes());
        Ok(())
    }
}

/// The return addresses of the caller's frames.
pub fn backtrace(visit: &mut dyn FnMut(usize)) {
    // SAFETY: the boot stack is mapped.
    unsafe { walk(frame_pointer(), memory::stack(), DEPTH, visit) };
}

/// Every exception ends here.
pub fn on_trap(frame: &mut Frame) {
    if border::fix_up(frame) {
        return;
    }
    if CRASHING.swap(true, Ordering::Relaxed) {
        crate::console::exit(CRASHED);
        crate::power::off(CRASHED); // an exception while reporting one
    }
    let status = report(frame);
    crate::console::exit(status);
    crate::power::off(status)
}

fn report(frame: &Frame) -> u8 {
    let f = frame;
    let user = user::range().contains(&(f.rip as usize)) && user::started();
    let who = if user { "application" } else { "kernel" };
    // Writing to this console cannot fail.
    let _ = write!(Console, "\n{who} crash: {}", name(f.vector));
    if f.vector == PAGE_FAULT {
        // SAFETY: an exception handler runs in ring 0.
        let address = unsafe { cpu::fault_address() };
        let access = match f.error {
            e if e & PF_FETCH != 0 => "executing",
            e if e & PF_WRITE != 0 => "writing to",
            _ => "reading",
        };
        let why = if memory::guard().contains(&address) {
            "stack overflow: the guard page below the boot stack"
        } else if address < 4096 {
            "null pointer: page 0 is never mapped"
        } else if f.error & PF_PRESENT != 0 {
            "the page forbids it"
        } else {
            "nothing is mapped there"
        };
        let _ = write!(Console, " {access} {address:#x} ({why})");
    } else if f.error != 0 {
        let _ = write!(Console, ", error code {:#x}", f.error);
    }
    let _ = write!(
        Console,
        "\n  rip {:016x}  rsp {:016x}  rflags {:08x}\n  rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}\n  rsi {:016x}  rdi {:016x}  rbp {:016x}  r8  {:016x}\n  r9  {:016x}  r10 {:016x}  r11 {:016x}  r12 {:016x}\n  r13 {:016x}  r14 {:016x}  r15 {:016x}\n",
        f.rip,
        f.rsp,
        f.rflags,
        f.rax,
        f.rbx,
        f.rcx,
        f.rdx,
        f.rsi,
        f.rdi,
        f.rbp,
        f.r8,
        f.r9,
        f.r10,
        f.r11,
        f.r12,
        f.r13,
        f.r14,
        f.r15
    );
    if user {
        return user_status(f.vector);
    }
    let _ = Console.write_str("backtrace (return addresses):\n");
    let mut show = |pc: usize| {
        let _ = writeln!(Console, "  {pc:#x}");
        crate::console::event(Event::Frame(pc));
    };
    let at = Interrupted { rip: f.rip as usize, rsp: f.rsp as usize, rbp: f.rbp as usize };
    // SAFETY: the boot stack is mapped.
    unsafe { walk_interrupted(at, memory::text(), memory::stack(), DEPTH, &mut show) };
    CRASHED
}

/// 128 plus the signal that Linux would send.
fn user_status(vector: u64) -> u8 {
    128 + match vector {
        0 | 16 | 19 => 8, // SIGFPE
        6 => 4,           // SIGILL
        1 | 3 => 5,       // SIGTRAP
        17 => 7,          // SIGBUS
        _ => 11,          // SIGSEGV
    }
}
