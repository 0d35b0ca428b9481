//! The entropy device (VIRTIO 1.2, section 5.4).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use unilith_sched_api::{NEVER, Poller};
use unilith_sync::Once;
use unilith_virtio::{Device, Error, Layout, Requests, Transport, device_type, probe, refuse};

const REQUESTQ: u16 = 0;
/// Bytes asked for at a time.
const CHUNK: usize = 256;
/// A host may gather entropy slowly.
const PATIENCE_NS: u64 = 30_000_000_000;

/// A source of unpredictable bytes.
pub struct Rng {
    requests: Requests,
}

impl Rng {
    /// Starts the device behind `transport`.
    ///
    /// # Errors
    /// The device cannot be used.
    pub fn new(transport: Box<dyn Transport>) -> Result<Self, Error> {
        let device = Device::start(transport, 0)?;
        let queue = device.queue(REQUESTQ, 2)?;
        let requests = Requests::new(device, queue, 1, CHUNK, PATIENCE_NS)?;
        requests.device().ready();
        Ok(Self { requests })
    }

    /// Fills `into` with unpredictable bytes; waits for them.
    ///
    /// # Errors
    /// The device does not answer, or gives nothing; the content of `into` is undefined then.
    pub fn fill(&self, mut into: &mut [u8]) -> Result<(), Error> {
        while !into.is_empty() {
            let wanted = into.len().min(CHUNK);
            let ask = |_: &mut [u8]| Layout { readable: 0..0, writable: 0..wanted };
            let take = |bytes: &[u8], written: usize| {
                let (to, from) = (into.get_mut(..written)?, bytes.get(..written)?);
                to.copy_from_slice(from);
                Some(written)
            };
            let got = self.requests.exchange(ask, take)?.filter(|&got| got > 0);
            into = got.and_then(|got| into.get_mut(got..)).ok_or(Error::Broken)?;
        }
        Ok(())
    }
}

static RNG: Once<Option<Rng>> = Once::new();

/// The entropy device of this machine; the first call finds and starts it.
pub fn first() -> Option<&'static Rng> {
    let start = || {
        for transport in probe(device_type::ENTROPY) {
            match Rng::new(transport) {
                Ok(rng) => return Some(rng),
                Err(error) => refuse("rng", error),
            }
        }
        None
    };
    RNG.get_or_init(start)?.as_ref()
}

fn in_use() -> Option<&'static Rng> {
    RNG.get()?.as_ref()
}

/// Looks for bytes that have come.
pub const POLLER: Poller = Poller {
    run: || in_use().into_iter().for_each(|rng| rng.requests.poll()),
    arm: || if in_use().is_some_and(|rng| rng.requests.arm()) { 0 } else { NEVER },
};
