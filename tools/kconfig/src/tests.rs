//! The language, feature by feature.

use crate::{Config, Error, RemedySearch, Solution, State, Step, Tree};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory that is gone after the test.
struct Files(PathBuf);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("kconfig-{}-{n}", std::process::id()));
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        Self(root)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load(text: &str) -> Result<Tree, Error> {
    let files = Files::new(&[("Kconfig", text)]);
    Tree::load(&files.0.join("Kconfig"), &BTreeMap::new())
}

fn config(text: &str) -> Config {
    Config::parse(text, "test").expect("a config")
}

fn solve(text: &str, config: &str) -> (Tree, Solution) {
    let tree = load(text).expect("a tree");
    let solution = tree.solve(&Config::parse(config, "test").expect("a config"));
    (tree, solution)
}

fn values(text: &str, config: &str) -> String {
    let (tree, solution) = solve(text, config);
    let list: Vec<String> = tree
        .symbols()
        .map(|s| format!("{}={}", s.name, solution.value(&s.name).unwrap_or("?")))
        .collect();
    list.join(" ")
}

#[test]
fn defaults_are_tried_in_order() {
    let tree = "config A\n\tbool \"a\"\nconfig B\n\tint \"b\"\n\tdefault 1 if A\n\tdefault 2\n";
    assert_eq!(values(tree, ""), "A=n B=2");
    assert_eq!(values(tree, "CONFIG_A=y\n"), "A=y B=1");
    assert_eq!(values(tree, "CONFIG_A=y\nCONFIG_B=7\n"), "A=y B=7");
}

#[test]
fn a_user_sets_only_what_is_visible() {
    let tree = "config A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\n\tdepends on A\nconfig C\n\tbool\n\tdefault y\n";
    assert_eq!(values(tree, "CONFIG_B=y\n# CONFIG_C is not set\n"), "A=n B=n C=y");
    assert_eq!(values(tree, "CONFIG_B=y\nCONFIG_A=y\n"), "A=y B=y C=y");
}

#[test]
fn select_raises_and_imply_suggests() {
    let tree = "config A\n\tbool \"a\"\n\tselect B\n\timply C\nconfig B\n\tbool \"b\"\nconfig C\n\tbool \"c\"\n";
    assert_eq!(values(tree, "CONFIG_A=y\n# CONFIG_B is not set\n"), "A=y B=y C=y");
    assert_eq!(values(tree, "CONFIG_A=y\n# CONFIG_C is not set\n"), "A=y B=y C=n");
}

#[test]
fn a_select_against_dependencies_is_reported() {
    let (_, solution) = solve(
        "config A\n\tbool \"a\"\n\tselect B\nconfig B\n\tbool \"b\"\n\tdepends on C\nconfig C\n\tbool \"c\"\n",
        "CONFIG_A=y\n",
    );
    assert_eq!(
        solution.warnings(),
        [
            "\nWARNING: unmet direct dependencies detected for B\n  Depends on [n]: C [=n]\n  Selected by [y]:\n  - A [=y] (Kconfig:3)"
        ]
    );
}

#[test]
fn one_member_of_a_choice_is_set() {
    let tree = "choice\n\tprompt \"c\"\n\tdefault B\nconfig A\n\tbool \"a\"\nconfig B\n\tbool \"b\"\nconfig C\n\tbool \"c\"\n\tdepends on D\nendchoice\nconfig D\n\tbool \"d\"\n";
    assert_eq!(values(tree, ""), "A=n B=y C=n D=n");
    assert_eq!(values(tree, "CONFIG_A=y\n"), "A=y B=n C=n D=n");
    assert_eq!(values(tree, "CONFIG_C=y\n"), "A=n B=y C=n D=n");
    assert_eq!(values(tree, "CONFIG_A=y\nCONFIG_D=y\nCONFIG_C=y\n"), "A=n B=n C=y D=y");
}

#[test]
fn ranges_bound_numbers() {
    let tree = "config A\n\tint \"a\"\n\trange 2 10\n\tdefault 99\nconfig H\n\thex \"h\"\n\trange 0x10 0x20\n\tdefault 0x8\n";
    assert_eq!(values(tree, ""), "A=10 H=0x10");
    assert_eq!(values(tree, "CONFIG_A=5\nCONFIG_H=0x1f\n"), "A=5 H=0x1f");
    assert_eq!(values(tree, "CONFIG_A=1\n"), "A=10 H=0x10");
}

