//! `unilith run` of programs that need more than themselves: libraries, files, ports, volumes.

mod common;

use common::{Fresh, errors, unilith};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

/// A dynamic program of every system.
const PRINTF: &str = "/usr/bin/printf";

fn run(args: &[&str]) -> Output {
    unilith(["run", "-p", "qemu"].iter().chain(args)).output().expect("unilith starts")
}

#[test]
fn a_dynamic_program_comes_with_its_libraries() {
    let output = run(&[PRINTF, "--", "<%s>", "a b"]);
    let text = errors(&output);
    assert_eq!(output.stdout, b"<a b>", "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("unilith: root image: /usr/bin/printf, "), "{text}");
    assert!(text.contains(" libraries, ") && text.ends_with(" MiB\n"), "{text}");
    assert_eq!(errors(&run(&["-q", PRINTF, "--", "x"])), "");
}

#[test]
fn a_library_that_is_missing_is_named() {
    let (dir, checkout) = (tempfile::tempdir().expect("a directory"), Fresh::new());
    let mut program = fs::read(PRINTF).expect("a program");
    let at = program.windows(10).position(|text| text == b"libc.so.6\0").expect("its C library");
    program[at + 3] = b'q';
    let path = dir.path().join("program");
    fs::write(&path, program).expect("a file");
    let mut command = checkout.unilith(["run", "-p", "qemu"]);
    let output = command.arg(&path).output().expect("unilith starts");
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let path = path.display();
    assert!(text.starts_with(&format!("error: {path} needs libq.so.6, which")), "{text}");
    assert!(!checkout.has_built());
}

/// A program of a test's own.
fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a place")).expect("a directory");
    fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a program");
}

/// What dpkg knows, and only that, is said about a library that is missing.
#[test]
fn the_package_of_a_missing_library_is_named() {
    let (dir, checkout) = (tempfile::tempdir().expect("a directory"), Fresh::new());
    let at = |name: &str| dir.path().join(name);
    let mut program = fs::read(PRINTF).expect("a program");
    let place = program.windows(10).position(|text| text == b"libc.so.6\0").expect("its C library");
    program[place + 3] = b'q';
    fs::write(at("program"), program).expect("a file");
    fs::create_dir_all(at("dpkg/info")).expect("a directory");
    fs::create_dir_all(at("bin")).expect("a directory");
    // No package manager but the test's, and no database.
    let hint = || {
        let mut command = checkout.unilith(["run", "-p", "qemu"]);
        command.env("PATH", at("bin")).env("DPKG_ADMINDIR", at("dpkg"));
        let output = command.arg(at("program")).output().expect("unilith starts");
        let text = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        let line = text.lines().next().unwrap_or_default().to_owned();
        let (_, hint) = line.split_once("libq.so.6, which this machine lacks").expect("named");
        hint.to_owned()
    };
    assert_eq!(hint(), "");
    // Whoever asks must ask for what there is.
    script(
        &at("bin/apt-cache"),
        r#"[ "$1 $2" = "show libq6t64" ] && echo "Package: libq6t64" || exit 100"#,
    );
    assert_eq!(hint(), "; it should be in libq6t64: apt-get install libq6t64");
    fs::write(at("dpkg/info/other.symbols"), "libq.so.6 libq-six #MINVER#\n f@Base 1\n")
        .expect("a file");
    assert_eq!(hint(), "; it is part of libq-six: apt-get install libq-six");
    fs::write(at("dpkg/info/libq6:amd64.shlibs"), "libq 6 libq6 (>= 6.1)\n").expect("a file");
    fs::write(at("dpkg/info/libq6:amd64.list"), "/.\n").expect("a file");
    assert_eq!(hint(), "; it is part of libq6: apt-get install --reinstall libq6");
    let gone = at("gone/libq.so.6");
    let answer = |path: &Path| {
        let line = format!("echo 'libq-files:amd64: {}'", path.display());
        script(&at("bin/dpkg"), &format!("[ \"$1 $2\" = '-S */libq.so.6' ] && {line} || exit 1"));
    };
    answer(&gone);
    assert_eq!(hint(), "; it is part of libq-files: apt-get install --reinstall libq-files");
    // To install it again would not help.
    fs::create_dir_all(at("gone")).expect("a directory");
    fs::write(&gone, "").expect("a file");
    let text = format!("; libq-files has {}, which the program's linker does not", gone.display());
    assert!(hint().starts_with(&text), "{}", hint());
}

#[test]
fn scripts_bring_what_runs_them() {
    let dir = tempfile::tempdir().expect("a directory");
    for line in ["#!/bin/cat", "#! /usr/bin/env cat", "#!/usr/bin/env -S cat -u"] {
        let script = dir.path().join("script");
        let content = format!("{line}\ntext\n");
        fs::write(&script, &content).expect("a file");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a program");
        let output = run(&[script.to_str().expect("text")]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), content, "{}", errors(&output));
    }
}

#[test]
fn included_files_are_where_they_were_said_to_be() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(dir.path().join("site/deep")).expect("a directory");
    fs::write(dir.path().join("site/deep/page"), "page\n").expect("a file");
    fs::write(dir.path().join("one"), "one\n").expect("a file");
    let mut command = unilith(["run", "-p", "qemu", "/bin/cat", "--include", "site:/srv/www"]);
    command.current_dir(dir.path()).args(["--include", "one:/etc/one", "--include", "/etc/fstab"]);
    command.args(["--", "/srv/www/deep/page", "/etc/one", "/etc/fstab"]);
    let output = command.output().expect("unilith starts");
    let fstab = fs::read("/etc/fstab").unwrap_or_default();
    assert_eq!(output.stdout, [b"page\none\n", &fstab[..]].concat(), "{}", errors(&output));
}

