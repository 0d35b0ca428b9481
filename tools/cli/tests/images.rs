//! Building, and what is told about images: `build`, `libs`, `doctor`.

mod common;

use common::{App, Checkout, PLATFORMS, json, output, root, stdout};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn build_tells_where_everything_is() {
    for platform in PLATFORMS {
        let built = json(["build", "apps/hello", "--json", "-p", platform]);
        let keys: Vec<&String> = built.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["arch", "bytes", "debug_image", "image", "platform", "symbols"]);
        assert_eq!(built["platform"], platform);
        assert_eq!(built["arch"], "x86_64");
        let path = |key: &str| Path::new(built[key].as_str().expect("a path")).to_owned();
        let bytes = fs::metadata(path("image")).expect("the image").len();
        assert_eq!(built["bytes"], bytes);
        assert!(fs::metadata(path("debug_image")).expect("its twin").len() > bytes);
        let symbols = fs::read_to_string(path("symbols")).expect("the symbols");
        for line in symbols.lines() {
            let mut words = line.split_whitespace();
            let mut number = || u64::from_str_radix(words.next().expect("a number"), 16);
            assert!(number().is_ok() && number().is_ok(), "{line}");
        }
        assert!(symbols.contains("hello::main") || symbols.contains("__unilith_main"));
        let text = stdout(["build", "apps/hello", "-p", platform]);
        assert_eq!(text, format!("{} ({bytes} bytes)\n", path("image").display()));
    }
}

#[test]
fn an_image_that_is_up_to_date_needs_no_cargo() {
    stdout(["build", "apps/hello"]);
    let mut again = common::unilith(["build", "apps/hello"]);
    again.env("CARGO", "/bin/false").assert().success();
}

#[test]
fn every_source_of_an_application_is_noticed() {
    // Written against a crate beside it, which is no part of the project.
    let app = App::new("cli-beside", "[config]\nPRINT = true\n", &["lib/core/print"], "");
    let manifest = fs::read_to_string(app.path.join("Cargo.toml")).expect("it");
    let beside = "cli-beside-greeting = { path = \"../cli-beside-greeting\" }\n";
    if !manifest.contains(beside) {
        app.write("Cargo.toml", &(manifest + beside));
    }
    app.write(
        "src/lib.rs",
        "#![no_std]\npub fn main() {\n    unilith_print::println!(\"{}\", cli_beside_greeting::TEXT);\n}\n",
    );
    app.write(
        "../cli-beside-greeting/Cargo.toml",
        "[package]\nname = \"cli-beside-greeting\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n",
    );
    for text in ["hello", "good evening"] {
        app.write(
            "../cli-beside-greeting/src/lib.rs",
            &format!("#![no_std]\npub const TEXT: &str = {text:?};\n"),
        );
        let args = ["run", "-q", "-p", "linux"].map(AsRef::as_ref);
        assert_eq!(stdout(args.into_iter().chain([app.path.as_os_str()])), format!("{text}\n"));
    }
}

#[test]
fn libraries_are_listed_and_marked() {
    let all = json(["libs", "--json"]);
    let all = all.as_array().expect("rows");
    for row in all {
        assert!(root().join(row["library"].as_str().expect("a directory")).is_dir(), "{row}");
        assert!(!row["description"].as_str().expect("text").is_empty(), "{row}");
        assert!(row["selected"].is_null(), "{row}");
    }
    let selected = |args: &[&str]| -> Vec<String> {
        let rows = json(["libs", "apps/hello", "--json"].iter().chain(args));
        let rows = rows.as_array().expect("rows").iter();
        let on = rows.filter(|row| row["selected"] == true);
        on.filter_map(|row| row["library"].as_str().map(str::to_owned)).collect()
    };
    let has = |list: &[String], library: &str| list.iter().any(|l| l == library);
    let plain = selected(&[]);
    assert!(has(&plain, "plat/qemu") && has(&plain, "lib/core/print"), "{plain:?}");
    assert!(!has(&plain, "plat/linux") && !has(&plain, "lib/mem/tlsf"), "{plain:?}");
    assert!(has(&selected(&["-p", "linux"]), "plat/linux"));
    assert!(has(&selected(&["--set", "HEAP_TLSF=y"]), "lib/mem/tlsf"));

    // What is not selected may come with what is.
    let rows = json(["libs", "apps/hello", "--json"]);
    let state = |library: &str| {
        let row = rows.as_array().and_then(|rows| rows.iter().find(|r| r["library"] == library));
        row.map(|row| row["state"].clone()).unwrap_or_default()
    };
    assert_eq!(state("lib/core/print"), "selected");
    assert_eq!(state("lib/core/platform"), "with others");
    assert_eq!(state("lib/net/tcp"), "not");
}

