//! The declaration of a system call.

use crate::{Errno, Fd, Result, SyscallArgs};
use core::convert::Infallible;

/// A system call, as the table of an image knows it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its number on this architecture.
    pub number: usize,
    /// Its name.
    pub name: &'static str,
    /// Names and types of its arguments.
    pub arguments: &'static [(&'static str, &'static str)],
    /// The lines of its doc comment. For documents: no image keeps them.
    pub doc: &'static [&'static str],
    /// Takes the arguments from registers and gives back what belongs into the result register.
    pub handler: fn(&SyscallArgs) -> isize,
}

/// What a system call may return.
pub trait Outcome {
    /// The value for the result register: from -4095 to -1 it is an error number.
    fn into_register(self) -> isize;
}

impl Outcome for () {
    fn into_register(self) -> isize {
        0
    }
}

impl Outcome for usize {
    fn into_register(self) -> isize {
        self as isize
    }
}

impl Outcome for Fd {
    fn into_register(self) -> isize {
        self.0 as isize
    }
}

impl Outcome for Infallible {
    fn into_register(self) -> isize {
        match self {}
    }
}

impl<T: Outcome> Outcome for Result<T> {
    fn into_register(self) -> isize {
        match self {
            Ok(value) => value.into_register(),
            Err(error) => -isize::from(error),
        }
    }
}

impl From<Errno> for isize {
    fn from(error: Errno) -> Self {
        error.number() as Self
    }
}

/// Declares a system call: the function, which native code calls directly, and its table entry,
/// `name::ENTRY`.
///
/// ```ignore
/// syscall! {
///     /// read(2): ...
///     pub fn read[__NR_read](fd: Fd, buf: UserPtr, count: usize) -> Result<usize> { ... }
/// }
/// pub const SYSCALLS: &[Entry] = &[read::ENTRY];
/// ```
#[macro_export]
macro_rules! syscall {
    (
        $(#[doc = $doc:literal])*
        $vis:vis fn $name:ident[$number:ident]($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty
        $body:block
    ) => {
        $(#[doc = $doc])*
        $vis fn $name($($arg: $ty),*) -> $ret $body

        #[doc(hidden)]
        $vis mod $name {
            #[allow(unused_imports)]
            use super::*;

            /// The row of the table.
            pub const ENTRY: $crate::Entry = $crate::Entry {
                number: $crate::raw::general::$number as usize,
                name: ::core::stringify!($name),
                arguments: &[$((::core::stringify!($arg), ::core::stringify!($ty))),*],
                doc: &[$($doc),*],
                handler,
            };

            fn handler(call: &$crate::SyscallArgs) -> isize {
                #[allow(unused_mut, unused_variables)]
                let mut registers = call.args.iter();
                $(let $arg = <$ty as $crate::FromRegister>::from_register(
                    registers.next().copied().unwrap_or(0),
                );)*
                $crate::Outcome::into_register(super::$name($($arg),*))
            }
        }
    };
}
