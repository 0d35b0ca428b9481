//! A platform and a user space on Linux, just enough to run a program in this process.
//!
//! The program's pages are real mappings in the lower part of the address space, where nothing of
//! this process is. Its system calls are caught by Syscall User Dispatch (Linux's
//! `Documentation/admin-guide/syscall-user-dispatch.rst`): a call from there raises SIGSYS, whose
//! handler makes it here.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use unilith_platform::{Event, Platform, Region, Stream};
use unilith_posix_api::{Fault, MapError, Prot, SyscallArgs, UserSpace};

/// What is the program's; above it, this process lives.
const USER: Range<usize> = 0x1_0000..0x5000_0000_0000;

pub static COMMAND_LINE: OnceLock<Vec<u8>> = OnceLock::new();
pub static INITRD: OnceLock<Vec<u8>> = OnceLock::new();

fn clock(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid timespec.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

struct Host;

impl Platform for Host {
    const NAME: &'static str = "host-test";
    fn console_write(stream: Stream, bytes: &[u8]) {
        // SAFETY: a valid buffer.
        unsafe { libc::write(stream as i32, bytes.as_ptr().cast(), bytes.len()) };
    }
    fn console_read(buf: &mut [u8]) -> usize {
        // SAFETY: a valid buffer.
        let got = unsafe { libc::read(0, buf.as_mut_ptr().cast(), buf.len()) };
        usize::try_from(got).unwrap_or(0)
    }
    fn monotonic_ns() -> u64 {
        clock(libc::CLOCK_MONOTONIC)
    }
    fn realtime_ns() -> u64 {
        clock(libc::CLOCK_REALTIME)
    }
    fn cycles() -> u64 {
        Self::monotonic_ns()
    }
    fn entry_cycles() -> u64 {
        0
    }
    fn command_line() -> &'static [u8] {
        COMMAND_LINE.get().map_or(&[], Vec::as_slice)
    }
    fn initrd() -> &'static [u8] {
        INITRD.get().map_or(&[], Vec::as_slice)
    }
    fn memory(_: usize) -> Option<Region> {
        None
    }
    fn entropy(buf: &mut [u8]) -> bool {
        // SAFETY: a valid buffer.
        let got = unsafe { libc::getrandom(buf.as_mut_ptr().cast(), buf.len(), 0) };
        got == buf.len() as isize
    }
    fn event(_: Event<'_>) {}
    fn backtrace(_: &mut dyn FnMut(usize)) {}
    fn exit(status: u8) -> ! {
        // SAFETY: ends the process.
        unsafe { libc::_exit(status.into()) }
    }
}

unilith_platform::bind!(Host);

struct NoPages;

impl unilith_mem_api::PageAllocator for NoPages {
    fn allocate(_: usize) -> Option<std::ptr::NonNull<u8>> {
        None
    }
    unsafe fn free(_: std::ptr::NonNull<u8>, _: usize) {}
    fn free_pages() -> usize {
        0
    }
}

unilith_mem_api::bind!(NoPages);

struct User;

unilith_posix_api::bind!(User);

fn check(addr: usize, len: usize) -> Result<(), MapError> {
    let end = addr.checked_add(len).ok_or(MapError::Invalid)?;
    let fits = addr >= USER.start && end <= USER.end && len > 0;
    if fits && (addr | len).is_multiple_of(4096) { Ok(()) } else { Err(MapError::Invalid) }
}

fn bits(prot: Prot) -> i32 {
    let bit = |set, bit| if set { bit } else { 0 };
    bit(prot.read, libc::PROT_READ)
        | bit(prot.write, libc::PROT_WRITE)
        | bit(prot.exec, libc::PROT_EXEC)
}

fn transfer(local: *mut u8, remote: usize, len: usize, write: bool) -> Result<(), Fault> {
    if !(remote >= USER.start && remote.checked_add(len).is_some_and(|end| end <= USER.end)) {
        return Err(Fault);
    }
    let local = libc::iovec { iov_base: local.cast(), iov_len: len };
    let remote = libc::iovec { iov_base: remote as *mut _, iov_len: len };
    let call = if write { libc::process_vm_writev } else { libc::process_vm_readv };
    // SAFETY: `local` is valid; the kernel checks `remote`, which nothing in Rust refers to.
    let done = unsafe { call(libc::getpid(), &local, 1, &remote, 1, 0) };
    if done == len as isize { Ok(()) } else { Err(Fault) }
}

static HOST_TLS: AtomicUsize = AtomicUsize::new(0);
static USER_TLS: AtomicUsize = AtomicUsize::new(0);
static SYSCALL: OnceLock<fn(&SyscallArgs) -> isize> = OnceLock::new();

const ARCH_SET_FS: usize = 0x1002;
const ARCH_GET_FS: usize = 0x1003;

