//! Files that tell about the system: what a library that knows something says to /proc.
//!
//! A library lists its files in a constant and adds it to the image's list in its `Cargo.toml`:
//! `collect = { procfs = "unilith_x::PROCFS" }`. Which of them there are is so a matter of what is
//! in the image, and the file system (`unilith-procfs`) depends on none of them. Without it the
//! constants are dead code.
//!
//! Paths are relative to /proc. What begins with `self/` is about the process that asks.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use unilith_fs_api::{NodeRef, Result};

/// A file.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its path, without a `/` at the start.
    pub path: &'static str,
    /// What is in it.
    pub content: Content,
}

/// What is in a file.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// A text, made when reading starts.
    Text(fn() -> Vec<u8>),
    /// A text, and what is done with one that is written.
    Setting(fn() -> Vec<u8>, fn(&[u8]) -> Result<()>),
    /// The target of a symbolic link; an error if there is none now.
    Link(fn() -> Result<Vec<u8>>),
    /// A directory of symbolic links whose names are numbers.
    Links(Links),
}

/// A directory of symbolic links whose names are numbers.
#[derive(Clone, Copy, Debug)]
pub struct Links {
    /// The numbers that there are, in ascending order.
    pub numbers: fn() -> Vec<u32>,
    /// What a link says; `NotFound` if there is none.
    pub target: fn(u32) -> Result<Vec<u8>>,
    /// Where a link leads; `None` if that is where its target says.
    pub node: fn(u32) -> Option<NodeRef>,
}

impl Entry {
    /// A file that can be read.
    pub const fn text(path: &'static str, content: fn() -> Vec<u8>) -> Self {
        Self { path, content: Content::Text(content) }
    }

    /// A file that can be read and written.
    pub const fn setting(
        path: &'static str,
        get: fn() -> Vec<u8>,
        set: fn(&[u8]) -> Result<()>,
    ) -> Self {
        Self { path, content: Content::Setting(get, set) }
    }

    /// A symbolic link.
    pub const fn link(path: &'static str, target: fn() -> Result<Vec<u8>>) -> Self {
        Self { path, content: Content::Link(target) }
    }

    /// A directory of symbolic links.
    pub const fn links(path: &'static str, links: Links) -> Self {
        Self { path, content: Content::Links(links) }
    }
}

/// The bytes of a formatted text.
#[macro_export]
macro_rules! text {
    ($($argument:tt)*) => {
        $crate::formatted(::core::format_args!($($argument)*))
    };
}

/// See [`text!`]. (The library's own `format!` needs unwinding, which images do not have.)
pub fn formatted(text: fmt::Arguments<'_>) -> Vec<u8> {
    let mut into = String::new();
    let _ = into.write_fmt(text); // writing to memory does not fail
    into.into_bytes()
}

/// Adds a line as meminfo has them: a name, and a size in KiB.
pub fn add_size(text: &mut String, name: &str, kib: usize) {
    const COLUMN: usize = 15;
    let width = COLUMN.saturating_sub(name.len()) + 8;
    let _ = writeln!(text, "{name}:{kib:>width$} kB");
}
