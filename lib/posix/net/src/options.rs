//! What a socket remembers about itself.

use crate::endpoint::{Endpoint, Setting};
use unilith_posix_abi::Result;

/// Options that can be set and asked for. An accepted socket begins with those of its listener.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// SO_REUSEADDR
    pub reuse_address: bool,
    /// SO_REUSEPORT. It lets a port be bound whose old connections linger, no more: two listeners
    /// at one port are EADDRINUSE.
    pub reuse_port: bool,
    /// SO_BROADCAST
    pub broadcast: bool,
    /// SO_PASSCRED
    pub pass_credentials: bool,
    /// SO_KEEPALIVE
    pub keep_alive: bool,
    /// TCP_KEEPIDLE, seconds
    pub keep_idle: u32,
    /// TCP_KEEPINTVL, seconds
    pub keep_interval: u32,
    /// TCP_KEEPCNT
    pub keep_count: u32,
    /// SO_LINGER, seconds. Only 0 has an effect: closing never waits.
    pub linger: Option<u32>,
    /// SO_SNDBUF, bytes: a hint, as is the next. Endpoints have buffers of their own size.
    pub send_buffer: u32,
    /// SO_RCVBUF, bytes
    pub receive_buffer: u32,
    /// SO_RCVTIMEO, nanoseconds; 0 is none.
    pub receive_timeout: u64,
    /// SO_SNDTIMEO, nanoseconds; 0 is none.
    pub send_timeout: u64,
    /// TCP_NODELAY
    pub no_delay: bool,
    /// TCP_CORK
    pub cork: bool,
    /// IPV6_V6ONLY
    pub v6_only: bool,
    /// IP_RECVERR or IPV6_RECVERR
    pub receive_errors: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reuse_address: false,
            reuse_port: false,
            broadcast: false,
            pass_credentials: false,
            keep_alive: false,
            keep_idle: 7200,
            keep_interval: 75,
            keep_count: 9,
            linger: None,
            send_buffer: 212_992, // net.core.wmem_default
            receive_buffer: 212_992,
            receive_timeout: 0,
            send_timeout: 0,
            no_delay: false,
            cork: false,
            v6_only: false,
            receive_errors: false,
        }
    }
}

impl Options {
    /// What the endpoint must know of keep-alive.
    pub fn keep_alive_setting(&self) -> Setting {
        Setting::KeepAlive(self.keep_alive.then_some(self.keep_idle))
    }

    /// Tells an endpoint that was accepted what differs from the default.
    pub fn pass_on(&self, endpoint: &dyn Endpoint) -> Result<()> {
        if self.no_delay {
            endpoint.set(Setting::NoDelay(true))?;
        }
        if self.keep_alive {
            endpoint.set(self.keep_alive_setting())?;
        }
        if self.linger == Some(0) {
            endpoint.set(Setting::AbortOnClose(true))?;
        }
        Ok(())
    }
}
