//! Sockets: descriptions on the way, wake-ups, buffers that bound what a guest can pile up.

use super::*;
use crate::fs::socket::{Caller, Domain, Kind, MessageFlags, Outgoing, Spec};
use proptest::prelude::*;
use std::collections::VecDeque;

const UNIX_STREAM: Spec = Spec { domain: Domain::Unix, kind: Kind::Stream, protocol: 0 };
const TCP: Spec = Spec { domain: Domain::Inet, kind: Kind::Stream, protocol: 6 };

impl World {
    fn caller(&self) -> Caller {
        Caller { pid: Pid(2), work_dir: self.processes.work_dir }
    }

    fn pair(&mut self, spec: Spec) -> [OpenId; 2] {
        let caller = self.caller();
        self.with(|fs, env| fs.socket_pair(env, spec, OpenFlags::NONBLOCK, &caller)).unwrap()
    }

    fn send(&mut self, open: OpenId, bytes: &[u8], rights: &[OpenId]) -> Result<usize, Stop> {
        let caller = self.caller();
        let flags = MessageFlags::empty();
        let message = Outgoing { bytes, more: 0, to: None, rights, claims: None, flags };
        self.with(|fs, env| fs.send(env, open, &message, &caller))
    }

    fn receive(&mut self, open: OpenId, len: usize) -> Result<(Vec<u8>, Vec<OpenId>), Stop> {
        let flags = MessageFlags::empty();
        let incoming = self.fs.receive_begin(open, len, flags)?;
        let rights = self.fs.receive_commit(open, incoming.bytes.len(), flags);
        Ok((incoming.bytes, rights))
    }

