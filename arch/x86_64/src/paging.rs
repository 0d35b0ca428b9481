//! Four-level page tables (SDM chapter 4).
//!
//! The kernel reaches page tables, as all physical memory, through the direct map: physical
//! address plus a constant.

/// Bytes in a page.
pub const PAGE: usize = 4096;
/// Bytes that one page table covers (a 2 MiB page).
pub const LARGE: usize = 2 << 20;
/// Bytes that one page directory covers (a 1 GiB page).
pub const HUGE: usize = 1 << 30;

/// The translation exists.
pub const PRESENT: u64 = 1 << 0;
/// Stores are allowed.
pub const WRITE: u64 = 1 << 1;
/// Caches: stores go through (with [`CACHE_DISABLE`]: strong uncacheable, by the PAT's default).
pub const WRITE_THROUGH: u64 = 1 << 3;
/// Caches: not used.
pub const CACHE_DISABLE: u64 = 1 << 4;
/// In a directory: this entry maps a large page.
pub const LARGE_PAGE: u64 = 1 << 7;
/// Instruction fetches are forbidden.
pub const NO_EXECUTE: u64 = 1 << 63;
/// A bit that the processor ignores: the page belongs to a mapping whose access is forbidden
/// (PROT_NONE), so PRESENT is off although there is a frame.
const HELD: u64 = 1 << 9;
/// Another such bit: the frame is not the mapping's own. It is never written to, and not freed.
const BORROWED: u64 = 1 << 10;

const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const ENTRIES: usize = 512;

/// One level of a page table.
pub type Table = [u64; ENTRIES];

/// Where page tables take their frames from and give them back to. Physical addresses.
pub trait Frames {
    /// A frame of undefined content, or `None` when memory is exhausted.
    fn allocate(&mut self) -> Option<usize>;
    /// Takes a frame back.
    fn free(&mut self, frame: usize);
}

/// Why a page could not be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No frame for the page or for a page table.
    NoMemory,
    /// There is a page already, or (for [`Mapper::protect`]) there is none.
    Conflict,
}

/// The lower half of an address space: what an application has mapped, in 4 KiB pages.
pub struct Mapper {
    root: usize,
    direct_map: usize,
}

impl Mapper {
    /// The address space with its root table at physical address `root`.
    ///
    /// # Safety
    /// All tables below `root` are reachable by adding `direct_map` to their physical address,
    /// and nobody changes the lower half but through this object.
    pub const unsafe fn new(root: usize, direct_map: usize) -> Self {
        Self { root, direct_map }
    }

    fn table(&mut self, physical: usize) -> &mut Table {
        // SAFETY: `new` demands that tables are reachable so and are this object's own.
        unsafe { &mut *((physical + self.direct_map) as *mut Table) }
    }

    /// The leaf entry of `address`, if there are tables above it.
    fn find(&mut self, address: usize) -> Option<&mut u64> {
        let table = self.leaf_table(address)?;
        Some(&mut self.table(table)[address >> 12 & (ENTRIES - 1)])
    }

    /// The leaf entry of `address`, with the tables above it made if need be.
    fn make(&mut self, address: usize, frames: &mut dyn Frames) -> Option<&mut u64> {
        let table = match self.leaf_table(address) {
            Some(table) => table,
            None => self.make_tables(address, frames)?,
        };
        Some(&mut self.table(table)[address >> 12 & (ENTRIES - 1)])
    }

    /// The physical address of the table that has the leaf entry of `address`, made if need be.
    #[cold]
    fn make_tables(&mut self, address: usize, frames: &mut dyn Frames) -> Option<usize> {
        let mut table = self.root;
        for shift in [39, 30, 21] {
            let index = address >> shift & (ENTRIES - 1);
            let entry = self.table(table)[index];
            table = if entry & PRESENT != 0 {
                (entry & ADDRESS) as usize
            } else {
                let frame = frames.allocate()?;
                self.table(frame).fill(0);
                self.table(table)[index] = frame as u64 | PRESENT | WRITE;
                frame
            };
        }
        Some(table)
    }

