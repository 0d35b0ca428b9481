//! Say here what this application is for.
#![no_std]
#![forbid(unsafe_code)]

use core::fmt;
use unilith_print::println;

/// A greeting, to be printed.
pub struct Greeting<'a> {
    /// Who greets.
    pub from: &'a str,
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hello from {}!", self.from)
    }
}

/// Called once the image has booted; what it returns is the exit status of `unilith run`.
pub fn main() -> i32 {
    println!("{}", Greeting { from: "@NAME@" });
    0
}
