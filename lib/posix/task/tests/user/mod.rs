//! An application's memory of one MiB, and a record of what its threads do.
#![allow(dead_code)]

use std::ops::Range;
use std::sync::Mutex;
use unilith_posix_api::{Fault, MapError, Prot, Registers, UserSpace};

pub const USER: Range<usize> = 0x1_0000..0x11_0000;

static MEMORY: Mutex<[u8; 0x10_0000]> = Mutex::new([0; 0x10_0000]);
/// What a thread does that enters the application.
pub static PROGRAM: Mutex<Option<fn(Registers) -> !>> = Mutex::new(None);
/// The vector state of every thread.
pub static VECTOR: Mutex<[u8; 576]> = Mutex::new([0; 576]);

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
    fn map(addr: usize, len: usize, _: Prot) -> Result<(), MapError> {
        let range = inside(addr, len).map_err(|_| MapError::Invalid)?;
        MEMORY.lock().expect("not poisoned")[range].fill(0);
        Ok(())
    }
    fn protect(_: usize, _: usize, _: Prot) -> Result<(), MapError> {
        Ok(())
    }
    fn unmap(_: usize, _: usize) -> Result<(), MapError> {
        Ok(())
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
        base < USER.end
    }
    fn thread_pointer() -> usize {
        0x1234
    }
    fn hwcap() -> usize {
        0
    }
    fn start(registers: &Registers, _: fn(&mut Registers)) -> ! {
        Self::resume(registers)
    }
    fn resume(registers: &Registers) -> ! {
        let program = *PROGRAM.lock().expect("not poisoned");
        program.expect("a program")(*registers)
    }
    fn save_vector_state(area: &mut [u8]) -> usize {
        let state = VECTOR.lock().expect("not poisoned");
        if let Some(area) = area.get_mut(..state.len()) {
            area.copy_from_slice(&*state);
        }
        state.len()
    }
    fn restore_vector_state(area: &[u8]) -> bool {
        let mut state = VECTOR.lock().expect("not poisoned");
        // MXCSR has reserved bits.
        let valid = area.len() >= state.len() && area[26..28] == [0, 0];
        if valid {
            let len = state.len();
            state.copy_from_slice(&area[..len]);
        }
        valid
    }
}

unilith_posix_api::bind!(User);