#[test]
fn menus_and_ifs_condition_what_is_inside() {
    let tree = "config A\n\tbool \"a\"\nmenu \"M\"\n\tdepends on A\nconfig B\n\tbool \"b\"\n\tdefault y\nendmenu\nif !A\nconfig C\n\tdef_bool y\nendif\nmenu \"V\"\n\tvisible if A\nconfig D\n\tbool \"d\"\n\tdefault y\nendmenu\n";
    assert_eq!(values(tree, "# CONFIG_D is not set\n"), "A=n B=n C=y D=y");
    assert_eq!(values(tree, "CONFIG_A=y\n# CONFIG_D is not set\n"), "A=y B=y C=n D=n");
    let (tree, _) = solve(tree, "");
    assert_eq!(tree.menus_of(tree.symbol("B").expect("B")), ["M"]);
}

#[test]
fn expressions_compare() {
    let tree = "config N\n\tint \"n\"\n\tdefault 9\nconfig S\n\tstring \"s\"\n\tdefault \"x y\"\nconfig A\n\tdef_bool N < 10 && N >= 9\nconfig B\n\tdef_bool S = \"x y\" && !(N != 9)\nconfig C\n\tdef_bool N > 10 || S = \"z\"\n";
    assert_eq!(values(tree, ""), "N=9 S=x y A=y B=y C=n");
}

#[test]
fn help_ends_where_its_indentation_does() {
    let (tree, _) = solve(
        "config A\n\tbool \"a\"\n\thelp\n\t  First.\n\n\t  Second: config B.\nconfig C\n\tbool\n",
        "",
    );
    assert_eq!(tree.help(tree.symbol("A").expect("A")), "First.\n\nSecond: config B.");
    assert!(tree.symbol("C").is_some() && tree.symbol("B").is_none());
}

#[test]
fn files_are_sourced_by_pattern() {
    let files = Files::new(&[
        ("Kconfig", "source \"lib/*/Kconfig\"\nosource \"none/*\"\nsource \"$(DIR)/Kconfig\"\n"),
        ("lib/b/Kconfig", "config B\n\tbool\n"),
        ("lib/a/Kconfig", "rsource \"sub\"\n"),
        ("lib/a/sub", "config A\n\tbool\n"),
        ("x/Kconfig", "config X\n\tbool\n"),
    ]);
    let env = BTreeMap::from([("DIR".to_owned(), "x".to_owned())]);
    let tree = Tree::load(&files.0.join("Kconfig"), &env).expect("a tree");
    let names: Vec<&str> = tree.symbols().map(|s| &*s.name).collect();
    assert_eq!(names, ["A", "B", "X"]);
    let a = tree.symbol("A").expect("A");
    assert_eq!(tree.defined_at(a).to_string(), "lib/a/sub:1");
}

#[test]
fn errors_show_the_place() {
    let shown = |text: &str| load(text).expect_err("an error").to_string();
    assert_eq!(
        shown("config A\n\tbool \"a\n"),
        "Kconfig:2:7: text without its closing \"\n     bool \"a\n          ^"
    );
    assert!(shown("config A\n\tboool\n").contains("2:2: unknown keyword `boool`"));
    assert!(shown("config A\n\tdepends A\n").contains("expected `on`"));
    assert!(shown("menu \"m\"\n").contains("expected `endmenu`"));
    assert!(shown("endif\n").contains("no block to end"));
    assert!(shown("source \"missing\"\n").contains("there is no file \"missing\""));
    assert!(shown("source \"Kconfig\"\n").contains("a loop of files: Kconfig sources Kconfig"));
    assert!(
        shown("config A\n\tdef_bool B\nconfig B\n\tdef_bool A\n").contains("A needs B needs A")
    );
    let deep = format!("config A\n\tdepends on {}A{}\n", "(".repeat(900), ")".repeat(900));
    assert!(shown(&deep).contains("nested so deeply"));
}

#[test]
fn assignments_are_strict() {
    let tree = load("config HEAP\n\tbool \"h\"\nconfig SIZE\n\tint \"s\"\n\trange 1 9\n\tdefault 3\n\tdepends on HEAP\n").expect("a tree");
    let mut config = Config::new();
    let mut fail = |text: &str| tree.assign(&mut config, text).expect_err("an error").to_string();
    assert_eq!(fail("HEAPS=y"), "there is no symbol HEAPS; did you mean HEAP?");
    assert_eq!(fail("HEAP=5"), "HEAP is y or n, not \"5\"; for example HEAP=y");
    assert_eq!(fail("SIZE=big"), "SIZE is a number, not \"big\"; for example SIZE=42");
    assert_eq!(fail("SIZE"), "SIZE: give SYMBOL=VALUE");
    tree.assign(&mut config, "CONFIG_SIZE=4").expect("a number");
    let problems = tree.state(&config).check(&config);
    assert_eq!(
        problems[0].to_string(),
        "SIZE=4 cannot hold (it is unset): it depends on HEAP, which is n; set HEAP=y too (Kconfig:3)"
    );
    tree.assign(&mut config, "HEAP=true").expect("a bool");
    assert_eq!(tree.state(&config).check(&config), []);
    tree.assign(&mut config, "SIZE=10").expect("a number");
    assert!(tree.state(&config).check(&config)[0].reason.contains("1 to 9"));
}

