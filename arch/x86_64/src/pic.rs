//! The legacy interrupt controllers, two 8259A: not used, so all that is here is to silence them.

use crate::port;

/// The data ports of both: a 1 masks a line (OCW1).
const DATA: [u16; 2] = [0x21, 0xa1];

/// Masks all lines. Harmless on a machine that has no such controller.
///
/// # Safety
/// Runs in ring 0 of a PC, and nobody wants interrupts from these controllers.
pub unsafe fn mask() {
    for port in DATA {
        // SAFETY: the caller says that it is theirs; masking touches no memory.
        unsafe { port::write8(port, 0xff) };
    }
}
