//! The tree that a list of paths describes.

use alloc::vec::Vec;
use unilith_procfs_api::{Content, Entry};

/// The name of the link to the process that asks, and of the files about it in the list.
pub const SELF: &str = "self";

/// A list of paths.
pub struct Tree {
    lists: &'static [&'static [Entry]],
    pub device: u64,
    pub magic: u64,
}

/// A node: what it is and where.
#[derive(Clone, Copy)]
pub enum Place {
    /// The directory of what begins with this path and a `/`; empty for the root.
    Directory(&'static str),
    /// An entry, by its position in the list.
    Entry(usize, &'static Entry),
    /// A numbered link in an entry.
    Number(usize, &'static Entry, u32),
}

/// A name in a directory.
pub struct Child {
    pub name: Vec<u8>,
    pub place: Place,
    /// Where listing goes on after it.
    pub next: u64,
}

/// What is left of `path` below the directory `prefix`.
fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    match prefix {
        "" => Some(path),
        _ => path.strip_prefix(prefix)?.strip_prefix('/'),
    }
}

impl Tree {
    pub fn new(lists: &'static [&'static [Entry]], magic: u64) -> Self {
        Self { lists, device: unilith_fs_api::anonymous_device(), magic }
    }

    fn entries(&self) -> impl Iterator<Item = (usize, &'static Entry)> + use<> {
        self.lists.iter().flat_map(|list| list.iter()).enumerate()
    }

    /// The target of the link `self`, if somebody knows which process asks.
    fn process(&self) -> Option<Vec<u8>> {
        let link = self.entries().find(|(_, entry)| entry.path == SELF)?.1;
        match link.content {
            Content::Link(target) => target().ok(),
            _ => None,
        }
    }

    /// What `name` in the directory `prefix` is.
    pub fn child(&self, prefix: &'static str, name: &[u8]) -> Option<Place> {
        if prefix.is_empty() && self.process().is_some_and(|process| process == name) {
            return Some(Place::Directory(SELF));
        }
        let name = core::str::from_utf8(name).ok()?;
        let mut directory = None;
        for (index, entry) in self.entries() {
            let Some(rest) = below(prefix, entry.path) else { continue };
            if rest == name {
                return Some(Place::Entry(index, entry));
            }
            if directory.is_none() && below(name, rest).is_some() {
                let end = entry.path.len() - rest.len() + name.len();
                directory = entry.path.get(..end).map(Place::Directory);
            }
        }
        directory
    }

    /// The names in the directory `prefix`, from `cookie` on.
    pub fn children(&self, prefix: &'static str, cookie: u64) -> Vec<Child> {
        let mut names: Vec<&'static str> = Vec::new();
        for (_, entry) in self.entries() {
            let name = below(prefix, entry.path).and_then(|rest| rest.split('/').next());
            if let Some(name) = name.filter(|name| !names.contains(name)) {
                names.push(name);
            }
        }
        let process = self.process().filter(|_| prefix.is_empty());
        let names = names.into_iter().map(|name| name.as_bytes().to_vec()).chain(process);
        let first = usize::try_from(cookie).unwrap_or(usize::MAX);
        names
            .zip(1..)
            .skip(first)
            .filter_map(|(name, next)| {
                let place = self.child(prefix, &name)?;
                Some(Child { name, place, next })
            })
            .collect()
    }

    /// A number for a node: entries have that of their position, directories the one after that
    /// of the first entry below them at their depth.
    pub fn inode(&self, place: Place) -> u64 {
        match place {
            Place::Directory("") => 1,
            Place::Directory(path) => {
                let first = self.entries().find(|(_, entry)| below(path, entry.path).is_some());
                let depth = path.split('/').count() as u64;
                first.map_or(0, |(index, _)| depth << 32 | (index as u64 + 2))
            }
            Place::Entry(index, _) => index as u64 + 2,
            Place::Number(index, _, number) => 1 << 62 | (index as u64) << 32 | u64::from(number),
        }
    }
}