#[test]
fn a_written_configuration_reads_back() {
    let text = "config A\n\tbool \"a\"\nconfig S\n\tstring \"s\"\n\tdefault \"q\\\"\\\\\"\nconfig N\n\tint \"n\"\n\tdefault 4\n";
    let (tree, solution) = solve(text, "CONFIG_A=y\n");
    let wanted = config("CONFIG_A=y\n");
    let written = tree.to_config(&wanted, "test");
    let again = tree.solve(&config(&written));
    assert_eq!(solution.values, again.values);
    assert_eq!(tree.to_defconfig(&wanted), "CONFIG_A=y\n");
    let why = tree.state(&wanted).explain("N").expect("N");
    assert!(why.contains("by the default at Kconfig:8"));
}

#[test]
fn a_menu_knows_what_a_user_can_choose() {
    use crate::Tristate::{Mod, No, Yes};
    let tree = load(
        "config MODULES\n\tdef_bool y\n\tmodules\nconfig A\n\ttristate \"a\"\n\tdefault m\nconfig B\n\ttristate \"b\"\n\tdepends on A\nconfig C\n\tbool \"c\"\n\tselect A\nchoice\n\tprompt \"which\"\nconfig X\n\tbool \"x\"\nconfig Y\n\tbool \"y\"\nendchoice\nconfig N\n\tint \"n\"\n\trange 2 5\n",
    )
    .expect("a tree");
    let id = |name| tree.find(name).expect("a symbol");
    let (a, b, c, x, y, n) = (id("A"), id("B"), id("C"), id("X"), id("Y"), id("N"));
    let mut state = State::new(&tree);
    state.read("", "empty");
    assert_eq!(state.choices(a), [No, Mod, Yes]);
    assert_eq!(state.choices(b), [No, Mod], "no more than what it depends on");
    assert!(!state.set_tristate(b, Yes) && state.set_tristate(b, Mod));
    assert!(state.set(c, "y"));
    assert_eq!(state.tristate(a), Yes);
    assert!(!state.is_changeable(a) && state.choices(a).is_empty());
    assert_eq!((state.user_value(a), state.user_value(b)), (None, Some("m")));
    let choice = tree.choice_of(x).expect("a choice");
    assert_eq!(tree.members(choice), [x, y]);
    assert_eq!(state.chosen(choice), Some(x));
    assert!(state.set_tristate(y, Yes) && !state.set_tristate(y, No));
    assert_eq!((state.chosen(choice), state.value(x)), (Some(y), "n"));
    state.unset(y);
    assert_eq!(state.chosen(choice), Some(x));
    assert!(!state.set(n, "9") && !state.set(n, "x") && state.set(n, "3"));
    assert_eq!(state.range_text(n), Some(("2".to_owned(), "5".to_owned())));
    state.unset(c);
    assert!(state.set_tristate(a, No));
    let shown = |state: &mut State| {
        let entries = tree.menu().children();
        entries.filter(|e| state.is_shown(e.id())).filter_map(|e| e.prompt()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&mut state), ["a", "c", "which", "n"]);
    let below = tree.entries(a).next().expect("an entry").children().next().expect("B");
    assert_eq!((below.prompt(), below.depends_on()), (Some("b"), Some("A".to_owned())));
    assert_eq!(below.location().to_string(), "Kconfig:7");
    assert_eq!(below.parent().and_then(|entry| entry.symbol()), Some(a));
}

/// Small trees of bools that select, imply and depend on earlier or later symbols.
fn trees() -> impl Strategy<Value = String> {
    let property = prop_oneof![
        (0..8usize).prop_map(|n| format!("\tdepends on S{n}\n")),
        (0..8usize).prop_map(|n| format!("\tselect S{n}\n")),
        (0..8usize).prop_map(|n| format!("\timply S{n}\n")),
        (0..8usize).prop_map(|n| format!("\tdefault !S{n}\n")),
        Just("\tdefault y\n".to_owned()),
        Just("\thelp\n\t  Text.\n".to_owned()),
    ];
    let symbol = (any::<bool>(), proptest::collection::vec(property, 0..3));
    proptest::collection::vec(symbol, 1..8).prop_map(|symbols| {
        let text = symbols.into_iter().enumerate().map(|(i, (prompt, properties))| {
            let prompt = if prompt { " \"p\"" } else { "" };
            format!("config S{i}\n\tbool{prompt}\n{}", properties.concat())
        });
        text.collect()
    })
}

