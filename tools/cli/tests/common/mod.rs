//! What the tests of the command line share.
#![allow(dead_code, reason = "every test program uses another part")]

use assert_cmd::Command;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;
use tempfile::TempDir;

pub const BUSYBOX: &str = "/bin/busybox";
pub const PLATFORMS: [&str; 2] = ["qemu", "linux"];

/// The checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout")
}

/// The command, which never hangs.
pub fn unilith<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unilith"));
    command.args(args).env("UNILITH_ROOT", root()).current_dir(root());
    command.timeout(Duration::from_secs(60));
    command
}

/// Its output.
pub fn output<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    unilith(args).output().expect("unilith starts")
}

/// The standard output of a run that must succeed.
#[track_caller]
pub fn stdout<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> String {
    let output = output(args);
    assert!(output.status.success(), "{}\n{}", output.status, errors(&output));
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
pub fn json<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> serde_json::Value {
    serde_json::from_str(&stdout(args)).expect("JSON")
}

pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A checkout in which nothing was built, and in which nothing can be.
pub struct Fresh {
    dir: TempDir,
}

impl Fresh {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for entry in fs::read_dir(root()).expect("the checkout") {
            let entry = entry.expect("an entry");
            let name = entry.file_name();
            if name != "build" && name != "target" && name != ".git" {
                symlink(entry.path(), dir.path().join(name)).expect("a link");
            }
        }
        Self { dir }
    }

    pub fn unilith<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = unilith(args);
        command.env("UNILITH_ROOT", self.dir.path()).env("CARGO", "/bin/false");
        command
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Whether the building of an image was begun.
    pub fn has_built(&self) -> bool {
        let built = fs::read_dir(self.dir.path().join("build")).into_iter().flatten().flatten();
        built.into_iter().any(|entry| entry.file_name() != "rootfs")
    }
}

/// A copy of the checkout, to be changed.
pub struct Checkout {
    dir: TempDir,
}

impl Checkout {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        copy(&root(), dir.path());
        Self { dir }
    }

    pub fn unilith<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = unilith(args);
        command.env("UNILITH_ROOT", self.dir.path()).current_dir(self.dir.path());
        command.timeout(Duration::from_secs(240));
        command
    }

    /// A run of cargo that must succeed.
    #[track_caller]
    pub fn cargo(&self, args: &[&str]) {
        let mut command = Command::new("cargo");
        command.args(args).current_dir(self.dir.path());
        command.env("CARGO_TARGET_DIR", self.dir.path().join("target"));
        let output = command.output().expect("cargo starts");
        assert!(output.status.success(), "cargo {args:?}\n{}", errors(&output));
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file of it.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Everything below a directory of it, but what was built.
    pub fn files(&self, name: &str) -> BTreeSet<PathBuf> {
        let mut open = vec![self.path(name)];
        let mut found = BTreeSet::new();
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).expect("a directory").flatten() {
                if !BUILT.contains(&entry.file_name().to_str().unwrap_or_default()) {
                    let path = entry.path();
                    if path.is_dir() {
                        open.push(path.clone());
                    }
                    found.insert(path);
                }
            }
        }
        found
    }
}

/// What a checkout has that is not of it.
const BUILT: [&str; 3] = ["build", "target", ".git"];

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let (path, kind) = (to.join(entry.file_name()), entry.file_type().expect("its type"));
        if BUILT.contains(&entry.file_name().to_str().unwrap_or_default()) {
            continue;
        }
        if kind.is_dir() {
            fs::create_dir(&path).expect("a directory");
            copy(&entry.path(), &path);
        } else if kind.is_file() {
            fs::copy(entry.path(), path).expect("a copy");
        }
    }
}

/// A program without code, as a tool that looks at headers sees it.
pub fn elf(machine: u16, interpreter: Option<&str>) -> Vec<u8> {
    const HEADER: u64 = 64;
    const SEGMENT: u64 = 56;
    let text = interpreter.map_or(vec![], |path| [path.as_bytes(), b"\0"].concat());
    let size = HEADER + 2 * SEGMENT + text.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    let mut put = |bytes: &[u8]| file.extend_from_slice(bytes);
    put(&machine.to_le_bytes());
    put(&1u32.to_le_bytes());
    [0x40_0000, HEADER, 0].iter().for_each(|n: &u64| put(&n.to_le_bytes()));
    put(&0u32.to_le_bytes());
    let segments = 1 + u16::from(interpreter.is_some());
    [64, 56, segments, 0, 0, 0].iter().for_each(|n: &u16| put(&n.to_le_bytes()));
    for (kind, offset, length) in [(1u32, 0, size), (3, HEADER + 2 * SEGMENT, text.len() as u64)] {
        put(&kind.to_le_bytes());
        put(&5u32.to_le_bytes());
        let numbers = [offset, 0x40_0000 + offset, 0x40_0000 + offset, length, length, 1];
        numbers.iter().for_each(|n| put(&n.to_le_bytes()));
    }
    put(&text);
    file
}

/// A cpio archive (newc) with one file.
pub fn cpio(name: &str, content: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, mode, content) in [(name, 0o100_644, content), ("TRAILER!!!", 0, &[])] {
        let length = name.len() + 1;
        let fields = [1, mode, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, length, 0];
        archive.extend_from_slice(b"070701");
        fields.iter().for_each(|n| archive.extend_from_slice(format!("{n:08x}").as_bytes()));
        archive.extend_from_slice(name.as_bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

/// An application of its own, outside of the checkout.
pub struct App {
    /// Its directory.
    pub path: PathBuf,
}

impl App {
    /// `dependencies` are libraries of the checkout, by directory.
    pub fn new(name: &str, toml: &str, dependencies: &[&str], code: &str) -> Self {
        // Always at the same place: an unchanged application is not built again.
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(path.join("src")).expect("a directory");
        let app = Self { path };
        let dependencies: String = dependencies
            .iter()
            .map(|directory| {
                let package = directory.rsplit('/').next().unwrap_or_default();
                format!("unilith-{package} = {{ path = {:?} }}\n", root().join(directory))
            })
            .collect();
        app.write("unilith.toml", &format!("name = {name:?}\nkind = \"rust\"\n{toml}"));
        app.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{dependencies}"
            ),
        );
        app.write("src/lib.rs", &format!("#![no_std]\n{code}"));
        app
    }

    /// Writes a file of it, unless it is the same already.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
}
