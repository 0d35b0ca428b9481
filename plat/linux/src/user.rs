//! The application's part of the address space: everything below this image.
//!
//! An application's system calls are caught by system call user dispatch (Linux,
//! `Documentation/admin-guide/syscall-user-dispatch.rst`): the host raises SIGSYS for every call
//! from outside of this image.

use crate::crash::{Context, on_signal, register};
use crate::host;
use core::arch::asm;
use core::ops::Range;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use linux_raw_sys::{general as abi, prctl};
use unilith_posix_api::{
    Access, Fault, Handlers, MapError, Prot, Registers, SyscallArgs, ThreadState, UserSpace,
};
use unilith_sync::Once;

const PAGE: usize = 4096;

/// From the host's usual lower bound to this image, which is linked at the range's end.
pub const RANGE: Range<usize> = 0x1_0000..0x6000_0000;
/// This image is below this: system calls from here on are the host's.
const IMAGE: Range<usize> = 0x6000_0000..0x7000_0000;

static HANDLERS: Once<&'static Handlers> = Once::new();

/// The user space of this platform.
pub struct LinuxUser;

fn check(addr: usize, len: usize) -> Result<(), MapError> {
    let end = addr.checked_add(len).ok_or(MapError::Invalid)?;
    let fits = addr >= RANGE.start && end <= RANGE.end && len > 0;
    if fits && (addr | len).is_multiple_of(PAGE) { Ok(()) } else { Err(MapError::Invalid) }
}

fn bits(prot: Prot) -> u32 {
    let bit = |set, bit| if set { bit } else { 0 };
    bit(prot.read, abi::PROT_READ)
        | bit(prot.write, abi::PROT_WRITE)
        | bit(prot.exec, abi::PROT_EXEC)
}

/// Copies between this image and the application; the host checks the application's addresses.
fn transfer(local: *mut u8, remote: usize, len: usize, nr: u32) -> Result<(), Fault> {
    if len == 0 {
        return if RANGE.contains(&remote) { Ok(()) } else { Err(Fault) };
    }
    if !(remote >= RANGE.start && remote.checked_add(len).is_some_and(|end| end <= RANGE.end)) {
        return Err(Fault);
    }
    let (local, remote) = ([local as usize, len], [remote, len]);
    // SAFETY: `struct iovec` is address and length; `local` is valid for `len` bytes, and nothing
    // in Rust refers to the application's memory.
    let done = unsafe {
        let own = host::call(abi::__NR_getpid, [0; 6]) as usize;
        let (local, remote) = ((&raw const local) as usize, (&raw const remote) as usize);
        host::call(nr, [own, local, 1, remote, 1, 0])
    };
    if done == len as isize { Ok(()) } else { Err(Fault) }
}

/// The context of the system call that is being made.
static CONTEXT: AtomicPtr<Context> = AtomicPtr::new(core::ptr::null_mut());

extern "C" fn on_syscall(_: u32, _: *const u8, context: *mut Context) {
    const ENOSYS: isize = -(linux_raw_sys::errno::ENOSYS as isize);
    use register::{R8, R9, R10, RAX, RDI, RDX, RSI};
    CONTEXT.store(context, Ordering::Relaxed);
    let call = {
        // SAFETY: the kernel's context of this signal; the reference ends here.
        let registers = unsafe { &(*context).registers };
        SyscallArgs {
            nr: registers[RAX] as usize,
            args: [RDI, RSI, RDX, R10, R8, R9].map(|i| registers[i] as usize),
        }
    };
    let result = HANDLERS.get().map_or(ENOSYS, |handlers| (handlers.syscall)(&call));
    // SAFETY: as above.
    let registers = unsafe { &mut (*context).registers };
    registers[RAX] = result as u64;
    if let Some(handlers) = HANDLERS.get()
        && !handlers.leave.is_empty()
    {
        let mut changed = from_host(registers);
        changed.orig_rax = call.nr as u64;
        handlers.leave.iter().for_each(|leave| leave(&mut changed));
        to_host(&changed, registers);
    }
}

fn context_registers() -> Option<&'static mut [u64; 23]> {
    let context = CONTEXT.load(Ordering::Relaxed);
    // SAFETY: the context of the system call that is being made, to which there is no other
    // reference while it is.
    (!context.is_null()).then(|| unsafe { &mut (*context).registers })
}

/// The general registers by the host's positions.
macro_rules! each_register {
    ($act:ident, $ours:expr, $host:expr) => {
        $act!($ours, $host, r8 0, r9 1, r10 2, r11 3, r12 4, r13 5, r14 6, r15 7, rdi 8, rsi 9,
            rbp 10, rbx 11, rdx 12, rax 13, rcx 14, rsp 15, rip 16, rflags 17)
    };
}

