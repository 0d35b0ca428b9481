//! Segments to be sent (RFC 9293, 3.8).

use crate::NEVER;
use crate::segment::{Flags, HEADER, Segment};
use crate::seq::{before, between, later};
use crate::tcb::{DEFAULT_MSS, State, Tcb};

/// Time-outs in a row after which large segments may be what the way does not take: something on it
/// drops them and does not say so (RFC 4821, 7.7).
const VAIN: u32 = 3;

/// The largest segment that every way takes (RFC 9293, 3.7.1).
const SAFE_MSS: u32 = DEFAULT_MSS as u32;

/// No way that leaves this host takes larger ones.
const JUMBO: u32 = 9216;

/// How long no larger ones are sent then, nanoseconds: it may have been something else, and ways
/// change (RFC 8899, 5.1.1).
const LARGE_AGAIN: u64 = 600_000_000_000;

/// What a call did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Segments.
    pub count: usize,
    /// There was no room for the next one.
    pub full: bool,
    /// It was time to let others have a turn.
    pub more: bool,
}

/// A segment with data, or a FIN.
struct Plan {
    seq: u32,
    len: usize,
    fin: bool,
}

impl Tcb {
    /// Whether [`output`](Self::output) would send something now.
    #[inline]
    pub fn wants_output(&self, now: u64) -> bool {
        self.ack_now
            || self.resend
            || self.reset
            || self.deadline() <= now
            || self.is_syn_due()
            || self.owes() && (self.is_stuck() || self.plan(false).is_some())
    }

    /// Sends what is to be sent, `most` segments if there are as many: `send` is given the header
    /// and the payload, in two pieces, and says whether there was room for it.
    pub fn output(
        &mut self,
        now: u64,
        most: usize,
        send: &mut impl FnMut(&Segment, [&[u8]; 2]) -> bool,
    ) -> Sent {
        let mut done = Sent::default();
        let force = self.deadline() <= now && self.due(now);
        match self.state {
            State::Closed if self.reset => {
                let flags = Flags::RST | Flags::ACK;
                let reset = self.header(flags);
                self.reset = !send(&reset, [&[], &[]]);
                done.full = self.reset;
                done.count = usize::from(!self.reset);
                return done;
            }
            State::Closed => return done,
            _ => {}
        }
        if !self.syn_acked {
            if self.is_syn_due() {
                done.full = !self.send_syn(now, send);
                done.count = usize::from(!done.full);
            }
            return done;
        }
        if self.resend {
            let plan = self.again();
            if !self.transmit(now, &plan, send) {
                done.full = true;
                return done;
            }
            self.resend = false;
            done.count += 1;
        }
        let mut force = force;
        while let Some(plan) = self.plan(core::mem::take(&mut force)) {
            if done.count >= most {
                done.more = true;
                break;
            }
            if !self.transmit(now, &plan, send) {
                done.full = true;
                return done;
            }
            done.count += 1;
        }
        if self.ack_now {
            let mut header = self.acknowledgement();
            if self.probe_at <= now {
                // RFC 9293, 3.8.4: what has been acknowledged already asks for an answer.
                header.seq = self.una.wrapping_sub(1);
                self.probe_at = now.saturating_add(self.probe);
            }
            if !send(&header, [&[], &[]]) {
                done.full = true;
                return done;
            }
            self.acknowledgement_sent();
            done.count += 1;
        }
        if self.is_stuck() {
            self.persist = now.saturating_add(self.rtt.timeout());
        }
        done
    }

    /// Nothing is under way, and no timer runs: what is to be sent waits for a window, which may
    /// have opened unheard.
    #[inline]
    fn is_stuck(&self) -> bool {
        self.nxt == self.una
            && self.persist == NEVER
            && self.retransmit == NEVER
            && !self.tx.is_empty()
    }

    /// Timers that ran out; true if a closed window is to be tried.
    #[cold]
    fn due(&mut self, now: u64) -> bool {
        if self.retransmit <= now {
            self.retransmit = NEVER;
            self.rtt.back_off();
            if self.syn_acked {
                let large = self.mss <= JUMBO && self.again().len > SAFE_MSS as usize;
                if large && self.rtt.silent() >= VAIN {
                    (self.mss, self.large_again) = (SAFE_MSS, now.saturating_add(LARGE_AGAIN));
                }
                self.congestion.timed_out(self.una, self.max, self.mss);
            }
            self.resend = false;
            // All of it goes again, as far as the window allows.
            self.nxt = self.una;
        }
        self.ack_now |= self.ack_at <= now || self.probe_at <= now;
        let force = self.persist <= now;
        if force {
            self.rtt.back_off();
            self.persist = NEVER;
        }
        force
    }

    /// The next segment with data or a FIN, if one may be sent. `force`: a little of it, even if
    /// the window is closed or too small to be worth it.
    #[inline]
    fn plan(&self, force: bool) -> Option<Plan> {
        let sent = between(self.una, self.nxt);
        let left = self.tx.len().saturating_sub(sent);
        let fin_left = self.closing && !self.fin_acked && sent <= self.tx.len();
        if left == 0 && !fin_left {
            return None;
        }
        if !matches!(
            self.state,
            State::Established
                | State::CloseWait
                | State::FinWait1
                | State::Closing
                | State::LastAck
        ) || !self.syn_acked
        {
            return None;
        }
        let window = self.window.min(self.congestion.window()) as usize;
        let usable = window.saturating_sub(sent);
        let mss = self.mss as usize;
        let len = left.min(usable).min(mss);
        let all = len == left;
        let plan = Plan { seq: self.nxt, len, fin: all && fin_left };
        let worth = len == mss
            || all && (self.no_delay || sent == 0 || self.closing || self.nxt != self.max)
            || len > 0 && (len >= self.largest_window as usize / 2 || self.nxt != self.max);
        if worth {
            return Some(plan);
        }
        // At least a byte: who has a closed window answers with the one that it has now.
        force.then(|| Plan { len: len.max(1).min(left), fin: false, ..plan })
    }

