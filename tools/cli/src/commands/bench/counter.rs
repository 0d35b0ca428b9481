//! Guest instructions, counted by a plugin of QEMU's translator (`counter.c`).

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The plugin, for a machine to be started, and the file that it counts in.
pub struct Counter {
    plugin: PathBuf,
    file: PathBuf,
}

impl Counter {
    /// Compiles the plugin into `directory`, with a counter of 0.
    pub fn new(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(Error::failed)?;
        let source = directory.join("counter.c");
        let (plugin, file) = (directory.join("counter.so"), directory.join("counter"));
        std::fs::write(&source, include_str!("counter.c")).map_err(Error::failed)?;
        std::fs::write(&file, 0u64.to_ne_bytes()).map_err(Error::failed)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&plugin).arg(&source);
        let output = compiler.output().map_err(|e| Error::failed(format!("cc: {e}")))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(Error::failed(format!("cc: {}", text.trim())));
        }
        Ok(Self { plugin, file })
    }

    /// Arguments for QEMU.
    pub fn args(&self) -> Vec<OsString> {
        let mut option = OsString::from("file=");
        option.push(&self.plugin);
        option.push(",counter=");
        option.push(&self.file);
        vec!["-plugin".into(), option]
    }

    /// Instructions that the guest has executed.
    pub fn read(&self) -> Result<u64> {
        let bytes = std::fs::read(&self.file).map_err(Error::failed)?;
        let bytes = bytes.try_into().map_err(|_| Error::failed("the counter is not a number"))?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Stdio};
    use std::thread::sleep;
    use std::time::{Duration, Instant};
    use unilith_vmm::qemu::{Accel, Machine, floor_image};
    use unilith_vmm::{Devices, Launch, Monitor};

    struct Machines(Child);

    impl Drop for Machines {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Instructions of a guest that goes round a loop of two instructions and halts for ever; those
    /// of the firmware before it are among them.
    fn looping(times: u32) -> u64 {
        let mut code = vec![0xb9]; // mov ecx, times
        code.extend(times.to_le_bytes());
        code.extend([0x49]); // dec ecx
        code.extend([0x75, 0xfd]); // jnz to dec
        code.extend([0xfa, 0xf4, 0xeb, 0xfc]); // cli; hlt; jmp to cli
        let mut image = floor_image();
        code.resize(19, 0x90); // the length of the code that it takes the place of
        let at = image.len() - code.len();
        assert_eq!(image[at..at + 2], [0x31, 0xc0], "its first instruction");
        image.splice(at.., code);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("image");
        std::fs::write(&path, image).expect("a file");
        let counter = Counter::new(directory.path()).expect("a plugin");
        let launch = Launch {
            monitor: Monitor::Qemu { machine: Machine::Microvm, accel: Accel::Tcg },
            image: path,
            memory_kib: 2048,
            initrd: None,
            command_line: String::new(),
            timeout: None,
            devices: Devices::default(),
            extra: counter.args(),
        };
        let started = Instant::now();
        let null = Stdio::null;
        let machine = unilith_vmm::spawn(&launch, null(), null(), Stdio::inherit());
        let _machine = Machines(machine.expect("QEMU starts"));
        let mut last = 0;
        // At rest nothing is counted: the count stays.
        loop {
            sleep(Duration::from_millis(300));
            let now = counter.read().expect("a count");
            if now == last && now > 2 * u64::from(times) {
                return now;
            }
            last = now;
            assert!(started.elapsed() < Duration::from_secs(60), "{now} and counting");
        }
    }

    #[test]
    fn instructions_are_counted_and_idleness_is_not() {
        let (few, many) = (looping(1_000_000), looping(21_000_000));
        let counted = many - few;
        println!("{counted} instructions in 20,000,000 rounds of two");
        // What the firmware does depends a little on the time.
        assert!(counted.abs_diff(40_000_000) < 40_000, "{counted}");
    }
}
