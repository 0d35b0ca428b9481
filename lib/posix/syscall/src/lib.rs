//! The table of system calls of an image.
//!
//! The composition root gathers the families that the image has into one [`Table`], which the
//! compiler evaluates: a system call is an indexed load and an indirect call. What is not there
//! is ENOSYS, as in any Linux that lacks it; but as the remedy here is a configuration, the image
//! remembers which calls were missing and reports them once, at the end.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "trace"))]
extern crate alloc;

mod missing;
mod names;
#[cfg(any(test, feature = "trace"))]
#[cfg_attr(not(feature = "trace"), allow(dead_code))]
mod trace;

pub use missing::{missing, report, report_at_exit};
pub use names::name;
pub use unilith_posix_abi::{Entry, SyscallArgs};

/// Numbers from here on are in no table (Linux 6.17 ends at 469).
const NUMBERS: usize = 512;

type Handler = fn(&SyscallArgs) -> isize;

/// The system calls of an image, by number.
pub struct Table {
    handlers: [Handler; NUMBERS],
    #[cfg(feature = "trace")]
    families: &'static [&'static [Entry]],
}

impl Table {
    /// The table of these families.
    ///
    /// # Panics
    /// At compile time, if two families have the same system call.
    pub const fn new(families: &'static [&'static [Entry]]) -> Self {
        let mut handlers = [missing::missing as Handler; NUMBERS];
        let mut taken = [false; NUMBERS];
        let mut i = 0;
        while i < families.len() {
            let mut j = 0;
            while j < families[i].len() {
                let entry = &families[i][j];
                assert!(!taken[entry.number], "two libraries have the same system call");
                taken[entry.number] = true;
                handlers[entry.number] = entry.handler;
                j += 1;
            }
            i += 1;
        }
        Self {
            handlers,
            #[cfg(feature = "trace")]
            families,
        }
    }

    /// Makes a system call.
    #[inline]
    pub fn call(&self, call: &SyscallArgs) -> isize {
        #[cfg(feature = "trace")]
        return trace::traced(self, call);
        #[cfg(not(feature = "trace"))]
        self.untraced(call)
    }

    #[inline]
    fn untraced(&self, call: &SyscallArgs) -> isize {
        // Only 32 bits of the register count.
        match self.handlers.get(call.nr as u32 as usize) {
            Some(handler) => handler(call),
            None => missing::missing(call),
        }
    }

    #[cfg(feature = "trace")]
    fn entry(&self, number: usize) -> Option<&'static Entry> {
        self.families.iter().copied().flatten().find(|entry| entry.number == number)
    }
}
