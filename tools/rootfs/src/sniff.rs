//! What a file is, by its content. The bytes are anybody's: nothing is trusted, nothing panics.

use crate::Error;
use object::elf::{self, FileHeader64};
use object::endian::LittleEndian;
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::read::{ReadCache, ReadRef};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A program for x86-64 Linux.
    ElfX86_64 {
        /// The interpreter that a dynamic program names.
        interpreter: Option<String>,
    },
    /// An ELF file for another machine or of another sort.
    ElfOther {
        /// Which.
        what: String,
    },
    /// An ELF file that ends before its headers say.
    ElfTruncated {
        /// What is missing.
        why: &'static str,
    },
    /// A script with `#!`.
    Script {
        /// What runs it.
        interpreter: String,
        /// What it is given before the script: the rest of the line.
        argument: Option<String>,
    },
    /// A cpio archive (newc).
    Cpio,
    /// A tar archive.
    Tar,
    /// Something compressed by gzip.
    Gzip,
    /// Text.
    Text,
    /// No bytes.
    Empty,
    /// Anything else.
    Other,
}

/// Bytes of the beginning that are looked at.
const HEAD: u64 = 64 * 1024;

/// Finds out what `path` is.
///
/// # Errors
/// It cannot be read.
pub fn sniff(path: &Path) -> Result<Kind, Error> {
    let metadata = path.metadata().map_err(Error::io(path))?;
    if metadata.is_dir() {
        return Ok(Kind::Directory);
    }
    if !metadata.is_file() {
        return Ok(Kind::Other);
    }
    let mut head = Vec::new();
    let file = File::open(path).map_err(Error::io(path))?;
    (&file).take(HEAD).read_to_end(&mut head).map_err(Error::io(path))?;
    Ok(kind(&head, &ReadCache::new(file)))
}

/// What a file is that begins with `head`; of a program, more than that is read.
fn kind<'d>(head: &[u8], file: impl ReadRef<'d>) -> Kind {
    if head.is_empty() {
        Kind::Empty
    } else if head.starts_with(&elf::ELFMAG) {
        elf(file).unwrap_or_else(|why| Kind::ElfTruncated { why })
    } else if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|&b| b == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        let (interpreter, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let argument = Some(rest.trim()).filter(|rest| !rest.is_empty()).map(str::to_owned);
        Kind::Script { interpreter: interpreter.to_owned(), argument }
    } else if head.starts_with(b"070701") || head.starts_with(b"070702") {
        Kind::Cpio
    } else if head.starts_with(&[0x1f, 0x8b]) {
        Kind::Gzip
    } else if head.get(257..262) == Some(b"ustar") {
        Kind::Tar
    } else if !head.contains(&0) {
        Kind::Text
    } else {
        Kind::Other
    }
}

/// ELF header and program headers (System V ABI, chapters 4 and 5).
fn elf<'d, R: ReadRef<'d>>(file: R) -> Result<Kind, &'static str> {
    const HEADER: &str = "the file header is not complete";
    const TABLE: &str = "the program headers are not complete";
    const SEGMENT: &str = "a segment reaches beyond the end of the file";
    let other = |what: &str| Ok(Kind::ElfOther { what: what.to_owned() });
    // What comes before the entry point is the same in both classes.
    let start = file.read_bytes_at(0, 20).map_err(|()| HEADER)?;
    let (wide, big) = (start[4] == elf::ELFCLASS64.0, start[5] == elf::ELFDATA2MSB.0);
    let half = |at: usize| {
        let bytes = [start[at], start[at + 1]];
        if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    };
    let (kind, machine) = (elf::FileType(half(16)), elf::Machine(half(18)));
    if machine != elf::EM_X86_64 || !wide || big {
        return other(match machine {
            elf::EM_386 => "a program for 32-bit x86",
            elf::EM_X86_64 => "a program for x32",
            elf::EM_AARCH64 => "a program for AArch64",
            elf::EM_ARM => "a program for 32-bit ARM",
            elf::EM_RISCV => "a program for RISC-V",
            elf::EM_PPC | elf::EM_PPC64 => "a program for PowerPC",
            elf::EM_S390 => "a program for S/390",
            elf::EM_MIPS => "a program for MIPS",
            _ => "a program for an unknown machine",
        });
    }
    match kind {
        elf::ET_EXEC | elf::ET_DYN => {}
        elf::ET_REL => return other("an object file, to be linked first"),
        elf::ET_CORE => return other("a core dump"),
        _ => return other("an ELF file of an unknown type"),
    }
    let header = FileHeader64::<LittleEndian>::parse(file).map_err(|_| HEADER)?;
    let size = file.len().map_err(|()| HEADER)?;
    let mut interpreter = None;
    let mut loads = 0;
    for segment in header.program_headers(LittleEndian, file).map_err(|_| TABLE)? {
        let kind = segment.p_type(LittleEndian);
        if kind != elf::PT_LOAD && kind != elf::PT_INTERP {
            continue;
        }
        let (offset, length) = segment.file_range(LittleEndian);
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(SEGMENT);
        }
        loads += usize::from(kind == elf::PT_LOAD);
        if let Some(path) = segment.interpreter(LittleEndian, file).map_err(|_| SEGMENT)? {
            interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
    }
    if loads == 0 {
        return Err("it has nothing to load");
    }
    Ok(Kind::ElfX86_64 { interpreter })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(bytes: &[u8]) -> Kind {
        kind(bytes, bytes)
    }

    #[test]
    fn files_are_known_by_content() {
        assert_eq!(of(b""), Kind::Empty);
        assert_eq!(of(b"hello\n"), Kind::Text);
        let script = |argument: Option<&str>| Kind::Script {
            interpreter: "/bin/sh".into(),
            argument: argument.map(str::to_owned),
        };
        assert_eq!(of(b"#! /bin/sh -e -u \nx"), script(Some("-e -u")));
        assert_eq!(of(b"#!/bin/sh"), script(None));
        assert_eq!(of(b"0707010000"), Kind::Cpio);
        assert_eq!(of(&[0, 1, 2]), Kind::Other);
        let own = std::env::current_exe().expect("this test");
        let Kind::ElfX86_64 { interpreter } = sniff(&own).expect("readable") else {
            panic!("this test is a program");
        };
        assert!(interpreter.expect("dynamic").contains("ld-linux"));
    }

    #[test]
    fn a_cut_program_is_told_from_a_whole_one() {
        let own = std::env::current_exe().expect("this test");
        let whole = std::fs::read(own).expect("this test");
        for size in (4..600).chain([4096, 8192, 100_000]) {
            assert!(matches!(of(&whole[..size]), Kind::ElfTruncated { .. }), "{size} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_elf_breaks_it(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
            of(&[b"\x7fELF\x02\x01\x01\0", tail.as_slice()].concat());
        }
    }
}
