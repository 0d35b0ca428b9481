//! Formatted output: [`print!`], [`println!`], [`eprint!`], [`eprintln!`], as in `std`.
//!
//! One call is one write to the console where its text fits [`BUFFER`]: a console write costs
//! far more than a copy.
#![no_std]
#![forbid(unsafe_code)]

use core::fmt::{self, Write};
pub use unilith_platform::Stream;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 128;

struct Buffered {
    stream: Stream,
    bytes: [u8; BUFFER],
    len: usize,
}

impl Buffered {
    fn flush(&mut self) {
        if self.len > 0 {
            unilith_platform::console_write(self.stream, &self.bytes[..self.len]);
            self.len = 0;
        }
    }
}

impl Write for Buffered {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let text = text.as_bytes();
        if text.len() > BUFFER - self.len {
            self.flush();
        }
        match self.bytes.get_mut(self.len..self.len + text.len()) {
            Some(room) => {
                room.copy_from_slice(text);
                self.len += text.len();
            }
            None => unilith_platform::console_write(self.stream, text),
        }
        Ok(())
    }
}

/// Writes formatted text to `stream`. A `Display` that fails ends its text early.
pub fn write(stream: Stream, text: fmt::Arguments<'_>) {
    if let Some(plain) = text.as_str() {
        return unilith_platform::console_write(stream, plain.as_bytes());
    }
    let mut buffered = Buffered { stream, bytes: [0; BUFFER], len: 0 };
    let _ = buffered.write_fmt(text);
    buffered.flush();
}

/// Prints to standard output.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::write($crate::Stream::Out, ::core::format_args!($($text)*)) };
}

/// Prints to standard output, then a line break.
#[macro_export]
macro_rules! println {
    () => { $crate::write($crate::Stream::Out, ::core::format_args!("\n")) };
    ($format:literal $($rest:tt)*) => {
        $crate::write($crate::Stream::Out, ::core::format_args!(::core::concat!($format, "\n") $($rest)*))
    };
}

/// Prints to standard error.
#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => { $crate::write($crate::Stream::Err, ::core::format_args!($($text)*)) };
}

/// Prints to standard error, then a line break.
#[macro_export]
macro_rules! eprintln {
    () => { $crate::write($crate::Stream::Err, ::core::format_args!("\n")) };
    ($format:literal $($rest:tt)*) => {
        $crate::write($crate::Stream::Err, ::core::format_args!(::core::concat!($format, "\n") $($rest)*))
    };
}
