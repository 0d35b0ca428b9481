//! What can be done with a file without waiting.

use core::ops::{BitAnd, BitOr};
use unilith_posix_abi::raw::general::{
    POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDHUP, POLLRDNORM, POLLWRNORM,
};

/// What can be done with a file without waiting: bits of poll(2), which epoll(7) shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events(pub u32);

impl Events {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Reading (POLLIN).
    pub const READ: Self = Self(POLLIN | POLLRDNORM);
    /// Writing (POLLOUT).
    pub const WRITE: Self = Self(POLLOUT | POLLWRNORM);
    /// Something exceptional (POLLPRI).
    pub const EXCEPTION: Self = Self(POLLPRI);
    /// The other end is gone (POLLHUP).
    pub const HANGUP: Self = Self(POLLHUP);
    /// The other end will send nothing more (POLLRDHUP).
    pub const READ_HANGUP: Self = Self(POLLRDHUP);
    /// Something went wrong (POLLERR).
    pub const ERROR: Self = Self(POLLERR);

    /// Whether there is any.
    pub const fn any(self) -> bool {
        self.0 != 0
    }

    /// These, if `condition` holds.
    pub const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }
}

impl BitOr for Events {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Events {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
