//! The peer: the same program from the same root image, on Debian's kernel for clouds.

use crate::commands::run::Ready;
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use unilith_rootfs::{Include, Source, Spec, cached_image};
use unilith_vmm::devices::{USER_ADDRESS, USER_GATEWAY, USER_PREFIX};
use unilith_vmm::qemu::{Accel, Machine};
use unilith_vmm::{CommandLine, Devices, Launch, Monitor};

/// The package that depends on the kernel of the day.
const PACKAGE: &str = "linux-image-cloud-amd64";
/// The modules of its network card, each after those that it needs.
const MODULES: [&str; 8] = [
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci",
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
];
/// Where the peer's own files are in its root image.
const PLACE: &str = "/peer";

/// A kernel and its modules.
pub struct Kernel {
    image: PathBuf,
    modules: PathBuf,
}

/// The kernel, unpacked below `directory` and not installed: this machine keeps its own.
pub fn kernel(directory: &Path) -> Result<Kernel> {
    let text = run(Command::new("apt-cache").args(["depends", PACKAGE]))?;
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let name = names.into_iter().find(|name| name.starts_with("linux-image-"));
    let name = name.ok_or_else(|| {
        Error::failed(format!("the package lists have no {PACKAGE}; run: apt-get update"))
    })?;
    let place = directory.join(name);
    let version = name.trim_start_matches("linux-image-").trim_end_matches("-unsigned");
    let kernel = Kernel {
        image: place.join(format!("boot/vmlinuz-{version}")),
        modules: place.join(format!("lib/modules/{version}/kernel")),
    };
    if !kernel.image.is_file() {
        let fresh = directory.join(format!("new-{name}"));
        let _ = std::fs::remove_dir_all(&fresh);
        std::fs::create_dir_all(&fresh).map_err(Error::failed)?;
        run(Command::new("apt-get").args(["download", name]).current_dir(&fresh))?;
        let files = std::fs::read_dir(&fresh).map_err(Error::failed)?.flatten();
        let package = files.map(|file| file.path()).find(|path| path.extension().is_some());
        let package = package.ok_or_else(|| Error::failed("apt-get downloaded nothing"))?;
        run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&fresh))?;
        let _ = std::fs::remove_file(&package);
        let _ = std::fs::remove_dir_all(&place);
        std::fs::rename(&fresh, &place).map_err(Error::failed)?;
    }
    Ok(kernel)
}

/// The machine that runs what `ready` would run.
pub fn launch(kernel: &Kernel, ready: &Ready, cache: &Path) -> Result<Launch> {
    let mut spec = Spec::default();
    spec.sources.extend(ready.launch.initrd.clone().map(Source::Cpio));
    let mut include = |host: PathBuf, name: &str| {
        spec.includes.push(Include { host, guest: Some(format!("{PLACE}/{name}")) });
    };
    include("/bin/busybox".into(), "busybox");
    for module in MODULES {
        let name = Path::new(module).file_name().unwrap_or_default().to_string_lossy();
        include(kernel.modules.join(format!("{module}.ko")), &format!("{name}.ko"));
    }
    spec.texts.push((format!("{PLACE}/init"), script(ready)?));
    let initrd = cached_image(&spec, cache, || ())?.path;
    Ok(Launch {
        // The kernel finds no clock to calibrate its own by on a microvm without KVM.
        monitor: Monitor::Qemu { machine: Machine::Pc, accel: Accel::Tcg },
        image: kernel.image.clone(),
        memory_kib: 512 * 1024,
        initrd: Some(initrd),
        command_line: format!(
            "console=ttyS0 quiet panic=-1 rdinit={PLACE}/busybox -- sh {PLACE}/init"
        ),
        devices: Devices { network: ready.launch.devices.network.clone(), ..Devices::default() },
        timeout: None,
        extra: vec![],
    })
}

/// The first process: mounts, the network, then the program in its place.
fn script(ready: &Ready) -> Result<String> {
    let program = ready.program.clone().ok_or_else(|| Error::usage("not a Linux program"))?;
    let mut text = format!(
        "b={PLACE}/busybox\n\
         $b mkdir -p /proc /sys /dev /tmp\n\
         $b mount -t proc proc /proc\n\
         $b mount -t sysfs sys /sys\n\
         $b mount -t devtmpfs dev /dev\n\
         $b mount -t tmpfs tmp /tmp\n"
    );
    if ready.launch.devices.network.is_some() {
        for module in MODULES {
            let name = Path::new(module).file_name().unwrap_or_default().to_string_lossy();
            text.push_str(&format!("$b insmod {PLACE}/{name}.ko\n"));
        }
        text.push_str(&format!(
            "$b ip link set lo up\n\
             $b ip addr add {USER_ADDRESS}/{USER_PREFIX} dev eth0\n\
             $b ip link set eth0 up\n\
             $b ip route add default via {USER_GATEWAY}\n"
        ));
    }
    let mut line = |program: &str, args: Vec<OsString>| {
        let line = CommandLine { program: program.into(), args }.shell();
        text.push_str(&format!("{}\n", String::from_utf8_lossy(line.as_bytes())));
    };
    for (name, value) in &ready.env {
        let assignment = [name.as_slice(), b"=", value].concat();
        line("export", vec![OsString::from_vec(assignment)]);
    }
    let args = std::iter::once(program.into()).chain(ready.args.iter().cloned());
    line("exec", args.collect());
    Ok(text)
}

fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| Error::failed(format!("{name}: {e}")))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(Error::failed(format!("{name}: {}", text.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
