//! Errors that show the place.

use std::fmt;

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A Kconfig or configuration file that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where; `None` if it is not about one place.
    pub location: Option<Location>,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line of the file.
    pub text: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl Error {
    /// One that is not about one place.
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self { location: None, column: 0, text: String::new(), message: message.into() }
    }

    /// One at an offset of a file's text.
    pub(crate) fn at(file: &str, text: &str, at: usize, message: impl Into<String>) -> Self {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
        let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
        Self {
            location: Some(Location {
                file: file.to_owned(),
                line: text[..start].matches('\n').count() + 1,
            }),
            column: text[start..at].chars().count() + 1,
            text: text[start..end].trim_end().to_owned(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            None => f.write_str(&self.message),
            Some(at) => {
                let text = self.text.replace('\t', " ");
                // Lines are not shown beyond what a terminal can.
                let column = self.column.max(1);
                writeln!(f, "{}:{}:{column}: {}", at.file, at.line, self.message)?;
                let (from, shown) = excerpt(&text, column);
                write!(f, "    {shown}\n    {:>width$}", "^", width = column - from)
            }
        }
    }
}

impl std::error::Error for Error {}

/// The part of a long line around a column, and how many characters before it are left out.
fn excerpt(text: &str, column: usize) -> (usize, String) {
    const WIDTH: usize = 160;
    let from = if column > WIDTH { column - WIDTH / 2 } else { 0 };
    (from, text.chars().skip(from).take(WIDTH).collect())
}