fn from_host(host: &[u64; 23]) -> Registers {
    macro_rules! load {
        ($ours:expr, $host:expr, $($name:ident $at:literal),*) => {{ $($ours.$name = $host[$at];)* }};
    }
    let mut ours = Registers::default();
    each_register!(load, ours, host);
    ours
}

fn to_host(ours: &Registers, host: &mut [u64; 23]) {
    macro_rules! store {
        ($ours:expr, $host:expr, $($name:ident $at:literal),*) => {{ $($host[$at] = $ours.$name;)* }};
    }
    each_register!(store, ours, host);
}

/// Which pages of the application's part are mapped, a bit each.
struct Pages([AtomicU64; (RANGE.end - RANGE.start).div_ceil(PAGE * 64)]);

static MAPPED: Pages =
    Pages([const { AtomicU64::new(0) }; (RANGE.end - RANGE.start).div_ceil(PAGE * 64)]);

impl Pages {
    fn place(&self, page: usize) -> Option<(&AtomicU64, u64)> {
        let number = page.checked_sub(RANGE.start)? / PAGE;
        Some((self.0.get(number / 64)?, 1 << (number % 64)))
    }

    fn insert(&self, page: usize) {
        if let Some((word, bit)) = self.place(page) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    fn remove(&self, addr: usize, len: usize) {
        for page in (addr..addr + len).step_by(PAGE) {
            if let Some((word, bit)) = self.place(page) {
                word.fetch_and(!bit, Ordering::Relaxed);
            }
        }
    }

    fn contains(&self, page: usize) -> bool {
        self.place(page).is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// Calls `act` with the address and the length of each run of mapped pages.
    fn each_run(
        &self,
        addr: usize,
        len: usize,
        mut act: impl FnMut(usize, usize) -> Result<(), MapError>,
    ) -> Result<(), MapError> {
        let end = addr + len;
        let mut start = addr;
        while start < end {
            let mut stop = start;
            while stop < end && self.contains(stop) {
                stop += PAGE;
            }
            if stop > start {
                act(start, stop - start)?;
            }
            start = stop + PAGE;
        }
        Ok(())
    }
}

fn thread_pointer(option: u32, value: usize) -> isize {
    // SAFETY: the kernel's own code does not use FS.
    unsafe { host::call(abi::__NR_arch_prctl, [option as usize, value, 0, 0, 0, 0]) }
}

const ARCH_SET_FS: u32 = 0x1002;
const ARCH_GET_FS: u32 = 0x1003;

impl UserSpace for LinuxUser {
    fn range() -> Range<usize> {
        RANGE
    }

    fn map(addr: usize, prot: Prot, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), MapError> {
        const EEXIST: isize = -(linux_raw_sys::errno::EEXIST as isize);
        check(addr, PAGE)?;
        let flags = abi::MAP_ANONYMOUS | abi::MAP_FIXED_NOREPLACE;
        // SAFETY: in the application's part, where nothing is, or the call fails.
        let mapped = unsafe { host::map(addr, PAGE, bits(Prot::RW), flags, -1) };
        mapped.map_err(|error| match error {
            EEXIST => MapError::Invalid,
            _ => MapError::NoMemory,
        })?;
        // SAFETY: just mapped, to be written, and nobody else refers to it.
        fill(unsafe { core::slice::from_raw_parts_mut(addr as *mut u8, PAGE) });
        MAPPED.insert(addr);
        if prot == Prot::RW { Ok(()) } else { Self::protect(addr, PAGE, prot) }
    }

    fn protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
        check(addr, len)?;
        MAPPED.each_run(addr, len, |start, len| {
            // SAFETY: in the application's part, to which no Rust reference leads.
            let done = unsafe {
                host::call(abi::__NR_mprotect, [start, len, bits(prot) as usize, 0, 0, 0])
            };
            if done == 0 { Ok(()) } else { Err(MapError::Invalid) }
        })
    }

    fn unmap(addr: usize, len: usize) -> Result<(), MapError> {
        check(addr, len)?;
        // SAFETY: in the application's part, to which no Rust reference leads.
        unsafe { host::call(abi::__NR_munmap, [addr, len, 0, 0, 0, 0]) };
        MAPPED.remove(addr, len);
        Ok(())
    }

    fn relocate(from: usize, to: usize, len: usize) -> Result<(), MapError> {
        check(from, len)?;
        check(to, len)?;
        let flags = (abi::MREMAP_MAYMOVE | abi::MREMAP_FIXED) as usize;
        MAPPED.each_run(from, len, |start, len| {
            let to = start.wrapping_sub(from).wrapping_add(to);
            // SAFETY: both in the application's part, to which no Rust reference leads.
            let moved = unsafe { host::call(abi::__NR_mremap, [start, len, len, flags, to, 0]) };
            if moved < 0 {
                return Err(MapError::NoMemory);
            }
            (to..to + len).step_by(PAGE).for_each(|page| MAPPED.insert(page));
            Ok(())
        })?;
        MAPPED.remove(from, len);
        Ok(())
    }

    fn is_mapped(addr: usize) -> bool {
        RANGE.contains(&addr) && MAPPED.contains(addr)
    }

    fn resident(addr: usize, len: usize) -> usize {
        (addr..addr.saturating_add(len)).step_by(PAGE).filter(|page| MAPPED.contains(*page)).count()
    }

    fn copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault> {
        let (local, len) = (into.as_mut_ptr(), into.len());
        with_pages(from, len, Access::Read, || {
            transfer(local, from, len, abi::__NR_process_vm_readv)
        })
    }

    fn copy_out(from: &[u8], to: usize) -> Result<(), Fault> {
        let (local, len) = (from.as_ptr().cast_mut(), from.len());
        with_pages(to, len, Access::Write, || transfer(local, to, len, abi::__NR_process_vm_writev))
    }

    fn set_thread_pointer(base: usize) -> bool {
        base < RANGE.end && thread_pointer(ARCH_SET_FS, base) == 0
    }

    fn thread_pointer() -> usize {
        let mut base = 0usize;
        thread_pointer(ARCH_GET_FS, (&raw mut base) as usize);
        base
    }

    fn hwcap() -> usize {
        unilith_x86_64::cpu::cpuid(1, 0).edx as usize
    }

    fn prepare(handlers: &'static Handlers) {
        let _ = HANDLERS.set(handlers);
        on_signal(abi::SIGSYS, on_syscall);
        // SAFETY: the handler is in place. Calls from this image are not dispatched.
        let dispatched = unsafe {
            host::call(
                abi::__NR_prctl,
                [
                    prctl::PR_SET_SYSCALL_USER_DISPATCH as usize,
                    prctl::PR_SYS_DISPATCH_ON as usize,
                    IMAGE.start,
                    IMAGE.end - IMAGE.start,
                    0,
                    0,
                ],
            )
        };
        if dispatched != 0 {
            host::write(
                2,
                b"unilith: this Linux has no system call user dispatch (it needs 5.11 or later); use --plat qemu\n",
            );
            host::exit(1);
        }
    }

    fn enter(registers: &Registers) -> ! {
        // SAFETY: the application gets control for good.
        unsafe {
            asm!(
                "mov rsp, {stack}",
                "xor ebx, ebx", "xor ecx, ecx", "xor edx, edx", "xor esi, esi", "xor edi, edi",
                "xor ebp, ebp", "xor r8d, r8d", "xor r9d, r9d", "xor r10d, r10d", "xor r11d, r11d",
                "xor r12d, r12d", "xor r13d, r13d", "xor r14d, r14d", "xor r15d, r15d",
                "jmp rax",
                stack = in(reg) registers.rsp,
                in("rax") registers.rip,
                options(noreturn)
            )
        }
    }

    fn registers() -> Registers {
        context_registers().map_or_else(Registers::default, |r| from_host(r))
    }

    fn set_registers(registers: &Registers) {
        if let Some(context) = context_registers() {
            to_host(registers, context);
        }
    }

    /// The host keeps vector registers in its own signal frame, where nobody asks for them yet.
    fn vectors_len() -> usize {
        0
    }

    fn save_vectors(_: &Registers, _: &mut [u8]) -> bool {
        false
    }

    fn load_vectors(_: &mut Registers, _: &[u8]) -> bool {
        false
    }

    /// One thread: the host's signal stack, on which system calls run, is only one.
    fn new_thread(_: usize) -> Option<ThreadState> {
        None
    }

    fn switch_thread(_: &mut ThreadState, _: &mut ThreadState) {}

    fn drop_thread(_: ThreadState) {}
}

/// Whether the application's page can be touched that way now: pages come on the first touch.
pub fn resolve(address: usize, access: Access) -> bool {
    RANGE.contains(&address)
        && HANDLERS
            .get()
            .is_some_and(|handlers| handlers.page.iter().any(|page| page(address, access)))
}

/// Tries a copy again once the pages that it needs are there.
fn with_pages(
    addr: usize,
    len: usize,
    access: Access,
    copy: impl Fn() -> Result<(), Fault>,
) -> Result<(), Fault> {
    if copy().is_ok() {
        return Ok(());
    }
    let end = addr.checked_add(len).ok_or(Fault)?;
    for page in (addr & !(PAGE - 1)..end).step_by(PAGE) {
        if !LinuxUser::is_mapped(page) && !resolve(page, access) {
            return Err(Fault);
        }
    }
    copy()
}
