//! `unilith doctor`

use crate::args::Doctor;
use crate::commands::test;
use crate::error::Result;
use crate::output::{print, print_json};
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
    let package = |names: &[&str], who: &str| match host::can_install(names) {
        Ok(command) => format!("`unilith {who}` will install it: {}", command.join(" ")),
        Err(error) => error.to_string(),
    };
    let checks = [
        Check {
            name: "cargo",
            needed: true,
            found: program("cargo", "install Rust: https://rustup.rs"),
        },
        Check {
            name: "gcc",
            needed: true,
            found: program(
                "cc",
                &match host::can_install(&["gcc"]) {
                    Ok(command) => format!("run: {}", command.join(" ")),
                    Err(error) => error.to_string(),
                },
            ),
        },
        Check {
            name: "rustfmt",
            needed: false,
            found: program("rustfmt", "run: rustup component add rustfmt"),
        },
        Check {
            name: "clippy",
            needed: false,
            found: program("cargo-clippy", "run: rustup component add clippy"),
        },
        Check {
            name: "QEMU",
            needed: false,
            found: program(qemu::PROGRAM, &package(&[qemu::PACKAGE], "run")),
        },
        Check {
            name: "tests",
            needed: false,
            found: match &test::missing()[..] {
                [] => Ok("what they run is there".to_owned()),
                missing => Err(format!("not found; {}", package(missing, "test"))),
            },
        },
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
        print_json(&json!(list))?;
    } else {
        let lines = checks.iter().map(|check| {
            let (state, text) = match &check.found {
                Ok(text) => ("ok", text),
                Err(text) if check.needed => ("MISSING", text),
                Err(text) => ("-", text),
            };
            format!("{state:<8} {:<8} {text}\n", check.name)
        });
        print(lines.collect::<String>())?;
    }
    Ok(u8::from(!healthy))
}
