//! The console's input. It is decoded as it arrives, into a ring: a signal from the runner is not
//! stuck behind bytes that nobody reads yet (`docs/decisions/002-console-framing.md`).

use crate::console::{DLE, UART, framed};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use unilith_bus::{Bus, Interrupt};
use unilith_sync::Lock;

/// Bytes that may wait; a larger input stays in the runner.
const RING: usize = 1024;
/// COM1's interrupt.
const LINE: Interrupt = Interrupt::Line(4);

#[derive(Clone, Copy)]
enum State {
    Plain,
    Escaped,
    /// In a signal's number: what there is of it, if there is something.
    Signal(Option<u8>),
}

struct Input {
    ring: [u8; RING],
    start: usize,
    len: usize,
    state: State,
    ended: bool,
    signal: Option<u8>,
}

static INPUT: Lock<Input> = Lock::new(Input {
    ring: [0; RING],
    start: 0,
    len: 0,
    state: State::Plain,
    ended: false,
    signal: None,
});

impl Input {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.ring.get_mut((self.start + self.len) % RING) {
            *place = byte;
            self.len += 1;
        }
    }

    fn decode(&mut self, byte: u8, framed: bool) {
        let digit = char::from(byte).to_digit(16).map(|digit| digit as u8);
        self.state = match (self.state, byte) {
            (State::Plain, DLE) if framed => State::Escaped,
            (State::Escaped, b's') => State::Signal(None),
            (State::Escaped, b'z') => {
                self.ended = true;
                State::Plain
            }
            (State::Plain, byte) | (State::Escaped, byte) => {
                self.push(byte);
                State::Plain
            }
            (State::Signal(None), _) => State::Signal(Some(digit.unwrap_or(0))),
            (State::Signal(Some(high)), _) => {
                self.signal = Some(high << 4 | digit.unwrap_or(0));
                State::Plain
            }
        };
    }

    /// Takes what the port has, as far as there is room.
    fn pump(&mut self) {
        let framed = framed();
        while self.len < RING {
            let Some(byte) = UART.read() else { return };
            self.decode(byte, framed);
        }
    }
}

/// Whether [`read`] has something to give.
pub fn ready() -> bool {
    let mut input = INPUT.lock();
    input.pump();
    input.ended || input.len > 0
}

/// Reads at least one byte, waiting for it, or none at the end of the input.
pub fn read(buf: &mut [u8]) -> usize {
    if buf.is_empty() {
        return 0;
    }
    loop {
        let mut input = INPUT.lock();
        input.pump();
        let count = input.len.min(buf.len());
        if count > 0 {
            for (i, byte) in buf.iter_mut().take(count).enumerate() {
                *byte = input.ring[(input.start + i) % RING];
            }
            input.start = (input.start + count) % RING;
            input.len -= count;
            return count;
        }
        if input.ended {
            return 0;
        }
        drop(input);
        core::hint::spin_loop();
    }
}

/// Something may have arrived since the port was last looked at.
static ARRIVED: AtomicBool = AtomicBool::new(false);
static LISTENING: AtomicBool = AtomicBool::new(false);
/// Times that nobody looked.
static SKIPPED: AtomicU32 = AtomicU32::new(0);
/// Looking at the port costs far more than being asked: without an interrupt it is done this
/// rarely.
const SKIP: u32 = 256;

/// The processor is about to halt: has the port interrupt when something arrives.
pub fn listen() {
    if !LISTENING.swap(true, Ordering::Relaxed) && framed() {
        UART.interrupt_on_receive();
        crate::QemuBus::enable(LINE);
    }
}

/// The halt has ended.
pub fn woken() {
    ARRIVED.store(true, Ordering::Relaxed);
}

/// The signal that the runner has sent since the last call.
pub fn signal() -> Option<u8> {
    let skipped = SKIPPED.fetch_add(1, Ordering::Relaxed);
    if !ARRIVED.swap(false, Ordering::Relaxed) && !skipped.is_multiple_of(SKIP) {
        return None;
    }
    if !LISTENING.load(Ordering::Relaxed) {
        return None;
    }
    let mut input = INPUT.lock();
    input.pump();
    input.signal.take()
}
