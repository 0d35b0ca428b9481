//! Linux 6.1's own tree.

use crate::conf::{self, ALL, Mode, Place, difference, linux, load, ours, theirs};
use std::sync::Mutex;
use unilith_kconfig::Tree;

fn place() -> Place<'static> {
    let linux = linux();
    Place { root: &linux.root, environment: &linux.environment }
}

fn compare(tree: &Tree, mode: Mode, config: Option<&str>, what: &str) -> String {
    let theirs = theirs(&place(), mode, config).expect("conf works on its own tree");
    if let Some(difference) = difference(&theirs, &ours(tree, mode, config)) {
        panic!("{what}: {mode:?} differs in {difference}");
    }
    theirs
}

#[test]
fn linux_is_configured_as_conf_does() {
    let tree = load(&place()).expect("Linux's tree");
    for mode in ALL {
        let config = compare(&tree, mode, None, "nothing");
        assert!(config.lines().count() > 1000, "{mode:?} gives a whole configuration");
        compare(&tree, Mode::SaveDef, Some(&config), "its result");
        compare(&tree, Mode::OldDef, Some(&config), "its result");
        let part = trimmed(&config, 7);
        compare(&tree, Mode::ListNew, Some(&part), "a part of its result");
        compare(&tree, Mode::SaveDef, Some(&part), "a part of its result");
    }
}

/// A configuration with some lines missing, and some changed.
fn trimmed(config: &str, seed: u32) -> String {
    let mut random = unilith_kconfig::Random::new(seed);
    let mut out = String::new();
    for line in config.lines() {
        match random.next() % 20 {
            0..4 => continue,
            4 => out.push_str(&line.replace("=y", "=m")),
            5 => out.push_str(&line.replace("=m", "=y")),
            6 if line.ends_with("=y") => out.push_str(&line.replace("=y", "=n")),
            7 if line.ends_with(" is not set") => {
                out.push_str(&line.replace(" is not set", "=y").replace("# ", ""));
            }
            8 => out.push_str(&line.replace('0', "7")),
            9 => out.push_str(&format!("{line}\n{line}")),
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// Random configurations, each made by `conf` and by us from the same seed, then damaged and
/// completed by both.
fn random(seeds: std::ops::Range<u32>) {
    let tree = load(&place()).expect("Linux's tree");
    let next = Mutex::new(seeds);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                loop {
                    let Some(seed) = next.lock().expect("no thread fails").next() else { break };
                    let what = format!("seed {seed}");
                    let config = compare(&tree, Mode::Random(seed), None, &what);
                    compare(&tree, Mode::OldDef, Some(&trimmed(&config, seed)), &what);
                }
            });
        }
    });
}

#[test]
fn linux_is_configured_as_conf_does_from_random_configurations() {
    random(1..21);
}

#[test]
#[ignore = "takes ten minutes"]
fn linux_is_configured_as_conf_does_from_two_hundred_random_configurations() {
    random(1..201);
}

#[test]
fn a_shell_cache_answers_as_the_shell_does() {
    let scratch = conf::Scratch::new();
    let linux = linux();
    let options = unilith_kconfig::Options {
        srctree: Some(linux.root.clone()),
        environment: linux.environment.clone(),
        directory: Some(linux.root.clone()),
        shell_cache: Some(scratch.file("cache")),
    };
    let load = || Tree::load_with(&linux.root.join("Kconfig"), &options).expect("the tree");
    let (first, again) = (load(), load());
    assert_eq!(ours(&first, Mode::AllDef, None), ours(&again, Mode::AllDef, None));
    let text = std::fs::read_to_string(scratch.file("cache")).expect("the cache");
    assert!(text.lines().count() > 50, "Linux asks its compiler many questions");
}
