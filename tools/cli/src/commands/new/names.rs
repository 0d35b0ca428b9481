//! Names of applications, micro-libraries and their crates.

use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The longest name: images and files are named after it, with endings.
const LONGEST: usize = 48;

/// Words that cannot name a crate in Rust code, of the 2024 edition and reserved for later ones.
const KEYWORDS: [&str; 52] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "union",
];

/// Crates that come with the compiler.
const SYSTEM: [&str; 5] = ["alloc", "core", "proc-macro", "std", "test"];

/// Refuses what cannot name `what`: names are lower-case letters, digits and single hyphens.
pub fn check(what: &str, name: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::usage(format!("{what} {name:?}: {why}")));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() {
        return refuse("it is empty; give a name, such as my-server");
    }
    if !name.chars().all(plain) {
        return refuse(&format!(
            "lower-case letters, digits and hyphens only; such as {}",
            suggestion(name)
        ));
    }
    if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        return refuse(&format!(
            "a hyphen stands between two letters or digits; such as {}",
            suggestion(name)
        ));
    }
    if name.len() > LONGEST {
        return refuse(&format!("{} characters; give at most {LONGEST}", name.len()));
    }
    Ok(())
}

/// A name that is allowed and looks like `name`.
fn suggestion(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let joined: String = words.join("-").chars().take(LONGEST).collect();
    if joined.is_empty() { "my-server".to_owned() } else { joined }
}

/// Refuses what cannot be the name of a crate beside those of the project at `root`.
pub fn check_crate(root: &Path, package: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::usage(format!("crate name {package:?}: {why}")));
    if package.starts_with(|c: char| c.is_ascii_digit()) {
        return refuse("a crate's name starts with a letter; give another name");
    }
    if KEYWORDS.contains(&package) {
        return refuse("a word of the Rust language; give another name");
    }
    if SYSTEM.contains(&package) {
        return refuse("a crate that comes with the Rust compiler; give another name");
    }
    // Cargo takes a-b and a_b for the same name.
    let same = |other: &str| other.replace('_', "-") == package;
    if let Some((_, place)) = packages(root).into_iter().find(|(name, _)| same(name)) {
        let place = place.strip_prefix(root).unwrap_or(&place).display().to_string();
        return refuse(&format!("{place} has that name already; give another name"));
    }
    Ok(())
}

/// The packages of the project, and where they are.
fn packages(root: &Path) -> Vec<(String, PathBuf)> {
    // A crate is at most three directories deep: lib/net/tcp, tests/guests/idle.
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap_or_default();
        let manifest = manifest.parse::<toml_edit::DocumentMut>().unwrap_or_default();
        let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
        if let Some(name) = name {
            found.push((name.to_owned(), directory.clone()));
        } else if depth < 3 {
            let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
            let visible = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                !name.starts_with('.') && name != "target" && name != "build" && path.is_dir()
            };
            let inside = entries.map(|entry| entry.path()).filter(visible);
            open.extend(inside.map(|path| (path, depth + 1)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["a", "my-server", "x86", "9p", "a-1"] {
            check("name", good).expect("a good name");
        }
        for (bad, hint) in [
            ("", "my-server"),
            ("My_Server", "such as my-server"),
            ("../x", "such as x"),
            ("a b", "such as a-b"),
            ("ü", "such as my-server"),
            ("-a", "such as a"),
            ("a--b", "such as a-b"),
            (&"x".repeat(49), "49 characters"),
        ] {
            let error = check("name", bad).expect_err("a bad name");
            assert_eq!(error.status(), 2);
            assert!(error.to_string().contains(hint), "{error}");
        }
    }
}
