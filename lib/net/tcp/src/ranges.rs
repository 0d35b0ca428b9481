//! What was received out of order.

use crate::segment::RANGES;
use crate::seq::{at_most, before, later};

/// Gaps that are tolerated: what would need more is dropped, and sent again.
const MAX: usize = 8;

/// Ranges of sequence numbers beyond the one that is expected: sorted, apart from each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ranges {
    ranges: [(u32, u32); MAX],
    count: usize,
    /// The start of the one that was extended last: SACK tells it first (RFC 2018, 4).
    last: u32,
}

impl Ranges {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn all(&self) -> &[(u32, u32)] {
        self.ranges.get(..self.count).unwrap_or_default()
    }

    /// Whether `start..end` can be added.
    pub fn has_room(&self, start: u32, end: u32) -> bool {
        let touches = |range: &(u32, u32)| at_most(range.0, end) && at_most(start, range.1);
        self.count < MAX || self.all().iter().any(touches)
    }

    /// Adds `start..end`, merging what it touches; nothing happens if there is no room.
    pub fn add(&mut self, mut start: u32, mut end: u32) {
        if !self.has_room(start, end) {
            return;
        }
        let mut kept = [(0, 0); MAX + 1];
        let mut count = 0;
        let mut keep = |range| {
            if let Some(place) = kept.get_mut(count) {
                *place = range;
                count += 1;
            }
        };
        let mut placed = false;
        for &(from, to) in self.all() {
            if before(to, start) {
                keep((from, to));
            } else if before(end, from) {
                if !core::mem::replace(&mut placed, true) {
                    keep((start, end));
                }
                keep((from, to));
            } else {
                start = if before(from, start) { from } else { start };
                end = later(to, end);
            }
        }
        if !placed {
            keep((start, end));
        }
        self.last = start;
        self.count = count.min(MAX);
        let new = kept.iter().take(self.count);
        self.ranges.iter_mut().zip(new).for_each(|(place, range)| *place = *range);
    }

    /// Everything before `next` has arrived: how far it goes on from there without a gap.
    pub fn advance(&mut self, next: u32) -> u32 {
        let mut reached = next;
        while let Some(&(start, end)) = self.all().first()
            && at_most(start, reached)
        {
            reached = later(reached, end);
            self.ranges.copy_within(1.., 0);
            self.count -= 1;
        }
        reached
    }

    /// What SACK tells: the one that was extended last, then others.
    pub fn sack(&self) -> [(u32, u32); RANGES] {
        let mut told = [(0, 0); RANGES];
        let newest = self.all().iter().filter(|range| range.0 == self.last);
        let others = self.all().iter().filter(|range| range.0 != self.last);
        told.iter_mut().zip(newest.chain(others)).for_each(|(place, range)| *place = *range);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn a_gap_that_closes() {
        let mut ranges = Ranges::default();
        ranges.add(10, 20);
        ranges.add(30, 40);
        assert_eq!(ranges.sack(), [(30, 40), (10, 20), (0, 0)]);
        ranges.add(20, 30);
        assert_eq!(ranges.all(), [(10, 40)]);
        assert_eq!((ranges.advance(5), ranges.advance(12)), (5, 40));
        assert!(ranges.is_empty());
    }

    #[test]
    fn too_many_gaps() {
        let mut ranges = Ranges::default();
        (0..20).for_each(|i| ranges.add(i * 10, i * 10 + 5));
        assert_eq!(ranges.all().len(), MAX);
        assert!(!ranges.has_room(500, 501) && ranges.has_room(5, 6));
    }

    proptest! {
        /// As a set of numbers, across the end of the circle.
        #[test]
        fn a_set(steps in prop::collection::vec((0..60u32, 1..20u32), 1..30)) {
            let base = u32::MAX - 40;
            let mut ranges = Ranges::default();
            let mut model = BTreeSet::new();
            for (start, len) in steps {
                let (from, to) = (base.wrapping_add(start), base.wrapping_add(start + len));
                if ranges.has_room(from, to) {
                    ranges.add(from, to);
                    model.extend(start..start + len);
                }
                let all: Vec<u32> = ranges
                    .all()
                    .iter()
                    .flat_map(|&(a, b)| a.wrapping_sub(base)..b.wrapping_sub(base))
                    .collect();
                prop_assert_eq!(&all, &model.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}