/// arch_prctl(2) without libc, whose errno is in what it changes.
#[inline(always)]
unsafe fn arch_prctl(option: usize, address: usize) {
    // SAFETY: the caller knows what it does to the thread pointer.
    unsafe {
        std::arch::asm!("syscall", inlateout("rax") 158usize => _, in("rdi") option,
            in("rsi") address, out("rcx") _, out("r11") _);
    }
}

extern "C" fn on_syscall(_: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: until the thread pointer is this process's again, nothing uses thread-locals.
    unsafe { arch_prctl(ARCH_SET_FS, HOST_TLS.load(Relaxed)) };
    forward(info, context);
    // SAFETY: nothing of this process runs any more until the next signal.
    unsafe { arch_prctl(ARCH_SET_FS, USER_TLS.load(Relaxed)) };
}

#[inline(never)]
fn forward(_: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's context of the signal, which nobody else refers to.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let get = |register: i32| registers[register as usize] as usize;
    use libc::{REG_R8, REG_R9, REG_R10, REG_RAX, REG_RDI, REG_RDX, REG_RSI};
    let call = SyscallArgs {
        nr: get(REG_RAX),
        args: [REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9].map(get),
    };
    let result = SYSCALL.get().map_or(-38, |syscall| syscall(&call));
    registers[REG_RAX as usize] = result as i64;
}

impl UserSpace for User {
    fn range() -> Range<usize> {
        USER
    }
    fn map(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
        check(addr, len)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: in the program's part; nothing is there, or the call fails.
        let got = unsafe { libc::mmap(addr as *mut _, len, bits(prot), flags, -1, 0) };
        if got as usize == addr { Ok(()) } else { Err(MapError::NoMemory) }
    }
    fn protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
        check(addr, len)?;
        // SAFETY: in the program's part, to which no Rust reference leads.
        let done = unsafe { libc::mprotect(addr as *mut _, len, bits(prot)) };
        if done == 0 { Ok(()) } else { Err(MapError::Invalid) }
    }
    fn unmap(addr: usize, len: usize) -> Result<(), MapError> {
        check(addr, len)?;
        // SAFETY: in the program's part, to which no Rust reference leads.
        unsafe { libc::munmap(addr as *mut _, len) };
        Ok(())
    }
    fn copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault> {
        transfer(into.as_mut_ptr(), from, into.len(), false)
    }
    fn copy_out(from: &[u8], to: usize) -> Result<(), Fault> {
        transfer(from.as_ptr().cast_mut(), to, from.len(), true)
    }
    fn set_thread_pointer(base: usize) -> bool {
        USER_TLS.store(base, Relaxed);
        base < USER.end
    }
    fn thread_pointer() -> usize {
        USER_TLS.load(Relaxed)
    }
    fn hwcap() -> usize {
        // SAFETY: always allowed.
        unsafe { libc::getauxval(libc::AT_HWCAP) as usize }
    }

    fn start(entry: usize, stack: usize, syscall: fn(&SyscallArgs) -> isize) -> ! {
        const PR_SET_SYSCALL_USER_DISPATCH: i32 = 59;
        const PR_SYS_DISPATCH_ON: usize = 1;
        const SIGNAL_STACK: usize = 1 << 20;
        assert!(SYSCALL.set(syscall).is_ok());
        let mut base = 0usize;
        let stack_memory = vec![0u8; SIGNAL_STACK].leak();
        // SAFETY: the signal handler gets a stack of its own and restores the thread pointer; the
        // program is given control for good.
        unsafe {
            arch_prctl(ARCH_GET_FS, &raw mut base as usize);
            HOST_TLS.store(base, Relaxed);
            let alternative = libc::stack_t {
                ss_sp: stack_memory.as_mut_ptr().cast(),
                ss_flags: 0,
                ss_size: SIGNAL_STACK,
            };
            assert_eq!(libc::sigaltstack(&alternative, std::ptr::null_mut()), 0);
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_syscall;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            assert_eq!(libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut()), 0);
            // Calls from above the program's part go to the kernel as ever.
            let dispatched = libc::prctl(
                PR_SET_SYSCALL_USER_DISPATCH,
                PR_SYS_DISPATCH_ON,
                USER.end,
                usize::MAX / 2 - USER.end,
                0usize,
            );
            assert_eq!(dispatched, 0, "needs Linux 5.11 with Syscall User Dispatch");
            std::arch::asm!(
                "mov rsp, {stack}",
                "push {entry}",
                "xor eax, eax", "xor ebx, ebx", "xor ecx, ecx", "xor edx, edx",
                "xor esi, esi", "xor edi, edi", "xor ebp, ebp", "xor r8d, r8d",
                "xor r9d, r9d", "xor r10d, r10d", "xor r11d, r11d", "xor r12d, r12d",
                "xor r13d, r13d", "xor r14d, r14d", "xor r15d, r15d",
                "ret",
                stack = in(reg) stack, entry = in(reg) entry, options(noreturn)
            )
        }
    }
}
