//! UDP over the loopback (udp(7); Linux 6.12 net/ipv4/udp.c).

use super::address::{UNSPECIFIED, family};
use super::packet::{Packet, true_size};
use super::ports::Transport;
use super::{Address, Outgoing, Shut, SocketId, Sockets, Stage};
use crate::Errno;
use crate::fs::wait::Stop;
use std::net::SocketAddr;

/// The most bytes that a datagram carries: 65,535 less the headers of IPv4 and UDP.
const MAX_DATAGRAM: usize = 65_507;

impl Sockets {
    /// Sets or clears whom a UDP socket sends to, and hears alone (connect(2)).
    ///
    /// # Errors
    /// `EINVAL`, `EAFNOSUPPORT`, `ENETUNREACH`, `EAGAIN` when no port is left.
    pub(super) fn associate_udp(&mut self, id: SocketId, bytes: &[u8]) -> Result<(), Errno> {
        if family(bytes)? == UNSPECIFIED {
            self.disconnect_inet(id);
            return Ok(());
        }
        let (to, from) = self.route(id, self.parse_inet(id, bytes)?)?;
        self.take_any_port(id)?;
        let port = self.local(id).port();
        let socket = &mut self[id];
        socket.name = Some(Address::Inet(SocketAddr::new(from, port)));
        socket.remote = Some(Address::Inet(to));
        socket.stage = Stage::Established;
        Ok(())
    }

    /// Sends a datagram. Where nobody takes it, or has no room, it is lost; a connected sender hears of the former later.
    ///
    /// # Errors
    /// `EDESTADDRREQ`, `EINVAL` for port 0, `EMSGSIZE`, `ENETUNREACH`, `EPIPE`, what an earlier datagram came to.
    pub(super) fn send_udp(&mut self, id: SocketId, message: &Outgoing<'_>) -> Result<usize, Stop> {
        let len = message.bytes.len();
        if len > MAX_DATAGRAM {
            return Err(Errno::EMSGSIZE.into());
        }
        let to = match message.to {
            Some(to) => self.parse_inet(id, to)?,
            None => self.remote(id).ok_or(Errno::EDESTADDRREQ)?,
        };
        if to.port() == 0 {
            return Err(Errno::EINVAL.into());
        }
        if self[id].shut.contains(Shut::WRITE) {
            return Err(Errno::EPIPE.into());
        }
        self[id].check_error()?;
        let (to, from) = self.route(id, to)?;
        self.take_any_port(id)?;
        let from = SocketAddr::new(from, self.local(id).port());
        match self.receiver_at(to, from) {
            Some(receiver) => {
                let cost = true_size(len, 0);
                let packet = Packet {
                    bytes: message.bytes.to_vec(),
                    source: Some(Address::Inet(from)),
                    cost,
                    ..Packet::default()
                };
                let socket = &mut self[receiver];
                if socket.queued <= socket.options.receive_buffer as usize {
                    socket.queued += cost;
                    socket.queue.push_back(packet);
                    self.wake_readers(receiver);
                }
            }
            None if self.remote(id) == Some(to) => {
                self[id].error = Some(Errno::ECONNREFUSED);
                self.wake_all(id);
            }
            None => {}
        }
        Ok(len)
    }

    /// Returns the socket that a datagram is for: one that is connected to its sender before one that hears everybody, an
    /// exact address before any, the one that came last before the others.
    fn receiver_at(&self, to: SocketAddr, from: SocketAddr) -> Option<SocketId> {
        let fits = self.ports.holders(Transport::Udp, to.port()).iter().filter_map(|id| {
            let is_connected = match self.remote(*id) {
                Some(remote) if remote != from => return None,
                remote => remote.is_some(),
            };
            Some(((is_connected, self.fit(*id, to.ip())?), *id))
        });
        let fits: Vec<_> = fits.collect();
        let best = fits.iter().map(|(fit, _)| *fit).max()?;
        self.choose(fits.into_iter().filter(|(fit, _)| *fit == best).map(|(_, id)| id).collect(), from.port())
    }

    /// Shuts directions of a UDP socket down.
    ///
    /// # Errors
    /// `ENOTCONN` when it is not connected; they are shut down all the same.
    pub(super) fn shut_udp(&mut self, id: SocketId, how: Shut) -> Result<(), Errno> {
        self[id].shut |= how;
        self.wake_all(id);
        if self[id].stage == Stage::Established { Ok(()) } else { Err(Errno::ENOTCONN) }
    }
}
