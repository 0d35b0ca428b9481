//! Pages on the first touch.

use crate::areas::{Area, Origin};
use crate::{PAGE, SPACE};
use alloc::vec;
use unilith_posix_abi::Errno;
use unilith_posix_api::{Access, MapError, is_mapped, map};

/// Pages that one touch brings in: those of files are likely to be used together, and a copy is
/// cheaper than a trap. Zeros are taken in smaller portions, as memory is what they cost.
const FILE_PAGES: usize = 16;
const ZERO_PAGES: usize = 4;

/// An application touched memory that is not mapped, or not that way. True if it may try again.
pub fn fault(addr: usize, access: Access) -> bool {
    let page = addr & !(PAGE - 1);
    let Some(area) = allowed(page, access) else { return false };
    if is_mapped(page) {
        // It was mapped meanwhile, or its protection forbids it: `allowed` has spoken.
        return false;
    }
    match &area.origin {
        Origin::Anonymous => fill(&area, page, ZERO_PAGES, &mut |_, _| {}),
        Origin::File(mapping) => {
            let first = mapping.after(page - area.start);
            match first.in_memory() {
                Some(data) => fill(&area, page, FILE_PAGES, &mut |at, into| {
                    let rest = data.get(at - page..).unwrap_or_default();
                    let len = rest.len().min(PAGE);
                    into[..len].copy_from_slice(&rest[..len]);
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
                        || fill(&area, page, 1, &mut |_, into| into.copy_from_slice(&bytes))
                }
            }
        }
    }
}

/// Maps up to `most` pages of `area` from `page` on, which is not mapped. The first one counts:
/// more is a favour.
fn fill(area: &Area, page: usize, most: usize, into: &mut dyn FnMut(usize, &mut [u8])) -> bool {
    let end = area.end.min(page + most * PAGE);
    let mut at = page;
    while at < end && (at == page || !is_mapped(at)) {
        match map(at, area.prot, &mut |bytes| into(at, bytes)) {
            Ok(()) => at += PAGE,
            Err(MapError::NoMemory) if at == page => crate::out_of_memory(),
            Err(_) => break,
        }
    }
    at > page
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
