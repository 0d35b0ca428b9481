//! Kernel messages: [`error!`], [`warn!`], [`info!`], [`debug!`], [`trace!`].
//!
//! The level is a constant of the image, so a message above it is no code and no text.
#![no_std]
#![forbid(unsafe_code)]

/// The most detailed level in this image: 0 (nothing) to 5 (traces).
pub const LEVEL: usize = unilith_config::number(option_env!("CONFIG_LOG_LEVEL"), 2);

#[doc(hidden)]
pub use unilith_print::{Stream, write_parts};

#[doc(hidden)]
#[macro_export]
macro_rules! at_level {
    ($level:literal, $name:literal, $($text:tt)*) => {
        if $crate::LEVEL >= $level {
            $crate::write_parts(
                $crate::Stream::Err,
                ::core::concat!($name, ": "),
                ::core::format_args!($($text)*),
                "\n",
            )
        }
    };
}

/// Something failed.
#[macro_export]
macro_rules! error { ($($text:tt)*) => { $crate::at_level!(1, "error", $($text)*) }; }
/// Something is not as it should be.
#[macro_export]
macro_rules! warn { ($($text:tt)*) => { $crate::at_level!(2, "warning", $($text)*) }; }
/// Something worth knowing happened.
#[macro_export]
macro_rules! info { ($($text:tt)*) => { $crate::at_level!(3, "info", $($text)*) }; }
/// For whoever looks for a mistake.
#[macro_export]
macro_rules! debug { ($($text:tt)*) => { $crate::at_level!(4, "debug", $($text)*) }; }
/// Every step.
#[macro_export]
macro_rules! trace { ($($text:tt)*) => { $crate::at_level!(5, "trace", $($text)*) }; }
