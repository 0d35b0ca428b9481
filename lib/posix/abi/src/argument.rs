//! Arguments, as they arrive in registers.

use crate::UserPtr;

/// A type that an argument of a system call can have. Registers are wider than most of them: as
/// in Linux, the bits above are passed over.
pub trait FromRegister {
    /// The value in a register.
    fn from_register(register: usize) -> Self;
}

macro_rules! integers {
    ($($ty:ty),*) => {
        $(impl FromRegister for $ty {
            fn from_register(register: usize) -> Self {
                register as Self
            }
        })*
    };
}

integers!(i32, u32, i64, u64, isize, usize);

/// A file descriptor. Negative ones are never open; some calls take AT_FDCWD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fd(pub i32);

impl Fd {
    /// Stands for the current directory in calls that take a directory.
    pub const CWD: Self = Self(linux_raw_sys::general::AT_FDCWD);
}

impl FromRegister for Fd {
    fn from_register(register: usize) -> Self {
        Self(register as i32)
    }
}

impl FromRegister for UserPtr {
    fn from_register(register: usize) -> Self {
        Self(register)
    }
}
