//! What the smallest image may cost. Sizes and instruction counts repeat exactly; times are
//! compared with the floor of the same minute, never by themselves.

use unilith_harness::{json, root, tempdir};

const IMAGE_BYTES: u64 = 40 * 1000;
const INSTRUCTIONS: u64 = 20_000;
const MEMORY_KIB: u64 = 2048;
const RATIO: f64 = 1.15;
/// A machine that does something else meanwhile can spoil one measurement.
const ATTEMPTS: usize = 3;

#[test]
fn hello_stays_within_its_budget() {
    let directory = tempdir().expect("a directory");
    let output = directory.path().join("boot.json").display().to_string();
    let mut ratios = Vec::new();
    for _ in 0..ATTEMPTS {
        let result = json(["bench", "boot", "--runs", "11", "--json", "--output", &output]);
        let number = |name: &str| result[name].as_u64().expect("a number");
        assert!(number("image_bytes") <= IMAGE_BYTES, "{result:#}");
        assert!(number("instructions_entry_to_main") <= INSTRUCTIONS, "{result:#}");
        for machine in ["microvm", "pc", "q35"] {
            let smallest = result["machines"][machine]["smallest_memory_kib"].as_u64();
            assert!(smallest.is_some_and(|kib| kib <= MEMORY_KIB), "{machine}: {result:#}");
        }
        let ratio = result["machines"]["microvm"]["ratio"]["median"].as_f64().expect("a ratio");
        if ratio <= RATIO {
            return;
        }
        ratios.push(ratio);
    }
    panic!("hello takes {ratios:?} times as long as the floor; {RATIO} is allowed");
}

/// The whole of a run without anything asking for time: the calibration against the PIT would
/// be 10 ms of it, a million instructions.
#[test]
fn the_clock_is_not_calibrated_unless_asked() {
    let text = std::fs::read_to_string(
        json(["build", "apps/hello", "--json"])["symbols"].as_str().expect("a path"),
    )
    .expect("the symbols");
    for (_, name) in text.lines().filter_map(|line| line.rsplit_once(' ')) {
        assert!(!name.contains("clock"), "{name} is in the image of hello");
    }
    assert!(root().join("plat/qemu/src/clock.rs").is_file(), "the name that is looked for");
}
