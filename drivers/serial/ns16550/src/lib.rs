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
const FIFO_CONTROL: u16 = 2;
/// Received data available, in the interrupt enable register.
const RECEIVED: u8 = 1 << 0;
const LINE_CONTROL: u16 = 3;
const LINE_STATUS: u16 = 5;

const FIFO_ENABLE_AND_RESET: u8 = 0b111;
/// The receiver's trigger level is 14 bytes. Interrupts are masked, but QEMU offers a guest as many
/// bytes at a time as this: with a level of 1, each takes a turn of its main loop.
const TRIGGER_14: u8 = 0b1100_0000;
const EIGHT_BITS_NO_PARITY_ONE_STOP: u8 = 0b11;
const DATA_READY: u8 = 1 << 0;
const TRANSMITTER_HOLDING_EMPTY: u8 = 1 << 5;

/// Bytes that the transmit FIFO takes once it is empty.
const FIFO: usize = 16;

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

    /// Sets 8N1, empties and enables the FIFOs, masks all interrupts. The speed is left as the
    /// firmware set it.
    pub fn init(&self) {
        self.registers.write(INTERRUPT_ENABLE, 0);
        self.registers.write(LINE_CONTROL, EIGHT_BITS_NO_PARITY_ONE_STOP);
        self.registers.write(FIFO_CONTROL, FIFO_ENABLE_AND_RESET | TRIGGER_14);
    }

    /// Sends `bytes`.
    pub fn write(&self, bytes: impl Iterator<Item = u8>) {
        let mut room = 0;
        for byte in bytes {
            if room == 0 {
                if !(0..PATIENCE)
                    .any(|_| self.registers.read(LINE_STATUS) & TRANSMITTER_HOLDING_EMPTY != 0)
                {
                    return;
                }
                room = FIFO;
            }
            self.registers.write(DATA, byte);
            room -= 1;
        }
    }

    /// Interrupts when something has been received, from now on.
    pub fn interrupt_on_receive(&self) {
        self.registers.write(INTERRUPT_ENABLE, RECEIVED);
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
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::vec::Vec;

    #[derive(Default)]
    struct Fake {
        sent: RefCell<Vec<u8>>,
        received: RefCell<VecDeque<u8>>,
        fifo: RefCell<usize>,
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
                    *self.fifo.borrow_mut() = 0; // all sent by the time somebody asks
                    let ready = !self.received.borrow().is_empty();
                    TRANSMITTER_HOLDING_EMPTY | if ready { DATA_READY } else { 0 }
                }
                _ => 0,
            }
        }
        fn write(&self, offset: u16, value: u8) {
            if offset == DATA {
                *self.fifo.borrow_mut() += 1;
                assert!(*self.fifo.borrow() <= FIFO, "the FIFO overflowed");
                self.sent.borrow_mut().push(value);
            }
        }
    }

    #[test]
    fn sends_everything_without_overflowing_the_fifo() {
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
