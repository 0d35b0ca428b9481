//! The control block: what both ends agree on, and what each has still to do.

use crate::congestion::Congestion;
use crate::ranges::Ranges;
use crate::ring::Ring;
use crate::rtt::Rtt;
use crate::segment::Segment;
use crate::{NEVER, seq};

/// The maximum segment size of who says nothing (RFC 9293, 3.7.1).
pub(crate) const DEFAULT_MSS: u16 = 536;

/// A smaller one is not believed: headers would outweigh what they carry.
const LEAST_MSS: u16 = 64;

/// RFC 7323, 2.3.
const MOST_SCALE: u8 = 14;

/// The state of a connection (RFC 9293, 3.3.2). Who listens has no control block, and closed is
/// one that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A SYN was sent.
    SynSent,
    /// A SYN was received and answered.
    SynReceived,
    /// Both directions are open.
    Established,
    /// This side closed; its FIN may not have arrived.
    FinWait1,
    /// This side closed, and the other knows.
    FinWait2,
    /// The other side closed.
    CloseWait,
    /// Both closed at the same time.
    Closing,
    /// The other side closed, then this one; its FIN may not have arrived.
    LastAck,
    /// Both closed, this side first.
    TimeWait,
    /// It is over.
    Closed,
}

/// What the SYN of the other end said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its initial sequence number.
    pub seq: u32,
    /// The largest segment that it takes, if it said so.
    pub mss: Option<u16>,
    /// Its window scale, if it knows of scaling.
    pub scale: Option<u8>,
    /// It understands SACK.
    pub sack: bool,
}