#[test]
fn a_second_run_packs_nothing() {
    let checkout = Fresh::new();
    let rootfs = |name: &str| checkout.path(&format!("build/rootfs/{name}"));
    let dry = || {
        let mut run = checkout.unilith(["run", "-p", "linux", PRINTF, "--dry-run"]);
        let _ = run.output().expect("unilith starts"); // nothing can be built there
    };
    let list = || -> Vec<_> {
        let entries = fs::read_dir(rootfs("")).expect("a cache").flatten();
        let mut list: Vec<_> =
            entries.map(|e| (e.file_name(), e.metadata().expect("it").created().ok())).collect();
        list.sort();
        list
    };
    dry();
    let first = list();
    assert_eq!(first.len(), 2, "an image and what it was made from: {first:?}");
    dry();
    assert_eq!(list(), first);
}

#[test]
fn a_port_in_use_is_told_before_anything_is_built() {
    let (taken, checkout) = (TcpListener::bind("127.0.0.1:0").expect("a port"), Fresh::new());
    let port = taken.local_addr().expect("an address").port();
    let mut command = checkout.unilith(["run", "-p", "qemu", PRINTF, "--publish"]);
    let output = command.arg(format!("{port}:80")).output().expect("unilith starts");
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with(&format!("error: port {port}/tcp of this machine: in use by ")));
    assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
    assert!(!checkout.has_built());
}

#[test]
fn networks_and_volumes_are_the_machines() {
    let dir = tempfile::tempdir().expect("a directory");
    let volume = format!("{}:/data:ro", dir.path().display());
    let dry = |args: &[&str]| {
        let args: Vec<&str> = [&[PRINTF, "-q", "--dry-run"], args].concat();
        let output = run(&args);
        assert!(output.status.success(), "{}", errors(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    let line = dry(&["--publish", "65001:80", "-v", &volume]);
    for word in [
        "hostfwd=tcp:127.0.0.1:65001-10.0.2.15:80",
        "-device virtio-net-device,",
        "net.ip=10.0.2.15/24 net.gateway=10.0.2.2 net.dns=10.0.2.3 ",
        &format!("path={},security_model=none,multidevs=remap,readonly=on", dir.path().display()),
        "mount_tag=vol0",
        "9p.mount=vol0:/data:ro",
    ] {
        assert!(line.contains(word), "{word}: {line}");
    }
    let line = dry(&["--net", "none"]);
    assert!(!line.contains("-netdev") && !line.contains("net.ip"), "{line}");
    let line = dry(&["--net", "user", "--machine", "q35"]);
    assert!(line.contains("-device virtio-net-pci,disable-legacy=on,"), "{line}");
    let missing = run(&[PRINTF, "--net", "tap=none-such"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(errors(&missing).contains("ip tuntap add dev none-such"), "{}", errors(&missing));
    // The same from a file.
    let app = dir.path().join("app");
    fs::create_dir_all(app.join("data")).expect("a directory");
    let toml = "name = \"served\"\nkind = \"elf\"\nprogram = \"printf\"\npublish = [\"65002:80\"]\nvolumes = [\"data:/data\"]\nmemory = 99\n";
    fs::write(app.join("unilith.toml"), toml).expect("a file");
    let output = run(&[app.to_str().expect("text"), "-q", "--dry-run"]);
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    let path = format!("path={}/data,", app.display());
    for word in ["65002-10.0.2.15:80", "-m 101376k", &path, "unilith.program=/usr/bin/printf"] {
        assert!(line.contains(word), "{word}: {line}{}", errors(&output));
    }
}

#[test]
fn a_packaged_program_that_is_missing_is_installed_or_told() {
    let (dir, checkout) = (tempfile::tempdir().expect("a directory"), Fresh::new());
    let toml = "name = \"packaged\"\nkind = \"elf\"\nprogram = \"/usr/sbin/no-such-daemon\"\npackage = \"no-such-package\"\n";
    fs::write(dir.path().join("unilith.toml"), toml).expect("a file");
    let mut command = checkout.unilith(["run", "-p", "qemu"]);
    let output = command.arg(dir.path()).env("UNILITH_NO_INSTALL", "1").output().expect("it");
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("error: no-such-package is missing and UNILITH_NO_INSTALL=1"));
    assert!(text.contains("install"), "{text}");
    // Its configuration can be looked at all the same.
    let mut command = checkout.unilith(["config", "get"]);
    command.arg(dir.path()).arg("ELF").assert().success().stdout("y\n");
}

#[test]
fn applications_say_little() {
    for name in ["redis", "nginx", "python", "sqlite"] {
        let place = common::root().join("apps").join(name);
        let toml = fs::read_to_string(place.join("unilith.toml")).expect("an application");
        assert!(toml.lines().count() <= 10, "{name}");
        assert!(place.join("README.md").is_file(), "{name}");
        let app = format!("apps/{name}");
        assert_eq!(common::stdout(["config", "get", &app, "ELF"]), "y\n", "{name}");
    }
}

#[test]
fn what_is_measured_has_a_name() {
    let output = common::output(["bench", "apps", "--app", "nothing"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(errors(&output), "error: --app: measured are redis, nginx, httpd, python, sqlite\n");
}
