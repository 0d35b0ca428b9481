//! The image file: the linked ELF without what no loader reads. Sections, symbols and padding go;
//! program headers and the bytes that they name stay.

/// ELF64 header (System V ABI, chapter 4).
const HEADER: usize = 64;
/// A program header (chapter 5).
const PROGRAM_HEADER: usize = 56;
const LOAD: u32 = 1;
const NOTE: u32 = 4;
const PAGE: u64 = 4096;

#[derive(Clone, Copy)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    in_file: u64,
    in_memory: u64,
    align: u64,
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], &'static str> {
    let end = at.checked_add(N).ok_or("truncated ELF")?;
    bytes.get(at..end).and_then(|b| b.try_into().ok()).ok_or("truncated ELF")
}

fn half(bytes: &[u8], at: usize) -> Result<u16, &'static str> {
    take(bytes, at).map(u16::from_le_bytes)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    take(bytes, at).map(u32::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> Result<u64, &'static str> {
    take(bytes, at).map(u64::from_le_bytes)
}

fn segments(elf: &[u8]) -> Result<Vec<Segment>, &'static str> {
    if take::<6>(elf, 0)? != *b"\x7fELF\x02\x01" {
        return Err("not a 64-bit little-endian ELF");
    }
    let table = usize::try_from(long(elf, 32)?).map_err(|_| "truncated ELF")?;
    (0..usize::from(half(elf, 56)?))
        .map(|i| {
            let at = table.checked_add(i * PROGRAM_HEADER).ok_or("truncated ELF")?;
            Ok(Segment {
                kind: word(elf, at)?,
                flags: word(elf, at + 4)?,
                offset: long(elf, at + 8)?,
                address: long(elf, at + 16)?,
                physical: long(elf, at + 24)?,
                in_file: long(elf, at + 32)?,
                in_memory: long(elf, at + 40)?,
                align: long(elf, at + 48)?,
            })
        })
        .filter(|segment| segment.as_ref().map_or(true, |s| s.kind == LOAD || s.kind == NOTE))
        .collect()
}

/// Bytes of memory from the first loaded byte to the last.
///
/// # Errors
/// Not an ELF.
pub fn memory(elf: &[u8]) -> Result<u64, &'static str> {
    let loads: Vec<Segment> = segments(elf)?.into_iter().filter(|s| s.kind == LOAD).collect();
    let start = loads.iter().map(|s| s.physical).min().unwrap_or(0);
    let end = loads.iter().map(|s| s.physical.saturating_add(s.in_memory)).max().unwrap_or(0);
    Ok(end - start)
}

/// Packs a linked ELF. `paged` keeps each segment's place within a page, for loaders that map.
///
/// # Errors
/// Not an ELF, or one whose headers point outside of it.
pub fn pack(elf: &[u8], paged: bool) -> Result<Vec<u8>, &'static str> {
    let segments = segments(elf)?;
    let mut image = elf.get(..HEADER).ok_or("truncated ELF")?.to_vec();
    image[32..40].copy_from_slice(&(HEADER as u64).to_le_bytes());
    image[40..48].fill(0); // no section headers
    image[56..58].copy_from_slice(&(segments.len() as u16).to_le_bytes());
    image[58..64].fill(0);
    image.resize(HEADER + segments.len() * PROGRAM_HEADER, 0);
    let mut packed = segments.clone();
    for (segment, original) in packed.iter_mut().zip(&segments) {
        if segment.kind != LOAD {
            continue;
        }
        if paged {
            let behind = (original.address % PAGE + PAGE - image.len() as u64 % PAGE) % PAGE;
            image.resize(image.len() + behind as usize, 0);
        }
        segment.offset = image.len() as u64;
        segment.align = if paged { PAGE } else { 1 };
        let start = usize::try_from(original.offset).map_err(|_| "truncated ELF")?;
        let end = original.offset.checked_add(original.in_file).ok_or("truncated ELF")?;
        let content = elf.get(start..usize::try_from(end).map_err(|_| "truncated ELF")?);
        image.extend_from_slice(content.ok_or("truncated ELF")?);
    }
    // Notes lie inside loaded segments.
    let loads: Vec<Segment> = packed.iter().copied().filter(|s| s.kind == LOAD).collect();
    for segment in packed.iter_mut().filter(|s| s.kind == NOTE) {
        let home = loads
            .iter()
            .find(|s| s.address <= segment.address && segment.address - s.address < s.in_file)
            .ok_or("a note outside of every loaded segment")?;
        segment.offset = home.offset + (segment.address - home.address);
    }
    for (i, s) in packed.iter().enumerate() {
        let at = HEADER + i * PROGRAM_HEADER;
        let header = &mut image[at..at + PROGRAM_HEADER];
        header[..4].copy_from_slice(&s.kind.to_le_bytes());
        header[4..8].copy_from_slice(&s.flags.to_le_bytes());
        let longs = [s.offset, s.address, s.physical, s.in_file, s.in_memory, s.align];
        for (field, value) in header[8..].chunks_exact_mut(8).zip(longs) {
            field.copy_from_slice(&value.to_le_bytes());
        }
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
            let (before, after) = (segments(&bytes).expect("ELF"), segments(&packed).expect("ELF"));
            for (b, a) in before.iter().zip(&after) {
                let content = |file: &[u8], s: &Segment| {
                    file[s.offset as usize..(s.offset + s.in_file) as usize].to_vec()
                };
                assert!(content(&bytes, b) == content(&packed, a));
                assert!(!paged || a.kind != LOAD || a.offset % PAGE == a.address % PAGE);
            }
            assert_eq!(memory(&bytes), memory(&packed));
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
