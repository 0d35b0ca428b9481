//! Bad input: one clear error that says what to do, before anything is built.

mod common;

use common::{App, BUSYBOX, Fresh, PLATFORMS, cpio, elf, errors, output};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;

const AARCH64: u16 = 183;
const X86_64: u16 = 62;

/// The files that the rows of [`ROWS`] name.
fn files(dir: &Path) {
    let put = |name: &str, bytes: &[u8]| fs::write(dir.join(name), bytes).expect("a file");
    let busybox = fs::read(BUSYBOX).expect("busybox: apt-get install busybox-static");
    fs::create_dir(dir.join("directory")).expect("a directory");
    put("text", b"hello\n");
    put("empty", b"");
    put("script", b"#!/no/such/interpreter\necho\n");
    put("script-of-script", format!("#!{}\n", dir.join("script").display()).as_bytes());
    put("cut", &busybox[..busybox.len() / 2]);
    put("headless", &busybox[..40]);
    put("arm", &elf(AARCH64, None));
    put("dynamic", &elf(X86_64, Some("/lib64/ld-test.so.2")));
    let archive = cpio("file", &[7; 1000]);
    put("whole.cpio", &archive);
    put("cut.cpio", &archive[..600]);
    put("odd.cpio", &[&archive[..20], b"XYZ", &archive[23..]].concat());
    let mut tar = vec![0; 512];
    tar[..4].copy_from_slice(b"file");
    tar[257..262].copy_from_slice(b"ustar");
    put("cut.tar", &tar[..400]);
    put("odd.tar", &[tar, vec![1; 512]].concat());
    put("odd.tar.gz", b"\x1f\x8b\x08\0rubbish");
    for (name, toml) in [
        ("unknown-key", "name = \"x\"\nkind = \"rust\"\ncolour = \"red\"\n"),
        ("unknown-kind", "name = \"x\"\nkind = \"fortran\"\n"),
        ("bad-name", "name = \"../x\"\nkind = \"rust\"\n"),
        ("no-crate", "name = \"x\"\nkind = \"rust\"\n"),
        ("no-program", "name = \"x\"\nkind = \"elf\"\n"),
        ("own-program", "name = \"x\"\nkind = \"elf\"\nprogram = \".\"\n"),
        (
            "no-elf",
            "name = \"x\"\nkind = \"elf\"\nprogram = \"/bin/busybox\"\nprofile = \"minimal\"\n",
        ),
        ("no-profile", "name = \"x\"\nkind = \"rust\"\nprofile = \"huge\"\n"),
        ("bad-config", "name = \"x\"\nkind = \"rust\"\n[config]\nHEAP_CHUNK = [1]\n"),
        ("unknown-symbol", "name = \"x\"\nkind = \"rust\"\n[config]\nHEAP_TSLF = true\n"),
        ("c-program", "name = \"x\"\nkind = \"c\"\nprogram = \"/bin/busybox\"\n"),
        ("c-sources", "name = \"x\"\nkind = \"rust\"\nsources = [\"main.c\"]\n"),
        ("no-source", "name = \"x\"\nkind = \"c\"\n"),
        ("no-sources", "name = \"x\"\nkind = \"c\"\nsources = []\n"),
        ("near-key", "name = \"x\"\nkind = \"elf\"\nvolume = [\"a:/b\"]\n"),
        (
            "no-volume",
            "name = \"x\"\nkind = \"elf\"\nprogram = \"/bin/busybox\"\nvolumes = [\"data:/data\"]\n",
        ),
        ("no-toml", "name = \n"),
    ] {
        fs::create_dir(dir.join(name)).expect("a directory");
        put(&format!("{name}/unilith.toml"), toml.as_bytes());
    }
}

