//! `unilith new`: what it makes works at once, and passes what the project checks.

mod common;

use common::{Checkout, PLATFORMS, errors};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

/// The output of a command that must succeed.
#[track_caller]
fn says(mut command: assert_cmd::Command) -> String {
    let output = command.output().expect("unilith starts");
    assert!(output.status.success(), "{}\n{}", output.status, errors(&output));
    String::from_utf8(output.stdout).expect("text")
}

/// The last line of what `new app` says, without `run it: `: the command for a person.
fn next(text: &str) -> Vec<String> {
    let line = text.lines().last().expect("a line");
    let command = line.strip_prefix("run it: unilith ").expect("a command");
    command.split(' ').map(str::to_owned).collect()
}

#[test]
fn applications_of_every_kind_run() {
    let checkout = Checkout::new();
    for kind in ["rust", "c", "elf"] {
        let name = format!("my-{kind}");
        let said = says(checkout.unilith(["new", "app", &name, "--kind", kind]));
        let made = format!("made apps/{name}/unilith.toml\nmade apps/{name}/README.md\n");
        assert!(said.starts_with(&made), "{said}");
        assert_eq!(next(&said), ["run".to_owned(), format!("apps/{name}")]);
        let toml = fs::read_to_string(checkout.path(&format!("apps/{name}/unilith.toml")));
        assert!(toml.expect("a file").lines().count() <= 10);
        for platform in PLATFORMS {
            let mut run = checkout.unilith(next(&said));
            run.args(["-q", "-p", platform]);
            assert_eq!(says(run), format!("Hello from {name}!\n"), "{platform}");
        }
    }
    // Arguments of a run replace those of the application.
    let mut run = checkout.unilith(["run", "-q", "-p", "linux", "apps/my-c", "--", "you"]);
    assert_eq!(errors(&run.output().expect("it starts")), "");
    assert_eq!(says(run), "Hello from you!\n");
    // An application that is no crate leaves cargo's workspace whole, and one that is passes what
    // `unilith test` asks of all.
    checkout.cargo(&["fmt", "--all", "--check"]);
    checkout.cargo(&["test", "-p", "my-rust"]);
    checkout.cargo(&["clippy", "-p", "my-rust", "--all-targets", "--", "-D", "warnings"]);
    compile_c(&checkout);
}

/// C is compiled by the compiler of this machine.
fn compile_c(checkout: &Checkout) {
    let build = |compiler: Option<&str>| {
        let mut command = checkout.unilith(["build", "apps/my-c", "-p", "linux"]);
        command.envs(compiler.map(|cc| ("CC", cc)));
        let output = command.output().expect("unilith starts");
        (output.status.code(), errors(&output))
    };
    assert_eq!(build(None), (Some(0), String::new()));
    // A dynamic program may need more of an image than a static one.
    let network =
        || says(checkout.unilith(["config", "get", "apps/my-c", "NET_INET"])).trim().to_owned();
    assert_eq!(network(), "n");
    checkout.write("apps/my-c/unilith.toml", "name = \"my-c\"\nkind = \"c\"\nflags = []\n");
    assert_eq!(network(), "y");
    // One with a library, in two files.
    checkout.write("apps/my-c/half.h", "double half(double);\n");
    checkout.write(
        "apps/my-c/half.c",
        "#include \"half.h\"\ndouble half(double x) { return x / 2; }\n",
    );
    checkout.write(
        "apps/my-c/main.c",
        "#include <math.h>\n#include <stdlib.h>\n#include \"half.h\"\nint main(int argc, char **argv) { return (int)(half(sqrt(argc > 1 ? atof(argv[1]) : 0))); }\n",
    );
    checkout.write(
        "apps/my-c/unilith.toml",
        "name = \"my-c\"\nkind = \"c\"\nsources = [\"main.c\", \"half.c\"]\nflags = [\"-lm\"]\nprofile = \"elf\"\nargs = [\"4900\"]\n",
    );
    checkout.unilith(["run", "-q", "-p", "qemu", "apps/my-c"]).assert().code(35).stderr("");
    // A header changes.
    checkout.write("apps/my-c/half.h", "double half(double);\n#error not today\n");
    let (status, text) = build(None);
    assert_eq!(status, Some(1));
    assert!(
        text.starts_with("error: building my-c failed\n") && text.contains("not today"),
        "{text}"
    );
    assert!(text.contains("half.h:2:2"), "{text}");
    checkout.write("apps/my-c/half.h", "double half(double);\n");
    assert_eq!(build(None), (Some(0), String::new()));
    let (status, text) = build(Some("no-such-cc"));
    assert_eq!(status, Some(1));
    assert!(text.contains("no-such-cc cannot be started"), "{text}");
    // Without a compiler, the package that has one is named.
    let dir = tempfile::tempdir().expect("a directory");
    symlink("/usr/bin/apt-get", dir.path().join("apt-get")).expect("a link");
    let mut command = checkout.unilith(["build", "apps/my-c"]);
    command.env("PATH", dir.path()).env("UNILITH_NO_INSTALL", "1");
    let output = command.output().expect("unilith starts");
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("error: gcc libc6-dev is missing"), "{text}");
    assert!(text.contains("apt-get install") && text.contains("gcc libc6-dev"), "{text}");
}

