//! Segments that arrive (RFC 9293, 3.10.7).

use crate::NEVER;
use crate::segment::{Flags, Segment};
use crate::seq::{at_most, before, between, later};
use crate::tcb::{Peer, State, Tcb};

/// Between two answers to what does not fit and carries nothing new, nanoseconds: otherwise two ends
/// that disagree would answer each other for ever (RFC 5961, 7).
const QUIET: u64 = 500_000_000;

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was dealt with.
    Taken,
    /// It acknowledges what was never sent on a connection that is not established: to be answered
    /// as if there was no connection, with a reset.
    Foreign,
}

impl Tcb {
    /// A segment of this connection, whose checksum is right.
    #[inline]
    pub fn input(&mut self, now: u64, segment: &Segment, payload: &[u8]) -> Verdict {
        let special = Flags::SYN | Flags::FIN | Flags::RST | Flags::ACK;
        // What nearly all of them are: in order, within the window, nothing missing.
        if self.state == State::Established
            && segment.flags.0 & special.0 == Flags::ACK.0
            && segment.seq == self.expected
            && self.gaps.is_empty()
            && self.fin.is_none()
            && payload.len() <= between(self.expected, self.edge)
            && at_most(self.una, segment.ack)
            && at_most(segment.ack, self.max)
        {
            self.acknowledged(now, segment, payload.is_empty());
            if !payload.is_empty() {
                self.in_order(now, payload);
            }
            return Verdict::Taken;
        }
        match self.state {
            State::Closed => Verdict::Foreign,
            State::SynSent => self.syn_sent(now, segment, payload),
            _ => self.any(now, segment, payload),
        }
    }

    /// 3.10.7.3.
    fn syn_sent(&mut self, now: u64, segment: &Segment, payload: &[u8]) -> Verdict {
        let acks = segment.flags.has(Flags::ACK);
        if acks && segment.ack != self.iss.wrapping_add(1) {
            return if segment.flags.has(Flags::RST) { Verdict::Taken } else { Verdict::Foreign };
        }
        if segment.flags.has(Flags::RST) {
            if acks {
                self.end();
            }
            return Verdict::Taken;
        }
        if !segment.flags.has(Flags::SYN) {
            return Verdict::Taken;
        }
        self.meet(Peer::of(segment));
        self.edge = self.expected.wrapping_add(self.rx.limit().min(65535) as u32);
        if acks {
            self.state = State::Established;
            // The window of a SYN is never scaled.
            let scale = core::mem::take(&mut self.send_scale);
            self.acknowledged(now, segment, false);
            self.send_scale = scale;
            self.ack_now = true;
            self.receive(now, segment.seq.wrapping_add(1), payload, segment.flags.has(Flags::FIN));
        } else {
            // Both opened it at the same time: the SYN goes again, with an acknowledgement.
            self.state = State::SynReceived;
            self.nxt = self.iss;
        }
        Verdict::Taken
    }

    /// 3.10.7.4.
    fn any(&mut self, now: u64, segment: &Segment, payload: &[u8]) -> Verdict {
        let mut segment = *segment;
        if !self.syn_acked
            && segment.flags.has(Flags::SYN)
            && segment.seq.wrapping_add(1) == self.expected
        {
            // Both ends called: the SYN again, with the acknowledgement of this side's.
            segment.seq = self.expected;
            segment.flags.0 &= !Flags::SYN.0;
            // The window of a SYN is never scaled.
            segment.window >>= self.send_scale;
        }
        let segment = &segment;
        let len = payload.len() as u32 + u32::from(segment.flags.has(Flags::FIN));
        let end = segment.seq.wrapping_add(len);
        let window = between(self.expected, self.edge) as u32;
        let offset = segment.seq.wrapping_sub(self.expected);
        // What carries nothing may come from one who has filled the window.
        let starts_within = offset < window.max(1) || len == 0 && offset == window;
        let ends_within =
            len > 0 && end.wrapping_sub(self.expected).wrapping_sub(1) < window.max(1);
        let spans = before(segment.seq, self.expected) && before(self.expected, end);
        if segment.flags.has(Flags::RST) {
            // RFC 5961, 3.2: only what fits exactly is believed.
            if segment.seq == self.expected {
                self.end();
            } else if starts_within {
                self.challenge(now);
            }
            return Verdict::Taken;
        }
        if !(starts_within || ends_within || spans) {
            if len > 0 {
                // It was sent again: what acknowledged it was lost.
                self.ack_now = true;
            } else {
                self.challenge(now);
            }
            // Who tried a closed window with a byte, or a FIN, does not know that it was taken, and
            // stays before it. Both may have: if neither believed what the other acknowledges from
            // there, they would never agree again.
            if segment.seq.wrapping_add(1) == self.expected
                && segment.flags.has(Flags::ACK)
                && !segment.flags.has(Flags::SYN)
                && self.syn_acked
                && at_most(self.una, segment.ack)
                && at_most(segment.ack, self.max)
            {
                self.acknowledged(now, segment, false);
            }
            return Verdict::Taken;
        }
        if segment.flags.has(Flags::SYN) {
            // RFC 5961, 4.2.
            self.challenge(now);
            return Verdict::Taken;
        }
        if !segment.flags.has(Flags::ACK) {
            return Verdict::Taken;
        }
        if self.state == State::SynReceived {
            if !(before(self.una, segment.ack) && at_most(segment.ack, self.max)) {
                return Verdict::Foreign;
            }
            self.state = State::Established;
        }
        let oldest = self.una.wrapping_sub(self.largest_window.max(1));
        if before(self.max, segment.ack) || before(segment.ack, oldest) {
            // RFC 5961, 5.2.
            self.challenge(now);
            return Verdict::Taken;
        }
        if at_most(self.una, segment.ack) {
            self.acknowledged(now, segment, len == 0);
        }
        if len > 0 {
            self.receive(now, segment.seq, payload, segment.flags.has(Flags::FIN));
        }
        Verdict::Taken
    }

