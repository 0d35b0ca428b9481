//! What system this is.

use unilith_posix_abi::raw::system::sysinfo as Sysinfo;
use unilith_posix_abi::{Result, UserPtr, encode, syscall};

/// Bytes in a field of `struct utsname`.
const FIELD: usize = 65;
/// The version of Linux whose calls these are like: programs (glibc first of all) refuse to run
/// on one that is too old.
pub(crate) const RELEASE: &str = concat!("6.1.0-unilith-", env!("CARGO_PKG_VERSION"));

#[cfg(target_arch = "x86_64")]
const MACHINE: &str = "x86_64";
#[cfg(target_arch = "aarch64")]
const MACHINE: &str = "aarch64";

syscall! {
    /// uname(2)
    pub fn uname[__NR_uname](to: UserPtr) -> Result<()> {
        let mut bytes = [0; 6 * FIELD];
        let fields = ["Linux", "unilith", RELEASE, "#1 Unilith", MACHINE, "(none)"];
        for (field, text) in bytes.chunks_exact_mut(FIELD).zip(fields) {
            field[..text.len()].copy_from_slice(text.as_bytes());
        }
        to.copy_out(&bytes)
    }
}

/// Bytes of memory that the machine had when the image started.
pub(crate) fn total_memory() -> usize {
    (0..).map_while(unilith_platform::memory).map(|region| region.len).sum()
}

syscall! {
    /// sysinfo(2): the load is not known.
    pub fn sysinfo[__NR_sysinfo](to: UserPtr) -> Result<()> {
        to.copy_out(&encode!(Sysinfo {
            uptime: unilith_platform::monotonic_ns() / 1_000_000_000,
            totalram: total_memory(),
            freeram: unilith_mem_api::free_pages() * unilith_mem_api::PAGE_SIZE,
            procs: unilith_posix_task::all_pids().len() as u16,
            mem_unit: 1u32,
        }))
    }
}
