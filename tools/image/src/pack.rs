//! The image file: the linked ELF without what no loader reads. Sections, symbols and padding go;
//! program headers and the bytes that they name stay.

use object::LittleEndian as LE;
use object::elf::{FileHeader64, PT_LOAD, PT_NOTE, ProgramHeader64, SymbolSection};
use object::endian::{U16, U64};
use object::pod::bytes_of;
use object::read::elf::{FileHeader as _, ProgramHeader as _};

type Header = FileHeader64<LE>;
type Segment = ProgramHeader64<LE>;

const PAGE: u64 = 4096;

/// The header, and the segments that a loader reads.
fn parse(elf: &[u8]) -> object::Result<(Header, Vec<Segment>)> {
    let header = Header::parse(elf)?;
    header.endian()?; // little, or an error
    let segments = header.program_headers(LE, elf)?.iter().copied();
    let read = |s: &Segment| s.p_type(LE) == PT_LOAD || s.p_type(LE) == PT_NOTE;
    Ok((*header, segments.filter(read).collect()))
}

/// Bytes of memory from the first loaded byte to the last.
///
/// # Errors
/// Not an ELF.
pub fn memory(elf: &[u8]) -> object::Result<u64> {
    let (_, segments) = parse(elf)?;
    let loads = || segments.iter().filter(|s| s.p_type(LE) == PT_LOAD);
    let start = loads().map(|s| s.p_paddr(LE)).min().unwrap_or(0);
    let end = loads().map(|s| s.p_paddr(LE).saturating_add(s.p_memsz(LE))).max().unwrap_or(0);
    Ok(end - start)
}

/// Packs a linked ELF. `paged` keeps each segment's place within a page, for loaders that map.
///
/// # Errors
/// Not an ELF, or one whose headers point outside of it.
pub fn pack(elf: &[u8], paged: bool) -> Result<Vec<u8>, String> {
    let (mut header, mut segments) = parse(elf).map_err(|e| e.to_string())?;
    header.e_phoff = U64::new(LE, size_of::<Header>() as u64);
    header.e_phnum = U16::new(LE, segments.len() as u16);
    header.e_shoff = U64::new(LE, 0); // no section headers
    header.e_shentsize = U16::new(LE, 0);
    header.e_shnum = U16::new(LE, 0);
    header.e_shstrndx = U16::new(LE, SymbolSection(0));

    let mut image = vec![0; size_of::<Header>() + segments.len() * size_of::<Segment>()];
    let mut loads = Vec::new();
    for segment in segments.iter_mut().filter(|s| s.p_type(LE) == PT_LOAD) {
        let content = segment.data(LE, elf).map_err(|()| "a segment outside of the file")?;
        if paged {
            let behind = segment.p_vaddr(LE).wrapping_sub(image.len() as u64) % PAGE;
            image.resize(image.len() + behind as usize, 0);
        }
        segment.p_offset = U64::new(LE, image.len() as u64);
        segment.p_align = U64::new(LE, if paged { PAGE } else { 1 });
        image.extend_from_slice(content);
        loads.push(*segment);
    }
    // Notes lie inside loaded segments.
    for note in segments.iter_mut().filter(|s| s.p_type(LE) == PT_NOTE) {
        let inside = |s: &Segment| note.p_vaddr(LE).checked_sub(s.p_vaddr(LE));
        let offset = loads
            .iter()
            .find_map(|s| Some((s, inside(s).filter(|at| *at < s.p_filesz(LE))?)))
            .map(|(s, at)| s.p_offset(LE) + at)
            .ok_or("a note outside of every loaded segment")?;
        note.p_offset = U64::new(LE, offset);
    }
    let table = segments.iter().flat_map(bytes_of).copied();
    for (byte, value) in image.iter_mut().zip(bytes_of(&header).iter().copied().chain(table)) {
        *byte = value;
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_program_keeps_its_segments() {
        let program = std::env::current_exe().expect("this test");
        let bytes = std::fs::read(program).expect("this test");
        for paged in [false, true] {
            let packed = pack(&bytes, paged).expect("an ELF");
            assert!(packed.len() < bytes.len());
            let (before, after) = (parse(&bytes).expect("ELF").1, parse(&packed).expect("ELF").1);
            assert_eq!(before.len(), after.len());
            for (b, a) in before.iter().zip(&after) {
                assert!(b.data(LE, &*bytes).expect("it") == a.data(LE, &*packed).expect("it"));
                let (offset, address) = (a.p_offset(LE), a.p_vaddr(LE));
                assert!(!paged || a.p_type(LE) != PT_LOAD || offset % PAGE == address % PAGE);
            }
            assert_eq!(memory(&bytes).expect("ELF"), memory(&packed).expect("ELF"));
        }
    }

    #[test]
    fn no_truncation_panics() {
        let program = std::env::current_exe().expect("this test");
        let bytes = std::fs::read(program).expect("this test");
        for end in (0..4096).chain([bytes.len() / 2]) {
            let _ = pack(&bytes[..end], true);
        }
    }
}
