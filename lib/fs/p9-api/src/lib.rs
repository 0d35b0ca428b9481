//! How a 9P file system reaches its server.
#![no_std]
#![forbid(unsafe_code)]

/// Why a message was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelError {
    /// The request is longer than the channel's limit, or `reply` is too short for any message.
    TooLong,
    /// The server does not answer, or breaks the rules.
    Broken,
}

/// A channel to a 9P server.
pub trait Channel: Send + Sync {
    /// Largest message, both ways, in bytes.
    fn limit(&self) -> usize;

    /// Sends a whole request message and waits for the reply; how many bytes of `reply` it fills.
    ///
    /// # Errors
    /// See [`ChannelError`].
    fn exchange(&self, request: &[u8], reply: &mut [u8]) -> Result<usize, ChannelError>;
}