proptest! {
    #[test]
    fn a_minimal_configuration_gives_the_same_solution(text in trees(), on in 0..256u32) {
        if let Ok(tree) = load(&text) {
            let mut config = Config::new();
            (0..8_u32).for_each(|i| config.set(&format!("S{i}"), if on >> i & 1 == 1 { "y" } else { "n" }));
            let solution = tree.solve(&config);
            let small = Config::parse(&tree.to_defconfig(&config), "small").expect("a config");
            prop_assert_eq!(tree.solve(&small).values, solution.values);
        }
    }

    #[test]
    fn no_text_breaks_the_parser(text in trees(), cut in any::<prop::sample::Index>(), junk in "\\PC{0,20}") {
        let at = cut.index(text.len());
        let _ = load(&format!("{}{junk}{}", &text[..at], &text[at..]));
        let _ = load(&junk);
        let _ = Config::parse(&junk, "junk");
    }
}

/// The fewest changes, as `SYM=value` in the order of the files.
fn remedy(text: &str, config: &[(&str, &str)], name: &str, wanted: &str) -> Option<Vec<String>> {
    let files = Files::new(&[("Kconfig", text)]);
    let tree = Tree::load(&files.0.join("Kconfig"), &BTreeMap::new()).expect("a tree");
    let mut wishes = Config::new();
    config.iter().for_each(|(name, value)| wishes.set(name, value));
    let found = tree.remedy(&wishes, name, wanted)?;
    Some(found.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

#[test]
fn the_fewest_changes_that_turn_something_on() {
    let text = "\
config A
	bool \"a\"
config B
	bool \"b\"
	depends on A
config LONG
	bool \"long\"
	depends on B && (X || A)
config X
	bool \"x\"
	depends on !Y
config Y
	bool \"y\"
	default y
config HIDDEN
	bool
config PULLS
	bool \"pulls\"
	depends on X
	select HIDDEN
config SIZE
	int \"size\"
	depends on X
	range 1 10
config NEVER
	bool \"never\"
	depends on A && !A
choice
	prompt \"one\"
config ONE
	bool \"one\"
config TWO
	bool \"two\"
endchoice
config WITH_TWO
	bool \"with two\"
	depends on TWO
";
    let turn_on = |name| remedy(text, &[], name, "y");
    let list = |list: &[&str]| Some(list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
    assert_eq!(turn_on("A"), list(&["A=y"]));
    assert_eq!(turn_on("LONG"), list(&["A=y", "B=y", "LONG=y"]));
    assert_eq!(turn_on("X"), list(&["X=y", "Y=n"]));
    assert_eq!(turn_on("HIDDEN"), list(&["X=y", "Y=n", "PULLS=y"]));
    assert_eq!(turn_on("WITH_TWO"), list(&["TWO=y", "WITH_TWO=y"]));
    assert_eq!(turn_on("NEVER"), None);
    assert_eq!(remedy(text, &[], "Y", "n"), list(&["Y=n"]));
    assert_eq!(
        remedy(text, &[("X", "y"), ("Y", "n"), ("PULLS", "y")], "HIDDEN", "n"),
        list(&["PULLS=n"])
    );
    assert_eq!(remedy(text, &[], "SIZE", "5"), list(&["X=y", "Y=n", "SIZE=5"]));
    assert_eq!(remedy(text, &[], "SIZE", "50"), None);
    // What stands in the way is told, too.
    assert_eq!(remedy(text, &[("A", "n")], "B", "y"), list(&["A=y", "B=y"]));
}

#[test]
fn what_is_off_may_be_selected_if_that_is_allowed() {
    let text = "\
config A
	bool \"a\"
config LIB
	bool \"lib\"
config USER
	bool \"user\"
	depends on A
	select LIB
";
    let files = Files::new(&[("Kconfig", text)]);
    let tree = Tree::load(&files.0.join("Kconfig"), &BTreeMap::new()).expect("a tree");
    let mut state = State::new(&tree);
    state.read("# CONFIG_A is not set\n# CONFIG_LIB is not set\n", "file");
    let config = state.config();
    assert_eq!(config.iter().collect::<Vec<_>>(), [("A", "n"), ("LIB", "n")]);
    assert_eq!(tree.remedy(&config, "USER", "y"), None);
    let mut search = RemedySearch::new(&tree, config, "USER", "y").may_select();
    let found = loop {
        match search.step() {
            Step::Working => {}
            other => break other,
        }
    };
    let pair = |name: &str| (name.to_owned(), "y".to_owned());
    assert_eq!(found, Step::Found(vec![pair("A"), pair("USER")]));
}
