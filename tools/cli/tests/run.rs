//! `unilith run`: what goes in and what comes out, on both platforms.

mod common;

use common::{App, BUSYBOX, PLATFORMS, errors, output, root, stdout, unilith};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A run of busybox; what is behind the dashes.
fn busybox(platform: &str, options: &[&str], args: &[&OsStr]) -> assert_cmd::Command {
    let mut command = unilith(["run", "-q", "-p", platform]);
    command.args(options).arg(BUSYBOX).arg("--").args(args);
    command
}

fn words<'a>(args: &[&'a str]) -> Vec<&'a OsStr> {
    args.iter().map(|&arg| OsStr::new(arg)).collect()
}

#[test]
fn hello_on_every_machine() {
    for machine in ["microvm", "pc", "q35"] {
        let args = ["run", "-p", "qemu", "apps/hello", "-m", "2", "--machine", machine];
        assert_eq!(stdout(args), "Hello, world!\n", "{machine}");
    }
    assert_eq!(stdout(["run", "-p", "linux", "apps/hello"]), "Hello, world!\n");
}

#[test]
fn the_choice_of_the_platform_is_said_unless_asked_not_to() {
    let output = output(["run", "apps/hello"]);
    assert_eq!(output.status.code(), Some(0));
    let text = errors(&output);
    assert!(text.starts_with("unilith: platform qemu (microvm, "), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    for quiet in [&["-q"][..], &["-p", "qemu"], &["-p", "linux"], &["--set", "PLAT_LINUX=y"]] {
        unilith(["run", "apps/hello"].iter().chain(quiet)).assert().success().stderr("");
    }
}

#[test]
fn the_application_chooses_its_platform() {
    let toml = "profile = \"minimal\"\n[config]\nPLAT_LINUX = true\n";
    let app = App::new("cli-process", toml, &[], "pub fn main() -> i32 {\n    7\n}\n");
    let path = app.path.to_str().expect("text");
    assert_eq!(common::json(["build", path, "--json"])["platform"], "linux");
    unilith(["run", path]).assert().code(7).stderr("");
    unilith(["run", path, "-p", "qemu"]).assert().code(7).stderr("");
    let both = output(["run", path, "-p", "qemu", "--set", "PLAT_LINUX=y"]);
    assert_eq!(both.status.code(), Some(2), "{}", errors(&both));
}

#[test]
fn the_exit_status_is_the_applications() {
    for platform in PLATFORMS {
        for status in ["0", "1", "42", "255"] {
            // `sh -c 'exit N'` without a fork.
            let run = busybox(platform, &[], &words(&["sh", "-c", &format!("exit {status}")]));
            let output = { run }.output().expect("unilith starts");
            assert_eq!(output.status.code().map(|c| c.to_string()).as_deref(), Some(status));
        }
    }
}

#[test]
fn arguments_arrive_as_they_are() {
    let args: [&[u8]; 9] =
        [b"a b", b"", b"--", b"-x", b"%20", b"\xff\xfe", b"tab\tline\n", b"'\"$`\\", b"--help"];
    for platform in PLATFORMS {
        let mut all = words(&["printf", "<%s>"]);
        all.extend(args.iter().map(|arg| OsStr::from_bytes(arg)));
        let output = busybox(platform, &[], &all).output().expect("unilith starts");
        let want: Vec<u8> = args.iter().flat_map(|arg| [b"<", *arg, b">"].concat()).collect();
        assert_eq!(output.stdout, want, "{platform}: {}", errors(&output));
    }
}

#[test]
fn too_many_arguments_are_said() {
    for (platform, room, fits) in [("qemu", 2047, 1900), ("linux", 131_071, 20_000)] {
        let long = "x".repeat(fits);
        let args = words(&["expr", "length", &long]);
        let length = format!("{}\n", long.len());
        busybox(platform, &[], &args).assert().success().stdout(length);
        let long = "x".repeat(room);
        let args = words(&["echo", &long]);
        let refused = busybox(platform, &[], &args).output().expect("unilith starts");
        assert_eq!(refused.status.code(), Some(2));
        assert!(refused.stdout.is_empty());
        let text = errors(&refused);
        assert!(text.contains(&format!("there is room for {room}; give fewer")), "{text}");
    }
}

#[test]
fn the_environment_is_what_was_given() {
    for platform in PLATFORMS {
        let mut run = unilith(["run", "-q", "-p", platform, BUSYBOX, "-e", "A=a b=c", "-e", "E="]);
        run.args(["-e", "A=last", "-e"]).arg(OsStr::from_bytes(b"N=\xff")).args(["--", "env"]);
        let output = run.output().expect("unilith starts");
        let mut lines: Vec<&[u8]> = output.stdout.split(|&byte| byte == b'\n').collect();
        lines.retain(|line| !line.is_empty());
        lines.sort_unstable();
        assert_eq!(lines, [&b"A=last"[..], b"E=", b"N=\xff"], "{platform}: {}", errors(&output));
    }
}

#[test]
fn input_is_the_guests() {
    let mut input: Vec<u8> = (0..=255).collect();
    input.extend(std::iter::repeat_n(b"0123456789abcde\n", 500).flatten());
    for platform in PLATFORMS {
        for input in [&input[..], b"x", b""] {
            let mut run = busybox(platform, &[], &words(&["cat"]));
            let output = run.write_stdin(input).output().expect("unilith starts");
            assert!(output.status.success(), "{platform}: {}", errors(&output));
            assert!(
                output.stdout == input,
                "{platform}: {} bytes of {}",
                output.stdout.len(),
                input.len()
            );
        }
        // Input that nobody reads.
        let mut run = busybox(platform, &[], &words(&["echo", "done"]));
        run.write_stdin(vec![b'x'; 1 << 20]).assert().success().stdout("done\n");
    }
}

/// What arrives before the guest has started its console is not lost.
#[test]
fn early_input_arrives_whole() {
    let input: Vec<u8> = b"0123456789abcde\n".repeat(500);
    for round in 0..10 {
        let mut run = busybox("qemu", &[], &words(&["cat"]));
        let output = run.write_stdin(&input[..]).output().expect("unilith starts");
        assert!(output.stdout == input, "round {round}: {} bytes", output.stdout.len());
    }
}

#[test]
fn streams_stay_apart() {
    for platform in PLATFORMS {
        let mut run = busybox(platform, &[], &words(&["ls", "/missing", "/"]));
        let output = run.output().expect("unilith starts");
        assert_eq!(errors(&output), "ls: /missing: No such file or directory\n");
        assert!(String::from_utf8_lossy(&output.stdout).contains("tmp\n"));
    }
}

#[test]
fn a_time_limit_ends_it() {
    for platform in PLATFORMS {
        let start = Instant::now();
        let run = busybox(platform, &["--timeout", "0.7"], &words(&["sleep", "1000"]));
        let output = { run }.output().expect("unilith starts");
        assert_eq!(output.status.code(), Some(124));
        assert_eq!(
            errors(&output),
            "unilith: ended: the time limit of 0.7 s has passed (--timeout)\n"
        );
        assert!(start.elapsed() > Duration::from_millis(700));
        assert!(start.elapsed() < Duration::from_secs(20), "{platform}: {:?}", start.elapsed());
    }
}

/// Starts a program that would run for ever, sends signals to the runner, waits for its end.
fn interrupted(platform: &str, script: &str, signals: &[&str]) -> (std::process::Output, Duration) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_unilith"))
        .args(["run", "-q", "-p", platform, "--timeout", "50", BUSYBOX, "--", "sh", "-c", script])
        .env("UNILITH_ROOT", root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unilith starts");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    out.read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    let start = Instant::now();
    for signal in signals {
        let kill = Command::new("kill").arg(signal).arg(child.id().to_string()).status();
        assert!(kill.expect("kill starts").success());
        std::thread::sleep(Duration::from_millis(200));
    }
    (child.wait_with_output().expect("unilith ends"), start.elapsed())
}

#[test]
fn a_guest_that_does_not_end_at_a_signal_is_ended() {
    const DEAF: &str = "trap '' INT TERM; echo ready; while :; do :; done";
    for (signals, status, name) in
        [(&["-INT", "-INT"][..], 130, "SIGINT"), (&["-INT", "-TERM"], 143, "signal 15")]
    {
        let (output, took) = interrupted("qemu", DEAF, signals);
        assert_eq!(output.status.code(), Some(status), "{}", errors(&output));
        assert_eq!(errors(&output), format!("unilith: ended: the guest did not end at {name}\n"));
        assert!(took < Duration::from_secs(4), "{took:?}");
    }
    let (output, took) = interrupted("qemu", DEAF, &["-TERM"]);
    assert_eq!(output.status.code(), Some(143), "{}", errors(&output));
    assert!(took > Duration::from_secs(5) && took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn a_program_that_computes_ends_at_a_signal() {
    for platform in PLATFORMS {
        let (output, took) = interrupted(platform, "echo ready; while :; do :; done", &["-TERM"]);
        let said = (output.status.code(), errors(&output));
        assert_eq!(said, (Some(143), String::new()), "{platform}");
        assert!(took < Duration::from_secs(4), "{platform}: {took:?}");
    }
}

#[test]
fn output_that_nobody_reads_ends_it() {
    for platform in PLATFORMS {
        let mut child = Command::new(env!("CARGO_BIN_EXE_unilith"))
            .args(["run", "-q", "-p", platform, "--timeout", "50", BUSYBOX, "--", "yes"])
            .env("UNILITH_ROOT", root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unilith starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("a line");
        drop(out);
        let ended = child.wait_with_output().expect("unilith ends");
        assert_eq!(line, "y\n");
        assert_eq!(ended.status.code(), Some(141), "{platform}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{platform}");
    }
}

#[test]
fn times_are_told() {
    for platform in PLATFORMS {
        let output = output(["run", "-p", platform, "--timing", "apps/hello"]);
        assert_eq!(output.stdout, b"Hello, world!\n");
        let text = errors(&output);
        for row in ["ms  from start to end", "cycles  entry", "cycles  main", "cycles  exit"] {
            assert!(text.contains(row), "{platform}: {text}");
        }
    }
}

#[test]
fn a_dry_run_prints_a_command_that_works() {
    let dir = tempfile::tempdir().expect("a directory");
    let odd = dir.path().join("it's a $(place)");
    fs::create_dir(&odd).expect("a directory");
    let odd = odd.join("busybox");
    symlink(BUSYBOX, &odd).expect("a link");
    for platform in PLATFORMS {
        let mut dry = unilith(["run", "-p", platform, "--dry-run", "-m", "48"]);
        dry.arg(&odd).args(["-e", "A=x y", "--", "sh", "-c", "echo \"<$A>\" '$B'"]);
        let output = dry.output().expect("unilith starts");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", errors(&output));
        let line = String::from_utf8(output.stdout).expect("text");
        assert_eq!(line.lines().count(), 1, "{line}");
        let shell = Command::new("sh").arg("-c").arg(&line).stdin(Stdio::null()).output();
        let shell = shell.expect("sh starts");
        assert_eq!(String::from_utf8_lossy(&shell.stdout), "<x y> $B\n", "{platform}: {line}");
    }
}

#[test]
fn a_crash_is_reported_by_name() {
    for platform in PLATFORMS {
        let output = output(["run", "-p", platform, "tests/guests/faults", "--", "panic"]);
        assert_eq!(output.status.code(), Some(134));
        let text = errors(&output);
        let (_, trace) = text.rsplit_once("\nbacktrace:\n").expect("a backtrace");
        assert!(trace.contains("panics at tests/guests/faults/src/lib.rs:"), "{trace}");
        assert!(trace.contains("__unilith_main at build/"), "{trace}");
    }
}

#[test]
fn programs_and_roots_are_found_from_elsewhere() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(dir.path().join("root/etc")).expect("a directory");
    fs::write(dir.path().join("root/etc/motd"), "welcome\n").expect("a file");
    fs::write(dir.path().join("root.cpio"), common::cpio("etc/motd", b"welcome\n")).expect("it");
    let mut tar = Command::new("tar");
    tar.current_dir(dir.path()).args(["czf", "root.tgz", "-C", "root", "."]);
    assert!(tar.status().expect("tar starts").success());
    symlink(BUSYBOX, dir.path().join("busybox")).expect("a link");
    for source in ["root", "root.cpio", "root.tgz"] {
        let mut run = unilith(["run", "-q", "-p", "linux", "./busybox", "--rootfs", source]);
        run.current_dir(dir.path()).env_remove("UNILITH_ROOT").args(["--", "cat", "/etc/motd"]);
        run.assert().success().stdout("welcome\n").stderr("");
    }
    let mut run = unilith(["run", "-q", "busybox", "--rootfs", "root", "--", "cat", "/etc/motd"]);
    run.current_dir(dir.path()).assert().success().stdout("welcome\n").stderr("");
}

/// A directory with links to a few programs: a machine without QEMU.
fn poor_machine(dir: &Path, programs: &[&str]) {
    for program in programs {
        let path = dir.join(program);
        fs::write(&path, "#!/bin/sh\nexit 1\n").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
    }
}

#[test]
fn without_qemu_it_is_a_process_and_says_so() {
    stdout(["build", "apps/hello", "-p", "linux"]); // no cargo on that machine either
    let dir = tempfile::tempdir().expect("a directory");
    poor_machine(dir.path(), &["apt-get", "sudo"]);
    let poor = |args: &[&str], forbid: &str| {
        let mut command = unilith(["run"].iter().chain(args));
        command.env("PATH", dir.path()).env("UNILITH_NO_INSTALL", forbid);
        command.output().expect("unilith starts")
    };
    const INSTALL: &str = "apt-get install -y --no-install-recommends qemu-system-x86";
    let fallen = poor(&["apps/hello"], "1");
    assert_eq!(fallen.stdout, b"Hello, world!\n");
    let text = errors(&fallen);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("unilith: platform linux, a plain process: no QEMU: "), "{text}");
    assert!(text.contains("UNILITH_NO_INSTALL=1 forbids") && text.contains(INSTALL), "{text}");

    let refused = poor(&["apps/hello", "-p", "qemu"], "1");
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
    let text = errors(&refused);
    assert!(
        text.starts_with("error: qemu-system-x86 is missing and UNILITH_NO_INSTALL=1"),
        "{text}"
    );
    assert!(text.contains(INSTALL), "{text}");

    // Bad input is found before anything is installed.
    let bad = poor(&["apps/hello", "--set", "NOTHING=y"], "0");
    assert_eq!(bad.status.code(), Some(2));
    assert!(errors(&bad).starts_with("error: there is no symbol"), "{}", errors(&bad));

    // Allowed, and it fails (that apt-get always does; a person without rights has the command).
    let failed = poor(&["apps/hello", "-p", "qemu"], "0");
    assert_eq!(failed.status.code(), Some(1));
    assert!(errors(&failed).contains(INSTALL), "{}", errors(&failed));
    let fallen = poor(&["apps/hello"], "0");
    assert_eq!(fallen.stdout, b"Hello, world!\n");
    assert!(errors(&fallen).contains("platform linux, a plain process: no QEMU: "));

    let dry = poor(&["apps/hello", "-p", "qemu", "--dry-run"], "1");
    assert!(dry.status.success(), "a dry run needs no QEMU: {}", errors(&dry));
}
