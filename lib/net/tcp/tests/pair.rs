//! Two ends and a wire between them that loses, doubles, swaps and delays.

use proptest::prelude::*;
use std::collections::VecDeque;
use unilith_tcp::{Flags, NEVER, Peer, Ring, Segment, State, Tcb, Verdict};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;
const LIMIT: usize = 8192;

fn ring() -> Ring {
    Ring::new(LIMIT, |_| true)
}

/// What happens to a segment: with a probability of so many in 256.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    lose: u8,
    double: u8,
    swap: u8,
}

/// A segment under way: when it arrives, to whom, and its bytes.
struct World {
    now: u64,
    ends: [Tcb; 2],
    wire: VecDeque<(u64, usize, Vec<u8>)>,
    faults: Faults,
    random: u64,
    segments: usize,
    /// Bytes of a segment that the wire takes, and of the largest that there was.
    longest: usize,
    seen: usize,
}

impl World {
    fn new(seed: u64, faults: Faults, iss: [u32; 2], mss: [u16; 2]) -> Self {
        let client = Tcb::connect((1, 2), iss[0], mss[0], ring(), ring());
        let server = Tcb::connect((2, 1), iss[1], mss[1], ring(), ring());
        let random = seed | 1;
        let mut world = Self {
            now: SECOND,
            ends: [client, server],
            wire: VecDeque::new(),
            faults,
            random,
            segments: 0,
            longest: usize::MAX,
            seen: 0,
        };
        for end in &mut world.ends {
            end.set_ack_delay(5 * MS);
        }
        world
    }

    /// A world in which one end has called the other.
    fn established(seed: u64, faults: Faults, iss: [u32; 2], mss: [u16; 2]) -> Self {
        let mut world = Self::new(seed, Faults::default(), iss, mss);
        let syn = world.outputs(0).remove(0);
        let peer = Peer::of(&Segment::parse(&syn).unwrap().0);
        let answer = Tcb::syn_ack((2, 1), iss[1], peer, mss[1], LIMIT);
        world.ends[1] = Tcb::accept((2, 1), iss[1], peer, mss[1], ring(), ring());
        world.ends[1].set_ack_delay(5 * MS);
        assert_eq!(world.ends[0].input(world.now, &answer, &[]), Verdict::Taken);
        world.run(SECOND);
        assert_eq!(world.states(), [State::Established; 2]);
        world.faults = faults;
        world
    }

    fn states(&self) -> [State; 2] {
        [self.ends[0].state(), self.ends[1].state()]
    }

