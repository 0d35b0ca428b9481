//! Whole-system tests: see `tests/`. Here stands what those share that need devices which
//! `unilith run` does not give: they start QEMU with options of their own.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use unilith_vmm::qemu::{Accel, Machine};
use unilith_vmm::{Input, Launch, Monitor, Outcome};

/// Options of QEMU that make the devices of a microvm modern ones.
pub const MODERN: &str = "-global virtio-mmio.force-legacy=false";

/// A translated guest of the image that `unilith build --json` told, with `devices`: options of
/// QEMU with spaces between them, in which `BUS` stands for `pci`, or for `device` on a microvm,
/// which has its devices in memory.
///
/// # Panics
/// No image was told.
pub fn launch(
    machine: Machine,
    built: &serde_json::Value,
    memory_kib: u64,
    command_line: &str,
    devices: &str,
) -> Launch {
    let bus = if machine == Machine::Microvm { "device" } else { "pci" };
    Launch {
        monitor: Monitor::Qemu { machine, accel: Accel::Tcg },
        image: built["image"].as_str().expect("a path").into(),
        memory_kib,
        initrd: None,
        command_line: command_line.to_owned(),
        timeout: Some(Duration::from_secs(60)),
        devices: Default::default(),
        extra: devices.split_whitespace().map(|word| word.replace("BUS", bus).into()).collect(),
    }
}

/// Runs `launch` to its end without input: how it ended, standard output and standard error.
///
/// # Panics
/// QEMU cannot be started.
#[track_caller]
pub fn run(launch: &Launch) -> (Outcome, String, String) {
    let (out, err) = (Buffer::default(), Buffer::default());
    let input = Input::Bytes(vec![]);
    let outcome = unilith_vmm::run(launch, input, Box::new(out.clone()), Box::new(err.clone()))
        .expect("QEMU starts");
    (outcome, out.text(), err.text())
}

/// What a guest has written.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("a buffer")).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a buffer").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
