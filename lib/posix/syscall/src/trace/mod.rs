//! Every system call in words, as strace(1) writes it.

mod kind;
#[cfg(feature = "trace")]
mod line;
mod names;
mod value;

#[cfg(feature = "trace")]
pub use line::traced;