    fn chance(&mut self, of: u8) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 24 & 255) < u64::from(of)
    }

    fn outputs(&mut self, end: usize) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let limit = self.ends[end].output(self.now, 64, &mut |header, payload| {
            let mut bytes = vec![0; header.header_len()];
            header.emit(&mut bytes);
            bytes.extend(payload.concat());
            out.push(bytes);
            true
        });
        assert_eq!(limit.count, out.len());
        out
    }

    fn send(&mut self, end: usize) {
        // Who does not ask for it gets no turn.
        if !self.ends[end].wants_output(self.now) {
            return;
        }
        for bytes in self.outputs(end) {
            self.segments += 1;
            if bytes.len() > self.longest {
                continue;
            }
            self.seen = self.seen.max(bytes.len());
            let delay = MS + if self.chance(self.faults.swap) { 3 * MS } else { 0 };
            if !self.chance(self.faults.lose) {
                self.wire.push_back((self.now + delay, 1 - end, bytes.clone()));
            }
            if self.chance(self.faults.double) {
                self.wire.push_back((self.now + 2 * delay, 1 - end, bytes));
            }
        }
    }

    /// Does what is due now; false if nothing ever will be.
    fn step(&mut self) -> bool {
        self.send(0);
        self.send(1);
        let first = (0..self.wire.len()).min_by_key(|index| self.wire[*index].0);
        let timer = self.ends.iter().map(Tcb::deadline).min().unwrap_or(NEVER);
        match first {
            Some(index) if self.wire[index].0 <= timer => {
                let (at, to, bytes) = self.wire.remove(index).unwrap();
                self.now = self.now.max(at);
                let (header, payload) = Segment::parse(&bytes).unwrap();
                self.ends[to].input(self.now, &header, payload);
                true
            }
            _ if timer < NEVER => {
                self.now = self.now.max(timer);
                true
            }
            _ => false,
        }
    }

    fn run(&mut self, ns: u64) {
        let end = self.now + ns;
        for _ in 0..200_000 {
            if self.now >= end || !self.step() {
                return;
            }
        }
        panic!("never idle: {:?}", self.ends);
    }

    /// Sends everything in both directions, closing each when all is written.
    fn exchange(&mut self, data: [&[u8]; 2]) {
        self.exchange_slowly(data, [(usize::MAX, 0); 2]);
    }

    /// The same; each end reads so many bytes at a time, and waits for so many nanoseconds then.
    fn exchange_slowly(&mut self, data: [&[u8]; 2], readers: [(usize, u64); 2]) {
        let (mut written, mut got) = ([0; 2], [Vec::new(), Vec::new()]);
        let mut next = [self.now; 2];
        for _ in 0..400_000 {
            for end in 0..2 {
                let mut rest = &data[end][written[end]..];
                written[end] += self.ends[end].write(&mut |room| {
                    let len = room.len().min(rest.len());
                    room[..len].copy_from_slice(&rest[..len]);
                    rest = &rest[len..];
                    len
                });
                if written[end] == data[end].len() {
                    self.ends[end].close();
                }
                let (mut room, pause) = readers[end];
                if self.now >= next[end] && self.ends[end].unread() > 0 {
                    self.ends[end].read(&mut |bytes| {
                        let len = bytes.len().min(room);
                        got[end].extend_from_slice(&bytes[..len]);
                        room -= len;
                        len
                    });
                    next[end] = self.now + pause;
                }
            }
            let mut more = self.step();
            if !more {
                // Nothing will happen but that somebody reads.
                let waits = (0..2).filter(|end| self.ends[*end].unread() > 0);
                let at = waits.map(|end| next[end]).min();
                more = at.is_some_and(|at| at > self.now);
                self.now = at.unwrap_or(self.now).max(self.now);
            }
            let over = self.ends.iter().all(|end| end.is_over() && end.unread() == 0);
            if over || !more {
                break;
            }
        }
        assert!(got[1] == data[0], "{} of {} bytes: {:?}", got[1].len(), data[0].len(), self.ends);
        assert!(got[0] == data[1], "{} of {} bytes: {:?}", got[0].len(), data[1].len(), self.ends);
        assert!(self.ends.iter().all(|end| end.is_over()), "{:?}", self.states());
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2654435761) >> 13) as u8).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// All bytes arrive, in order, and both ends close, whatever the wire does.
    #[test]
    fn everything_arrives(
        seed: u64,
        iss: [u32; 2],
        mss in [100..1460u16, 100..1460u16],
        lens in [0..60_000usize, 0..60_000usize],
        lose in prop_oneof![Just(0u8), 0..60u8],
        double in prop_oneof![Just(0u8), 0..60u8],
        swap in prop_oneof![Just(0u8), 0..60u8],
    ) {
        let mut world = World::established(seed, Faults { lose, double, swap }, iss, mss);
        let data = lens.map(pattern);
        world.exchange([&data[0], &data[1]]);
    }

    /// Windows that are scaled, and therefore rounded, close and open at any time.
    #[test]
    fn everything_arrives_through_scaled_windows(
        seed: u64,
        iss: [u32; 2],
        lens in [0..400_000usize, 0..400_000usize],
        chunks in [10_000..90_000usize, 10_000..90_000usize],
        pauses in [0..2000u64, 0..2000u64],
        lose in prop_oneof![Just(0u8), 0..40u8],
    ) {
        let faults = Faults { lose, ..Faults::default() };
        let mut world = World::new(seed, Faults::default(), iss, [1460, 536]);
        for (end, (from, to)) in [(0, (1, 2)), (1, (2, 1))] {
            let large = || Ring::new(1 << 17, |_| true);
            world.ends[end] = Tcb::connect((from, to), iss[end], 1460, large(), large());
        }
        world.run(SECOND);
        world.faults = faults;
        let data = lens.map(pattern);
        let readers = [0, 1].map(|end: usize| (chunks[end], pauses[end] * MS));
        world.exchange_slowly([&data[0], &data[1]], readers);
    }

    /// Windows close, and are tried and open at any time, in both directions.
    #[test]
    fn everything_arrives_at_who_reads_slowly(
        seed: u64,
        iss: [u32; 2],
        lens in [0..40_000usize, 0..40_000usize],
        chunks in [1000..9000usize, 1000..9000usize],
        pauses in [0..2000u64, 0..2000u64],
        lose in prop_oneof![Just(0u8), 0..40u8],
        swap in prop_oneof![Just(0u8), 0..60u8],
    ) {
        let faults = Faults { lose, swap, ..Faults::default() };
        let mut world = World::established(seed, faults, iss, [1460, 536]);
        let data = lens.map(pattern);
        let readers = [0, 1].map(|end: usize| (chunks[end], pauses[end] * MS));
        world.exchange_slowly([&data[0], &data[1]], readers);
    }

    /// The handshake may be lost, too; and both may call at the same time.
    #[test]
    fn both_call_at_the_same_time(seed: u64, iss: [u32; 2], lose in 0..60u8) {
        let faults = Faults { lose, ..Faults::default() };
        let mut world = World::new(seed, faults, iss, [1460, 1460]);
        world.run(2000 * SECOND);
        prop_assert_eq!(world.states(), [State::Established; 2]);
        world.exchange([&pattern(5000), &pattern(3000)]);
    }

    /// Segments from somebody else: no panic, and nothing that is out of window changes anything.
    #[test]
    fn nonsense(
        many in prop::collection::vec((any::<u8>(), -3000..3000i32, -3000..3000i32, any::<u16>(), 0..1400usize), 1..40),
    ) {
        let mut world = World::established(7, Faults::default(), [u32::MAX - 50, 9], [1460, 1460]);
        let (next, expected) = world.ends[1].numbers();
        for (flags, seq, ack, window, len) in many {
            let segment = Segment {
                from: 1,
                to: 2,
                seq: expected.wrapping_add_signed(seq),
                ack: next.wrapping_add_signed(ack),
                flags: Flags(flags),
                window,
                ..Segment::default()
            };
            world.ends[1].input(world.now, &segment, &vec![0; len]);
            world.ends[1].write(&mut |room| room.len().min(700));
            for _ in 0..3 {
                world.outputs(1);
                let due = world.ends[1].deadline();
                prop_assert!(due > world.now, "busy: {:?}", world.ends[1]);
                world.now = due.min(world.now + SECOND);
            }
        }
    }
}

