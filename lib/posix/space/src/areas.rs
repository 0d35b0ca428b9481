//! The list of areas, kept in step with the platform's mappings.

use alloc::collections::BTreeMap;
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
    prot: Prot,
    origin: Origin,
    /// The platform has mapped it.
    backed: bool,
}

/// All areas, by start. They do not overlap.
pub struct Areas(BTreeMap<usize, (usize, Attributes)>);

const NONE: Prot = Prot { read: false, write: false, exec: false };

impl Areas {
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub fn is_free(&self, start: usize, end: usize) -> bool {
        self.0.range(..end).next_back().is_none_or(|(_, &(last, _))| last <= start)
    }

    /// The highest address in `range` where `len` bytes are free.
    pub fn find_free(&self, range: Range<usize>, len: usize) -> Option<usize> {
        let mut end = range.end;
        for (&start, &(last, _)) in self.0.range(..range.end).rev() {
            if end.checked_sub(last).is_some_and(|room| room >= len) {
                break;
            }
            end = start.min(end);
        }
        end.checked_sub(len).filter(|&start| start >= range.start)
    }

    pub fn at(&self, addr: usize) -> Option<Area> {
        let (_, &(end, attributes)) = self.0.range(..=addr).next_back()?;
        let Attributes { prot, origin, .. } = attributes;
        (addr < end).then_some(Area { start: addr, end, prot, origin })
    }

    pub fn for_each(&self, visit: &mut dyn FnMut(Area)) {
        for (&start, &(end, Attributes { prot, origin, .. })) in &self.0 {
            visit(Area { start, end, prot, origin });
        }
    }

    pub fn covers(&self, start: usize, end: usize) -> bool {
        let mut at = start;
        while at < end {
            match self.at(at) {
                Some(area) => at = area.end,
                None => return false,
            }
        }
        true
    }

    /// Adds an area where there is none.
    pub fn insert(&mut self, start: usize, end: usize, prot: Prot, origin: Origin) -> Result<()> {
        let backed = prot != NONE;
        if backed {
            map(start, end - start, prot)?;
        }
        self.0.insert(start, (end, Attributes { prot, origin, backed }));
        self.merge(start, end);
        Ok(())
    }

    pub fn remove(&mut self, start: usize, end: usize) -> Result<()> {
        self.split(start);
        self.split(end);
        for (start, (end, attributes)) in self.inside(start, end) {
            if attributes.backed {
                unmap(start, end - start)?;
            }
            self.0.remove(&start);
        }
        Ok(())
    }

    pub fn protect(&mut self, start: usize, end: usize, prot: Prot) -> Result<()> {
        if !self.covers(start, end) {
            return Err(Errno::ENOMEM);
        }
        self.split(start);
        self.split(end);
        let inside = self.inside(start, end);
        if prot.write && inside.iter().any(|(_, (_, a))| a.origin == Origin::Shared) {
            return Err(Errno::EACCES);
        }
        for (start, (end, attributes)) in inside {
            let backed = attributes.backed || prot != NONE;
            match (attributes.backed, backed) {
                (true, _) => protect(start, end - start, prot)?,
                (false, true) => map(start, end - start, prot)?,
                (false, false) => {}
            }
            self.0.insert(start, (end, Attributes { prot, backed, ..attributes }));
        }
        self.merge(start, end);
        Ok(())
    }

    pub fn set_origin(&mut self, start: usize, end: usize, origin: Origin) {
        self.split(start);
        self.split(end);
        for (_, (_, attributes)) in self.0.range_mut(start..end) {
            attributes.origin = origin;
        }
        self.merge(start, end);
    }

    pub fn discard(&mut self, start: usize, end: usize) -> Result<()> {
        if !self.covers(start, end) {
            return Err(Errno::ENOMEM);
        }
        self.split(start);
        self.split(end);
        let inside = self.inside(start, end);
        if inside.iter().any(|(_, (_, attributes))| attributes.origin != Origin::Anonymous) {
            return Err(Errno::EINVAL);
        }
        for (start, (end, attributes)) in inside {
            if attributes.backed {
                unmap(start, end - start)?;
                if let Err(error) = map(start, end - start, attributes.prot) {
                    self.0.remove(&start); // the memory is gone: do not claim it
                    return Err(error.into());
                }
            }
        }
        self.merge(start, end);
        Ok(())
    }

    fn inside(&self, start: usize, end: usize) -> Vec<(usize, (usize, Attributes))> {
        self.0.range(start..end).map(|(&start, &area)| (start, area)).collect()
    }

    /// Makes sure that no area goes across `addr`.
    fn split(&mut self, addr: usize) {
        if let Some((_, area)) = self.0.range_mut(..addr).next_back() {
            let (end, attributes) = *area;
            if addr < end {
                area.0 = addr;
                self.0.insert(addr, (end, attributes));
            }
        }
    }

    /// Joins areas in and next to `start..end` that differ in nothing.
    fn merge(&mut self, start: usize, end: usize) {
        let first = self.0.range(..start).next_back().map_or(start, |(&start, _)| start);
        let mut previous: Option<(usize, (usize, Attributes))> = None;
        let nearby: Vec<_> = self.0.range(first..=end).map(|(&s, &area)| (s, area)).collect();
        for (start, (end, attributes)) in nearby {
            match previous {
                Some((s, (e, a))) if e == start && a == attributes => {
                    self.0.remove(&start);
                    self.0.insert(s, (end, attributes));
                    previous = Some((s, (end, attributes)));
                }
                _ => previous = Some((start, (end, attributes))),
            }
        }
    }
}
