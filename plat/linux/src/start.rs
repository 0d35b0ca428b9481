//! From the kernel's entry to the composition root.

use crate::{crash, host};
use core::arch::global_asm;
use core::ffi::CStr;
use linux_raw_sys::general as abi;
use unilith_platform::Region;
use unilith_sync::Once;

/// What the runner gave.
pub struct Given {
    pub command_line: &'static [u8],
    pub initrd: &'static [u8],
    pub memory: Option<Region>,
    pub entry_cycles: u64,
    /// The process's first stack pointer: the upper end of what backtraces walk.
    pub stack_top: usize,
}

static GIVEN: Once<Given> = Once::new();

/// What the runner gave; `None` before the start.
pub fn given() -> Option<&'static Given> {
    GIVEN.get()
}

// The process begins with argc at the stack pointer (System V ABI, AMD64 supplement, 3.4.1).
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "push rbp", // a return address of 0 ends every backtrace
    "jmp {start}",
    start = sym start,
);

unsafe extern "Rust" {
    /// The composition root. Defined by the image crate.
    safe fn __unilith_main() -> !;
}

/// Status of a process that was started wrongly.
const USAGE: u8 = 2;

extern "C" fn start(stack: *const usize) -> ! {
    let entry_cycles = unilith_x86_64::cpu::cycles();
    // SAFETY: argc, then argc pointers to C strings that live as long as the process.
    let argument = |i: usize| unsafe {
        if i >= *stack {
            return None;
        }
        Some(CStr::from_ptr(*stack.add(1 + i) as *const core::ffi::c_char).to_bytes())
    };
    crash::catch();
    let given = Given {
        command_line: argument(1).unwrap_or_default(),
        initrd: argument(2).filter(|path| !path.is_empty()).map_or(&[], initrd),
        memory: memory(argument(3).and_then(number).unwrap_or(DEFAULT_KIB)),
        entry_cycles,
        stack_top: stack as usize,
    };
    let _ = GIVEN.set(given);
    __unilith_main()
}

/// Memory if nobody says how much, KiB.
const DEFAULT_KIB: usize = 32 * 1024;

fn number(text: &[u8]) -> Option<usize> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// Reserves the machine's memory; Linux gives pages as they are touched.
fn memory(kib: usize) -> Option<Region> {
    let len = kib.checked_mul(1024)? / 4096 * 4096;
    let prot = abi::PROT_READ | abi::PROT_WRITE;
    // SAFETY: wherever there is room.
    let start = unsafe { host::map(0, len, prot, abi::MAP_ANONYMOUS | abi::MAP_NORESERVE, -1) };
    Some(Region { start: start.ok()?, len })
}

/// Maps the initial RAM disk: read where it is, as in a machine.
fn initrd(path: &'static [u8]) -> &'static [u8] {
    let fail = |why: &str| -> ! {
        for text in [b"unilith: ".as_slice(), path, b": ", why.as_bytes(), b"\n"] {
            host::write(2, text);
        }
        host::exit(USAGE)
    };
    let mut stat = core::mem::MaybeUninit::<abi::stat>::zeroed();
    // SAFETY: `path` is followed by its NUL (it is an argument of the process); `stat` is the
    // kernel's structure.
    let (descriptor, size) = unsafe {
        let flags = (abi::O_RDONLY | abi::O_CLOEXEC) as usize;
        let descriptor = host::call(abi::__NR_open, [path.as_ptr() as usize, flags, 0, 0, 0, 0]);
        if descriptor < 0 {
            fail("cannot be opened");
        }
        host::call(abi::__NR_fstat, [descriptor as usize, stat.as_mut_ptr() as usize, 0, 0, 0, 0]);
        (descriptor, stat.assume_init().st_size as usize)
    };
    if size == 0 {
        return &[];
    }
    // SAFETY: wherever there is room; the mapping is private, read-only and never removed.
    unsafe {
        match host::map(0, size, abi::PROT_READ, 0, descriptor) {
            Ok(at) => core::slice::from_raw_parts(at as *const u8, size),
            Err(_) => fail("cannot be mapped"),
        }
    }
}
