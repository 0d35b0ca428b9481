//! QEMU's system emulator.

use crate::{CommandLine, Devices, Launch, Network, devices};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The program.
pub const PROGRAM: &str = "qemu-system-x86_64";
/// The Debian package that contains it.
pub const PACKAGE: &str = "qemu-system-x86";

/// QEMU's machine types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// The smallest: no PCI, no ACPI.
    Microvm,
    /// i440FX.
    Pc,
    /// Q35, with PCI Express.
    Q35,
}

impl Machine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Microvm, Self::Pc, Self::Q35];

    /// QEMU's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Microvm => "microvm",
            Self::Pc => "pc",
            Self::Q35 => "q35",
        }
    }

    /// With the options that leave out what no image uses, for a quick start.
    fn option(self) -> &'static str {
        match self {
            Self::Microvm => "microvm,acpi=off,auto-kernel-cmdline=off,x-option-roms=off",
            Self::Pc => "pc,usb=off,vmport=off",
            Self::Q35 => "q35,usb=off,vmport=off",
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How QEMU runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// By translation: everywhere, slowly.
    Tcg,
    /// By the processor.
    Kvm,
}

impl Accel {
    /// KVM where it is usable: the device opens, and the processor has virtualisation.
    ///
    /// A device alone proves little: inside some sandboxes it exists without hardware support
    /// and runs guests thousands of times too slowly.
    pub fn auto() -> Self {
        if crate::host::kvm().is_ok() { Self::Kvm } else { Self::Tcg }
    }

    /// QEMU's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
        }
    }
}

/// The command that starts `launch`.
pub fn command(launch: &Launch, machine: Machine, accel: Accel) -> CommandLine {
    let cpu = if accel == Accel::Kvm { "host" } else { "max" };
    let mut args: Vec<OsString> = [
        "-M",
        machine.option(),
        "-accel",
        accel.name(),
        "-cpu",
        cpu,
        "-m",
        &format!("{}k", launch.memory_kib),
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-serial",
        "stdio",
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=0x04",
        "-kernel",
    ]
    .map(OsString::from)
    .into();
    args.push(launch.image.clone().into());
    if let Some(initrd) = &launch.initrd {
        args.extend(["-initrd".into(), initrd.clone().into()]);
    }
    if !launch.command_line.is_empty() {
        args.extend(["-append".into(), launch.command_line.clone().into()]);
    }
    args.extend(devices(&launch.devices, machine));
    args.extend(launch.extra.iter().cloned());
    CommandLine { program: PROGRAM.into(), args }
}

/// The options that give `machine` its devices.
fn devices(wanted: &Devices, machine: Machine) -> Vec<OsString> {
    let mut args: Vec<OsString> = Vec::new();
    let mut add = |option: &str, value: OsString| args.extend([option.into(), value]);
    let device = |kind: &str, rest: &str| -> OsString {
        match machine {
            Machine::Microvm => format!("{kind}-device,{rest}"),
            Machine::Pc | Machine::Q35 => format!("{kind}-pci,disable-legacy=on,{rest}"),
        }
        .into()
    };
    if machine == Machine::Microvm && !wanted.is_empty() {
        // Virtio 1 instead of what came before it.
        add("-global", "virtio-mmio.force-legacy=false".into());
    }
    if let Some(network) = &wanted.network {
        let backend = match network {
            Network::User(publish) => {
                let mut text = "user,id=net0".to_owned();
                for p in publish {
                    let guest = devices::USER_ADDRESS;
                    text.push_str(&format!(
                        ",hostfwd={}:{}:{}-{guest}:{}",
                        p.protocol, p.address, p.host, p.guest
                    ));
                }
                text
            }
            Network::Tap(name) => {
                format!("tap,id=net0,ifname={name},script=no,downscript=no")
            }
        };
        add("-netdev", backend.into());
        let mac = network.mac().map(|byte| format!("{byte:02x}")).join(":");
        // Nothing boots from it: no ROM.
        let rom = if machine == Machine::Microvm { "" } else { ",romfile=" };
        add("-device", device("virtio-net", &format!("netdev=net0,mac={mac}{rom}")));
    }
    for (i, volume) in wanted.volumes.iter().enumerate() {
        let mut backend: OsString = format!("local,id=vol{i},path=").into();
        backend.push(escape(volume.host.as_os_str()));
        // Owners and modes are the host's own; files of several of its file systems stay apart.
        backend.push(",security_model=none,multidevs=remap");
        if volume.read_only {
            backend.push(",readonly=on");
        }
        add("-fsdev", backend);
        add("-device", device("virtio-9p", &format!("fsdev=vol{i},mount_tag=vol{i}")));
    }
    if wanted.entropy {
        add("-object", "rng-builtin,id=rng0".into());
        add("-device", device("virtio-rng", "rng=rng0"));
    }
    args
}

