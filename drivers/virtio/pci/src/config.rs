//! Configuration space of one function (PCI Local Bus Specification 3.0, chapter 6).

use unilith_bus::PciAddress;

const COMMAND_STATUS: u8 = 0x04;
const HEADER: u8 = 0x0c;
const BASE_ADDRESSES: u8 = 0x10;
const SUBORDINATE: u8 = 0x18;
const SUBSYSTEM: u8 = 0x2c;
const CAPABILITIES: u8 = 0x34;

const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_MASTER: u32 = 1 << 2;
const COMMAND_NO_INTX: u32 = 1 << 10;
const STATUS_CAPABILITIES: u32 = 1 << 20;
const MULTIFUNCTION: u8 = 0x80;

/// Capabilities are at least 4 bytes, in the 192 behind the header: longer lists are loops.
const MOST_CAPABILITIES: usize = 48;
/// Base address registers of an ordinary function.
const BARS: u8 = 6;

/// A function that is there.
#[derive(Clone, Copy)]
pub(crate) struct Function(PciAddress);

impl Function {
    /// The function at an address; `None` if there is none.
    pub(crate) fn at(address: PciAddress) -> Option<Self> {
        let function = Self(address);
        (function.vendor() != 0xffff).then_some(function)
    }

    pub(crate) fn read(self, offset: u8) -> u32 {
        unilith_bus::pci_read(self.0, offset & !3)
    }

    pub(crate) fn write(self, offset: u8, value: u32) {
        unilith_bus::pci_write(self.0, offset & !3, value);
    }

    pub(crate) fn read8(self, offset: u8) -> u8 {
        (self.read(offset) >> (8 * u32::from(offset & 3))) as u8
    }

    pub(crate) fn vendor(self) -> u16 {
        self.read(0) as u16
    }

    pub(crate) fn device(self) -> u16 {
        (self.read(0) >> 16) as u16
    }

    pub(crate) fn subsystem(self) -> u16 {
        (self.read(SUBSYSTEM) >> 16) as u16
    }

    fn header(self) -> u8 {
        (self.read(HEADER) >> 16) as u8
    }

    pub(crate) fn is_multifunction(self) -> bool {
        self.header() & MULTIFUNCTION != 0
    }

    /// The bus behind it, if it is a bridge.
    pub(crate) fn bridge_to(self) -> Option<u8> {
        (self.header() & !MULTIFUNCTION == 1).then(|| (self.read(SUBORDINATE) >> 8) as u8)
    }

    /// Shows where each capability is, and its number.
    pub(crate) fn capabilities(self) -> impl Iterator<Item = (u8, u8)> {
        let listed = self.read(COMMAND_STATUS) & STATUS_CAPABILITIES != 0;
        let mut next = if listed { self.read8(CAPABILITIES) & !3 } else { 0 };
        core::iter::from_fn(move || {
            // A capability stands behind the header.
            let at = Some(next).filter(|&at| at >= 0x40)?;
            let start = self.read(at);
            next = (start >> 8) as u8 & !3;
            Some((at, start as u8))
        })
        .take(MOST_CAPABILITIES)
    }

    /// The address in a base address register of memory; `None` if there is none, or the
    /// firmware has assigned nothing.
    pub(crate) fn memory(self, bar: u8) -> Option<u64> {
        const IO: u32 = 1;
        const WIDTH: u32 = 0b110;
        const WIDE: u32 = 0b100;
        if bar >= BARS {
            return None;
        }
        let low = self.read(BASE_ADDRESSES + bar * 4);
        let high = match low & WIDTH {
            _ if low & IO != 0 => return None,
            WIDE if bar + 1 < BARS => self.read(BASE_ADDRESSES + bar * 4 + 4),
            WIDE => return None,
            _ => 0,
        };
        let address = u64::from(high) << 32 | u64::from(low & !0xf);
        (address != 0).then_some(address)
    }

    /// Has it answer at its addresses and reach memory by itself, and use no interrupt line.
    pub(crate) fn enable(self) {
        // The upper half is the status, where writing ones clears.
        let command = self.read(COMMAND_STATUS) & 0xffff;
        let wanted = COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INTX;
        self.write(COMMAND_STATUS, command | wanted);
    }
}
