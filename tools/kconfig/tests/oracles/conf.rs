//! Linux's `conf`, built from Debian's source package, and ours beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use unilith_kconfig::{Error, Fill, Message, Options, Probability, Random, State, Tree};

/// Debian's package of Linux's source, and what is unpacked of it: what Kconfig files, the macros
/// in them and the making of `conf` need.
const SOURCE: &str = "/usr/src/linux-source-6.1.tar.xz";
const PARTS: [&str; 5] = [
    "linux-source-6.1/Makefile",
    "linux-source-6.1/scripts/*",
    "*/Kconfig*",
    "*/arch/x86/Makefile*",
    "*/tools/scripts/*",
];

/// A Linux source tree with its `conf`.
pub struct Linux {
    pub root: PathBuf,
    pub conf: PathBuf,
    /// What its Makefile exports to `conf`.
    pub environment: BTreeMap<String, String>,
}

/// The tree, unpacked and built once.
pub fn linux() -> &'static Linux {
    static LINUX: OnceLock<Linux> = OnceLock::new();
    LINUX.get_or_init(prepare)
}

fn prepare() -> Linux {
    let source = fs::metadata(SOURCE).unwrap_or_else(|e| {
        panic!("{SOURCE}: {e}; run: apt-get install linux-source-6.1 flex bison make gcc xz-utils")
    });
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let root = base.join("linux-6.1");
    let stamp = base.join("linux-6.1.stamp");
    let state = format!("{} {:?}", source.len(), source.modified().expect("a time"));
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&state) {
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("a directory");
        let unpack = ["-xJf", SOURCE, "--strip-components=1", "--wildcards"];
        must(Command::new("tar").args(unpack).args(PARTS).current_dir(&root));
        fs::write(&stamp, state).expect("a stamp");
    }
    // The environment is what a shell command of a Kconfig file sees.
    let probe = base.join("probe.Kconfig");
    let seen = base.join("probe.environment");
    fs::write(&probe, format!("X := $(shell,env -0 > {})\n", seen.display())).expect("a probe");
    must(
        Command::new("make")
            .args(["ARCH=x86", "allnoconfig"])
            .arg(format!("KBUILD_KCONFIG={}", probe.display()))
            .env_remove("MAKEFLAGS")
            .current_dir(&root),
    );
    let environment = fs::read_to_string(&seen).expect("the environment");
    let environment = environment
        .split_terminator('\0')
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Linux { conf: root.join("scripts/kconfig/conf"), root, environment }
}

fn must(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| {
        panic!("{:?}: {e}; `unilith test` installs what it needs", command.get_program())
    });
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed; flex, bison, gcc? It says:\n{text}");
}

/// A directory that is gone in the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kconfig-oracle-{}-{n}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A command of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    AllNo,
    AllDef,
    AllYes,
    AllMod,
    OldDef,
    SaveDef,
    ListNew,
    Random(u32),
}

pub const ALL: [Mode; 4] = [Mode::AllNo, Mode::AllDef, Mode::AllYes, Mode::AllMod];

/// Where both look for a tree.
pub struct Place<'a> {
    pub root: &'a Path,
    pub environment: &'a BTreeMap<String, String>,
}

/// What `conf` makes of a tree and a configuration; its complaint if it refuses.
pub fn theirs(place: &Place, mode: Mode, config: Option<&str>) -> Result<String, String> {
    run(place, mode, config).map(|(text, _)| text)
}

/// The symbols that `conf` says are selected against their dependencies.
pub fn their_unmet(place: &Place, config: &str) -> BTreeSet<String> {
    let (_, errors) = run(place, Mode::OldDef, Some(config)).expect("conf read the tree before");
    unmet(errors.lines())
}

/// What `conf` finds odd about a tree.
pub fn their_warnings(place: &Place) -> Vec<String> {
    let (_, errors) = run(place, Mode::AllNo, None).expect("conf read the tree before");
    warnings(errors.lines())
}

/// The same of us.
pub fn our_warnings(tree: &Tree) -> Vec<String> {
    warnings(tree.messages().iter().filter_map(|message| match message {
        Message::Warning(text) => Some(text.as_str()),
        Message::Info(_) => None,
    }))
}

fn warnings<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let text = |line: &str| {
        // It notices some only at the statement behind.
        let late = line.contains("help text") || line.contains("menuconfig statement");
        let (place, text) = line.split_once("warning:")?;
        Some(if late { text.to_owned() } else { format!("{place}{text}") })
    };
    let mut lines: Vec<String> = lines.filter_map(text).collect();
    lines.sort();
    lines
}

