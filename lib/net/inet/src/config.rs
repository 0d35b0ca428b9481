//! The addresses of this host: from the command line, or from a DHCP server.

use crate::flow::Link;
use crate::links::NEVER;
use crate::state::State;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::dhcpv4;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, Ipv4Cidr};

/// The addresses of this host, but for the loopback's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The address of IPv4, and the length of its prefix.
    pub v4: Option<(Ipv4Addr, u8)>,
    /// Where packets go that are for no neighbour.
    pub gateway: Option<Ipv4Addr>,
    /// The addresses of IPv6; the link-local one is added by itself.
    pub v6: Vec<(Ipv6Addr, u8)>,
    /// Where packets of IPv6 go that are for no neighbour.
    pub gateway6: Option<Ipv6Addr>,
    /// Servers that resolve names.
    pub dns: Vec<IpAddr>,
}

fn parse<T: FromStr>(text: &str, option: &str) -> Option<T> {
    let value = text.parse().ok();
    if value.is_none() {
        unilith_log::warn!("network: {option}={text} is not understood");
    }
    value
}

/// An address and the length of its prefix; without one, the host is alone in its network.
fn with_prefix<T: FromStr>(text: &str, option: &str, longest: u8) -> Option<(T, u8)> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, parse::<u8>(prefix, option)?),
        None => (text, longest),
    };
    (prefix <= longest).then_some((parse(address, option)?, prefix))
}

impl Addresses {
    /// What the options of the command line say; `option` finds the value of one.
    pub fn from_options(option: impl Fn(&str) -> Option<String>) -> Self {
        let host4 = |(address, _): &(Ipv4Addr, u8)| {
            !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
        };
        let host6 =
            |(address, _): &(Ipv6Addr, u8)| !(address.is_unspecified() || address.is_multicast());
        let single = |name: &str| option(name).filter(|text| !text.is_empty());
        let many = |name: &str| -> Vec<String> {
            let text = option(name).unwrap_or_default();
            text.split(',').filter(|part| !part.is_empty()).map(String::from).collect()
        };
        Self {
            v4: single("net.ip").and_then(|t| with_prefix(&t, "net.ip", 32)).filter(host4),
            gateway: single("net.gateway").and_then(|text| parse(&text, "net.gateway")),
            v6: many("net.ip6")
                .iter()
                .filter_map(|text| with_prefix(text, "net.ip6", 128))
                .filter(host6)
                .take(2)
                .collect(),
            gateway6: single("net.gateway6").and_then(|text| parse(&text, "net.gateway6")),
            dns: many("net.dns").iter().filter_map(|text| parse(text, "net.dns")).collect(),
        }
    }

    /// Whether this address is one of them.
    pub fn has(&self, address: IpAddress) -> bool {
        match address {
            IpAddress::Ipv4(address) => self.v4.is_some_and(|(own, _)| own == address),
            IpAddress::Ipv6(address) => self.v6.iter().any(|(own, _)| *own == address),
        }
    }

    /// Whether every host of the network has this address.
    pub fn is_broadcast(&self, address: IpAddress) -> bool {
        let IpAddress::Ipv4(address) = address else { return false };
        let network = self.v4.and_then(|(own, prefix)| Ipv4Cidr::new(own, prefix).broadcast());
        address.is_broadcast() || network == Some(address)
    }

    /// The own address from which packets reach `to`, if they can.
    pub fn source(&self, to: IpAddress) -> Option<IpAddress> {
        match to {
            IpAddress::Ipv4(to) => {
                let (own, prefix) = self.v4?;
                let near = to.is_broadcast() || Ipv4Cidr::new(own, prefix).contains_addr(&to);
                (near || self.gateway.is_some()).then_some(own.into())
            }
            IpAddress::Ipv6(to) => {
                let near = |(own, prefix): &&(Ipv6Addr, u8)| {
                    IpCidr::new((*own).into(), *prefix).contains_addr(&to.into())
                };
                let local = |(own, _): &&(Ipv6Addr, u8)| !own.is_unicast_link_local();
                let far = || self.gateway6.and_then(|_| self.v6.iter().find(local));
                self.v6.iter().find(near).or_else(far).map(|(own, _)| (*own).into())
            }
        }
    }

    /// The host that packets to `to` are handed to.
    pub fn next_hop(&self, to: IpAddress) -> Option<IpAddress> {
        match to {
            IpAddress::Ipv4(address) => {
                let (own, prefix) = self.v4?;
                let near = Ipv4Cidr::new(own, prefix).contains_addr(&address);
                if near { Some(to) } else { self.gateway.map(IpAddress::from) }
            }
            IpAddress::Ipv6(address) => {
                let near = |(own, prefix): &(Ipv6Addr, u8)| {
                    IpCidr::new((*own).into(), *prefix).contains_addr(&address.into())
                };
                if self.v6.iter().any(near) { Some(to) } else { self.gateway6.map(IpAddress::from) }
            }
        }
    }

