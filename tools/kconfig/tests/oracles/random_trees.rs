//! Trees made at random, before Linux's `conf` and before us.

use crate::conf::{
    ALL, Mode, Place, Scratch, difference, load, our_unmet, our_warnings, ours, their_unmet,
    their_warnings, theirs,
};
use crate::generator::{self, Dice, Features};
use std::collections::BTreeMap;
use std::fs;

fn compare(seed: u64) {
    let mut dice = Dice::new(seed);
    let features = Features { common: false, loops: dice.happens(10) };
    let (text, names) = generator::tree(&mut dice, features);
    let scratch = Scratch::new();
    fs::write(scratch.file("Kconfig"), &text).expect("a tree");
    let environment = BTreeMap::new();
    let place = Place { root: &scratch.0, environment: &environment };
    let tree = match (load(&place), theirs(&place, Mode::AllNo, None)) {
        (Ok(tree), Ok(_)) => tree,
        (Err(_), Err(_)) => return,
        (Ok(_), Err(e)) => panic!("seed {seed}: conf refuses what we do not: {e}\n{text}"),
        (Err(e), Ok(_)) => panic!("seed {seed}: we refuse what conf does not: {e}\n{text}"),
    };
    let check = |mode: Mode, config: Option<&str>| {
        let theirs = theirs(&place, mode, config).expect("conf read the tree before");
        if let Some(difference) = difference(&theirs, &ours(&tree, mode, config)) {
            let config = config.unwrap_or_default();
            panic!("seed {seed}: {mode:?} differs in {difference}\n--\n{text}--\n{config}");
        }
        theirs
    };
    assert_eq!(their_warnings(&place), our_warnings(&tree), "seed {seed}: warnings\n{text}");
    for mode in ALL {
        check(mode, None);
    }
    check(Mode::Random(seed as u32), None);
    for _ in 0..3 {
        let config = generator::config(&mut dice, &names, false);
        for mode in [Mode::OldDef, Mode::SaveDef, Mode::ListNew] {
            check(mode, Some(&config));
        }
        let (theirs, ours) = (their_unmet(&place, &config), our_unmet(&tree, &config));
        assert_eq!(theirs, ours, "seed {seed}: unmet dependencies\n{text}--\n{config}");
    }
}

#[test]
fn random_trees_are_configured_as_conf_does() {
    (0..400).for_each(compare);
}

#[test]
#[ignore = "takes minutes"]
fn many_random_trees_are_configured_as_conf_does() {
    (400..10_000).for_each(compare);
}
