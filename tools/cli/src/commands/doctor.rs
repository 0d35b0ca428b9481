//! `unilith doctor`

use crate::args::Doctor;
use crate::error::Result;
use serde_json::json;
use unilith_vmm::{host, qemu};

/// Something that this machine has or lacks.
struct Check {
    name: &'static str,
    /// Without it nothing works.
    needed: bool,
    found: std::result::Result<String, String>,
}

pub fn doctor(args: &Doctor) -> Result {
    let program = |name: &str, remedy: &str| {
        host::find(name)
            .map(|path| path.display().to_string())
            .ok_or_else(|| format!("not found; {remedy}"))
    };
    let qemu = program(
        qemu::PROGRAM,
        &match host::can_install(&[qemu::PACKAGE]) {
            Ok(command) => format!("`unilith run` will install it: {}", command.join(" ")),
            Err(error) => error.to_string(),
        },
    );
    let checks = [
        Check {
            name: "cargo",
            needed: true,
            found: program("cargo", "install Rust: https://rustup.rs"),
        },
        Check { name: "gcc", needed: true, found: program("cc", "apt-get install gcc") },
        Check {
            name: "rustfmt",
            needed: false,
            found: program("rustfmt", "rustup component add rustfmt"),
        },
        Check {
            name: "clippy",
            needed: false,
            found: program("cargo-clippy", "rustup component add clippy"),
        },
        Check { name: "QEMU", needed: false, found: qemu },
        Check {
            name: "KVM",
            needed: false,
            found: host::kvm()
                .map(|()| "usable".to_owned())
                .map_err(|why| format!("{why}; guests run by translation")),
        },
    ];
    let healthy = checks.iter().all(|c| !c.needed || c.found.is_ok());
    if args.json {
        let list: Vec<_> = checks
            .iter()
            .map(|c| {
                let text = match &c.found {
                    Ok(text) | Err(text) => text,
                };
                json!({ "name": c.name, "needed": c.needed, "ok": c.found.is_ok(), "text": text })
            })
            .collect();
        println!("{:#}", json!(list));
    } else {
        for check in &checks {
            match &check.found {
                Ok(text) => println!("ok       {:<8} {text}", check.name),
                Err(text) if check.needed => println!("MISSING  {:<8} {text}", check.name),
                Err(text) => println!("-        {:<8} {text}", check.name),
            }
        }
    }
    Ok(u8::from(!healthy))
}
