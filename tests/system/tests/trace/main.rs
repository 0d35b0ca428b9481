//! `unilith run --trace syscalls` beside strace.

use std::path::Path;
use std::process::Command;
use unilith_harness::{Ended, Guest, TempDir, tempdir};

/// Where Debian's busybox really is: the program asks.
const BUSYBOX: &str = "/usr/bin/busybox";

/// What strace shows of a program that runs in `directory`, and what the program itself says to
/// standard error.
fn strace(directory: &Path, program: &Path, args: &[&str]) -> (String, String) {
    let out = tempdir().expect("a directory");
    let file = out.path().join("trace");
    // The guest's limits are Linux's own defaults, and its environment is empty.
    let output = Command::new("sh")
        .args(["-c", "ulimit -S -s 8192; exec \"$@\"", "sh", "strace", "-a1", "-o"])
        .args([&file, program])
        .args(args)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("sh starts");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let trace = std::fs::read_to_string(file);
    let trace = trace.unwrap_or_else(|_| panic!("strace: apt-get install strace\n{errors}"));
    (trace, errors)
}

fn traced(directory: &Path, program: &Path, args: &[&str], options: &[&str]) -> Ended {
    let options = ["-p", "qemu", "--trace", "syscalls", "--set", "PROCFS=y"].iter().chain(options);
    Guest::new(program)
        .options(options.copied())
        .options(["--rootfs".to_owned(), directory.display().to_string()])
        .args(args.iter().copied())
        .run()
}

/// Lines without what differs from run to run: addresses, random numbers, process numbers.
fn settled(trace: &str) -> Vec<String> {
    trace.lines().map(line).collect()
}

fn line(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("0x") {
        let digits = after.bytes().take_while(u8::is_ascii_hexdigit).count();
        text += before;
        text += if digits > 4 { "ADDRESS" } else { &rest[before.len()..before.len() + 2 + digits] };
        rest = &after[digits..];
    }
    text += rest;
    for (start, end) in [("set_tid_address(", " = "), ("getrandom(\"", "\"")] {
        if let Some(after) = text.strip_prefix(start)
            && let Some((inside, _)) = after.split_once(end)
        {
            let kept = if end == " = " { start.len() + inside.len() } else { start.len() };
            text.truncate(kept);
        }
    }
    text
}

fn directory() -> TempDir {
    let directory = tempdir().expect("a directory");
    std::fs::write(directory.path().join("text"), "one\ntwo\nthree\n").expect("a file");
    directory
}

#[test]
fn busybox_is_traced_as_by_strace() {
    let directory = directory();
    // What a program does to standard output depends on what that is; these ask little of it.
    for args in [
        &["cat", "text"][..],
        &["cat", "nothing"],
        &["tail", "-c", "5", "text"],
        &["grep", "-q", "two", "text"],
        &["cmp", "text", "text"],
        &["sleep", "0"],
        &["test", "-d", "text"],
    ] {
        let (expected, errors) = strace(directory.path(), BUSYBOX.as_ref(), args);
        let guest = traced(directory.path(), BUSYBOX.as_ref(), args, &[]);
        let mut found = String::from_utf8_lossy(guest.stderr()).into_owned();
        if !errors.is_empty() {
            // In the guest both go the same way.
            assert!(found.contains(&errors), "{found}");
            found = found.replacen(&errors, "", 1);
        }
        let expected = settled(&expected);
        // A guest's first program is there without execve(2).
        let (exec, expected) = expected.split_first().expect("lines");
        assert!(exec.starts_with("execve("), "{exec}");
        assert_eq!(settled(&found), expected, "{args:?}\n{found}");
    }
}

#[test]
fn calls_of_all_kinds_and_threads_are_traced() {
    let directory = directory();
    let program = directory.path().join("program");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace/program.c");
    let compiler = Command::new("cc")
        .args(["-O1", "-w", "-static", "-pthread", "-o"])
        .args([&program, &source])
        .status();
    let status = compiler.expect("a C compiler is missing: apt-get install gcc libc6-dev");
    assert!(status.success(), "the program compiles");

    let server = ["--net", "user"];
    let between = |trace: &str| -> Vec<String> {
        let lines = settled(trace);
        let marks =
            lines.iter().enumerate().filter(|(_, line)| line.starts_with("fcntl(999, F_GETFD)"));
        let marks: Vec<_> = marks.map(|(at, _)| at).collect();
        let &[first, last] = marks.as_slice() else { panic!("two marks\n{trace}") };
        lines[first..=last].to_vec()
    };
    let (expected, _) = strace(directory.path(), &program, &[]);
    let guest = traced(directory.path(), &program, &[], &server);
    let found = String::from_utf8_lossy(guest.stderr()).into_owned();
    assert_eq!(between(&found), between(&expected), "{found}");

    // With a second thread, lines say whose they are, and are resumed.
    let guest = traced(directory.path(), &program, &["threads"], &server);
    guest.expect_status(0).expect_stderr(&[
        "\n[",
        "read(",
        " <unfinished ...>\n[",
        "write(",
        "\"y\", 1) = 1",
        "<... read resumed>\"y\", 1) = 1",
        "+++ exited with 0 +++",
    ]);
}

/// An image without the option has no trace of it.
#[test]
fn the_trace_is_in_no_other_image() {
    let sizes = [&[][..], &["--set", "SYSCALL_TRACE=y"]].map(|options| {
        let words = ["build", "/bin/busybox", "-p", "qemu", "--json"].iter().chain(options);
        let path = unilith_harness::json(words)["image"].as_str().expect("a path").to_owned();
        let image = std::fs::read(path).expect("the image");
        image.windows(10).any(|window| window == b"unfinished")
    });
    assert_eq!(sizes, [false, true]);
}
