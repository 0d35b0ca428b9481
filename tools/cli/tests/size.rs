//! `size`: bytes by library and by symbol, comparisons, the tree map.

mod common;

use common::{PLATFORMS, errors, json, output, stdout};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn rows<'a>(value: &'a Value, list: &str) -> &'a [Value] {
    value[list].as_array().expect("rows")
}

fn sum(rows: &[Value]) -> u64 {
    rows.iter().map(|row| row["bytes"].as_u64().expect("bytes")).sum()
}

/// The numbers that lines begin with.
fn numbers(text: &str) -> Vec<i64> {
    let number = |line: &str| line.split_whitespace().next().and_then(|n| n.parse().ok());
    text.lines().filter_map(number).collect()
}

#[test]
fn rows_add_up() {
    for platform in PLATFORMS {
        let built = json(["build", "apps/hello", "--json", "-p", platform]);
        let sized = json(["size", "apps/hello", "--json", "-p", platform]);
        let keys: Vec<&String> = sized.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["bytes", "image", "libraries", "symbols"]);
        assert_eq!(sized["bytes"], built["bytes"]);
        let (libraries, symbols) = (rows(&sized, "libraries"), rows(&sized, "symbols"));
        assert_eq!(sized["bytes"], sum(libraries));
        assert_eq!(sized["bytes"], sum(symbols));
        for library in libraries {
            let own = symbols.iter().filter(|row| row["library"] == library["library"]);
            assert_eq!(library["bytes"], sum(&own.cloned().collect::<Vec<_>>()), "{library}");
        }
        let plat = format!("plat/{platform}");
        let large = |row: &Value| row["library"] == plat && row["bytes"].as_u64() > Some(100);
        assert!(libraries.iter().any(large));

        for args in [&[][..], &["--top", "3"], &["--symbols"]] {
            let text = stdout(["size", "apps/hello", "-p", platform].iter().chain(args));
            let all = numbers(&text);
            let (total, parts) = all.split_last().expect("rows");
            assert_eq!(parts.iter().sum::<i64>(), *total, "{args:?}");
            assert_eq!(sized["bytes"], *total);
            // The last part of a list that was cut is the rest.
            let listed = if args.contains(&"--top") { &parts[..3] } else { parts };
            assert!(listed.is_sorted_by(|a, b| a >= b), "{text}");
            match args {
                [] => assert_eq!(parts.len(), libraries.len()),
                ["--symbols"] => assert_eq!(parts.len(), symbols.len()),
                _ => assert_eq!(parts.len(), 4, "{text}"),
            }
        }
    }
}

#[test]
fn images_are_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    let before = dir.path().join("before.json");
    fs::write(&before, stdout(["size", "apps/hello", "--json"])).expect("a file");
    let before = before.to_str().expect("text");
    let same = stdout(["size", "apps/hello", "--compare", before, "--top", "5"]);
    assert_eq!(same.lines().count(), 2, "nothing differs: {same}");

    // A heap, against none: by what was written, by the image, by its twin at another place.
    let built = json(["build", "apps/hello", "--json"]);
    let copy = dir.path().join("copy");
    fs::copy(built["debug_image"].as_str().expect("a path"), &copy).expect("a copy");
    let others = [
        before,
        built["image"].as_str().expect("a path"),
        built["debug_image"].as_str().expect("a path"),
        copy.to_str().expect("text"),
    ];
    let compare = |other: &str, args: &[&str]| {
        let command = ["size", "apps/hello", "--set", "PANIC_REPORT=y", "--compare", other];
        stdout(command.iter().chain(args))
    };
    for args in [&[][..], &["--top", "2"], &["--symbols"]] {
        let text = compare(before, args);
        let all = numbers(&text);
        let (total, parts) = all.split_last().expect("rows");
        assert!(*total > 0 && parts.iter().sum::<i64>() == *total, "{text}");
        assert!(!parts.contains(&0) || args.contains(&"--top"), "{text}");
        let listed = if args.contains(&"--top") { &parts[..2] } else { parts };
        assert!(listed.is_sorted_by_key(|n| -n.abs()), "{text}");
        for other in &others[1..] {
            assert_eq!(compare(other, args), text, "{other}");
        }
    }
    let value: Value = serde_json::from_str(&compare(before, &["--json"])).expect("JSON");
    for list in ["libraries", "symbols"] {
        let difference: i64 =
            rows(&value, list).iter().filter_map(|row| row["difference"].as_i64()).sum();
        let (this, other) = (value["bytes"].as_i64(), value["other_bytes"].as_i64());
        assert_eq!(Some(difference), this.zip(other).map(|(this, other)| this - other));
    }
    let panics = |row: &Value| row["library"] == "lib/core/panic" && row["before"] == 0;
    assert!(rows(&value, "libraries").iter().any(panics), "{value}");
    // An application is built with the same options.
    let apps = stdout(["size", "apps/hello", "-p", "linux", "--compare", "apps/hello"]);
    assert_eq!(apps.lines().count(), 2, "{apps}");
}

#[test]
fn what_cannot_be_compared_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, content, want) in [
        ("missing", None, "no such file"),
        ("text", Some("hello"), "a text file"),
        ("cut.json", Some("{\"bytes\": 1"), "give what `unilith size APP --json` writes"),
        ("other.json", Some("{\"bytes\": 1, \"symbols\": []}"), "do not add up"),
    ] {
        let path = dir.path().join(name);
        if let Some(content) = content {
            fs::write(&path, content).expect("a file");
        }
        let run = output([
            "size".as_ref(),
            "apps/hello".as_ref(),
            "--compare".as_ref(),
            path.as_os_str(),
        ]);
        assert_eq!(run.status.code(), Some(2), "{name}");
        assert!(errors(&run).contains(want), "{name}: {}", errors(&run));
    }
}

#[test]
fn a_tree_map_has_everything() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("map.svg");
    let args = ["size", "apps/hello", "--tree-map", file.to_str().expect("text")];
    assert_eq!(stdout(args), stdout(["size", "apps/hello"]));
    let svg = fs::read_to_string(&file).expect("the picture");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    let sized = json(["size", "apps/hello", "--json"]);
    let count = rows(&sized, "libraries").len() + rows(&sized, "symbols").len();
    assert_eq!(svg.matches("<title>").count(), count);
    assert!(svg.contains(">plat/qemu "), "a large library has its name: {svg}");

    let nowhere = output(["size", "apps/hello", "--tree-map", "/nowhere/map.svg"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(errors(&nowhere).contains("/nowhere/map.svg"));
    assert!(!Path::new("/nowhere").exists());
}
