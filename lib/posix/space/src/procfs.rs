//! What /proc tells about an address space (proc(5)).

use crate::{Area, Origin, PAGE};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use unilith_procfs_api::{Entry, add_size};

/// Files of /proc.
pub const PROCFS: &[Entry] = &[
    Entry::text("self/maps", || text(false)),
    Entry::text("self/smaps", || text(true)),
    Entry::text("self/statm", statm),
];

/// Where a name begins in a line of maps.
const NAME_COLUMN: usize = 73;

/// How large an address space is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// All areas.
    pub mapped: usize,
    /// Areas that may be used, which are in memory.
    pub resident: usize,
    /// Of these, what may be executed.
    pub code: usize,
    /// Of these, what may be written.
    pub data: usize,
}

/// How large the address space is.
pub fn sizes() -> Sizes {
    let mut sizes = Sizes::default();
    crate::for_each(&mut |area| {
        let len = area.end - area.start;
        sizes.mapped += len;
        sizes.resident += resident(area);
        sizes.code += if area.prot.exec { len } else { 0 };
        sizes.data += if area.prot.write { len } else { 0 };
    });
    sizes
}

/// Bytes of an area that are in memory: what has been touched.
fn resident(area: &Area) -> usize {
    let used = area.prot.read || area.prot.write || area.prot.exec;
    if used { unilith_posix_api::resident(area.start, area.end - area.start) * PAGE } else { 0 }
}

fn statm() -> Vec<u8> {
    let Sizes { mapped, resident, code, data } = sizes();
    let pages = |bytes: usize| bytes / PAGE;
    let [mapped, resident, code, data] = [mapped, resident, code, data].map(pages);
    unilith_procfs_api::text!("{mapped} {resident} 0 {code} 0 {data} 0\n")
}

/// Whether others may see what is written to an area.
fn is_shared(area: &Area) -> bool {
    matches!(&area.origin, Origin::File(file) if file.shared)
}

fn text(details: bool) -> Vec<u8> {
    let heap = crate::heap(0);
    let mut last = 0;
    crate::for_each(&mut |area| last = area.start);
    let mut text = String::new();
    crate::for_each(&mut |area| {
        let anonymous = area.origin == Origin::Anonymous && area.prot.write;
        let name = match anonymous {
            true if (area.start..area.end).contains(&heap.wrapping_sub(1)) => "[heap]",
            true if area.start == last => "[stack]",
            _ => "",
        };
        line(&mut text, area, name);
        if details {
            figures(&mut text, area);
        }
    });
    text.into_bytes()
}

fn line(text: &mut String, area: &Area, name: &str) {
    let flag = |set, letter| if set { letter } else { '-' };
    let start = text.len();
    let _ = write!(
        text,
        "{:08x}-{:08x} {}{}{}{} 00000000 00:00 0 ",
        area.start,
        area.end,
        flag(area.prot.read, 'r'),
        flag(area.prot.write, 'w'),
        flag(area.prot.exec, 'x'),
        if is_shared(area) { 's' } else { 'p' },
    );
    while !name.is_empty() && text.len() - start < NAME_COLUMN {
        text.push(' ');
    }
    text.push_str(name);
    text.push('\n');
}

/// The figures of smaps: no page is shared with anybody, swapped out or huge.
fn figures(text: &mut String, area: &Area) {
    let kib = |bytes: usize| bytes / 1024;
    let (size, rss) = (kib(area.end - area.start), kib(resident(area)));
    let (clean, dirty) = if area.prot.write { (0, rss) } else { (rss, 0) };
    let anonymous = if is_shared(area) { 0 } else { rss };
    let page = kib(PAGE);
    for (name, value) in [
        ("Size", size),
        ("KernelPageSize", page),
        ("MMUPageSize", page),
        ("Rss", rss),
        ("Pss", rss),
        ("Shared_Clean", 0),
        ("Shared_Dirty", 0),
        ("Private_Clean", clean),
        ("Private_Dirty", dirty),
        ("Referenced", rss),
        ("Anonymous", anonymous),
        ("LazyFree", 0),
        ("AnonHugePages", 0),
        ("Swap", 0),
        ("SwapPss", 0),
        ("Locked", 0),
    ] {
        add_size(text, name, value);
    }
    text.push_str("THPeligible:    0\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use unilith_posix_api::Prot;

    #[test]
    fn lines_are_those_of_linux() {
        let (prot, origin) = (Prot::RW, Origin::Anonymous);
        let area = Area { start: 0x1000, end: 0x3000, prot, origin, owner: 0 };
        let mut text = String::new();
        line(&mut text, &area, "");
        assert_eq!(text, "00001000-00003000 rw-p 00000000 00:00 0 \n");
        text.clear();
        line(&mut text, &area, "[heap]");
        assert_eq!(text.find("[heap]"), Some(NAME_COLUMN));
    }
}
