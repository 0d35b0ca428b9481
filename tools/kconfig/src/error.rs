//! Errors that show the place.

use crate::Location;
use std::fmt;

/// A Kconfig or configuration file that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where; `None` if it is not about one place.
    pub location: Option<Location>,
    /// Column, from 1.
    pub column: usize,
    /// The line of the file.
    pub text: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            None => f.write_str(&self.message),
            Some(at) => {
                let text = self.text.replace('\t', " ");
                let column = self.column.max(1);
                writeln!(f, "{}:{}:{column}: {}", at.file, at.line, self.message)?;
                write!(f, "    {text}\n    {:>column$}", "^")
            }
        }
    }
}

impl std::error::Error for Error {}
