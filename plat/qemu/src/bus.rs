//! What drivers need of the machine. Devices are on virtio-mmio where the command line says so or
//! the machine is a microvm, and on PCI elsewhere.

use crate::boot::{DIRECT_MAP, KERNEL_BASE};
use crate::{devices, idle, pvh};
use core::ptr::NonNull;
use unilith_bus::{Bus, Interrupt, Message, MmioSlot, PciAddress};
use unilith_x86_64::ioapic::{self, IoApic, Trigger};
use unilith_x86_64::{apic, interrupt, pci};

/// Where PCs have their I/O APIC (82093AA data sheet 3.0), and where a microvm with ACPI has a
/// second one (QEMU, `include/hw/i386/ioapic.h`).
const IO_APICS: [u64; 2] = [0xfec0_0000, 0xfec1_0000];
/// The first line of the second one, if there is one.
const SECOND_LINES: u32 = 24;

/// The slots of a microvm (QEMU, `include/hw/i386/microvm.h`).
const MICROVM_SLOTS: u64 = 0xfeb0_0000;
const MICROVM_SLOT_LEN: usize = 512;
/// "virt": register MagicValue, at offset 0 of every slot (virtio 1.2, 4.2.2).
const VIRTIO_MAGIC: u32 = u32::from_le_bytes(*b"virt");

/// The devices of this platform.
pub struct QemuBus;

impl Bus for QemuBus {
    fn registers(physical: u64, len: usize) -> Option<NonNull<u8>> {
        devices::registers(physical, len)
    }

    fn dma_address(of: *const u8) -> u64 {
        let base = if of as usize >= KERNEL_BASE { KERNEL_BASE } else { DIRECT_MAP };
        (of as usize).wrapping_sub(base) as u64
    }

    fn mmio_slot(index: usize) -> Option<MmioSlot> {
        let mut named = pvh::command_line()
            .split(|&byte| byte == b' ')
            .take_while(|&word| word != b"--")
            .filter_map(MmioSlot::from_word)
            .peekable();
        if named.peek().is_some() { named.nth(index) } else { microvm_slot(index) }
    }

    fn has_pci() -> bool {
        // SAFETY: a PC in ring 0.
        unsafe { pci::present() }
    }

    fn pci_read(at: PciAddress, offset: u8) -> u32 {
        // SAFETY: as above.
        unsafe { pci::read(config(at, offset)) }
    }

    fn pci_write(at: PciAddress, offset: u8, value: u32) {
        // SAFETY: as above. What drivers let devices do to memory is theirs to answer for: they
        // hand out addresses for DMA.
        unsafe { pci::write(config(at, offset), value) }
    }

    fn enable(interrupt: Interrupt) {
        let Interrupt::Line(line) = interrupt;
        let Some(id) = idle::apic().and_then(|apic| u8::try_from(apic.id()).ok()) else { return };
        let pin = if line < SECOND_LINES { line } else { line - SECOND_LINES };
        if let Some(io_apic) = io_apic(usize::from(line >= SECOND_LINES)) {
            io_apic.redirect(pin, ioapic::entry(interrupt::WAKE, id, Trigger::Edge));
        }
    }

    fn message() -> Option<Message> {
        let (address, data) = apic::message(idle::apic()?.id(), interrupt::WAKE)?;
        Some(Message { address, data })
    }
}

fn config(at: PciAddress, offset: u8) -> u32 {
    pci::address(at.bus, at.device, at.function, offset)
}

/// I/O APIC 0 or 1, if it is there.
fn io_apic(index: usize) -> Option<IoApic> {
    let registers = devices::registers(*IO_APICS.get(index)?, ioapic::LEN)?;
    // SAFETY: registers are there, or nothing; only this module uses them.
    let io_apic = unsafe { IoApic::new(registers) };
    // Where nothing is, all bits are zeros or all are ones.
    (2..=240).contains(&io_apic.pins()).then_some(io_apic)
}

/// A slot of a microvm; `None` past the last, and on other machines.
fn microvm_slot(index: usize) -> Option<MmioSlot> {
    // Where there is PCI, a device's registers may be at this address.
    if QemuBus::has_pci() {
        return None;
    }
    let (count, first_line) = if io_apic(1).is_some() { (24, SECOND_LINES) } else { (8, 5) };
    if index >= count {
        return None;
    }
    let address = MICROVM_SLOTS + (index * MICROVM_SLOT_LEN) as u64;
    let magic = devices::registers(address, MICROVM_SLOT_LEN)?.cast::<u32>();
    // SAFETY: reading this register of a slot has no effect; where nothing is, neither has it.
    if u32::from_le(unsafe { magic.read_volatile() }) != VIRTIO_MAGIC {
        return None;
    }
    let interrupt = Interrupt::Line(first_line + index as u32);
    Some(MmioSlot { address, len: MICROVM_SLOT_LEN, interrupt })
}
