//! The graph of a linked image.

use super::debug::Debug;
use super::files::Crates;
use super::linked::{Item, Linked, sorted};
use super::{Counter, Graph};
use crate::Error;
use crate::build::Image;
use crate::catalog::Catalog;
use crate::symbols::{self, UNATTRIBUTED};
use object::{Architecture, Object};

/// Who calls whom in `image`.
///
/// # Errors
/// It cannot be read, or was not linked by the builder.
pub fn graph(catalog: &Catalog, image: &Image) -> Result<Graph, Error> {
    let path = &image.debug_image;
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let object = object::File::parse(&*bytes).map_err(|e| Error::file(path, e))?;
    if object.architecture() != Architecture::X86_64 {
        return Err(Error::file(
            path,
            "not for x86-64, whose instructions are read here; --written needs none",
        ));
    }
    let debug = Debug::read(&object).map_err(|e| Error::file(path, e))?;

    let mut counter = Counter::default();
    let (mut functions, mut objects) = (Vec::new(), Vec::new());
    for symbol in symbols::symbols(catalog, path)? {
        // An object that has no name of its own is nobody's use.
        if !symbol.function && symbol.owner == UNATTRIBUTED {
            continue;
        }
        let owner = counter.id(&symbol.owner);
        let item = Item { address: symbol.address, size: symbol.size, owner, hidden: false };
        if symbol.function { functions.push(item) } else { objects.push(item) }
    }
    let mut crates = Crates::new(catalog, &image.directory);
    let files = debug.files.iter().map(|file| Some(counter.id(&crates.owner(file)?))).collect();
    let (functions, objects) = (sorted(functions), sorted(objects));
    Linked { object: &object, debug: &debug, functions, objects, files }.count(&mut counter);

    let subject = image.directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let method = "linked image: its instructions, and the calls that were inlined";
    let mut graph = counter.finish(subject, method, "libraries");
    if debug.inlined.is_empty() {
        graph.notes.push("no inline records: calls that were inlined are missing".to_owned());
    }
    Ok(graph)
}
