//! The stack that a program starts with.
//!
//! From low to high addresses: the number of arguments, pointers to them, a null pointer,
//! pointers to the environment, a null pointer, the auxiliary vector, and what all of these point
//! to (System V ABI, AMD64 supplement, figures 3.9 and 3.10).

use crate::format::MACHINE_NAME;
use crate::{PAGE, Program};
use alloc::vec::Vec;
use unilith_posix_abi::raw::auxvec::{
    AT_BASE, AT_CLKTCK, AT_EGID, AT_ENTRY, AT_EUID, AT_EXECFN, AT_FLAGS, AT_GID, AT_HWCAP,
    AT_HWCAP2, AT_NULL, AT_PAGESZ, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PLATFORM, AT_RANDOM, AT_SECURE,
    AT_SYSINFO_EHDR, AT_UID,
};

/// Ticks in a second, for times(2) (USER_HZ).
const TICKS: usize = 100;
/// Bytes in a pointer.
const WORD: usize = size_of::<usize>();
/// Alignment of the stack pointer at the start.
const ALIGN: usize = 16;

/// What the auxiliary vector tells, beyond what is the same for every program.
#[derive(Clone, Debug, Default)]
pub struct Auxiliary {
    /// Address of the program headers (AT_PHDR).
    pub headers: usize,
    /// Bytes in one of them (AT_PHENT).
    pub header_size: usize,
    /// Their number (AT_PHNUM).
    pub header_count: usize,
    /// Base address of the interpreter, 0 without one (AT_BASE).
    pub loader: usize,
    /// Entry point of the program itself (AT_ENTRY).
    pub entry: usize,
    /// Random bytes (AT_RANDOM).
    pub random: [u8; 16],
    /// Features of the processor (AT_HWCAP).
    pub hwcap: usize,
    /// Where the clocks are that need no system call (AT_SYSINFO_EHDR); 0: nowhere.
    pub vdso: usize,
}

/// Strings and other things that are pointed to, growing downwards from the top of the stack.
struct Area {
    top: usize,
    /// The bytes, the last one first.
    reversed: Vec<u8>,
}

impl Area {
    /// Puts `bytes` below everything else: their address.
    fn push(&mut self, bytes: &[u8]) -> Option<usize> {
        self.reversed.extend(bytes.iter().rev());
        self.top.checked_sub(self.reversed.len())
    }

    fn push_string(&mut self, string: &[u8]) -> Option<usize> {
        self.reversed.push(0);
        self.push(string)
    }
}

/// The bytes that belong right below `top`; the stack pointer is their start, and aligned.
/// `None` if they do not fit below `top`, or if a string has a NUL in it.
pub fn build(top: usize, program: &Program, auxiliary: &Auxiliary) -> Option<Vec<u8>> {
    let mut strings = program.args.iter().chain(&program.env);
    if strings.any(|string| string.contains(&0)) {
        return None;
    }
    let mut area = Area { top, reversed: Vec::new() };
    area.push(&[0; WORD])?;
    let path = area.push_string(&program.path)?;
    // In memory the arguments come before the environment, each in order, without gaps: programs
    // that change their title rely on it.
    let mut push_all = |strings: &[Vec<u8>]| {
        let mut addresses: Vec<usize> =
            strings.iter().rev().map(|string| area.push_string(string)).collect::<Option<_>>()?;
        addresses.reverse();
        Some(addresses)
    };
    let env = push_all(&program.env)?;
    let args = push_all(&program.args)?;
    let machine = area.push_string(MACHINE_NAME.as_bytes())?;
    let random = area.push(&auxiliary.random)?;

    let mut words = Vec::new();
    words.push(args.len());
    words.extend(args);
    words.push(0);
    words.extend(env);
    words.push(0);
    for (kind, value) in [
        (AT_SYSINFO_EHDR, auxiliary.vdso),
        (AT_HWCAP, auxiliary.hwcap),
        (AT_PAGESZ, PAGE),
        (AT_CLKTCK, TICKS),
        (AT_PHDR, auxiliary.headers),
        (AT_PHENT, auxiliary.header_size),
        (AT_PHNUM, auxiliary.header_count),
        (AT_BASE, auxiliary.loader),
        (AT_FLAGS, 0),
        (AT_ENTRY, auxiliary.entry),
        (AT_UID, 0),
        (AT_EUID, 0),
        (AT_GID, 0),
        (AT_EGID, 0),
        (AT_SECURE, 0),
        (AT_RANDOM, random),
        (AT_HWCAP2, 0),
        (AT_EXECFN, path),
        (AT_PLATFORM, machine),
        (AT_NULL, 0),
    ] {
        if kind != AT_SYSINFO_EHDR || value != 0 {
            words.extend([kind as usize, value]);
        }
    }

    let below = words.len() * WORD;
    let pointer = top.checked_sub(area.reversed.len())?.checked_sub(below)? & !(ALIGN - 1);
    let mut bytes = Vec::with_capacity(top - pointer);
    for word in words {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.resize(top - pointer - area.reversed.len(), 0);
    bytes.extend(area.reversed.iter().rev());
    Some(bytes)
}
