//! Devices on PCI (VIRTIO 1.2, section 4.1): how they are found.
#![no_std]

extern crate alloc;

mod config;
mod modern;
mod msix;

use alloc::boxed::Box;
use alloc::vec::Vec;
use config::Function;
use modern::Modern;
use unilith_bus::PciAddress;
use unilith_sync::Once;
use unilith_virtio::{Transport, refuse};

/// The vendor of all virtio devices (section 4.1.2).
const VENDOR: u16 = 0x1af4;
/// Devices with the modern interface only: this plus the type.
const MODERN: u16 = 0x1040;
/// Devices that have both, whose type is the number of their subsystem.
const TRANSITIONAL: core::ops::RangeInclusive<u16> = 0x1000..=0x103f;

/// A function that is a virtio device, and its type.
#[derive(Clone, Copy)]
pub struct Place {
    device_type: u32,
    function: Function,
}

/// Looks for virtio devices on all buses.
pub fn scan() -> Vec<Place> {
    let mut places = Vec::new();
    if unilith_bus::has_pci() {
        functions(&mut |function| {
            let place = |device_type| Place { device_type, function };
            places.extend(type_of(function).map(place));
        });
    }
    places
}

/// Shows the devices of one type in `places`.
pub fn show(places: &[Place], device_type: u32, found: &mut dyn FnMut(Box<dyn Transport>)) {
    for place in places.iter().filter(|place| place.device_type == device_type) {
        match Modern::new(place.function, device_type) {
            Ok(device) => found(Box::new(device)),
            Err(error) => refuse("pci", error),
        }
    }
}

static PLACES: Once<Vec<Place>> = Once::new();

/// Shows the devices of one type: see [`Find`](unilith_virtio::Find). The buses are looked at
/// once: every access to configuration space may cost a hypervisor microseconds.
pub fn find(device_type: u32, found: &mut dyn FnMut(Box<dyn Transport>)) {
    if let Some(places) = PLACES.get_or_init(scan) {
        show(places, device_type, found);
    }
}

/// The virtio device type of a function, if it is one.
fn type_of(function: Function) -> Option<u32> {
    let device = function.device();
    match device.checked_sub(MODERN) {
        _ if function.vendor() != VENDOR => None,
        Some(device_type) => Some(device_type.into()),
        None if TRANSITIONAL.contains(&device) => Some(function.subsystem().into()),
        None => None,
    }
}

/// Shows every function on bus 0 and behind bridges. Buses are visited once, in order of their
/// numbers: firmware numbers the bus behind a bridge higher than the bridge's own.
fn functions(visit: &mut dyn FnMut(Function)) {
    let mut exists = [false; 256];
    exists[0] = true;
    for bus in 0..=u8::MAX {
        if !exists[usize::from(bus)] {
            continue;
        }
        for device in 0..32 {
            let at = |function| Function::at(PciAddress { bus, device, function });
            let Some(first) = at(0) else { continue };
            let more = if first.is_multifunction() { 8 } else { 1 };
            for function in core::iter::once(first).chain((1..more).filter_map(at)) {
                if let Some(behind) = function.bridge_to() {
                    exists[usize::from(behind)] = true;
                }
                visit(function);
            }
        }
    }
}
