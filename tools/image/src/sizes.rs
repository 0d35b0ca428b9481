//! Bytes of an image file, by library and by symbol. Every byte is counted once: rows add up.

use crate::catalog::Catalog;
use crate::symbols::{self, Symbol, UNATTRIBUTED};
use crate::{Error, pack};
use object::{Object, ObjectSymbol};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The symbol of the bytes that no symbol names: constants without a name, headers, padding.
pub const NAMELESS: &str = "(no symbol)";

/// A symbol, with the bytes that it alone has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub symbol: String,
    /// Whom it belongs to.
    pub library: String,
    /// Bytes of the file.
    pub bytes: u64,
}

/// An image file in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of the file.
    pub total: u64,
    /// Its symbols, largest first; they add up to `total`.
    pub symbols: Vec<Row>,
}

impl Sizes {
    /// Of a file of `total` bytes with `symbols` in the order of their addresses.
    pub fn new(symbols: &[Symbol], total: u64) -> Self {
        let mut rows: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let (mut counted, mut named) = (0, 0);
        for symbol in symbols.iter().filter(|s| s.in_file) {
            // Where symbols overlap, bytes belong to the first.
            let end = symbol.address.saturating_add(symbol.size);
            let bytes = end.saturating_sub(symbol.address.max(counted));
            counted = counted.max(end);
            named += bytes;
            // Copies of a generic function may have one name.
            *rows.entry((&symbol.owner, &symbol.name)).or_default() += bytes;
        }
        *rows.entry((UNATTRIBUTED, NAMELESS)).or_default() += total.saturating_sub(named);
        let row = |((library, symbol), bytes): ((&str, &str), u64)| Row {
            symbol: symbol.to_owned(),
            library: library.to_owned(),
            bytes,
        };
        Self::of_rows(total, rows.into_iter().map(row).collect())
    }

    /// Of an image that was built; `path` is the image or its twin with symbols.
    ///
    /// # Errors
    /// It cannot be read. `None` if it is no image of Unilith.
    pub fn of_image(catalog: &Catalog, path: &Path) -> Result<Option<Self>, Error> {
        // Beside an image stands its twin: image, image.debug.
        let twin = PathBuf::from(format!("{}.debug", path.display()));
        let path = if twin.is_file() { &twin } else { path };
        let bytes = std::fs::read(path).map_err(|e| Error::file(path, e))?;
        let Ok(file) = object::File::parse(&*bytes) else { return Ok(None) };
        if !file.symbols().any(|symbol| symbol.name() == Ok("__unilith_main")) {
            return Ok(None);
        }
        let total = match packed(path).map(|packed| packed.metadata()) {
            Some(Ok(metadata)) => metadata.len(),
            // What a machine starts by a note is loaded in one piece, all others by pages.
            _ => {
                let paged = file.section_by_name(".note.unilith").is_none();
                pack::pack(&bytes, paged).map_err(|e| Error::file(path, e))?.len() as u64
            }
        };
        Ok(Some(Self::new(&symbols::symbols(catalog, path)?, total)))
    }

    /// Of rows that were counted before.
    pub fn of_rows(total: u64, mut symbols: Vec<Row>) -> Self {
        symbols.retain(|row| row.bytes > 0);
        symbols.sort_by(|a, b| {
            let name = |row: &Row| (row.library.clone(), row.symbol.clone());
            b.bytes.cmp(&a.bytes).then_with(|| name(a).cmp(&name(b)))
        });
        Self { total, symbols }
    }

    /// Bytes by library, largest first; they add up to `total`.
    pub fn libraries(&self) -> Vec<(String, u64)> {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &self.symbols {
            *sums.entry(&row.library).or_default() += row.bytes;
        }
        let mut rows: Vec<(String, u64)> =
            sums.into_iter().map(|(library, bytes)| (library.to_owned(), bytes)).collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        rows
    }
}

