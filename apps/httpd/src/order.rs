//! Which connection did nothing for the longest time.

use alloc::vec::Vec;

/// Its neighbours in a ring, one longer and one shorter without work.
#[derive(Clone, Copy)]
struct Links {
    before: usize,
    after: usize,
}

/// Where the ring begins and ends. The place of an index is one more.
const HEAD: usize = 0;

/// Indices of connections in the order in which they did something last. Every change takes the
/// same time, however many there are, and the memory is that of the highest index.
pub struct Order {
    ring: Vec<Links>,
}

impl Default for Order {
    fn default() -> Self {
        Self { ring: alloc::vec![Links { before: HEAD, after: HEAD }] }
    }
}

impl Order {
    /// `index` did something, just now: it becomes the last. It need not have been there.
    pub fn touch(&mut self, index: usize) {
        let place = index + 1;
        for alone in self.ring.len()..=place {
            self.ring.push(Links { before: alone, after: alone });
        }
        self.remove(index);
        let last = core::mem::replace(&mut self.ring[HEAD].before, place);
        self.ring[last].after = place;
        self.ring[place] = Links { before: last, after: HEAD };
    }

    /// `index` is gone.
    pub fn remove(&mut self, index: usize) {
        let place = index + 1;
        if let Some(&Links { before, after }) = self.ring.get(place) {
            self.ring[before].after = after;
            self.ring[after].before = before;
            self.ring[place] = Links { before: place, after: place };
        }
    }

    /// From the one that did nothing for the longest time to the one that did something last.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        let next = |place: &usize| Some(self.ring[*place].after);
        let places = core::iter::successors(next(&HEAD), next);
        places.take_while(|&place| place != HEAD).map(|place| place - 1)
    }
}
