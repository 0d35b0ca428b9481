//! The list of areas, kept in step with the platform's mappings.

use alloc::vec::Vec;
use core::ops::Range;
use unilith_posix_abi::{Errno, Result};
use unilith_posix_api::{Prot, map, protect, unmap};

/// Where the contents of an area come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Zeros.
    Anonymous,
    /// A private copy of a file.
    Private,
    /// A file that cannot change, which others could share: never writable.
    Shared,
}

/// A part of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First address.
    pub start: usize,
    /// The address after the last.
    pub end: usize,
    /// What may be done with it.
    pub prot: Prot,
    /// Where its contents come from.
    pub origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Attributes {
    /// Whose it is.
    owner: u32,
    prot: Prot,
    origin: Origin,
    /// The platform has mapped it.
    backed: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    end: usize,
    attributes: Attributes,
}

/// All areas of all owners, by ascending address. They do not overlap. An owner can do nothing to
/// the areas of another: to it they are neither free nor mapped. A sorted vector rather than a tree: it
/// is small code, and programs have tens of areas, rarely thousands.
pub struct Areas(Vec<Entry>);

const NONE: Prot = Prot { read: false, write: false, exec: false };

impl Areas {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Where the first area is that starts at or after `addr`.
    fn from(&self, addr: usize) -> usize {
        self.0.partition_point(|area| area.start < addr)
    }

    /// Where the first area is that ends after `addr`.
    fn after(&self, addr: usize) -> usize {
        self.0.partition_point(|area| area.end <= addr)
    }

    pub fn is_free(&self, start: usize, end: usize) -> bool {
        self.0.get(self.after(start)).is_none_or(|area| area.start >= end)
    }

    /// The highest address in `range` where `len` bytes are free.
    pub fn find_free(&self, range: Range<usize>, len: usize) -> Option<usize> {
        let mut end = range.end;
        for area in self.0[..self.from(range.end)].iter().rev() {
            if end.checked_sub(area.end).is_some_and(|room| room >= len) {
                break;
            }
            end = area.start.min(end);
        }
        end.checked_sub(len).filter(|&start| start >= range.start)
    }

    pub fn at(&self, owner: u32, addr: usize) -> Option<Area> {
        let entry = self.0.get(self.after(addr)).filter(|entry| entry.start <= addr)?;
        (entry.attributes.owner == owner).then(|| entry.area())
    }

    pub fn covers(&self, owner: u32, start: usize, end: usize) -> bool {
        let mut at = start;
        while at < end {
            match self.at(owner, at) {
                Some(area) => at = area.end,
                None => return false,
            }
        }
        true
    }

    /// Adds an area where there is none.
    pub fn insert(
        &mut self,
        owner: u32,
        start: usize,
        end: usize,
        prot: Prot,
        origin: Origin,
    ) -> Result<()> {
        self.0.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        let backed = prot != NONE;
        if backed {
            map(start, end - start, prot)?;
        }
        let attributes = Attributes { owner, prot, origin, backed };
        self.0.insert(self.from(start), Entry { start, end, attributes });
        self.merge(start, end);
        Ok(())
    }

    /// Removes what the owner has there; other areas stay.
    pub fn remove(&mut self, owner: u32, start: usize, end: usize) -> Result<()> {
        let inside = self.cut(start, end)?;
        for entry in &self.0[inside.clone()] {
            if entry.attributes.backed && entry.attributes.owner == owner {
                unmap(entry.start, entry.end - entry.start)?;
            }
        }
        let mut kept = inside.start;
        for index in inside.clone() {
            let entry = self.0[index];
            if entry.attributes.owner != owner {
                self.0[kept] = entry;
                kept += 1;
            }
        }
        self.0.drain(kept..inside.end);
        Ok(())
    }

    /// Whether an area there belongs to another.
    pub fn meets_other(&self, owner: u32, start: usize, end: usize) -> bool {
        let mut there = self.0[self.after(start)..].iter().take_while(|area| area.start < end);
        there.any(|area| area.attributes.owner != owner)
    }

    pub fn protect(&mut self, owner: u32, start: usize, end: usize, prot: Prot) -> Result<()> {
        if !self.covers(owner, start, end) {
            return Err(Errno::ENOMEM);
        }
        let inside = self.cut(start, end)?;
        let shared = |entry: &Entry| entry.attributes.origin == Origin::Shared;
        if prot.write && self.0[inside.clone()].iter().any(shared) {
            return Err(Errno::EACCES);
        }
        for Entry { start, end, attributes } in &mut self.0[inside] {
            if attributes.backed {
                protect(*start, *end - *start, prot)?;
            } else if prot != NONE {
                map(*start, *end - *start, prot)?;
                attributes.backed = true;
            }
            attributes.prot = prot;
        }
        self.merge(start, end);
        Ok(())
    }

    pub fn set_origin(&mut self, start: usize, end: usize, origin: Origin) -> Result<()> {
        let inside = self.cut(start, end)?;
        for entry in &mut self.0[inside] {
            entry.attributes.origin = origin;
        }
        self.merge(start, end);
        Ok(())
    }

    pub fn discard(&mut self, owner: u32, start: usize, end: usize) -> Result<()> {
        if !self.covers(owner, start, end) {
            return Err(Errno::ENOMEM);
        }
        let inside = self.cut(start, end)?;
        let anonymous = |entry: &Entry| entry.attributes.origin == Origin::Anonymous;
        if !self.0[inside.clone()].iter().all(anonymous) {
            return Err(Errno::EINVAL);
        }
        for Entry { start, end, attributes } in &mut self.0[inside] {
            if attributes.backed {
                unmap(*start, *end - *start)?;
                // If the memory is gone now, it is not claimed that it is there.
                attributes.backed = false;
                map(*start, *end - *start, attributes.prot)?;
                attributes.backed = true;
            }
        }
        self.merge(start, end);
        Ok(())
    }

    /// Makes sure that no area goes across `start` or `end`; which ones are between.
    fn cut(&mut self, start: usize, end: usize) -> Result<Range<usize>> {
        self.0.try_reserve(2).map_err(|_| Errno::ENOMEM)?;
        for addr in [start, end] {
            let index = self.after(addr);
            let Some(entry) = self.0.get_mut(index).filter(|entry| entry.start < addr) else {
                continue;
            };
            let before = Entry { end: addr, ..*entry };
            entry.start = addr;
            self.0.insert(index, before);
        }
        Ok(self.from(start)..self.from(end))
    }

    /// Joins areas in and next to `start..end` that differ in nothing.
    fn merge(&mut self, start: usize, end: usize) {
        let first = self.from(start).saturating_sub(1);
        let last = (self.from(end) + 1).min(self.0.len());
        let mut kept = first;
        for index in first + 1..last {
            let next = self.0[index];
            let current = &mut self.0[kept];
            if current.end == next.start && current.attributes == next.attributes {
                current.end = next.end;
            } else {
                kept += 1;
                self.0[kept] = next;
            }
        }
        if kept + 1 < last {
            self.0.drain(kept + 1..last);
        }
    }
}

impl Entry {
    fn area(&self) -> Area {
        let Attributes { prot, origin, .. } = self.attributes;
        Area { start: self.start, end: self.end, prot, origin }
    }
}
