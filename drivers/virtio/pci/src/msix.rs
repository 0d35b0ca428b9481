//! Interrupts as messages (PCI Local Bus Specification 3.0, section 6.8.2: MSI-X).

use crate::config::Function;
use crate::modern::map;
use unilith_virtio::{Error, Registers};

/// The capability's number.
const MSIX: u8 = 0x11;
/// In the message control word, which is the upper half of the capability's first 32 bits.
const ENABLE: u32 = 1 << 31;
const FUNCTION_MASK: u32 = 1 << 30;
/// Which base address register; the rest is the offset of the table.
const TABLE_BIR: u32 = 0b111;

// An entry of the table.
const MESSAGE_ADDRESS: usize = 0;
const MESSAGE_DATA: usize = 8;
const VECTOR_CONTROL: usize = 12;
const ENTRY_SIZE: usize = 16;

/// Has vector 0 send the platform's message.
pub(crate) fn enable(function: Function) -> Result<(), Error> {
    let message = unilith_bus::message().ok_or(Error::NoInterrupt)?;
    let mut capabilities = function.capabilities();
    let (at, _) = capabilities.find(|&(_, number)| number == MSIX).ok_or(Error::NoInterrupt)?;
    let place = function.read(at.saturating_add(4));
    let entry = map(function, (place & TABLE_BIR) as u8, place & !TABLE_BIR, ENTRY_SIZE)?;
    entry.write64(MESSAGE_ADDRESS, message.address);
    entry.write32(MESSAGE_DATA, message.data);
    entry.write32(VECTOR_CONTROL, 0);
    function.write(at, function.read(at) & !FUNCTION_MASK | ENABLE);
    Ok(())
}