impl Peer {
    /// What a SYN says.
    pub fn of(syn: &Segment) -> Self {
        Self { seq: syn.seq, mss: syn.mss, scale: syn.scale, sack: syn.sack_permitted }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Tcb {
    pub(crate) state: State,
    /// Ports: this side's, and the other's.
    pub(crate) ports: (u16, u16),

    /// The initial sequence number of this side, and whether the other end has it.
    pub(crate) iss: u32,
    pub(crate) syn_acked: bool,
    /// Not acknowledged yet; not sent yet; never sent yet. `nxt` goes back to send again.
    pub(crate) una: u32,
    pub(crate) nxt: u32,
    pub(crate) max: u32,
    /// The window of the other end, the largest that it ever was, and the segment that it is from.
    pub(crate) window: u32,
    pub(crate) largest_window: u32,
    pub(crate) window_from: (u32, u32),
    pub(crate) send_scale: u8,
    /// Bytes of a segment that is sent, at most; what both ends take; when that is tried again.
    pub(crate) mss: u32,
    pub(crate) full_mss: u32,
    pub(crate) large_again: u64,
    /// What was sent and is not acknowledged, and what is to be sent. Starts at `una`, or behind
    /// the SYN.
    pub(crate) tx: Ring,
    /// There is no more behind `tx`: a FIN; and it was acknowledged.
    pub(crate) closing: bool,
    pub(crate) fin_acked: bool,
    pub(crate) no_delay: bool,

    /// Expected next; and what the other end may send up to.
    pub(crate) expected: u32,
    pub(crate) edge: u32,
    pub(crate) receive_scale: u8,
    /// The maximum segment size that is told to the other end.
    pub(crate) own_mss: u16,
    /// What was received in order and is not read yet; behind it, what is out of order.
    pub(crate) rx: Ring,
    pub(crate) gaps: Ranges,
    /// Where the other end's FIN is, if it came out of order.
    pub(crate) fin: Option<u32>,
    /// The other end understands SACK.
    pub(crate) sack: bool,

    pub(crate) rtt: Rtt,
    pub(crate) congestion: Congestion,
    /// When to send again what is under way; when to try a window that is closed; when to
    /// acknowledge even without data.
    pub(crate) retransmit: u64,
    pub(crate) persist: u64,
    pub(crate) ack_at: u64,
    /// Keep-alive: how often, and when next.
    pub(crate) probe: u64,
    pub(crate) probe_at: u64,
    /// How long an acknowledgement may wait for data to go with.
    pub(crate) ack_delay: u64,
    /// Received since the last acknowledgement.
    pub(crate) unacknowledged: usize,
    /// An acknowledgement is due.
    pub(crate) ack_now: bool,
    /// The first segment that is under way is lost.
    pub(crate) resend: bool,
    /// The other end has to be told that this one is gone.
    pub(crate) reset: bool,
    /// Until then, what does not fit and carries nothing new is not answered again.
    pub(crate) quiet_until: u64,
}

impl Tcb {
    fn new(state: State, ports: (u16, u16), iss: u32, mss: u16, tx: Ring, rx: Ring) -> Self {
        let scale = (rx.limit() >> 16).checked_ilog2().map_or(0, |log| log as u8 + 1);
        Self {
            state,
            ports,
            iss,
            syn_acked: false,
            una: iss,
            nxt: iss,
            max: iss,
            window: 0,
            largest_window: 0,
            window_from: (0, 0),
            send_scale: 0,
            mss: DEFAULT_MSS.min(mss).into(),
            full_mss: DEFAULT_MSS.min(mss).into(),
            large_again: NEVER,
            tx,
            closing: false,
            fin_acked: false,
            no_delay: false,
            expected: 0,
            edge: 0,
            receive_scale: scale.min(MOST_SCALE),
            own_mss: mss,
            rx,
            gaps: Ranges::default(),
            fin: None,
            sack: false,
            rtt: Rtt::default(),
            congestion: Congestion::default(),
            retransmit: NEVER,
            persist: NEVER,
            ack_at: NEVER,
            probe: NEVER,
            probe_at: NEVER,
            ack_delay: 0,
            unacknowledged: 0,
            ack_now: false,
            resend: false,
            reset: false,
            quiet_until: 0,
        }
    }

    /// A connection that this side opens: its first output is a SYN. `ports`: this side's and the
    /// other's; `iss`: an initial sequence number that nobody can guess (RFC 6528); `mss`: bytes
    /// of payload that fit a packet.
    pub fn connect(ports: (u16, u16), iss: u32, mss: u16, tx: Ring, rx: Ring) -> Self {
        Self::new(State::SynSent, ports, iss, mss, tx, rx)
    }

    /// A connection whose SYN was answered with `iss`, as by [`syn_ack`](Self::syn_ack), by
    /// somebody else: what comes next is its acknowledgement.
    pub fn accept(ports: (u16, u16), iss: u32, peer: Peer, mss: u16, tx: Ring, rx: Ring) -> Self {
        let mut tcb = Self::new(State::SynReceived, ports, iss, mss, tx, rx);
        tcb.meet(peer);
        (tcb.nxt, tcb.max) = (iss.wrapping_add(1), iss.wrapping_add(1));
        tcb.edge = tcb.expected.wrapping_add(tcb.rx.limit().min(65535) as u32);
        tcb
    }

    /// The answer to a SYN, without a control block. `receive`: bytes of the receive buffer.
    pub fn syn_ack(ports: (u16, u16), iss: u32, peer: Peer, mss: u16, receive: usize) -> Segment {
        let none: fn(usize) -> bool = |_| false;
        let (tx, rx) = (Ring::new(0, none), Ring::new(receive, none));
        let mut tcb = Self::new(State::SynReceived, ports, iss, mss, tx, rx);
        tcb.meet(peer);
        tcb.syn()
    }

    /// Takes in what the other end's SYN says.
    pub(crate) fn meet(&mut self, peer: Peer) {
        self.expected = peer.seq.wrapping_add(1);
        self.edge = self.expected;
        self.mss = peer.mss.unwrap_or(DEFAULT_MSS).clamp(LEAST_MSS, self.own_mss).into();
        self.full_mss = self.mss;
        self.sack = peer.sack;
        match peer.scale {
            Some(scale) => self.send_scale = scale.min(MOST_SCALE),
            None => (self.send_scale, self.receive_scale) = (0, 0),
        }
    }

    /// Waits so long (nanoseconds) for data to send with an acknowledgement.
    pub fn set_ack_delay(&mut self, delay: u64) {
        self.ack_delay = delay;
    }

    /// Whether small segments are sent while others are under way (Nagle's algorithm is off).
    pub fn set_no_delay(&mut self, on: bool) {
        self.no_delay = on;
    }

    /// Asks the other end for a sign of life, now and every `interval` nanoseconds;
    /// [`NEVER`]: does not. Nobody is asked before the SYN has arrived: that is repeated.
    pub fn set_probe(&mut self, interval: u64, now: u64) {
        if interval != self.probe && (self.syn_acked || interval == NEVER) {
            self.probe = interval;
            self.probe_at = if interval == NEVER { NEVER } else { now };
        }
    }

    /// Its state.
    #[inline]
    pub fn state(&self) -> State {
        self.state
    }

    /// Bytes that were received in order and not read.
    #[inline]
    pub fn unread(&self) -> usize {
        self.rx.len()
    }

    /// Bytes that are to be sent, or not acknowledged.
    #[inline]
    pub fn unsent(&self) -> usize {
        self.tx.len()
    }

    /// Bytes that may be written now.
    #[inline]
    pub fn room(&self) -> usize {
        self.tx.free()
    }

    /// Whether a third of the send buffer is free: when Linux tells an application to write.
    #[inline]
    pub fn is_writable(&self) -> bool {
        self.may_send() && self.tx.free() >= self.tx.limit() / 3
    }

    /// Whether the application may still write.
    #[inline]
    pub fn may_send(&self) -> bool {
        matches!(self.state, State::Established | State::CloseWait)
    }

    /// Bytes of memory of both buffers.
    pub fn memory(&self) -> usize {
        self.tx.memory() + self.rx.memory()
    }

    /// The next sequence number of this side, and of the other: what TIME-WAIT has to know.
    pub fn numbers(&self) -> (u32, u32) {
        (self.max, self.expected)
    }

    /// Whether an acknowledgement is to be sent, perhaps because what was read opened the window.
    #[inline]
    pub fn is_ack_due(&self) -> bool {
        self.ack_now
    }

    /// What this side has sent, or may have to: a FIN counts.
    #[inline]
    pub fn owes(&self) -> bool {
        !self.tx.is_empty() || self.closing && !self.fin_acked
    }

    /// Times that it waited in vain for the other end, since that was heard of last.
    #[inline]
    pub fn timeouts(&self) -> u32 {
        self.rtt.silent()
    }

    /// Nothing is left to be done: it is closed, or in TIME-WAIT with all acknowledged.
    pub fn is_over(&self) -> bool {
        match self.state {
            State::Closed => !self.reset,
            State::TimeWait => !self.ack_now,
            _ => false,
        }
    }

    /// Has `fill` write into the send buffer; see [`Ring::write`].
    pub fn write(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> usize {
        if self.may_send() { self.tx.write(fill) } else { 0 }
    }

    /// Has `take` read from the receive buffer; see [`Ring::read`].
    pub fn read(&mut self, take: &mut dyn FnMut(&[u8]) -> usize) -> usize {
        let read = self.rx.read(take);
        self.ack_now |= self.is_update_due();
        read
    }

    /// What can be read, as far as it is in one piece.
    pub fn peek(&self) -> &[u8] {
        let [piece, _] = self.rx.pieces(0, self.rx.len());
        piece
    }

    /// Whether the window has opened so far that the other end should know: by half of the
    /// buffer, or from nearly closed by a segment (RFC 9293, 3.8.6.2.2).
    fn is_update_due(&self) -> bool {
        if !matches!(self.state, State::Established | State::FinWait1 | State::FinWait2) {
            return false;
        }
        let left = seq::between(self.expected, self.edge);
        let gain = self.rx.free().saturating_sub(left);
        let mss = self.mss as usize;
        gain >= self.rx.limit() / 2 || left < mss && gain >= mss.min(self.rx.limit() / 2)
    }

    /// Nothing follows what was written.
    pub fn close(&mut self) {
        self.state = match self.state {
            State::Established | State::SynReceived => State::FinWait1,
            State::CloseWait => State::LastAck,
            State::SynSent => return self.end(),
            _ => return,
        };
        self.closing = true;
    }

    /// Ends it at once; the other end is told.
    pub fn abort(&mut self) {
        let told = !matches!(self.state, State::SynSent | State::TimeWait | State::Closed);
        self.end();
        self.reset = told;
    }

    /// It is over, without a word.
    pub(crate) fn end(&mut self) {
        self.state = State::Closed;
        self.reset = false;
        self.ack_now = false;
        self.resend = false;
        (self.retransmit, self.persist, self.ack_at, self.probe_at) = (NEVER, NEVER, NEVER, NEVER);
    }

    /// When [`output`](Self::output) is due without anything happening before.
    #[inline]
    pub fn deadline(&self) -> u64 {
        self.timer().min(self.ack_at)
    }

    /// The part of [`deadline`](Self::deadline) that is about the other end's silence.
    #[inline]
    pub fn timer(&self) -> u64 {
        self.retransmit.min(self.persist).min(self.probe_at)
    }

    /// The other part: when an acknowledgement has been delayed for as long as it may. It never
    /// comes nearer.
    #[inline]
    pub fn ack_deadline(&self) -> u64 {
        self.ack_at
    }

    /// Whether a SYN is to be sent.
    #[inline]
    pub(crate) fn is_syn_due(&self) -> bool {
        !self.syn_acked && self.nxt == self.iss && self.state != State::Closed
    }

    /// Bytes under way.
    #[inline]
    pub(crate) fn flight(&self) -> u32 {
        self.max.wrapping_sub(self.una)
    }
}
