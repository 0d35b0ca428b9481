//! Calls between object files: relocations against symbols that another directory defines.

use super::{Counter, Graph, linux};
use crate::Error;
use object::elf::{R_AARCH64_CALL26, R_AARCH64_JUMP26, R_X86_64_PC32, R_X86_64_PLT32};
use object::{
    Architecture, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
    SectionFlags, SectionKind, SymbolKind,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Who defines a function: directories, those of weak definitions apart.
#[derive(Default)]
struct Definers {
    strong: Vec<usize>,
    weak: Vec<usize>,
}

/// What a file wants: symbol, and how often it is called and named.
type Wants = HashMap<String, (u64, u64)>;

/// The graph of `files`, each in one of `trees`.
pub fn graph(
    subject: String,
    trees: &[String],
    files: &[(usize, PathBuf)],
) -> Result<Graph, Error> {
    let mut definers: HashMap<String, Definers> = HashMap::new();
    let mut wants: Vec<(usize, Wants)> = Vec::new();
    let mut skipped = 0;
    for (tree, path) in files {
        match read(path, *tree, &mut definers)? {
            Some(wanted) => wants.push((*tree, wanted)),
            None => skipped += 1,
        }
    }

    let mut counter = Counter::default();
    let ids: Vec<u32> = trees.iter().map(|tree| counter.id(tree)).collect();
    let (mut ambiguous, mut missing) = (0, 0);
    for (from, wanted) in wants {
        counter.node(ids[from]);
        for (name, (calls, references)) in wanted {
            let Some(found) = definers.get(&name) else {
                missing += calls;
                continue;
            };
            let list = if found.strong.is_empty() { &found.weak } else { &found.strong };
            if list.contains(&from) {
                continue;
            }
            let [to] = list[..] else {
                ambiguous += calls;
                continue;
            };
            if calls > 0 {
                counter.calls(ids[from], ids[to], calls);
            }
            (0..references).for_each(|_| counter.reference(ids[from], ids[to]));
        }
    }
    let method = "object files: relocations against functions of other directories";
    let mut graph = counter.finish(subject, method, "directories");
    let mut note = |count: u64, what: &str| {
        if count > 0 {
            graph.notes.push(format!("{count} {what}"));
        }
    };
    note(ambiguous, "calls of functions that several directories define were left out");
    note(missing, "calls of functions that no object file defines were left out");
    note(skipped, "files named .o that are no ELF objects were left out");
    Ok(graph)
}

/// Reads one file: what it defines goes to `definers`. `None` if it is no object file.
fn read(
    path: &Path,
    tree: usize,
    definers: &mut HashMap<String, Definers>,
) -> Result<Option<Wants>, Error> {
    let broken = |error: object::Error| {
        Error::file(path, format!("a damaged object file ({error}); delete it and build again"))
    };
    let bytes = std::fs::read(path).map_err(|e| Error::file(path, e))?;
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    let file = object::File::parse(&*bytes).map_err(broken)?;
    let architecture = file.architecture();
    if !matches!(architecture, Architecture::X86_64 | Architecture::Aarch64) {
        return Err(Error::file(
            path,
            format!(
                "made for {architecture:?}; calls are known of x86-64 and aarch64 objects, else give the sources: --from source"
            ),
        ));
    }
    // Linked out of others, which are in the tree too.
    if file.symbols().filter(|symbol| symbol.kind() == SymbolKind::File).count() > 1 {
        return Ok(Some(Wants::new()));
    }
    for symbol in file.symbols().filter(|s| s.is_definition() && s.is_global()) {
        let section = symbol.section_index().and_then(|i| file.section_by_index(i).ok());
        let code = section.is_some_and(|section| section.kind() == SectionKind::Text);
        if !code || symbol.kind() == SymbolKind::Section {
            continue;
        }
        let Ok(name) = symbol.name() else { continue };
        let found = definers.entry(name.to_owned()).or_default();
        let list = if symbol.is_weak() { &mut found.weak } else { &mut found.strong };
        if !list.contains(&tree) {
            list.push(tree);
        }
    }
    let mut wants = Wants::new();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        if sh_flags.0 & object::elf::SHF_ALLOC.0 == 0 {
            continue;
        }
        let code = section.kind() == SectionKind::Text;
        let data = section.data().map_err(broken)?;
        for (offset, relocation) in section.relocations() {
            let RelocationTarget::Symbol(index) = relocation.target() else { continue };
            let symbol = file.symbol_by_index(index).map_err(broken)?;
            if !symbol.is_undefined() {
                continue;
            }
            let name = symbol.name().map_err(broken)?;
            if name.is_empty() || linux::hidden(name) {
                continue;
            }
            let wanted = wants.entry(name.to_owned()).or_default();
            if code && is_call(relocation.flags(), architecture, data, offset) {
                wanted.0 += 1;
            } else {
                wanted.1 += 1;
            }
        }
    }
    Ok(Some(wants))
}

/// Whether a relocation is of a call or a jump.
fn is_call(flags: RelocationFlags, architecture: Architecture, data: &[u8], offset: u64) -> bool {
    let RelocationFlags::Elf { r_type } = flags else { return false };
    if architecture == Architecture::Aarch64 {
        return r_type == R_AARCH64_CALL26 || r_type == R_AARCH64_JUMP26;
    }
    // Before the operand: call, jmp, or the second byte of jcc.
    let before = |back: u64| offset.checked_sub(back).and_then(|at| data.get(at as usize)).copied();
    let branches = matches!(before(1), Some(0xe8 | 0xe9))
        || before(2) == Some(0x0f) && matches!(before(1), Some(0x80..=0x8f));
    branches && (r_type == R_X86_64_PLT32 || r_type == R_X86_64_PC32)
}
