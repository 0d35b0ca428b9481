//! How much may be under way (RFC 5681, with the recovery of RFC 6582).
//!
//! It begins with the first loss: until then the window of the other end and the buffer bound a
//! burst, and a short answer need not wait for acknowledgements of its beginning.

use crate::seq::{at_most, before};

/// Duplicate acknowledgements that mean a loss.
const DUPLICATES: u32 = 3;

/// More than any window.
const UNBOUNDED: u32 = 1 << 30;

/// The congestion window of a connection. Bytes.
#[derive(Clone, Copy, Debug)]
pub struct Congestion {
    window: u32,
    threshold: u32,
    duplicates: u32,
    /// In recovery: it ends when this is acknowledged.
    recover: Option<u32>,
    /// After a time-out: duplicates up to here come from what was sent again.
    doubtful: Option<u32>,
}

impl Default for Congestion {
    fn default() -> Self {
        Self {
            window: UNBOUNDED,
            threshold: UNBOUNDED,
            duplicates: 0,
            recover: None,
            doubtful: None,
        }
    }
}

impl Congestion {
    /// Bytes that may be under way.
    #[inline]
    pub fn window(&self) -> u32 {
        self.window
    }

    /// `acked` new bytes, up to `una`, have arrived; true if the segment that starts there is
    /// lost, too.
    #[inline]
    pub fn acknowledged(&mut self, una: u32, acked: u32, flight: u32, mss: u32) -> bool {
        self.duplicates = 0;
        if self.window == UNBOUNDED {
            return false;
        }
        self.doubtful = self.doubtful.filter(|doubtful| at_most(una, *doubtful));
        if let Some(recover) = self.recover {
            if before(una, recover) {
                // RFC 6582, 3.2, step 3: a partial acknowledgement.
                self.window = self.window.saturating_sub(acked).saturating_add(mss).max(mss);
                return true;
            }
            self.recover = None;
            self.window = self.threshold.min(flight.max(mss).saturating_add(mss)).max(mss);
            return false;
        }
        let more = if self.window < self.threshold {
            acked.min(mss)
        } else {
            (u64::from(mss) * u64::from(mss) / u64::from(self.window.max(1))).max(1) as u32
        };
        self.window = self.window.saturating_add(more).min(UNBOUNDED - 1);
        false
    }

    /// The same was acknowledged again, with `una` to `max` under way; true if that means that
    /// the first of it is lost.
    pub fn duplicate(&mut self, una: u32, max: u32, mss: u32) -> bool {
        self.duplicates += 1;
        if self.recover.is_some() {
            self.window = self.window.saturating_add(mss).min(UNBOUNDED - 1);
            return false;
        }
        if self.duplicates != DUPLICATES || self.doubtful.is_some() {
            return false;
        }
        self.threshold = (max.wrapping_sub(una) / 2).max(2 * mss);
        self.window = self.threshold.saturating_add(DUPLICATES * mss);
        self.recover = Some(max);
        true
    }

    /// A SYN was lost, and then another one got through: nothing was under way yet that tells how
    /// much may be (RFC 5681, 3.1).
    pub fn call_was_lost(&mut self, mss: u32) {
        self.window = mss;
    }

    /// The retransmission timer ran out, with `una` to `max` under way.
    pub fn timed_out(&mut self, una: u32, max: u32, mss: u32) {
        self.threshold = (max.wrapping_sub(una) / 2).max(2 * mss);
        self.window = mss;
        self.duplicates = 0;
        self.recover = None;
        self.doubtful = Some(max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_ends_where_it_began() {
        let mut congestion = Congestion::default();
        assert!(!congestion.acknowledged(1000, 1000, 5000, 1000));
        let lost: alloc::vec::Vec<bool> =
            (0..4).map(|_| congestion.duplicate(1000, 11_000, 1000)).collect();
        assert_eq!(lost, [false, false, true, false]);
        assert_eq!(congestion.window(), 5000 + 3000 + 1000);
        assert!(congestion.acknowledged(3000, 2000, 8000, 1000), "the next one is lost as well");
        assert!(!congestion.acknowledged(11_000, 8000, 0, 1000));
        assert_eq!(congestion.window(), 2000, "no burst after it");
    }

    #[test]
    fn slow_start_and_avoidance() {
        let mut congestion = Congestion::default();
        congestion.timed_out(0, 8000, 1000);
        assert_eq!(congestion.window(), 1000);
        for una in 1..=3 {
            congestion.acknowledged(una * 1000, 1000, 1000, 1000);
        }
        assert_eq!(congestion.window(), 4000);
        congestion.acknowledged(4000, 1000, 1000, 1000);
        assert_eq!(congestion.window(), 4250);
    }
}