#[test]
fn libraries_stand_below_their_families() {
    let text = stdout(["libs"]);
    let mut family = "";
    let mut listed = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("  ").and_then(|rest| rest.split_whitespace().next()) {
            None => family = line,
            Some(name) => listed.push(format!("{family}/{name}")),
        }
    }
    let rows = json(["libs", "--json"]);
    let rows = rows.as_array().expect("rows");
    let want: Vec<&str> = rows.iter().filter_map(|row| row["library"].as_str()).collect();
    assert_eq!(listed, want);
    for row in rows {
        let name = format!("{}/", row["family"].as_str().expect("a family"));
        assert!(row["library"].as_str().expect("a directory").starts_with(&name), "{row}");
    }

    let family = |name: &str| stdout(["libs", "--family", name]);
    assert!(family("lib/mem").starts_with("lib/mem\n  api "));
    assert!(family("lib/mem").contains("\n  tlsf    HEAP_TLSF"), "{}", family("lib/mem"));
    assert_eq!(family("mem"), family("lib/mem"));
    assert_eq!(family("virtio"), family("drivers/virtio"));
    let marked = stdout(["libs", "apps/hello", "--family", "plat"]);
    assert!(marked.contains("\n* qemu ") && marked.contains("\n  linux "), "{marked}");
    let unknown = output(["libs", "--family", "memory"]);
    assert_eq!(unknown.status.code(), Some(2));
    let said = common::errors(&unknown);
    assert!(said.starts_with("error: there is no family memory; families are arch, "), "{said}");
}

#[test]
fn sizes_of_libraries_are_those_of_the_last_build() {
    let checkout = Checkout::new();
    let run = |args: &[&str]| checkout.unilith(args).output().expect("unilith starts");
    let bytes = || {
        let output = run(&["libs", "apps/hello", "--json"]);
        let rows: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let rows = rows.as_array().expect("rows").clone();
        let pair = |row: &serde_json::Value| {
            Some((row["library"].as_str()?.to_owned(), row["bytes"].as_u64()?))
        };
        rows.iter().filter_map(pair).filter(|(_, n)| *n > 0).collect::<BTreeMap<_, _>>()
    };
    let told = |args: &[&str]| common::errors(&run(&[&["libs", "apps/hello"], args].concat()));
    assert_eq!(bytes(), BTreeMap::new());
    assert_eq!(
        told(&["-p", "linux", "--set", "PRINT=y"]),
        "unilith: no sizes, as it was not built; run: unilith build apps/hello -p linux --set PRINT=y\n"
    );
    assert!(!checkout.path("build").exists(), "nothing was built");

    assert!(run(&["build", "apps/hello"]).status.success());
    assert_eq!(told(&[]), "");
    let sized = run(&["size", "apps/hello", "--json"]).stdout;
    let sized: serde_json::Value = serde_json::from_slice(&sized).expect("JSON");
    let rows = sized["libraries"].as_array().expect("rows").iter();
    let of = |row: &serde_json::Value| {
        let library = row["library"].as_str()?;
        library.contains('/').then_some((library.to_owned(), row["bytes"].as_u64()?))
    };
    let want: BTreeMap<_, _> = rows.filter_map(of).filter(|(_, bytes)| *bytes > 0).collect();
    assert_eq!(bytes(), want);
    let text = String::from_utf8(run(&["libs", "apps/hello"]).stdout).expect("text");
    let qemu = format!(" {}  ", want["plat/qemu"]);
    assert!(text.lines().any(|line| line.starts_with("* qemu ") && line.contains(&qemu)), "{text}");

    assert!(run(&["config", "set", "apps/hello", "HEAP_BUMP=y"]).status.success());
    assert_eq!(bytes(), BTreeMap::new());
    assert_eq!(
        told(&[]),
        "unilith: no sizes, as it was built in another configuration; run: unilith build apps/hello\n"
    );
}