    /// The first segment that is under way.
    fn again(&self) -> Plan {
        let len = self.tx.len().min(self.mss as usize).min(between(self.una, self.max));
        let fin = self.closing && !self.fin_acked && len == self.tx.len();
        Plan { seq: self.una, len, fin: fin && between(self.una, self.max) > len }
    }

    #[inline]
    fn transmit(
        &mut self,
        now: u64,
        plan: &Plan,
        send: &mut impl FnMut(&Segment, [&[u8]; 2]) -> bool,
    ) -> bool {
        let mut header = self.acknowledgement();
        header.seq = plan.seq;
        // RFC 6691, 4: options count for the maximum segment size.
        if plan.len + header.header_len() > HEADER + self.mss as usize {
            header.sack = Default::default();
        }
        let offset = between(self.una, plan.seq);
        if plan.len > 0 && offset + plan.len == self.tx.len() {
            header.flags = header.flags | Flags::PSH;
        }
        if plan.fin {
            header.flags = header.flags | Flags::FIN;
        }
        if !send(&header, self.tx.pieces(offset, plan.len)) {
            return false;
        }
        self.acknowledgement_sent();
        let end = plan.seq.wrapping_add(plan.len as u32 + u32::from(plan.fin));
        if plan.seq == self.max {
            self.rtt.sent(end, now);
        } else {
            self.rtt.cancel();
        }
        self.max = later(self.max, end);
        // A probe of a closed window stays to be sent.
        if between(self.una, end) <= self.window as usize || plan.len != 1 {
            self.nxt = later(self.nxt, end);
            if self.retransmit == NEVER {
                self.retransmit = now.saturating_add(self.rtt.timeout());
            }
        } else {
            self.persist = now.saturating_add(self.rtt.timeout());
        }
        true
    }

    fn send_syn(&mut self, now: u64, send: &mut impl FnMut(&Segment, [&[u8]; 2]) -> bool) -> bool {
        let syn = self.syn();
        if !send(&syn, [&[], &[]]) {
            return false;
        }
        let end = self.iss.wrapping_add(1);
        if self.max == self.iss {
            self.rtt.sent(end, now);
        } else {
            self.rtt.cancel();
        }
        (self.nxt, self.max) = (end, later(self.max, end));
        self.retransmit = now.saturating_add(self.rtt.timeout());
        self.acknowledgement_sent();
        true
    }

    /// The SYN of this side, with an acknowledgement if the other's is known.
    pub(crate) fn syn(&mut self) -> Segment {
        let answers = self.state != State::SynSent;
        let header = self.header(if answers { Flags::SYN | Flags::ACK } else { Flags::SYN });
        // RFC 7323, 2.2: an answer has a scale only if the SYN had one.
        let scale = !answers || self.receive_scale > 0 || self.send_scale > 0;
        Segment {
            seq: self.iss,
            ack: if answers { self.expected } else { 0 },
            window: self.rx.limit().min(65535) as u16,
            mss: Some(self.own_mss),
            scale: scale.then_some(self.receive_scale),
            sack_permitted: !answers || self.sack,
            ..header
        }
    }

    /// A header without data. Its sequence number is that of what was never sent, or the end of the
    /// window if that was tried: one that went back, or farther than the window, would be dropped
    /// by the other end, and with it what it acknowledges.
    #[inline]
    fn header(&self, flags: Flags) -> Segment {
        let (from, to) = self.ports;
        let end = self.una.wrapping_add(self.window);
        // A scaled window is rounded down: it may seem to end before what it had room for.
        let rounding = (1 << self.send_scale) - 1;
        let tried = self.window == 0 && self.flight() == 1;
        let beyond = self.syn_acked && (tried || before(end.wrapping_add(rounding), self.max));
        let seq = if beyond { end } else { self.max };
        Segment { from, to, seq, ack: self.expected, flags, ..Segment::default() }
    }

    /// A header that acknowledges all that has arrived, and tells the window.
    #[inline]
    fn acknowledgement(&mut self) -> Segment {
        let left = between(self.expected, self.edge);
        let gain = self.rx.free().saturating_sub(left);
        // RFC 9293, 3.8.6.2.2: the edge moves by a segment at least.
        let window =
            if gain >= (self.mss as usize).min(self.rx.limit() / 2) { left + gain } else { left };
        let told = (window >> self.receive_scale).min(65535);
        self.edge =
            later(self.edge, self.expected.wrapping_add((told << self.receive_scale) as u32));
        let mut header = self.header(Flags::ACK);
        header.window = told as u16;
        if self.sack && !self.gaps.is_empty() {
            header.sack = self.gaps.sack();
        }
        header
    }

    #[inline]
    fn acknowledgement_sent(&mut self) {
        self.ack_now = false;
        self.ack_at = NEVER;
        self.unacknowledged = 0;
    }
}
