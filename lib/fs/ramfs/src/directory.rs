//! The entries of a directory.

use crate::inode::Number;
use alloc::boxed::Box;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// A directory: names in the order in which they came, and where each leads.
///
/// Two sorted vectors rather than trees: they are a tenth of the code, entries mostly come at the
/// end of the first, and moving the second costs little for directories of any likely size.
pub struct Directory {
    /// The directory that this one is in; `None` once it has been removed.
    pub parent: Option<Number>,
    /// By ascending cookie.
    entries: Vec<Entry>,
    /// Cookies of the entries, by ascending name.
    by_name: Vec<u64>,
    next: u64,
}

struct Entry {
    cookie: u64,
    name: Box<[u8]>,
    number: Number,
}

impl Directory {
    /// An empty one in `parent`.
    pub fn new(parent: Number) -> Self {
        Self { parent: Some(parent), entries: Vec::new(), by_name: Vec::new(), next: 0 }
    }

    /// Where the entry with this cookie is, or the next one.
    fn position(&self, cookie: u64) -> usize {
        self.entries.partition_point(|entry| entry.cookie < cookie)
    }

    /// Where `name` is in `by_name`, or belongs.
    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name.binary_search_by(|&cookie| {
            let entry = self.entries.get(self.position(cookie));
            entry.map_or(&[][..], |entry| &*entry.name).cmp(name)
        })
    }

    /// Where the entry of `name` is.
    fn find(&self, name: &[u8]) -> Option<usize> {
        self.search(name).ok().map(|index| self.position(self.by_name[index]))
    }

    /// Where `name` leads.
    pub fn get(&self, name: &[u8]) -> Option<Number> {
        self.find(name).map(|index| self.entries[index].number)
    }

    /// Whether it has no names.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes the memory that [`insert`](Self::insert) needs for `name`.
    pub fn room_for(&mut self, name: &[u8]) -> Result<Box<[u8]>, TryReserveError> {
        self.by_name.try_reserve(1)?;
        self.entries.try_reserve(1)?;
        let mut copy = Vec::new();
        copy.try_reserve_exact(name.len())?;
        copy.extend_from_slice(name);
        Ok(copy.into_boxed_slice())
    }

    /// Adds a name that is not there yet, or makes it lead elsewhere.
    pub fn insert(&mut self, name: Box<[u8]>, number: Number) {
        match self.search(&name) {
            Ok(index) => {
                let index = self.position(self.by_name[index]);
                self.entries[index].number = number;
            }
            Err(index) => {
                self.by_name.insert(index, self.next);
                self.entries.push(Entry { cookie: self.next, name, number });
                self.next += 1;
            }
        }
    }

    /// Removes a name; where it led.
    pub fn remove(&mut self, name: &[u8]) -> Option<Number> {
        let index = self.search(name).ok()?;
        let cookie = self.by_name.remove(index);
        Some(self.entries.remove(self.position(cookie)).number)
    }

    /// The first entry from `cookie` on: the cookie after it, its name, where it leads.
    pub fn from(&self, cookie: u64) -> Option<(u64, &[u8], Number)> {
        let entry = self.entries.get(self.position(cookie))?;
        Some((entry.cookie + 1, &entry.name, entry.number))
    }
}
