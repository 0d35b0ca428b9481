//! A C program whose threads compute without system calls, under the preemptive scheduler.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use unilith_harness::{Guest, bounded, tempdir};

fn compile(into: &Path) -> PathBuf {
    compile_source(into, "program.c", &[])
}

fn compile_source(into: &Path, source: &str, flags: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preempt").join(source);
    let program = into.join("program");
    let mut compiler = Command::new("cc");
    compiler
        .args(flags)
        .args(["-O2", "-Wall", "-pthread", "-o"])
        .args([&program, &source])
        .arg("-lm");
    let output = bounded(&mut compiler, 60);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

fn guest(program: &Path) -> Guest {
    Guest::new(program).options(["-m", "64", "--set", "SCHED_PREEMPT=y"])
}

#[test]
fn who_computes_is_stopped() {
    let dir = tempdir().expect("a directory");
    // By the guest's own time: this machine may be busy.
    let options = ["-p", "qemu", "--icount", "3"];
    let guest = guest(&compile(dir.path())).options(options).timeout(200);
    guest.run().expect_status(0).expect_stdout(
        "stopped by a thread\n\
         stopped by signal 14\n\
         0 of 6 results are wrong\n\
         sequences: 20000 added, some again\n\
         nice 0 19 0, policy 0 0 2 of 7 1 0 5 0 0 1\n\
         shares as nice values say\n\
         urgent in time\n\
         callers: all\n",
    );
}

#[test]
fn the_only_thread_is_stopped() {
    let dir = tempdir().expect("a directory");
    let guest = guest(&compile(dir.path())).args(["alone"]).timeout(60);
    guest.run().expect_status(0).expect_stdout(
        "not starved\n\
         stopped at first\n\
         stopped later\n\
         stopped later\n",
    );
}

#[test]
fn a_program_is_stopped_from_its_first_call_on() {
    let dir = tempdir().expect("a directory");
    let program = compile_source(dir.path(), "first.c", &["-static"]);
    guest(&program).timeout(60).run().expect_status(0).expect_stdout("stopped\n");
}

/// Packets find the thread that serves, and the signal that ends the machine finds the program.
#[test]
fn a_server_that_computes_answers_and_ends() {
    let dir = tempdir().expect("a directory");
    let server = guest(&compile(dir.path())).args(["serve"]).serve(7, b"here?", b"here?");
    let mut client = server.connect();
    let start = Instant::now();
    for round in 0..50u8 {
        let (sent, mut echo) = ([round; 1000], [0; 1000]);
        client.write_all(&sent).expect("it reads");
        client.read_exact(&mut echo).expect("it answers");
        assert_eq!(sent, echo);
    }
    // Two slices of 4 ms for each, at most, and as much again for the host.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    drop(client);
    server.stop().expect_status(143);
}
