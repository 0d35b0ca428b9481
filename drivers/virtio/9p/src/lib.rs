//! Messages to a 9P server in the monitor (the device of type 9: a tag to find it by, and one
//! queue on which each request is answered in its own buffer).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_p9_api::{Channel, ChannelError};
use unilith_sched_api::{NEVER, Poller};
use unilith_sync::Once;
use unilith_virtio::{Device, Error, Layout, Requests, Transport, device_type, probe, refuse};

/// The device has a tag.
const VIRTIO_9P_MOUNT_TAG: u64 = 1 << 0;
// The configuration space: the length of the tag, then its bytes.
const TAG_LEN: usize = 0;
const TAG: usize = 2;

const REQUESTS: u16 = 0;
/// Requests under way.
const SLOTS: usize = 4;
/// Bytes of the largest message.
const LIMIT: usize = unilith_config::number(option_env!("CONFIG_VIRTIO_9P_MSIZE"), 64) * 1024;
/// A server may have to wait for a disk, or for another program.
const PATIENCE_NS: u64 = 120_000_000_000;
/// The shortest message: length, type, tag.
const SHORTEST: usize = 7;

/// A 9P server.
pub struct Server {
    tag: Vec<u8>,
    requests: Requests,
}

impl Server {
    /// Starts the device behind `transport`.
    ///
    /// # Errors
    /// The device cannot be used.
    pub fn new(transport: Box<dyn Transport>) -> Result<Self, Error> {
        let device = Device::start(transport, VIRTIO_9P_MOUNT_TAG)?;
        let tag = if device.has(VIRTIO_9P_MOUNT_TAG) {
            let byte = |d: &Device, i| d.config8(TAG + usize::from(i));
            device.config(|d| (0..d.config16(TAG_LEN)).map(|i| byte(d, i)).collect())?
        } else {
            Vec::new()
        };
        let queue = device.queue(REQUESTS, (SLOTS * 2) as u16)?;
        let requests = Requests::new(device, queue, SLOTS, 2 * LIMIT, PATIENCE_NS)?;
        requests.device().ready();
        Ok(Self { tag, requests })
    }

    /// What the monitor calls it.
    pub fn tag(&self) -> &[u8] {
        &self.tag
    }
}

impl Channel for Server {
    fn limit(&self) -> usize {
        LIMIT
    }

    fn exchange(&self, request: &[u8], reply: &mut [u8]) -> Result<usize, ChannelError> {
        if request.len() > LIMIT {
            return Err(ChannelError::TooLong);
        }
        let room = reply.len().min(LIMIT);
        let ask = |buffer: &mut [u8]| {
            let end = request.len();
            buffer.get_mut(..end).into_iter().for_each(|to| to.copy_from_slice(request));
            Layout { readable: 0..end, writable: end..end + room }
        };
        let answer = |bytes: &[u8], written: usize| {
            let message = bytes.get(..written)?;
            reply.get_mut(..written)?.copy_from_slice(message);
            Some(written)
        };
        match self.requests.exchange(ask, answer) {
            Ok(Some(written)) if written >= SHORTEST => Ok(written),
            _ => Err(ChannelError::Broken),
        }
    }
}

static SERVERS: Once<Vec<Arc<Server>>> = Once::new();

/// The servers of this machine; the first call finds and starts them.
pub fn servers() -> &'static [Arc<Server>] {
    let start = || {
        let mut servers = Vec::new();
        for transport in probe(device_type::P9) {
            match Server::new(transport) {
                Ok(server) => servers.push(Arc::new(server)),
                Err(error) => refuse("9p", error),
            }
        }
        servers
    };
    SERVERS.get_or_init(start).map_or(&[], Vec::as_slice)
}

/// A channel to the server with this tag.
pub fn channel(tag: &[u8]) -> Option<Arc<dyn Channel>> {
    let server = servers().iter().find(|server| server.tag == tag)?;
    Some(server.clone())
}

fn in_use() -> impl Iterator<Item = &'static Arc<Server>> {
    SERVERS.get().into_iter().flatten()
}

/// Looks for replies.
pub const POLLER: Poller = Poller {
    run: || in_use().for_each(|server| server.requests.poll()),
    arm: || if in_use().any(|server| server.requests.arm()) { 0 } else { NEVER },
};
