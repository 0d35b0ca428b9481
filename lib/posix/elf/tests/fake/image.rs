//! ELF files, header by header.

/// A program header.
#[derive(Clone)]
pub struct Header {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub address: u64,
    pub in_file: u64,
    pub size: u64,
    pub align: u64,
}

/// A page of code at address 0, from the start of the file.
pub const CODE: Header = Header {
    kind: 1,
    flags: 5,
    offset: 0,
    address: 0,
    in_file: 0x1000,
    size: 0x1000,
    align: 0x1000,
};

/// The number of x86-64.
pub const X86_64: u16 = 62;

/// The headers of a file, filled up with `filler` to a page.
pub fn page(kind: u16, machine: u16, entry: u64, headers: &[Header], filler: u8) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend(kind.to_le_bytes());
    out.extend(machine.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    for word in [entry, 64, 0] {
        out.extend(word.to_le_bytes());
    }
    out.extend(0u32.to_le_bytes());
    for half in [64u16, 56, headers.len() as u16, 0, 0, 0] {
        out.extend(half.to_le_bytes());
    }
    for header in headers {
        out.extend(header.kind.to_le_bytes());
        out.extend(header.flags.to_le_bytes());
        let Header { offset, address, in_file, size, align, .. } = *header;
        for word in [offset, address, address, in_file, size, align] {
            out.extend(word.to_le_bytes());
        }
    }
    out.resize(0x1000, filler);
    out
}
