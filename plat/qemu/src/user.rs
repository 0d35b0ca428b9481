//! The application's half of the address space: 4 KiB pages in the lower half of the kernel's
//! own page table. The application runs in ring 0; its pointers are checked all the same.

use crate::boot::{DIRECT_MAP, KERNEL_BASE};
use crate::memory;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};
use unilith_posix_api::{
    Access, Fault, Handlers, MapError, Prot, Registers, SyscallArgs, ThreadState, Trap, USER_FLAGS,
    UserSpace,
};
use unilith_sync::Once;
use unilith_x86_64::paging::{Error, Frames, Mapper, NO_EXECUTE, PAGE, WRITE};
use unilith_x86_64::user::Exception;
use unilith_x86_64::{cpu, interrupt, trap, user as border, vector};

/// From 64 KiB (so that null pointers with offsets fault, as Linux's mmap_min_addr) to the end
/// of the lower half, less a page.
const RANGE: Range<usize> = 0x1_0000..0x7fff_ffff_f000;

/// Pages that an application cannot have: its system calls need memory for paths, buffers and
/// page tables also when it has taken all that it could get.
const RESERVE: usize = 64;

/// The current thread has entered the application: the processor holds its state.
static ENTERED: AtomicBool = AtomicBool::new(false);

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

/// The end of `addr..addr + len`, if that is a range that an application may map.
fn end(addr: usize, len: usize) -> Result<usize, MapError> {
    let end = addr.checked_add(len).ok_or(MapError::Invalid)?;
    let inside = len > 0 && addr >= RANGE.start && end <= RANGE.end;
    if inside && (addr | len).is_multiple_of(PAGE) { Ok(end) } else { Err(MapError::Invalid) }
}

fn flush(page: usize) {
    // SAFETY: ring 0.
    unsafe { cpu::flush_page(page) };
}

fn map_error(error: Error) -> MapError {
    match error {
        Error::NoMemory => MapError::NoMemory,
        Error::Conflict => MapError::Invalid,
    }
}

fn access(prot: Prot) -> Option<u64> {
    let allowed = prot.read || prot.write || prot.exec;
    allowed.then_some(if prot.write { WRITE } else { 0 } | if prot.exec { 0 } else { NO_EXECUTE })
}