    /// All of them, with the lengths of their prefixes.
    pub fn all(&self) -> Vec<(IpAddr, u8)> {
        let v4 = self.v4.iter().map(|(own, prefix)| (IpAddr::V4(*own), *prefix));
        let v6 = self.v6.iter().map(|(own, prefix)| (IpAddr::V6(*own), *prefix));
        v4.chain(v6).collect()
    }
}

/// The link-local address of a device (RFC 4291, 2.5.6 and appendix A).
pub fn link_local(address: EthernetAddress) -> Ipv6Addr {
    let [a, b, c, d, e, f] = address.0;
    let part = |high, low| u16::from_be_bytes([high, low]);
    let id = [part(a ^ 2, b), part(c, 0xff), part(0xfe, d), part(e, f)];
    Ipv6Addr::new(0xfe80, 0, 0, 0, id[0], id[1], id[2], id[3])
}

/// A client of DHCP (RFC 2131), by smoltcp.
pub struct Lease {
    set: SocketSet<'static>,
    handle: SocketHandle,
    /// When it has something to do.
    pub at: u64,
}

impl Lease {
    /// One that has no lease yet.
    pub fn new() -> Self {
        let mut set = SocketSet::new(Vec::with_capacity(1));
        let handle = set.add(dhcpv4::Socket::new());
        Self { set, handle, at: 0 }
    }
}

impl State {
    /// Has smoltcp use the addresses.
    pub fn apply_addresses(&mut self) {
        let Some(ethernet) = &mut self.links.ethernet else { return };
        let own = link_local(ethernet.address);
        if !self.addresses.v6.iter().any(|(address, _)| *address == own) {
            self.addresses.v6.push((own, 64));
        }
        let addresses = self.addresses.all();
        ethernet.iface.update_ip_addrs(|list| {
            list.clear();
            for (address, prefix) in addresses {
                // There is room for all that from_options() lets in.
                let _ = list.push(IpCidr::new(address.into(), prefix));
            }
        });
        let routes = ethernet.iface.routes_mut();
        routes.remove_default_ipv4_route();
        routes.remove_default_ipv6_route();
        // There is room for two routes.
        let _ = self.addresses.gateway.map(|gateway| routes.add_default_ipv4_route(gateway));
        let _ = self.addresses.gateway6.map(|gateway| routes.add_default_ipv6_route(gateway));
        self.touch_all();
    }

    /// A frame for the client of DHCP.
    pub fn lease_frame(&mut self, frame: &[u8]) {
        let Some(lease) = &mut self.lease else { return };
        self.links.ingress(Link::Device, self.now, frame, &mut lease.set);
        lease.at = 0;
    }

    /// Has the client of DHCP do what is due.
    pub fn lease_turn(&mut self) {
        let now = self.now;
        let Some(lease) = &mut self.lease else { return };
        if lease.at > now {
            return;
        }
        let event = match lease.set.get_mut::<dhcpv4::Socket<'_>>(lease.handle).poll() {
            Some(dhcpv4::Event::Configured(config)) => Some(Some((
                (config.address.address(), config.address.prefix_len()),
                config.router,
                config.dns_servers.iter().map(|dns| IpAddr::V4(*dns)).collect::<Vec<_>>(),
            ))),
            Some(dhcpv4::Event::Deconfigured) => Some(None),
            None => None,
        };
        if let Some(config) = event {
            match config {
                Some((address, router, dns)) => {
                    unilith_log::info!("network: {}/{} from DHCP", address.0, address.1);
                    let usable = crate::flow::is_host(address.0.into());
                    self.addresses.v4 = usable.then_some(address);
                    self.addresses.gateway = router;
                    self.addresses.dns = dns;
                }
                None => (self.addresses.v4, self.addresses.gateway) = (None, None),
            }
            self.apply_addresses();
        }
        let Some(lease) = &mut self.lease else { return };
        let turn = self.links.egress(Link::Device, now, &mut lease.set, None);
        let at = self.links.poll_at(Link::Device, now, &lease.set);
        lease.at = if turn.full { now.saturating_add(1_000_000) } else { at };
        if lease.at <= now {
            lease.at = if at == NEVER { NEVER } else { now.saturating_add(1_000_000) };
        }
    }
}