#[test]
fn doctor_tells_what_is_there() {
    let checks = json(["doctor", "--json"]);
    let checks = checks.as_array().expect("checks");
    let names: Vec<&str> = checks.iter().filter_map(|check| check["name"].as_str()).collect();
    assert_eq!(names, ["cargo", "gcc", "rustfmt", "clippy", "QEMU", "tests", "KVM"]);
    assert!(checks.iter().all(|check| !check["text"].as_str().expect("text").is_empty()));
    // A machine with nothing on it.
    let dir = tempfile::tempdir().expect("a directory");
    let mut poor = common::unilith(["doctor"]);
    let poor = poor.env("PATH", dir.path()).output().expect("unilith starts");
    assert_eq!(poor.status.code(), Some(1));
    let text = String::from_utf8(poor.stdout).expect("text");
    assert!(text.starts_with("MISSING  cargo    not found; install Rust: https://rustup.rs\n"));
    assert!(text.contains("MISSING  gcc      not found; "), "{text}");
}

#[test]
fn a_closed_output_is_no_error() {
    use std::process::{Command, Stdio};
    let commands =
        [&["libs"][..], &["config", "show", "apps/hello"], &["graph", "apps/hello"], &["--help"]];
    for args in commands {
        let mut child = Command::new(env!("CARGO_BIN_EXE_unilith"))
            .args(args)
            .env("UNILITH_ROOT", root())
            .current_dir(root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unilith starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("unilith ends");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{args:?}");
    }
    // Nor is an error that nobody reads another one.
    let mut child = Command::new(env!("CARGO_BIN_EXE_unilith"))
        .args(["build", "/missing"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("unilith starts");
    drop(child.stderr.take());
    assert_eq!(child.wait().expect("unilith ends").code(), Some(2));
    // A full disk is one.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let mut command = Command::new(env!("CARGO_BIN_EXE_unilith"));
    let output = command.arg("libs").current_dir(root()).stdout(full).output().expect("it");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: standard output: "));
}

#[test]
fn commands_work_from_elsewhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let app = root().join("apps/hello");
    let mut build = common::unilith(["build".as_ref(), app.as_os_str()]);
    build.current_dir(dir.path()).env_remove("UNILITH_ROOT").assert().success();
    let mut here = common::unilith(["build", "."]);
    here.current_dir(&app).assert().success();
    assert_eq!(fs::read_dir(dir.path()).expect("it").count(), 0, "nothing is left behind");
    assert_eq!(output(["build", "apps/hello"]).status.code(), Some(0));
}

#[test]
fn a_terminal_sees_what_takes_so_long() {
    let nonce = format!("pub fn main() -> i32 {{\n    {}\n}}\n", std::process::id() % 97);
    let app = App::new("cli-terminal", "profile = \"minimal\"\n", &[], &nonce);
    // Something to build, whatever was built before.
    let touched = fs::File::open(app.path.join("src/lib.rs")).expect("the source");
    touched.set_modified(std::time::SystemTime::now()).expect("a time");
    let line = format!("{} build {}", env!("CARGO_BIN_EXE_unilith"), app.path.display());
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("UNILITH_ROOT", root()).env("TERM", "xterm");
    let output = script.stdin(std::process::Stdio::null()).output().expect("script starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(" building cli-terminal ("), "{text:?}");
    // The line is gone in the end, and the result stands alone.
    let (_, last) = text.rsplit_once("\x1b[2K").expect("a line that was cleared");
    assert!(last.ends_with(" bytes)\r\n") && last.lines().count() == 1, "{last:?}");
}
