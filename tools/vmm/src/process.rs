//! The `linux` platform: the image is an ordinary static executable.
//!
//! Its arguments are the kernel command line, the path of the initial RAM disk (or nothing), and
//! the memory in KiB. The console is the process's own standard streams; events go to file
//! descriptor 3 if it is open.

use crate::{CommandLine, Launch};

/// The command that starts `launch`.
pub fn command(launch: &Launch) -> CommandLine {
    let initrd = launch.initrd.clone().map(Into::into).unwrap_or_default();
    CommandLine {
        program: launch.image.clone().into(),
        args: vec![
            launch.command_line.clone().into(),
            initrd,
            launch.memory_kib.to_string().into(),
        ],
    }
}