    /// Maps the page at `address` to a fresh frame with the bytes that `fill` leaves in it, which
    /// are zero at first.
    pub fn map(
        &mut self,
        address: usize,
        access: Option<u64>,
        frames: &mut dyn Frames,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), Error> {
        let entry = self.make(address, frames).ok_or(Error::NoMemory)?;
        if *entry != 0 {
            return Err(Error::Conflict);
        }
        let frame = frames.allocate().ok_or(Error::NoMemory)?;
        // SAFETY: the frame is this object's own, reachable as `new` demands, and no table yet.
        let page = unsafe { &mut *((frame + self.direct_map) as *mut [u8; PAGE]) };
        page.fill(0);
        fill(page);
        if let Some(entry) = self.find(address) {
            *entry = frame as u64 | bits(access);
        }
        Ok(())
    }

    /// Maps the page at `address` to `frame`, which stays its owner's: whatever `access` says, it
    /// cannot be written to.
    pub fn borrow(
        &mut self,
        address: usize,
        access: Option<u64>,
        frame: usize,
        frames: &mut dyn Frames,
    ) -> Result<(), Error> {
        let entry = self.make(address, frames).ok_or(Error::NoMemory)?;
        if *entry != 0 {
            return Err(Error::Conflict);
        }
        *entry = frame as u64 & ADDRESS | BORROWED | bits(access) & !WRITE;
        Ok(())
    }

    /// Copies the page at `address` to a fresh frame, if it is borrowed; false if it is not. The
    /// caller flushes the address from the TLB.
    pub fn own(
        &mut self,
        address: usize,
        access: Option<u64>,
        frames: &mut dyn Frames,
    ) -> Result<bool, Error> {
        let direct_map = self.direct_map;
        let Some(entry) = self.find(address).filter(|entry| **entry & BORROWED != 0) else {
            return Ok(false);
        };
        let frame = frames.allocate().ok_or(Error::NoMemory)?;
        let borrowed = (*entry & ADDRESS) as usize;
        // SAFETY: the fresh frame is this object's own, and no table yet; the other is memory that
        // its owner lent. Both are reachable as `new` demands.
        unsafe {
            let from = (borrowed + direct_map) as *const [u8; PAGE];
            ((frame + direct_map) as *mut [u8; PAGE]).copy_from_nonoverlapping(from, 1);
        }
        *entry = frame as u64 | bits(access);
        Ok(true)
    }

