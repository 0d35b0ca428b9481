//! Threads, signals and processes of a C program, beside themselves under Linux.

use std::path::{Path, PathBuf};
use std::process::Command;
use unilith_harness::Guest;

/// Compiles the program; position-independent, so that it can run itself.
fn compile(into: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/processes/program.c");
    let program = into.join("program");
    let compiler = Command::new("cc")
        .args(["-O1", "-Wall", "-fPIE", "-pie", "-pthread", "-o"])
        .args([&program, &source])
        .arg("-lm")
        .status();
    let status = compiler.expect("a C compiler is missing: apt-get install gcc libc6-dev");
    assert!(status.success(), "the program compiles");
    program
}

#[test]
fn a_c_program_behaves_as_on_linux() {
    let dir = unilith_harness::tempdir().expect("a directory");
    let program = compile(dir.path());
    let host = Command::new(&program).output().expect("the program runs");
    assert_eq!(host.status.code(), Some(12));
    let guest =
        Guest::new(&program).options(["-p", "qemu", "-m", "64", "--set", "POSIX_PIPE=y"]).run();
    guest.expect_stdout(&String::from_utf8(host.stdout).expect("text")).expect_status(12);
    // The child that faults says so.
    guest.expect_stderr(&["ended by signal 11: Memory(8, Write)"]);
}
