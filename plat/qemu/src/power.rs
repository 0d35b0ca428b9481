//! Ending the machine.

use unilith_x86_64::{cpu, port};

/// QEMU's `isa-debug-exit` device as the runner places it: QEMU exits with `value << 1 | 1`.
const DEBUG_EXIT: u16 = 0xf4;
/// PM1a control register of QEMU's `pc` and `q35` once SeaBIOS has set up ACPI.
const PM1A_CONTROL: u16 = 0x604;
/// SLP_EN with sleep type 0, which is S5 on these machines (ACPI 6.5, 4.8.3.2.1).
const SLEEP: u16 = 1 << 13;
/// The reset control register of PC chipsets: full reset. `-no-reboot` turns it into an exit.
const RESET_CONTROL: u16 = 0xcf9;
const FULL_RESET: u8 = 0x0e;

/// Switches off: by the debug-exit device, else by ACPI, else by a reset.
pub fn off(status: u8) -> ! {
    // SAFETY: the machine ends here; whatever these ports do, no code of ours runs on.
    unsafe {
        port::write32(DEBUG_EXIT, u32::from(status));
        port::write16(PM1A_CONTROL, SLEEP);
        port::write8(RESET_CONTROL, FULL_RESET);
    }
    cpu::halt()
}
