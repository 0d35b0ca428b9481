//! How long the other end takes, and how long to wait for it (RFC 6298). Nanoseconds.

const SECOND: u64 = 1_000_000_000;

/// Before anything was measured.
const INITIAL: u64 = SECOND;

/// The bounds. RFC 6298 (2.4) wants a second at least; what is used everywhere is a fifth of it.
const LEAST: u64 = SECOND / 5;
const MOST: u64 = 60 * SECOND;

/// Doublings of the time-out, at most.
const BACKOFFS: u32 = 8;

/// An estimate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rtt {
    /// Smoothed round-trip time; 0: not measured yet.
    smoothed: u64,
    variation: u64,
    /// Doublings of the time-out. They stay until something is measured: a round trip that is
    /// longer than the estimate could not be measured otherwise (RFC 6298, 5).
    backoffs: u32,
    /// Time-outs since the other end was heard.
    silent: u32,
    /// What is measured: the sequence number that ends it, and since when. Never a segment that
    /// was sent twice (Karn's algorithm).
    timed: Option<(u32, u64)>,
}

impl Rtt {
    /// The retransmission time-out.
    #[inline]
    pub fn timeout(&self) -> u64 {
        let timeout = match self.smoothed {
            0 => INITIAL,
            smoothed => (smoothed + 4 * self.variation).max(LEAST),
        };
        (timeout << self.backoffs).min(MOST)
    }

    /// The time was out.
    pub fn back_off(&mut self) {
        self.backoffs = (self.backoffs + 1).min(BACKOFFS);
        self.silent = (self.silent + 1).min(BACKOFFS);
        self.timed = None;
    }

    /// Time-outs since the other end was heard.
    #[inline]
    pub fn silent(&self) -> u32 {
        self.silent
    }

    /// The other end is heard again.
    #[inline]
    pub fn heard(&mut self) {
        self.silent = 0;
    }

    /// A SYN was lost, and then another one got through: it was not measured, and may have been
    /// slow. RFC 6298, 5.7, wants three seconds from now on.
    pub fn call_was_lost(&mut self) {
        self.backoffs = self.backoffs.max(2);
    }

    /// What was waited for was no acknowledgement.
    pub fn reset_backoff(&mut self) {
        (self.backoffs, self.silent) = (0, 0);
    }

    /// New data up to `end` were sent.
    #[inline]
    pub fn sent(&mut self, end: u32, now: u64) {
        if self.timed.is_none() {
            self.timed = Some((end, now));
        }
    }

    /// Something was sent again: what is being measured could be either.
    pub fn cancel(&mut self) {
        self.timed = None;
    }

    /// Everything up to `ack` has arrived.
    #[inline]
    pub fn acknowledged(&mut self, ack: u32, now: u64) {
        if let Some((end, since)) = self.timed
            && !crate::seq::before(ack, end)
        {
            self.timed = None;
            self.measured(now.saturating_sub(since).max(1));
        }
    }

    fn measured(&mut self, rtt: u64) {
        self.backoffs = 0;
        if self.smoothed == 0 {
            (self.smoothed, self.variation) = (rtt, rtt / 2);
        } else {
            let difference = self.smoothed.abs_diff(rtt);
            self.variation = self.variation - self.variation / 4 + difference / 4;
            self.smoothed = self.smoothed - self.smoothed / 8 + rtt / 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_follows_what_is_measured() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(), SECOND);
        rtt.sent(10, 0);
        rtt.sent(20, 5);
        rtt.acknowledged(5, 7);
        rtt.acknowledged(10, SECOND / 2);
        assert_eq!(rtt.timeout(), SECOND / 2 + 4 * SECOND / 4);
        for turn in 0..100 {
            rtt.sent(turn, u64::from(turn) * SECOND);
            rtt.acknowledged(turn, u64::from(turn) * SECOND + 1000);
        }
        assert_eq!(rtt.timeout(), LEAST);
    }

    #[test]
    fn it_doubles_and_comes_back() {
        let mut rtt = Rtt::default();
        rtt.sent(10, 0);
        rtt.back_off();
        rtt.back_off();
        assert_eq!(rtt.timeout(), 4 * SECOND);
        rtt.acknowledged(10, 1);
        assert_eq!(rtt.timeout(), 4 * SECOND, "nobody knows which of them was meant");
        (0..20).for_each(|_| rtt.back_off());
        assert_eq!(rtt.timeout(), MOST);
        rtt.reset_backoff();
        assert_eq!(rtt.timeout(), SECOND);
    }
}
