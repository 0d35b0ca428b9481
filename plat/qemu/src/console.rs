//! The console: the first serial port, framed when the runner asks for it
//! (`docs/decisions/002-console-framing.md`).

use core::sync::atomic::{AtomicU8, Ordering};
use unilith_ns16550::{Ns16550, Registers};
use unilith_platform::{Event, Stream};
use unilith_x86_64::port;

/// COM1.
const BASE: u16 = 0x3f8;

/// Data link escape: announces an event in a framed console.
pub const DLE: u8 = 0x10;

pub struct Com1;

impl Registers for Com1 {
    fn read(&self, offset: u16) -> u8 {
        // SAFETY: a UART's registers, or nothing, are at these ports.
        unsafe { port::read8(BASE + offset) }
    }
    fn write(&self, offset: u16, value: u8) {
        // SAFETY: as above; a UART does not touch memory.
        unsafe { port::write8(BASE + offset, value) }
    }
}

pub const UART: Ns16550<Com1> = Ns16550::new(Com1);

/// 0: not started; 1: plain; 2: framed.
static STATE: AtomicU8 = AtomicU8::new(0);
static STREAM: AtomicU8 = AtomicU8::new(Stream::Out as u8);

/// Starts the console at its first use, and says whether it is framed.
pub fn framed() -> bool {
    let mut state = STATE.load(Ordering::Relaxed);
    if state == 0 {
        UART.init();
        let asked = crate::pvh::command_line()
            .split(|&byte| byte == b' ')
            .take_while(|&word| word != b"--")
            .any(|word| word == b"unilith.framed");
        state = 1 + u8::from(asked);
        STATE.store(state, Ordering::Relaxed);
        if asked {
            // The port has just been emptied: from now on the runner may send.
            escape(b'o');
        }
    }
    state == 2
}

/// Once in the image: there is more code in a write than in a call.
#[inline(never)]
fn escape(letter: u8) {
    UART.write([DLE, letter].into_iter());
}

/// Writes `bytes` to `stream`.
pub fn write(stream: Stream, bytes: &[u8]) {
    if !framed() {
        return UART.write(bytes.iter().copied());
    }
    if STREAM.swap(stream as u8, Ordering::Relaxed) != stream as u8 {
        let letter = if stream == Stream::Out { b'o' } else { b'e' };
        escape(letter);
    }
    for part in bytes.split_inclusive(|&byte| byte == DLE) {
        UART.write(part.iter().copied());
        if part.last() == Some(&DLE) {
            UART.write(core::iter::once(DLE));
        }
    }
}

/// Sends an event; lost on a console that is not framed.
pub fn event(event: Event<'_>) {
    if !framed() {
        return;
    }
    match event {
        Event::Mark(name, cycles) => {
            UART.write([DLE, b'm'].into_iter().chain(name.bytes()).chain(core::iter::once(b' ')));
            write_hex(cycles);
        }
        Event::Frame(pc) => {
            UART.write([DLE, b'c'].into_iter().chain(b"pc ".iter().copied()));
            write_hex(pc as u64);
        }
    }
    UART.write(core::iter::once(b'\n'));
}

/// Tells the runner the exit status.
pub fn exit(status: u8) {
    if framed() {
        UART.write(
            [DLE, b'x', hex(u64::from(status) >> 4), hex(u64::from(status)), b'\n'].into_iter(),
        );
    }
}

fn write_hex(number: u64) {
    UART.write((0..16).rev().map(|i| hex(number >> (4 * i))));
}

fn hex(nibble: u64) -> u8 {
    b"0123456789abcdef"[(nibble & 15) as usize]
}
