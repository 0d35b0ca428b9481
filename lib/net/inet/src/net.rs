//! A network stack as a value: one in an image, several in a test.

use crate::config::{Addresses, Lease};
use crate::hash::Secret;
use crate::links::NEVER;
use crate::state::{State, Statistics};
use crate::tcp::TcpSocket;
use crate::udp_socket::UdpSocket;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use unilith_net_api::{Datagram, Device, Result, Socket};
use unilith_platform::monotonic_ns;
use unilith_sync::Lock;

/// A network stack over a device, or with a loopback only.
pub struct Net {
    state: Lock<State>,
    device: Option<Arc<dyn Device>>,
}

impl Net {
    /// A stack with these addresses, and with a lease from DHCP if there is a device and no
    /// address of IPv4. `secret` is 16 bytes that nobody else knows.
    pub fn new(
        device: Option<Arc<dyn Device>>,
        addresses: Addresses,
        secret: [u64; 2],
    ) -> Arc<Self> {
        let now = monotonic_ns();
        let mut state = State::new(device.clone(), Secret(secret), now);
        if state.links.ethernet.is_some() && addresses.v4.is_none() {
            state.lease = Some(Lease::new());
        }
        state.addresses = addresses;
        state.apply_addresses();
        Arc::new(Self { state: Lock::new(state), device })
    }

    /// Calls `action` with the state, and wakes whom it wants woken when it is unlocked again.
    #[track_caller]
    pub(crate) fn with<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        let (result, mut wakes) = {
            let mut state = self.state.lock();
            state.now = monotonic_ns();
            let result = action(&mut state);
            (result, core::mem::take(&mut state.wakes))
        };
        if !wakes.is_empty() {
            wakes.iter().for_each(|queue| queue.wake_all());
            wakes.clear();
            // The memory is for the next time.
            if let Some(mut state) = self.state.try_lock()
                && state.wakes.is_empty()
            {
                state.wakes = wakes;
            }
        }
        result
    }

    /// Calls `action` with the state, which wakes nobody and does not ask for the time.
    #[track_caller]
    pub(crate) fn look<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        action(&mut self.state.lock())
    }

    /// Does everything that there is to do; see `Poller::run`.
    pub fn poll(&self) {
        self.with(|state| state.run());
    }

    /// See `Poller::arm`.
    pub fn arm(&self) -> u64 {
        let (next, stuck) =
            self.with(|state| (state.next(), state.blocked && state.links.replies_are_full()));
        match &self.device {
            // What it has received does not matter as long as it has no room.
            Some(device) if next > 0 && !stuck && device.arm() => 0,
            _ => next,
        }
    }

    /// A fresh socket of TCP.
    pub fn tcp(self: &Arc<Self>, v6: bool) -> Result<Arc<dyn Socket>> {
        Ok(Arc::new(TcpSocket::new(self.clone(), v6)))
    }

    /// A fresh socket of UDP.
    pub fn udp(self: &Arc<Self>, v6: bool) -> Result<Arc<dyn Datagram>> {
        Ok(Arc::new(UdpSocket::new(self.clone(), v6)))
    }

    /// All addresses with the lengths of their prefixes, the loopback's first.
    pub fn local_addresses(&self) -> Vec<(IpAddr, u8)> {
        let loopback = [(Ipv4Addr::LOCALHOST.into(), 8), (Ipv6Addr::LOCALHOST.into(), 128)];
        let own = self.with(|state| state.addresses.all());
        loopback.into_iter().chain(own).collect()
    }

    /// Servers that resolve names.
    pub fn dns_servers(&self) -> Vec<IpAddr> {
        self.with(|state| state.addresses.dns.clone())
    }

    /// How much was done.
    pub fn statistics(&self) -> Statistics {
        self.with(|state| state.statistics())
    }
}

/// The deadline of a stack that was not started.
pub const IDLE: u64 = NEVER;
