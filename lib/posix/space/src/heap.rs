//! The heap: the area after the program that brk(2) moves the end of.

use crate::areas::{Area, Areas, Origin};
use crate::round_up;
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

    pub fn resize(&mut self, areas: &mut Areas, owner: u32, end: usize) -> usize {
        if self.start != 0 && end >= self.start && self.try_resize(areas, owner, end).is_some() {
            self.end = end;
        }
        self.end
    }

    fn try_resize(&mut self, areas: &mut Areas, owner: u32, end: usize) -> Option<()> {
        let (old, new) = (round_up(self.end).ok()?, round_up(end).ok()?);
        if new < old {
            return areas.remove(owner, new, old).ok().map(drop);
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
