//! Who has which port.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use smoltcp::wire::{IpAddress, IpEndpoint};
use unilith_net_api::{NetError, Result};

/// Ports that are given out, as Linux does by default.
pub const EPHEMERAL: core::ops::RangeInclusive<u16> = 32768..=60999;

#[derive(Debug)]
struct Binding {
    owner: u64,
    address: IpAddress,
    reuse: bool,
    listening: bool,
}

/// The sockets that chose a port.
#[derive(Debug, Default)]
pub struct Ports(BTreeMap<u16, Vec<Binding>>);

fn overlap(one: IpAddress, other: IpAddress) -> bool {
    // "All" of one family leaves the other alone: servers bind both.
    one.version() == other.version()
        && (one == other || one.is_unspecified() || other.is_unspecified())
}

impl Ports {
    /// Whether `owner` could have `endpoint`.
    fn is_free(&self, endpoint: IpEndpoint, reuse: bool) -> bool {
        self.0.get(&endpoint.port).is_none_or(|bindings| {
            bindings.iter().all(|binding| {
                !overlap(binding.address, endpoint.addr)
                    || (reuse && binding.reuse && !binding.listening)
            })
        })
    }

    /// Whether anybody chose this port.
    pub fn is_bound(&self, port: u16) -> bool {
        self.0.contains_key(&port)
    }

    /// Gives a port to `owner`: a free one near `start` if it did not choose.
    pub fn bind(
        &mut self,
        owner: u64,
        mut endpoint: IpEndpoint,
        reuse: bool,
        start: u16,
    ) -> Result<IpEndpoint> {
        if endpoint.port == 0 {
            endpoint.port =
                ephemeral(start).find(|port| !self.is_bound(*port)).ok_or(NetError::InUse)?;
        } else if !self.is_free(endpoint, reuse) {
            return Err(NetError::InUse);
        }
        let binding = Binding { owner, address: endpoint.addr, reuse, listening: false };
        self.0.entry(endpoint.port).or_default().push(binding);
        Ok(endpoint)
    }

    /// `owner` listens: nobody else may.
    pub fn listen(&mut self, owner: u64, endpoint: IpEndpoint) -> Result<()> {
        let bindings = self.0.entry(endpoint.port).or_default();
        let taken = |binding: &Binding| {
            binding.owner != owner && binding.listening && overlap(binding.address, endpoint.addr)
        };
        if bindings.iter().any(taken) {
            return Err(NetError::InUse);
        }
        bindings.iter_mut().filter(|b| b.owner == owner).for_each(|b| b.listening = true);
        Ok(())
    }

    pub fn release(&mut self, owner: u64, port: u16) {
        if let Some(bindings) = self.0.get_mut(&port) {
            bindings.retain(|binding| binding.owner != owner);
            if bindings.is_empty() {
                self.0.remove(&port);
            }
        }
    }
}

/// All ports that are given out, from some place on.
pub fn ephemeral(start: u16) -> impl Iterator<Item = u16> {
    let (first, count) = (*EPHEMERAL.start(), EPHEMERAL.end() - EPHEMERAL.start() + 1);
    (0..count).map(move |step| first + (start % count + step) % count)
}