#[test]
fn a_request_and_its_answer_are_two_segments() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
    let before = world.segments;
    for _ in 0..50 {
        for (from, to) in [(0, 1), (1, 0)] {
            assert_eq!(world.ends[from].write(&mut |room| room.len().min(40)), 40.min(LIMIT));
            world.send(from);
            let (at, _, bytes) = world.wire.pop_front().unwrap();
            world.now = at;
            let (header, payload) = Segment::parse(&bytes).unwrap();
            world.ends[to].input(at, &header, payload);
            assert_eq!(world.ends[to].read(&mut |bytes| bytes.len()), 40);
            assert!(!world.ends[to].wants_output(world.now));
        }
    }
    assert_eq!(world.segments - before, 100);
}

#[test]
fn a_closed_window_is_tried_and_opens() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
    let data = pattern(2 * LIMIT);
    let mut rest = &data[..];
    let mut write = |tcb: &mut Tcb| {
        tcb.write(&mut |room| {
            let len = room.len().min(rest.len());
            room[..len].copy_from_slice(&rest[..len]);
            rest = &rest[len..];
            len
        })
    };
    assert_eq!(write(&mut world.ends[0]), LIMIT);
    world.run(SECOND);
    assert_eq!(write(&mut world.ends[0]), LIMIT);
    let before = world.segments;
    world.run(600 * SECOND);
    let probes = world.segments - before;
    assert!((10..60).contains(&probes), "{probes} segments in ten minutes");
    assert_eq!(world.ends[1].unread(), LIMIT);
    let mut got = Vec::new();
    for _ in 0..100 {
        world.ends[1].read(&mut |bytes| {
            got.extend_from_slice(bytes);
            bytes.len()
        });
        world.run(50 * MS);
    }
    assert!(got == data);
}

#[test]
fn one_loss_costs_no_time_out() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1000, 1000]);
    world.run(SECOND);
    let data = pattern(8000);
    world.ends[0].write(&mut |room| {
        let len = room.len().min(8000);
        room[..len].copy_from_slice(&data[..len]);
        len
    });
    world.send(0);
    world.wire.remove(1);
    let start = world.now;
    while world.ends[1].unread() < 8000 && world.step() {}
    assert!(world.now - start < 100 * MS, "{} ms", (world.now - start) / MS);
}

