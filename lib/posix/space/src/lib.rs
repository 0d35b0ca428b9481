//! Who owns which part of an application's address space.
//!
//! The platform maps pages and knows nothing about why. This crate keeps the list of areas (what
//! Linux calls VMAs), finds room, and is the one place that decides what may be mapped: never
//! something that is writable and executable at once. The loader and the memory calls share it.
//!
//! The platform backs what it maps with memory at once. So an area that nobody may touch is not
//! mapped at all until it is made accessible: allocators that reserve much and use little stay
//! cheap.
//!
//! All processes live in this one address space. Every area has an owner, the memory
//! ([`unilith_posix_task::own_memory`]) of the thread that mapped it; to others it is neither free
//! nor mapped.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod areas;
mod heap;

pub use areas::{Area, Origin};

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
    fn heap(&mut self, owner: u32) -> &mut heap::Heap {
        let known = self.heaps.iter().position(|(known, _)| *known == owner);
        let index = known.unwrap_or_else(|| {
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

/// Maps an area of `len` bytes (rounded up to pages), filled with zeros: its address.
///
/// # Errors
/// EACCES for something writable and executable, EINVAL for an address that is not page-aligned
/// or a length of 0, ENOMEM if there is no room or no memory, EEXIST for [`Place::Exactly`].
pub fn map(place: Place, len: usize, prot: Prot, origin: Origin) -> Result<usize> {
    check(prot)?;
    if len == 0 {
        return Err(Errno::EINVAL);
    }
    let len = round_up(len)?;
    let range = unilith_posix_api::range();
    let owner = own_memory();
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
                space.areas.remove(owner, addr, end)?;
            }
            addr
        }
    };
    space.areas.insert(owner, addr, addr + len, prot, origin)?;
    Ok(addr)
}

/// Unmaps everything in `addr..addr + len`.
pub fn unmap(addr: usize, len: usize) -> Result<()> {
    let end = checked(addr, len).map_err(|_| Errno::EINVAL)?;
    if len == 0 || end > unilith_posix_api::range().end {
        return Err(Errno::EINVAL);
    }
    let owner = own_memory();
    SPACE.lock().areas.remove(owner, addr, end)
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

/// Says what an area is, now that it has been filled: what may be done with it, and where its
/// contents come from. All of it was mapped as [`Origin::Anonymous`].
pub fn settle(addr: usize, len: usize, prot: Prot, origin: Origin) -> Result<()> {
    check(prot)?;
    let end = checked(addr, len)?;
    let owner = own_memory();
    let mut space = SPACE.lock();
    space.areas.protect(owner, addr, end, prot)?;
    space.areas.set_origin(addr, end, origin)
}

/// Calls `act` while `addr..addr + len` can be read, also if its protection, `prot`, forbids it.
pub fn with_readable<T>(
    addr: usize,
    len: usize,
    prot: Prot,
    act: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if prot.read {
        return act();
    }
    protect(addr, len, Prot::R)?;
    let result = act();
    protect(addr, len, prot)?;
    result
}

/// Makes `addr..addr + len` of private anonymous memory zero again (MADV_DONTNEED).
/// EINVAL if something else is there, ENOMEM if there is a hole.
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

/// The area at `addr`, with the part of it from `addr` on.
pub fn area(addr: usize) -> Option<Area> {
    let owner = own_memory();
    SPACE.lock().areas.at(owner, addr)
}

/// Makes the area that ends at `addr + old` longer in place, if there is room. One that is below
/// the stack stays below what is kept for it.
pub fn extend(addr: usize, old: usize, new: usize) -> Result<()> {
    let owner = own_memory();
    let mut space = SPACE.lock();
    let area = space.areas.at(owner, addr).ok_or(Errno::EFAULT)?;
    let (old_end, end) = (checked(addr, old)?, checked(addr, new)?);
    let limit = if addr < space.top() { space.top() } else { unilith_posix_api::range().end };
    if end > limit || !space.areas.is_free(old_end, end) {
        return Err(Errno::ENOMEM);
    }
    space.areas.insert(owner, old_end, end, area.prot, area.origin)
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
    let end = heap.resize(&mut space.areas, owner, end);
    *space.heap(owner) = heap;
    end
}

/// Frees everything that `memory` (of [`unilith_posix_task::own_memory`]) owns, which no thread has
/// any more.
pub fn release(memory: u32) -> Result<()> {
    let range = unilith_posix_api::range();
    let mut space = SPACE.lock();
    space.heaps.retain(|(owner, _)| *owner != memory);
    space.areas.remove(memory, range.start, range.end)
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
