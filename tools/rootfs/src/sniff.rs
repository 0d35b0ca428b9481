//! What a file is, by its content. The bytes are anybody's: nothing is trusted, nothing panics.

use crate::Error;
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
        machine: String,
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
    file.take(HEAD).read_to_end(&mut head).map_err(Error::io(path))?;
    Ok(kind(&head, metadata.len()))
}

fn kind(head: &[u8], size: u64) -> Kind {
    if head.is_empty() {
        Kind::Empty
    } else if head.starts_with(b"\x7fELF") {
        elf(head, size).unwrap_or_else(|why| Kind::ElfTruncated { why })
    } else if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|&b| b == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        Kind::Script { interpreter: line.split_whitespace().next().unwrap_or("").to_owned() }
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

fn bytes<const N: usize>(head: &[u8], at: u64) -> Option<[u8; N]> {
    let at = usize::try_from(at).ok()?;
    head.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// ELF header and program headers (System V ABI, chapters 4 and 5).
fn elf(head: &[u8], size: u64) -> Result<Kind, &'static str> {
    const HEADER: &str = "the file header is not complete";
    const TABLE: &str = "the program headers are not complete";
    const SEGMENT: &str = "a segment reaches beyond the end of the file";
    let half = |at| bytes(head, at).map(u16::from_le_bytes);
    let word = |at| bytes(head, at).map(u32::from_le_bytes);
    let long = |at| bytes(head, at).map(u64::from_le_bytes);
    let [class, data] = bytes(head, 4).ok_or(HEADER)?;
    let machine = half(18).ok_or(HEADER)?;
    let machine = if data == 2 { machine.swap_bytes() } else { machine };
    let name = match machine {
        3 => "32-bit x86",
        8 => "MIPS",
        20 | 21 => "PowerPC",
        22 => "S/390",
        40 => "32-bit ARM",
        62 if class == 1 => "x32",
        62 => "x86-64",
        183 => "AArch64",
        243 => "RISC-V",
        _ => "an unknown machine",
    };
    if machine != 62 || class != 2 || data != 1 {
        return Ok(Kind::ElfOther { machine: name.to_owned() });
    }
    match half(16).ok_or(HEADER)? {
        2 | 3 => {}
        1 => return Ok(Kind::ElfOther { machine: "linking, an object file".to_owned() }),
        4 => return Ok(Kind::ElfOther { machine: "debugging, a core dump".to_owned() }),
        _ => return Ok(Kind::ElfOther { machine: "an unknown purpose".to_owned() }),
    }
    let table = long(32).ok_or(HEADER)?;
    let (entry, count) = (half(54).ok_or(HEADER)?, half(56).ok_or(HEADER)?);
    let mut interpreter = None;
    let mut loads = 0;
    for i in 0..u64::from(count) {
        let at = table.checked_add(i * u64::from(entry)).ok_or(TABLE)?;
        let kind = word(at).ok_or(TABLE)?;
        let offset = long(at.checked_add(8).ok_or(TABLE)?).ok_or(TABLE)?;
        let length = long(at.checked_add(32).ok_or(TABLE)?).ok_or(TABLE)?;
        if kind != 1 && kind != 3 {
            continue;
        }
        let end = offset.checked_add(length).ok_or(SEGMENT)?;
        if end > size {
            return Err(SEGMENT);
        }
        loads += usize::from(kind == 1);
        if kind == 3 {
            let range = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
            let text = range.and_then(|(a, b)| head.get(a..b)).ok_or(SEGMENT)?;
            let text = text.split(|&b| b == 0).next().unwrap_or_default();
            interpreter = Some(String::from_utf8_lossy(text).into_owned());
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

    #[test]
    fn files_are_known_by_content() {
        assert_eq!(kind(b"", 0), Kind::Empty);
        assert_eq!(kind(b"hello\n", 6), Kind::Text);
        assert_eq!(kind(b"#! /bin/sh -e\n", 14), Kind::Script { interpreter: "/bin/sh".into() });
        assert_eq!(kind(b"0707010000", 10), Kind::Cpio);
        assert_eq!(kind(&[0, 1, 2], 3), Kind::Other);
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
        for size in (4..600).chain([4096, 8192]) {
            let head = &whole[..size.min(HEAD as usize)];
            assert!(matches!(kind(head, size as u64), Kind::ElfTruncated { .. }), "{size} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_elf_breaks_it(tail in proptest::collection::vec(any::<u8>(), 0..400), size in any::<u64>()) {
            kind(&[b"\x7fELF\x02\x01\x01\0", tail.as_slice()].concat(), size);
        }
    }
}
