//! Advice about memory, and questions. What has been touched stays resident.

use unilith_posix_abi::raw::general::{
    MADV_COLD, MADV_DODUMP, MADV_DOFORK, MADV_DONTDUMP, MADV_DONTFORK, MADV_DONTNEED, MADV_FREE,
    MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_NORMAL, MADV_PAGEOUT, MADV_POPULATE_READ,
    MADV_POPULATE_WRITE, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MS_ASYNC, MS_INVALIDATE,
    MS_SYNC,
};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_posix_api::Access;
use unilith_space::{PAGE, round_up};

syscall! {
    /// madvise(2): MADV_DONTNEED drops contents; MADV_POPULATE_* brings them in; hints that need
    /// not be heeded are accepted; what has a meaning that is missing here is EINVAL.
    pub fn madvise[__NR_madvise](addr: usize, len: usize, advice: u32) -> Result<()> {
        if !addr.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        match advice {
            MADV_DONTNEED => unilith_space::discard(addr, len),
            MADV_NORMAL | MADV_RANDOM | MADV_SEQUENTIAL | MADV_WILLNEED | MADV_FREE
            | MADV_DONTFORK | MADV_DOFORK | MADV_HUGEPAGE | MADV_NOHUGEPAGE | MADV_DONTDUMP
            | MADV_DODUMP | MADV_COLD | MADV_PAGEOUT => unilith_space::check_mapped(addr, len),
            MADV_POPULATE_READ | MADV_POPULATE_WRITE => {
                unilith_space::check_mapped(addr, len)?;
                let write = advice == MADV_POPULATE_WRITE;
                let access = if write { Access::Write } else { Access::Read };
                unilith_space::populate(addr, len, access).map_err(|_| Errno::EFAULT)
            }
            _ => Err(Errno::EINVAL),
        }
    }
}

syscall! {
    /// msync(2): no mapping is connected with a file, so there is nothing to write.
    pub fn msync[__NR_msync](addr: usize, len: usize, flags: u32) -> Result<()> {
        if flags & !(MS_ASYNC | MS_INVALIDATE | MS_SYNC) != 0
            || flags & (MS_ASYNC | MS_SYNC) == MS_ASYNC | MS_SYNC
        {
            return Err(Errno::EINVAL);
        }
        unilith_space::check_mapped(addr, len)
    }
}

syscall! {
    /// mincore(2)
    pub fn mincore[__NR_mincore](addr: usize, len: usize, to: UserPtr) -> Result<()> {
        unilith_space::check_mapped(addr, len)?;
        for page in 0..round_up(len)? / PAGE {
            let resident = unilith_posix_api::is_mapped(addr + page * PAGE);
            to.add(page).copy_out(&[u8::from(resident)])?;
        }
        Ok(())
    }
}

syscall! {
    /// mlock(2): memory is never taken away, but has to be there.
    pub fn mlock[__NR_mlock](addr: usize, len: usize) -> Result<()> {
        let (addr, len) = (addr & !(PAGE - 1), len.saturating_add(addr % PAGE));
        unilith_space::check_mapped(addr, len)?;
        unilith_space::populate(addr, len, Access::Read)
    }
}

syscall! {
    /// munlock(2)
    pub fn munlock[__NR_munlock](addr: usize, len: usize) -> Result<()> {
        unilith_space::check_mapped(addr & !(PAGE - 1), len.saturating_add(addr % PAGE))
    }
}
