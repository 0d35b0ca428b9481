//! Trees and configurations that nobody means well with: errors or values, in time, no panic.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use unilith_kconfig::{Config, Error, Fill, Options, Probability, Random, State, Tree};

/// A directory that is gone after the test.
struct Files(tempdir::Dir);

mod tempdir {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    pub struct Dir(pub PathBuf);

    impl Dir {
        pub fn new() -> Self {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("kconfig-hostile-{}-{n}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).expect("a directory");
            Self(path)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

impl Files {
    fn new(text: &str) -> Self {
        let files = Self(tempdir::Dir::new());
        fs::write(files.path("Kconfig"), text).expect("a file");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.0.join(name)
    }
}

fn load(text: &str) -> Result<Tree, Error> {
    let files = Files::new(text);
    Tree::load(&files.path("Kconfig"), &BTreeMap::new())
}

/// Everything that can be done with a tree.
fn exercise(tree: &Tree, config: &str) {
    let mut state = State::new(tree);
    state.read(config, "config");
    let _ = (state.write_config(), state.write_defconfig(), state.list_new());
    for fill in [Fill::No, Fill::Mod, Fill::Yes, Fill::Default] {
        let mut state = State::new(tree);
        state.fill(fill);
        let _ = state.write_config();
    }
    let mut state = State::new(tree);
    state.fill_randomly(&mut Random::new(7), Probability::default());
    let _ = state.write_config();
    for symbol in tree.symbols() {
        let _ = state.explain_fully(&symbol.name);
        if let Some(id) = tree.find(&symbol.name) {
            let choices = state.choices(id);
            for value in choices {
                let _ = state.set_tristate(id, value);
            }
            let _ = (state.set(id, "7"), state.range_text(id), state.user_value(id).is_some());
            state.unset(id);
        }
    }
    let mut open = vec![tree.menu()];
    while let Some(entry) = open.pop() {
        let _ = (entry.kind(), entry.prompt(), entry.condition(), entry.depends_on());
        let _ = (entry.help(), entry.location(), state.is_shown(entry.id()));
        open.extend(entry.children());
    }
    if let Ok(config) = Config::parse(config, "config") {
        let solution = tree.solve(&config);
        let _ = (tree.state(&config).check(&config), solution.warnings().len());
        let names: Vec<&str> = tree.symbols().map(|symbol| &*symbol.name).collect();
        for name in names.iter().take(2).chain(names.iter().rev().take(2)) {
            for wanted in ["y", "n", "7"] {
                let _ = tree.remedy(&config, name, wanted);
            }
        }
    }
}

fn within<T>(limit: Duration, what: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = what();
    assert!(start.elapsed() < limit, "took {:?}", start.elapsed());
    result
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn long_chains_of_dependencies_have_values() {
    let mut text = "config S0\n\tbool \"p\"\n".to_owned();
    for i in 1..5000 {
        let before = i - 1;
        text.push_str(&format!("config S{i}\n\tbool \"p\"\n\tdepends on S{before}\n\tdefault y\n"));
    }
    let tree = load(&text).expect("a tree");
    let value = |config: &str| {
        let config = Config::parse(config, "config").expect("a config");
        tree.solve(&config).value("S4999").map(str::to_owned)
    };
    within(SOON, || {
        assert_eq!(value("").as_deref(), Some("n"));
        assert_eq!(value("CONFIG_S0=y\n").as_deref(), Some("y"));
        let mut state = State::new(&tree);
        state.fill(Fill::Yes);
        assert_eq!(state.write_config().matches("=y\n").count(), 5000);
    });
}

#[test]
fn long_chains_of_selects_and_defaults_have_values() {
    let mut text = String::new();
    for i in 0..20_000 {
        let next = i + 1;
        text.push_str(&format!("config S{i}\n\tbool\n\tselect S{next}\n"));
        text.push_str(&format!("config T{i}\n\tint\n\tdefault T{next}\n"));
    }
    text.push_str("config S20000\n\tbool\nconfig T20000\n\tint\n\tdefault 7\n");
    text.push_str("config START\n\tdef_bool y\n\tselect S0\n");
    let tree = load(&text).expect("a tree");
    let solution = within(SOON, || tree.solve(&Config::new()));
    assert_eq!(solution.value("S20000"), Some("y"));
    assert_eq!(solution.value("T0"), Some("7"));
}

/// What is just not computed in order fits on the stack of a thread.
#[test]
fn chains_that_are_followed_on_demand_fit() {
    for (symbols, nesting) in [(9, 48), (60, 5), (190, 0)] {
        let mut text = "config S0\n\tbool \"p\"\n".to_owned();
        for i in 1..symbols {
            let before = i - 1;
            let (open, close) = ("!(X && ".repeat(nesting), ")".repeat(nesting));
            text.push_str(&format!(
                "config S{i}\n\tbool \"p\" if {open}S{before}{close}\n\tdefault y\n"
            ));
        }
        exercise(&load(&text).expect("a tree"), "CONFIG_S0=y\n");
    }
}

#[test]
fn long_loops_are_found() {
    let mut text = String::new();
    for i in 0..20_000 {
        text.push_str(&format!("config S{i}\n\tdef_bool S{}\n", (i + 1) % 20_000));
    }
    let error = within(SOON, || load(&text)).expect_err("a loop");
    assert!(error.message.contains("a dependency loop: S0 needs S1 needs S2"), "{error}");
}

#[test]
fn loops_are_shown_as_a_path_with_places() {
    let text = "config A\n\tbool \"a\"\n\tselect B\n\tdepends on C\nconfig B\n\tbool\nconfig C\n\tbool \"c\" if D\nconfig D\n\tbool\n\tdefault E\nconfig E\n\tbool\n\tdepends on B\n";
    assert_eq!(
        load(text).expect_err("a loop").to_string(),
        "Kconfig:1: a dependency loop: A needs C needs D needs E needs B needs A\n  \
         Kconfig:1: A depends on C\n  \
         Kconfig:8: a prompt of C depends on D\n  \
         Kconfig:11: a default of D is E, or contains it\n  \
         Kconfig:12: E depends on B\n  \
         Kconfig:5: B is selected by A, or on its condition"
    );
}

#[test]
fn numbers_may_bound_each_other() {
    let text = "config A\n\tint \"a\"\n\trange B 10\n\tdefault 3\nconfig B\n\tint \"b\"\n\trange A 10\n\tdefault 5\nconfig C\n\tint\n\trange C C\n";
    exercise(&load(text).expect("a tree"), "CONFIG_A=20\n");
}

#[test]
fn wide_expressions_and_nested_ones_end() {
    let wide: Vec<String> = (0..30_000).map(|i| format!("S{}", i % 3000)).collect();
    let text = format!("config A\n\tbool \"a\"\n\tdepends on {}\n", wide.join(" && "));
    let alternating: Vec<String> = (0..2000).map(|i| format!("(S{i} || !T{i} || S0)")).collect();
    let text = format!("{text}config B\n\tbool \"b\"\n\tdepends on {}\n", alternating.join(" && "));
    within(SOON, || exercise(&load(&text).expect("a tree"), "CONFIG_A=y\n"));
    for deep in ["(", "!", "!("] {
        let text =
            format!("config A\n\tdef_bool {}y{}\n", deep.repeat(100_000), ")".repeat(100_000));
        assert!(load(&text).is_err());
    }
}

#[test]
fn many_blocks_in_blocks_end() {
    for (begin, end) in [("menu \"m\"\n", "endmenu\n"), ("if y\n", "endif\n")] {
        let inside = "config A\n\tbool \"a\"\n";
        let text = format!("{}{inside}{}", begin.repeat(90), end.repeat(90));
        exercise(&load(&text).expect("a tree"), "CONFIG_A=y\n");
        let text = format!("{}{inside}{}", begin.repeat(50_000), end.repeat(50_000));
        assert!(load(&text).is_err());
    }
}

#[test]
fn macros_that_grow_or_run_away_are_errors() {
    let shown = |text: &str| within(SOON, || load(text)).expect_err("an error").to_string();
    assert!(shown("a = $(b)\nb = $(a)\nconfig $(a)\n").contains("`a` refers to itself"));
    assert!(shown("f = $(f,$(1))\nconfig $(f,x)\n").contains("nested too deeply"));
    assert!(shown("f = $(f,$(1)$(1))\nconfig $(f,xxxxxxxxxx)\n").contains("too"));
    let mut bomb = "a0 = xxxxxxxxxxxxxxxx\n".to_owned();
    for i in 1..60 {
        bomb.push_str(&format!("a{i} = $(a{0})$(a{0})\n", i - 1));
    }
    assert!(shown(&format!("{bomb}config $(a59)\n")).contains("too"));
    let mut bomb = "a0 :=\n".to_owned();
    for i in 1..60 {
        bomb.push_str(&format!("a{i} = $(a{0})$(a{0})\n", i - 1));
    }
    assert!(shown(&format!("{bomb}config $(a59)\n")).contains("too many steps"));
    let append = "a := xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".to_owned()
        + &"a += $(a)\n".repeat(40);
    assert!(shown(&append).contains("too long"));
    assert!(shown(&format!("config {}\n", "$(".repeat(100_000))).contains("does not end"));
    assert!(shown("config $(f,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17)\n").contains("arguments"));
    assert!(shown("$(error-if,y,stop here)\n").contains("1:1: stop here"));
    assert!(shown("$(lineno,1)\n").contains("takes 0 arguments and is given 1"));
}

#[test]
fn files_that_source_each_other_end() {
    let files = Files::new("source \"a\"\n");
    fs::write(files.path("a"), "source \"b\"\n").expect("a file");
    fs::write(files.path("b"), "source \"a\"\n").expect("a file");
    let root = files.path("Kconfig");
    let error = Tree::load(&root, &BTreeMap::new()).expect_err("a loop").to_string();
    assert!(error.contains("Kconfig sources a sources b sources a"), "{error}");
    // Each level is read twice, under names that differ.
    for level in 0..40 {
        let next = level + 1;
        let text = format!("source \"l{next}\"\nsource \"./l{next}\"\n");
        fs::write(files.path(&format!("l{level}")), text).expect("a file");
    }
    fs::write(files.path("l40"), "").expect("a file");
    fs::write(&root, "source \"l0\"\n").expect("a file");
    let error = within(Duration::from_secs(60), || Tree::load(&root, &BTreeMap::new()));
    assert!(error.expect_err("too many").to_string().contains("too many files"));
}

#[test]
fn a_missing_tree_is_an_error() {
    assert!(Tree::load(Path::new("/nowhere/Kconfig"), &BTreeMap::new()).is_err());
    let files = Files::new("");
    let cache = files.path("cache");
    fs::write(&cache, "something else\n").expect("a file");
    let options = Options { shell_cache: Some(cache), ..Options::default() };
    let error = Tree::load_with(&files.path("Kconfig"), &options).expect_err("no cache");
    assert!(error.to_string().contains("is no shell cache"), "{error}");
}

/// Words that mean something somewhere.
const WORDS: [&str; 64] = [
    "config",
    "menuconfig",
    "choice",
    "endchoice",
    "menu",
    "endmenu",
    "if",
    "endif",
    "comment",
    "source",
    "rsource",
    "osource",
    "mainmenu",
    "bool",
    "tristate",
    "int",
    "hex",
    "string",
    "def_bool",
    "def_tristate",
    "default",
    "depends",
    "on",
    "select",
    "imply",
    "range",
    "prompt",
    "visible",
    "optional",
    "modules",
    "help",
    "option",
    "A",
    "B",
    "C",
    "D",
    "y",
    "m",
    "n",
    "1",
    "0x1f",
    "\"text\"",
    "\"\"",
    "'x'",
    "(",
    ")",
    "!",
    "&&",
    "||",
    "=",
    "!=",
    "<",
    ">=",
    ":=",
    "+=",
    "\\",
    "#",
    "$",
    "$(A)",
    "$(f,",
    "\t",
    "  ",
    "$(lineno)",
    "ä",
];

/// Lines that are right, or nearly.
fn line() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["A", "B", "C", "D", "E", "F"]);
    let expression = || {
        let leaf = prop_oneof![
            name().prop_map(str::to_owned),
            Just("y".to_owned()),
            Just("m".to_owned()),
            (name(), prop::sample::select(vec!["=", "!=", "<", ">="]), name())
                .prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        ];
        leaf.prop_recursive(3, 8, 2, |inner| {
            prop_oneof![
                inner.clone().prop_map(|e| format!("!({e})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
                (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) || ({b})")),
            ]
        })
    };
    prop_oneof![
        4 => name().prop_map(|n| format!("config {n}")),
        1 => name().prop_map(|n| format!("menuconfig {n}")),
        2 => prop::sample::select(vec![
            "\tbool", "\ttristate", "\tint", "\thex", "\tstring", "\tbool \"p\"", "\ttristate \"p\"",
            "\tint \"p\"", "\tstring \"p\"", "\tmodules", "\toptional", "\thelp\n\t  text", "choice",
            "\tprompt \"c\"", "endchoice", "endif", "endmenu", "menu \"m\"", "comment \"c\"",
            "choice NAME", "a := b", "b = $(a)$(b,1)", "\tdefault \"text\"", "\tdefault 7",
            "\trange 1 9", "\tdefault $(lineno)",
        ]).prop_map(str::to_owned),
        2 => expression().prop_map(|e| format!("\tdepends on {e}")),
        1 => expression().prop_map(|e| format!("\tvisible if {e}")),
        2 => expression().prop_map(|e| format!("\tdefault {e}")),
        1 => expression().prop_map(|e| format!("if {e}")),
        1 => (name(), expression()).prop_map(|(n, e)| format!("\tselect {n} if {e}")),
        1 => (name(), expression()).prop_map(|(n, e)| format!("\timply {n} if {e}")),
        1 => (name(), name()).prop_map(|(a, b)| format!("\trange {a} {b}")),
        1 => (name(), expression()).prop_map(|(a, e)| format!("\tdefault {a} if {e}")),
    ]
}

/// Statements in an order that is mostly right: those that cannot stand where they do are dropped.
fn repaired(lines: &[String]) -> String {
    let mut kept: Vec<&str> = vec![];
    for line in lines {
        kept.push(line);
        let text = format!("{}\n", kept.join("\n"));
        if let Err(e) = load(&text)
            && !e.message.contains("the file ends inside")
            && !e.message.contains("loop")
        {
            kept.pop();
        }
    }
    let mut text = format!("{}\n", kept.join("\n"));
    for _ in 0..8 {
        match load(&text) {
            Err(e) if e.message.contains("expected `endif`") => text.push_str("endif\n"),
            Err(e) if e.message.contains("expected `endmenu`") => text.push_str("endmenu\n"),
            Err(e) if e.message.contains("expected `endchoice`") => text.push_str("endchoice\n"),
            _ => break,
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn words_in_any_order_are_a_tree_or_an_error(
        words in proptest::collection::vec((0..WORDS.len(), any::<bool>()), 0..60),
        config in "(CONFIG_[A-F]=[ymn0-9\"]{0,3}\n){0,6}",
    ) {
        let text: String = words
            .iter()
            .map(|(word, end)| format!("{}{}", WORDS[*word], if *end { "\n" } else { " " }))
            .collect();
        match load(&text) {
            Ok(tree) => exercise(&tree, &config),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn nearly_right_trees_have_values(
        lines in proptest::collection::vec(line(), 0..30),
        config in "(CONFIG_[A-F]=[ymn0-9\"]{0,3}\n){0,6}",
    ) {
        let text = repaired(&lines);
        if let Ok(tree) = load(&text) {
            exercise(&tree, &config);
        }
    }

    #[test]
    fn any_bytes_are_a_tree_or_an_error(text in "\\PC{0,80}(\n\\PC{0,40}){0,3}", config in "\\PC{0,60}") {
        let _ = load(&text);
        let tree = load("config A\n\tbool \"a\"\nconfig S\n\tstring \"s\"\n").expect("a tree");
        exercise(&tree, &config);
        exercise(&tree, &format!("CONFIG_S={config}\nCONFIG_A={config}"));
    }
}
