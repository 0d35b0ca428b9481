//! One small tree for each feature of the language. Each stands in a file of its own under
//! `corpus/`: Kconfig text, and behind lines of `----` configurations to read. The first comment
//! says what it is about; `# conf only: WHY` that kconfiglib computes something else.

use crate::conf::{
    ALL, Mode, Place, Scratch, difference, load, our_warnings, ours, their_warnings, theirs,
};
use crate::kconfiglib::{self, Case};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

struct Sample {
    name: String,
    tree: String,
    configs: Vec<String>,
}

fn samples() -> Vec<Sample> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).expect("the corpus").flatten().map(|e| e.path()).collect();
    paths.sort();
    let sample = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a sample");
        let mut parts = text.split("----\n").map(str::to_owned);
        let tree = parts.next().unwrap_or_default();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Sample { name, tree, configs: std::iter::once(String::new()).chain(parts).collect() }
    };
    paths.iter().map(sample).collect()
}

/// Files that samples source.
const SOURCED: [(&str, &str); 2] = [
    (
        "sub/one",
        "config ONE\n\tbool \"one\"\n\tdefault y if \"$(filename):$(lineno)\" = \"sub/one:3\"\n",
    ),
    ("sub/two", "source \"sub/one\"\nconfig TWO\n\tstring\n\tdefault \"$(filename)\"\n"),
];

#[test]
fn each_feature_is_as_in_conf() {
    let environment = BTreeMap::from(
        [("PATH", "/usr/bin:/bin"), ("GREETING", "hello"), ("DIR", "sub")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let mut compared = 0;
    for sample in samples() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.file("sub")).expect("a directory");
        fs::write(scratch.file("Kconfig"), &sample.tree).expect("a tree");
        for (name, text) in SOURCED {
            fs::write(scratch.file(name), text).expect("a file");
        }
        let place = Place { root: &scratch.0, environment: &environment };
        let name = &sample.name;
        let tree = load(&place).unwrap_or_else(|e| panic!("{name}: {e}"));
        let check = |mode: Mode, config: Option<&str>| {
            let theirs = theirs(&place, mode, config).unwrap_or_else(|e| panic!("{name}: {e}"));
            if let Some(difference) = difference(&theirs, &ours(&tree, mode, config)) {
                panic!("{name}: {mode:?} differs in {difference}\n{}", config.unwrap_or_default());
            }
        };
        assert_eq!(their_warnings(&place), our_warnings(&tree), "{name}");
        for mode in ALL {
            check(mode, None);
            compared += 1;
        }
        for seed in 1..4 {
            check(Mode::Random(seed), None);
        }
        for config in &sample.configs {
            for mode in [Mode::OldDef, Mode::SaveDef, Mode::ListNew] {
                check(mode, Some(config));
                compared += 1;
            }
        }
    }
    assert!(compared > 200, "there is a corpus");
}

#[test]
fn each_feature_is_as_in_kconfiglib() {
    let common = samples().into_iter().filter(|sample| !sample.tree.contains("# conf only: "));
    let cases: Vec<Case> = common
        .map(|sample| {
            let files = [("Kconfig", sample.tree.as_str())];
            let files: Vec<(&str, &str)> = files.into_iter().chain(SOURCED).collect();
            Case::new(sample.name, &files, sample.configs)
        })
        .collect();
    assert!(cases.len() > 20, "most features are common to both");
    kconfiglib::compare(&cases);
}
