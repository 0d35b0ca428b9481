//! Clocks that a Linux program reads without a system call (vdso(7)).
//!
//! Two pages in the program's memory: a shared object with three functions, and behind it the
//! numbers that turn cycles into time. Both are made when they are touched for the first time, so
//! that a program which never asks for the time costs no calibration of the clock.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod image;

use alloc::sync::Arc;
use unilith_fs_api::MemorySource;
use unilith_posix_abi::Result;
use unilith_posix_api::Prot;
use unilith_space::{Mapping, Object, Origin, PAGE, Place};

/// Bytes of both pages.
const LEN: usize = 2 * PAGE;

struct Vdso;

impl Object for Vdso {
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let page = if offset < PAGE as u64 { image::code() } else { image::data() };
        let rest = page.get(offset as usize % PAGE..).unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn in_memory(&self) -> Option<MemorySource> {
        None
    }
}

/// Maps it for the current process: its address, for AT_SYSINFO_EHDR.
pub fn map() -> Result<usize> {
    let file = Mapping { object: Arc::new(Vdso), offset: 0, end: LEN as u64, shared: false };
    let base = unilith_space::map(Place::Anywhere(0), LEN, Prot::R, Origin::File(file))?;
    unilith_space::protect(base, PAGE, Prot::RX)?;
    Ok(base)
}
