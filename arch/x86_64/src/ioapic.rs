//! The I/O APIC: it turns interrupt lines into messages to a local APIC (Intel 82093AA data sheet).

use core::ptr::NonNull;

/// Bytes of registers.
pub const LEN: usize = 0x20;

/// Byte offsets of the two registers in memory.
const IOREGSEL: usize = 0x00;
const IOWIN: usize = 0x10;
/// Registers behind them.
const IOAPICVER: u32 = 1;
const IOREDTBL: u32 = 0x10;

const ACTIVE_LOW: u64 = 1 << 13;
const LEVEL: u64 = 1 << 15;
const MASKED: u64 = 1 << 16;

/// How a line says that there is an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// By rising.
    Edge,
    /// By being low (PCI's).
    Level,
}

/// The redirection entry that sends a line's interrupts to a local APIC: fixed delivery, physical
/// destination (data sheet 3.2.4).
pub fn entry(vector: u8, destination: u8, trigger: Trigger) -> u64 {
    let trigger = match trigger {
        Trigger::Edge => 0,
        Trigger::Level => LEVEL | ACTIVE_LOW,
    };
    u64::from(vector) | trigger | u64::from(destination) << 56
}

/// An I/O APIC.
pub struct IoApic {
    registers: NonNull<u8>,
}

impl IoApic {
    /// With [`LEN`] bytes of registers mapped uncached at `registers`.
    ///
    /// # Safety
    /// They are there, and nobody else uses them while this object is used.
    pub unsafe fn new(registers: NonNull<u8>) -> Self {
        Self { registers }
    }

    fn read(&self, register: u32) -> u32 {
        let at = self.registers.as_ptr();
        // SAFETY: `new` demands that the registers are there; they are aligned.
        unsafe {
            at.add(IOREGSEL).cast::<u32>().write_volatile(register);
            at.add(IOWIN).cast::<u32>().read_volatile()
        }
    }

    fn write(&self, register: u32, value: u32) {
        let at = self.registers.as_ptr();
        // SAFETY: as in `read`; these registers touch no memory.
        unsafe {
            at.add(IOREGSEL).cast::<u32>().write_volatile(register);
            at.add(IOWIN).cast::<u32>().write_volatile(value);
        }
    }

    /// How many lines it has.
    pub fn pins(&self) -> u32 {
        (self.read(IOAPICVER) >> 16 & 0xff) + 1
    }

    /// Gives a pin its redirection entry; false if there is no such pin.
    pub fn redirect(&self, pin: u32, entry: u64) -> bool {
        if pin >= self.pins() {
            return false;
        }
        let low = IOREDTBL + 2 * pin;
        // Nothing is delivered while only half of the entry is there.
        self.write(low, MASKED as u32);
        self.write(low + 1, (entry >> 32) as u32);
        self.write(low, entry as u32);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_encoded_as_the_data_sheet_says() {
        assert_eq!(entry(0x20, 0, Trigger::Edge), 0x20);
        assert_eq!(entry(0x31, 3, Trigger::Level), 0x0300_0000_0000_a031);
        assert_eq!(entry(0xff, 0xff, Trigger::Edge), 0xff00_0000_0000_00ff);
    }
}
