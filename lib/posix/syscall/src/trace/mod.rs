//! Every system call in words, as strace(1) writes it.

mod kind;
mod layout;
#[cfg(feature = "trace")]
mod line;
mod names;
#[cfg(test)]
mod tests;
mod value;

#[cfg(feature = "trace")]
pub use line::traced;
