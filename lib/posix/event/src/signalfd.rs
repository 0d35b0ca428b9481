//! signalfd(2): signals as something to read.
//!
//! It gives the signals that wait for whoever reads, as long as the reader blocks them: otherwise
//! they are delivered.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use unilith_fs_api::{FileType, Metadata};
use unilith_posix_abi::raw::general::{O_CLOEXEC, O_NONBLOCK, O_RDWR};
use unilith_posix_abi::{Errno, Fd, Result, Scalar, UserPtr, syscall};
use unilith_posix_fd::{Events, File, nameless, read_mask, table};
use unilith_posix_task::{Info, UNSTOPPABLE, WaitQueue, pending, signal_queue, take_signal};

/// Bytes in a `struct signalfd_siginfo`.
const SIZE: usize = 128;

struct SignalFd {
    mask: AtomicU64,
    queue: Arc<WaitQueue>,
}

/// Fields of `siginfo_t` and where they are in `signalfd_siginfo`, each of four bytes: signal,
/// errno and code, process, user, status or value, and the value's pointer. The address of a fault
/// is where the process and the user are otherwise.
const FIELDS: [(usize, usize); 8] =
    [(0, 0), (4, 4), (8, 8), (16, 12), (20, 16), (24, 40), (24, 44), (24, 48)];

fn encode(info: &Info) -> [u8; SIZE] {
    let from = info.bytes();
    let mut into = [0; SIZE];
    for (there, here) in FIELDS {
        let value = u32::get(from.get(there..).unwrap_or_default());
        value.put(into.get_mut(here..).unwrap_or_default());
    }
    into
}

impl File for SignalFd {
    fn metadata(&self) -> Result<Metadata> {
        Ok(nameless(FileType::CharDevice, 0o600, 2))
    }

    fn read(&self, _: u64, buf: &mut [u8]) -> Result<usize> {
        if buf.len() < SIZE {
            return Err(Errno::EINVAL);
        }
        let mut done = 0;
        for into in buf.chunks_exact_mut(SIZE) {
            let Some(info) = take_signal(self.mask.load(Relaxed)) else { break };
            into.copy_from_slice(&encode(&info));
            done += SIZE;
        }
        if done > 0 { Ok(done) } else { Err(Errno::EAGAIN) }
    }

    fn ready(&self) -> Events {
        Events::READ.when(pending() & self.mask.load(Relaxed) != 0)
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }
}

syscall! {
    /// signalfd4(2): a new one if `fd` is -1; otherwise `fd` gets another mask.
    pub fn signalfd4[__NR_signalfd4](
        fd: Fd,
        mask: UserPtr,
        size: usize,
        flags: u32,
    ) -> Result<Fd> {
        if flags & !(O_CLOEXEC | O_NONBLOCK) != 0 {
            return Err(Errno::EINVAL);
        }
        let mask = read_mask(mask, size)? & !UNSTOPPABLE;
        if fd != Fd(-1) {
            let open = table::get(fd)?;
            let file: &SignalFd = open.opened()?.downcast().ok_or(Errno::EINVAL)?;
            file.mask.store(mask, Relaxed);
            file.queue.wake_all();
            return Ok(fd);
        }
        let file = SignalFd { mask: AtomicU64::new(mask), queue: signal_queue() };
        table::open(Box::new(file), O_RDWR | flags & O_NONBLOCK, flags & O_CLOEXEC != 0)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// signalfd(2), as it was before it had flags.
    pub fn signalfd[__NR_signalfd](fd: Fd, mask: UserPtr, size: usize) -> Result<Fd> {
        signalfd4(fd, mask, size, 0)
    }
}
