//! The boot sequence: marks between its steps, and what an application's `main` may return.
#![no_std]
#![forbid(unsafe_code)]

use unilith_platform::Stream;

/// Says that a step of the boot is done. Nothing at all without the feature `timing`.
#[inline]
pub fn mark(name: &'static str) {
    #[cfg(feature = "timing")]
    timing::mark(name);
    #[cfg(not(feature = "timing"))]
    let _ = name;
}

/// Marks are kept while the machine boots and told at its end, so that telling them is not part
/// of what they measure.
#[cfg(feature = "timing")]
mod timing {
    use unilith_platform::{Event, cycles, entry_cycles, event};
    use unilith_sync::Lock;

    const MARKS: usize = 32;

    struct Marks {
        list: [(&'static str, u64); MARKS],
        len: usize,
    }

    static KEPT: Lock<Marks> = Lock::new(Marks { list: [("", 0); MARKS], len: 0 });

    pub fn mark(name: &'static str) {
        let now = cycles();
        let mut kept = KEPT.lock();
        let at = kept.len;
        if at == 0 {
            // Without room among the hooks the marks are lost, nothing else.
            let _ = unilith_exit::at_exit(tell);
        }
        if let Some(slot) = kept.list.get_mut(at) {
            *slot = (name, now);
            kept.len += 1;
        }
    }

    fn tell() {
        let kept = KEPT.lock();
        event(Event::Mark("entry", entry_cycles()));
        for &(name, cycles) in kept.list.iter().take(kept.len) {
            event(Event::Mark(name, cycles));
        }
    }
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
