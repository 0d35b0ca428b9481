//! The application's part of the address space: everything below this image.
//!
//! An application's system calls are caught by system call user dispatch (Linux,
//! `Documentation/admin-guide/syscall-user-dispatch.rst`): the host raises SIGSYS for every call
//! from outside of this image.

use crate::crash::{Context, on_signal, register};
use crate::host;
use core::arch::asm;
use core::ops::Range;
use linux_raw_sys::{general as abi, prctl};
use unilith_posix_api::{Fault, MapError, Prot, SyscallArgs, UserSpace};
use unilith_sync::Once;

const PAGE: usize = 4096;

/// From the host's usual lower bound to this image, which is linked at the range's end.
pub const RANGE: Range<usize> = 0x1_0000..0x6000_0000;
/// This image is below this: system calls from here on are the host's.
const IMAGE: Range<usize> = 0x6000_0000..0x7000_0000;

static SYSCALL: Once<fn(&SyscallArgs) -> isize> = Once::new();

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

extern "C" fn on_syscall(_: u32, _: *const u8, context: *mut Context) {
    const ENOSYS: isize = -(linux_raw_sys::errno::ENOSYS as isize);
    use register::{R8, R9, R10, RAX, RDI, RDX, RSI};
    // SAFETY: the kernel's context of this signal, which nobody else refers to.
    let registers = unsafe { &mut (*context).registers };
    let call = SyscallArgs {
        nr: registers[RAX] as usize,
        args: [RDI, RSI, RDX, R10, R8, R9].map(|i| registers[i] as usize),
    };
    let result = SYSCALL.get().map_or(ENOSYS, |syscall| syscall(&call));
    registers[RAX] = result as u64;
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

    fn map(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
        const EEXIST: isize = -(linux_raw_sys::errno::EEXIST as isize);
        check(addr, len)?;
        let flags = abi::MAP_ANONYMOUS | abi::MAP_FIXED_NOREPLACE;
        // SAFETY: in the application's part, where nothing is, or the call fails.
        match unsafe { host::map(addr, len, bits(prot), flags, -1) } {
            Ok(_) => Ok(()),
            Err(EEXIST) => Err(MapError::Invalid),
            Err(_) => Err(MapError::NoMemory),
        }
    }

    fn protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
        check(addr, len)?;
        // SAFETY: in the application's part, to which no Rust reference leads.
        let done =
            unsafe { host::call(abi::__NR_mprotect, [addr, len, bits(prot) as usize, 0, 0, 0]) };
        if done == 0 { Ok(()) } else { Err(MapError::Invalid) }
    }

    fn unmap(addr: usize, len: usize) -> Result<(), MapError> {
        check(addr, len)?;
        // SAFETY: in the application's part, to which no Rust reference leads.
        unsafe { host::call(abi::__NR_munmap, [addr, len, 0, 0, 0, 0]) };
        Ok(())
    }

    fn copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault> {
        transfer(into.as_mut_ptr(), from, into.len(), abi::__NR_process_vm_readv)
    }

    fn copy_out(from: &[u8], to: usize) -> Result<(), Fault> {
        transfer(from.as_ptr().cast_mut(), to, from.len(), abi::__NR_process_vm_writev)
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

    fn start(entry: usize, stack: usize, syscall: fn(&SyscallArgs) -> isize) -> ! {
        let _ = SYSCALL.set(syscall);
        on_signal(abi::SIGSYS, on_syscall);
        // SAFETY: the handler is in place; the application gets control for good.
        unsafe {
            let dispatched = host::call(
                abi::__NR_prctl,
                [
                    prctl::PR_SET_SYSCALL_USER_DISPATCH as usize,
                    prctl::PR_SYS_DISPATCH_ON as usize,
                    IMAGE.start,
                    IMAGE.end - IMAGE.start,
                    0,
                    0,
                ],
            );
            if dispatched != 0 {
                host::write(
                    2,
                    b"unilith: this Linux has no system call user dispatch (it needs 5.11 or later); use --plat qemu\n",
                );
                host::exit(1);
            }
            asm!(
                "mov rsp, {stack}",
                "xor ebx, ebx", "xor ecx, ecx", "xor edx, edx", "xor esi, esi", "xor edi, edi",
                "xor ebp, ebp", "xor r8d, r8d", "xor r9d, r9d", "xor r10d, r10d", "xor r11d, r11d",
                "xor r12d, r12d", "xor r13d, r13d", "xor r14d, r14d", "xor r15d, r15d",
                "jmp rax",
                stack = in(reg) stack,
                in("rax") entry,
                options(noreturn)
            )
        }
    }
}
