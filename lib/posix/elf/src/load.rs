//! Mapping a program, and everything else that it needs to start.

use crate::format::{Elf, Kind, PROGRAM_HEADER};
use crate::program::{contents, find, interpreter_error, script};
use crate::stack::{Auxiliary, build};
use crate::{Error, PAGE, Program};
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_fs_api::{MemorySource, NodeRef};
use unilith_posix_abi::{Errno, UserPtr};
use unilith_posix_api::{Prot, Registers};
use unilith_space::{Mapping, Object, Origin, Place};
use unilith_vfs::vfs;

/// Bytes of stack, at most: pages come as they are touched.
const STACK: usize = unilith_config::number(option_env!("CONFIG_ELF_STACK_KIB"), 8192) << 10;
/// Pages by which the stack is moved at random, at most.
const STACK_SHIFT: usize = 1 << 12;
/// Pages by which a program is moved at random, at most (28 bits, as on Linux).
const BASE_SHIFT: usize = 1 << 28;

/// Addresses that are kept for the heap of a program that is not the first.
const HEAP_ROOM: usize = 1 << 30;
/// Scripts that may be the interpreters of scripts.
const SCRIPTS: usize = 5;

/// A program that is ready to start.
pub struct Start {
    /// The first instruction: the interpreter's if there is one.
    pub entry: usize,
    /// The stack pointer.
    pub stack: usize,
    /// What runs: its path is that of the file that was loaded.
    pub program: Program,
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

/// The program at `program`'s path, as the first of the image.
pub fn first(program: &Program) -> Result<Start, Error> {
    let root = vfs().root().map_err(Error::File)?;
    let node = find(&root, &program.path)?;
    load(program, node, &root, true)
}

/// A file that can be run, and its arguments: of a script, its interpreter.
fn resolve(
    program: &Program,
    node: NodeRef,
    start: &NodeRef,
) -> Result<(Program, Vec<u8>, Image), Error> {
    let mut program = program.clone();
    let (mut node, mut path) = (node, program.path.clone());
    for _ in 0..SCRIPTS {
        let file = contents(&node)?;
        let Some((interpreter, argument)) = script(&file) else {
            return Ok((program, path, Image(file)));
        };
        let named = |error| interpreter_error(interpreter, error);
        node = find(start, interpreter).map_err(named)?;
        program = program.interpreted(interpreter, argument, &path);
        path = interpreter.to_vec();
    }
    Err(Error::Scripts)
}

/// Loads the program in `node` into the current memory, with its interpreter and its stack;
/// relative paths are looked up from `start` on. The `first` program of an image has its stack at
/// the end of the address space, and its addresses are found as Linux finds them; others get what
/// is free.
pub fn load(
    program: &Program,
    node: NodeRef,
    start: &NodeRef,
    first: bool,
) -> Result<Start, Error> {
    let (program, path, file) = resolve(program, node, start)?;
    let file = Arc::new(file);
    let elf = Elf::parse(&file.0)?;
    let loader_file;
    let loader = match elf.interpreter {
        None => None,
        Some(path) => {
            let named = |error| interpreter_error(path, error);
            let node = find(start, path).map_err(named)?;
            loader_file = Arc::new(Image(contents(&node).map_err(named)?));
            let loader = Elf::parse(&loader_file.0).map_err(named)?;
            if loader.interpreter.is_some() || loader.kind != Kind::Relocatable {
                return Err(named(Error::NotElf));
            }
            Some((loader, loader_file.clone()))
        }
    };

    let stack_top = if first { first_stack()? } else { another_stack()? };
    let base = match elf.kind {
        Kind::Fixed => 0,
        Kind::Relocatable if first => place(&elf)?,
        Kind::Relocatable => room(&elf, HEAP_ROOM.min(unilith_posix_api::range().len() / 64))?,
    };
    map(&elf, base, &file).map_err(|error| match error {
        Error::Addresses if !first && elf.kind == Kind::Fixed => Error::Taken,
        error => error,
    })?;
    let (_, end) = elf.span();
    unilith_space::set_heap(base.wrapping_add(end))?;
    let (entry, loader_base) = match &loader {
        None => (base.wrapping_add(elf.entry), 0),
        Some((loader, file)) => {
            let base = room(loader, 0)?;
            map(loader, base, file)?;
            (base.wrapping_add(loader.entry), base)
        }
    };

    let mut random = [0; 16];
    entropy_or_clock(&mut random);
    let auxiliary = Auxiliary {
        headers: if elf.headers == 0 { 0 } else { base.wrapping_add(elf.headers) },
        header_size: PROGRAM_HEADER,
        header_count: elf.header_count,
        loader: loader_base,
        entry: base.wrapping_add(elf.entry),
        random,
        hwcap: unilith_posix_api::hwcap(),
        vdso: vdso(),
    };
    let bytes = build(stack_top, &program, &auxiliary).ok_or(Error::Arguments)?;
    // Linux leaves three quarters of the stack to the program.
    if bytes.len() > STACK / 4 {
        return Err(Error::Arguments);
    }
    let stack = stack_top - bytes.len();
    UserPtr(stack).copy_out(&bytes)?;
    let path = absolute(start, path)?;
    Ok(Start { entry, stack, program: Program { path, ..program } })
}

/// A path that means the same from anywhere.
fn absolute(start: &NodeRef, path: Vec<u8>) -> Result<Vec<u8>, Error> {
    if path.starts_with(b"/") {
        return Ok(path);
    }
    let mut whole = vfs().path_of(start).map_err(Error::File)?;
    whole.push(b'/');
    whole.extend(path);
    Ok(whole)
}

/// The end of the stack of an image's first program: that of the address space.
fn first_stack() -> Result<usize, Error> {
    let range = unilith_posix_api::range();
    let top = range.end.saturating_sub(shift(STACK_SHIFT.min(range.len() / PAGE / 16)));
    let bottom = top.checked_sub(STACK).ok_or(Error::Addresses)?;
    // A page that is never mapped stays between the stack and everything else.
    unilith_space::set_top(bottom.saturating_sub(PAGE).max(range.start));
    unilith_space::map(Place::Exactly(bottom), STACK, Prot::RW, Origin::Anonymous)?;
    Ok(top)
}

/// The end of a stack that is anywhere, above a page that nobody may touch.
fn another_stack() -> Result<usize, Error> {
    let (nobody, size) = (Prot::default(), STACK + PAGE);
    let guard = unilith_space::map(Place::Anywhere(0), size, nobody, Origin::Anonymous)?;
    unilith_space::protect(guard + PAGE, STACK, Prot::RW)?;
    Ok(guard + size)
}

/// A base for what can be anywhere: where it is free, and `more` bytes after it.
fn room(elf: &Elf<'_>, more: usize) -> Result<usize, Error> {
    let (first, end) = elf.span();
    let size = (end - first).checked_add(elf.align).and_then(|size| size.checked_add(more));
    let size = size.ok_or(Error::Addresses)?;
    let room = unilith_space::find_room(size)?;
    Ok(room.next_multiple_of(elf.align).wrapping_sub(first))
}

/// A base for the first program, if it can be anywhere: two thirds up the address space, as on Linux, which
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

/// Maps the clocks that need no system call; a program does without them, if need be.
fn vdso() -> usize {
    #[cfg(feature = "vdso")]
    return unilith_vdso::map().unwrap_or(0);
    #[cfg(not(feature = "vdso"))]
    0
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