/// The same of us.
pub fn our_unmet(tree: &Tree, config: &str) -> BTreeSet<String> {
    let mut state = State::new(tree);
    state.read(config, ".config");
    let _ = state.write_config();
    unmet(state.warnings().iter().flat_map(|warning| warning.lines()))
}

fn unmet<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let prefix = "WARNING: unmet direct dependencies detected for ";
    lines.filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect()
}

/// What `conf` makes, and what it says on standard error.
fn run(place: &Place, mode: Mode, config: Option<&str>) -> Result<(String, String), String> {
    let scratch = Scratch::new();
    let (dot, out) = (scratch.file("config"), scratch.file("defconfig"));
    if let Some(config) = config {
        fs::write(&dot, config).expect("a configuration");
    }
    let mut command = Command::new(&linux().conf);
    command.env_clear().envs(place.environment).env("KCONFIG_CONFIG", &dot);
    command.env_remove("KCONFIG_DEFCONFIG_LIST");
    // It writes more than the configuration, a file for each symbol, unless that was done.
    fs::write(scratch.file("auto.conf"), "").expect("a file");
    command.env("KCONFIG_AUTOCONFIG", scratch.file("auto.conf"));
    match mode {
        Mode::AllNo => command.arg("--allnoconfig"),
        Mode::AllDef => command.arg("--alldefconfig"),
        Mode::AllYes => command.arg("--allyesconfig"),
        Mode::AllMod => command.arg("--allmodconfig"),
        Mode::OldDef => command.arg("--olddefconfig"),
        Mode::SaveDef => command.arg(format!("--savedefconfig={}", out.display())),
        Mode::ListNew => command.arg("--listnewconfig"),
        Mode::Random(seed) => command.arg("--randconfig").env("KCONFIG_SEED", seed.to_string()),
    };
    let output = command.arg("Kconfig").current_dir(place.root).output().expect("conf");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(errors);
    }
    let read = |path| fs::read_to_string(path).expect("what conf wrote");
    let text = match mode {
        Mode::ListNew => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            // What it says about the tree is not what was asked for.
            let lines = text.lines().filter(|line| line.starts_with("CONFIG_"));
            lines.map(|line| format!("{line}\n")).collect()
        }
        Mode::SaveDef => read(&out),
        _ => read(&dot),
    };
    Ok((text, errors))
}

/// Reads a tree as `conf` is told to.
pub fn load(place: &Place) -> Result<Tree, Error> {
    let options = Options {
        srctree: Some(place.root.to_owned()),
        environment: place.environment.clone(),
        directory: Some(place.root.to_owned()),
        shell_cache: None,
    };
    Tree::load_with(&place.root.join("Kconfig"), &options)
}

/// What we make of a tree and a configuration.
pub fn ours(tree: &Tree, mode: Mode, config: Option<&str>) -> String {
    let mut state = State::new(tree);
    if let Some(config) = config {
        state.read(config, ".config");
    }
    match mode {
        Mode::AllNo => state.fill(Fill::No),
        Mode::AllDef => state.fill(Fill::Default),
        Mode::AllYes => state.fill(Fill::Yes),
        Mode::AllMod => state.fill(Fill::Mod),
        Mode::OldDef => {}
        Mode::SaveDef => return state.write_defconfig(),
        Mode::ListNew => return state.list_new(),
        Mode::Random(seed) => {
            state.fill_randomly(&mut Random::new(seed), Probability::default());
        }
    }
    state.write_config()
}

/// The first lines that differ, for people; `None` if there are none.
pub fn difference(theirs: &str, ours: &str) -> Option<String> {
    if theirs == ours {
        return None;
    }
    let pairs = theirs.lines().map(Some).chain(std::iter::repeat(None));
    let others = ours.lines().map(Some).chain(std::iter::repeat(None));
    let first = pairs.zip(others).position(|(a, b)| a != b || a.is_none()).unwrap_or(0);
    let part = |text: &str| {
        let lines: Vec<&str> = text.lines().skip(first.saturating_sub(2)).take(6).collect();
        lines.join("\n    ")
    };
    let at = first + 1;
    Some(format!("line {at}:\n  theirs:\n    {}\n  ours:\n    {}", part(theirs), part(ours)))
}
