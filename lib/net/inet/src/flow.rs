//! Addresses: flows, and how they look to an application.

use core::hash::{Hash, Hasher};
use core::net::{IpAddr, SocketAddr};
use smoltcp::wire::{IpAddress, IpEndpoint};

/// A TCP connection, by its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    pub local: IpEndpoint,
    pub remote: IpEndpoint,
}

impl Flow {
    /// The ports, this host's first.
    pub fn ports(&self) -> (u16, u16) {
        (self.local.port, self.remote.port)
    }

    /// As words, for hashing.
    pub fn words(&self) -> [u64; 5] {
        let ports = u64::from(self.local.port) << 16 | u64::from(self.remote.port);
        let split = |address: IpAddress| match address {
            IpAddress::Ipv4(address) => [0, u32::from(address).into()],
            IpAddress::Ipv6(address) => {
                let bits = u128::from(address);
                [(bits >> 64) as u64, bits as u64]
            }
        };
        let ([a, b], [c, d]) = (split(self.local.addr), split(self.remote.addr));
        [a, b, c, d, ports]
    }
}

impl Hash for Flow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, ports] = self.words();
        if a | c | (b | d) >> 32 == 0 {
            state.write_u64(b << 32 | d);
        } else {
            [a, b, c, d].iter().for_each(|&word| state.write_u64(word));
        }
        state.write_u64(ports);
    }
}

/// Where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Device,
    Loopback,
}

/// An address as this stack keeps it: IPv4 that was mapped into IPv6 is IPv4.
pub fn endpoint(address: SocketAddr) -> IpEndpoint {
    IpEndpoint::new(address.ip().to_canonical().into(), address.port())
}

/// An address as the application of a socket sees it; `v6`: the socket's family.
pub fn socket_address(endpoint: IpEndpoint, v6: bool) -> SocketAddr {
    let address = match endpoint.addr {
        IpAddress::Ipv4(address) if v6 => {
            if address.is_unspecified() {
                IpAddr::V6(core::net::Ipv6Addr::UNSPECIFIED)
            } else {
                IpAddr::V6(address.to_ipv6_mapped())
            }
        }
        IpAddress::Ipv4(address) => IpAddr::V4(address),
        IpAddress::Ipv6(address) => IpAddr::V6(address),
    };
    SocketAddr::new(address, endpoint.port)
}

/// Whether an address belongs to one host: neither unspecified, nor for many.
pub fn is_host(address: IpAddress) -> bool {
    match address {
        IpAddress::Ipv4(address) => {
            !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
        }
        IpAddress::Ipv6(address) => !(address.is_unspecified() || address.is_multicast()),
    }
}

/// Whether an address is one of the loopback.
pub fn is_loopback(address: IpAddress) -> bool {
    match address {
        IpAddress::Ipv4(address) => address.is_loopback(),
        IpAddress::Ipv6(address) => address.is_loopback(),
    }
}
