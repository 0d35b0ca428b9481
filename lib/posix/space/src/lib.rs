//! Who owns which part of an application's address space.
//!
//! The platform maps pages and knows nothing about why. This crate keeps the list of areas (what
//! Linux calls VMAs), finds room, and is the one place that decides what may be mapped: never
//! something that is writable and executable at once. The loader and the memory calls share it.
//!
//! An area is a promise: pages come on the first touch ([`fault`]), as zeros or from a file. So
//! allocators that reserve much and use little stay cheap, and of a program's file only what runs
//! is copied.
//!
//! All processes live in this one address space. Every area has an owner, the memory
//! ([`own_memory`]) of the thread that mapped it; to others it is neither free nor mapped.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod areas;
mod fault;
mod heap;
mod object;
mod procfs;

pub use areas::{Area, Origin};
pub use fault::{fault, populate};
pub use object::{Mapping, Object};
pub use procfs::{PROCFS, Sizes, sizes};

use alloc::vec::Vec;
use areas::Areas;
use unilith_posix_abi::{Errno, Result};
use unilith_posix_api::Prot;
use unilith_posix_task::own_memory;
use unilith_sync::Lock;

/// Bytes in a page.
pub const PAGE: usize = 4096;

/// Where a new area should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Wherever there is room, at this address if possible.
    Anywhere(usize),
    /// Wherever there is room below this address.
    Below(usize),
    /// Here; what is here goes away.
    Replace(usize),
    /// Here, if there is nothing yet.
    Exactly(usize),
}

struct Space {
    areas: Areas,
    /// By owner.
    heaps: Vec<(u32, heap::Heap)>,
    /// New areas are put below; the stack is above. 0: not set yet.
    top: usize,
}

impl Space {
    /// The heap of `owner`.
    fn heap(&mut self, owner: u32) -> &mut heap::Heap {
        let known = self.heaps.iter().position(|(known, _)| *known == owner);
        let index = known.unwrap_or_else(|| {
            // The first thing that is asked of a new owner.
            unilith_posix_task::on_memory_end(release);
            self.heaps.push((owner, heap::Heap::new()));
            self.heaps.len() - 1
        });
        &mut self.heaps[index].1
    }

    /// The end of where new areas may be, unless somebody asks for an address above.
    fn top(&self) -> usize {
        if self.top == 0 { unilith_posix_api::range().end } else { self.top }
    }
}

static SPACE: Lock<Space> = Lock::new(Space { areas: Areas::new(), heaps: Vec::new(), top: 0 });

/// `len` in whole pages; ENOMEM if there is no such number.
pub fn round_up(len: usize) -> Result<usize> {
    len.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)
}

/// Maps an area of `len` bytes (rounded up to pages): its address.
///
/// # Errors
/// EACCES for something writable and executable, or writable and shared; EINVAL for an address
/// that is not page-aligned or a length of 0; ENOMEM if there is no room; EEXIST for
/// [`Place::Exactly`].
pub fn map(place: Place, len: usize, prot: Prot, origin: Origin) -> Result<usize> {
    check(prot)?;
    if len == 0 {
        return Err(Errno::EINVAL);
    }
    if prot.write && matches!(&origin, Origin::File(file) if file.shared) {
        return Err(Errno::EACCES);
    }
    let len = round_up(len)?;
    let range = unilith_posix_api::range();
    let owner = own_memory();
    let mut removed = Vec::new();
    let mut space = SPACE.lock();
    let top = space.top();
    let free = |space: &Space, top| space.areas.find_free(range.start..top, len);
    let addr = match place {
        Place::Anywhere(hint) => {
            let hint = hint & !(PAGE - 1);
            let end = hint.checked_add(len);
            let fits = hint >= range.start && end.is_some_and(|end| end <= range.end);
            if fits && space.areas.is_free(hint, hint + len) {
                hint
            } else {
                free(&space, top).ok_or(Errno::ENOMEM)?
            }
        }
        Place::Below(limit) => free(&space, limit.min(top)).ok_or(Errno::ENOMEM)?,
        Place::Replace(addr) | Place::Exactly(addr) => {
            let end = addr.checked_add(len).ok_or(Errno::ENOMEM)?;
            if addr % PAGE != 0 {
                return Err(Errno::EINVAL);
            }
            if addr < range.start || end > range.end {
                return Err(if addr < range.start { Errno::EPERM } else { Errno::ENOMEM });
            }
            if !space.areas.is_free(addr, end) {
                if let Place::Exactly(_) = place {
                    return Err(Errno::EEXIST);
                }
                if space.areas.meets_other(owner, addr, end) {
                    return Err(Errno::ENOMEM);
                }
                removed = space.areas.remove(owner, addr, end)?;
            }
            addr
        }
    };
    space.areas.insert(Area { start: addr, end: addr + len, prot, origin, owner })?;
    drop(space);
    drop(removed);
    Ok(addr)
}

/// Where `len` bytes (rounded up to pages) are free now. ENOMEM if there is no room.
pub fn find_room(len: usize) -> Result<usize> {
    let (len, start) = (round_up(len)?, unilith_posix_api::range().start);
    let space = SPACE.lock();
    space.areas.find_free(start..space.top(), len).ok_or(Errno::ENOMEM)
}