/// The physical address of a page of the kernel's memory, if it is one frame of the direct map.
fn frame_of(page: &'static [u8]) -> Option<usize> {
    let start = page.as_ptr() as usize;
    let whole = page.len() == PAGE && start.is_multiple_of(PAGE);
    (whole && (DIRECT_MAP..KERNEL_BASE).contains(&start)).then(|| start - DIRECT_MAP)
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

    fn map(addr: usize, prot: Prot, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), MapError> {
        end(addr, PAGE)?;
        if unilith_mem_api::free_pages() <= RESERVE {
            return Err(MapError::NoMemory);
        }
        mapper().map(addr, access(prot), &mut Pages, fill).map_err(map_error)
    }

    fn map_in_place(addr: usize, prot: Prot, page: &'static [u8]) -> Result<bool, MapError> {
        end(addr, PAGE)?;
        let Some(frame) = frame_of(page) else { return Ok(false) };
        if unilith_mem_api::free_pages() <= RESERVE {
            return Err(MapError::NoMemory);
        }
        mapper().borrow(addr, access(prot), frame, &mut Pages).map_err(map_error)?;
        Ok(true)
    }

    fn make_own(addr: usize, prot: Prot) -> Result<bool, MapError> {
        end(addr, PAGE)?;
        if unilith_mem_api::free_pages() <= RESERVE {
            return Err(MapError::NoMemory);
        }
        let copied = mapper().own(addr, access(prot), &mut Pages).map_err(map_error)?;
        if copied {
            flush(addr);
        }
        Ok(copied)
    }

    fn protect(addr: usize, len: usize, prot: Prot) -> Result<(), MapError> {
        mapper().protect(addr, end(addr, len)?, access(prot), &mut flush);
        Ok(())
    }

    fn unmap(addr: usize, len: usize) -> Result<(), MapError> {
        let end = end(addr, len)?;
        let mut mapper = mapper();
        mapper.unmap(addr, end, &mut |page, frame| {
            flush(page);
            if let Some(frame) = frame {
                Pages.free(frame);
            }
        });
        if mapper.prune(addr, end, &mut Pages) {
            // SAFETY: ring 0.
            unsafe { cpu::flush_tlb() };
        }
        Ok(())
    }

    fn relocate(from: usize, to: usize, len: usize) -> Result<(), MapError> {
        end(to, len)?;
        mapper()
            .relocate(from, end(from, len)?, to.wrapping_sub(from), &mut Pages, &mut flush)
            .map_err(map_error)
    }

    fn is_mapped(addr: usize) -> bool {
        RANGE.contains(&addr) && mapper().is_mapped(addr)
    }

    fn resident(addr: usize, len: usize) -> usize {
        end(addr, len).map_or(0, |end| mapper().count(addr, end))
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

    fn prepare(handlers: &'static Handlers) {
        let _ = HANDLERS.set(handlers);
        let range = (RANGE.start as u64, RANGE.end as u64);
        let border = border::Handlers { syscall: on_syscall, exception: on_exception, range };
        // SAFETY: this is the boot processor, in ring 0, and the boot stack is the current thread's.
        unsafe { border::start(memory::stack().end, border) };
    }

    fn enter(registers: &Registers) -> ! {
        ENTERED.store(true, Ordering::Relaxed);
        let mut registers = registers.clone();
        registers.rflags = registers.rflags & USER_FLAGS | ALWAYS_SET;
        // SAFETY: the copy is on the current thread's kernel stack, and nothing returns to what is
        // above it.
        unsafe { border::resume(&registers) }
    }

    fn registers() -> Registers {
        // SAFETY: called in system calls only; the reference ends here.
        unsafe { (*border::registers()).clone() }
    }

    fn set_registers(registers: &Registers) {
        // SAFETY: as above.
        let place = unsafe { &mut *border::registers() };
        *place = registers.clone();
        place.rflags = place.rflags & USER_FLAGS | ALWAYS_SET;
    }

    fn vectors_len() -> usize {
        vector::size()
    }

    fn save_vectors(registers: &Registers, area: &mut [u8]) -> bool {
        with_area(|scratch| {
            scratch.save();
            scratch.set_xmm(&registers.xmm);
            let Some(into) = area.get_mut(..vector::size()) else { return false };
            into.copy_from_slice(scratch.bytes());
            true
        })
    }

    fn load_vectors(registers: &mut Registers, area: &[u8]) -> bool {
        with_area(|scratch| {
            let Some(from) = area.get(..vector::size()) else { return false };
            scratch.bytes_mut().copy_from_slice(from);
            scratch.load();
            registers.xmm = scratch.xmm();
            true
        })
    }

    fn new_thread(stack_end: usize) -> Option<ThreadState> {
        let mut state = ThreadState { stack_end, ..room_for_vectors()? };
        // It starts with the vector registers and control words of who creates it, not with those
        // of who happens to run before it.
        if ENTERED.load(Ordering::Relaxed) {
            state.entered = true;
            state.thread_pointer = Self::thread_pointer();
            if let Some(mut area) = area_of(&mut state) {
                area.save();
            }
        }
        Some(state)
    }

    fn switch_thread(from: &mut ThreadState, to: &mut ThreadState) {
        from.stack_end = border::kernel_stack();
        if ENTERED.load(Ordering::Relaxed) {
            from.entered = true;
            from.thread_pointer = Self::thread_pointer();
            if let Some(mut area) = area_of(from) {
                area.save();
            }
        }
        ENTERED.store(to.entered, Ordering::Relaxed);
        if to.entered {
            Self::set_thread_pointer(to.thread_pointer);
            if let Some(mut area) = area_of(to) {
                area.load();
            }
        }
        // SAFETY: the scheduler says where the stack of the thread ends that runs from now on.
        unsafe { border::set_kernel_stack(to.stack_end) };
    }

    fn drop_thread(state: ThreadState) {
        if let Some(page) = state.vector {
            // SAFETY: `room_for_vectors` allocated it, and the state that knew it is gone.
            unsafe { unilith_mem_api::free(page, VECTOR_PAGES) };
        }
    }
}

/// The flag that is always one, and, where applications are interrupted, that which allows it.
const ALWAYS_SET: u64 = 1 << 1 | if cfg!(feature = "preempt") { border::INTERRUPT_FLAG } else { 0 };
/// Room for the largest format of the vector registers (AVX-512: 2.7 KiB).
const VECTOR_PAGES: usize = 1;

static HANDLERS: Once<&'static Handlers> = Once::new();

/// A thread that has nothing but memory for its vector registers.
fn room_for_vectors() -> Option<ThreadState> {
    let page = unilith_mem_api::allocate(VECTOR_PAGES)?;
    // SAFETY: fresh pages, ours alone.
    unsafe { page.write_bytes(0, VECTOR_PAGES * PAGE) };
    Some(ThreadState { vector: Some(page), ..ThreadState::default() })
}

/// The vector registers of a thread that does not run.
fn area_of(state: &mut ThreadState) -> Option<vector::Area<'_>> {
    let page = state.vector?;
    // SAFETY: the thread's own pages, reached by this reference only.
    let memory = unsafe { core::slice::from_raw_parts_mut(page.as_ptr(), VECTOR_PAGES * PAGE) };
    vector::Area::new(memory)
}