#[test]
fn resets_are_believed_only_where_they_fit() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
    let (_, expected) = world.ends[1].numbers();
    let reset = |seq| Segment { from: 1, to: 2, seq, flags: Flags::RST, ..Segment::default() };
    world.ends[1].input(world.now, &reset(expected + 1), &[]);
    assert_eq!(world.ends[1].state(), State::Established);
    assert_eq!(world.outputs(1).len(), 1, "RFC 5961: a challenge");
    world.ends[1].input(world.now, &reset(expected.wrapping_sub(1)), &[]);
    assert!(world.outputs(1).is_empty());
    world.ends[1].input(world.now, &reset(expected), &[]);
    assert_eq!(world.ends[1].state(), State::Closed);
}

/// Writes `len` bytes; how many there was room for.
fn write(tcb: &mut Tcb, mut len: usize) -> usize {
    tcb.write(&mut |room| {
        let now = room.len().min(len);
        len -= now;
        now
    })
}

#[test]
fn who_tries_a_closed_window_is_still_believed_what_it_acknowledges() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
    for _ in 0..2 {
        assert_eq!(write(&mut world.ends[0], LIMIT), LIMIT);
        world.run(5 * SECOND);
    }
    assert_eq!(world.ends[1].unread(), LIMIT, "it is full, and was tried");
    // The one that does not read has something to say.
    assert_eq!(write(&mut world.ends[1], 3000), 3000);
    world.run(5 * SECOND);
    assert_eq!(world.ends[0].unread(), 3000);
    assert_eq!(world.ends[1].unsent(), 0, "the acknowledgement was out of window");
}

#[test]
fn a_path_that_is_slower_than_the_first_guess_is_measured() {
    let mut end = Tcb::connect((1, 2), 5, 1460, ring(), ring());
    let peer = Segment { ack: 6, window: 8192, flags: Flags::ACK, ..Segment::default() };
    let mut now = SECOND;
    let mut sent = 0;
    // Every answer takes 1.5 s.
    let wait = |end: &mut Tcb, now: &mut u64| {
        let until = *now + 1500 * MS;
        let mut count = 0;
        loop {
            count += end.output(*now, 64, &mut |_, _| true).count;
            *now = end.deadline().min(until);
            if *now == until {
                return count;
            }
        }
    };
    wait(&mut end, &mut now);
    let syn = Segment { flags: Flags::SYN | Flags::ACK, seq: 99, ..peer };
    end.input(now, &syn, &[]);
    end.output(now, 64, &mut |_, _| true);
    for _ in 0..5 {
        write(&mut end, 100);
        sent += 100;
        let count = wait(&mut end, &mut now);
        assert_eq!(count, 1, "sent again before the answer could be here");
        end.input(now, &Segment { seq: 100, ack: 6 + sent, ..peer }, &[]);
    }
}

#[test]
fn a_fin_that_overtook_the_data_counts() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
    write(&mut world.ends[0], 100);
    world.send(0);
    world.ends[0].close();
    world.send(0);
    assert_eq!(world.wire.len(), 2);
    for index in [1, 0] {
        let (header, payload) = Segment::parse(&world.wire[index].2).unwrap();
        world.ends[1].input(world.now, &header, payload);
    }
    assert_eq!((world.ends[1].unread(), world.ends[1].state()), (100, State::CloseWait));
}

#[test]
fn a_window_that_closes_starts_a_timer() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
    write(&mut world.ends[0], 3000);
    world.send(0);
    write(&mut world.ends[0], 3000);
    let (next, expected) = world.ends[0].numbers();
    let full = Segment { seq: expected, ack: next, flags: Flags::ACK, ..Segment::default() };
    world.ends[0].input(world.now, &full, &[]);
    if world.ends[0].wants_output(world.now) {
        world.outputs(0);
    }
    assert!(world.ends[0].deadline() < NEVER, "nothing will ever happen");
}

