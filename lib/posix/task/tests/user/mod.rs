//! An application's memory of one MiB, and its threads: what is at an address of code is a function
//! of the test.
#![allow(dead_code)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use unilith_posix_api::{Fault, Handlers, MapError, Prot, Registers, ThreadState, UserSpace};

pub const USER: Range<usize> = 0x1_0000..0x11_0000;
/// Bytes of vector registers: x87, SSE, and a header.
pub const VECTORS: usize = 576;

static MEMORY: Mutex<[u8; 0x10_0000]> = Mutex::new([0; 0x10_0000]);
/// Functions by address.
pub static CODE: Mutex<BTreeMap<u64, fn()>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// The registers of the thread.
    pub static REGISTERS: RefCell<Registers> = RefCell::new(Registers::default());
    /// Its vector registers.
    pub static VECTOR: RefCell<[u8; VECTORS]> = const { RefCell::new([0; VECTORS]) };
    /// Its thread pointer.
    pub static POINTER: RefCell<usize> = const { RefCell::new(0x1234) };
}

/// Puts a function at an address.
pub fn code(address: u64, run: fn()) {
    CODE.lock().expect("not poisoned").insert(address, run);
}

pub fn function(address: u64) -> Option<fn()> {
    CODE.lock().expect("not poisoned").get(&address).copied()
}

struct User;

fn inside(addr: usize, len: usize) -> Result<Range<usize>, Fault> {
    let end = addr.checked_add(len).ok_or(Fault)?;
    if addr < USER.start || end > USER.end {
        return Err(Fault);
    }
    Ok(addr - USER.start..end - USER.start)
}

impl UserSpace for User {
    fn range() -> Range<usize> {
        USER
    }
    fn map(_: usize, _: Prot, _: &mut dyn FnMut(&mut [u8])) -> Result<(), MapError> {
        Ok(())
    }
    fn protect(_: usize, _: usize, _: Prot) -> Result<(), MapError> {
        Ok(())
    }
    fn unmap(_: usize, _: usize) -> Result<(), MapError> {
        Ok(())
    }
    fn relocate(_: usize, _: usize, _: usize) -> Result<(), MapError> {
        Ok(())
    }
    fn is_mapped(addr: usize) -> bool {
        USER.contains(&addr)
    }
    fn resident(_: usize, len: usize) -> usize {
        len
    }
    fn copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault> {
        into.copy_from_slice(&MEMORY.lock().expect("not poisoned")[inside(from, into.len())?]);
        Ok(())
    }
    fn copy_out(from: &[u8], to: usize) -> Result<(), Fault> {
        MEMORY.lock().expect("not poisoned")[inside(to, from.len())?].copy_from_slice(from);
        Ok(())
    }
    fn set_thread_pointer(base: usize) -> bool {
        POINTER.set(base);
        base < USER.end
    }
    fn thread_pointer() -> usize {
        POINTER.with_borrow(|pointer| *pointer)
    }
    fn hwcap() -> usize {
        0
    }
    fn prepare(_: &'static Handlers) {}
    fn enter(registers: &Registers) -> ! {
        REGISTERS.set(registers.clone());
        function(registers.rip).expect("code")();
        panic!("a thread fell off its code")
    }
    fn registers() -> Registers {
        REGISTERS.with_borrow(Clone::clone)
    }
    fn set_registers(registers: &Registers) {
        REGISTERS.set(registers.clone());
    }
    fn vectors_len() -> usize {
        VECTORS
    }
    fn save_vectors(_: &Registers, area: &mut [u8]) -> bool {
        let state = VECTOR.with_borrow(|state| *state);
        area.get_mut(..VECTORS).is_some_and(|area| {
            area.copy_from_slice(&state);
            true
        })
    }
    fn load_vectors(_: &mut Registers, area: &[u8]) -> bool {
        // MXCSR has reserved bits.
        let state: Option<&[u8; VECTORS]> = area.first_chunk();
        let valid = state.filter(|state| state[26..28] == [0, 0]);
        valid.is_some_and(|state| {
            VECTOR.set(*state);
            true
        })
    }
    fn new_thread(_: usize) -> Option<ThreadState> {
        None
    }
    fn switch_thread(_: &mut ThreadState, _: &mut ThreadState) {}
    fn drop_thread(_: ThreadState) {}
}

unilith_posix_api::bind!(User);