/// Lends memory for vector registers.
fn with_area(act: impl FnOnce(&mut vector::Area<'_>) -> bool) -> bool {
    let Some(mut state) = room_for_vectors() else { return false };
    let done = area_of(&mut state).is_some_and(|mut area| act(&mut area));
    QemuUser::drop_thread(state);
    done
}

extern "C" fn on_syscall(registers: *mut Registers) {
    const ENOSYS: isize = 38;
    // SAFETY: the entry code's registers. No reference to them lives while the call is made, which
    // may read and replace them.
    let call = unsafe {
        let r = &*registers;
        SyscallArgs {
            nr: r.orig_rax as usize,
            args: [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9].map(|register| register as usize),
        }
    };
    let Some(handlers) = HANDLERS.get() else {
        // SAFETY: as above.
        unsafe { (*registers).rax = -ENOSYS as u64 };
        return;
    };
    let result = (handlers.syscall)(&call);
    // SAFETY: as above.
    let registers = unsafe { &mut *registers };
    registers.rax = result as u64;
    // In ring 0 popf changes the interrupt flag, too: who puts other flags there is stopped all the
    // same.
    registers.rflags |= ALWAYS_SET;
    for leave in handlers.leave {
        leave(registers);
    }
}

/// Whether the page can be touched that way now.
pub fn resolve(address: usize, error: u64) -> bool {
    let access = access_of(error);
    RANGE.contains(&address)
        && HANDLERS
            .get()
            .is_some_and(|handlers| handlers.page.iter().any(|page| page(address, access)))
}

fn access_of(error: u64) -> Access {
    match error {
        error if error & trap::PF_FETCH != 0 => Access::Execute,
        error if error & trap::PF_WRITE != 0 => Access::Write,
        _ => Access::Read,
    }
}

/// An interrupt has stopped the application.
fn on_interrupt() {
    crate::input::woken();
    for tick in HANDLERS.get().map_or(&[][..], |handlers| handlers.tick) {
        tick();
    }
}

fn on_exception(exception: &mut Exception) {
    if cfg!(feature = "preempt") && exception.vector == u64::from(interrupt::WAKE) {
        on_interrupt();
    } else {
        on_fault(exception);
    }
    if let Some(handlers) = HANDLERS.get() {
        for leave in handlers.leave {
            leave(&mut exception.registers);
        }
    }
    let flags = &mut exception.registers.rflags;
    *flags = *flags & USER_FLAGS | ALWAYS_SET;
}

fn on_fault(exception: &mut Exception) {
    let address = exception.address as usize;
    if exception.vector == trap::PAGE_FAULT && resolve(address, exception.error) {
        return;
    }
    let trap = match exception.vector {
        0 => Trap::Divide,
        1 => Trap::Debug,
        3 => Trap::Breakpoint,
        6 => Trap::Opcode,
        16 | 19 => Trap::Float,
        17 => Trap::Alignment,
        trap::PAGE_FAULT => Trap::Memory(address, access_of(exception.error)),
        _ => Trap::Protection,
    };
    let handled = HANDLERS.get().is_some_and(|handlers| {
        handlers.trap.iter().any(|handle| handle(&mut exception.registers, trap))
    });
    if !handled {
        crate::crash::on_user_exception(exception);
    }
}