/// A value in a list of QEMU's: its commas are doubled.
fn escape(text: &OsStr) -> OsString {
    OsString::from_vec(text.as_bytes().iter().fold(Vec::new(), |mut escaped, &byte| {
        escaped.extend_from_slice(if byte == b',' { b",," } else { std::slice::from_ref(&byte) });
        escaped
    }))
}

/// A guest that exits at once: what remains of a run is the monitor's own time, the floor under
/// every boot. Ten instructions of 32-bit code behind a PVH note.
pub fn floor_image() -> Vec<u8> {
    const BASE: u32 = 0x10_0000;
    const HEADERS: u32 = 52 + 2 * 32;
    const NOTE: u32 = 20;
    // Status 0 to the debug-exit device, then halt.
    let code = [
        0x31, 0xc0, // xor eax, eax
        0x31, 0xdb, // xor ebx, ebx
        0x31, 0xc9, // xor ecx, ecx
        0x31, 0xf6, // xor esi, esi
        0x31, 0xff, // xor edi, edi
        0x66, 0xba, 0xf4, 0x00, // mov dx, 0xf4
        0xef, // out dx, eax
        0xfa, // cli
        0xf4, // hlt
        0xeb, 0xfc, // jmp to cli
    ];
    let entry = BASE + HEADERS + NOTE;
    let size = HEADERS + NOTE + code.len() as u32;
    let mut image = Vec::new();
    let mut put =
        |words: &[u32]| words.iter().for_each(|w| image.extend_from_slice(&w.to_le_bytes()));
    // ELF header: 32-bit, little-endian, executable for i386.
    put(&[
        0x464c_457f,
        0x0001_0101,
        0,
        0,
        0x0003_0002,
        1,
        entry,
        52,
        0,
        0,
        0x0020_0034,
        0x0028_0002,
        0,
    ]);
    // PT_LOAD of the whole file, read and execute; PT_NOTE.
    put(&[1, 0, BASE, BASE, size, size, 5, 0x1000]);
    put(&[4, HEADERS, BASE + HEADERS, BASE + HEADERS, NOTE, NOTE, 4, 4]);
    // XEN_ELFNOTE_PHYS32_ENTRY = 18.
    put(&[4, 4, 18, u32::from_le_bytes(*b"Xen\0"), entry]);
    image.extend_from_slice(&code);
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Volume;

    #[test]
    fn devices_suit_the_machine() {
        let publish = ["8080:80", "0.0.0.0:53:53/udp"].map(|text| text.parse().expect("ports"));
        let wanted = Devices {
            network: Some(Network::User(publish.into())),
            volumes: vec![Volume {
                host: "/a,b".into(),
                guest: "/data".to_owned(),
                read_only: true,
            }],
            entropy: true,
        };
        let line = |machine| devices(&wanted, machine).join(OsStr::new(" "));
        assert_eq!(
            line(Machine::Microvm),
            "-global virtio-mmio.force-legacy=false \
             -netdev user,id=net0,hostfwd=tcp:127.0.0.1:8080-10.0.2.15:80,hostfwd=udp:0.0.0.0:53-10.0.2.15:53 \
             -device virtio-net-device,netdev=net0,mac=52:54:00:12:34:56 \
             -fsdev local,id=vol0,path=/a,,b,security_model=none,multidevs=remap,readonly=on \
             -device virtio-9p-device,fsdev=vol0,mount_tag=vol0 \
             -object rng-builtin,id=rng0 -device virtio-rng-device,rng=rng0"
        );
        let line = line(Machine::Q35).into_string().expect("text");
        assert!(line.starts_with("-netdev "), "{line}");
        for kind in ["net", "9p", "rng"] {
            assert!(line.contains(&format!("-device virtio-{kind}-pci,disable-legacy=on,")));
        }
        assert!(devices(&Devices::default(), Machine::Microvm).is_empty());
    }
}
