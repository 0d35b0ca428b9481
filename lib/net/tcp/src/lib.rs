//! TCP without a network: the control block of one connection (RFC 9293), as a value.
//!
//! Segments go in ([`Tcb::input`]), segments come out ([`Tcb::output`]), and a clock is asked for
//! nothing: every call is told the time, and [`Tcb::deadline`] says when the next one is due. What
//! finds connections, resolves neighbours and makes packets is the stack's affair.
//!
//! - A segment that is in order and acknowledges what was sent takes a short way (`input`).
//! - Buffers are rings that grow as they are used, up to a limit ([`Ring`]): an idle connection
//!   costs a few hundred bytes.
//! - Retransmission timer: RFC 6298. Fast retransmit and recovery: RFC 5681 and RFC 6582, from the
//!   first loss on; until then the windows bound what is under way.
//! - Nagle's algorithm, delayed acknowledgements, and silly windows avoided on both sides: RFC 1122
//!   and RFC 9293, 3.8.
//! - Segments out of window, SYNs and resets that do not fit are answered as RFC 5961 demands.
//! - Received ranges are told by SACK (RFC 2018); what is sent is not chosen by it.
//! - Ways that drop large segments without a word get small ones, after time-outs (RFC 4821, 7.7).
//! - No timestamps, no urgent data, no other path MTU discovery.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod congestion;
mod input;
mod output;
mod ranges;
mod ring;
mod rtt;
mod segment;
pub mod seq;
mod tcb;

pub use input::Verdict;
pub use output::Sent;
pub use ring::Ring;
pub use segment::{Flags, HEADER, Segment};
pub use tcb::{Peer, State, Tcb};

/// The deadline of what happens by itself never.
pub const NEVER: u64 = u64::MAX;