/// The image of which `path` would be the twin with symbols.
fn packed(path: &Path) -> Option<PathBuf> {
    path.extension().is_some_and(|end| end == "debug").then(|| path.with_extension(""))
}

/// What differs between two images, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// A library.
    pub library: String,
    /// A symbol of it, if symbols are compared.
    pub symbol: Option<String>,
    /// In the other image.
    pub before: u64,
    /// In this one.
    pub after: u64,
}

impl Change {
    /// How much larger it is in this image.
    pub fn difference(&self) -> i64 {
        self.after as i64 - self.before as i64
    }
}

/// What makes `after` larger or smaller than `before`, by library or by symbol: the largest
/// differences first, none that are nothing.
pub fn compare(before: &Sizes, after: &Sizes, by_symbol: bool) -> Vec<Change> {
    let mut both: BTreeMap<(&str, Option<&str>), (u64, u64)> = BTreeMap::new();
    for (sizes, is_after) in [(before, false), (after, true)] {
        for row in &sizes.symbols {
            let key = (row.library.as_str(), by_symbol.then_some(row.symbol.as_str()));
            let (before, after) = both.entry(key).or_default();
            *if is_after { after } else { before } += row.bytes;
        }
    }
    let mut changes: Vec<Change> = both
        .into_iter()
        .filter(|(_, (before, after))| before != after)
        .map(|((library, symbol), (before, after))| Change {
            library: library.to_owned(),
            symbol: symbol.map(str::to_owned),
            before,
            after,
        })
        .collect();
    // Stable: equal differences stay in the order of their names.
    changes.sort_by_key(|change| std::cmp::Reverse(change.difference().unsigned_abs()));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(address: u64, size: u64, owner: &str) -> Symbol {
        Symbol {
            address,
            size,
            name: format!("{owner}{address}"),
            owner: owner.to_owned(),
            in_file: true,
            function: true,
        }
    }

    fn row(library: &str, symbol: &str, bytes: u64) -> Row {
        Row { library: library.to_owned(), symbol: symbol.to_owned(), bytes }
    }

    #[test]
    fn rows_add_up_although_symbols_overlap() {
        let symbols = [symbol(10, 4, "a"), symbol(10, 8, "b"), symbol(12, 2, "a")];
        let sizes = Sizes::new(&symbols, 20);
        let want = [(UNATTRIBUTED, 12), ("a", 4), ("b", 4)];
        assert_eq!(sizes.libraries(), want.map(|(owner, bytes)| (owner.to_owned(), bytes)));
        let want = [row(UNATTRIBUTED, NAMELESS, 12), row("a", "a10", 4), row("b", "b10", 4)];
        assert_eq!(sizes.symbols, want);
    }

    #[test]
    fn only_a_twin_has_an_image_beside_it() {
        assert_eq!(packed(Path::new("a/b.c.debug")), Some(PathBuf::from("a/b.c")));
        assert_eq!(packed(Path::new("a/b.img")), None);
        assert_eq!(packed(Path::new("a/b")), None);
    }

    #[test]
    fn differences_are_sorted_by_magnitude() {
        let before =
            Sizes::of_rows(20, vec![row("a", "f", 5), row("a", "g", 5), row("b", "h", 10)]);
        let after = Sizes::of_rows(18, vec![row("a", "f", 9), row("a", "g", 1), row("c", "i", 8)]);
        let change = |library: &str, symbol: Option<&str>, before, after| Change {
            library: library.to_owned(),
            symbol: symbol.map(str::to_owned),
            before,
            after,
        };
        assert_eq!(
            compare(&before, &after, false),
            [change("b", None, 10, 0), change("c", None, 0, 8)]
        );
        assert_eq!(
            compare(&before, &after, true),
            [
                change("b", Some("h"), 10, 0),
                change("c", Some("i"), 0, 8),
                change("a", Some("f"), 5, 9),
                change("a", Some("g"), 5, 1)
            ]
        );
        assert_eq!(compare(&after, &after, true), []);
    }
}
