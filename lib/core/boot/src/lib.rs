//! The boot sequence: marks between its steps, and what an application's `main` may return.
#![no_std]
#![forbid(unsafe_code)]

use unilith_platform::Stream;

/// Says that a step of the boot is done. Nothing at all without the feature `timing`.
#[inline]
pub fn mark(name: &str) {
    #[cfg(feature = "timing")]
    unilith_platform::event(unilith_platform::Event::Mark(name, unilith_platform::cycles()));
    #[cfg(not(feature = "timing"))]
    let _ = name;
}

/// Says when the machine executed its first instruction of ours.
#[inline]
pub fn mark_entry() {
    #[cfg(feature = "timing")]
    unilith_platform::event(unilith_platform::Event::Mark(
        "entry",
        unilith_platform::entry_cycles(),
    ));
}

/// What an application's `main` may return.
pub trait Outcome {
    /// The exit status of the image: 0 is success.
    fn status(self) -> u8;
}

impl Outcome for () {
    fn status(self) -> u8 {
        0
    }
}

/// The low eight bits count, as with `exit(3)`.
impl Outcome for i32 {
    fn status(self) -> u8 {
        self as u8
    }
}

impl Outcome for u8 {
    fn status(self) -> u8 {
        self
    }
}

/// An error is written to standard error; the status is 1.
impl<T: Outcome, E: core::fmt::Display> Outcome for Result<T, E> {
    fn status(self) -> u8 {
        struct Console;
        impl core::fmt::Write for Console {
            fn write_str(&mut self, text: &str) -> core::fmt::Result {
                unilith_platform::console_write(Stream::Err, text.as_bytes());
                Ok(())
            }
        }
        match self {
            Ok(value) => value.status(),
            Err(error) => {
                let _ = core::fmt::write(&mut Console, format_args!("error: {error}\n"));
                1
            }
        }
    }
}