    /// Makes a TCP connection: the listener, the client, the server.
    fn connection(&mut self) -> [OpenId; 3] {
        let caller = self.caller();
        let address = [2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        self.with(|fs, env| {
            let listener = fs.socket(env, TCP, OpenFlags::NONBLOCK);
            fs.bind(env, listener, &address, &caller).unwrap();
            fs.listen_socket(env, listener, 0, &caller).unwrap();
            let client = fs.socket(env, TCP, OpenFlags::empty());
            fs.connect(env, client, &address, &caller).unwrap();
            let server = fs.accept(env, listener, OpenFlags::NONBLOCK).unwrap();
            fs.set_status_flags(client, OpenFlags::NONBLOCK);
            [listener, client, server]
        })
    }
}

#[test]
fn a_description_in_a_message_stays_open() {
    let mut world = World::new();
    let before = world.weight();
    let [one, other] = world.pair(UNIX_STREAM);
    let (read, write) = world.with(|fs, env| fs.pipe(env, OpenFlags::NONBLOCK)).unwrap();
    assert_eq!(world.send(one, b"x", &[write]), Ok(1));
    world.close(write);
    let _ = world.fs.take_wakes(|_| false);
    assert_eq!(world.read(read, 1), Err(stop(Errno::EAGAIN)), "the message still writes");
    let (bytes, rights) = world.receive(other, 10).unwrap();
    assert_eq!((bytes, rights.clone()), (b"x".to_vec(), vec![write]));
    assert_eq!(world.write(write, b"y"), Ok(1));
    world.close(rights[0]);
    for open in [one, other, read] {
        world.close(open);
    }
    assert_eq!(world.weight(), before);
}

#[test]
fn what_nobody_receives_is_closed() {
    let mut world = World::new();
    let before = world.weight();
    let [one, other] = world.pair(UNIX_STREAM);
    let (read, write) = world.with(|fs, env| fs.pipe(env, OpenFlags::NONBLOCK)).unwrap();
    world.send(one, b"x", &[write]).unwrap();
    world.close(write);
    world.close(other);
    assert_eq!(world.read(read, 1), Ok(Vec::new()), "the end of the file: nobody writes");
    world.close(one);
    world.close(read);
    assert_eq!(world.weight(), before);
}

#[test]
fn sockets_that_only_contain_each_other_are_freed() {
    let mut world = World::new();
    let before = world.weight();
    // Each end of a pair lies in the other's queue.
    let [one, other] = world.pair(UNIX_STREAM);
    world.send(one, b"x", &[one]).unwrap();
    world.send(other, b"x", &[other]).unwrap();
    world.close(one);
    world.close(other);
    assert_eq!(world.weight(), before);
    // A ring of pairs, and something that is reached through the ring alone.
    let pairs: Vec<_> = (0..5).map(|_| world.pair(UNIX_STREAM)).collect();
    let (read, write) = world.with(|fs, env| fs.pipe(env, OpenFlags::NONBLOCK)).unwrap();
    for (index, [into, _]) in pairs.iter().enumerate() {
        world.send(*into, b"x", &[pairs[(index + 1) % 5][1], write]).unwrap();
    }
    for open in pairs.into_iter().flatten().chain([write]) {
        world.close(open);
    }
    assert_eq!(world.read(read, 1), Ok(Vec::new()), "the end of the file: nobody writes");
    world.close(read);
    assert_eq!(world.weight(), before);
}

#[test]
fn a_socket_that_can_still_be_received_is_not_freed() {
    let mut world = World::new();
    let [outer, kept] = world.pair(UNIX_STREAM);
    let [inner, passed] = world.pair(UNIX_STREAM);
    world.send(inner, b"inside", &[]).unwrap();
    world.send(outer, b"x", &[passed]).unwrap();
    world.close(passed);
    let (_, rights) = world.receive(kept, 1).unwrap();
    assert_eq!(world.receive(rights[0], 10).unwrap().0, b"inside");
}

#[test]
fn arrivals_wake_readers_and_room_wakes_writers() {
    let mut world = World::new();
    let [one, other] = world.pair(UNIX_STREAM);
    let (writer, reader) = (world.fs.socket_of(one).unwrap(), world.fs.socket_of(other).unwrap());
    for _ in 0..2 {
        world.send(one, b"x", &[]).unwrap();
        assert_eq!(world.fs.take_wakes(|_| false), [Wait::SocketReadable(reader)], "at each arrival");
    }
    while world.send(one, &[0; 1000], &[]).is_ok() {}
    let _ = world.fs.take_wakes(|_| false);
    world.receive(other, 2).unwrap();
    assert!(
        !world.fs.take_wakes(|_| false).contains(&Wait::SocketWritable(writer)),
        "three quarters are taken"
    );
    while world.receive(other, 1000).is_ok() {}
    assert!(world.fs.take_wakes(|_| false).contains(&Wait::SocketWritable(writer)));
    world.close(other);
    let wakes = world.fs.take_wakes(|_| false);
    assert!(wakes.contains(&Wait::SocketReadable(writer)) && wakes.contains(&Wait::SocketWritable(writer)));
}

#[test]
fn a_listener_takes_one_more_than_its_backlog_and_answers_the_next_later() {
    let mut world = World::new();
    let before = world.weight();
    let [listener, client, server] = world.connection();
    let caller = world.caller();
    let address = world.fs.socket_address(listener).unwrap();
    let ask = |world: &mut World| {
        world.with(|fs, env| {
            let open = fs.socket(env, TCP, OpenFlags::empty());
            (open, fs.connect(env, open, &address, &caller))
        })
    };
    let (first, connected) = ask(&mut world);
    assert_eq!(connected, Ok(()));
    let (second, waits) = ask(&mut world);
    let id = world.fs.socket_of(second).unwrap();
    assert_eq!(waits, Err(Stop::Wait(Wait::SocketWritable(id))));
    let _ = world.fs.take_wakes(|_| false);
    let accepted = world.with(|fs, env| fs.accept(env, listener, OpenFlags::empty())).unwrap();
    assert!(world.fs.take_wakes(|_| false).contains(&Wait::SocketWritable(id)));
    assert_eq!(world.with(|fs, env| fs.connect(env, second, &address, &caller)), Ok(()));
    for open in [listener, client, server, first, second, accepted] {
        world.close(open);
    }
    assert_eq!(world.weight(), before);
}

#[test]
fn nobody_can_fill_the_host() {
    let mut world = World::new();
    let [_, client, server] = world.connection();
    let mut sent = 0;
    while let Ok(len) = world.send(client, &[7; 100_000], &[]) {
        sent += len;
    }
    assert!((1 << 20..8 << 20).contains(&sent), "{sent}");
    assert_eq!(world.receive(server, sent + 1).unwrap().0.len(), sent);
    // A datagram socket loses what it has no room for.
    let caller = world.caller();
    let udp = Spec { domain: Domain::Inet, kind: Kind::Datagram, protocol: 17 };
    let open = world.with(|fs, env| fs.socket(env, udp, OpenFlags::NONBLOCK));
    let any = [2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    world.with(|fs, env| fs.bind(env, open, &any, &caller)).unwrap();
    let own = world.fs.socket_address(open).unwrap();
    for _ in 0..1000 {
        let flags = MessageFlags::empty();
        let message =
            Outgoing { bytes: &[1; 1000], more: 0, to: Some(&own), rights: &[], claims: None, flags };
        assert_eq!(world.with(|fs, env| fs.send(env, open, &message, &caller)), Ok(1000));
    }
    let kept = std::iter::from_fn(|| world.receive(open, 1000).ok()).count();
    assert!((50..300).contains(&kept), "{kept}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What comes out of a stream is what went in, in order, whatever the sizes and the family.
    #[test]
    fn streams_are_queues(tcp in any::<bool>(), sizes in prop::collection::vec((any::<bool>(), 1_usize..90_000), 1..60)) {
        let mut world = World::new();
        let [from, to] = if tcp {
            let [_, client, server] = world.connection();
            [client, server]
        } else {
            world.pair(UNIX_STREAM)
        };
        let mut queue = VecDeque::new();
        let mut next = 0_u8;
        for (sends, size) in sizes {
            if sends {
                let bytes: Vec<u8> = (0..size).map(|_| { next = next.wrapping_add(1); next }).collect();
                let done = match world.send(from, &bytes, &[]) {
                    Ok(done) => done,
                    Err(error) => { prop_assert_eq!(error, stop(Errno::EAGAIN)); 0 }
                };
                queue.extend(&bytes[..done]);
            } else {
                let expected: Vec<u8> = queue.drain(..size.min(queue.len())).collect();
                let received = match world.receive(to, size) {
                    Err(Stop::Errno(Errno::EAGAIN)) => Vec::new(),
                    other => other.unwrap().0,
                };
                prop_assert_eq!(received, expected);
            }
            prop_assert_eq!(world.fs.unreceived_bytes(to), Ok(queue.len()));
        }
    }
}
