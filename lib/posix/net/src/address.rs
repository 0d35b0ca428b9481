//! Addresses of sockets, to bytes and back (`struct sockaddr_in`, `_in6`, `_un`).

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use unilith_posix_abi::raw::net::{AF_INET, AF_INET6, AF_UNIX};
use unilith_posix_abi::{Errno, Result, UserPtr};

/// AF_UNSPEC: connecting to it ends a connection.
const AF_UNSPEC: u32 = 0;
/// Bytes in the largest address (`struct sockaddr_storage`).
const LONGEST: usize = 128;
/// Bytes in a `sockaddr_in`.
const IN: usize = 16;
/// Bytes in a `sockaddr_in6` without the scope, which old programs leave out (SIN6_LEN_RFC2133).
const IN6_SHORT: usize = 24;
/// Bytes in a `sockaddr_in6`.
const IN6: usize = 28;
/// Bytes in a `sockaddr_un`.
const UN: usize = 110;

/// The name of a socket of AF_UNIX.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Name {
    /// It has none.
    #[default]
    Unnamed,
    /// A name that no file system knows.
    Abstract(Vec<u8>),
    /// A path.
    Path(Vec<u8>),
}

/// Where a socket is, or goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Nowhere (AF_UNSPEC).
    Unspecified,
    /// AF_INET or AF_INET6.
    Inet(SocketAddr),
    /// AF_UNIX.
    Unix(Name),
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Errno::EINVAL)
}

/// The bytes of a name: all of the path up to a NUL, or an abstract name, which may contain any.
fn name(path: &[u8]) -> Name {
    match path {
        [] => Name::Unnamed,
        [0, name @ ..] => Name::Abstract(name.to_vec()),
        path => Name::Path(path.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()),
    }
}

