//! The Kconfig language: parser, solver, writers.
//!
//! A [`Tree`] is what Kconfig files say; a [`State`] is what a user says, and what follows from
//! both. [`Config`] and [`Solution`] are the two sides of a state for those who only want to solve
//! once. Nothing here panics on any input: files and assignments come from people.
//!
//! The language is that of Linux's `Documentation/kbuild/kconfig-language.rst` and
//! `kconfig-macro-language.rst`, and values are those that its `conf` computes, with the relative
//! and optional variants of `source` and the patterns in file names that others have added.
#![forbid(unsafe_code)]

mod blocks;
mod check;
mod commands;
mod config;
mod dotconfig;
mod error;
mod eval;
mod explain;
mod expr;
mod files;
mod finalize;
mod form;
mod glob;
mod graph;
mod hash;
mod lexer;
mod macros;
mod menu;
mod model;
mod number;
mod options;
mod parser;
mod remedy;
mod shell;
mod simplify;
mod solve;
mod state;
mod symbol;
#[cfg(test)]
mod tests;
mod tristate;
mod user;
mod view;
mod words;
mod write;

pub use commands::{Fill, Probability, Random};
pub use config::{AssignError, Config, bare, nearest};
pub use error::{Error, Location};
pub use explain::NotHeld;
pub use files::replace;
pub use macros::Message;
pub use menu::MenuId;
pub use model::{Options, Tree};
pub use remedy::{RemedySearch, Step};
pub use solve::Solution;
pub use state::State;
pub use symbol::{Kind, Symbol, SymbolId};
pub use tristate::Tristate;
pub use view::{EntryKind, MenuEntry};
