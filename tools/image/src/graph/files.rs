//! Whose a source file is.

use crate::catalog::Catalog;
use crate::symbols::ROOT;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Files of an image: libraries of the project by directory, all others by crate.
pub struct Crates<'a> {
    catalog: &'a Catalog,
    /// The image crate.
    image: &'a Path,
    packages: HashMap<PathBuf, Option<String>>,
}

impl<'a> Crates<'a> {
    /// `image` is the image crate's directory.
    pub fn new(catalog: &'a Catalog, image: &'a Path) -> Self {
        Self { catalog, image, packages: HashMap::new() }
    }

    /// The owner of a file.
    pub fn owner(&mut self, path: &str) -> Option<String> {
        let path = Path::new(path);
        if path.starts_with(self.image) {
            return Some(ROOT.to_owned());
        }
        if let Ok(inside) = path.strip_prefix(&self.catalog.root) {
            let libraries = self.catalog.libraries.values();
            let found = libraries.filter(|library| inside.starts_with(&library.directory));
            if let Some(library) = found.max_by_key(|library| library.directory.len()) {
                return Some(library.directory.clone());
            }
        }
        // A package of this machine says its name; the standard library's sources need not be here.
        let parents = path.ancestors().skip(1);
        parents.into_iter().find_map(|dir| self.package(dir)).or_else(|| by_path(path))
    }

    fn package(&mut self, directory: &Path) -> Option<String> {
        if let Some(known) = self.packages.get(directory) {
            return known.clone();
        }
        let text = std::fs::read_to_string(directory.join("Cargo.toml")).ok();
        let manifest = text.and_then(|text| text.parse::<toml::Table>().ok());
        let name = manifest.and_then(|manifest| {
            Some(manifest.get("package")?.get("name")?.as_str()?.replace('-', "_"))
        });
        self.packages.insert(directory.to_owned(), name.clone());
        name
    }
}

/// The crate that a path looks like: `.../core/src/...`, `.../smoltcp-0.13.0/src/...`.
fn by_path(path: &Path) -> Option<String> {
    let names: Vec<&str> = path.iter().filter_map(|name| name.to_str()).collect();
    let src = names.iter().rposition(|name| *name == "src")?;
    let name = names.get(src.checked_sub(1)?)?;
    let bare = match name.rsplit_once('-') {
        Some((bare, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => bare,
        _ => name,
    };
    // Parts of `core` that have directories of their own.
    let owner = if bare == "core_arch" || bare == "core_simd" { "core" } else { bare };
    Some(owner.replace('-', "_"))
}

/// A path without `.` and `..`.
pub fn normal(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// The first directory below `root` on the way to the file `path`, both [`normal`].
pub fn top(root: &str, path: &str) -> Option<String> {
    let inside = path.strip_prefix(root)?.strip_prefix('/')?;
    Some(inside.split_once('/')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_by_path() {
        let owner = |path: &str| by_path(Path::new(path));
        assert_eq!(owner("/rustc/59807/library/core/src/fmt/mod.rs").as_deref(), Some("core"));
        assert_eq!(
            owner("/rustc/59807/library/stdarch/crates/core_arch/src/x86/sse2.rs").as_deref(),
            Some("core")
        );
        assert_eq!(owner("/r/src/index-1/my-net-0.13.0/src/a.rs").as_deref(), Some("my_net"));
        assert_eq!(owner("/nowhere/a.rs"), None);
    }

    #[test]
    fn top_directories() {
        assert_eq!(top("/linux", "/linux/mm/slub.c").as_deref(), Some("mm"));
        assert_eq!(
            top("/linux", &normal("/linux/arch/x86/.././../kernel/a.c")).as_deref(),
            Some("kernel")
        );
        assert_eq!(top("/linux", "/linux2/mm/slub.c"), None);
        assert_eq!(top("/linux", "/linux/a.c"), None);
    }
}