#[test]
fn applications_may_be_anywhere() {
    let (checkout, dir) = (Checkout::new(), tempfile::tempdir().expect("a directory"));
    for (name, kind, path) in [("here", "rust", None), ("there", "c", Some("a/b c"))] {
        let mut new = checkout.unilith(["new", "app", name, "--kind", kind]);
        new.current_dir(dir.path());
        new.args(path.iter().flat_map(|path| ["--path", path]));
        let said = says(new);
        let place = path.unwrap_or(name);
        assert!(said.ends_with(&format!("run it: unilith run {place}\n")), "{said}");
        let mut run = checkout.unilith(["run", "-q", "-p", "qemu", place]);
        run.current_dir(dir.path());
        assert_eq!(says(run), format!("Hello from {name}!\n"));
    }
    let manifest = dir.path().join("here/Cargo.toml");
    checkout.cargo(&["test", "--manifest-path", manifest.to_str().expect("text")]);
    let left = fs::read_dir(dir.path()).expect("it").count();
    assert_eq!(left, 2, "two applications");
}

#[test]
fn a_linux_application_names_a_program() {
    let checkout = Checkout::new();
    let toml = |name: &str| fs::read_to_string(checkout.path(&format!("apps/{name}/unilith.toml")));
    // A name is looked up, a path is kept whole.
    let by_name = ["new", "app", "db", "--kind", "elf", "--program", "redis-server"];
    says(checkout.unilith(by_name.iter().chain(&["--", "--save", ""])));
    let want =
        "name = \"db\"\nkind = \"elf\"\nprogram = \"redis-server\"\nargs = [\"--save\", \"\"]\n";
    assert_eq!(toml("db").expect("a file"), want);
    fs::copy(common::BUSYBOX, checkout.path("a \"box\"")).expect("a copy");
    let by_path = ["new", "app", "box", "--kind", "elf", "--program", "a \"box\"", "--"];
    says(checkout.unilith(by_path.iter().chain(&["printf", "%s", "\\"])));
    let said = toml("box").expect("a file");
    let path = checkout.path("a \"box\"").canonicalize().expect("it");
    assert!(said.contains(path.to_str().expect("text")), "{said}");
    // busybox asks its own name what it is, which is why it is called by its full name here.
    let shown = says(checkout.unilith(["config", "get", "apps/box", "ELF"]));
    assert_eq!(shown.trim(), "y");
}

