//! The launcher, `./unilith`, in a checkout that has a launcher and nothing else.

mod common;

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

struct Checkout {
    dir: TempDir,
}

impl Checkout {
    fn new() -> Self {
        let checkout = Self { dir: tempfile::tempdir().expect("a directory") };
        for directory in ["tools/cli/src", "tools/cli/tests", "tools bin", "else"] {
            fs::create_dir_all(checkout.path(directory)).expect("a directory");
        }
        fs::copy(common::root().join("unilith"), checkout.path("unilith")).expect("the launcher");
        let files = ["Cargo.toml", "Cargo.lock", "tools/cli/src/main.rs", "tools/cli/tests/a.rs"];
        files.iter().for_each(|file| checkout.touch(file));
        // A cargo that leaves a trace, and a tool that says how it was called.
        checkout.program("tools bin/cc", "exit 1");
        checkout.program(
            "tools bin/cargo",
            "echo \"$CARGO_TARGET_DIR $*\" >>\"$UNILITH_ROOT/trace\"\n\
             mkdir -p \"$CARGO_TARGET_DIR/release\"\n\
             cp \"$UNILITH_ROOT/tool\" \"$CARGO_TARGET_DIR/release/unilith\"",
        );
        checkout.program("tool", "echo \"$UNILITH_ROOT\"\nprintf '<%s>' \"$@\"\nexit 42");
        checkout
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file from a minute ago.
    fn touch(&self, name: &str) {
        let file = File::create(self.path(name)).expect("a file");
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("a time");
    }

    fn program(&self, name: &str, script: &str) {
        fs::write(self.path(name), format!("#!/bin/sh\nset -e\n{script}\n")).expect("a file");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name), mode).expect("a program");
    }

    fn launch(&self, launcher: &Path) -> Output {
        let mut command = Command::new(launcher);
        let path = format!("{}:/usr/bin:/bin", self.path("tools bin").display());
        command.args(["a b", "", "--"]).current_dir(self.path("else")).env("PATH", path);
        command.env("CARGO_TARGET_DIR", "/nowhere").output().expect("the launcher starts")
    }

    /// How often cargo was called.
    fn builds(&self) -> usize {
        fs::read_to_string(self.path("trace")).unwrap_or_default().lines().count()
    }
}

/// What is said before a build, also to a log: it takes long.
const BUILDING: &str = "unilith: building the command-line tool, which takes minutes at first\n";

#[test]
fn cargo_is_called_only_for_changed_sources() {
    let checkout = Checkout::new();
    let launcher = checkout.path("unilith");
    let root = checkout.dir.path().canonicalize().expect("the checkout");
    let expect = |builds: usize, launcher: &Path| {
        let before = checkout.builds();
        let output = checkout.launch(launcher);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text, format!("{}\n<a b><><-->", root.display()));
        assert_eq!(output.status.code(), Some(42));
        let said = if builds > before { BUILDING } else { "" };
        assert_eq!(String::from_utf8_lossy(&output.stderr), said);
        assert_eq!(checkout.builds(), builds);
    };
    expect(1, &launcher);
    expect(1, &launcher);
    // From somewhere else, by another name.
    symlink(&launcher, checkout.path("else/short")).expect("a link");
    expect(1, &checkout.path("else/short"));
    // Tests are no part of the tool; its sources are.
    fs::write(checkout.path("tools/cli/tests/a.rs"), "changed").expect("a file");
    expect(1, &launcher);
    fs::write(checkout.path("tools/cli/src/main.rs"), "changed").expect("a file");
    expect(2, &launcher);
    expect(2, &launcher);
    fs::remove_file(checkout.path("target/release/unilith")).expect("the tool");
    expect(3, &launcher);
    let left = fs::read_dir(checkout.path("target")).expect("it").count();
    assert_eq!(left, 2, "the tool's directory and one stamp");
}

#[test]
fn what_is_missing_or_fails_is_said() {
    let checkout = Checkout::new();
    let launcher = checkout.path("unilith");
    checkout.program("tools bin/cargo", "echo 'error: it is broken' >&2\nexit 101");
    let broken = checkout.launch(&launcher);
    assert_eq!(broken.status.code(), Some(101));
    let said = String::from_utf8_lossy(&broken.stderr);
    assert_eq!(said, format!("{BUILDING}error: it is broken\n"));
    // It is tried again next time.
    assert_eq!(checkout.launch(&launcher).status.code(), Some(101));

    let without = |program: &str| {
        fs::remove_file(checkout.path("tools bin").join(program)).expect("the program");
        for tool in ["sh", "dirname", "readlink", "find"] {
            let link = checkout.path("tools bin").join(tool);
            if !link.exists() {
                symlink(Path::new("/usr/bin").join(tool), link).expect("a link");
            }
        }
        let mut command = Command::new(&launcher);
        let output = command.env("PATH", checkout.path("tools bin")).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(without("cc").starts_with("error: a C linker is missing; install it: "));
    assert!(without("cargo").starts_with("error: cargo is missing; install a stable Rust"));
}
