//! The smallest application: one line of output, and an exit status.
#![no_std]
#![forbid(unsafe_code)]

use unilith_print::println;

/// Called once the image has booted.
pub fn main() -> i32 {
    println!("Hello, world!");
    0
}
