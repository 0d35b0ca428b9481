//! What the loader passed: `hvm_start_info` (Xen, `include/public/arch-x86/hvm/start_info.h`).
//!
//! All of it is input: pointers are checked against the direct map, lengths are bounded.

use crate::boot::{DIRECT_MAP, UNILITH_START_INFO};
use core::sync::atomic::Ordering;

const MAGIC: u32 = 0x336e_c578;
/// `XEN_HVM_MEMMAP_TYPE_RAM`.
const RAM: u32 = 1;
/// The command line is cut here.
const COMMAND_LINE_MAX: usize = 64 * 1024;
/// The direct map's size with the largest pages: 512 GiB.
const REACH: u64 = 512 << 30;
/// What the direct map has from the first instruction on: structures must be there, as it is they
/// that tell how far to extend it.
const EARLY_REACH: u64 = unilith_x86_64::paging::HUGE as u64;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    nr_modules: u32,
    modlist: u64,
    command_line: u64,
    rsdp: u64,
    memmap: u64,
    memmap_entries: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Module {
    address: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct MemoryMapEntry {
    address: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

/// Reads a structure from physical memory.
fn read<T: Copy>(physical: u64) -> Option<T> {
    let end = physical.checked_add(size_of::<T>() as u64)?;
    if physical == 0 || end > EARLY_REACH {
        return None;
    }
    // SAFETY: inside the direct map. T is made of integers only (the three structures above).
    Some(unsafe { core::ptr::read_unaligned((physical as usize + DIRECT_MAP) as *const T) })
}

fn start_info() -> Option<StartInfo> {
    let info: StartInfo = read(UNILITH_START_INFO.load(Ordering::Relaxed))?;
    (info.magic == MAGIC).then_some(info)
}

/// Usable memory as the loader describes it: physical ranges, in its order.
pub fn ram() -> impl Iterator<Item = (u64, u64)> {
    let info = start_info().filter(|info| info.version >= 1);
    let (base, count) = info.map_or((0, 0), |info| (info.memmap, info.memmap_entries.min(128)));
    (0..u64::from(count)).filter_map(move |i| {
        let entry: MemoryMapEntry =
            read(base.checked_add(i * size_of::<MemoryMapEntry>() as u64)?)?;
        let end = entry.address.checked_add(entry.size)?.min(REACH);
        (entry.kind == RAM && entry.address < end).then_some((entry.address, end))
    })
}

/// Physical ranges that hold what the loader passed.
pub fn occupied() -> impl Iterator<Item = (u64, u64)> {
    let range = |start: u64, len: usize| (start, start.saturating_add(len as u64));
    let info = start_info().map(|i| {
        let map = i.memmap_entries as usize * size_of::<MemoryMapEntry>();
        [
            range(UNILITH_START_INFO.load(Ordering::Relaxed), size_of::<StartInfo>()),
            range(i.modlist, size_of::<Module>()),
            range(i.command_line, command_line().len() + 1),
            range(i.memmap, map),
        ]
    });
    let module = start_info().and_then(first_module).map(|m| range(m.address, m.size as usize));
    info.into_iter().flatten().chain(module)
}

fn first_module(info: StartInfo) -> Option<Module> {
    if info.nr_modules == 0 { None } else { read(info.modlist) }
}

/// The kernel command line, without its terminator.
pub fn command_line() -> &'static [u8] {
    let Some(info) = start_info().filter(|info| info.command_line != 0) else { return &[] };
    if info.command_line >= EARLY_REACH - COMMAND_LINE_MAX as u64 {
        return &[];
    }
    let start = (info.command_line as usize + DIRECT_MAP) as *const u8;
    let len = (0..COMMAND_LINE_MAX)
        // SAFETY: inside the direct map.
        .find(|&i| unsafe { *start.add(i) } == 0)
        .unwrap_or(COMMAND_LINE_MAX);
    // SAFETY: as above; the loader's memory is not handed out (`occupied`), so it never changes.
    unsafe { core::slice::from_raw_parts(start, len) }
}

/// The first module: the initial RAM disk, where the loader put it.
pub fn initrd() -> &'static [u8] {
    let Some(module) = start_info().and_then(first_module) else { return &[] };
    let inside = ram().any(|(start, end)| {
        start <= module.address
            && module.address.checked_add(module.size).is_some_and(|module_end| module_end <= end)
    });
    if !inside || module.size == 0 {
        return &[];
    }
    // SAFETY: it lies in RAM, inside the direct map, and is not handed out (`occupied`).
    unsafe {
        core::slice::from_raw_parts(
            (module.address as usize + DIRECT_MAP) as *const u8,
            module.size as usize,
        )
    }
}