#[test]
fn a_library_can_be_selected_at_once() {
    let checkout = Checkout::new();
    says(checkout.unilith(["new", "app", "user"]));
    // In a family that there is, in one that has no options yet, and in a new one.
    for (place, package, symbol) in [
        ("net/mdns", "unilith-mdns", "NET_MDNS"),
        ("block/ram-disk", "unilith-ram-disk", "BLOCK_RAM_DISK"),
        ("lib/debug/probe", "unilith-probe", "DEBUG_PROBE"),
    ] {
        let before = checkout.files(".");
        let said = says(checkout.unilith(["new", "lib", place]));
        let directory = format!("lib/{}", place.trim_start_matches("lib/"));
        assert!(said.starts_with(&format!("made {directory}/Cargo.toml\n")), "{said}");
        assert!(said.contains(&format!("\ntest it: cargo test -p {package}\n")), "{said}");
        assert!(said.contains(&format!("config set apps/hello {symbol}=y\n")), "{said}");
        // Nothing but its own family's directory was touched.
        let family = checkout.path(&directory).parent().expect("a family").to_owned();
        let after = checkout.files(".");
        assert!(after.difference(&before).all(|path| path.starts_with(&family)), "{after:?}");
        checkout.cargo(&["test", "-p", package]);
        checkout.cargo(&["clippy", "-p", package, "--all-targets", "--", "-D", "warnings"]);
        says(checkout.unilith(["config", "set", "apps/user", &format!("{symbol}=y")]));
        // The application calls it.
        let manifest = checkout.path("apps/user/Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("a file");
        let uses = format!("[dependencies]\n{package} = {{ path = \"../../{directory}\" }}\n");
        fs::write(&manifest, text.replace("[dependencies]\n", &uses)).expect("a file");
        let code = format!(
            "#![no_std]\n//! Uses a library.\n\n/// The sum.\npub fn main() -> i32 {{\n    i32::from({}::sum(&[1, 6]))\n}}\n",
            package.replace('-', "_")
        );
        checkout.write("apps/user/src/lib.rs", &code);
        checkout.unilith(["run", "-q", "-p", "qemu", "apps/user"]).assert().code(7);
        let listed = says(checkout.unilith(["libs", "apps/user", "--json"]));
        let rows: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
        let mut rows = rows.as_array().expect("rows").iter();
        let row = rows.find(|row| row["library"] == directory.as_str()).expect("the library");
        assert_eq!((&row["state"], &row["symbol"]), (&"selected".into(), &symbol.into()));
        assert!(row["bytes"].is_u64(), "{row}");
    }
    let shown = says(checkout.unilith(["config", "show", "apps/user"]));
    assert!(shown.contains("# Debug\n") && shown.contains("CONFIG_DEBUG_PROBE=y"), "{shown}");
    checkout.cargo(&["fmt", "--all", "--check"]);
}

#[test]
fn external_libraries_are_libraries_like_others() {
    let checkout = Checkout::new();
    let library = |place: &str, name: &str, symbol: &str| {
        let manifest = format!(
            "[package]\nname = {name:?}\nversion = \"1.2.3\"\nedition = \"2024\"\ndescription = \"A library of somebody\"\n\n[package.metadata.unilith]\nsymbol = {symbol:?}\n\n[package.metadata.unilith.root]\norder = 99\nboot = \"{}::boot();\"\n\n[dependencies]\nunilith-print = {{ path = \"../../../lib/core/print\" }}\n",
            name.replace('-', "_")
        );
        checkout.write(&format!("ext/{place}/Cargo.toml"), &manifest);
        checkout.write(
            &format!("ext/{place}/Kconfig"),
            &format!("config {symbol}\n\tbool \"Somebody's\"\n\tselect PRINT\n"),
        );
    };
    let says_at_boot = |place: &str, text: &str| {
        checkout.write(
            &format!("ext/{place}/src/lib.rs"),
            &format!("#![no_std]\npub fn boot() {{\n    unilith_print::println!({text:?});\n}}\n"),
        );
    };
    library("net/theirs", "theirs", "NET_THEIRS");
    library("crypto/other", "other-one", "CRYPTO_OTHER");
    library("crypto/silent", "silent", "CRYPTO_SILENT");
    let manifest = checkout.path("ext/crypto/silent/Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("a file");
    fs::write(&manifest, text.replace("description = ", "homepage = ")).expect("a file");
    checkout.write(
        "ext/crypto/Kconfig",
        "menu \"Cryptography\"\nsource \"ext/crypto/*/Kconfig\"\nendmenu\n",
    );
    // One of them is somewhere else.
    let elsewhere = tempfile::tempdir().expect("a directory");
    fs::rename(checkout.path("ext/crypto/other"), elsewhere.path().join("other")).expect("moved");
    symlink(elsewhere.path().join("other"), checkout.path("ext/crypto/other")).expect("a link");
    says_at_boot("net/theirs", "theirs");
    says_at_boot("crypto/other", "other");
    let run = || {
        let mut run = checkout.unilith(["run", "-q", "-p", "qemu", "apps/hello"]);
        run.args(["--set", "NET_THEIRS=y", "--set", "CRYPTO_OTHER=y"]);
        says(run)
    };
    assert_eq!(run(), "other\ntheirs\nHello, world!\n");
    says_at_boot("net/theirs", "theirs again");
    assert_eq!(run(), "other\ntheirs again\nHello, world!\n", "a change is noticed");
    says_at_boot("crypto/other", "another");
    assert_eq!(run(), "another\ntheirs again\nHello, world!\n", "here too");

    let net = says(checkout.unilith(["libs", "--family", "net"]));
    assert!(net.contains("ext/net\n  theirs  NET_THEIRS  A library of somebody\n"), "{net}");
    assert!(net.contains("\nlib/net\n  api "), "{net}");
    let shown = says(checkout.unilith(["config", "show", "apps/hello"]));
    let networking = shown.split("# Networking\n").nth(1).expect("a menu");
    let networking = networking.split("# end of Networking").next().expect("its end");
    assert!(networking.contains("CONFIG_NET_THEIRS"), "{networking}");
    assert!(shown.contains("# Cryptography\n"), "{shown}");
    // Without a description, what the menu says.
    let crypto = says(checkout.unilith(["libs", "--family", "crypto"]));
    assert!(crypto.contains("\n  silent  CRYPTO_SILENT  Somebody's\n"), "{crypto}");
    // A family that has a menu of its own keeps it beside that of the checkout's libraries.
    says(checkout.unilith(["new", "lib", "crypto/ours"]));
    let shown = says(checkout.unilith(["config", "show", "apps/hello"]));
    assert_eq!(shown.matches("CONFIG_CRYPTO_OTHER").count(), 1, "{shown}");
    assert_eq!(shown.matches("CONFIG_CRYPTO_OURS").count(), 1, "{shown}");
    // They are no members of the workspace.
    checkout.cargo(&["metadata", "--format-version", "1", "--no-deps"]);
}

/// Arguments of `new`.
const ROWS: &[&[&str]] = &[
    &["app"],
    &["app", ""],
    &["app", "My_App"],
    &["app", "-x"],
    &["app", "x-"],
    &["app", "../x"],
    &["app", "a/b"],
    &["app", "this-name-is-longer-than-what-any-person-would-type-twice"],
    &["app", "9lives"],
    &["app", "match"],
    &["app", "core"],
    &["app", "hello"],
    &["app", "hello", "--kind", "c"],
    &["app", "unilith-print"],
    &["app", "hello", "--path", "apps/hello2"],
    &["app", "x", "--kind", "cobol"],
    &["app", "x", "--path", ""],
    &["app", "x", "--path", "apps"],
    &["app", "x", "--path", "lib/x"],
    &["app", "x", "--path", "apps/a/b"],
    &["app", "x", "--path", "missing/../x"],
    &["app", "x", "--path", "/dev/null/x"],
    &["app", "x", "--program", "/bin/busybox"],
    &["app", "x", "--kind", "c", "--", "argument"],
    &["app", "x", "--kind", "elf", "--program", "/missing"],
    &["app", "x", "--kind", "elf", "--program", "no-such-program"],
    &["app", "x", "--kind", "elf", "--program", "README.md"],
    &["app", "x", "--kind", "elf", "--program", "apps"],
    &["lib"],
    &["lib", "mdns"],
    &["lib", "a/b/c"],
    &["lib", "net/"],
    &["lib", "/net"],
    &["lib", "Net/x"],
    &["lib", "net/x_y"],
    &["lib", "9/x"],
    &["lib", "../x"],
    &["lib", "net/api"],
    &["lib", "net/other-api"],
    &["lib", "net/inet"],
    &["lib", "fs/print"],
    &["lib", "net/tcp-receive-kib"],
    &["crate", "x"],
];

#[test]
fn what_cannot_be_made_is_said_and_leaves_nothing() {
    let checkout = Checkout::new();
    let before = checkout.files(".");
    let place = checkout.path("").canonicalize().expect("it").display().to_string();
    let mut told = String::new();
    for row in ROWS {
        let output = checkout.unilith(["new"].iter().chain(*row)).output().expect("it starts");
        let text = errors(&output);
        let status = output.status.code().unwrap_or(-1);
        assert!(matches!(status, 1 | 2), "{row:?}: {text}");
        assert!(output.stdout.is_empty(), "{row:?}");
        assert_eq!(text.matches("error: ").count(), 1, "{row:?}: {text}");
        let _ = writeln!(told, "$ unilith new {}\n{text}[{status}]\n", row.join(" "));
        assert_eq!(checkout.files("."), before, "{row:?}");
    }
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&place.replace('.', r"\."), "@");
    settings.bind(|| insta::assert_snapshot!("bad_new", told));
}
