//! The console as a file.

use crate::{Events, File, nameless};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use unilith_fs_api::{FileType, Metadata};
use unilith_platform::{Stream, console_ready, monotonic_ns};
use unilith_posix_abi::{Errno, Result};
use unilith_posix_task::WaitQueue;
use unilith_sched_api::{NEVER, Poller};

/// The console: reads its input, writes to one of its streams.
pub struct Console(Stream);

impl Console {
    /// Standard input and output.
    pub const OUT: Self = Self(Stream::Out);
    /// Standard error.
    pub const ERR: Self = Self(Stream::Err);
}

/// Who waits for input.
static INPUT: WaitQueue = WaitQueue::new();
/// When to look for input again, if somebody waits for it.
static NEXT_LOOK: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds between two looks. A key that is pressed is seen after 5 ms on average; a look
/// costs an access to a device.
const INTERVAL: u64 = 10_000_000;

/// Looks for input while somebody waits for it.
pub const POLLER: Poller = Poller { run: look, arm: next_look };

fn look() {
    if INPUT.is_empty() || monotonic_ns() < NEXT_LOOK.load(Relaxed) {
        return;
    }
    if console_ready() {
        INPUT.wake_all();
    }
    NEXT_LOOK.store(monotonic_ns().saturating_add(INTERVAL), Relaxed);
}

fn next_look() -> u64 {
    if INPUT.is_empty() { NEVER } else { NEXT_LOOK.load(Relaxed) }
}

impl File for Console {
    /// Those of /dev/console, which need not exist.
    fn metadata(&self) -> Result<Metadata> {
        Ok(Metadata {
            device_number: Metadata::device_number(5, 1),
            ..nameless(FileType::CharDevice, 0o620, 1)
        })
    }

    fn read(&self, _: u64, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if !console_ready() {
            return Err(Errno::EAGAIN);
        }
        Ok(unilith_platform::console_read(buf).min(buf.len()))
    }

    fn write(&self, _: u64, data: &[u8]) -> Result<usize> {
        unilith_platform::console_write(self.0, data);
        Ok(data.len())
    }

    fn ready(&self) -> Events {
        Events::READ.when(console_ready()) | Events::WRITE
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&INPUT)
    }

    /// A serial line says nothing about what is at its other end, and programs behave differently
    /// on a terminal (columns, colours, prompts): so it is the user's word.
    fn is_terminal(&self) -> bool {
        unilith_cmdline::flag("unilith.tty")
    }
}
