//! Kernel threads: on a machine, and without a scheduler.

use unilith_harness::{Guest, PLATFORMS};

#[test]
fn threads_take_turns_and_sleep() {
    for plat in PLATFORMS {
        Guest::new("tests/guests/threads").options(["-p", plat]).run().expect_status(0).expect_stdout(
            "Some(40) workers took 50 turns each, in order\nslept [10, 20, 30]\nwaited for None\n",
        );
    }
}

#[test]
fn without_a_scheduler_there_is_one_thread() {
    Guest::new("tests/guests/threads")
        .options(["--set", "SCHED_NONE=y"])
        .run()
        .expect_status(3)
        .expect_stdout("one thread only\n");
}
