//! A processor that waits is halted, and wakes up in time.

use std::time::{Duration, Instant};
use unilith_harness::{Guest, json};

const APP: &str = "tests/guests/idle";

/// The guest measures by its own clock; that one is compared with the host's.
#[test]
fn a_deadline_ends_a_halt_on_every_machine() {
    json(["build", APP, "--json"]); // not to be measured
    for machine in ["microvm", "pc", "q35"] {
        let start = Instant::now();
        let ended = Guest::new(APP).options(["--machine", machine]).run();
        let took = start.elapsed();
        ended.expect_status(0);
        ended.expect_stdout("10 ms: right\n250 ms: right\n1000 ms: right\n");
        // Late is what a busy host may be; early is a clock that runs too fast.
        assert!(took >= Duration::from_millis(1200), "{machine}: 1260 ms were {took:?}");
    }
}
