//! Addresses of sockets, as `struct sockaddr_un`, `sockaddr_in`, `sockaddr_in6` and `sockaddr_nl` have them.

use crate::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Size of `struct sockaddr_storage`: the most that a call takes for an address.
pub const MAX_ADDRESS: usize = 128;
/// Where `sun_path` begins in `struct sockaddr_un`.
const PATH_AT: usize = 2;
/// Size of `struct sockaddr_un`.
const UNIX_BYTES: usize = 110;
/// Size of `struct sockaddr_in`.
const INET_BYTES: usize = 16;
/// Size of `struct sockaddr_in6` before it had a scope (RFC 2133), which is enough for calls.
const INET6_LEAST_BYTES: usize = 24;
/// Size of `struct sockaddr_nl`.
const NETLINK_BYTES: usize = 12;

/// The family of a socket and of its addresses (`AF_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Domain {
    /// `AF_UNIX`.
    Unix = 1,
    /// `AF_INET`.
    Inet = 2,
    /// `AF_INET6`.
    Inet6 = 10,
    /// `AF_NETLINK`.
    Netlink = 16,
}

/// `AF_UNSPEC`, with which connect(2) ends an association.
pub(super) const UNSPECIFIED: u16 = 0;

/// The address of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An AF_UNIX socket that has no name.
    Unnamed,
    /// An AF_UNIX socket at a path.
    Path(Vec<u8>),
    /// An AF_UNIX socket with a name that is not in any file system.
    Abstract(Vec<u8>),
    /// An AF_INET or AF_INET6 socket. An IPv4 address stands here as such, even where AF_INET6 shows it mapped.
    Inet(SocketAddr),
    /// A netlink socket's number.
    Netlink(u32),
}

/// Returns the family of an address.
///
/// # Errors
/// `EINVAL` when it is too short to have one.
pub(super) fn family(bytes: &[u8]) -> Result<u16, Errno> {
    bytes.first_chunk().map(|family| u16::from_le_bytes(*family)).ok_or(Errno::EINVAL)
}

impl Address {
    /// Reads `struct sockaddr_un` (Linux 6.12 net/unix/af_unix.c unix_validate_addr, unix_mkname_bsd).
    ///
    /// # Errors
    /// `EINVAL` when its length or its family is not one of AF_UNIX.
    pub(super) fn unix(bytes: &[u8]) -> Result<Self, Errno> {
        if bytes.len() <= PATH_AT || bytes.len() > UNIX_BYTES || family(bytes)? != Domain::Unix as u16 {
            return Err(Errno::EINVAL);
        }
        let path = &bytes[PATH_AT..];
        Ok(match path.split_first() {
            Some((0, name)) => Self::Abstract(name.to_vec()),
            _ => Self::Path(path.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()),
        })
    }

    /// Reads `struct sockaddr_in`.
    ///
    /// # Errors
    /// `EINVAL` when it is too short, `EAFNOSUPPORT` when it is of another family.
    pub(super) fn inet(bytes: &[u8]) -> Result<SocketAddr, Errno> {
        if bytes.len() < INET_BYTES {
            return Err(Errno::EINVAL);
        }
        if family(bytes)? != Domain::Inet as u16 {
            return Err(Errno::EAFNOSUPPORT);
        }
        let ip = Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]);
        Ok(SocketAddr::new(ip.into(), u16::from_be_bytes([bytes[2], bytes[3]])))
    }

    /// Reads `struct sockaddr_in6`. A mapped IPv4 address becomes that address.
    ///
    /// # Errors
    /// `EINVAL` when it is too short, `EAFNOSUPPORT` when it is of another family.
    pub(super) fn inet6(bytes: &[u8]) -> Result<SocketAddr, Errno> {
        if bytes.len() < INET6_LEAST_BYTES {
            return Err(Errno::EINVAL);
        }
        if family(bytes)? != Domain::Inet6 as u16 {
            return Err(Errno::EAFNOSUPPORT);
        }
        let mut ip = [0; 16];
        ip.copy_from_slice(&bytes[8..24]);
        let ip = Ipv6Addr::from(ip).to_canonical();
        Ok(SocketAddr::new(ip, u16::from_be_bytes([bytes[2], bytes[3]])))
    }

    /// Reads `struct sockaddr_nl` and returns its number. Groups are for messages that nobody sends here.
    ///
    /// # Errors
    /// `EINVAL` when it is too short or of another family.
    pub(super) fn netlink(bytes: &[u8]) -> Result<u32, Errno> {
        if bytes.len() < NETLINK_BYTES || family(bytes)? != Domain::Netlink as u16 {
            return Err(Errno::EINVAL);
        }
        Ok(u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]))
    }

    /// Returns the bytes of the address as a socket of `domain` shows it.
    pub fn to_bytes(&self, domain: Domain) -> Vec<u8> {
        let family = |domain: Domain| (domain as u16).to_le_bytes().to_vec();
        match self {
            Self::Unnamed => family(Domain::Unix),
            Self::Path(path) => [&family(Domain::Unix)[..], path, b"\0"].concat(),
            Self::Abstract(name) => [&family(Domain::Unix)[..], b"\0", name].concat(),
            Self::Inet(at) => match (domain, at.ip()) {
                (Domain::Inet6, ip) => {
                    let ip = match ip {
                        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                        IpAddr::V6(ip) => ip,
                    };
                    let port = at.port().to_be_bytes();
                    [&family(Domain::Inet6)[..], &port, &[0; 4], &ip.octets(), &[0; 4]].concat()
                }
                (_, ip) => {
                    let ip = match ip {
                        IpAddr::V4(ip) => ip.octets(),
                        IpAddr::V6(_) => [0; 4],
                    };
                    [&family(Domain::Inet)[..], &at.port().to_be_bytes(), &ip, &[0; 8]].concat()
                }
            },
            Self::Netlink(number) => {
                [&family(Domain::Netlink)[..], &[0; 2], &number.to_le_bytes(), &[0; 4]].concat()
            }
        }
    }
}

/// Tells whether an address is the machine's own: nothing else can be reached.
pub(super) const fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_their_bytes() {
        for address in [Address::Path(b"/tmp/x".to_vec()), Address::Abstract(b"a\0b".to_vec())] {
            assert_eq!(Address::unix(&address.to_bytes(Domain::Unix)), Ok(address));
        }
        let at: SocketAddr = "127.0.0.1:80".parse().unwrap();
        assert_eq!(Address::inet(&Address::Inet(at).to_bytes(Domain::Inet)), Ok(at));
        let mapped = Address::Inet(at).to_bytes(Domain::Inet6);
        assert_eq!((mapped.len(), Address::inet6(&mapped)), (28, Ok(at)), "IPv4 in IPv6 is IPv4");
        assert_eq!(Address::netlink(&Address::Netlink(7).to_bytes(Domain::Netlink)), Ok(7));
    }

    #[test]
    fn a_path_ends_at_its_nul() {
        assert_eq!(Address::unix(b"\x01\0/x\0rest"), Ok(Address::Path(b"/x".to_vec())));
        assert_eq!(Address::unix(b"\x01\0"), Err(Errno::EINVAL));
        assert_eq!(Address::unix(b"\x02\0/x"), Err(Errno::EINVAL));
    }
}
