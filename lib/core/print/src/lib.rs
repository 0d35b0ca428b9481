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
    write_parts(stream, "", text, "");
}

/// Writes formatted text and a line break to `stream`.
pub fn write_line(stream: Stream, text: fmt::Arguments<'_>) {
    write_parts(stream, "", text, "\n");
}

/// Writes formatted text between two others to `stream`, in one piece if it is short.
pub fn write_parts(stream: Stream, before: &str, text: fmt::Arguments<'_>, after: &str) {
    let mut buffered = Buffered { stream, bytes: [0; BUFFER], len: 0 };
    let _ = buffered.write_str(before);
    let _ = match text.as_str() {
        Some(plain) => buffered.write_str(plain),
        None => buffered.write_fmt(text),
    };
    let _ = buffered.write_str(after);
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
    ($($text:tt)*) => { $crate::write_line($crate::Stream::Out, ::core::format_args!($($text)*)) };
}

/// Prints to standard error.
#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => { $crate::write($crate::Stream::Err, ::core::format_args!($($text)*)) };
}

/// Prints to standard error, then a line break.
#[macro_export]
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::write_line($crate::Stream::Err, ::core::format_args!($($text)*)) };
}
