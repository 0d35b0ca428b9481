//! The kernel's final page tables, and the memory that is left to hand out.

use crate::boot::{
    DIRECT_MAP, KERNEL_BASE, UNILITH_DIRECT, UNILITH_DIRECT_LOW, UNILITH_KERNEL, UNILITH_PML4,
};
use crate::pvh;
use unilith_platform::Region;
use unilith_x86_64::cpu;
use unilith_x86_64::paging::{HUGE, LARGE, LARGE_PAGE, NO_EXECUTE, PAGE, PRESENT, Table, WRITE};

unsafe extern "C" {
    static __unilith_image_start: u8;
    static __unilith_rodata_start: u8;
    static __unilith_data_start: u8;
    static __unilith_guard: u8;
    static __unilith_stack_start: u8;
    static __unilith_stack_end: u8;
    static __unilith_page_tables: u8;
    static __unilith_page_tables_end: u8;
    static __unilith_image_end: u8;
}

macro_rules! physical {
    ($symbol:ident) => {
        (&raw const $symbol) as usize - KERNEL_BASE
    };
}

/// The boot stack.
pub fn stack() -> core::ops::Range<usize> {
    (&raw const __unilith_stack_start) as usize..(&raw const __unilith_stack_end) as usize
}

/// The unmapped page below the boot stack.
pub fn guard() -> core::ops::Range<usize> {
    let start = (&raw const __unilith_guard) as usize;
    start..start + PAGE
}

/// Physical address of the root table.
pub fn root() -> usize {
    UNILITH_PML4.0.get() as usize - KERNEL_BASE
}

/// The kernel proper: what its instructions may come from.
pub fn text() -> core::ops::Range<usize> {
    (&raw const __unilith_image_start) as usize..(&raw const __unilith_rodata_start) as usize
}

/// Replaces the boot mapping: text executable and read-only, constants read-only, all else
/// writable and not executable, the direct map included; the identity mapping goes.
///
/// The image's 4 KiB page tables serve both the kernel's mapping and the direct map, so that the
/// latter is no way around the protections.
///
/// # Safety
/// Runs once, on the boot processor, on the boot page tables.
pub unsafe fn finish_page_tables() {
    let text = physical!(__unilith_image_start);
    let rodata = physical!(__unilith_rodata_start);
    let data = physical!(__unilith_data_start);
    let guard = physical!(__unilith_guard);
    let tables = physical!(__unilith_page_tables);
    let image_end = physical!(__unilith_image_end);
    let count = image_end.div_ceil(LARGE);

    // SAFETY: these tables are the kernel's own; nobody else runs. Each new mapping leads where
    // the old one led, so the code goes on undisturbed.
    unsafe {
        let low = &mut *UNILITH_DIRECT_LOW.0.get();
        let directory = fresh_table(tables);
        for i in 0..count {
            let table_at = tables + (1 + i) * PAGE;
            let table = fresh_table(table_at);
            let mut address = i * LARGE;
            for entry in table.iter_mut() {
                *entry = if address < text || address >= data {
                    address as u64 | PRESENT | WRITE | NO_EXECUTE
                } else if address < rodata {
                    address as u64 | PRESENT
                } else {
                    address as u64 | PRESENT | NO_EXECUTE
                };
                address += PAGE;
            }
            if guard / LARGE == i {
                table[guard % LARGE / PAGE] = 0;
            }
            let entry = table_at as u64 | PRESENT | WRITE;
            directory[i] = entry;
            low[i] = entry;
        }
        (*UNILITH_KERNEL.0.get())[510] = tables as u64 | PRESENT | WRITE;
        let root = &mut *UNILITH_PML4.0.get();
        root[256] |= NO_EXECUTE;
        root[0] = 0;
        map_high_memory();
        cpu::flush_tlb();
    }
}

/// The table at physical address `at`, one of those that the linker script reserves; zero.
///
/// # Safety
/// Each is asked for once.
unsafe fn fresh_table(at: usize) -> &'static mut Table {
    debug_assert!(at < physical!(__unilith_page_tables_end));
    // SAFETY: the caller asks once for each.
    unsafe { &mut *((at + KERNEL_BASE) as *mut Table) }
}

fn has_huge_pages() -> bool {
    const PDPE1GB: u32 = 1 << 26;
    cpu::cpuid(0x8000_0001, 0).edx & PDPE1GB != 0
}

/// Page directories for the direct map above 1 GiB on processors without 1 GiB pages are carved
/// from right behind the image: there is RAM, since the machine has more than 1 GiB of it.
fn carved_tables() -> usize {
    let top = pvh::ram().map(|(_, end)| end as usize).max().unwrap_or(0);
    if top <= HUGE || has_huge_pages() { 0 } else { top.div_ceil(HUGE) - 1 }
}

/// Extends the direct map beyond its first GiB.
///
/// # Safety
/// As [`finish_page_tables`].
unsafe fn map_high_memory() {
    let top = pvh::ram().map(|(_, end)| end as usize).max().unwrap_or(0);
    if top <= HUGE {
        return;
    }
    let huge_pages = has_huge_pages();
    // SAFETY: the tables are the kernel's; the carved ones are RAM that nobody has yet.
    unsafe {
        let direct = &mut *UNILITH_DIRECT.0.get();
        for (i, entry) in direct.iter_mut().enumerate().take(top.div_ceil(HUGE)).skip(1) {
            if huge_pages {
                *entry = (i * HUGE) as u64 | PRESENT | WRITE | LARGE_PAGE;
            } else {
                let table_at = physical!(__unilith_image_end) + (i - 1) * PAGE;
                let table = &mut *((table_at + DIRECT_MAP) as *mut Table);
                for (j, large) in table.iter_mut().enumerate() {
                    *large = (i * HUGE + j * LARGE) as u64 | PRESENT | WRITE | LARGE_PAGE;
                }
                *entry = table_at as u64 | PRESENT | WRITE;
            }
        }
    }
}

/// The first MiB belongs to firmware and to what the loader left there.
const LOW: u64 = 1 << 20;

/// The `index`-th free range: RAM minus the image and what the loader passed.
///
/// Cuts are found by walking the memory from the bottom: from each address to the next
/// obstacle. There are a handful, and this is asked a handful of times.
pub fn region(index: usize) -> Option<Region> {
    let image = (LOW, (physical!(__unilith_image_end) + carved_tables() * PAGE) as u64);
    let obstacles = || core::iter::once(image).chain(pvh::occupied());
    let mut left = index;
    for (start, end) in pvh::ram() {
        let mut at = start.max(LOW);
        while at < end {
            // Inside an obstacle: go behind it.
            if let Some((_, behind)) = obstacles().find(|&(from, to)| from <= at && at < to) {
                at = behind;
                continue;
            }
            let stop =
                obstacles().map(|(from, _)| from).filter(|&from| from > at).fold(end, u64::min);
            let first = (at as usize).next_multiple_of(PAGE);
            let last = stop as usize / PAGE * PAGE;
            if first < last {
                if left == 0 {
                    return Some(Region { start: first + DIRECT_MAP, len: last - first });
                }
                left -= 1;
            }
            at = stop;
        }
    }
    None
}
