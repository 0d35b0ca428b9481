//! Pages on the first touch.

use crate::areas::{Area, Origin};
use crate::{PAGE, SPACE};
use alloc::vec;
use unilith_posix_abi::Errno;
use unilith_posix_api::{Access, MapError, Prot, is_mapped, make_own, map, map_in_place};

/// Pages that one touch brings in: those of files are likely to be used together, and bringing
/// them is cheaper than a trap. Zeros are taken in smaller portions, as memory is what they cost.
const FILE_PAGES: usize = 16;
const ZERO_PAGES: usize = 4;

/// An application touched memory that is not mapped, or not that way. True if it may try again.
pub fn fault(addr: usize, access: Access) -> bool {
    let page = addr & !(PAGE - 1);
    let Some(area) = allowed(page, access) else { return false };
    if is_mapped(page) {
        // It was mapped meanwhile, or its protection forbids it: `allowed` has spoken. But a page
        // of a file that lies in memory is copied at the first store only.
        return access == Access::Write && copy(page, area.prot);
    }
    match &area.origin {
        Origin::Anonymous => {
            fill(&area, page, ZERO_PAGES, &mut |at| map(at, area.prot, &mut |_| {}))
        }
        Origin::File(mapping) => {
            let first = mapping.after(page - area.start);
            match first.in_memory() {
                Some(data) => fill(&area, page, FILE_PAGES, &mut |at| {
                    let rest = data.get(at - page..).unwrap_or_default();
                    show(at, area.prot, rest.get(..PAGE).unwrap_or(rest))
                }),
                None => {
                    // Reading may wait: another thread may change the areas meanwhile.
                    let mut bytes = vec![0; PAGE];
                    let read = first.read(&mut bytes).is_ok();
                    let same = allowed(page, access).is_some_and(|now| now == area);
                    if !read || !same {
                        return read && !same;
                    }
                    is_mapped(page)
                        || fill(&area, page, 1, &mut |at| {
                            map(at, area.prot, &mut |into| into.copy_from_slice(&bytes))
                        })
                }
            }
        }
    }
}

/// Maps up to `most` pages of `area` from `page` on, which is not mapped, by `bring`. The first one
/// counts: more is a favour.
fn fill(
    area: &Area,
    page: usize,
    most: usize,
    bring: &mut dyn FnMut(usize) -> Result<(), MapError>,
) -> bool {
    let end = area.end.min(page + most * PAGE);
    let mut at = page;
    while at < end {
        match bring(at) {
            Ok(()) => at += PAGE,
            Err(MapError::NoMemory) if at == page => crate::out_of_memory(),
            // Among other reasons, because something is there already.
            Err(_) => break,
        }
    }
    at > page
}

/// Maps a page with `bytes`, which never change, and zeros after them. Whole pages that nobody may
/// write to need no copy. Others get one at once: they are there to be written.
fn show(page: usize, prot: Prot, bytes: &'static [u8]) -> Result<(), MapError> {
    if !prot.write && bytes.len() == PAGE && map_in_place(page, prot, bytes)? {
        return Ok(());
    }
    map(page, prot, &mut |into| into[..bytes.len()].copy_from_slice(bytes))
}

/// Gives the application its own copy of a page that was mapped in place. False if it was not.
fn copy(page: usize, prot: Prot) -> bool {
    match make_own(page, prot) {
        Ok(copied) => copied,
        Err(MapError::NoMemory) => crate::out_of_memory(),
        Err(MapError::Invalid) => false,
    }
}

/// The area at `page`, if it may be touched that way.
fn allowed(page: usize, access: Access) -> Option<Area> {
    let space = SPACE.lock();
    let area = space.areas.at(page)?;
    let allowed = match access {
        Access::Read => area.prot.read,
        Access::Write => area.prot.write,
        Access::Execute => area.prot.exec,
    };
    allowed.then(|| area.clone())
}

/// Maps all of `addr..addr + len` now, as the kernel is about to use it or was asked to.
pub fn populate(addr: usize, len: usize, access: Access) -> Result<(), Errno> {
    let end = addr.checked_add(len).ok_or(Errno::ENOMEM)?;
    let mut page = addr & !(PAGE - 1);
    while page < end {
        if !is_mapped(page) && !fault(page, access) {
            return Err(Errno::ENOMEM);
        }
        page += PAGE;
    }
    Ok(())
}
