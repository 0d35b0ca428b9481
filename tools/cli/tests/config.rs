//! `unilith config`.

mod common;

use common::{App, errors, json, output, stdout};
use std::ffi::OsStr;
use std::fs;

#[test]
fn show_is_a_configuration_file_and_json() {
    let text = stdout(["config", "show", "apps/hello"]);
    assert!(text.contains("\nCONFIG_PLAT_QEMU=y\n"), "{text}");
    assert!(text.contains("\n# CONFIG_PANIC_REPORT is not set\n"), "{text}");
    let values = json(["config", "show", "apps/hello", "--json", "--set", "HEAP_TLSF=y"]);
    assert_eq!(values["PRINT"], true);
    assert_eq!(values["PANIC_REPORT"], false);
    assert_eq!(values["HEAP_CHUNK"], 64);
    assert_eq!(values["PLATFORM"], "qemu");
    let values = json(["config", "show", "apps/hello", "--json", "-p", "linux"]);
    assert_eq!(values["PLATFORM"], "linux");
    assert!(values["HEAP_CHUNK"].is_null());
}

#[test]
fn get_is_a_value_or_all_about_it() {
    assert_eq!(stdout(["config", "get", "apps/hello", "PLATFORM"]), "qemu\n");
    assert_eq!(stdout(["config", "get", "apps/hello", "CONFIG_PRINT"]), "y\n");
    assert_eq!(stdout(["config", "get", "apps/hello", "HEAP_TLSF"]), "n\n");
    let set = ["config", "get", "apps/hello", "HEAP_CHUNK", "--set", "HEAP_TLSF=y"];
    assert_eq!(stdout(set), "64\n");
    let about = json(set.iter().chain(&["--json"]));
    assert_eq!(about["symbol"], "HEAP_CHUNK");
    assert_eq!(about["type"], "int");
    assert_eq!(about["value"], 64);
    assert_eq!(about["depends_on"], "!HEAP_NONE");
    for key in ["prompt", "help", "why"] {
        assert!(!about[key].as_str().expect(key).is_empty());
    }
    let unknown = output(["config", "get", "apps/hello", "HEAP_CHUNKS"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert_eq!(
        errors(&unknown),
        "error: there is no symbol HEAP_CHUNKS; did you mean HEAP_CHUNK?\n"
    );
}

const TOML: &str = "\
# The application.
args = [\"a\",
        \"b\"]   # two of them

[env]
X = '1'

[config] # what it needs
  # Output.
  DEBUG   = true    # always
HEAP_TLSF = false

# The end.
";

fn set(app: &App, assignments: &[&str]) -> std::process::Output {
    let path = app.path.as_os_str();
    let words = ["config", "set"].map(OsStr::new).into_iter().chain([path]);
    output(words.chain(assignments.iter().map(OsStr::new)))
}

fn text(app: &App) -> String {
    fs::read_to_string(app.path.join("unilith.toml")).expect("the file")
}

#[test]
fn set_changes_what_it_is_told_to_and_nothing_else() {
    let app = App::new("cli-set", TOML, &[], "pub fn main() {}\n");
    let before = text(&app);
    let done = set(&app, &["CONFIG_HEAP_TLSF=y", "HEAP_CHUNK=128", "DEBUG=n"]);
    assert_eq!(done.status.code(), Some(0), "{}", errors(&done));
    assert!(done.stdout.is_empty() && done.stderr.is_empty());
    let want = before
        .replace("DEBUG   = true    # always", "DEBUG   = false    # always")
        .replace("HEAP_TLSF = false\n", "HEAP_TLSF = true\nHEAP_CHUNK = 128\n");
    assert_eq!(text(&app), want);
    let path = app.path.to_str().expect("text");
    assert_eq!(stdout(["config", "get", path, "HEAP_CHUNK"]), "128\n");
}

#[test]
fn set_makes_the_table_that_is_missing() {
    let app = App::new("cli-set-new", "", &[], "pub fn main() {}\n");
    let before = text(&app);
    assert_eq!(set(&app, &["DEBUG=y"]).status.code(), Some(0));
    assert_eq!(text(&app), format!("{before}\n[config]\nDEBUG = true\n"));
    let app = App::new("cli-set-inline", "config = { DEBUG = true }\n", &[], "pub fn main() {}\n");
    assert_eq!(set(&app, &["DEBUG=n"]).status.code(), Some(0));
    assert!(text(&app).ends_with("config = { DEBUG = false }\n"), "{}", text(&app));
}

#[test]
fn set_refuses_what_cannot_hold() {
    let app = App::new("cli-set-not", "[config]\nPRINT = true\n", &[], "pub fn main() {}\n");
    let before = text(&app);
    for (assignments, why) in [
        (&["HEAP_NONE=y", "HEAP_CHUNK=8"][..], "it depends on !HEAP_NONE; set HEAP_BUMP=y or"),
        (&["VFS=y"], "it is not for users to set"),
        (&["DEBUG=y", "NOTHING_LIKE_THIS=y"], "there is no symbol NOTHING_LIKE_THIS"),
        (&["DEBUG=maybe"], "DEBUG is y or n, not \"maybe\""),
        (&["DEBUG"], "give SYMBOL=VALUE"),
    ] {
        let refused = set(&app, assignments);
        assert_eq!(refused.status.code(), Some(2), "{assignments:?}");
        assert!(errors(&refused).contains(why), "{assignments:?}: {}", errors(&refused));
        assert_eq!(text(&app), before, "{assignments:?}");
    }
}

#[test]
fn set_leaves_one_member_of_a_choice() {
    let toml = "[config]\nCONFIG_HEAP_TLSF = true # the heap\nPRINT = true\n";
    let app = App::new("cli-set-choice", toml, &[], "pub fn main() {}\n");
    let done = set(&app, &["HEAP_BUMP=y"]);
    assert_eq!(done.status.code(), Some(0), "{}", errors(&done));
    // Of two, the later one in the alphabet would hold: HEAP_TLSF.
    assert!(text(&app).ends_with("[config]\nPRINT = true\nHEAP_BUMP = true\n"), "{}", text(&app));
}

#[test]
fn set_says_all_that_it_takes() {
    let app = App::new("cli-set-all", "", &[], "pub fn main() {}\n");
    let refused = set(&app, &["HEAP_NONE=y", "NET_INET=y"]);
    let all = errors(&refused);
    let Some((_, takes)) = all.trim_end().split_once("; all that it takes: ") else {
        panic!("{all}")
    };
    // It is true.
    let words: Vec<&str> = takes.split(' ').chain(["NET_INET=y"]).collect();
    assert!(words.len() > 2, "{takes}");
    assert_eq!(set(&app, &words).status.code(), Some(0), "{takes}");
    let path = app.path.to_str().expect("text");
    assert_eq!(stdout(["config", "get", path, "NET_INET"]), "y\n");
}

#[test]
fn unset_takes_out_what_set_put_in() {
    let app = App::new("cli-unset", "", &[], "pub fn main() {}\n");
    let path = app.path.to_str().expect("text");
    assert_eq!(set(&app, &["HEAP_TLSF=y", "HEAP_CHUNK=128"]).status.code(), Some(0));
    assert_eq!(stdout(["config", "unset", path, "CONFIG_HEAP_CHUNK"]), "");
    assert!(!text(&app).contains("HEAP_CHUNK") && text(&app).contains("HEAP_TLSF"));
    assert_eq!(stdout(["config", "get", path, "HEAP_CHUNK"]), "64\n");
    let again = output(["config", "unset", path, "HEAP_CHUNK"]);
    assert_eq!(again.status.code(), Some(2));
    let why = "[config] does not set HEAP_CHUNK; it sets HEAP_TLSF";
    assert!(errors(&again).contains(why), "{}", errors(&again));
}

#[test]
fn explain_says_why_and_what_would_help() {
    let text = stdout(["config", "explain", "apps/hello", "NET_INET"]);
    let (_, turn_on) = text.split_once("\nTo turn it on: ").expect("a remedy");
    let words = turn_on.split_whitespace().filter(|word| *word != "--set");
    let sets = words.flat_map(|word| ["--set", word]);
    let get = ["config", "get", "apps/hello", "NET_INET"].into_iter().chain(sets);
    assert_eq!(stdout(get), "y\n");
    let about = json(["config", "explain", "apps/hello", "PRINT", "--json"]);
    assert_eq!(about["value"], true);
    assert!(about["why"].as_str().expect("text").contains("set by the user"));
    assert!(about["turn_on"].is_null());
}

#[test]
fn diff_shows_what_differs() {
    let text = stdout(["config", "diff", "apps/hello", "--set", "HEAP_TLSF=y"]);
    assert!(text.lines().any(|line| line.starts_with("HEAP_TLSF ") && line.ends_with("n -> y")));
    assert_eq!(stdout(["config", "diff", "apps/hello", "apps/hello"]), "");
    let both = json(["config", "diff", "apps/hello", "apps/redis", "--json"]);
    assert_eq!(both["NET_INET"], serde_json::json!([true, false]));
    // A file says the same as the application that it was written for.
    let whole = stdout(["config", "show", "apps/redis"]);
    let file = std::env::temp_dir().join(format!("cli-diff-{}.config", std::process::id()));
    fs::write(&file, whole).expect("a file");
    let path = file.to_str().expect("text");
    let difference = stdout(["config", "diff", "apps/redis", path]);
    fs::remove_file(&file).expect("the file");
    assert_eq!(difference, "");
}

#[test]
fn the_fewest_assignments_make_the_same_configuration() {
    let least = stdout(["config", "save-min", "apps/redis"]);
    let whole = stdout(["config", "show", "apps/redis"]);
    assert!(least.lines().count() < whole.lines().count() / 2);
    let file = std::env::temp_dir().join(format!("cli-min-{}.config", std::process::id()));
    fs::write(&file, least).expect("a file");
    let difference = stdout(["config", "diff", "apps/redis", file.to_str().expect("text")]);
    fs::remove_file(&file).expect("the file");
    assert_eq!(difference, "");
}

#[test]
fn profiles_are_listed_and_every_one_holds() {
    let all = json(["config", "profiles", "--json"]);
    let all = all.as_object().expect("an object");
    for name in ["minimal", "default", "server", "debug", "size", "speed"] {
        assert!(!all[name].as_str().expect(name).is_empty());
    }
    for (name, _) in all {
        let toml = format!("profile = \"{name}\"\n");
        let app = App::new(&format!("cli-profile-{name}"), &toml, &[], "pub fn main() {}\n");
        let path = app.path.to_str().expect("text");
        assert!(stdout(["config", "validate", path]).contains("everything holds"), "{name}");
    }
    let defaults = json(["config", "defaults", "--json"]);
    assert_eq!(defaults["PLATFORM"], "qemu");
}
