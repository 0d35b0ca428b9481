//! The 16550 UART, polled (National Semiconductor, *PC16550D Universal Asynchronous
//! Receiver/Transmitter with FIFOs*, 1995).
//!
//! The registers are behind a trait: the driver does not know whether they are ports or memory.
#![no_std]
#![forbid(unsafe_code)]

/// The eight registers of a UART.
pub trait Registers {
    /// Reads the register at `offset`, 0 to 7.
    fn read(&self, offset: u16) -> u8;
    /// Writes the register at `offset`, 0 to 7.
    fn write(&self, offset: u16, value: u8);
}

/// Receiver buffer (read), transmitter holding register (write).
const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
const LINE_CONTROL: u16 = 3;
const LINE_STATUS: u16 = 5;

const EIGHT_BITS_NO_PARITY_ONE_STOP: u8 = 0b11;
const DATA_READY: u8 = 1 << 0;
const TRANSMITTER_HOLDING_EMPTY: u8 = 1 << 5;

/// How often a transmitter that never becomes ready is asked before its bytes are dropped: a
/// broken console must not stop the machine.
const PATIENCE: usize = 1 << 24;

/// A UART.
pub struct Ns16550<R> {
    registers: R,
}

impl<R: Registers> Ns16550<R> {
    /// A UART with these registers.
    pub const fn new(registers: R) -> Self {
        Self { registers }
    }

    /// Sets 8N1 and masks all interrupts. The speed is left as the firmware set it.
    ///
    /// The FIFOs are left as they are, too: switching them on empties them, and what arrived
    /// before the first use of the console would be lost.
    pub fn init(&self) {
        self.registers.write(INTERRUPT_ENABLE, 0);
        self.registers.write(LINE_CONTROL, EIGHT_BITS_NO_PARITY_ONE_STOP);
    }

    /// Sends `bytes`.
    pub fn write(&self, bytes: impl Iterator<Item = u8>) {
        for byte in bytes {
            if !(0..PATIENCE)
                .any(|_| self.registers.read(LINE_STATUS) & TRANSMITTER_HOLDING_EMPTY != 0)
            {
                return;
            }
            self.registers.write(DATA, byte);
        }
    }

    /// Whether a byte has been received.
    pub fn has_received(&self) -> bool {
        self.registers.read(LINE_STATUS) & DATA_READY != 0
    }

    /// The next byte received, if there is one.
    pub fn read(&self) -> Option<u8> {
        self.has_received().then(|| self.registers.read(DATA))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::vec::Vec;

    #[derive(Default)]
    struct Fake {
        sent: RefCell<Vec<u8>>,
        received: RefCell<VecDeque<u8>>,
        full: Cell<bool>,
        broken: bool,
    }

    impl Registers for &Fake {
        fn read(&self, offset: u16) -> u8 {
            match offset {
                DATA => self.received.borrow_mut().pop_front().unwrap_or(0),
                LINE_STATUS => {
                    if self.broken {
                        return 0;
                    }
                    self.full.set(false); // sent by the time somebody asks
                    let ready = !self.received.borrow().is_empty();
                    TRANSMITTER_HOLDING_EMPTY | if ready { DATA_READY } else { 0 }
                }
                _ => 0,
            }
        }
        fn write(&self, offset: u16, value: u8) {
            if offset == DATA {
                assert!(!self.full.replace(true), "the holding register was not empty");
                self.sent.borrow_mut().push(value);
            }
        }
    }

    #[test]
    fn sends_everything_one_by_one() {
        let fake = Fake::default();
        let uart = Ns16550::new(&fake);
        uart.init();
        uart.write((0..100).map(|i| i as u8));
        assert_eq!(*fake.sent.borrow(), (0..100).collect::<Vec<u8>>());
    }

    #[test]
    fn receives_what_is_there() {
        let fake = Fake::default();
        fake.received.borrow_mut().extend([1, 2]);
        let uart = Ns16550::new(&fake);
        uart.init();
        assert!(uart.has_received());
        assert_eq!((uart.read(), uart.read(), uart.read()), (Some(1), Some(2), None));
        assert!(!uart.has_received());
    }

    #[test]
    fn a_broken_transmitter_does_not_hang() {
        let fake = Fake { broken: true, ..Fake::default() };
        Ns16550::new(&fake).write(core::iter::once(1));
        assert!(fake.sent.borrow().is_empty());
    }
}
