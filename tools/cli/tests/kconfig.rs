//! `unilith kconfig`. What it computes is compared with others in tools/kconfig/tests.

mod common;

use common::{errors, unilith};
use std::fs;
use std::process::Output;
use tempfile::TempDir;

const TREE: &str = "\
mainmenu \"A $(WORLD)\"

config MODULES
	def_bool y
	modules

config BASE
	bool \"base\"

config PART
	tristate \"part\"
	depends on BASE
	default m

config COUNT
	int \"count\"
	range 1 9
	default 3

rsource \"sub/Kconfig\"
";

const SUB: &str = "\
config NEEDY
	bool \"needy\"
	select PART
	default y if \"$(shell,echo $WORLD)\" = \"world\"
";

/// A tree in a directory of its own, in which the command runs.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        place.write("Kconfig", TREE);
        fs::create_dir(place.0.path().join("sub")).expect("a directory");
        place.write("sub/Kconfig", SUB);
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).expect("a file")
    }

    fn run(&self, args: &[&str], environment: &[(&str, &str)]) -> Output {
        let words = ["kconfig", "--kconfig", "Kconfig"].iter().chain(args);
        let mut command = unilith(words);
        for name in ["KCONFIG_CONFIG", "KCONFIG_ALLCONFIG", "KCONFIG_SEED", "srctree"] {
            command.env_remove(name);
        }
        command.envs(environment.iter().copied()).current_dir(self.0.path());
        command.output().expect("unilith starts")
    }

    #[track_caller]
    fn text(&self, args: &[&str]) -> String {
        let output = self.run(args, &[]);
        assert!(output.status.success(), "{}", errors(&output));
        String::from_utf8(output.stdout).expect("text")
    }
}

#[test]
fn a_configuration_is_what_conf_writes() {
    let place = Place::new();
    let text = place.text(&["allnoconfig", "--out", "-", "-D", "WORLD=land"]);
    let want = "#\n# Automatically generated file; DO NOT EDIT.\n# A land\n#\nCONFIG_MODULES=y\n\
                # CONFIG_BASE is not set\nCONFIG_COUNT=3\n# CONFIG_NEEDY is not set\n";
    assert_eq!(text, want);
    let text = place.text(&["allmodconfig", "--out", "-"]);
    assert!(text.contains("CONFIG_PART=y\n") && text.contains("CONFIG_NEEDY=y\n"), "{text}");
    let text = place.text(&["alldefconfig", "--out", "-", "-D", "WORLD=world"]);
    assert!(text.contains("CONFIG_NEEDY=y\n"), "{text}");
    let random = |seed: &str| place.text(&["randconfig", "--out", "-", "--seed", seed]);
    assert_eq!(random("1"), random("1"));
    assert!((2..20).any(|seed| random(&seed.to_string()) != random("1")));
}

#[test]
fn files_are_read_and_written_where_conf_does() {
    let place = Place::new();
    let output = place.run(&["alldefconfig"], &[]);
    assert_eq!(errors(&output), "unilith: configuration written to .config\n");
    assert!(output.stdout.is_empty());
    let output = place.run(&["olddefconfig"], &[]);
    assert_eq!(errors(&output), "unilith: no change to .config\n");
    place.write(".config", "CONFIG_BASE=y\nCONFIG_COUNT=7\n");
    assert_eq!(place.text(&["listnewconfig"]), "CONFIG_PART=m\nCONFIG_NEEDY=n\n");
    place.text(&["savedefconfig"]);
    assert_eq!(place.read("defconfig"), "CONFIG_BASE=y\nCONFIG_COUNT=7\n");
    place.text(&["olddefconfig", "-q"]);
    assert!(place.read(".config").contains("CONFIG_PART=m\n"));
    assert_eq!(place.read(".config.old"), "CONFIG_BASE=y\nCONFIG_COUNT=7\n");
    place.write("other", "CONFIG_COUNT=4\n");
    place.text(&["olddefconfig", "--config", "other", "--out", "deep/er/new"]);
    assert!(place.read("deep/er/new").contains("CONFIG_COUNT=4\n"));
    place.run(&["allnoconfig"], &[("KCONFIG_CONFIG", "named"), ("KCONFIG_ALLCONFIG", "other")]);
    assert!(place.read("named").contains("CONFIG_COUNT=4\n"));
    place.write("all.config", "CONFIG_COUNT=5\n");
    place.run(&["allyesconfig", "--out", "all"], &[("KCONFIG_ALLCONFIG", "1")]);
    assert!(place.read("all").contains("CONFIG_COUNT=5\n"));
}

#[test]
fn explain_names_places() {
    let place = Place::new();
    place.write(".config", "CONFIG_NEEDY=y\n");
    let text = place.text(&["explain", "CONFIG_PART", "-q"]);
    let want = "PART=y: selected by NEEDY (sub/Kconfig:3); defined at Kconfig:10\n";
    assert!(text.starts_with(want), "{text}");
    for line in [
        "Type: tristate",
        "  Prompt: part (not visible)",
        "  Depends at Kconfig:12 [n]: BASE [=n]",
        "Default at Kconfig:13 [n]: m if BASE [=n]",
        "Selected at sub/Kconfig:3 [y]: NEEDY [=y]",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
    let text = place.text(&["explain", "NEEDY", "-q"]);
    let line = "Selects at sub/Kconfig:3 [y]: PART [=y]";
    assert!(text.lines().any(|own| own == line), "{text}");
    let output = place.run(&["explain", "PARTS"], &[]);
    assert_eq!(errors(&output), "error: there is no symbol PARTS; did you mean PART?\n");
}

#[test]
fn contradictions_are_told_and_are_errors_if_wanted() {
    let place = Place::new();
    place.write(".config", "CONFIG_NEEDY=y\nnonsense\n");
    let output = place.run(&["olddefconfig"], &[]);
    let want = ".config:2:warning: unexpected data: nonsense\n\n\
                WARNING: unmet direct dependencies detected for PART\n  \
                Depends on [n]: BASE [=n]\n  Selected by [y]:\n  - NEEDY [=y] (sub/Kconfig:3)\n";
    assert!(errors(&output).starts_with(want), "{}", errors(&output));
    assert!(output.status.success());
    let output = place.run(&["olddefconfig"], &[("KCONFIG_WERROR", "1")]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_cannot_be_understood_is_shown() {
    let place = Place::new();
    place.write("sub/Kconfig", "config A\n\tbool \"a\"\n\tdepends on (B ||\n");
    let output = place.run(&["alldefconfig"], &[]);
    let want = "error: sub/Kconfig:3:18: expected an expression\n     depends on (B ||\n                     ^\n";
    assert_eq!(errors(&output), want);
    assert_eq!(output.status.code(), Some(2));
    for (args, want) in [
        (&["explain"][..], "<SYM>"),
        (&["alldefconfig", "-D", "X"], "give VAR=VALUE"),
        (&["olddefconfig", "--config", "none"], "none: there is no such file"),
        (&["olddefconfig", "--srctree", "none"], "there is no file \"sub/Kconfig\" in none"),
    ] {
        place.write("sub/Kconfig", SUB);
        let output = place.run(args, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).contains(want), "{want}: {}", errors(&output));
    }
}