/// Unmaps everything in `addr..addr + len`.
pub fn unmap(addr: usize, len: usize) -> Result<()> {
    let end = checked(addr, len).map_err(|_| Errno::EINVAL)?;
    if len == 0 || end > unilith_posix_api::range().end {
        return Err(Errno::EINVAL);
    }
    let owner = own_memory();
    let removed = SPACE.lock().areas.remove(owner, addr, end)?;
    drop(removed);
    Ok(())
}

/// Changes what may be done with `addr..addr + len`. ENOMEM if there is a hole in it.
pub fn protect(addr: usize, len: usize, prot: Prot) -> Result<()> {
    check(prot)?;
    let end = checked(addr, len)?;
    if len == 0 {
        return Ok(());
    }
    let owner = own_memory();
    SPACE.lock().areas.protect(owner, addr, end, prot)
}

/// Makes the contents of `addr..addr + len` what they were at first (MADV_DONTNEED). ENOMEM if
/// there is a hole.
pub fn discard(addr: usize, len: usize) -> Result<()> {
    let end = checked(addr, len)?;
    let owner = own_memory();
    SPACE.lock().areas.discard(owner, addr, end)
}

/// Checks that all of `addr..addr + len` is mapped. ENOMEM if not.
pub fn check_mapped(addr: usize, len: usize) -> Result<()> {
    let end = checked(addr, len)?;
    let owner = own_memory();
    if SPACE.lock().areas.covers(owner, addr, end) { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// The area at `addr`.
pub fn area(addr: usize) -> Option<Area> {
    let owner = own_memory();
    SPACE.lock().areas.own(owner, addr).cloned()
}

/// Calls `visit` for every area of the current process, from low to high addresses. It must not come back here.
pub fn for_each(visit: &mut dyn FnMut(&Area)) {
    let owner = own_memory();
    SPACE.lock().areas.iter().filter(|area| area.owner == owner).for_each(visit);
}

/// Makes the area that ends at `addr + old` longer in place, if there is room. One that is below
/// the stack stays below what is kept for it.
pub fn extend(addr: usize, old: usize, new: usize) -> Result<()> {
    let owner = own_memory();
    let mut space = SPACE.lock();
    let area = space.areas.own(owner, addr).cloned().ok_or(Errno::EFAULT)?;
    let (old_end, end) = (checked(addr, old)?, checked(addr, new)?);
    let limit = if addr < space.top() { space.top() } else { unilith_posix_api::range().end };
    if end > limit || !space.areas.is_free(old_end, end) {
        return Err(Errno::ENOMEM);
    }
    check_promise(end.saturating_sub(old_end), area.prot)?;
    let origin = area.origin.after(old_end - area.start);
    space.areas.insert(Area { start: old_end, end, prot: area.prot, origin, owner })
}

/// Moves `addr..addr + len`, a part of one area, with its pages to `to..to + len`, which the caller
/// has just mapped with `map` for it; the old place is free afterwards.
pub fn relocate(addr: usize, to: usize, len: usize) -> Result<()> {
    let end = checked(addr, len)?;
    unilith_posix_api::relocate(addr, to, len)?;
    let owner = own_memory();
    let removed = SPACE.lock().areas.remove(owner, addr, end)?;
    drop(removed);
    Ok(())
}

/// Has new areas put below `top`: what is above is the stack's.
pub fn set_top(top: usize) {
    SPACE.lock().top = top;
}

/// Starts the heap (brk) at the first page from `addr` on.
pub fn set_heap(addr: usize) -> Result<()> {
    let (owner, start) = (own_memory(), round_up(addr)?);
    SPACE.lock().heap(owner).start(start);
    Ok(())
}

/// Moves the end of the heap; where it is afterwards. What is impossible changes nothing.
pub fn heap(end: usize) -> usize {
    let owner = own_memory();
    let mut space = SPACE.lock();
    let mut heap = *space.heap(owner);
    let mut removed = Vec::new();
    heap.resize(&mut space.areas, owner, end, &mut removed);
    *space.heap(owner) = heap;
    drop(space);
    drop(removed);
    heap.end()
}

/// Frees everything that `memory` owns, which no thread has any more.
fn release(memory: u32) {
    let range = unilith_posix_api::range();
    let removed = {
        let mut space = SPACE.lock();
        space.heaps.retain(|(owner, _)| *owner != memory);
        // Only too little memory to cut areas in two can stop it, and here none is cut.
        space.areas.remove(memory, range.start, range.end)
    };
    drop(removed);
}

/// Pages that no promise takes: for page tables, and for the kernel's own work.
const KEPT: usize = 128;

/// Linux's heuristic: a single promise of more than all memory that is free will not be kept.
/// ENOMEM then.
pub fn check_promise(len: usize, prot: Prot) -> Result<()> {
    let kept = !prot.write || len / PAGE + KEPT <= unilith_mem_api::free_pages();
    if kept { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// A promise cannot be kept: ends the image, as Linux ends a process (SIGKILL).
fn out_of_memory() -> ! {
    const KILLED: u8 = 128 + 9;
    let text = b"unilith: out of memory: the application wrote to more than there is; give the machine more (-m)\n";
    unilith_platform::console_write(unilith_platform::Stream::Err, text);
    unilith_exit::exit(KILLED)
}

fn check(prot: Prot) -> Result<()> {
    if prot.write && prot.exec { Err(Errno::EACCES) } else { Ok(()) }
}

fn checked(addr: usize, len: usize) -> Result<usize> {
    if !addr.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    addr.checked_add(round_up(len)?).ok_or(Errno::ENOMEM)
}