#[test]
fn the_window_of_a_syn_is_never_scaled() {
    let mut end = Tcb::connect((1, 2), 5, 1460, ring(), ring());
    let output = |end: &mut Tcb| {
        let mut sent = 0;
        end.output(SECOND, 64, &mut |_, payload| {
            sent += payload.concat().len();
            true
        });
        sent
    };
    output(&mut end);
    // Both call at the same time.
    let syn = Segment { seq: 99, window: 1024, flags: Flags::SYN, ..Segment::default() };
    let syn = Segment { scale: Some(7), mss: Some(1460), ..syn };
    end.input(SECOND, &syn, &[]);
    output(&mut end);
    end.input(SECOND, &Segment { ack: 6, flags: Flags::SYN | Flags::ACK, ..syn }, &[]);
    assert_eq!(end.state(), State::Established);
    write(&mut end, 5000);
    assert_eq!(output(&mut end), 1024);
}

#[test]
fn a_lost_call_does_not_hold_up_what_follows() {
    let mut end = Tcb::connect((1, 2), 5, 1460, ring(), ring());
    let mut now = SECOND;
    for _ in 0..2 {
        assert_eq!(end.output(now, 64, &mut |_, _| true).count, 1);
        now = end.deadline();
    }
    let peer = Segment { ack: 6, window: 65535, flags: Flags::ACK, ..Segment::default() };
    let syn = Segment { flags: Flags::SYN | Flags::ACK, seq: 99, mss: Some(1460), ..peer };
    end.input(now, &syn, &[]);
    write(&mut end, 8000);
    let mut acknowledged = 0;
    for segments in [1, 2] {
        let mut sent = Vec::new();
        end.output(now, 64, &mut |_, payload| {
            sent.push(payload.concat().len() as u32);
            true
        });
        assert_eq!(sent, vec![1460; segments], "slow start, with whole segments");
        for len in sent {
            acknowledged += len;
            end.input(now, &Segment { seq: 100, ack: 6 + acknowledged, ..peer }, &[]);
        }
    }
}

#[test]
fn who_is_told_nonsense_often_says_so_once() {
    let challenges = [
        // What was never sent is acknowledged: two ends that both think so would go on for ever.
        (Flags::ACK, 0, 1),
        (Flags::RST, 1, 0),
        (Flags::SYN, 1, 0),
    ];
    for (flags, seq, ack) in challenges {
        let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
        let (next, expected) = world.ends[1].numbers();
        let odd = Segment { seq: expected + seq, ack: next + ack, flags, ..Segment::default() };
        let mut answers = 0;
        for _ in 0..100 {
            world.ends[1].input(world.now, &odd, &[]);
            answers += world.outputs(1).len();
            world.now += MS;
        }
        assert_eq!(answers, 1, "{flags:?}");
        world.now += SECOND;
        world.ends[1].input(world.now, &odd, &[]);
        assert_eq!(world.outputs(1).len(), 1, "{flags:?}");
    }
}

#[test]
fn two_that_try_each_others_window_at_the_same_time_go_on() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
    for _ in 0..2 {
        for end in 0..2 {
            assert_eq!(write(&mut world.ends[end], LIMIT), LIMIT);
        }
        world.run(5 * SECOND);
    }
    world.now = world.ends[0].deadline().max(world.ends[1].deadline());
    world.send(0);
    world.send(1);
    assert_eq!(world.wire.len(), 2);
    // Both windows open while both are being tried: both take the byte.
    for end in &mut world.ends {
        assert_eq!(end.read(&mut |bytes| bytes.len()), LIMIT);
    }
    world.run(60 * SECOND);
    assert_eq!([world.ends[0].unread(), world.ends[1].unread()], [LIMIT; 2]);
    assert_eq!([world.ends[0].unsent(), world.ends[1].unsent()], [0; 2]);
}

#[test]
fn a_window_that_is_rounded_down_is_not_one_that_closes() {
    let mut end = Tcb::connect((1, 2), 5, 1460, ring(), ring());
    end.output(SECOND, 64, &mut |_, _| true);
    let syn = Segment { seq: 99, ack: 6, window: 1280, ..Segment::default() };
    let options = Segment { scale: Some(7), mss: Some(1460), ..syn };
    end.input(SECOND, &Segment { flags: Flags::SYN | Flags::ACK, ..options }, &[]);
    write(&mut end, 1280);
    end.output(SECOND, 64, &mut |_, _| true);
    // Half of a unit was used: the edge of the window seems to have moved back.
    for (seq, acknowledged, window) in [(100, 64, 9), (3100, 1280 - 64, 0)] {
        let ack = Segment { seq, ack: 6 + acknowledged, window, flags: Flags::ACK, ..syn };
        end.input(SECOND, &ack, &[0; 3000]);
        let mut seq = 0;
        end.output(SECOND, 64, &mut |header, _| {
            seq = header.seq;
            true
        });
        assert_eq!(seq, 6 + 1280, "what has arrived there is not acknowledged from before it");
    }
}