/// Arguments of `run -p PLATFORM`; `@` is the directory of [`files`].
const ROWS: &[&[&str]] = &[
    // What is to be run.
    &["@/missing"],
    &["@/directory"],
    &["@/text"],
    &["@/empty"],
    &["@/script"],
    &["@/script-of-script"],
    &["@/whole.cpio"],
    &["/dev/null"],
    &["@/cut"],
    &["@/headless"],
    &["@/arm"],
    &["@/dynamic"],
    &["@/dynamic", "--rootfs", "@/whole.cpio"],
    &["@/unknown-key"],
    &["@/unknown-kind"],
    &["@/bad-name"],
    &["@/no-crate"],
    &["@/no-program"],
    &["@/own-program"],
    &["@/c-program"],
    &["@/c-sources"],
    &["@/no-source"],
    &["@/no-sources"],
    &["@/no-elf"],
    &["@/no-profile"],
    &["@/bad-config"],
    &["@/unknown-symbol"],
    &["@/no-toml"],
    // Root file systems.
    &[BUSYBOX, "--rootfs", "@/missing"],
    &[BUSYBOX, "--rootfs", "@/text"],
    &[BUSYBOX, "--rootfs", "@/empty"],
    &[BUSYBOX, "--rootfs", "@/cut.cpio"],
    &[BUSYBOX, "--rootfs", "@/odd.cpio"],
    &[BUSYBOX, "--rootfs", "@/cut.tar"],
    &[BUSYBOX, "--rootfs", "@/odd.tar"],
    &[BUSYBOX, "--rootfs", "@/odd.tar.gz"],
    &[BUSYBOX, "--include", "@/missing"],
    &[BUSYBOX, "--include", "@/missing:/file"],
    &[BUSYBOX, "--include", "@/text"],
    &[BUSYBOX, "--include", "@/text:file"],
    &[BUSYBOX, "--include", "@/text:/../file"],
    &[BUSYBOX, "--include", ""],
    // Networks and volumes.
    &["@/near-key"],
    &["@/no-volume"],
    &[BUSYBOX, "-v", "@/missing:/data"],
    &[BUSYBOX, "-v", "@/text:/data"],
    &[BUSYBOX, "-v", "@/directory"],
    &[BUSYBOX, "-v", "@/directory:data"],
    &[BUSYBOX, "-v", "@/directory:/a", "-v", "@/directory:/a:ro"],
    &[BUSYBOX, "--publish", "80"],
    &[BUSYBOX, "--publish", "8080:80/sctp"],
    &[BUSYBOX, "--publish", "host:8080:80"],
    &[BUSYBOX, "--publish", "8080:80", "--publish", "8080:81"],
    &[BUSYBOX, "--publish", "8080:80", "--net", "none"],
    &[BUSYBOX, "--net", "bridge"],
    &[BUSYBOX, "--ip", "10.0.0.2/24"],
    &[BUSYBOX, "--net", "tap=tap0", "--ip", "10.0.0.2"],
    &[BUSYBOX, "--net", "user", "--gateway", "10.0.0.1"],
    // Configuration.
    &["apps/hello", "--set", "HEAP_TSLF=y"],
    &["apps/hello", "--set", "HEAP_TLSF"],
    &["apps/hello", "--set", "HEAP_TLSF=7"],
    &["apps/hello", "--set", "HEAP_TLSF=y", "--set", "HEAP_CHUNK=many"],
    &["apps/hello", "--set", "HEAP_TLSF=y", "--set", "HEAP_CHUNK=1"],
    &["apps/hello", "--set", "HEAP_CHUNK=8"],
    &["apps/hello", "--set", "VFS=y"],
    // Options.
    &["apps/hello", "--machine", "pdp11"],
    &["apps/hello", "--machine", ""],
    &["apps/hello", "-m", "0"],
    &["apps/hello", "-m", "lots"],
    &["apps/hello", "-m", "1"],
    &[BUSYBOX, "-m", "2"],
    &["apps/hello", "--timeout", "0"],
    &["apps/hello", "--timeout", "-1"],
    &["apps/hello", "--timeout", "nan"],
    &["apps/hello", "--timeout", "1e300"],
    &["apps/hello", "-e", "name"],
    &["apps/hello", "-e", "=value"],
    &["apps/hello", "--accel", "magic"],
    &["apps/hello", "argument-without-dashes"],
    &["apps/hello", "--no-such-option"],
];

#[track_caller]
fn one_error(output: &Output, what: &str) -> String {
    let text = errors(output);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{what}: {}\n{text}", output.status);
    assert!(output.stdout.is_empty(), "{what}: {:?}", output.stdout);
    assert!(text.starts_with("error: "), "{what}: {text}");
    assert_eq!(text.matches("error: ").count(), 1, "{what}: {text}");
    assert!(!text.contains("panicked"), "{what}: {text}");
    text
}

