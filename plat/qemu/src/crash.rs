//! Exceptions that nobody resolves: the report, and the end.

use crate::{memory, user};
use core::fmt::{self, Write};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use unilith_platform::{Event, Stream};
use unilith_x86_64::backtrace::{Interrupted, frame_pointer, walk, walk_interrupted};
use unilith_x86_64::trap::{Frame, PAGE_FAULT, PF_FETCH, PF_PRESENT, PF_WRITE, name};
use unilith_x86_64::user::{self as border, Exception, is_copying};

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
    let rbp = frame_pointer();
    // SAFETY: both stacks are mapped.
    unsafe { walk(rbp, stack_of(rbp), DEPTH, visit) };
}

/// The stack that `at` is on: the boot stack, or from there on to the end of another thread's.
fn stack_of(at: usize) -> Range<usize> {
    /// More than any thread's stack.
    const REACH: usize = 1 << 20;
    let boot = memory::stack();
    let end = border::kernel_stack();
    if !boot.contains(&at) && at < end && end - at < REACH { at..end } else { boot }
}

/// Every exception of the kernel ends here.
pub fn on_trap(frame: &mut Frame) {
    if is_copying(frame)
        && frame.vector == PAGE_FAULT
        && user::resolve(frame.address as usize, frame.error)
    {
        return;
    }
    if border::fix_up(frame) {
        return;
    }
    start_report();
    heading("kernel", frame.vector, frame.error, frame.address as usize);
    let f = &*frame;
    registers([
        f.rip, f.rsp, f.rflags, f.rax, f.rbx, f.rcx, f.rdx, f.rsi, f.rdi, f.rbp, f.r8, f.r9, f.r10,
        f.r11, f.r12, f.r13, f.r14, f.r15,
    ]);
    let _ = Console.write_str("backtrace (return addresses):\n");
    let mut show = |pc: usize| {
        let _ = writeln!(Console, "  {pc:#x}");
        crate::console::event(Event::Frame(pc));
    };
    let at = Interrupted { rip: f.rip as usize, rsp: f.rsp as usize, rbp: f.rbp as usize };
    // SAFETY: both stacks are mapped.
    unsafe { walk_interrupted(at, memory::text(), stack_of(at.rsp), DEPTH, &mut show) };
    end(CRASHED)
}

/// An exception of the application that nobody handles ends the image.
pub fn on_user_exception(exception: &Exception) -> ! {
    start_report();
    heading("application", exception.vector, exception.error, exception.address as usize);
    let r = &exception.registers;
    registers([
        r.rip, r.rsp, r.rflags, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8, r.r9, r.r10,
        r.r11, r.r12, r.r13, r.r14, r.r15,
    ]);
    end(user_status(exception.vector))
}

/// An exception while one is reported ends the machine at once.
fn start_report() {
    if CRASHING.swap(true, Ordering::Relaxed) {
        end(CRASHED);
    }
}

fn end(status: u8) -> ! {
    crate::console::exit(status);
    crate::power::off(status)
}

fn heading(who: &str, vector: u64, error: u64, address: usize) {
    // Writing to this console cannot fail.
    let _ = write!(Console, "\n{who} crash: {}", name(vector));
    if vector == PAGE_FAULT {
        let access = match error {
            e if e & PF_FETCH != 0 => "executing",
            e if e & PF_WRITE != 0 => "writing to",
            _ => "reading",
        };
        let why = if memory::guard().contains(&address) {
            "stack overflow: the guard page below the boot stack"
        } else if address < 4096 {
            "null pointer: page 0 is never mapped"
        } else if error & PF_PRESENT != 0 {
            "the page forbids it"
        } else {
            "nothing is mapped there"
        };
        let _ = write!(Console, " {access} {address:#x} ({why})");
    } else if error != 0 {
        let _ = write!(Console, ", error code {error:#x}");
    }
}

/// Shows registers in the order of their names here.
fn registers(values: [u64; 18]) {
    const NAMES: [&str; 18] = [
        "rip", "rsp", "rflags", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10",
        "r11", "r12", "r13", "r14", "r15",
    ];
    const PER_LINE: usize = 3;
    for (i, (name, value)) in NAMES.iter().zip(values).enumerate() {
        let before = if i.is_multiple_of(PER_LINE) { "\n" } else { "" };
        let _ = write!(Console, "{before}  {name:<6} {value:016x}");
    }
    let _ = Console.write_str("\n");
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
