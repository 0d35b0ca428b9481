//! Loads and starts a Linux program.
//!
//! What execve(2) does in a kernel, also for the first program of an image: find it, check it, map its
//! segments, build the stack that it starts with (System V ABI, AMD64 supplement, 3.4), and go.
//! The file may be anybody's. Everything in it is checked before anything is mapped, and what is
//! wrong is said in one line, with what to do about it.
//!
//! Pages are writable or executable, never both: a segment that asks for both is refused, and a
//! request for an executable stack (PT_GNU_STACK) is passed over.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod format;
mod load;
mod procfs;
mod program;
mod stack;

pub use error::Error;
pub use format::{Elf, Kind, Segment};
pub use load::{Start, load};
pub use procfs::{PROCFS, set_running};
pub use program::Program;
pub use stack::{Auxiliary, build as build_stack};

use unilith_posix_api::Handlers;
use unilith_print::eprintln;

/// The platform handles pages of this size.
pub(crate) const PAGE: usize = unilith_space::PAGE;

/// Starts the program that the command line names, whose events `handlers` are for. Comes back
/// only if that is impossible, with the exit status that a shell would give, after saying why:
/// 127 if there is no such program, 126 if it cannot be run.
pub fn main(handlers: &'static Handlers) -> u8 {
    let program = match Program::from_command_line() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("unilith: {}", error);
            return error.status();
        }
    };
    unilith_posix_api::prepare(handlers);
    match load::first(&program) {
        Ok(start) => {
            let registers = start.registers();
            set_running(start.program);
            drop(program); // nothing comes back here
            unilith_posix_api::enter(&registers)
        }
        Err(error) => {
            eprintln!("unilith: {}: {}", program.shown(), error);
            error.status()
        }
    }
}