#[test]
fn bad_input_gives_one_error_before_anything_is_built() {
    let (dir, checkout) = (tempfile::tempdir().expect("a directory"), Fresh::new());
    files(dir.path());
    let place = dir.path().display().to_string();
    let mut told = String::new();
    for row in ROWS {
        let args: Vec<String> = row.iter().map(|arg| arg.replace('@', &place)).collect();
        let run = |platform: &str| {
            let mut command = checkout.unilith(["run", "-p", platform]);
            let output = command.args(&args).output().expect("unilith starts");
            (one_error(&output, &row.join(" ")), output.status.code().unwrap_or(-1))
        };
        let (text, status) = run(PLATFORMS[0]);
        assert_eq!(run(PLATFORMS[1]), (text.clone(), status), "{row:?}");
        let _ = writeln!(told, "$ unilith run {}\n{text}[{status}]\n", row.join(" "));
    }
    assert!(!checkout.has_built());
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&regex_of(&place), "@");
    settings.add_filter(r"Kconfig:\d+", "Kconfig:LINE");
    settings.add_filter(r"(?m)set what selects it: .*$", "set what selects it: SYMBOLS");
    settings.add_filter(r"\d+ KiB", "N KiB");
    settings.add_filter(r"give -m \d+", "give -m N");
    settings.bind(|| insta::assert_snapshot!("bad_input", told));
}

/// A pattern that matches a path.
fn regex_of(path: &str) -> String {
    path.replace('.', r"\.")
}

#[test]
fn other_commands_refuse_the_same_in_the_same_words() {
    let (dir, checkout) = (tempfile::tempdir().expect("a directory"), Fresh::new());
    files(dir.path());
    for name in ["missing", "directory", "text", "cut", "arm", "no-toml"] {
        let path = dir.path().join(name).into_os_string();
        let run = checkout.unilith(["run".as_ref(), path.as_os_str()]).output().expect("starts");
        let want = one_error(&run, name);
        for command in [&["build"][..], &["size"], &["graph"], &["libs"], &["config", "show"]] {
            let mut other = checkout.unilith(command);
            let output = other.arg(&path).output().expect("unilith starts");
            assert_eq!(one_error(&output, name), want, "{command:?}");
        }
    }
}

#[test]
fn a_place_that_is_no_checkout_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = common::unilith(["libs"]).env("UNILITH_ROOT", dir.path()).output().expect("it");
    let text = one_error(&output, "libs");
    assert!(text.contains("not a checkout of Unilith"), "{text}");
}

#[test]
fn code_that_does_not_compile_is_shown() {
    let code = "pub fn main() -> i32 { let x: i32 = \"text\"; x }\n";
    let app = App::new("cli-broken", "", &[], code);
    let output = output(["build".as_ref(), app.path.as_os_str()]);
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty());
    assert!(text.starts_with("error: building cli-broken-qemu-x86_64 failed\n"), "{text}");
    assert!(text.contains("mismatched types") && text.contains("src/lib.rs:2"), "{text}");
    assert!(!text.contains("Compiling") && !text.contains('\x1b'), "{text}");
}

#[test]
fn a_guest_without_memory_says_what_it_had() {
    let code = "extern crate alloc;\nuse alloc::vec::Vec;\npub fn main() -> i32 {\n    let mut all: Vec<Vec<u8>> = Vec::new();\n    while all.len() < 1000 {\n        all.push(alloc::vec![1; 1 << 20]);\n    }\n    0\n}\n";
    let app = App::new("cli-hungry", "", &[], code);
    for platform in PLATFORMS {
        let mut command = common::unilith(["run", "-q", "-m", "8", "-p", platform]);
        let output = command.arg(&app.path).output().expect("unilith starts");
        let text = errors(&output);
        assert_eq!(output.status.code(), Some(134), "{platform}: {text}");
        assert!(text.contains("memory allocation of 1048576 bytes failed"), "{platform}: {text}");
        assert!(
            text.ends_with("out of memory: the image had 8 MiB; give it more with -m\n"),
            "{platform}: {text}"
        );
    }
    // A Linux program is told, and says so itself.
    let run = ["run", "-p", "qemu", "-m", "8", BUSYBOX, "--", "sort", BUSYBOX];
    let output = output(run);
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text, "sort: out of memory\n");
}

#[test]
fn more_memory_than_there_is_is_said() {
    let output = output(["run", "-p", "qemu", "-m", "1048576", "apps/hello"]);
    // A machine with a terabyte has it.
    if output.status.code() != Some(0) {
        let text = one_error(&output, "-m 1048576");
        assert!(text.contains("give a smaller -m"), "{text}");
    }
}
