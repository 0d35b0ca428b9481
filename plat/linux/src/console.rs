//! Standard streams; the events among standard error.

use crate::host;
use core::sync::atomic::{AtomicU8, Ordering};
use unilith_platform::{Event, Platform, Stream};

/// Data link escape: announces an event.
const DLE: u8 = 0x10;

/// 0: not known yet; 1: plain; 2: framed.
static STATE: AtomicU8 = AtomicU8::new(0);

fn framed() -> bool {
    let mut state = STATE.load(Ordering::Relaxed);
    if state == 0 {
        let asked = crate::Linux::command_line()
            .split(|&byte| byte == b' ')
            .take_while(|&word| word != b"--")
            .any(|word| word == b"unilith.framed");
        state = 1 + u8::from(asked);
        STATE.store(state, Ordering::Relaxed);
    }
    state == 2
}

/// Writes `bytes` to a stream.
pub fn write(stream: Stream, bytes: &[u8]) {
    let descriptor = stream as usize;
    if stream == Stream::Out || !framed() {
        return host::write(descriptor, bytes);
    }
    for part in bytes.split_inclusive(|&byte| byte == DLE) {
        host::write(descriptor, part);
        if part.last() == Some(&DLE) {
            host::write(descriptor, &[DLE]);
        }
    }
}

/// Sends an event; lost if nobody asked for them.
pub fn event(event: Event<'_>) {
    if !framed() {
        return;
    }
    let (letter, name, number) = match event {
        Event::Mark(name, cycles) => (b'm', name, cycles),
        Event::Frame(pc) => (b'c', "pc", pc as u64),
    };
    let mut digits = [0; 16];
    for (i, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (60 - 4 * i) & 15) as usize];
    }
    for part in [&[DLE, letter], name.as_bytes(), b" ", &digits, b"\n"] {
        host::write(Stream::Err as usize, part);
    }
}
