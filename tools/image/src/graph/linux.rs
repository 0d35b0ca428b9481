//! The same figure of Linux, by top-level directory: from a `vmlinux`, from a tree of object
//! files, or from a tree of sources.

use super::debug::Debug;
use super::files::{normal, top};
use super::linked::{Item, Linked, sorted};
use super::{Counter, Graph, objects, source};
use crate::Error;
use object::{Architecture, Object, ObjectKind, ObjectSection, ObjectSymbol, SectionKind};
use std::fs;
use std::path::{Path, PathBuf};

/// How the calls of a tree are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// In the sources.
    Source,
    /// In relocations of object files.
    Objects,
}

/// What compilers and the kernel's build put into every function: no call that anybody wrote.
pub(crate) fn hidden(name: &str) -> bool {
    const STARTS: [&str; 6] = [
        "__x86_return_thunk",
        "__x86_indirect_",
        "__fentry__",
        "__stack_chk_fail",
        "__sanitizer_",
        "__ubsan_",
    ];
    STARTS.iter().any(|start| name.starts_with(start))
}

/// Directories of a Linux tree that are no part of the kernel.
const OTHERS: [&str; 6] = ["Documentation", "rust", "samples", "scripts", "tools", "usr"];

/// Counts the calls in `path`: a vmlinux, or a tree. Where a tree has sources and objects, `method`
/// decides; else the objects.
///
/// # Errors
/// It cannot be read, or is not what it should be.
pub fn graph(path: &Path, method: Option<Method>) -> Result<Graph, Error> {
    let metadata = fs::metadata(path)
        .map_err(|e| Error::file(path, format!("{e}; give a vmlinux, or a tree of Linux")))?;
    if !metadata.is_dir() {
        if method.is_some() {
            return Err(Error::file(path, "no directory; --from is for trees"));
        }
        return vmlinux(path);
    }
    let subject = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let subject = subject.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let trees = trees(path)?;
    let files = |ends: &[&str]| -> Result<Vec<(usize, PathBuf)>, Error> {
        let mut files = Vec::new();
        for (index, name) in trees.iter().enumerate() {
            walk(&path.join(name), ends, &mut |file| {
                if !apart(path, &file) {
                    files.push((index, file));
                }
            })?;
        }
        Ok(files)
    };
    let mut found = Vec::new();
    if method != Some(Method::Source) {
        found = files(&["o"])?;
    }
    let graph = if !found.is_empty() {
        objects::graph(subject, &trees, &found)?
    } else if method == Some(Method::Objects) {
        return Err(Error::file(
            path,
            "no object files below its directories; build the kernel, or leave out --from objects",
        ));
    } else {
        found = files(&["c", "h", "S"])?;
        // Other processors' code is no part of a kernel for this one.
        found.retain(|(_, file)| {
            let inside = file.strip_prefix(path.join("arch"));
            inside.map_or(true, |inside| inside.starts_with("x86"))
        });
        if found.is_empty() {
            return Err(Error::file(
                path,
                "neither C sources nor object files below its directories; give the top of a tree of Linux",
            ));
        }
        source::graph(subject, &trees, &found)?
    };
    Ok(graph)
}

/// Whether a file is of a program beside the kernel, with a `memcpy` of its own: the boot loader,
/// the crash kernel's, what is mapped into processes.
fn apart(root: &Path, file: &Path) -> bool {
    const PROGRAMS: [&str; 4] = ["boot", "purgatory", "realmode", "vdso"];
    let inside = file.strip_prefix(root).unwrap_or(file);
    inside.starts_with("arch") && inside.iter().any(|name| PROGRAMS.iter().any(|p| name == *p))
        || inside.starts_with("drivers/firmware/efi/libstub")
}

/// The tree's top-level directories.
fn trees(path: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|e| Error::file(path, e))? {
        let entry = entry.map_err(|e| Error::file(path, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_dir && !name.starts_with('.') && !OTHERS.contains(&&*name) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Calls `each` with the files whose extension is one of `ends`. Symbolic links are not followed.
fn walk(directory: &Path, ends: &[&str], each: &mut dyn FnMut(PathBuf)) -> Result<(), Error> {
    let list = fs::read_dir(directory).map_err(|e| Error::file(directory, e))?;
    let mut entries = list.collect::<Result<Vec<_>, _>>().map_err(|e| Error::file(directory, e))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type());
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.as_ref().is_ok_and(fs::FileType::is_dir) {
            walk(&path, ends, each)?;
        } else if kind.is_ok_and(|kind| kind.is_file())
            && path.extension().is_some_and(|e| ends.iter().any(|end| e == *end))
        {
            each(path);
        }
    }
    Ok(())
}

/// From a linked kernel: as from an image, by the directories of the source files.
fn vmlinux(path: &Path) -> Result<Graph, Error> {
    let bytes = fs::read(path).map_err(|e| Error::file(path, e))?;
    let refuse = |why: &str| Err(Error::file(path, why));
    let object = match object::File::parse(&*bytes) {
        Ok(object) => object,
        Err(error) => {
            return refuse(&format!(
                "{error}; give a vmlinux (an ELF file, not a bzImage) or a tree"
            ));
        }
    };
    if object.architecture() != Architecture::X86_64 {
        return refuse("not for x86-64, whose instructions are read here; give its source tree");
    }
    if object.kind() == ObjectKind::Relocatable {
        return refuse(
            "an object file, which is not linked; give a vmlinux, or the directory of the tree",
        );
    }
    let debug = Debug::read(&object)
        .map_err(|e| Error::file(path, format!("{e}; link it again, or give its source tree")))?;
    if debug.units.is_empty() {
        return refuse(
            "no debugging information, and symbols alone do not tell directories; build it with \
             CONFIG_DEBUG_INFO_DWARF4=y, or give its tree",
        );
    }
    let paths: Vec<String> = debug.files.iter().map(|file| normal(file)).collect();
    let Some(root) = paths.iter().find_map(|file| file.strip_suffix("/init/main.c")) else {
        return refuse("no kernel of Linux: nothing in it is from init/main.c");
    };

    let mut counter = Counter::default();
    let files: Vec<Option<u32>> =
        paths.iter().map(|file| Some(counter.id(&top(root, file)?))).collect();
    let owner = |address: u64| {
        let file = debug.unit(address).or_else(|| Some(debug.place(address)?.0))?;
        *files.get(file as usize)?
    };
    let (mut functions, mut unknown) = (Vec::new(), 0);
    for symbol in object.symbols().filter(|symbol| symbol.size() > 0) {
        let section = symbol.section_index().and_then(|i| object.section_by_index(i).ok());
        if section.is_none_or(|section| section.kind() != SectionKind::Text) {
            continue;
        }
        let (address, size) = (symbol.address(), symbol.size());
        match owner(address) {
            Some(owner) => {
                let hidden = symbol.name().is_ok_and(hidden);
                functions.push(Item { address, size, owner, hidden });
            }
            None => unknown += 1,
        }
    }
    let functions = sorted(functions);
    let objects = Vec::new();
    Linked { object: &object, debug: &debug, functions, objects, files: files.clone() }
        .count(&mut counter);
    let subject = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let method = "linked kernel: its instructions, and the calls that were inlined";
    let mut graph = counter.finish(subject, method, "directories");
    if unknown > 0 {
        graph.notes.push(format!("{unknown} functions whose source is unknown were left out"));
    }
    Ok(graph)
}
