//! What TCP and UDP share: addresses, ports, and the end of a socket (Linux 6.12 net/ipv4/af_inet.c, net/ipv6/af_inet6.c).

use super::address::{UNSPECIFIED, family, is_local};
use super::ports::Transport;
use super::{Address, Domain, Shut, SocketId, Sockets, Stage, Told};
use crate::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

impl Sockets {
    /// Returns which ports a socket uses.
    pub(super) fn transport(&self, id: SocketId) -> Transport {
        if self[id].is_tcp() { Transport::Tcp } else { Transport::Udp }
    }

    /// Reads an address of a socket's own family.
    pub(super) fn parse_inet(&self, id: SocketId, bytes: &[u8]) -> Result<SocketAddr, Errno> {
        match self[id].domain {
            Domain::Inet6 => Address::inet6(bytes),
            _ => Address::inet(bytes),
        }
    }

    /// Returns the address that a socket has: all zeros where it was not bound.
    pub(super) fn local(&self, id: SocketId) -> SocketAddr {
        match (&self[id].name, self[id].domain) {
            (Some(Address::Inet(at)), _) => *at,
            (_, Domain::Inet6) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
            _ => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        }
    }

    /// Returns the address of a socket's peer.
    pub(super) fn remote(&self, id: SocketId) -> Option<SocketAddr> {
        match self[id].remote {
            Some(Address::Inet(at)) => Some(at),
            _ => None,
        }
    }

