//! The application's half of the address space: 4 KiB pages in the lower half of the kernel's
//! own page table. The application runs in ring 0; its pointers are checked all the same.

use crate::boot::DIRECT_MAP;
use crate::memory;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};
use unilith_posix_api::{Fault, MapError, Prot, SyscallArgs, UserSpace};
use unilith_x86_64::paging::{Error, Frames, Mapper, NO_EXECUTE, PAGE, WRITE};
use unilith_x86_64::{cpu, user as border};

/// From 64 KiB (so that null pointers with offsets fault, as Linux's mmap_min_addr) to the end
/// of the lower half, less a page.
const RANGE: Range<usize> = 0x1_0000..0x7fff_ffff_f000;

/// Pages that an application cannot have: its system calls need memory for paths, buffers and
/// page tables also when it has taken all that it could get.
const RESERVE: usize = 64;

static STARTED: AtomicBool = AtomicBool::new(false);

/// Whether an application has been started.
pub fn started() -> bool {
    STARTED.load(Ordering::Relaxed)
}

/// The addresses that are an application's.
pub fn range() -> Range<usize> {
    RANGE
}

/// Frames of the page allocator, by physical address.
struct Pages;

impl Frames for Pages {
    fn allocate(&mut self) -> Option<usize> {
        unilith_mem_api::allocate(1).map(|page| page.as_ptr() as usize - DIRECT_MAP)
    }
    fn free(&mut self, frame: usize) {
        if let Some(page) = NonNull::new((frame + DIRECT_MAP) as *mut u8) {
            // SAFETY: the mapper frees what `allocate` gave it, once.
            unsafe { unilith_mem_api::free(page, 1) };
        }
    }
}

fn mapper() -> Mapper {
    // SAFETY: the root is the kernel's; only this module changes its lower half, one system call
    // at a time.
    unsafe { Mapper::new(memory::root(), DIRECT_MAP) }
}

/// The pages of `addr..addr + len`, if that is a range that an application may map.
fn pages(addr: usize, len: usize) -> Result<impl Iterator<Item = usize> + Clone, MapError> {
    let end = addr.checked_add(len).ok_or(MapError::Invalid)?;
    if len == 0 || addr < RANGE.start || end > RANGE.end || !(addr | len).is_multiple_of(PAGE) {
        return Err(MapError::Invalid);
    }
    Ok((addr..end).step_by(PAGE))
}

fn access(prot: Prot) -> Option<u64> {
    let allowed = prot.read || prot.write || prot.exec;
    allowed.then_some(if prot.write { WRITE } else { 0 } | if prot.exec { 0 } else { NO_EXECUTE })
}

/// Whether `len` bytes at `addr` are all an application's.
fn check(addr: usize, len: usize) -> Result<(), Fault> {
    match addr.checked_add(len) {
        Some(end) if RANGE.contains(&addr) && end <= RANGE.end => Ok(()),
        _ => Err(Fault),
    }
}

/// The user space of this platform.
pub struct QemuUser;

impl UserSpace for QemuUser {
    fn range() -> Range<usize> {
        RANGE
    }

    fn map(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
        let pages = pages(addr, len)?;
        if len / PAGE + RESERVE > unilith_mem_api::free_pages() {
            return Err(MapError::NoMemory); // without touching what there is
        }
        let mut mapper = mapper();
        for page in pages {
            if let Err(error) = mapper.map(page, access(prot), &mut Pages) {
                // The processor may have looked ahead: what goes leaves the TLB, too. Page
                // tables for the page that could not be had go with it.
                let (error, end) = match error {
                    Error::NoMemory => (MapError::NoMemory, page + PAGE),
                    Error::Conflict => (MapError::Invalid, page),
                };
                let _ = Self::unmap(addr, end - addr);
                return Err(error);
            }
        }
        Ok(())
    }

    fn protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
        let mut mapper = mapper();
        let pages = pages(addr, len)?;
        if !pages.clone().all(|page| mapper.is_mapped(page)) {
            return Err(MapError::Invalid);
        }
        for page in pages {
            let _ = mapper.protect(page, access(prot)); // it is mapped
            // SAFETY: ring 0.
            unsafe { cpu::flush_page(page) };
        }
        Ok(())
    }

    fn unmap(addr: usize, len: usize) -> Result<(), MapError> {
        let mut mapper = mapper();
        for page in pages(addr, len)? {
            if mapper.unmap(page, &mut Pages) {
                // SAFETY: ring 0.
                unsafe { cpu::flush_page(page) };
            }
        }
        if mapper.prune(addr, addr + len, &mut Pages) {
            // SAFETY: ring 0.
            unsafe { cpu::flush_tlb() };
        }
        Ok(())
    }

    fn copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault> {
        check(from, into.len())?;
        // SAFETY: `into` is the kernel's and valid; `from` is an application's range.
        let copied = unsafe { border::copy(from as *const u8, into.as_mut_ptr(), into.len()) };
        if copied { Ok(()) } else { Err(Fault) }
    }

    fn copy_out(from: &[u8], to: usize) -> Result<(), Fault> {
        check(to, from.len())?;
        // SAFETY: `from` is the kernel's and valid; `to` is an application's range.
        let copied = unsafe { border::copy(from.as_ptr(), to as *mut u8, from.len()) };
        if copied { Ok(()) } else { Err(Fault) }
    }

    fn set_thread_pointer(base: usize) -> bool {
        let valid = base < RANGE.end;
        if valid {
            // SAFETY: a canonical address; the kernel does not use FS.
            unsafe { cpu::write_msr(cpu::FS_BASE, base as u64) };
        }
        valid
    }

    fn thread_pointer() -> usize {
        // SAFETY: ring 0.
        unsafe { cpu::read_msr(cpu::FS_BASE) as usize }
    }

    fn hwcap() -> usize {
        cpu::cpuid(1, 0).edx as usize
    }

    fn start(entry: usize, stack: usize, syscall: fn(&SyscallArgs) -> isize) -> ! {
        static SYSCALL: unilith_sync::Once<fn(&SyscallArgs) -> isize> = unilith_sync::Once::new();
        let _ = SYSCALL.set(syscall);
        STARTED.store(true, Ordering::Relaxed);
        fn forward(call: &border::Syscall) -> isize {
            const ENOSYS: isize = 38;
            match SYSCALL.get() {
                Some(handler) => handler(&SyscallArgs { nr: call.nr, args: call.args }),
                None => -ENOSYS,
            }
        }
        // SAFETY: the boot stack is free from here on: nothing returns to it.
        unsafe { border::start(entry, stack, memory::stack().end, forward) }
    }
}
