//! Open files that were sent and not received yet.
//!
//! A socket can be under way in another one, and in itself. So closing one may close a long chain
//! of others: that is done one after the other, not one inside the other, as a stack is finite.
//! Sockets that are under way in each other are never closed, as nobody can reach them (Linux
//! searches for them): so that is bounded.

use crate::endpoint::Rights;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use unilith_posix_abi::{Errno, Result};
use unilith_sync::Lock;

/// Open files that may be under way (Linux: RLIMIT_NOFILE of each user).
const MOST: usize = 1024;

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Those that are to be closed, while somebody closes.
static CLOSING: Lock<Option<Vec<Rights>>> = Lock::new(None);

/// Open files that are under way. Dropping it closes them; not under a lock.
#[derive(Default)]
pub struct InFlight(Rights);

impl InFlight {
    /// Sends `rights` on their way. ETOOMANYREFS if too many are; then they stay where they are.
    pub fn new(rights: &mut Rights) -> Result<Self> {
        let count = COUNT.load(Relaxed) + rights.len();
        if !rights.is_empty() && count > MOST {
            return Err(Errno::ETOOMANYREFS);
        }
        COUNT.store(count, Relaxed);
        Ok(Self(core::mem::take(rights)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// They have arrived.
    pub fn arrive(mut self) -> Rights {
        self.take()
    }

    /// The same files once more (MSG_PEEK).
    pub fn copy(&self) -> Rights {
        self.0.clone()
    }

    fn take(&mut self) -> Rights {
        COUNT.fetch_sub(self.0.len(), Relaxed);
        core::mem::take(&mut self.0)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let rights = self.take();
        if rights.is_empty() {
            return;
        }
        {
            let mut closing = CLOSING.lock();
            if let Some(closing) = &mut *closing {
                // Who closes already goes on with them.
                return closing.push(rights);
            }
            *closing = Some(Vec::new());
        }
        let mut next = Some(rights);
        while let Some(rights) = next {
            drop(rights);
            let mut closing = CLOSING.lock();
            next = closing.as_mut().and_then(Vec::pop);
            if next.is_none() {
                *closing = None;
            }
        }
    }
}
