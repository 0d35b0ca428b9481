//! eventfd(2): a counter that can be waited for.

use alloc::boxed::Box;
use unilith_fs_api::{FileType, Metadata};
use unilith_posix_abi::raw::general::{
    EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE, O_NONBLOCK, O_RDWR,
};
use unilith_posix_abi::{Errno, Fd, Result, syscall};
use unilith_posix_fd::{Events, File, nameless, table};
use unilith_posix_task::WaitQueue;
use unilith_sync::Lock;

/// What the counter holds at most; with one more it would look like an error (man page).
const MOST: u64 = u64::MAX - 1;

struct EventFd {
    count: Lock<u64>,
    semaphore: bool,
    queue: WaitQueue,
}

impl File for EventFd {
    fn metadata(&self) -> Result<Metadata> {
        Ok(nameless(FileType::CharDevice, 0o600, 2))
    }

    fn read(&self, _: u64, buf: &mut [u8]) -> Result<usize> {
        let into = buf.first_chunk_mut::<8>().ok_or(Errno::EINVAL)?;
        {
            let mut count = self.count.lock();
            let taken = match *count {
                0 => return Err(Errno::EAGAIN),
                _ if self.semaphore => 1,
                all => all,
            };
            *count -= taken;
            *into = taken.to_ne_bytes();
        }
        self.queue.wake_all();
        Ok(into.len())
    }

    fn write(&self, _: u64, data: &[u8]) -> Result<usize> {
        let added = data.first_chunk::<8>().ok_or(Errno::EINVAL)?;
        let added = match u64::from_ne_bytes(*added) {
            u64::MAX => return Err(Errno::EINVAL),
            added => added,
        };
        {
            let mut count = self.count.lock();
            if added > MOST - *count {
                return Err(Errno::EAGAIN);
            }
            *count += added;
        }
        self.queue.wake_all();
        Ok(8)
    }

    fn is_stream(&self) -> bool {
        false
    }

    fn ready(&self) -> Events {
        let count = *self.count.lock();
        Events::READ.when(count > 0) | Events::WRITE.when(count < MOST)
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }
}

syscall! {
    /// eventfd2(2)
    pub fn eventfd2[__NR_eventfd2](initial: u32, flags: u32) -> Result<Fd> {
        if flags & !(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE) != 0 {
            return Err(Errno::EINVAL);
        }
        let file = EventFd {
            count: Lock::new(initial.into()),
            semaphore: flags & EFD_SEMAPHORE != 0,
            queue: WaitQueue::new(),
        };
        table::open(Box::new(file), O_RDWR | flags & O_NONBLOCK, flags & EFD_CLOEXEC != 0)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// eventfd(2), as it was before it had flags.
    pub fn eventfd[__NR_eventfd](initial: u32) -> Result<Fd> {
        eventfd2(initial, 0)
    }
}