impl Address {
    /// Decodes the address of a socket of `domain`. EINVAL if it is too short or too long,
    /// EAFNOSUPPORT if it is of another family.
    pub fn decode(domain: u32, bytes: &[u8]) -> Result<Self> {
        let family = u32::from(u16::from_ne_bytes(array(bytes, 0)?));
        if family == AF_UNSPEC {
            return Ok(Self::Unspecified);
        }
        if family != domain {
            return Err(if domain == AF_UNIX { Errno::EINVAL } else { Errno::EAFNOSUPPORT });
        }
        match family {
            AF_UNIX if bytes.len() <= UN => {
                Ok(Self::Unix(name(bytes.get(2..).unwrap_or_default())))
            }
            AF_INET if bytes.len() >= IN => {
                let port = u16::from_be_bytes(array(bytes, 2)?);
                let address = Ipv4Addr::from(array::<4>(bytes, 4)?);
                Ok(Self::Inet(SocketAddr::new(address.into(), port)))
            }
            AF_INET6 if bytes.len() >= IN6_SHORT => {
                let port = u16::from_be_bytes(array(bytes, 2)?);
                let address = Ipv6Addr::from(array::<16>(bytes, 8)?);
                let scope = array(bytes, IN6_SHORT).map_or(0, u32::from_ne_bytes);
                Ok(Self::Inet(SocketAddrV6::new(address, port, 0, scope).into()))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// Encodes it for a socket of `domain`.
    pub fn encode(&self, domain: u32) -> Vec<u8> {
        let mut bytes = (domain as u16).to_ne_bytes().to_vec();
        match self {
            Self::Unspecified if domain == AF_INET => bytes.resize(IN, 0),
            Self::Unspecified if domain == AF_INET6 => bytes.resize(IN6, 0),
            Self::Unspecified | Self::Unix(Name::Unnamed) => {}
            Self::Inet(address) => {
                bytes.extend(address.port().to_be_bytes());
                match (domain, address) {
                    (AF_INET, SocketAddr::V4(v4)) => {
                        bytes.extend(v4.ip().octets());
                        bytes.resize(IN, 0);
                    }
                    (_, address) => {
                        let (ip, scope) = match address {
                            SocketAddr::V4(v4) => (v4.ip().to_ipv6_mapped(), 0),
                            SocketAddr::V6(v6) => (*v6.ip(), v6.scope_id()),
                        };
                        bytes.extend([0; 4]);
                        bytes.extend(ip.octets());
                        bytes.extend(scope.to_ne_bytes());
                    }
                }
            }
            Self::Unix(Name::Abstract(name)) => {
                bytes.push(0);
                bytes.extend(name);
            }
            Self::Unix(Name::Path(path)) => {
                bytes.extend(path);
                bytes.push(0);
            }
        }
        bytes
    }

    /// Reads the address of `len` bytes that the application gives.
    pub fn read(domain: u32, from: UserPtr, len: usize) -> Result<Self> {
        // The kernel's argument is an int.
        let len = len as u32 as usize;
        if len > LONGEST {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; LONGEST];
        let bytes = bytes.get_mut(..len).unwrap_or_default();
        from.copy_in(bytes)?;
        Self::decode(domain, bytes)
    }

    /// Writes it to `to`, as far as `room` reaches; how long it is.
    pub fn write(&self, domain: u32, to: UserPtr, room: usize) -> Result<usize> {
        let bytes = self.encode(domain);
        to.copy_out(bytes.get(..room.min(bytes.len())).unwrap_or_default())?;
        Ok(bytes.len())
    }

    /// Writes it to `to`; the room there is at `len`, where the length goes. Nothing happens if
    /// `to` is null.
    pub fn write_with_length(&self, domain: u32, to: UserPtr, len: UserPtr) -> Result<()> {
        if to.is_null() {
            return Ok(());
        }
        let room = i32::from_ne_bytes(len.read()?);
        let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
        let written = self.write(domain, to, room)?;
        len.copy_out(&(written as u32).to_ne_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_where_c_puts_them() {
        let bytes = [2, 0, 0x1f, 0x90, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 0, 0];
        let address = Address::Inet("10.0.2.15:8080".parse().expect("an address"));
        assert_eq!(Address::decode(AF_INET, &bytes), Ok(address.clone()));
        assert_eq!(address.encode(AF_INET), bytes);
        // On a socket of AF_INET6 it is a mapped one.
        let mapped = address.encode(AF_INET6);
        assert_eq!(mapped.len(), IN6);
        assert_eq!(mapped[8..24], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 2, 15]);
        let path = [b"\x01\x00/run/x\0".as_slice(), &[7; 20]].concat();
        let path = Address::decode(AF_UNIX, &path);
        assert_eq!(path, Ok(Address::Unix(Name::Path(b"/run/x".to_vec()))));
        let hidden = Address::Unix(Name::Abstract(b"a\0b".to_vec()));
        assert_eq!(hidden.encode(AF_UNIX), b"\x01\x00\0a\0b");
        assert_eq!(Address::decode(AF_INET, &bytes[..15]), Err(Errno::EINVAL));
        assert_eq!(Address::decode(AF_INET6, &bytes), Err(Errno::EAFNOSUPPORT));
        assert_eq!(Address::decode(AF_UNIX, &[1]), Err(Errno::EINVAL));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_address_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..130),
            domain in prop::sample::select(&[AF_UNIX, AF_INET, AF_INET6][..]),
            own in any::<bool>(),
        ) {
            let mut bytes = bytes;
            if own && bytes.len() >= 2 {
                bytes[..2].copy_from_slice(&(domain as u16).to_ne_bytes());
            }
            if let Ok(address) = Address::decode(domain, &bytes) {
                let again = address.encode(domain);
                prop_assert!(again.len() <= UN + 1);
                if address != Address::Unspecified {
                    // A path that fills the structure has no NUL there.
                    let again = &again[..again.len().min(UN)];
                    prop_assert_eq!(Address::decode(domain, again), Ok(address));
                }
            }
        }
    }
}
