//! The heap: the area after the program that brk(2) moves the end of.

use crate::areas::{Area, Areas, Origin};
use crate::round_up;
use alloc::vec::Vec;
use unilith_posix_api::Prot;

/// The heap of one owner, if a program has been loaded for it.
#[derive(Clone, Copy)]
pub struct Heap {
    start: usize,
    /// Its end, to the byte; pages are mapped up to the next page.
    end: usize,
}

impl Heap {
    pub const fn new() -> Self {
        Self { start: 0, end: 0 }
    }

    pub fn start(&mut self, at: usize) {
        *self = Self { start: at, end: at };
    }

    /// Moves its end to `end`, if that is possible. What the heap does not have any more is put
    /// into `removed`, to be dropped when nothing is locked: a file may be mapped there.
    pub fn resize(&mut self, areas: &mut Areas, owner: u32, end: usize, removed: &mut Vec<Area>) {
        let possible = self.start != 0 && end >= self.start;
        if possible && self.try_resize(areas, owner, end, removed).is_some() {
            self.end = end;
        }
    }

    /// Its end.
    pub fn end(&self) -> usize {
        self.end
    }

    fn try_resize(
        &mut self,
        areas: &mut Areas,
        owner: u32,
        end: usize,
        removed: &mut Vec<Area>,
    ) -> Option<()> {
        let (old, new) = (round_up(self.end).ok()?, round_up(end).ok()?);
        if new < old {
            *removed = areas.remove(owner, new, old).ok()?;
            return Some(());
        }
        if new > old {
            if new > unilith_posix_api::range().end || !areas.is_free(old, new) {
                return None;
            }
            crate::check_promise(new - old, Prot::RW).ok()?;
            let (prot, origin) = (Prot::RW, Origin::Anonymous);
            return areas.insert(Area { start: old, end: new, prot, origin, owner }).ok();
        }
        Some(())
    }
}
