//! What a dynamic program or library asks its linker for (System V ABI, chapter 5).

use crate::{Error, InputLog};
use object::elf::{self, FileHeader64};
use object::endian::LittleEndian as LE;
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use object::read::{ReadCache, ReadRef};
use std::fs::File;
use std::path::Path;

/// The entries of a dynamic section that decide which files are loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dynamic {
    /// Libraries, by name (DT_NEEDED).
    pub needed: Vec<String>,
    /// Directories for its own libraries and those of its libraries (DT_RPATH), `:` between them.
    pub rpath: Option<String>,
    /// Directories for its own libraries (DT_RUNPATH).
    pub runpath: Option<String>,
    /// Neither the linker's cache nor its directories (DF_1_NODEFLIB).
    pub no_default: bool,
    /// The linker (PT_INTERP).
    pub interpreter: Option<String>,
}

/// Reads `path`; `None` if it is nothing that this machine's dynamic linkers would load.
pub(crate) fn read(path: &Path, log: &mut InputLog) -> Result<Option<Dynamic>, Error> {
    if !log.metadata(path).is_some_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let file = File::open(path).map_err(Error::io(path))?;
    Ok(parse(&ReadCache::new(file)))
}

/// Bytes of a name or of a list of directories that are read.
const TEXT_MAX: u64 = 64 * 1024;

fn parse<'d, R: ReadRef<'d>>(file: R) -> Option<Dynamic> {
    let header = FileHeader64::<LE>::parse(file).ok()?;
    let kind = header.e_type(LE);
    if !header.is_little_endian()
        || header.e_machine(LE) != elf::EM_X86_64
        || (kind != elf::ET_DYN && kind != elf::ET_EXEC)
    {
        return None;
    }
    let mut result = Dynamic::default();
    let segments = header.program_headers(LE, file).ok()?;
    for segment in segments {
        if let Some(path) = segment.interpreter(LE, file).ok()? {
            result.interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
    }
    let dynamic = segments.iter().find_map(|segment| segment.dynamic(LE, file).ok()?);
    let Some(dynamic) = dynamic else { return Some(result) };
    // An address is where a segment puts a part of the file.
    let offset = |address: u64| {
        segments.iter().filter(|segment| segment.p_type(LE) == elf::PT_LOAD).find_map(|segment| {
            let inside = address.checked_sub(segment.p_vaddr(LE))?;
            (inside < segment.p_filesz(LE)).then(|| segment.p_offset(LE).checked_add(inside))?
        })
    };
    let dynamic = || dynamic.iter().take_while(|entry| entry.tag(LE) != elf::DT_NULL);
    let table = dynamic().find(|entry| entry.tag(LE) == elf::DT_STRTAB)?;
    let strings = offset(table.val(LE))?;
    let text = |at: u64| {
        let start = strings.checked_add(at)?;
        let end = start.checked_add(TEXT_MAX)?.min(file.len().ok()?);
        let bytes = file.read_bytes_at_until(start..end, 0).ok()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    };
    for entry in dynamic() {
        let value = entry.val(LE);
        match entry.tag(LE) {
            elf::DT_NEEDED => result.needed.push(text(value)?),
            elf::DT_RPATH => result.rpath = Some(text(value)?),
            elf::DT_RUNPATH => result.runpath = Some(text(value)?),
            elf::DT_FLAGS_1 => result.no_default = value & elf::DF_1_NODEFLIB.0 != 0,
            _ => {}
        }
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn this_test_needs_a_c_library() {
        let own = std::env::current_exe().expect("this test");
        let found = read(&own, &mut InputLog::default()).expect("readable").expect("dynamic");
        assert!(found.needed.iter().any(|name| name == "libc.so.6"), "{found:?}");
        assert!(found.interpreter.is_some_and(|path| path.contains("ld-linux")));
    }

    #[test]
    fn another_file_is_nothing_to_load() {
        assert_eq!(parse(&b"#!/bin/sh\n"[..]), None);
        let own = std::fs::read(std::env::current_exe().expect("this test")).expect("readable");
        let mut other = own[..4096].to_vec();
        other[18] = 183; // AArch64
        assert_eq!(parse(&other[..]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(at in 0usize..4096, byte in any::<u8>(), cut in 0usize..20_000) {
            let own = std::env::current_exe().expect("this test");
            let mut head = std::fs::read(own).expect("readable");
            head.truncate(20_000);
            head[at] = byte;
            head.truncate(cut);
            let _ = parse(&head[..]);
        }
    }
}
