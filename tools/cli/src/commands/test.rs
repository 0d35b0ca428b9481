//! `unilith test`: everything that the project checks, in the order of what it costs.

use crate::args::Test;
use crate::error::{Error, Result};
use crate::output::say;
use crate::project;
use std::path::Path;
use std::process::Command;
use unilith_vmm::{host, qemu};

/// What the tests run beside QEMU, and the packages that have it.
const PROGRAMS: [(&str, &str); 18] = [
    ("/bin/busybox", "busybox-static"),
    ("/usr/bin/redis-server", "redis-server"),
    ("/usr/bin/redis-benchmark", "redis-tools"),
    ("/usr/sbin/nginx", "nginx-light"),
    ("/usr/bin/python3.11", "python3.11"),
    ("/usr/bin/sqlite3", "sqlite3"),
    ("/usr/bin/ab", "apache2-utils"),
    ("/usr/bin/curl", "curl"),
    ("/usr/bin/strace", "strace"),
    ("/usr/bin/gcc", "gcc"),
    // The terminal that the menu is tested on.
    ("/usr/bin/tmux", "tmux"),
    // What computes the same configurations (tools/kconfig/tests/oracles).
    ("/usr/src/linux-source-6.1.tar.xz", "linux-source-6.1"),
    ("/usr/bin/xz", "xz-utils"),
    ("/usr/bin/make", "make"),
    ("/usr/bin/flex", "flex"),
    ("/usr/bin/bison", "bison"),
    ("/usr/lib/python3/dist-packages/kconfiglib.py", "python3-kconfiglib"),
    ("/sbin/ip", "iproute2"),
];

/// The crates whose ignored tests are for the night; those of others are measurements.
const NIGHTLY: [&str; 2] = ["unilith-kconfig", "unilith-system-tests"];

pub fn test(args: &Test) -> Result {
    let root = project::root()?;
    provide()?;
    for (tool, remedy) in [("rustfmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        if host::find(tool).is_none() {
            return Err(Error::failed(format!(
                "{tool} is missing; run: rustup component add {remedy}"
            )));
        }
    }
    let mut steps: Vec<Vec<&str>> = vec![
        vec!["fmt", "--all", "--check"],
        vec!["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        vec!["test", "--workspace", "--no-fail-fast"],
    ];
    if let Some(filter) = &args.filter {
        steps = vec![vec!["test", "--workspace", "--", filter]];
    }
    if args.nightly {
        let filter = args.filter.as_deref().unwrap_or_default();
        for package in NIGHTLY {
            steps.push(vec!["test", "-p", package, "--", "--ignored", "--nocapture", filter]);
        }
    }
    for step in &steps {
        say(format_args!("unilith: cargo {}", step.join(" ")));
        let status = Command::new("cargo")
            .args(step)
            .current_dir(&root)
            .status()
            .map_err(|e| Error::failed(format!("cargo: {e}")))?;
        if !status.success() {
            return Err(Error::failed(format!("cargo {} failed", step.join(" "))));
        }
    }
    if !args.nightly {
        say(format_args!(
            "unilith: not run: tests that take half an hour (unilith test --nightly)"
        ));
    }
    Ok(0)
}

/// Installs what the tests run and this machine lacks.
fn provide() -> Result {
    let missing = missing();
    if !missing.is_empty() {
        host::install(
            &missing,
            "the tests boot virtual machines, run programs of Debian in them, and ask Linux's conf",
        )
        .map_err(Error::failed)?;
    }
    Ok(0)
}

/// The packages of what this machine lacks.
pub fn missing() -> Vec<&'static str> {
    let mut missing: Vec<_> =
        PROGRAMS.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(_, of)| *of).collect();
    if host::find(qemu::PROGRAM).is_none() {
        missing.insert(0, qemu::PACKAGE);
    }
    missing.dedup();
    missing
}
