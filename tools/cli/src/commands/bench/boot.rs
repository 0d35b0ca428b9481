//! `unilith bench boot`

use super::{finish, summary};
use crate::args::{Bench, Platform};
use crate::error::{Error, Result};
use crate::project;
use serde_json::{Value, json};
use std::io::sink;
use std::path::Path;
use std::time::Duration;
use unilith_image::app::App;
use unilith_vmm::qemu::{self, Accel, Machine, floor_image};
use unilith_vmm::{Devices, Input, Launch, Monitor, Outcome, host, run};

/// The steps in which the smallest memory is searched, KiB.
const STEP_KIB: u64 = 64;
/// More than any boot needs.
const MOST_KIB: u64 = 16 * 1024;

pub fn boot(args: &Bench) -> Result {
    if host::find(qemu::PROGRAM).is_none() {
        host::install(&[qemu::PACKAGE], "the benchmark boots virtual machines")
            .map_err(Error::failed)?;
    }
    let root = project::root()?;
    let runs = args.runs.unwrap_or(21);
    let app = App::load(&root.join("apps/hello"))?;
    let mut options = project::options(Platform::Qemu);
    let (_, _, hello) = project::build(&root, &app, &options)?;
    options.set.push("BOOT_TIMING=y".to_owned());
    let (_, _, timed) = project::build(&root, &app, &options)?;
    let directory = root.join("build/bench");
    std::fs::create_dir_all(&directory).map_err(Error::failed)?;
    let floor = directory.join("floor");
    std::fs::write(&floor, floor_image()).map_err(Error::failed)?;

    let mut machines = serde_json::Map::new();
    for machine in Machine::ALL {
        let smallest = smallest_memory(&hello.image, machine)?;
        let (guest, bare) = wall_times(&hello.image, &floor, machine, runs)?;
        let ratios: Vec<f64> = guest.iter().zip(&bare).map(|(g, f)| g / f).collect();
        machines.insert(
            machine.name().to_owned(),
            json!({
                "smallest_memory_kib": smallest,
                "hello_ms": summary(guest),
                "floor_ms": summary(bare),
                "ratio": summary(ratios),
            }),
        );
    }
    let instructions = instructions(&timed.image)?;
    let result = json!({
        "benchmark": "boot",
        "command": "unilith bench boot",
        "accel": "tcg",
        "runs": runs,
        "image_bytes": hello.bytes,
        "instructions_entry_to_main": instructions,
        "machines": machines,
    });
    finish(args, &root, "boot", &result, table)
}

fn launch(image: &Path, machine: Machine, memory_kib: u64) -> Launch {
    Launch {
        monitor: Monitor::Qemu { machine, accel: Accel::Tcg },
        image: image.to_owned(),
        memory_kib,
        initrd: None,
        command_line: "unilith.framed".to_owned(),
        timeout: Some(Duration::from_secs(20)),
        devices: Devices::default(),
        extra: vec![],
    }
}

fn start(launch: &Launch) -> Result<Outcome> {
    run(launch, Input::Bytes(vec![]), Box::new(sink()), Box::new(sink())).map_err(Error::failed)
}

/// The smallest memory with which the image still ends with status 0, by bisection.
fn smallest_memory(image: &Path, machine: Machine) -> Result<u64> {
    let works = |kib: u64| -> Result<bool> {
        let mut launch = launch(image, machine, kib);
        launch.timeout = Some(Duration::from_secs(3));
        Ok(start(&launch)?.status == Some(0))
    };
    let (mut fails, mut enough) = (0, MOST_KIB / STEP_KIB);
    if !works(MOST_KIB)? {
        return Err(Error::failed(format!("{machine}: hello does not run in {MOST_KIB} KiB")));
    }
    while enough - fails > 1 {
        let middle = (fails + enough) / 2;
        if works(middle * STEP_KIB)? { enough = middle } else { fails = middle }
    }
    Ok(enough * STEP_KIB)
}

/// Whole-process times in milliseconds, guest and floor in turn.
fn wall_times(
    image: &Path,
    floor: &Path,
    machine: Machine,
    runs: u32,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut guest, mut bare) = (Vec::new(), Vec::new());
    for i in 0..=runs {
        let g = start(&launch(image, machine, 2048))?;
        let f = start(&launch(floor, machine, 2048))?;
        if g.status != Some(0) {
            return Err(Error::failed(format!("{machine}: hello failed: {}", g.monitor_error)));
        }
        if i > 0 {
            // The first pair warms the caches.
            guest.push(g.total.as_secs_f64() * 1e3);
            bare.push(f.total.as_secs_f64() * 1e3);
        }
    }
    Ok((guest, bare))
}

/// Guest instructions from the first one to `main`: with `-icount shift=0` the cycle counter
/// counts instructions.
fn instructions(image: &Path) -> Result<u64> {
    let mut launch = launch(image, Machine::Microvm, 2048);
    launch.extra = vec!["-icount".into(), "shift=0".into()];
    let outcome = start(&launch)?;
    let mark = |name: &str| outcome.marks.iter().find(|(n, _)| n == name).map(|(_, c)| *c);
    match (mark("entry"), mark("main")) {
        (Some(entry), Some(main)) => Ok(main - entry),
        _ => Err(Error::failed("the image told no timing marks")),
    }
}

fn table(result: &Value) -> String {
    let mut text = format!(
        "hello, minimal profile ({} runs each, translated code)\n\n\
         image                          {:>8} bytes\n\
         instructions, entry to main    {:>8}\n\n\
         {:<10} {:>12} {:>12} {:>12} {:>8}\n",
        result["runs"],
        result["image_bytes"].to_string(),
        result["instructions_entry_to_main"].to_string(),
        "machine",
        "smallest -m",
        "hello",
        "floor",
        "ratio"
    );
    // A JSON value takes no width.
    let fixed = |value: &Value| format!("{:.3}", value.as_f64().unwrap_or(f64::NAN));
    for machine in Machine::ALL {
        let row = &result["machines"][machine.name()];
        text.push_str(&format!(
            "{:<10} {:>8} KiB {:>9} ms {:>9} ms {:>8}\n",
            machine.name(),
            row["smallest_memory_kib"].to_string(),
            fixed(&row["hello_ms"]["median"]),
            fixed(&row["floor_ms"]["median"]),
            fixed(&row["ratio"]["median"])
        ));
    }
    text
}
