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
    let toml = "[config]\nHEAP_TLSF = true # the heap\nPRINT = true\n";
    let app = App::new("cli-set-choice", toml, &[], "pub fn main() {}\n");
    let done = set(&app, &["HEAP_BUMP=y"]);
    assert_eq!(done.status.code(), Some(0), "{}", errors(&done));
    // Of two, the later one in the alphabet would hold: HEAP_TLSF.
    assert!(text(&app).ends_with("[config]\nPRINT = true\nHEAP_BUMP = true\n"), "{}", text(&app));
}
