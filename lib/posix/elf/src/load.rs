//! Mapping a program, and everything else that it needs to start.

use crate::format::{Elf, Kind, PROGRAM_HEADER};
use crate::program::{contents, interpreter_error, script};
use crate::stack::{Auxiliary, build};
use crate::{Error, PAGE, Program};
use alloc::borrow::Cow;
use alloc::sync::Arc;
use unilith_fs_api::MemorySource;
use unilith_posix_abi::{Errno, UserPtr};
use unilith_posix_api::{Prot, Registers};
use unilith_space::{Mapping, Object, Origin, Place};

/// Bytes of stack, at most: pages come as they are touched.
const STACK: usize = unilith_config::number(option_env!("CONFIG_ELF_STACK_KIB"), 8192) << 10;
/// Pages by which the stack is moved at random, at most.
const STACK_SHIFT: usize = 1 << 12;
/// Pages by which a program is moved at random, at most (28 bits, as on Linux).
const BASE_SHIFT: usize = 1 << 28;

/// A program that is ready to start.
pub struct Start {
    /// The first instruction: the interpreter's if there is one.
    pub entry: usize,
    /// The stack pointer.
    pub stack: usize,
}

impl Start {
    /// The registers that it starts with: all others are zero.
    pub fn registers(&self) -> Registers {
        Registers { rip: self.entry as u64, rsp: self.stack as u64, ..Registers::default() }
    }
}

impl From<Errno> for Error {
    fn from(error: Errno) -> Self {
        Self::Memory(error)
    }
}

/// Loads `program`, its interpreter and its stack.
pub fn load(program: &Program) -> Result<Start, Error> {
    let file = Arc::new(Image(contents(&program.path)?));
    let elf = Elf::parse(&file.0).map_err(|error| script(&file.0).unwrap_or(error))?;
    let loader_file;
    let loader = match elf.interpreter {
        None => None,
        Some(path) => {
            let named = |error| interpreter_error(path, error);
            loader_file = Arc::new(Image(contents(path).map_err(named)?));
            let loader = Elf::parse(&loader_file.0).map_err(named)?;
            if loader.interpreter.is_some() || loader.kind != Kind::Relocatable {
                return Err(named(Error::NotElf));
            }
            Some((loader, loader_file.clone()))
        }
    };

    let range = unilith_posix_api::range();
    let stack_top = range.end.saturating_sub(shift(STACK_SHIFT.min(range.len() / PAGE / 16)));
    let stack_bottom = stack_top.checked_sub(STACK).ok_or(Error::Addresses)?;
    // A page that is never mapped stays between the stack and everything else.
    unilith_space::set_top(stack_bottom.saturating_sub(PAGE).max(range.start));
    unilith_space::map(Place::Exactly(stack_bottom), STACK, Prot::RW, Origin::Anonymous)?;

    let base = match elf.kind {
        Kind::Fixed => 0,
        Kind::Relocatable => place(&elf)?,
    };
    map(&elf, base, &file)?;
    let (_, end) = elf.span();
    unilith_space::set_heap(base + end)?;
    let (entry, loader_base) = match &loader {
        None => (base + elf.entry, 0),
        Some((loader, file)) => {
            let (first, end) = loader.span();
            let size = (end - first).checked_add(loader.align).ok_or(Error::Addresses)?;
            // Find room, then give it back: the segments are mapped one by one.
            let room =
                unilith_space::map(Place::Anywhere(0), size, Prot::default(), Origin::Anonymous)?;
            unilith_space::unmap(room, size)?;
            let base = room.next_multiple_of(loader.align).wrapping_sub(first);
            map(loader, base, file)?;
            (base.wrapping_add(loader.entry), base)
        }
    };

    let mut random = [0; 16];
    entropy_or_clock(&mut random);
    let auxiliary = Auxiliary {
        headers: if elf.headers == 0 { 0 } else { base + elf.headers },
        header_size: PROGRAM_HEADER,
        header_count: elf.header_count,
        loader: loader_base,
        entry: base + elf.entry,
        random,
        hwcap: unilith_posix_api::hwcap(),
    };
    let bytes = build(stack_top, program, &auxiliary).ok_or(Error::Arguments)?;
    // Linux leaves three quarters of the stack to the program.
    if bytes.len() > STACK / 4 {
        return Err(Error::Arguments);
    }
    let stack = stack_top - bytes.len();
    UserPtr(stack).copy_out(&bytes)?;
    Ok(Start { entry, stack })
}

/// A base for a program that can be anywhere: two thirds up the address space, as on Linux, which
/// leaves room for the heap above it and mappings above that.
fn place(elf: &Elf<'_>) -> Result<usize, Error> {
    let range = unilith_posix_api::range();
    let (first, _) = elf.span();
    let most = (range.len() / 16 / PAGE).clamp(1, BASE_SHIFT);
    let lowest = range.start + range.len() / 3 * 2;
    lowest
        .checked_add(shift(most))
        .and_then(|address| address.checked_next_multiple_of(elf.align))
        .and_then(|address| address.checked_sub(first))
        .ok_or(Error::Addresses)
}

/// A random number of pages below `most`, in bytes; 0 without a source of randomness.
fn shift(most: usize) -> usize {
    let mut bytes = [0; 8];
    if most < 2 || !unilith_platform::entropy(&mut bytes) {
        return 0;
    }
    usize::from_ne_bytes(bytes) % most * PAGE
}

/// Fills `into` with what nobody can predict, or, on a machine without a source of that, with
/// what is at least different each time.
fn entropy_or_clock(into: &mut [u8; 16]) {
    if !unilith_platform::entropy(into) {
        let mut state = unilith_platform::cycles() ^ unilith_platform::realtime_ns();
        for byte in into {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 56) as u8;
        }
    }
}

/// A program's file, kept for what is mapped of it.
struct Image(Cow<'static, [u8]>);

impl Object for Image {
    fn read(&self, offset: u64, into: &mut [u8]) -> unilith_posix_abi::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..));
        let rest = rest.unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn in_memory(&self) -> Option<MemorySource> {
        match self.0 {
            Cow::Borrowed(bytes) => Some(bytes),
            Cow::Owned(_) => None,
        }
    }
}

/// Maps the segments of `elf`, moved by `base`.
fn map(elf: &Elf<'_>, base: usize, image: &Arc<Image>) -> Result<(), Error> {
    for segment in &elf.segments {
        let start = base.wrapping_add(segment.start());
        let len = segment.end() - segment.start();
        // What is behind the contents in the file is none of the segment's: it reads as zero.
        let origin = Origin::File(Mapping {
            object: image.clone(),
            offset: (segment.offset - segment.offset % PAGE) as u64,
            end: (segment.offset + segment.contents.len()) as u64,
            shared: false,
        });
        unilith_space::map(Place::Exactly(start), len, segment.prot, origin).map_err(|error| {
            match error {
                Errno::EEXIST | Errno::EPERM => Error::Addresses,
                Errno::ENOMEM if !fits(start, len) => Error::Addresses,
                error => Error::Memory(error),
            }
        })?;
    }
    Ok(())
}

fn fits(start: usize, len: usize) -> bool {
    let range = unilith_posix_api::range();
    start >= range.start && start.checked_add(len).is_some_and(|end| end <= range.end)
}
