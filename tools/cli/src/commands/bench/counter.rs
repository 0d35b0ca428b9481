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
