//! `--help` teaches: what each command is for, its options, and examples.

mod common;

use common::stdout;

const COMMANDS: [&[&str]; 24] = [
    &[],
    &["build"],
    &["run"],
    &["new"],
    &["new", "app"],
    &["new", "lib"],
    &["libs"],
    &["config"],
    &["config", "show"],
    &["config", "get"],
    &["config", "set"],
    &["config", "unset"],
    &["config", "explain"],
    &["config", "diff"],
    &["config", "save-min"],
    &["config", "validate"],
    &["config", "profiles"],
    &["menu"],
    &["kconfig"],
    &["graph"],
    &["size"],
    &["doctor"],
    &["test"],
    &["bench"],
];

#[test]
fn every_command_explains_itself_with_an_example() {
    for command in COMMANDS {
        let text = stdout(command.iter().chain(&["--help"]));
        let example = ["  unilith", command.first().unwrap_or(&"run")].join(" ");
        let examples = text.split_once("Examples:\n").expect("examples").1;
        assert!(examples.contains(&example), "{text}");
        let name = ["help", &command.join("_")].join("_");
        insta::assert_snapshot!(name.trim_end_matches('_'), text);
    }
}

#[test]
fn short_help_and_version() {
    assert!(stdout(["-h"]).contains("Examples:"));
    assert_eq!(stdout(["--version"]), concat!("unilith ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn nothing_to_do_is_a_usage_error() {
    let output = common::output::<&str>([]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(common::errors(&output).contains("Usage: unilith <COMMAND>"));
}