    /// Gives a socket an address (bind(2)).
    ///
    /// # Errors
    /// `EINVAL` when it is too short or the socket has one, `EAFNOSUPPORT`, `EADDRNOTAVAIL` when it is not the machine's,
    /// `EACCES` for a port that is root's, `EADDRINUSE`.
    pub(super) fn bind_inet(&mut self, id: SocketId, bytes: &[u8], is_root: bool) -> Result<(), Errno> {
        let at = match self.parse_inet(id, bytes) {
            // An unspecified family is tolerated where the address is unspecified too.
            Err(Errno::EAFNOSUPPORT)
                if self[id].domain == Domain::Inet
                    && family(bytes)? == UNSPECIFIED
                    && bytes[4..8] == [0; 4] =>
            {
                SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), u16::from_be_bytes([bytes[2], bytes[3]]))
            }
            other => other?,
        };
        if self[id].domain == Domain::Inet6 && at.is_ipv4() && self[id].options.is_v6_only() {
            return Err(Errno::EINVAL);
        }
        if !is_local(at.ip()) && !at.ip().is_multicast() {
            return Err(Errno::EADDRNOTAVAIL);
        }
        if (1..1024).contains(&at.port()) && !is_root {
            return Err(Errno::EACCES);
        }
        if self[id].stage != Stage::Closed || self[id].name.is_some() {
            return Err(Errno::EINVAL);
        }
        self.take_port(id, at).map_err(|_| Errno::EADDRINUSE)?;
        self[id].keeps_name = true;
        Ok(())
    }

    /// Gives a socket an address, with any port where that is 0.
    ///
    /// # Errors
    /// `EADDRINUSE`; `EAGAIN` when no port is left.
    fn take_port(&mut self, id: SocketId, mut at: SocketAddr) -> Result<(), Errno> {
        let transport = self.transport(id);
        if at.port() == 0 {
            at.set_port(self.ports.find_free(transport).ok_or(Errno::EAGAIN)?);
        } else if self.conflicts(id, at) {
            return Err(Errno::EADDRINUSE);
        }
        self.ports.take(id, transport, at.port());
        self[id].name = Some(Address::Inet(at));
        Ok(())
    }

    /// Gives a socket that has no port one, before it sends or listens.
    ///
    /// # Errors
    /// `EAGAIN` when none is left.
    pub(super) fn take_any_port(&mut self, id: SocketId) -> Result<(), Errno> {
        if self[id].name.is_some() { Ok(()) } else { self.take_port(id, self.local(id)) }
    }

    /// Tells whether a socket may not have an address because another has it (Linux 6.12
    /// net/ipv4/inet_connection_sock.c inet_bind_conflict, net/ipv4/udp.c udp_lib_lport_inuse).
    pub(super) fn conflicts(&self, id: SocketId, at: SocketAddr) -> bool {
        let transport = self.transport(id);
        let socket = &self[id];
        self.ports.holders(transport, at.port()).iter().any(|holder| {
            let other = &self[*holder];
            let reused = socket.options.reuses_address()
                && other.options.reuses_address()
                && (transport == Transport::Udp || other.listener().is_none());
            let shared = socket.options.shares_port() && other.options.shares_port();
            *holder != id && !reused && !shared && self.overlap(id, at.ip(), *holder)
        })
    }

    /// Tells whether something could be meant for both a socket at `ip` and `other`.
    fn overlap(&self, id: SocketId, ip: IpAddr, other: SocketId) -> bool {
        let there = self.local(other).ip();
        match (ip.is_ipv4(), there.is_ipv4()) {
            (true, true) | (false, false) => ip == there || ip.is_unspecified() || there.is_unspecified(),
            (true, false) => there.is_unspecified() && !self[other].options.is_v6_only(),
            (false, true) => ip.is_unspecified() && !self[id].options.is_v6_only(),
        }
    }

    /// Tells how well a socket's own address fits what was sent to `to`; `None` when it does not.
    pub(super) fn fit(&self, id: SocketId, to: IpAddr) -> Option<u8> {
        let here = self.local(id).ip();
        match (here.is_ipv4(), to.is_ipv4()) {
            _ if here == to => Some(2),
            (true, true) | (false, false) => here.is_unspecified().then_some(1),
            (false, true) => (here.is_unspecified() && !self[id].options.is_v6_only()).then_some(0),
            (true, false) => None,
        }
    }

    /// Decides where something for `to` goes, and which address it comes from: the loopback answers for everything that is
    /// the machine's own.
    ///
    /// # Errors
    /// `ENETUNREACH` for everything else: there is no other network.
    pub(super) fn route(&self, id: SocketId, to: SocketAddr) -> Result<(SocketAddr, IpAddr), Errno> {
        let local = self.local(id).ip();
        let refused = self[id].options.is_v6_only() && to.is_ipv4();
        if !is_local(to.ip()) || refused {
            return Err(Errno::ENETUNREACH);
        }
        // A socket that is bound to an IPv4 address means that one's loopback.
        let wants_v4 = to.is_ipv4() || to.ip().is_unspecified() && local.is_ipv4();
        let loopback: IpAddr = if wants_v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        let to = if to.ip().is_unspecified() { SocketAddr::new(loopback, to.port()) } else { to };
        match local {
            _ if local.is_unspecified() && (local.is_ipv6() || to.is_ipv4()) => Ok((to, loopback)),
            _ if local.is_ipv4() == to.is_ipv4() => Ok((to, local)),
            _ => Err(Errno::ENETUNREACH),
        }
    }

    /// Chooses among the sockets that share a port by the port that somebody comes from (`SO_REUSEPORT`).
    pub(super) fn choose(&self, fitting: Vec<SocketId>, from: u16) -> Option<SocketId> {
        let shares = fitting.iter().all(|id| self[*id].options.shares_port());
        let index = if shares { usize::from(from).checked_rem(fitting.len())? } else { fitting.len() - 1 };
        fitting.get(index).copied()
    }

    /// Ends the association of a socket, and gives a port back that it did not ask for.
    pub(super) fn disconnect_inet(&mut self, id: SocketId) {
        let socket = &mut self[id];
        socket.stage = Stage::Closed;
        socket.shut = Shut::empty();
        socket.told = Told::Nothing;
        socket.peer = None;
        socket.remote = None;
        if !socket.keeps_name {
            socket.name = None;
            self.ports.release(id);
        }
    }

    /// Tells the peers of a socket that is being closed.
    pub(super) fn close_inet(&mut self, id: SocketId) {
        if self[id].is_tcp() {
            self.close_tcp(id);
        }
    }
}
