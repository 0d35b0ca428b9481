//! What a user says: assignments to symbols.

use crate::dotconfig::unquote as unquoted;
use crate::error::{Error, Location};
use crate::model::Tree;
use crate::number;
use crate::state::State;
use crate::symbol::Kind;
use std::fmt;

/// A symbol's name as it is defined: files of configurations write `CONFIG_` before it.
pub fn bare(name: &str) -> &str {
    name.strip_prefix("CONFIG_").unwrap_or(name)
}

/// Assignments, in the order in which they were made; the last to a symbol counts.
#[derive(Clone, Debug, Default)]
pub struct Config {
    assignments: Vec<(String, String)>,
}

/// An assignment that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignError(String);

impl fmt::Display for AssignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AssignError {}

impl Config {
    /// Nothing said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a `.config` file or a fragment of one; `name` names it in errors.
    ///
    /// # Errors
    /// A line that is neither an assignment nor a comment.
    pub fn parse(text: &str, name: &str) -> Result<Self, Error> {
        let mut config = Self::new();
        for (i, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            let off =
                trimmed.strip_prefix("# CONFIG_").and_then(|rest| rest.strip_suffix(" is not set"));
            if let Some(symbol) = off {
                config.set(symbol, "n");
            } else if trimmed.is_empty() || trimmed.starts_with('#') {
            } else if let Some((symbol, value)) =
                trimmed.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('='))
            {
                config.set(symbol, &unquote(value));
            } else {
                return Err(Error {
                    location: Some(Location { file: name.to_owned(), line: i + 1 }),
                    column: 1,
                    text: line.to_owned(),
                    message: "expected CONFIG_SYMBOL=value or a comment".to_owned(),
                });
            }
        }
        Ok(config)
    }

    /// Sets a symbol, whatever it is.
    pub fn set(&mut self, symbol: &str, value: &str) {
        self.assignments.retain(|(known, _)| known != symbol);
        self.assignments.push((symbol.to_owned(), value.to_owned()));
    }

    /// Forgets what was said of a symbol.
    pub fn unset(&mut self, symbol: &str) {
        self.assignments.retain(|(known, _)| known != symbol);
    }

    /// Adds another's assignments, which count more.
    pub fn merge(&mut self, other: &Self) {
        other.assignments.iter().for_each(|(symbol, value)| self.set(symbol, value));
    }

    /// What was said of a symbol.
    pub fn get(&self, symbol: &str) -> Option<&str> {
        self.assignments.iter().find(|(known, _)| known == symbol).map(|(_, value)| value.as_str())
    }

    /// All assignments, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.assignments.iter().map(|(symbol, value)| (symbol.as_str(), value.as_str()))
    }
}

impl State<'_> {
    /// What the user said, whether it holds or not.
    pub fn config(&self) -> Config {
        let said = |id| {
            let name = self.tree.get(id).name.to_string();
            Some((name, self.user_value(id)?.to_owned()))
        };
        Config { assignments: self.tree.defined().filter_map(said).collect() }
    }
}

/// The text inside of quotation marks; other text as it is.
fn unquote(value: &str) -> String {
    value.strip_prefix('"').and_then(unquoted).unwrap_or_else(|| value.to_owned())
}

impl Tree {
    /// Makes one assignment, `SYMBOL=VALUE` with or without CONFIG_, as strictly as a command
    /// line deserves. The members of a choice displace each other.
    ///
    /// # Errors
    /// An unknown symbol, or a value that is not of its type.
    pub fn assign(&self, config: &mut Config, assignment: &str) -> Result<(), AssignError> {
        let fail = |message: String| Err(AssignError(message));
        let Some((name, value)) = assignment.split_once('=') else {
            return fail(format!("{assignment}: give SYMBOL=VALUE"));
        };
        let name = bare(name);
        let Some(id) = self.find(name) else {
            let nearest = self.nearest(name);
            let hint = nearest.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
            return fail(format!("there is no symbol {name}{hint}"));
        };
        let symbol = &self.symbols[id];
        let value = match (symbol.kind, value) {
            (Kind::Tristate, "m") => "m",
            (Kind::Bool | Kind::Tristate, "y" | "true" | "m") => "y",
            (Kind::Bool | Kind::Tristate, "n" | "false") => "n",
            (Kind::Bool | Kind::Tristate, _) => {
                return fail(format!("{name} is y or n, not {value:?}; for example {name}=y"));
            }
            (Kind::Int, text) if !number::is_int(text) => {
                return fail(format!("{name} is a number, not {value:?}; for example {name}=42"));
            }
            (Kind::Hex, text) if !number::is_hex(text) => {
                return fail(format!(
                    "{name} is a hexadecimal number, not {value:?}; for example {name}=0x2a"
                ));
            }
            (_, text) => text,
        };
        if value == "y"
            && let Some(choice) = symbol.member_of
        {
            for &member in &self.symbols[choice].members {
                config.unset(&self.symbols[member].name);
            }
        }
        config.set(name, value);
        Ok(())
    }

    /// The known symbol that looks most like `name`, if any does.
    fn nearest(&self, name: &str) -> Option<&str> {
        nearest(&name.to_uppercase(), self.symbols().map(|s| &*s.name))
    }
}

/// The one of `known` that looks most like `name`, if any does.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.into_iter().map(|word| (distance(name, word), word)).min()?;
    (best.0 <= name.chars().count() / 3 + 1).then_some(best.1)
}

/// The edit distance of two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}