    /// Tells the other end what this one thinks, unless that was done just now.
    fn challenge(&mut self, now: u64) {
        if now >= self.quiet_until {
            self.quiet_until = now.saturating_add(QUIET);
            self.ack_now = true;
        }
    }

    /// Everything up to `segment.ack`, which is not before `una`, has arrived; `bare`: the segment
    /// carries nothing.
    #[inline]
    fn acknowledged(&mut self, now: u64, segment: &Segment, bare: bool) {
        let acked = segment.ack.wrapping_sub(self.una);
        let window = u32::from(segment.window) << self.send_scale;
        if acked > 0 {
            self.advance(now, segment.ack, acked);
        } else if bare && window == self.window && window > 0 && self.una != self.max {
            self.resend |= self.congestion.duplicate(self.una, self.max, self.mss);
        }
        let (seq, ack) = self.window_from;
        if before(seq, segment.seq) || seq == segment.seq && at_most(ack, segment.ack)
            // The first.
            || self.largest_window == 0
        {
            if window > 0 && self.window == 0 && self.largest_window > 0 {
                self.persist = NEVER;
                self.rtt.reset_backoff();
            }
            self.window = window;
            self.largest_window = self.largest_window.max(window);
            self.window_from = (segment.seq, segment.ack);
        }
    }

    /// `una` moves to `ack`, by `acked`.
    #[inline]
    fn advance(&mut self, now: u64, ack: u32, acked: u32) {
        let syn = u32::from(!self.syn_acked);
        self.syn_acked = true;
        let data = acked - syn;
        let fin = self.closing && !self.fin_acked && data as usize > self.tx.len();
        self.tx.consume(data as usize);
        self.una = ack;
        self.nxt = later(self.nxt, ack);
        self.rtt.acknowledged(ack, now);
        if syn > 0 && self.rtt.silent() > 0 {
            self.congestion.call_was_lost(self.mss);
            self.rtt.call_was_lost();
        }
        self.rtt.heard();
        if self.large_again <= now {
            (self.mss, self.large_again) = (self.full_mss, NEVER);
        }
        self.persist = NEVER;
        self.resend = self.congestion.acknowledged(ack, data, self.flight(), self.mss);
        self.retransmit =
            if ack == self.max { NEVER } else { now.saturating_add(self.rtt.timeout()) };
        if fin {
            self.fin_acked = true;
            match self.state {
                State::FinWait1 => self.state = State::FinWait2,
                State::Closing => self.state = State::TimeWait,
                State::LastAck => self.end(),
                _ => {}
            }
        }
    }

    /// Payload that is just what was expected, and fits the window.
    #[inline]
    fn in_order(&mut self, now: u64, payload: &[u8]) {
        if !self.rx.put(0, payload) {
            // No memory: it will be sent again.
            return;
        }
        self.rx.extend(payload.len());
        self.expected = self.expected.wrapping_add(payload.len() as u32);
        self.unacknowledged += payload.len();
        // RFC 9293, 3.8.6.3: every second full segment at least.
        if self.ack_delay == 0 || self.unacknowledged >= 2 * self.mss as usize {
            self.ack_now = true;
        } else if self.ack_at == NEVER {
            self.ack_at = now.saturating_add(self.ack_delay);
        }
    }

    /// Payload that starts at `seq`, with a FIN behind it or not.
    fn receive(&mut self, now: u64, seq: u32, payload: &[u8], mut fin: bool) {
        if !matches!(self.state, State::Established | State::FinWait1 | State::FinWait2) {
            // A FIN is repeated: its acknowledgement was lost.
            self.ack_now = true;
            return;
        }
        let end = seq.wrapping_add(payload.len() as u32);
        let start = later(seq, self.expected);
        let stop = if before(self.edge, end) { self.edge } else { end };
        // A FIN behind what does not fit comes again.
        fin &= stop == end;
        if fin {
            self.fin = Some(end);
        }
        if before(start, stop) {
            let piece = payload.get(between(seq, start)..between(seq, stop)).unwrap_or_default();
            if start == self.expected {
                self.in_order(now, piece);
                if !self.gaps.is_empty() {
                    let reached = self.gaps.advance(self.expected);
                    self.rx.extend(between(self.expected, reached));
                    self.expected = reached;
                    self.ack_now = true;
                }
            } else {
                let fits = self.gaps.has_room(start, stop);
                if fits && self.rx.put(between(self.expected, start), piece) {
                    self.gaps.add(start, stop);
                }
                self.ack_now = true;
            }
        } else {
            // All of it is here already.
            self.ack_now = true;
        }
        if self.fin == Some(self.expected) {
            self.expected = self.expected.wrapping_add(1);
            self.edge = later(self.edge, self.expected);
            self.fin = None;
            self.ack_now = true;
            self.state = match self.state {
                State::FinWait1 => State::Closing,
                State::FinWait2 => State::TimeWait,
                _ => State::CloseWait,
            };
            if self.state == State::TimeWait {
                (self.retransmit, self.persist, self.probe_at) = (NEVER, NEVER, NEVER);
            }
        }
    }
}
