//! The entries of a directory.

use crate::inode::Number;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// A directory: names in the order in which they came, and where each leads.
pub struct Directory {
    /// The directory that this one is in; `None` once it has been removed.
    pub parent: Option<Number>,
    by_name: BTreeMap<Box<[u8]>, u64>,
    by_cookie: BTreeMap<u64, (Box<[u8]>, Number)>,
    next: u64,
}

impl Directory {
    pub fn new(parent: Number) -> Self {
        let (by_name, by_cookie) = (BTreeMap::new(), BTreeMap::new());
        Self { parent: Some(parent), by_name, by_cookie, next: 0 }
    }

    pub fn get(&self, name: &[u8]) -> Option<Number> {
        self.by_cookie.get(self.by_name.get(name)?).map(|&(_, number)| number)
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Adds a name that is not there yet, or makes it lead elsewhere.
    pub fn insert(&mut self, name: &[u8], number: Number) {
        if let Some(entry) =
            self.by_name.get(name).and_then(|cookie| self.by_cookie.get_mut(cookie))
        {
            entry.1 = number;
            return;
        }
        self.by_name.insert(name.into(), self.next);
        self.by_cookie.insert(self.next, (name.into(), number));
        self.next += 1;
    }

    pub fn remove(&mut self, name: &[u8]) -> Option<Number> {
        let cookie = self.by_name.remove(name)?;
        self.by_cookie.remove(&cookie).map(|(_, number)| number)
    }

    /// The first entry from `cookie` on: the cookie after it, its name, where it leads.
    pub fn from(&self, cookie: u64) -> Option<(u64, &[u8], Number)> {
        let (&cookie, (name, number)) = self.by_cookie.range(cookie..).next()?;
        Some((cookie + 1, name, *number))
    }
}
