//! The list of areas, kept in step with the platform's mappings.

use crate::object::Mapping;
use alloc::vec::Vec;
use core::ops::Range;
use unilith_posix_abi::{Errno, Result};
use unilith_posix_api::{Prot, protect, unmap};

/// Where the contents of an area come from.
#[derive(Clone, PartialEq, Eq)]
pub enum Origin {
    /// Zeros.
    Anonymous,
    /// A part of a file, page by page on the first touch.
    File(Mapping),
}

impl Origin {
    /// The origin of what is `bytes` further on in the same area.
    pub(crate) fn after(&self, bytes: usize) -> Self {
        match self {
            Self::Anonymous => Self::Anonymous,
            Self::File(mapping) => Self::File(mapping.after(bytes)),
        }
    }
}

/// A part of the address space.
#[derive(Clone, PartialEq, Eq)]
pub struct Area {
    /// First address.
    pub start: usize,
    /// The address after the last.
    pub end: usize,
    /// What may be done with it.
    pub prot: Prot,
    /// Where its contents come from.
    pub origin: Origin,
    /// Whose it is.
    pub owner: u32,
}

impl Area {
    /// Whether `next` is the same thing going on.
    fn is_continued_by(&self, next: &Self) -> bool {
        self.end == next.start
            && (self.prot, self.owner) == (next.prot, next.owner)
            && self.origin.after(self.end - self.start) == next.origin
    }

    /// Cuts it in two: what is from `at` on.
    fn split_off(&mut self, at: usize) -> Self {
        let origin = self.origin.after(at - self.start);
        let rest = Self { start: at, origin, ..*self };
        self.end = at;
        rest
    }
}

/// All areas of all owners, by ascending address. They do not overlap. To an owner the areas of
/// others are neither free nor mapped: it can do nothing to them. A sorted vector rather than a tree: it
/// is small code, and programs have tens of areas, rarely thousands.
pub struct Areas(Vec<Area>);

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

    /// The area at `addr`.
    pub fn at(&self, addr: usize) -> Option<&Area> {
        self.0.get(self.after(addr)).filter(|area| area.start <= addr)
    }

    /// The area of `owner` at `addr`.
    pub fn own(&self, owner: u32, addr: usize) -> Option<&Area> {
        self.at(addr).filter(|area| area.owner == owner)
    }

    /// Whether an area in `start..end` is not `owner`'s.
    pub fn meets_other(&self, owner: u32, start: usize, end: usize) -> bool {
        let mut there = self.0[self.after(start)..].iter().take_while(|area| area.start < end);
        there.any(|area| area.owner != owner)
    }

    /// All of them, from low to high addresses.
    pub fn iter(&self) -> impl Iterator<Item = &Area> {
        self.0.iter()
    }

    pub fn covers(&self, owner: u32, start: usize, end: usize) -> bool {
        let mut at = start;
        while at < end {
            match self.own(owner, at) {
                Some(area) => at = area.end,
                None => return false,
            }
        }
        true
    }

    /// Adds an area where there is none. Nothing is mapped before it is touched.
    pub fn insert(&mut self, area: Area) -> Result<()> {
        self.0.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        let (start, end) = (area.start, area.end);
        self.0.insert(self.from(start), area);
        self.merge(start, end);
        Ok(())
    }

    /// Removes what `owner` has there: the areas, which the caller drops when nothing is locked, as
    /// they may be the last to keep a file.
    #[must_use = "dropping an area may call a file system"]
    pub fn remove(&mut self, owner: u32, start: usize, end: usize) -> Result<Vec<Area>> {
        let inside = self.cut(start, end)?;
        for area in self.0[inside.clone()].iter().filter(|area| area.owner == owner) {
            unmap(area.start, area.end - area.start)?;
        }
        Ok(self.0.extract_if(inside, |area| area.owner == owner).collect())
    }

    pub fn protect(&mut self, owner: u32, start: usize, end: usize, prot: Prot) -> Result<()> {
        if !self.covers(owner, start, end) {
            return Err(Errno::ENOMEM);
        }
        let inside = self.cut(start, end)?;
        let shared = |area: &Area| matches!(&area.origin, Origin::File(file) if file.shared);
        if prot.write && self.0[inside.clone()].iter().any(shared) {
            return Err(Errno::EACCES);
        }
        for area in &mut self.0[inside] {
            protect(area.start, area.end - area.start, prot)?;
            area.prot = prot;
        }
        self.merge(start, end);
        Ok(())
    }

    /// Drops the contents: they are again what they were at first.
    pub fn discard(&mut self, owner: u32, start: usize, end: usize) -> Result<()> {
        if !self.covers(owner, start, end) {
            return Err(Errno::ENOMEM);
        }
        unmap(start, end - start).map_err(Into::into)
    }

    /// Makes sure that no area goes across `start` or `end`; which ones are between.
    fn cut(&mut self, start: usize, end: usize) -> Result<Range<usize>> {
        self.0.try_reserve(2).map_err(|_| Errno::ENOMEM)?;
        for addr in [start, end] {
            let index = self.after(addr);
            if let Some(area) = self.0.get_mut(index).filter(|area| area.start < addr) {
                let rest = area.split_off(addr);
                self.0.insert(index + 1, rest);
            }
        }
        Ok(self.from(start)..self.from(end))
    }

    /// Joins areas in and next to `start..end` that differ in nothing.
    fn merge(&mut self, start: usize, end: usize) {
        let first = self.from(start).saturating_sub(1);
        let mut last = (self.from(end) + 1).min(self.0.len());
        let mut index = first + 1;
        while index < last {
            if self.0[index - 1].is_continued_by(&self.0[index]) {
                self.0[index - 1].end = self.0[index].end;
                self.0.remove(index);
                last -= 1;
            } else {
                index += 1;
            }
        }
    }
}
