//! `unilith test`: everything that the project checks, in the order of what it costs.

use crate::args::Test;
use crate::error::{Error, Result};
use crate::output::say;
use crate::project;
use std::process::Command;
use unilith_vmm::{host, qemu};

pub fn test(args: &Test) -> Result {
    let root = project::root()?;
    let mut missing = Vec::new();
    if host::find(qemu::PROGRAM).is_none() {
        missing.push(qemu::PACKAGE);
    }
    if !std::path::Path::new("/bin/busybox").exists() {
        missing.push("busybox-static");
    }
    missing.extend(
        [("ab", "apache2-utils"), ("strace", "strace")]
            .iter()
            .filter(|(tool, _)| host::find(tool).is_none())
            .map(|(_, package)| *package),
    );
    if !missing.is_empty() {
        host::install(
            &missing,
            "the tests boot virtual machines, run busybox in them, load servers and compare traces",
        )
        .map_err(Error::failed)?;
    }
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
    Ok(0)
}
