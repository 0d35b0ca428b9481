//! What a virtual machine has beside memory and a console: network, volumes, entropy.

use crate::host;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::str::FromStr;

/// The devices of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// Its network card.
    pub network: Option<Network>,
    /// Directories of the host.
    pub volumes: Vec<Volume>,
    /// A source of random numbers.
    pub entropy: bool,
}

impl Devices {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A network card, and what is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// The monitor's own network stack: the guest reaches out, and is reached at published ports.
    User(Vec<Publish>),
    /// A TAP interface of the host.
    Tap(String),
}

/// The guest's address on the monitor's own network, which always looks the same.
pub const USER_ADDRESS: &str = "10.0.2.15";
/// Its prefix length.
pub const USER_PREFIX: u8 = 24;
/// The router on it.
pub const USER_GATEWAY: &str = "10.0.2.2";
/// The name server on it.
pub const USER_DNS: &str = "10.0.2.3";

impl Network {
    /// The card's address: QEMU's usual one, but another for every TAP interface, for guests may
    /// share a bridge.
    pub fn mac(&self) -> [u8; 6] {
        let [a, b, c] = match self {
            Self::User(_) => [0x12, 0x34, 0x56],
            // FNV-1a: the same interface always gives the same address.
            Self::Tap(name) => {
                let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
                    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
                });
                let [a, b, c, _] = hash.to_le_bytes();
                [a, b, c]
            }
        };
        [0x52, 0x54, 0x00, a, b, c]
    }
}

/// Transport protocol of a published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A port of the host that leads to a port of the guest: `[IP:]HOST:GUEST[/udp]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// TCP unless said otherwise.
    pub protocol: Protocol,
    /// The host's address; loopback unless said otherwise, so that nobody else reaches the guest.
    pub address: Ipv4Addr,
    /// The host's port.
    pub host: u16,
    /// The guest's port.
    pub guest: u16,
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let give = |why: &str| {
            format!(
                "--publish {text}: {why}; give [IP:]HOST:GUEST[/udp], such as 8080:80 or 0.0.0.0:8080:80"
            )
        };
        let (ports, protocol) = match text.rsplit_once('/') {
            None | Some((_, "tcp")) => (text.trim_end_matches("/tcp"), Protocol::Tcp),
            Some((ports, "udp")) => (ports, Protocol::Udp),
            Some(_) => return Err(give("a protocol is tcp or udp")),
        };
        let (rest, guest) = ports.rsplit_once(':').ok_or_else(|| give("two ports are needed"))?;
        let (address, host) = match rest.rsplit_once(':') {
            None => (Ipv4Addr::LOCALHOST, rest),
            Some((address, host)) => {
                (address.parse().map_err(|_| give("that is no IPv4 address"))?, host)
            }
        };
        let port = |text: &str| match text.parse::<u16>() {
            Ok(0) | Err(_) => Err(give("a port is a number from 1 to 65535")),
            Ok(port) => Ok(port),
        };
        Ok(Self { protocol, address, host: port(host)?, guest: port(guest)? })
    }
}

impl Publish {
    /// Whether the port of the host can be had now; if not, why.
    ///
    /// # Errors
    /// A sentence with who has the port, where that can be found out.
    pub fn check(&self) -> Result<(), String> {
        let at = SocketAddr::new(IpAddr::V4(self.address), self.host);
        let tried = match self.protocol {
            Protocol::Tcp => TcpListener::bind(at).map(drop),
            Protocol::Udp => UdpSocket::bind(at).map(drop),
        };
        let why = match tried.map_err(|error| (error.kind(), error)) {
            Ok(()) => return Ok(()),
            Err((io::ErrorKind::AddrInUse, _)) => {
                let owner = host::port_owner(self.protocol, self.host);
                format!("in use{}", owner.map(|who| format!(" by {who}")).unwrap_or_default())
            }
            Err((io::ErrorKind::AddrNotAvailable, _)) => {
                return Err(format!("{} is no address of this machine", self.address));
            }
            Err((_, error)) => error.to_string(),
        };
        Err(format!(
            "port {}/{} of this machine: {why}; publish another: {}:{}{}",
            self.host,
            self.protocol,
            if self.host < 10_000 { self.host + 10_000 } else { self.host / 2 },
            self.guest,
            if self.protocol == Protocol::Udp { "/udp" } else { "" },
        ))
    }
}

/// A directory of the host that the guest mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The directory.
    pub host: PathBuf,
    /// Where the guest has it.
    pub guest: String,
    /// The guest cannot change it.
    pub read_only: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_written_as_docker_has_them() {
        let tcp = Publish {
            protocol: Protocol::Tcp,
            address: Ipv4Addr::LOCALHOST,
            host: 8080,
            guest: 80,
        };
        assert_eq!("8080:80".parse(), Ok(tcp));
        assert_eq!("8080:80/tcp".parse(), Ok(tcp));
        assert_eq!("8080:80/udp".parse(), Ok(Publish { protocol: Protocol::Udp, ..tcp }));
        let open = Publish { address: Ipv4Addr::UNSPECIFIED, ..tcp };
        assert_eq!("0.0.0.0:8080:80".parse(), Ok(open));
        for bad in ["", "80", "0:80", "80:", "80:65536", "80:80/sctp", "::1:80:80", "a:80:80"] {
            assert!(bad.parse::<Publish>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_in_use_is_told_with_its_owner() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let publish: Publish = format!("{port}:80").parse().expect("ports");
        let why = publish.check().expect_err("it is in use");
        let own = format!("process {}", std::process::id());
        assert!(why.contains("in use by ") && why.contains(&own), "{why}");
        drop(taken);
        assert_eq!(publish.check(), Ok(()));
    }

    #[test]
    fn interfaces_have_addresses_of_their_own() {
        let mac = |name: &str| Network::Tap(name.to_owned()).mac();
        assert_eq!(mac("tap0"), mac("tap0"));
        assert_ne!(mac("tap0"), mac("tap1"));
        assert_eq!(mac("tap0")[..3], [0x52, 0x54, 0x00]);
    }
}
