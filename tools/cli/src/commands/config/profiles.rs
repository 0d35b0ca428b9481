//! Profiles: configurations to start from.

use crate::error::{Error, Result};
use crate::output::{print, print_json};
use crate::project;
use serde_json::{Map, Value, json};

/// What the comment at its start says of a profile.
fn about(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("# "));
    // A symbol that is off looks like a comment.
    let lines = lines.take_while(|line| !line.starts_with("CONFIG_"));
    lines.collect::<Vec<_>>().join(" ")
}

pub fn profiles(as_json: bool) -> Result {
    let directory = project::root()?.join("profiles");
    let failed = |e: std::io::Error| Error::failed(format!("{}: {e}", directory.display()));
    let mut found = Map::new();
    for entry in std::fs::read_dir(&directory).map_err(failed)?.flatten() {
        let path = entry.path();
        let Some(name) = path.file_stem().map(|name| name.to_string_lossy().into_owned()) else {
            continue;
        };
        if path.extension().is_some_and(|end| end == "config") {
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            found.insert(name, json!(about(&text)));
        }
    }
    if as_json {
        return print_json(&Value::Object(found));
    }
    let line = |(name, about): (&String, &Value)| {
        format!("{name:<10} {}\n", about.as_str().unwrap_or_default())
    };
    print(found.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn the_first_comment_is_what_it_is_about() {
        assert_eq!(about("# One\n# two.\n# CONFIG_X is not set\n"), "One two.");
        assert_eq!(about("CONFIG_X=y\n# late\n"), "");
    }
}