    /// The first page from `address` on that is mapped, below `end`. Where there are no tables it
    /// takes one step, however large the gap.
    fn next(&mut self, mut address: usize, end: usize) -> Option<usize> {
        'pages: while address < end {
            let mut table = self.root;
            for shift in [39, 30, 21] {
                let entry = self.table(table)[address >> shift & (ENTRIES - 1)];
                if entry & PRESENT == 0 {
                    address = ((address >> shift) + 1).checked_mul(1 << shift)?;
                    continue 'pages;
                }
                table = (entry & ADDRESS) as usize;
            }
            let first = address >> 12 & (ENTRIES - 1);
            let found = self.table(table)[first..].iter().position(|entry| *entry != 0);
            match found {
                Some(pages) => return Some(address + pages * PAGE).filter(|at| *at < end),
                None => address += (ENTRIES - first) * PAGE,
            }
        }
        None
    }

    /// Calls `visit` for the entry of every page that is mapped in `start..end`, with its address.
    fn each(&mut self, start: usize, end: usize, visit: &mut dyn FnMut(usize, &mut u64)) {
        let mut address = start;
        while let Some(at) = self.next(address, end) {
            if let Some(entry) = self.find(at) {
                visit(at, entry);
            }
            address = at + PAGE;
        }
    }

    /// Changes the access of the pages that are mapped in `start..end`: flags for [`PRESENT`]
    /// pages, or `None` to forbid all. `flush` is told each address for the TLB.
    pub fn protect(
        &mut self,
        start: usize,
        end: usize,
        access: Option<u64>,
        flush: &mut dyn FnMut(usize),
    ) {
        self.each(start, end, &mut |address, entry| {
            let kept = *entry & (ADDRESS | BORROWED);
            let forbidden = if kept & BORROWED != 0 { WRITE } else { 0 };
            *entry = kept | bits(access) & !forbidden;
            flush(address);
        });
    }

    /// How many pages are mapped in `start..end`: a look at each table that there is.
    pub fn count(&mut self, start: usize, end: usize) -> usize {
        let mut count = 0;
        let mut address = start;
        while let Some(at) = self.next(address, end) {
            // `next` has found the table; the rest of it is looked through at once.
            let stop = ((at / LARGE + 1) * LARGE).min(end);
            let (first, pages) = (at >> 12 & (ENTRIES - 1), (stop - at) / PAGE);
            if let Some(table) = self.leaf_table(at) {
                let table = &self.table(table)[first..first + pages];
                count += table.iter().filter(|entry| **entry != 0).count();
            }
            address = stop;
        }
        count
    }

    /// The physical address of the table that has the leaf entry of `address`.
    fn leaf_table(&mut self, address: usize) -> Option<usize> {
        // Not a loop: this is a good part of what a page costs.
        let directories = self.below(self.root, address >> 39)?;
        let directory = self.below(directories, address >> 30)?;
        self.below(directory, address >> 21)
    }

    /// The table that an entry of `table` leads to.
    #[inline(always)]
    fn below(&mut self, table: usize, index: usize) -> Option<usize> {
        let entry = self.table(table)[index & (ENTRIES - 1)];
        (entry & PRESENT != 0).then_some((entry & ADDRESS) as usize)
    }

    /// Whether there is a page at `address`.
    pub fn is_mapped(&mut self, address: usize) -> bool {
        self.find(address).is_some_and(|entry| *entry != 0)
    }

    /// Unmaps the pages that are mapped in `start..end`; `free` gets each address, for the TLB,
    /// and then its frame, unless that was borrowed.
    pub fn unmap(&mut self, start: usize, end: usize, free: &mut dyn FnMut(usize, Option<usize>)) {
        self.each(start, end, &mut |address, entry| {
            let frame = (*entry & BORROWED == 0).then_some((*entry & ADDRESS) as usize);
            *entry = 0;
            free(address, frame);
        });
    }

    /// Moves the pages that are mapped in `start..end` to addresses `distance` further on
    /// (wrapping), where nothing is mapped. `flush` is told each old address. On an error a part
    /// has been moved.
    pub fn relocate(
        &mut self,
        start: usize,
        end: usize,
        distance: usize,
        frames: &mut dyn Frames,
        flush: &mut dyn FnMut(usize),
    ) -> Result<(), Error> {
        let mut address = start;
        while let Some(at) = self.next(address, end) {
            let value = self.find(at).map_or(0, |entry| *entry);
            let to = self.make(at.wrapping_add(distance), frames).ok_or(Error::NoMemory)?;
            if *to != 0 {
                return Err(Error::Conflict);
            }
            *to = value;
            if let Some(from) = self.find(at) {
                *from = 0;
            }
            flush(at);
            address = at + PAGE;
        }
        Ok(())
    }

    /// Frees the page tables that `start..end` needed and below which nothing is mapped any more.
    /// True if there were any: the caller flushes the whole TLB, which may have looked into them.
    pub fn prune(&mut self, start: usize, end: usize, frames: &mut dyn Frames) -> bool {
        let mut pruned = false;
        // From the lowest level up: a table that stays keeps those above it.
        for shift in [21, 30, 39] {
            let span = 1 << shift;
            let mut any = false;
            for address in (start & !(span - 1)..end).step_by(span) {
                any |= self.free_table(address, shift, frames);
            }
            if !any {
                break;
            }
            pruned = true;
        }
        pruned
    }

    /// Frees the table that maps the `1 << shift` bytes around `address`, if it is empty.
    fn free_table(&mut self, address: usize, shift: usize, frames: &mut dyn Frames) -> bool {
        let mut table = self.root;
        for level in [39, 30, 21] {
            let index = address >> level & (ENTRIES - 1);
            let entry = self.table(table)[index];
            if entry & PRESENT == 0 {
                return false;
            }
            let below = (entry & ADDRESS) as usize;
            if level == shift {
                let empty = self.table(below).iter().all(|&entry| entry == 0);
                if empty {
                    self.table(table)[index] = 0;
                    frames.free(below);
                }
                return empty;
            }
            table = below;
        }
        false
    }
}

