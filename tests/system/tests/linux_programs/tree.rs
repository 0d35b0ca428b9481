//! A directory tree with something of everything.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Fills `root` with something to look at.
pub fn make(root: &Path) -> io::Result<()> {
    for dir in ["bin", "etc", "dev", "tmp", "text/deep/deeper", "empty"] {
        fs::create_dir_all(root.join(dir))?;
    }
    fs::set_permissions(root.join("empty"), fs::Permissions::from_mode(0o2750))?;
    let numbers: String = (1..=3000).map(|n| format!("{} line {n}\n", n * 7919 % 1000)).collect();
    fs::write(root.join("text/numbers"), numbers)?;
    fs::write(root.join("text/words"), "the quick brown fox\njumps over\nthe lazy dog\n")?;
    fs::write(
        root.join("text/deep/binary"),
        (0..20_000u32).map(|n| ((n * n) >> 5) as u8).collect::<Vec<_>>(),
    )?;
    fs::write(root.join("text/deep/deeper/empty"), "")?;
    fs::write(root.join("text/with space"), "x\n")?;
    fs::hard_link(root.join("text/words"), root.join("text/words.again"))?;
    fs::set_permissions(root.join("text/numbers"), fs::Permissions::from_mode(0o4711))?;
    symlink("text/words", root.join("link"))?;
    symlink("nowhere", root.join("dangling"))?;
    symlink("../../text", root.join("text/deep/up"))?;
    symlink("loop", root.join("loop"))?;
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")?;
    fs::write(root.join("etc/group"), "root:x:0:\n")?;
    for (program, package) in PROGRAMS {
        let contents = fs::read(program).map_err(|error| {
            io::Error::new(error.kind(), format!("{program}: {error}: install {package}"))
        })?;
        let copy = root.join(&program[1..]);
        fs::create_dir_all(copy.parent().unwrap_or(root))?;
        fs::write(&copy, contents)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Programs and libraries of the host, and Debian's packages that have them.
const PROGRAMS: [(&str, &str); 8] = [
    ("/bin/busybox", "busybox-static"),
    ("/sbin/ldconfig", "libc-bin"),
    ("/usr/bin/env", "coreutils"),
    ("/usr/bin/seq", "coreutils"),
    ("/usr/bin/sha256sum", "coreutils"),
    ("/lib64/ld-linux-x86-64.so.2", "libc6"),
    ("/lib/x86_64-linux-gnu/libc.so.6", "libc6"),
    ("/lib/x86_64-linux-gnu/libcrypto.so.3", "libssl3"),
];
