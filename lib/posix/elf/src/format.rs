//! The ELF file format, as far as starting a program needs it (System V gABI, chapters 4 and 5).

use crate::{Error, PAGE};
use alloc::vec::Vec;
use unilith_posix_abi::Scalar;
use unilith_posix_api::Prot;

/// Bytes in the header of the file (Elf64_Ehdr).
const HEADER: usize = 64;
/// Bytes in a program header (Elf64_Phdr).
pub const PROGRAM_HEADER: usize = 56;
/// More program headers than any program has; the table must fit into memory.
const MOST_HEADERS: usize = 128;
/// Longest path of an interpreter, its NUL included (PATH_MAX).
const PATH_MAX: usize = 4096;

const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PF_X: u32 = 1;
const PF_W: u32 = 2;
const PF_R: u32 = 4;

/// e_machine of this architecture: EM_X86_64 or EM_AARCH64.
#[cfg(target_arch = "x86_64")]
pub const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
pub const MACHINE: u16 = 183;
/// The name of this architecture, as uname(2) tells it.
#[cfg(target_arch = "x86_64")]
pub const MACHINE_NAME: &str = "x86_64";
#[cfg(target_arch = "aarch64")]
pub const MACHINE_NAME: &str = "aarch64";

/// Whether a program has addresses of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its addresses are fixed (ET_EXEC).
    Fixed,
    /// It can be anywhere (ET_DYN).
    Relocatable,
}

/// A part of the file that goes into memory (PT_LOAD).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Where, from the base of the program on.
    pub address: usize,
    /// Where its contents begin in the file.
    pub offset: usize,
    /// Its contents; the rest of it is zero.
    pub contents: &'a [u8],
    /// Bytes in memory, at least those of the contents.
    pub size: usize,
    /// What may be done with it.
    pub prot: Prot,
}

impl Segment<'_> {
    /// Its first page.
    pub fn start(&self) -> usize {
        self.address & !(PAGE - 1)
    }

    /// The page after its last; that there is one has been checked.
    pub fn end(&self) -> usize {
        (self.address + self.size).next_multiple_of(PAGE)
    }
}

/// An ELF program that has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf<'a> {
    /// Whether it can be anywhere.
    pub kind: Kind,
    /// Where it begins to run.
    pub entry: usize,
    /// Where its program headers are in memory; 0 if they are not.
    pub headers: usize,
    /// How many program headers there are.
    pub header_count: usize,
    /// What goes into memory, by ascending address; at least one.
    pub segments: Vec<Segment<'a>>,
    /// The largest alignment that a segment asks for, at least a page.
    pub align: usize,
    /// The path of its interpreter.
    pub interpreter: Option<&'a [u8]>,
}

fn field<T: Scalar>(bytes: &[u8], offset: usize) -> T {
    T::get(bytes.get(offset..).unwrap_or_default())
}

fn slice(file: &[u8], offset: usize, len: usize) -> Result<&[u8], Error> {
    let end = offset.checked_add(len).ok_or(Error::Truncated)?;
    file.get(offset..end).ok_or(Error::Truncated)
}

