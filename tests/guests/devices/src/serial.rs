//! The first serial port as a source of interrupts on a line (the console polls it).

use crate::NS_PER_S;
use unilith_bus::Interrupt;
use unilith_platform::{idle, monotonic_ns};
use unilith_x86_64::port;

const INTERRUPT_ENABLE: u16 = 0x3f9;
const TRANSMITTER_EMPTY: u8 = 0b10;
const LINE: Interrupt = Interrupt::Line(4);

/// The interrupt comes before the halt: it must not be lost.
pub fn interrupt() -> &'static str {
    unilith_bus::enable(LINE);
    let start = monotonic_ns();
    let set = |value| {
        // SAFETY: this register touches no memory, and the stubs of interrupts keep all registers.
        unsafe { port::write8(INTERRUPT_ENABLE, value) }
    };
    set(TRANSMITTER_EMPTY);
    idle(start + 5 * NS_PER_S);
    set(0);
    let waited = monotonic_ns() - start;
    if waited < NS_PER_S { "ends a halt" } else { "is lost" }
}
