//! The Kconfig language: parser, solver, writers.
//!
//! A [`Tree`] is what Kconfig files say, a [`Config`] what a user says, a [`Solution`] what
//! follows from both. Nothing here panics on any input: files and assignments come from people.
//!
//! The language is that of Linux's `Documentation/kbuild/kconfig-language.rst` with MODULES off,
//! so tristate is read as bool.
#![forbid(unsafe_code)]

mod config;
mod error;
mod explain;
mod expr;
mod glob;
mod lexer;
mod model;
mod parser;
mod solve;
#[cfg(test)]
mod tests;
mod words;
mod write;

pub use config::{AssignError, Config, nearest};
pub use error::Error;
pub use explain::NotHeld;
pub use model::{Kind, Location, Symbol, Tree};
pub use solve::Solution;
