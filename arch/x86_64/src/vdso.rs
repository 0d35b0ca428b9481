//! Clock functions that an application calls instead of making system calls: position-independent
//! code that runs in the application, and finds how cycles become time in the page behind its own.

use core::arch::global_asm;

/// Where the page behind the code has what, in bytes.
pub mod data {
    /// 1: the rest is valid; 0: the functions make system calls.
    pub const VALID: usize = 0;
    /// Nanoseconds per cycle, as a 32.32 fixed-point number.
    pub const RATE: usize = 8;
    /// The cycle counter when the monotonic clock was 0.
    pub const BOOT: usize = 16;
    /// The cycle counter when the wall clock was [`EPOCH`].
    pub const EPOCH_CYCLES: usize = 24;
    /// Nanoseconds since the Unix epoch.
    pub const EPOCH: usize = 32;
}

/// Where the code begins in its page: behind the tables that describe it.
pub const CODE_OFFSET: usize = 0x400;
const PAGE: usize = 4096;

/// The functions, by the names that C libraries look for.
pub const NAMES: [&str; 3] = ["__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time"];

// All of it is read-only data here, copied into a page of the application. Distances to the data
// page are from where the code's own page would begin.
global_asm!(
    ".pushsection .rodata.unilith_vdso, \"a\", @progbits",
    ".balign 16",
    "unilith_vdso_start:",
    ".set unilith_vdso_base, unilith_vdso_start - {offset}",
    // In: nothing. Out: rax = nanoseconds since the epoch; rcx, rdx, r8 are lost.
    "unilith_vdso_realtime:",
    "lea r8, [rip + unilith_vdso_base + {page}]",
    "rdtsc",
    "shl rdx, 32",
    "or rax, rdx",
    "sub rax, [r8 + {epoch_cycles}]",
    "mul qword ptr [r8 + {rate}]",
    "shrd rax, rdx, 32",
    "add rax, [r8 + {epoch}]",
    "ret",
    // clock_gettime(edi = clock, rsi = struct timespec *)
    ".balign 16",
    "unilith_vdso_clock_gettime:",
    "lea r8, [rip + unilith_vdso_base + {page}]",
    "cmp qword ptr [r8 + {valid}], 0",
    "je 9f",
    "cmp edi, 7",
    "ja 9f",
    // A bit per clock: 1, 4, 6, 7 are monotonic; 0 and 5 are the wall clock.
    "mov eax, 0b11010010",
    "bt eax, edi",
    "jnc 2f",
    "rdtsc",
    "shl rdx, 32",
    "or rax, rdx",
    "sub rax, [r8 + {boot}]",
    "mul qword ptr [r8 + {rate}]",
    "shrd rax, rdx, 32",
    "jmp 3f",
    "2:",
    "mov eax, 0b00100001",
    "bt eax, edi",
    "jnc 9f",
    "call unilith_vdso_realtime",
    "3:",
    "xor edx, edx",
    "mov ecx, 1000000000",
    "div rcx",
    "mov [rsi], rax",
    "mov [rsi + 8], rdx",
    "xor eax, eax",
    "ret",
    "9:",
    "mov eax, 228",
    "syscall",
    "ret",
    // gettimeofday(rdi = struct timeval *, rsi = struct timezone *)
    ".balign 16",
    "unilith_vdso_gettimeofday:",
    "lea r8, [rip + unilith_vdso_base + {page}]",
    "cmp qword ptr [r8 + {valid}], 0",
    "je 9f",
    "test rsi, rsi",
    "jnz 9f",
    "test rdi, rdi",
    "jz 9f",
    "call unilith_vdso_realtime",
    "xor edx, edx",
    "mov ecx, 1000000000",
    "div rcx",
    "mov [rdi], rax",
    "mov eax, edx",
    "xor edx, edx",
    "mov ecx, 1000",
    "div ecx",
    "mov [rdi + 8], rax",
    "xor eax, eax",
    "ret",
    "9:",
    "mov eax, 96",
    "syscall",
    "ret",
    // time(rdi = time_t *)
    ".balign 16",
    "unilith_vdso_time:",
    "lea r8, [rip + unilith_vdso_base + {page}]",
    "cmp qword ptr [r8 + {valid}], 0",
    "je 9f",
    "call unilith_vdso_realtime",
    "xor edx, edx",
    "mov ecx, 1000000000",
    "div rcx",
    "test rdi, rdi",
    "jz 2f",
    "mov [rdi], rax",
    "2:",
    "ret",
    "9:",
    "mov eax, 201",
    "syscall",
    "ret",
    "unilith_vdso_end:",
    ".popsection",
    offset = const CODE_OFFSET,
    page = const PAGE,
    valid = const data::VALID,
    rate = const data::RATE,
    boot = const data::BOOT,
    epoch_cycles = const data::EPOCH_CYCLES,
    epoch = const data::EPOCH,
);

unsafe extern "C" {
    static unilith_vdso_start: u8;
    static unilith_vdso_clock_gettime: u8;
    static unilith_vdso_gettimeofday: u8;
    static unilith_vdso_time: u8;
    static unilith_vdso_end: u8;
}

/// The code, and where in it each of [`NAMES`] begins.
pub fn code() -> (&'static [u8], [usize; 3]) {
    let start = &raw const unilith_vdso_start;
    let at = |symbol: *const u8| symbol as usize - start as usize;
    let functions = [
        at(&raw const unilith_vdso_clock_gettime),
        at(&raw const unilith_vdso_gettimeofday),
        at(&raw const unilith_vdso_time),
    ];
    // SAFETY: constant bytes between two symbols of the assembly above.
    let code = unsafe { core::slice::from_raw_parts(start, at(&raw const unilith_vdso_end)) };
    (code, functions)
}
