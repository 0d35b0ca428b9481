//! Mapping and unmapping.

use alloc::sync::Arc;
use unilith_fs_api::{FileType, MemorySource};
use unilith_posix_abi::raw::general::{
    MAP_32BIT, MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_HUGETLB, MAP_NORESERVE,
    MAP_POPULATE, MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE, MAP_TYPE, MREMAP_FIXED,
    MREMAP_MAYMOVE, PROT_EXEC, PROT_READ, PROT_WRITE,
};
use unilith_posix_abi::{Errno, Fd, Result, syscall};
use unilith_posix_api::{Access, Prot};
use unilith_posix_fd::{Description, table};
use unilith_space::{Mapping, Object, Origin, PAGE, Place, round_up};

/// The end of what MAP_32BIT means.
const LOW: usize = 1 << 31;

fn prot(bits: u32) -> Result<Prot> {
    if bits & !(PROT_READ | PROT_WRITE | PROT_EXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    // A page that can be written or executed can be read on this machine, as on Linux.
    Ok(Prot { read: bits != 0, write: bits & PROT_WRITE != 0, exec: bits & PROT_EXEC != 0 })
}

/// An open file that areas are mapped from: it stays open for them.
struct OpenFile(Arc<Description>);

impl Object for OpenFile {
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        self.0.file().read(offset, into)
    }

    fn in_memory(&self) -> Option<MemorySource> {
        self.0.file().in_memory()
    }
}

/// How a file may be mapped, if it may.
fn file_origin(open: Arc<Description>, shared: bool, prot: Prot, offset: u64) -> Result<Origin> {
    let file = open.readable().map_err(|_| Errno::EACCES)?;
    if file.metadata()?.file_type != FileType::Regular {
        return Err(Errno::ENODEV);
    }
    match (shared, file.in_memory().is_some()) {
        (true, true) if prot.write => return Err(Errno::EACCES),
        (true, false) => return Err(Errno::ENODEV),
        _ => {}
    }
    Ok(Origin::File(Mapping { object: Arc::new(OpenFile(open)), offset, end: u64::MAX, shared }))
}

syscall! {
    /// mmap(2): private and anonymous memory, files page by page on the first touch.
    pub fn mmap[__NR_mmap](
        addr: usize,
        len: usize,
        protection: u32,
        flags: u32,
        fd: Fd,
        offset: u64,
    ) -> Result<usize> {
        let prot = prot(protection)?;
        if len == 0 || !offset.is_multiple_of(PAGE as u64) {
            return Err(Errno::EINVAL);
        }
        let shared = match flags & MAP_TYPE {
            MAP_PRIVATE => false,
            MAP_SHARED | MAP_SHARED_VALIDATE => true,
            _ => return Err(Errno::EINVAL),
        };
        if flags & MAP_HUGETLB != 0 {
            return Err(Errno::ENOMEM); // there are no huge pages set aside
        }
        let place = match () {
            _ if flags & MAP_FIXED_NOREPLACE != 0 => Place::Exactly(addr),
            _ if flags & MAP_FIXED != 0 => Place::Replace(addr),
            _ if flags & MAP_32BIT != 0 => Place::Below(LOW),
            _ => Place::Anywhere(addr),
        };
        if flags & MAP_NORESERVE == 0 {
            unilith_space::check_promise(len, prot)?;
        }
        let finish = |addr| {
            if flags & MAP_POPULATE != 0 && prot.read {
                // As on Linux a failure is not told.
                let _ = unilith_space::populate(addr, len, Access::Read);
            }
            Ok(addr)
        };
        if flags & MAP_ANONYMOUS != 0 {
            // With one process nobody is there to share with.
            return finish(unilith_space::map(place, len, prot, Origin::Anonymous)?);
        }
        let origin = file_origin(table::get(fd)?, shared, prot, offset)?;
        finish(unilith_space::map(place, len, prot, origin)?)
    }
}

syscall! {
    /// munmap(2)
    pub fn munmap[__NR_munmap](addr: usize, len: usize) -> Result<()> {
        unilith_space::unmap(addr, len)
    }
}

syscall! {
    /// mprotect(2): EACCES for memory that would be writable and executable.
    pub fn mprotect[__NR_mprotect](addr: usize, len: usize, protection: u32) -> Result<()> {
        unilith_space::protect(addr, len, prot(protection)?)
    }
}

syscall! {
    /// brk(2): where the heap ends afterwards.
    pub fn brk[__NR_brk](end: usize) -> usize {
        unilith_space::heap(end)
    }
}

syscall! {
    /// mremap(2): anonymous memory and private copies of files.
    pub fn mremap[__NR_mremap](
        addr: usize,
        old_len: usize,
        new_len: usize,
        flags: u32,
        new_addr: usize,
    ) -> Result<usize> {
        let fixed = flags & MREMAP_FIXED != 0;
        if flags & !(MREMAP_MAYMOVE | MREMAP_FIXED) != 0
            || fixed && flags & MREMAP_MAYMOVE == 0
            || !addr.is_multiple_of(PAGE)
            || old_len == 0
            || new_len == 0
        {
            return Err(Errno::EINVAL);
        }
        let (old_len, new_len) = (round_up(old_len)?, round_up(new_len)?);
        let area = unilith_space::area(addr).ok_or(Errno::EFAULT)?;
        // What is to go away need not be there.
        if area.end - addr < old_len.min(new_len) {
            return Err(Errno::EFAULT);
        }
        if fixed {
            let overlap = new_addr < addr.saturating_add(old_len)
                && addr < new_addr.saturating_add(new_len);
            if !new_addr.is_multiple_of(PAGE) || overlap {
                return Err(Errno::EINVAL);
            }
        } else if new_len <= old_len {
            if new_len < old_len {
                unilith_space::unmap(addr + new_len, old_len - new_len)?;
            }
            return Ok(addr);
        } else if area.end - addr == old_len
            && unilith_space::extend(addr, old_len, new_len).is_ok()
        {
            return Ok(addr);
        } else if flags & MREMAP_MAYMOVE == 0 {
            return Err(Errno::ENOMEM);
        }
        let offset = addr - area.start;
        let origin = match &area.origin {
            Origin::Anonymous => Origin::Anonymous,
            Origin::File(file) => {
                Origin::File(Mapping { offset: file.offset + offset as u64, ..file.clone() })
            }
        };
        let place = if fixed { Place::Replace(new_addr) } else { Place::Anywhere(0) };
        let to = unilith_space::map(place, new_len, area.prot, origin)?;
        let moved = old_len.min(new_len);
        if let Err(error) = unilith_space::relocate(addr, to, moved) {
            let _ = unilith_space::unmap(to, new_len);
            return Err(error);
        }
        if old_len > moved {
            unilith_space::unmap(addr + moved, old_len - moved)?;
        }
        Ok(to)
    }
}
