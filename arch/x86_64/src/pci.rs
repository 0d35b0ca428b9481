//! PCI configuration space through ports (PCI Local Bus Specification 3.0, 3.2.2.3.2:
//! configuration mechanism #1).

use crate::port;

const CONFIG_ADDRESS: u16 = 0xcf8;
const CONFIG_DATA: u16 = 0xcfc;
const ENABLE: u32 = 1 << 31;

/// The word that selects a register: `device` below 32, `function` below 8, the rest is ignored;
/// the two low bits of `offset` as well.
pub fn address(bus: u8, device: u8, function: u8, offset: u8) -> u32 {
    ENABLE
        | u32::from(bus) << 16
        | u32::from(device & 31) << 11
        | u32::from(function & 7) << 8
        | u32::from(offset & 0xfc)
}

/// Whether this machine has the mechanism: its address register keeps what is written.
///
/// # Safety
/// Runs in ring 0 of a PC.
pub unsafe fn present() -> bool {
    // SAFETY: selecting a register has no effect; where there is none, nobody listens.
    unsafe {
        port::write32(CONFIG_ADDRESS, ENABLE);
        port::read32(CONFIG_ADDRESS) == ENABLE
    }
}

/// Reads the register that [`address`] selects. All ones where nothing is.
///
/// # Safety
/// Runs in ring 0 of a PC.
pub unsafe fn read(address: u32) -> u32 {
    // SAFETY: reading configuration space has no effect on memory.
    unsafe {
        port::write32(CONFIG_ADDRESS, address);
        port::read32(CONFIG_DATA)
    }
}

/// Writes the register that [`address`] selects.
///
/// # Safety
/// Runs in ring 0 of a PC, and what the write makes a device do leaves memory alone that it was not given.
pub unsafe fn write(address: u32, value: u32) {
    // SAFETY: the caller vouches for the effect.
    unsafe {
        port::write32(CONFIG_ADDRESS, address);
        port::write32(CONFIG_DATA, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encoded_as_the_specification_says() {
        assert_eq!(address(0, 0, 0, 0), 0x8000_0000);
        assert_eq!(address(1, 2, 3, 0x10), 0x8001_1310);
        assert_eq!(address(255, 31, 7, 0xfc), 0x80ff_fffc);
        // Out of range: within the fields, never beside them.
        assert_eq!(address(0, 32, 8, 3), 0x8000_0000);
    }
}
