//! What drivers get of a machine: registers, DMA, interrupts, and where devices are.

use std::process::Command;
use unilith_harness::json;

/// Runs the guest that drives devices, on a machine with these options.
#[track_caller]
fn expect(options: &str, lines: &[&str]) {
    let image = json(["build", "tests/guests/devices", "--json"])["image"].clone();
    let output = Command::new("timeout")
        .args(["60", "qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-no-user-config"])
        .args(["-display", "none", "-no-reboot", "-serial", "stdio"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"])
        .args(["-kernel", image.as_str().expect("a path")])
        .args(options.split(' '))
        .output()
        .expect("QEMU starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text.lines().collect::<Vec<_>>(), lines, "{options}\n{errors}");
}

const MICROVM: &str = "-M microvm,acpi=off,auto-kernel-cmdline=off";
const RANDOM: &str = "-global virtio-mmio.force-legacy=false -device virtio-rng-device";

/// Registers below 4 GiB and beyond 512 GiB, DMA both ways, message interrupts; with 1 GiB pages
/// and without, with little RAM, and with RAM up to the registers.
#[test]
fn pci_devices_are_driven() {
    let shared = "-object memory-backend-ram,id=m,size=1M -device ivshmem-plain,memdev=m";
    let edu = ["serial: ends a halt", "slots: 0", "pci: true", "edu: works"];
    for machine in ["pc", "q35"] {
        for cpu in ["max", "qemu64"] {
            let options = format!("-M {machine} -cpu {cpu} -m 2M -device edu {shared}");
            expect(&options, &[&edu[..], &["shared memory: works"]].concat());
        }
    }
    expect("-M pc -cpu qemu64 -m 3300M -device edu", &edu);
}

/// A microvm's slots are known without being told, in both of its layouts.
#[test]
fn microvm_slots_are_found() {
    expect(
        &format!("{MICROVM} -cpu max -m 2M {RANDOM}"),
        &[
            "serial: ends a halt",
            "slot: 0xfeb00e00 Line(12) 0x74726976 device 4",
            "slots: 8",
            "pci: false",
        ],
    );
    expect(
        &format!("-M microvm,acpi=on,auto-kernel-cmdline=off -cpu max -m 2M {RANDOM}"),
        &[
            "serial: ends a halt",
            "slot: 0xfeb02e00 Line(47) 0x74726976 device 4",
            "slots: 24",
            "pci: false",
        ],
    );
}

/// QEMU's own words for its devices: they name the same slot.
#[test]
fn slots_on_the_command_line_are_honoured() {
    expect(
        &format!("-M microvm,acpi=off,auto-kernel-cmdline=on -cpu max -m 2M {RANDOM} -append x"),
        &[
            "serial: ends a halt",
            "slot: 0xfeb00e00 Line(12) 0x74726976 device 4",
            "slots: 1",
            "pci: false",
        ],
    );
}

/// As little as a microvm can have: neither legacy timer nor interrupt controller nor clock.
#[test]
fn nothing_legacy_is_needed() {
    expect(
        &format!("{MICROVM},pic=off,pit=off,rtc=off,isa-serial=on -cpu max -m 2M"),
        &["serial: ends a halt", "slots: 8", "pci: false"],
    );
}
