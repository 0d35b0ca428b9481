//! kconfiglib 14.1, which reads what Linux's `conf` does not: relative and optional sources, and
//! patterns.

use crate::conf::{Mode, Place, Scratch, difference, load, ours};
use crate::generator::{self, Dice, Features};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Debian's, whatever other Pythons there are.
const PYTHON: &str = "/usr/bin/python3";

/// A tree for both.
pub struct Case {
    scratch: Scratch,
    what: String,
    configs: Vec<String>,
}

impl Case {
    /// A tree of several files, and configurations.
    pub fn new(what: impl Into<String>, files: &[(&str, &str)], configs: Vec<String>) -> Self {
        let scratch = Scratch::new();
        for (name, text) in files {
            let path = scratch.file(name);
            fs::create_dir_all(path.parent().unwrap_or(&scratch.0)).expect("a directory");
            // It knows `modules` only by the name that it had before.
            fs::write(path, text.replace("\tmodules\n", "\toption modules\n")).expect("a file");
        }
        for (n, config) in configs.iter().enumerate() {
            fs::write(scratch.file(&format!("{n}.config")), config).expect("a configuration");
        }
        Self { scratch, what: what.into(), configs }
    }

    /// What differs.
    fn compare(&self) -> Option<String> {
        let environment = BTreeMap::new();
        let place = Place { root: &self.scratch.0, environment: &environment };
        let what = &self.what;
        let read = |name: String| fs::read_to_string(self.scratch.file(&name));
        let tree = match (load(&place), read("error.out".to_owned())) {
            (Ok(tree), Err(_)) => tree,
            (Err(_), Ok(_)) => return None,
            // conf sees a loop where a member of a choice selects another one; kconfiglib does not.
            (Err(e), Err(_)) if e.message.contains("a dependency loop") => return None,
            // kconfiglib sees one where what depends on the member before it is no member to conf.
            (Ok(_), Ok(e)) if e.contains("Dependency loop") && e.contains("<choice>") => {
                return None;
            }
            (Ok(_), Ok(e)) => return Some(format!("{what}: kconfiglib refuses it: {e}")),
            (Err(e), Err(_)) => return Some(format!("{what}: we refuse it: {e}")),
        };
        for (n, config) in self.configs.iter().enumerate() {
            let all = ours(&tree, Mode::OldDef, Some(config));
            let minimal = ours(&tree, Mode::SaveDef, Some(config));
            let text = read("Kconfig".to_owned()).expect("the tree");
            for (name, ours) in [("config", all), ("min", minimal)] {
                // An optional choice that was y only because of a member that is not visible is n
                // to `conf --savedefconfig`, and so to us: it computes such a choice twice.
                if name == "min" && text.contains("\toptional\n") {
                    continue;
                }
                let theirs = read(format!("{n}.{name}.out")).expect("what kconfiglib wrote");
                let (theirs, ours) = match name {
                    "config" => (values(&theirs), values(&ours)),
                    _ => (theirs, ours),
                };
                if let Some(difference) = difference(&theirs, &ours) {
                    return Some(format!(
                        "{what}: {name} differs in {difference}\n--\n{text}--\n{config}"
                    ));
                }
            }
        }
        None
    }
}

/// The lines about symbols that are not n: it titles menus in another way, and leaves out a symbol
/// that is implied against its dependencies.
fn values(config: &str) -> String {
    let lines = config.lines().filter(|line| line.starts_with("CONFIG_"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Has kconfiglib configure all cases, and compares.
pub fn compare(cases: &[Case]) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/configure.py");
    let mut child = Command::new(PYTHON)
        .arg(script)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{PYTHON}: {e}; run: apt-get install python3-kconfiglib"));
    let names: String = cases.iter().map(|c| format!("{}\n", c.scratch.0.display())).collect();
    let mut stdin = child.stdin.take().expect("its input");
    let fed = stdin.write_all(names.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("its output");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && fed.is_ok(),
        "kconfiglib failed; run: apt-get install python3-kconfiglib. It says:\n{text}"
    );
    let differences: Vec<String> = cases.iter().filter_map(Case::compare).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n====\n"));
}

fn random_case(seed: u64) -> Case {
    let mut dice = Dice::new(seed);
    let features = Features { common: true, loops: false };
    let (text, names) = generator::tree(&mut dice, features);
    let configs = (0..3).map(|_| generator::config(&mut dice, &names, true));
    let configs = std::iter::once(String::new()).chain(configs).collect();
    Case::new(format!("seed {seed}"), &[("Kconfig", &text)], configs)
}

#[test]
fn random_trees_are_configured_as_kconfiglib_does() {
    let cases: Vec<Case> = (0..400).map(random_case).collect();
    compare(&cases);
}

#[test]
#[ignore = "takes minutes"]
fn many_random_trees_are_configured_as_kconfiglib_does() {
    let cases: Vec<Case> = (400..6000).map(random_case).collect();
    compare(&cases);
}

#[test]
fn files_are_sourced_as_kconfiglib_does() {
    let files = [
        (
            "Kconfig",
            "mainmenu \"T\"\nsource \"lib/*/Kconfig\"\nosource \"none/*\"\nosource \"none\"\n\
             rsource \"x/Kconfig\"\norsource \"y?z\"\norsource \"x/a?c\"\n",
        ),
        ("lib/b/Kconfig", "config B\n\tbool \"b\"\n\tdefault y\n"),
        ("lib/a/Kconfig", "menu \"A\"\nrsource \"sub*\"\nendmenu\n"),
        ("lib/a/sub1", "config A1\n\tbool \"a1\"\n"),
        ("lib/a/sub2", "config A2\n\tdef_bool y\n\torsource \"none\"\n"),
        (
            "x/Kconfig",
            "config X\n\tdef_int 3\nconfig Y\n\tdef_hex 0x3\nconfig Z\n\tdef_string \"z\"\nrsource \"deep/er\"\n",
        ),
        ("x/deep/er", "config DEEP\n\tbool \"deep\"\n\tdefault B\nsource \"x/abc\"\n"),
        ("x/abc", "config ABC\n\tint \"abc\"\n\tdefault X\n"),
    ];
    let configs = vec![String::new(), "CONFIG_A1=y\n# CONFIG_B is not set\n".to_owned()];
    let again = files.map(|(name, text)| (name, text.replace("source \"x/abc\"\n", "")));
    let again: Vec<(&str, &str)> = again.iter().map(|(n, t)| (*n, t.as_str())).collect();
    compare(&[Case::new("sources", &again, configs)]);
    let missing = [("Kconfig", "rsource \"none\"\n")];
    compare(&[Case::new("a missing file", &missing, vec![])]);
}
