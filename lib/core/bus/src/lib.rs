//! How drivers reach devices: registers in memory, configuration space, DMA addresses, interrupts.
//!
//! A singleton of the image that machines with devices bind at link time
//! (`docs/decisions/001-link-time-binding.md`). An interrupt runs no code of a driver: it ends the
//! halt of an idle processor (`docs/decisions/003-interrupts-end-halts.md`), so a driver only has
//! to have its line enabled.
#![no_std]

mod slot;

use core::ptr::NonNull;

/// Where an interrupt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// A line of the interrupt controller, edge-triggered: a device on virtio-mmio.
    Line(u32),
}

/// A message that a device writes to interrupt (MSI, MSI-X).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it writes.
    pub address: u64,
    /// What it writes.
    pub data: u32,
}

/// A function of a device on PCI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciAddress {
    /// 0 to 255.
    pub bus: u8,
    /// 0 to 31.
    pub device: u8,
    /// 0 to 7.
    pub function: u8,
}

/// A place where a device of virtio-mmio may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmioSlot {
    /// Physical address of its registers.
    pub address: u64,
    /// Bytes of registers.
    pub len: usize,
    /// Its interrupt.
    pub interrupt: Interrupt,
}

/// The machine's side of every driver.
pub trait Bus {
    /// Makes `len` bytes of device registers at a physical address accessible, uncached. `None` if
    /// they are out of reach.
    fn registers(physical: u64, len: usize) -> Option<NonNull<u8>>;

    /// The address by which devices know a byte of the kernel's memory: from the page allocator,
    /// the image or a heap.
    fn dma_address(of: *const u8) -> u64;

    /// The `index`-th place for a device of virtio-mmio; `None` past the last.
    fn mmio_slot(index: usize) -> Option<MmioSlot>;

    /// Whether there is a PCI bus.
    fn has_pci() -> bool;

    /// Reads 32 bits of configuration space, at a multiple of 4. All ones where nothing is.
    fn pci_read(at: PciAddress, offset: u8) -> u32;

    /// Writes 32 bits of configuration space, at a multiple of 4.
    fn pci_write(at: PciAddress, offset: u8, value: u32);

    /// Lets an interrupt end halts from now on.
    fn enable(interrupt: Interrupt);

    /// The message whose arrival ends halts.
    fn message() -> Option<Message>;
}

/// Binds the bus of this image. Say it once, in the composition root.
#[macro_export]
macro_rules! bind {
    ($bus:ty) => {
        const _: () = {
            use $crate::{Bus as _, Interrupt, Message, MmioSlot, PciAddress};
            #[unsafe(no_mangle)]
            fn __unilith_bus_registers(
                physical: u64,
                len: usize,
            ) -> Option<::core::ptr::NonNull<u8>> {
                <$bus>::registers(physical, len)
            }
            #[unsafe(no_mangle)]
            fn __unilith_bus_dma_address(of: *const u8) -> u64 {
                <$bus>::dma_address(of)
            }
            #[unsafe(no_mangle)]
            fn __unilith_bus_mmio_slot(index: usize) -> Option<MmioSlot> {
                <$bus>::mmio_slot(index)
            }
            #[unsafe(no_mangle)]
            fn __unilith_bus_has_pci() -> bool {
                <$bus>::has_pci()
            }
            #[unsafe(no_mangle)]
            fn __unilith_bus_pci_read(at: PciAddress, offset: u8) -> u32 {
                <$bus>::pci_read(at, offset)
            }
            #[unsafe(no_mangle)]
            fn __unilith_bus_pci_write(at: PciAddress, offset: u8, value: u32) {
                <$bus>::pci_write(at, offset, value)
            }
            #[unsafe(no_mangle)]
            fn __unilith_bus_enable(interrupt: Interrupt) {
                <$bus>::enable(interrupt)
            }
            #[unsafe(no_mangle)]
            fn __unilith_bus_message() -> Option<Message> {
                <$bus>::message()
            }
        };
    };
}

macro_rules! linked {
    ($($(#[$doc:meta])* $name:ident = $symbol:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)*) => {
        // SAFETY: the only definitions of these symbols are made by `bind!`, whose signatures
        // are checked against the trait `Bus`, as these are.
        unsafe extern "Rust" {
            $(safe fn $symbol($($arg: $ty),*) $(-> $ret)?;)*
        }
        $($(#[$doc])* #[inline] pub fn $name($($arg: $ty),*) $(-> $ret)? { $symbol($($arg),*) })*
    };
}

linked! {
    /// See [`Bus::registers`].
    registers = __unilith_bus_registers(physical: u64, len: usize) -> Option<NonNull<u8>>;
    /// See [`Bus::dma_address`].
    dma_address = __unilith_bus_dma_address(of: *const u8) -> u64;
    /// See [`Bus::mmio_slot`].
    mmio_slot = __unilith_bus_mmio_slot(index: usize) -> Option<MmioSlot>;
    /// See [`Bus::has_pci`].
    has_pci = __unilith_bus_has_pci() -> bool;
    /// See [`Bus::pci_read`].
    pci_read = __unilith_bus_pci_read(at: PciAddress, offset: u8) -> u32;
    /// See [`Bus::pci_write`].
    pci_write = __unilith_bus_pci_write(at: PciAddress, offset: u8, value: u32);
    /// See [`Bus::enable`].
    enable = __unilith_bus_enable(interrupt: Interrupt);
    /// See [`Bus::message`].
    message = __unilith_bus_message() -> Option<Message>;
}
