//! What a 9P client needs of a transport: whole messages there and back.
//!
//! The client file system (`unilith-9p`) and the transports (virtio) meet here and know nothing of
//! each other.
#![no_std]
#![forbid(unsafe_code)]

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelError {
    /// The message is longer than the channel's limit.
    TooLong,
    /// The device or the server does not answer properly.
    Broken,
}

/// A channel to a 9P server.
pub trait Channel: Send + Sync {
    /// Largest message, both ways, in bytes.
    fn limit(&self) -> usize;

    /// Sends a whole request message and waits for the reply; how many bytes of `reply` it fills.
    fn exchange(&self, request: &[u8], reply: &mut [u8]) -> Result<usize, ChannelError>;
}