fn bits(access: Option<u64>) -> u64 {
    match access {
        Some(flags) => flags | PRESENT,
        None => HELD,
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    extern crate std;
    use super::*;
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    #[repr(align(4096))]
    struct Page(Table);

    /// Frames are host memory; a "physical address" is a host address.
    struct Host {
        left: usize,
        freed: Vec<usize>,
    }

    impl Frames for Host {
        fn allocate(&mut self) -> Option<usize> {
            self.left = self.left.checked_sub(1)?;
            Some(Box::into_raw(Box::new(Page([u64::MAX; ENTRIES]))) as usize)
        }
        fn free(&mut self, frame: usize) {
            self.freed.push(frame);
        }
    }

    fn mapper(frames: &mut Host) -> Mapper {
        let root = frames.allocate().unwrap();
        // SAFETY: the frame is a leaked host page, and a table.
        unsafe {
            (*(root as *mut Table)).fill(0);
            Mapper::new(root, 0)
        }
    }

    #[test]
    fn a_page_is_mapped_once_protected_and_unmapped() {
        let mut frames = Host { left: 100, freed: Vec::new() };
        let mut space = mapper(&mut frames);
        let address = 0x40_0000;
        let fill = &mut |page: &mut [u8]| {
            assert!(page.iter().all(|byte| *byte == 0));
            page[7] = 7;
        };
        assert_eq!(space.map(address, Some(WRITE), &mut frames, fill), Ok(()));
        assert_eq!(space.map(address, Some(WRITE), &mut frames, fill), Err(Error::Conflict));
        assert_eq!(space.map(address + PAGE, None, &mut frames, fill), Ok(()));
        assert!(space.is_mapped(address + PAGE));
        let entry = *space.find(address).unwrap();
        assert_eq!(entry & (PRESENT | WRITE | NO_EXECUTE), PRESENT | WRITE);
        // SAFETY: a leaked page of the host.
        assert_eq!(unsafe { *(((entry & ADDRESS) + 7) as *const u8) }, 7);
        let mut flushed = Vec::new();
        let end = address + PAGE;
        space.protect(0x1000, end, Some(NO_EXECUTE), &mut |at| flushed.push(at));
        assert_eq!(flushed, [address]);
        let after = *space.find(address).unwrap();
        assert_eq!(after & ADDRESS, entry & ADDRESS, "the frame stays");
        assert_eq!(after & (PRESENT | WRITE | NO_EXECUTE), PRESENT | NO_EXECUTE);
        assert_eq!(*space.find(address + PAGE).unwrap() & PRESENT, 0);
        let mut freed = Vec::new();
        space.unmap(0x1000, end, &mut |at, frame| freed.push((at, frame)));
        space.unmap(0x1000, end, &mut |at, frame| freed.push((at, frame)));
        assert_eq!(freed, [(address, Some((entry & ADDRESS) as usize))]);
        assert!(space.is_mapped(address + PAGE));
    }

    #[test]
    fn a_large_gap_is_one_step() {
        let mut frames = Host { left: 100, freed: Vec::new() };
        let mut space = mapper(&mut frames);
        let last = (1 << 47) - PAGE;
        assert_eq!(space.map(last, Some(0), &mut frames, &mut |_| {}), Ok(()));
        assert_eq!(space.next(0, 1 << 47), Some(last));
        assert_eq!(space.next(0, last), None);
        assert_eq!(space.map(0x5000, None, &mut frames, &mut |_| {}), Ok(()));
        let counts = [(0, 1 << 47), (0x6000, 1 << 47), (0, 0x5000), (0x5000, 0x6000)];
        assert_eq!(counts.map(|(start, end)| space.count(start, end)), [2, 1, 0, 1]);
    }

    #[test]
    fn pages_move_with_their_frames() {
        let mut frames = Host { left: 100, freed: Vec::new() };
        let mut space = mapper(&mut frames);
        let (from, to) = (0x1f_f000, 0x7000_0000_0000);
        for page in [from, from + 2 * PAGE] {
            assert_eq!(space.map(page, Some(WRITE), &mut frames, &mut |_| {}), Ok(()));
        }
        let entry = *space.find(from).unwrap();
        let distance = to - from;
        let moved = space.relocate(from, from + 3 * PAGE, distance, &mut frames, &mut |_| {});
        assert_eq!(moved, Ok(()));
        assert_eq!(*space.find(to).unwrap(), entry);
        assert!(space.is_mapped(to + 2 * PAGE) && !space.is_mapped(to + PAGE));
        assert_eq!(space.next(0, to), None);
    }

    #[test]
    fn a_borrowed_page_is_never_written_and_never_freed() {
        let mut frames = Host { left: 100, freed: Vec::new() };
        let mut space = mapper(&mut frames);
        let lent = Box::leak(Box::new(Page([7; ENTRIES])));
        let frame = core::ptr::from_mut(lent).expose_provenance();
        let (address, other) = (0x40_0000, 0x40_1000);
        for at in [address, other] {
            assert_eq!(space.borrow(at, Some(WRITE), frame, &mut frames), Ok(()));
            assert_eq!(space.borrow(at, Some(0), frame, &mut frames), Err(Error::Conflict));
        }
        let value = |space: &mut Mapper, at| *space.find(at).unwrap();
        let first = value(&mut space, address);
        assert_eq!(first & (ADDRESS | PRESENT | WRITE), frame as u64 | PRESENT);
        // However often its access changes, and wherever it moves.
        for access in [None, Some(NO_EXECUTE), Some(WRITE | NO_EXECUTE)] {
            space.protect(address, address + PAGE, access, &mut |_| {});
            let now = value(&mut space, address);
            assert_eq!(now & (ADDRESS | WRITE), frame as u64);
            assert_eq!(now & PRESENT != 0, access.is_some());
        }
        let moved = 0x1_4000_0000;
        let by = moved - address;
        let relocated = space.relocate(address, address + PAGE, by, &mut frames, &mut |_| {});
        assert_eq!(relocated, Ok(()));
        // A store needs a frame of its own, with the same contents.
        frames.left = 0;
        let access = Some(WRITE | NO_EXECUTE);
        assert_eq!(space.own(moved, access, &mut frames), Err(Error::NoMemory));
        frames.left = 1;
        assert_eq!(space.own(moved, access, &mut frames), Ok(true));
        assert_eq!(space.own(moved, access, &mut frames), Ok(false), "it is owned already");
        assert_eq!(space.own(address, access, &mut frames), Ok(false), "nothing is there");
        let owned = value(&mut space, moved);
        assert_eq!(owned & (PRESENT | WRITE | NO_EXECUTE), PRESENT | WRITE | NO_EXECUTE);
        let copy = (owned & ADDRESS) as usize;
        assert_ne!(copy, frame);
        // SAFETY: a leaked page of the host.
        unsafe {
            assert_eq!(*(copy as *const Table), [7; ENTRIES]);
            (*(copy as *mut Table))[0] = 8;
        }
        assert_eq!(lent.0[0], 7);
        let mut freed = Vec::new();
        space.unmap(0, 1 << 47, &mut |at, frame| freed.push((at, frame)));
        assert_eq!(freed, [(other, None), (moved, Some(copy))]);
    }

    #[test]
    fn empty_tables_are_freed_and_others_stay() {
        let mut frames = Host { left: 100, freed: Vec::new() };
        let mut space = mapper(&mut frames);
        let (here, there) = (5 * HUGE, 5 * HUGE + LARGE);
        for address in [here, here + PAGE, there] {
            assert_eq!(space.map(address, Some(0), &mut frames, &mut |_| {}), Ok(()));
        }
        let mut gone = 0;
        let mut unmap = |space: &mut Mapper, at| space.unmap(at, at + PAGE, &mut |_, _| gone += 1);
        assert!(!space.prune(here, there, &mut frames), "they are in use");
        unmap(&mut space, here);
        assert!(!space.prune(here, here + PAGE, &mut frames), "it is half in use");
        unmap(&mut space, here + PAGE);
        assert!(space.prune(here, here + PAGE, &mut frames));
        assert_eq!(frames.freed.len(), 1, "their table");
        assert!(space.is_mapped(there));
        unmap(&mut space, there);
        assert!(space.prune(here, there + PAGE, &mut frames));
        assert_eq!(frames.freed.len(), 1 + 3, "all tables but the root");
        assert!(!space.prune(0, 1 << 32, &mut frames));
        assert_eq!(space.map(here, Some(0), &mut frames, &mut |_| {}), Ok(()));
        assert_eq!(gone, 3);
    }

    #[test]
    fn exhaustion_is_an_error_and_leaves_no_half_mapping() {
        for left in 1..5 {
            let mut frames = Host { left, freed: Vec::new() };
            let mut space = mapper(&mut frames);
            let mapped = space.map(0x1000, Some(0), &mut frames, &mut |_| {});
            assert_eq!(mapped, Err(Error::NoMemory));
            assert!(!space.is_mapped(0x1000));
        }
    }
}
