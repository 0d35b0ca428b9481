//! What a linked image tells: what is in it and whose that is, and the names behind addresses.

use crate::Error;
use crate::catalog::Catalog;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use std::collections::BTreeMap;
use std::path::Path;

/// A function or an object of the image.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// Its address.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// Its name, demangled.
    pub name: String,
    /// Whom it belongs to: a library's directory, or a crate's name.
    pub owner: String,
    /// Whether it takes room in the file (else only in memory).
    pub in_file: bool,
    /// Whether it is code.
    pub function: bool,
}

/// The owner of what belongs to no crate.
pub const UNATTRIBUTED: &str = "(constants and headers)";
/// The owner of the composition root.
pub const ROOT: &str = "(composition root)";

/// The symbols of a linked image that have a size.
///
/// # Errors
/// It cannot be read.
pub fn symbols(catalog: &Catalog, debug_image: &Path) -> Result<Vec<Symbol>, Error> {
    let bytes = std::fs::read(debug_image).map_err(|e| Error::file(debug_image, e))?;
    let file = object::File::parse(&*bytes).map_err(|e| Error::file(debug_image, e))?;
    let mut found: BTreeMap<(u64, u64), Symbol> = BTreeMap::new();
    // The image crate has the name of its directory.
    let root = debug_image.parent().and_then(Path::file_name).unwrap_or_default();
    let root = root.to_string_lossy().replace('-', "_");
    for symbol in file.symbols().filter(|s| s.size() > 0) {
        let Ok(mangled) = symbol.name() else { continue };
        let section = symbol.section_index().and_then(|i| file.section_by_index(i).ok());
        let kind = section.map(|s| s.kind());
        let in_file = kind.is_some_and(|kind| kind != SectionKind::UninitializedData);
        let function = kind == Some(SectionKind::Text);
        let name = format!("{:#}", rustc_demangle::demangle(mangled));
        let mut owner = owner(catalog, mangled, &name, function);
        if owner == root {
            owner = ROOT.to_owned();
        }
        let (address, size) = (symbol.address(), symbol.size());
        let symbol = Symbol { address, size, name, owner, in_file, function };
        // Aliases share their bytes.
        found.entry((symbol.address, symbol.size)).or_insert(symbol);
    }
    Ok(found.into_values().collect())
}

/// Whose symbol this is: the first crate that its path names.
fn owner(catalog: &Catalog, mangled: &str, name: &str, function: bool) -> String {
    let is_rust = mangled.starts_with("_R");
    if !is_rust {
        let by_name = catalog.libraries.values().find(|library| {
            let names = library.binding.iter().flat_map(|b| &b.names);
            names.into_iter().any(|start| name.starts_with(start.as_str()))
        });
        return match by_name {
            Some(library) => library.directory.clone(),
            None if name.starts_with("__unilith") => ROOT.to_owned(),
            // Arithmetic that processors lack, under the names that C compilers call: __udivti3.
            None if function => "compiler_builtins".to_owned(),
            None => UNATTRIBUTED.to_owned(),
        };
    }
    let words = name.split(|c: char| !c.is_alphanumeric() && c != '_');
    // `<T as Trait>::method` belongs to T's crate; primitive types to `core`.
    let first =
        words.filter(|word| !word.is_empty()).find(|word| name.contains(&format!("{word}::")));
    let Some(first) = first else { return UNATTRIBUTED.to_owned() };
    let library = catalog.libraries.values().find(|library| library.crate_name() == first);
    library.map_or_else(|| first.to_owned(), |library| library.directory.clone())
}

/// The frames of a crash, by name: innermost first, inlined functions included. `addresses` are
/// an instruction's own, then return addresses.
///
/// # Errors
/// The debugging information cannot be read.
pub fn symbolise(root: &Path, debug_image: &Path, addresses: &[u64]) -> Result<Vec<String>, Error> {
    let loader = addr2line::Loader::new(debug_image).map_err(|e| Error::file(debug_image, e))?;
    let mut lines = Vec::new();
    for (i, &address) in addresses.iter().enumerate() {
        // A return address is behind its call, perhaps in the next function already.
        let probe = if i == 0 { address } else { address.saturating_sub(1) };
        // Line tables alone do not name a function that was not inlined; the symbol does.
        let symbol = || {
            let name = loader.find_symbol(probe)?;
            Some(format!("{:#}", rustc_demangle::demangle(name)))
        };
        let mut any = false;
        if let Ok(mut frames) = loader.find_frames(probe) {
            while let Ok(Some(frame)) = frames.next() {
                let name = frame.function.as_ref().and_then(|f| f.demangle().ok());
                let name = name.map(|n| n.into_owned()).or_else(symbol);
                let place = frame.location.as_ref().and_then(|location| {
                    let file = Path::new(location.file?);
                    let file = file.strip_prefix(root).unwrap_or(file).display().to_string();
                    Some(format!(" at {file}:{}", location.line.unwrap_or(0)))
                });
                lines.push(format!(
                    "{address:#018x} {}{}",
                    name.as_deref().unwrap_or("?"),
                    place.unwrap_or_default()
                ));
                any = true;
            }
        }
        if !any {
            lines.push(format!("{address:#018x} {}", symbol().as_deref().unwrap_or("?")));
        }
    }
    Ok(lines)
}
