//! The two pages: a shared object (System V gABI, chapters 4 and 5) and its numbers.

use alloc::vec;
use alloc::vec::Vec;
use unilith_space::PAGE;
use unilith_x86_64::vdso::{self, CODE_OFFSET, NAMES};

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SYMBOL: usize = 24;

/// Where the tables are in the first page.
const PROGRAM_HEADERS: usize = HEADER;
const DYNAMIC: usize = PROGRAM_HEADERS + 2 * PROGRAM_HEADER;
const HASH: usize = DYNAMIC + 6 * 16;
const SYMBOLS: usize = HASH + 0x28;
const STRINGS: usize = SYMBOLS + (1 + NAMES.len()) * SYMBOL;

fn put<const N: usize>(page: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = page.get_mut(at..at + N) {
        place.copy_from_slice(&bytes);
    }
}

fn half(page: &mut [u8], at: usize, value: u16) {
    put(page, at, value.to_le_bytes());
}

fn word(page: &mut [u8], at: usize, value: usize) {
    put(page, at, (value as u32).to_le_bytes());
}

fn long(page: &mut [u8], at: usize, value: usize) {
    put(page, at, (value as u64).to_le_bytes());
}

/// The page with the tables and the code.
pub fn code() -> Vec<u8> {
    const ET_DYN: u16 = 3;
    const EM_X86_64: u16 = 62;
    const PT_LOAD: usize = 1;
    const PT_DYNAMIC: usize = 2;
    const DT_HASH: usize = 4;
    const DT_STRTAB: usize = 5;
    const DT_SYMTAB: usize = 6;
    const DT_STRSZ: usize = 10;
    const DT_SYMENT: usize = 11;
    /// STB_GLOBAL, STT_FUNC.
    const GLOBAL_FUNCTION: u8 = 1 << 4 | 2;
    let mut page = vec![0; PAGE];
    let (code, functions) = vdso::code();

    let mut strings = vec![0];
    for (i, (name, function)) in NAMES.iter().zip(functions).enumerate() {
        let at = SYMBOLS + (1 + i) * SYMBOL;
        word(&mut page, at, strings.len());
        put(&mut page, at + 4, [GLOBAL_FUNCTION]);
        half(&mut page, at + 6, 1); // any section but none
        long(&mut page, at + 8, CODE_OFFSET + function);
        long(&mut page, at + 16, 1);
        strings.extend(name.as_bytes());
        strings.push(0);
    }

    put(&mut page, 0, *b"\x7fELF\x02\x01\x01");
    half(&mut page, 16, ET_DYN);
    half(&mut page, 18, EM_X86_64);
    word(&mut page, 20, 1); // version
    long(&mut page, 32, PROGRAM_HEADERS);
    half(&mut page, 52, HEADER as u16);
    half(&mut page, 54, PROGRAM_HEADER as u16);
    half(&mut page, 56, 2);

    let end = CODE_OFFSET + code.len();
    for (i, (kind, flags, at, len)) in
        [(PT_LOAD, 5, 0, end), (PT_DYNAMIC, 4, DYNAMIC, HASH - DYNAMIC)].into_iter().enumerate()
    {
        let header = PROGRAM_HEADERS + i * PROGRAM_HEADER;
        word(&mut page, header, kind);
        word(&mut page, header + 4, flags);
        for (field, value) in [(8, at), (16, at), (24, at), (32, len), (40, len), (48, PAGE)] {
            long(&mut page, header + field, value);
        }
    }

    let dynamic = [
        (DT_HASH, HASH),
        (DT_STRTAB, STRINGS),
        (DT_SYMTAB, SYMBOLS),
        (DT_STRSZ, strings.len()),
        (DT_SYMENT, SYMBOL),
    ];
    for (i, (tag, value)) in dynamic.into_iter().enumerate() {
        long(&mut page, DYNAMIC + i * 16, tag);
        long(&mut page, DYNAMIC + i * 16 + 8, value);
    }

    // One bucket, whose chain has all symbols.
    let count = 1 + NAMES.len();
    word(&mut page, HASH, 1);
    word(&mut page, HASH + 4, count);
    word(&mut page, HASH + 8, 1);
    for i in 1..count {
        word(&mut page, HASH + 12 + i * 4, if i + 1 < count { i + 1 } else { 0 });
    }

    const { assert!(HASH + 12 + (1 + NAMES.len()) * 4 <= SYMBOLS) };
    debug_assert!(STRINGS + strings.len() <= CODE_OFFSET && end <= PAGE);
    for (at, bytes) in [(STRINGS, &strings[..]), (CODE_OFFSET, code)] {
        if let Some(place) = page.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    page
}

/// The page with the numbers. Has the clock calibrated, if that has not been done yet.
pub fn data() -> Vec<u8> {
    use unilith_x86_64::vdso::data as place;
    let mut page = vec![0; PAGE];
    if let Some(clock) = unilith_platform::counter() {
        for (at, value) in [
            (place::VALID, 1),
            (place::RATE, clock.rate),
            (place::BOOT, clock.boot),
            (place::EPOCH_CYCLES, clock.epoch_cycles),
            (place::EPOCH, clock.epoch),
        ] {
            put(&mut page, at, value.to_le_bytes());
        }
    }
    page
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{DYNAMIC, SYMBOL, code};
    use std::vec::Vec;
    use unilith_x86_64::vdso::{CODE_OFFSET, NAMES};

    fn long(page: &[u8], at: usize) -> usize {
        u64::from_le_bytes(page[at..at + 8].try_into().expect("eight bytes")) as usize
    }

    fn word(page: &[u8], at: usize) -> usize {
        u32::from_le_bytes(page[at..at + 4].try_into().expect("four bytes")) as usize
    }

    /// As a C library does: from the dynamic section to the hash table to the names.
    #[test]
    fn others_find_the_functions() {
        let page = code();
        let tag = |wanted| {
            let mut entries = (DYNAMIC..).step_by(16).take_while(|at| long(&page, *at) != 0);
            entries.find(|at| long(&page, *at) == wanted).map(|at| long(&page, at + 8))
        };
        let (hash, strings, symbols) = (tag(4).unwrap(), tag(5).unwrap(), tag(6).unwrap());
        assert_eq!((word(&page, hash), tag(11)), (1, Some(SYMBOL)));
        let mut found = Vec::new();
        let mut index = word(&page, hash + 8);
        while index != 0 {
            let symbol = symbols + index * SYMBOL;
            let name = page[strings + word(&page, symbol)..].split(|byte| *byte == 0).next();
            found.push(std::str::from_utf8(name.unwrap()).unwrap());
            let at = long(&page, symbol + 8);
            assert!(at >= CODE_OFFSET && page[at] != 0, "code");
            index = word(&page, hash + 12 + index * 4);
        }
        assert_eq!(found, NAMES);
    }
}
