//! Files that are all made, or none of them.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What has been made so far; unless it is [kept](Made::keep) it is taken away again.
#[derive(Default)]
pub struct Made {
    /// In the order in which they came to be.
    paths: Vec<PathBuf>,
    kept: bool,
}

impl Made {
    /// Makes a file that is not there yet, and the directories that it needs.
    pub fn file(&mut self, path: &Path, text: &str) -> Result<()> {
        let failed = |error| Error::failed(format!("{}: {error}", path.display()));
        let parents: Vec<&Path> = path.ancestors().skip(1).collect();
        for parent in parents.into_iter().rev().filter(|parent| !parent.as_os_str().is_empty()) {
            if !parent.is_dir() {
                fs::create_dir(parent)
                    .map_err(|error| Error::failed(format!("{}: {error}", parent.display())))?;
                self.paths.push(parent.to_owned());
            }
        }
        let mut file = File::create_new(path).map_err(failed)?;
        self.paths.push(path.to_owned());
        file.write_all(text.as_bytes()).map_err(failed)
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().map(PathBuf::as_path).filter(|path| !path.is_dir())
    }

    /// All is well: it stays.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // What somebody else has put there meanwhile stays, and so does its directory.
        for path in self.paths.iter().rev() {
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
    }
}

/// A template with values in place of its `@NAMES@`.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let put =
        |text: String, (name, value): &(&str, &str)| text.replace(&format!("@{name}@"), value);
    values.iter().fold(template.to_owned(), put)
}

/// A text as TOML writes it.
pub fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// `path` as a person in the current directory would type it.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    let inside = path.strip_prefix(&here).ok().filter(|inside| !inside.as_os_str().is_empty());
    inside.unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_skeleton_is_taken_away() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("theirs"), "").expect("a file");
        let mut made = Made::default();
        made.file(&dir.path().join("new/src/lib.rs"), "text").expect("it can be made");
        made.file(&dir.path().join("new/Cargo.toml"), "text").expect("it can be made");
        assert!(made.file(&dir.path().join("new/Cargo.toml"), "text").is_err(), "it is there");
        assert!(made.file(&dir.path().join("theirs/lib.rs"), "text").is_err(), "a file");
        drop(made);
        let left: Vec<_> = fs::read_dir(dir.path()).expect("it").flatten().collect();
        assert_eq!(left.len(), 1, "only what was there before: {left:?}");

        let mut made = Made::default();
        made.file(&dir.path().join("new/file"), "text").expect("it can be made");
        assert_eq!(made.files().collect::<Vec<_>>(), [dir.path().join("new/file")]);
        made.keep();
        drop(made);
        assert_eq!(fs::read_to_string(dir.path().join("new/file")).expect("it"), "text");
    }

    #[test]
    fn values_are_put_into_templates() {
        assert_eq!(fill("@A@-@B@-@A@ @", &[("A", "x"), ("B", "y")]), "x-y-x @");
        assert_eq!(quoted("plain"), "\"plain\"");
        let value = format!("x = {}", quoted("a\"b\\c\u{1}\u{e9}"));
        let table: toml_edit::DocumentMut = value.parse().expect("TOML");
        assert_eq!(table["x"].as_str(), Some("a\"b\\c\u{1}\u{e9}"));
    }
}
