//! Images: what is in them ([`catalog`], [`app`], [`compose`]), how they are built ([`build`],
//! [`cargo`]), what their file looks like ([`pack`]), and what can be read from a built one
//! ([`symbols`]): how large its parts are ([`sizes`], [`treemap`]) and who calls whom ([`graph`]).
//! And the programs that are compiled to run in them ([`program`]).

pub mod app;
pub mod build;
pub mod cargo;
pub mod catalog;
pub mod compose;
pub mod graph;
pub mod pack;
pub mod program;
pub mod sizes;
pub mod symbols;
mod toolchain;
pub mod treemap;

use std::path::{Path, PathBuf};

/// Why an image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the project or of an application cannot be used.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A file cannot be read or written, and that is nobody's mistake.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The configuration language or a value in it.
    #[error("{0}")]
    Config(String),
    /// The compiler's or linker's words.
    #[error("building {image} failed\n{output}")]
    Build {
        /// The image's name.
        image: String,
        /// What cargo said.
        output: String,
    },
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }

    /// An error about `path`.
    pub fn file(path: &Path, why: impl ToString) -> Self {
        Self::File { path: path.to_owned(), why: why.to_string() }
    }
}

/// Reads a text file, or says which file could not be read.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::file(path, error))
}