impl<'a> Elf<'a> {
    /// Reads and checks `file`.
    pub fn parse(file: &'a [u8]) -> Result<Self, Error> {
        if !file.starts_with(b"\x7fELF") {
            return Err(Error::NotElf);
        }
        let header = slice(file, 0, HEADER)?;
        // ELFCLASS64, ELFDATA2LSB, EV_CURRENT
        if header[4..7] != [2, 1, 1] || field::<u16>(header, 18) != MACHINE {
            return Err(Error::Machine);
        }
        let kind = match field::<u16>(header, 16) {
            ET_EXEC => Kind::Fixed,
            ET_DYN => Kind::Relocatable,
            _ => return Err(Error::NotExecutable),
        };
        let entry = field::<usize>(header, 24);
        let table = field::<usize>(header, 32);
        let count = usize::from(field::<u16>(header, 56));
        if count > 0 && usize::from(field::<u16>(header, 54)) != PROGRAM_HEADER {
            return Err(Error::Broken("size of a program header"));
        }
        if count > MOST_HEADERS {
            return Err(Error::Broken("number of program headers"));
        }
        let headers = slice(file, table, count * PROGRAM_HEADER)?;

        let mut elf = Self {
            kind,
            entry,
            headers: 0,
            header_count: count,
            segments: Vec::new(),
            align: PAGE,
            interpreter: None,
        };
        for header in headers.chunks_exact(PROGRAM_HEADER) {
            match field::<u32>(header, 0) {
                PT_LOAD => elf.add_segment(file, header, table)?,
                PT_INTERP if elf.interpreter.is_none() => {
                    elf.interpreter = Some(interpreter(file, header)?);
                }
                _ => {}
            }
        }
        match (elf.segments.last(), kind) {
            (None, Kind::Relocatable) | (None, Kind::Fixed) => Err(Error::NotExecutable),
            _ if !elf.is_code(entry) => match kind {
                // A shared library has an entry point of 0.
                Kind::Relocatable if entry == 0 => Err(Error::NotExecutable),
                _ => Err(Error::Broken("entry point")),
            },
            _ => Ok(elf),
        }
    }

    fn add_segment(&mut self, file: &'a [u8], header: &[u8], table: usize) -> Result<(), Error> {
        let flags = field::<u32>(header, 4);
        let offset = field::<usize>(header, 8);
        let address = field::<usize>(header, 16);
        let in_file = field::<usize>(header, 32);
        let size = field::<usize>(header, 40);
        let align = field::<usize>(header, 48);
        if size == 0 {
            return Ok(());
        }
        if in_file > size {
            return Err(Error::Broken("a segment is larger in the file than in memory"));
        }
        let congruent = |align| address % align == offset % align;
        if align > 1 && (!align.is_power_of_two() || !congruent(align)) || !congruent(PAGE) {
            return Err(Error::Broken("alignment of a segment"));
        }
        let end = address.checked_add(size).and_then(|end| end.checked_next_multiple_of(PAGE));
        if end.is_none_or(|end| isize::try_from(end).is_err()) {
            return Err(Error::Broken("address of a segment"));
        }
        if flags & (PF_W | PF_X) == PF_W | PF_X {
            return Err(Error::WriteExecute);
        }
        let contents = slice(file, offset, in_file)?;
        let prot = Prot {
            read: flags & (PF_R | PF_W | PF_X) != 0,
            write: flags & PF_W != 0,
            exec: flags & PF_X != 0,
        };
        let segment = Segment { address, offset, contents, size, prot };
        if self.segments.last().is_some_and(|last| last.end() > segment.start()) {
            return Err(Error::Broken("segments overlap or are not in order"));
        }
        if let Some(inside) = table.checked_sub(offset).filter(|&inside| inside < in_file) {
            self.headers = address + inside;
        }
        self.align = self.align.max(align);
        self.segments.push(segment);
        Ok(())
    }

    fn is_code(&self, address: usize) -> bool {
        self.segments.iter().any(|segment| {
            let inside = address.checked_sub(segment.address);
            segment.prot.exec && inside.is_some_and(|inside| inside < segment.size)
        })
    }

    /// Its first page and the page after its last.
    pub fn span(&self) -> (usize, usize) {
        let first = self.segments.first().map_or(0, Segment::start);
        (first, self.segments.last().map_or(first, Segment::end))
    }
}

fn interpreter<'a>(file: &'a [u8], header: &[u8]) -> Result<&'a [u8], Error> {
    let (offset, len) = (field::<usize>(header, 8), field::<usize>(header, 32));
    if len > PATH_MAX {
        return Err(Error::Broken("path of the interpreter"));
    }
    match slice(file, offset, len)? {
        [path @ .., 0] if !path.is_empty() && !path.contains(&0) => Ok(path),
        _ => Err(Error::Broken("path of the interpreter")),
    }
}
