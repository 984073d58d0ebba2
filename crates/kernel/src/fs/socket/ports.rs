//! Ports of TCP and UDP: who has which (Linux 6.12 net/ipv4/inet_connection_sock.c, udp.c).

use super::SocketId;
use std::collections::BTreeMap;

/// The first port that is given to whoever did not ask for one (`net.ipv4.ip_local_port_range`).
const FIRST: u16 = 32_768;
/// The last.
const LAST: u16 = 60_999;

/// A protocol that has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Who has which port.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    holders: BTreeMap<(Transport, u16), Vec<SocketId>>,
    /// The port of every socket that has one.
    held: BTreeMap<SocketId, (Transport, u16)>,
    /// How many ports were given away so far: the next one is behind them.
    given: u16,
}

impl Ports {
    /// Returns the sockets that have a port, those that came first first.
    pub(super) fn holders(&self, transport: Transport, port: u16) -> &[SocketId] {
        self.holders.get(&(transport, port)).map_or(&[], Vec::as_slice)
    }

    /// Gives a port to a socket.
    pub(super) fn take(&mut self, id: SocketId, transport: Transport, port: u16) {
        self.holders.entry((transport, port)).or_default().push(id);
        self.held.insert(id, (transport, port));
    }

    /// Takes the port of a socket back.
    pub(super) fn release(&mut self, id: SocketId) {
        let Some(key) = self.held.remove(&id) else { return };
        if let Some(holders) = self.holders.get_mut(&key) {
            holders.retain(|holder| *holder != id);
            if holders.is_empty() {
                self.holders.remove(&key);
            }
        }
    }

    /// Finds a port that nobody has. Ports are given in turn, so that one that was just closed is not used at once.
    pub(super) fn find_free(&mut self, transport: Transport) -> Option<u16> {
        let count = LAST - FIRST + 1;
        let found = (0..count).find(|offset| {
            let port = FIRST + (self.given + offset) % count;
            self.holders(transport, port).is_empty()
        })?;
        let port = FIRST + (self.given + found) % count;
        self.given = (self.given + found + 1) % count;
        Some(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_go_round() {
        let mut ports = Ports::default();
        assert_eq!(ports.find_free(Transport::Tcp), Some(FIRST));
        ports.take(SocketId(1), Transport::Tcp, FIRST + 1);
        assert_eq!(ports.find_free(Transport::Tcp), Some(FIRST + 2));
        ports.release(SocketId(1));
        assert_eq!(ports.find_free(Transport::Udp), Some(FIRST + 3), "behind the last one");
        assert!(ports.holders(Transport::Tcp, FIRST + 1).is_empty());
        for _ in 4..=LAST - FIRST {
            ports.find_free(Transport::Tcp).unwrap();
        }
        assert_eq!(ports.find_free(Transport::Tcp), Some(FIRST), "and round again");
    }
}
