//! Drives devices by itself, and says what it found. Each line is something that the bus API
//! promises; the test knows which lines a machine must give.
#![no_std]

mod edu;
mod serial;

use core::ptr::NonNull;
use unilith_bus::PciAddress;
use unilith_platform::{idle, monotonic_ns};
use unilith_print::println;

const NS_PER_S: u64 = 1_000_000_000;

/// Called once the image has booted.
pub fn main() -> i32 {
    refusals();
    println!("serial: {}", serial::interrupt());
    let slots = (0..100).map_while(unilith_bus::mmio_slot);
    for slot in slots {
        let found =
            unilith_bus::registers(slot.address, slot.len).map(|at| (load(at, 0), load(at, 8)));
        if let Some((magic, id @ 1..)) = found {
            println!("slot: {:#x} {:?} {magic:#x} device {id}", slot.address, slot.interrupt);
        }
    }
    println!("slots: {}", (0..100).map_while(unilith_bus::mmio_slot).count());
    println!("pci: {}", unilith_bus::has_pci());
    for at in (0..32).map(|device| PciAddress { bus: 0, device, function: 0 }) {
        match unilith_bus::pci_read(at, 0) {
            edu::IDS => println!("edu: {}", edu::drive(at)),
            SHARED_MEMORY => println!("shared memory: {}", shared_memory(at)),
            _ => {}
        }
    }
    0
}

/// What is no device's is not given out as registers.
fn refusals() {
    let image = unilith_bus::dma_address((main as fn() -> i32) as *const u8);
    for (what, address, len) in [
        ("image", image, 4),
        ("null", 0, 4),
        ("nothing", 0xfee0_0000, 0),
        ("end", u64::MAX - 3, 4),
        ("overflow", u64::MAX, 4),
        ("far", 1 << 52, 4),
    ] {
        if unilith_bus::registers(address, len).is_some() {
            println!("refused: not {what}");
        }
    }
}

/// QEMU's ivshmem: device and vendor.
const SHARED_MEMORY: u32 = 0x1110_1af4;

/// Moves its memory, a 64-bit region, to where no RAM is or was ever mapped.
fn shared_memory(at: PciAddress) -> &'static str {
    const BAR2: u8 = 0x18;
    const ADDRESS: u64 = 600 << 30;
    const LEN: usize = 1 << 20;
    unilith_bus::pci_write(at, BAR2, ADDRESS as u32);
    unilith_bus::pci_write(at, BAR2 + 4, (ADDRESS >> 32) as u32);
    enable(at);
    let Some(memory) = unilith_bus::registers(ADDRESS, LEN) else { return "out of reach" };
    store(memory, 0, 0x1234_5678);
    store(memory, LEN - 4, 0x9abc_def0);
    let both = (load(memory, 0), load(memory, LEN - 4));
    if both == (0x1234_5678, 0x9abc_def0) { "works" } else { "does not keep what is written" }
}

/// Lets a device answer at its addresses and write to memory.
fn enable(at: PciAddress) {
    const COMMAND: u8 = 4;
    const MEMORY_AND_MASTER: u32 = 0b110;
    unilith_bus::pci_write(at, COMMAND, MEMORY_AND_MASTER);
}

/// Halts until `done`; how often it woke up for that, or `None` after five seconds.
fn wait(done: impl Fn() -> bool) -> Option<u32> {
    let deadline = monotonic_ns() + 5 * NS_PER_S;
    for wake_ups in 0.. {
        if done() {
            return Some(wake_ups);
        }
        if monotonic_ns() >= deadline {
            return None;
        }
        idle(deadline);
    }
    None
}

fn load(registers: NonNull<u8>, offset: usize) -> u32 {
    // SAFETY: all offsets here are multiples of 4 inside the registers of their devices.
    unsafe { registers.as_ptr().add(offset).cast::<u32>().read_volatile() }
}

fn store(registers: NonNull<u8>, offset: usize, value: u32) {
    // SAFETY: as above; the devices write only where `edu` tells them.
    unsafe { registers.as_ptr().add(offset).cast::<u32>().write_volatile(value) };
}
