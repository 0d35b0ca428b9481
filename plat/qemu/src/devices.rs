//! Device registers: in the direct map like RAM, but uncached. A GiB gets its page table when
//! somebody asks for registers in it: first of all the fourth, where PCs have theirs.

use crate::boot::{BootTable, DIRECT_MAP, KERNEL_BASE, UNILITH_DIRECT, UNILITH_PML4};
use crate::pvh;
use core::ptr::NonNull;
use unilith_sync::Lock;
use unilith_x86_64::cpu;
use unilith_x86_64::paging::{
    CACHE_DISABLE, HUGE, LARGE, LARGE_PAGE, NO_EXECUTE, PRESENT, Table, WRITE, WRITE_THROUGH,
};

/// One for the fourth GiB, one for a GiB of 64-bit addresses, one to lead there if it is beyond
/// 512 GiB, and one to spare.
static TABLES: [BootTable; 4] = [const { BootTable::new() }; 4];
/// How many of them are used.
static USED: Lock<usize> = Lock::new(0);

/// The root's entries from here on map physical memory.
const ROOT_DIRECT: usize = DIRECT_MAP >> 39 & 511;
/// The root's last entry is the kernel's.
const ROOT_KERNEL: usize = KERNEL_BASE >> 39 & 511;
/// A page table's entries.
const ENTRIES: usize = 512;
const UNCACHED: u64 = CACHE_DISABLE | WRITE_THROUGH;

/// Makes `len` bytes of registers at a physical address accessible. `None` if RAM is there, or
/// close by, or if they are out of reach.
pub fn registers(physical: u64, len: usize) -> Option<NonNull<u8>> {
    let start = usize::try_from(physical).ok()?;
    let last = start.checked_add(len.checked_sub(1)?)?;
    // The first GiB is the kernel's.
    if start < HUGE || last >= reach() || is_ram(start, last) {
        return None;
    }
    let mut used = USED.lock();
    for number in start / HUGE..=last / HUGE {
        map(number, &mut used)?;
    }
    NonNull::new((start + DIRECT_MAP) as *mut u8)
}

/// The end of the physical addresses that processor and direct map know.
fn reach() -> usize {
    let bits = cpu::cpuid(0x8000_0008, 0).eax & 0xff;
    1usize.checked_shl(bits).unwrap_or(0).min((ROOT_KERNEL - ROOT_DIRECT) << 39)
}

/// Whether one of the large pages of `start..=last` has RAM.
fn is_ram(start: usize, last: usize) -> bool {
    pvh::ram().any(|(from, to)| {
        start / LARGE <= (to as usize - 1) / LARGE && from as usize / LARGE <= last / LARGE
    })
}

/// Gives GiB `number` a page table in which all but RAM is uncached.
fn map(number: usize, used: &mut usize) -> Option<()> {
    let (zone, index) = (number / ENTRIES, number % ENTRIES);
    // SAFETY: the direct map's tables are changed here only, under the lock that `used` is
    // behind. What was mapped stays mapped to the same place.
    unsafe {
        let directory = if zone == 0 {
            UNILITH_DIRECT.0.get()
        } else {
            let root = &mut *UNILITH_PML4.0.get();
            let entry = &mut root[ROOT_DIRECT + zone];
            if *entry == 0 {
                *entry = physical(fresh(used)?) as u64 | PRESENT | WRITE | NO_EXECUTE;
            }
            (((*entry & !NO_EXECUTE) as usize & !0xfff) + KERNEL_BASE) as *mut Table
        };
        let entry = &mut (*directory)[index];
        let is_done =
            TABLES.iter().any(|table| *entry as usize & !0xfff == physical(table.0.get()));
        if is_done {
            return Some(());
        }
        let table = fresh(used)?;
        let base = number * HUGE;
        for (i, page) in (*table).iter_mut().enumerate() {
            *page = (base + i * LARGE) as u64 | PRESENT | WRITE | LARGE_PAGE | UNCACHED;
        }
        for (from, to) in pvh::ram() {
            let pages = (from as usize).max(base)..(to as usize).min(base + HUGE);
            for at in pages.start / LARGE..pages.end.div_ceil(LARGE).max(pages.start / LARGE) {
                (*table)[at % ENTRIES] &= !UNCACHED;
            }
        }
        *entry = physical(table) as u64 | PRESENT | WRITE;
        cpu::flush_tlb();
    }
    Some(())
}

fn fresh(used: &mut usize) -> Option<*mut Table> {
    let table = TABLES.get(*used)?;
    *used += 1;
    Some(table.0.get())
}

/// The physical address of a table in the image.
fn physical(table: *mut Table) -> usize {
    table as usize - KERNEL_BASE
}