/// Sends 8 KiB over a path that drops what carries more than `most`: the largest that gets through.
fn largest(world: &mut World, most: usize) -> usize {
    (world.longest, world.seen) = (most + 20, 0);
    let (mut got, end) = (0, world.now + 1000 * SECOND);
    assert_eq!(write(&mut world.ends[0], LIMIT), LIMIT);
    while got < LIMIT {
        assert!(world.step() && world.now < end, "{got} bytes");
        got += world.ends[1].read(&mut |bytes| bytes.len());
    }
    world.run(SECOND);
    world.seen - 20
}

#[test]
fn a_path_that_drops_large_segments_gets_small_ones() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
    let start = world.now;
    assert_eq!(largest(&mut world, 1460), 1460);
    assert_eq!(largest(&mut world, 1400), 536);
    assert!(world.now < start + 10 * SECOND);
    let start = world.now;
    assert_eq!(largest(&mut world, 1400), 536);
    assert!(world.now < start + 2 * SECOND, "it is remembered");
    // For ten minutes.
    world.now += 601 * SECOND;
    largest(&mut world, 1460);
    assert_eq!(largest(&mut world, 1460), 1460, "it is tried again");
}

#[test]
fn small_segments_that_are_lost_do_not_make_large_ones_small() {
    let mut world = World::established(1, Faults::default(), [5, 6], [1460, 1460]);
    assert_eq!(write(&mut world.ends[0], 500), 500);
    for _ in 0..5 {
        world.send(0);
        world.wire.clear();
        world.now = world.ends[0].deadline();
    }
    world.run(60 * SECOND);
    assert_eq!(world.ends[1].read(&mut |bytes| bytes.len()), 500);
    assert_eq!(write(&mut world.ends[0], 3000), 3000);
    world.send(0);
    assert_eq!(world.wire[0].2.len(), 1460 + 20);
}

#[test]
fn who_closes_before_the_call_is_answered_asks_for_no_sign_of_life() {
    let mut end = Tcb::connect((1, 2), 5, 1460, ring(), ring());
    end.output(SECOND, 64, &mut |_, _| true);
    let syn = Segment { seq: 99, window: 1024, flags: Flags::SYN, ..Segment::default() };
    end.input(SECOND, &syn, &[]);
    end.close();
    end.set_probe(SECOND, SECOND);
    end.output(SECOND, 64, &mut |_, _| true);
    assert!(end.deadline() > SECOND && !end.wants_output(SECOND), "busy: {end:?}");
}

#[test]
fn a_lost_call_is_not_taken_for_a_fast_way() {
    let mut end = Tcb::connect((1, 2), 5, 1460, ring(), ring());
    end.output(SECOND, 64, &mut |_, _| true);
    let now = end.deadline();
    end.output(now, 64, &mut |_, _| true);
    let syn = Segment { seq: 99, ack: 6, window: 65535, ..Segment::default() };
    end.input(now, &Segment { flags: Flags::SYN | Flags::ACK, ..syn }, &[]);
    write(&mut end, 100);
    end.output(now, 64, &mut |_, _| true);
    assert!(end.deadline() >= now + 3 * SECOND, "RFC 6298, 5.7");
}

#[test]
fn what_no_path_takes_does_not_leave_this_host_and_stays_large() {
    for (mss, most) in [(16384_u16, 16384), (1460, 536)] {
        let large = || Ring::new(1 << 15, |_| true);
        let mut end = Tcb::connect((1, 2), 5, mss, large(), large());
        end.output(SECOND, 64, &mut |_, _| true);
        let flags = Flags::SYN | Flags::ACK;
        let syn = Segment { seq: 99, ack: 6, window: 65535, flags, ..Segment::default() };
        end.input(SECOND, &Segment { mss: Some(mss), ..syn }, &[]);
        assert_eq!(write(&mut end, 20_000), 20_000);
        let mut largest = 0;
        for _ in 0..5 {
            largest = 0;
            end.output(end.deadline(), 64, &mut |_, payload| {
                largest = largest.max(payload.concat().len());
                true
            });
        }
        assert_eq!(largest, most);
    }
}
