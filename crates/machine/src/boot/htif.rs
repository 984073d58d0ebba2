//! The host-target interface: a mailbox in memory, at the symbols `tohost` and `fromhost`, through which bare-metal programs
//! exit, print and call.
//!
//! `tohost` holds a device in its highest byte, a command in the next and a payload in the rest. Programs write it at once
//! or, as those for 32 bits do, as two halves, of which the first alone may look like a command. So half a command waits
//! for the other half, and is taken for the whole when that does not come soon. The protocol has no specification; this is
//! what Spike's front end (`fesvr`) and the programs for it do.

use super::Wait;
use tine_mmu::{PhysAddr, Ram};

/// Reads so many bytes of the host's input, or fewer.
pub(super) type Input<'a> = dyn FnMut(usize, Wait) -> Vec<u8> + 'a;

/// Instructions after which half a command is taken for a whole one.
pub(super) const PATIENCE: u64 = 64;

const DEVICE_CALL: u64 = 0;
const DEVICE_CONSOLE: u64 = 1;
const CONSOLE_READ: u64 = 0;
const CONSOLE_WRITE: u64 = 1;
const PAYLOAD: u64 = (1 << 48) - 1;
/// The console's answer: there is a character in the low byte.
const CONSOLE_BYTE: u64 = 0x100;

const SYS_READ: u64 = 63;
const SYS_WRITE: u64 = 64;
const SYS_EXIT: u64 = 93;
const ENOSYS: i64 = 38;
const EBADF: i64 = 9;
const EFAULT: i64 = 14;

/// What a program asks of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Nothing.
    None,
    /// End, with this code.
    Exit(u64),
    /// Print.
    Write(Vec<u8>),
    /// Nobody knows what.
    Unknown { device: u64, command: u64, payload: u64 },
    /// A system call that there is not.
    UnknownCall(u64),
}

/// The mailbox of one program.
#[derive(Clone, Debug)]
pub(super) struct Htif {
    tohost: PhysAddr,
    fromhost: Option<PhysAddr>,
    /// Which bytes of a command were written, a bit for each.
    written: u8,
    /// Input was asked for: a byte of it is the answer.
    wants_byte: bool,
}

impl Htif {
    pub(super) fn new(tohost: PhysAddr, fromhost: Option<PhysAddr>) -> Self {
        Self { tohost, fromhost, written: 0, wants_byte: false }
    }

    /// Tells whether half a command is there.
    pub(super) fn is_halfway(&self) -> bool {
        self.written != 0
    }

    /// Notes which bytes of the mailbox were written, and serves the command once it is whole.
    pub(super) fn written(&mut self, ram: &mut Ram, bytes: u8, input: &mut Input<'_>) -> Request {
        self.written |= bytes;
        if self.written == u8::MAX { self.serve(ram, input) } else { Request::None }
    }

    /// Serves the command that is there.
    pub(super) fn serve(&mut self, ram: &mut Ram, input: &mut Input<'_>) -> Request {
        self.written = 0;
        let command = ram.read_u64(self.tohost).unwrap_or(0);
        if command == 0 {
            return Request::None;
        }
        let (device, operation, payload) = (command >> 56, command >> 48 & 0xff, command & PAYLOAD);
        self.put(ram, self.tohost, 0);
        match (device, operation) {
            (DEVICE_CALL, 0) if payload & 1 == 1 => Request::Exit(payload >> 1),
            (DEVICE_CALL, 0) => self.call(ram, PhysAddr(payload), input),
            // There is no answer to that.
            (DEVICE_CONSOLE, CONSOLE_WRITE) => Request::Write(vec![payload as u8]),
            (DEVICE_CONSOLE, CONSOLE_READ) => {
                self.wants_byte = true;
                self.offer_input(ram, Wait::Recorded, input);
                Request::None
            }
            _ => Request::Unknown { device, command: operation, payload },
        }
    }

    /// Tells whether a byte of input was asked for and has not come.
    pub(super) fn wants_input(&self) -> bool {
        self.wants_byte
    }

    /// Answers a request for a byte of input, if there is one.
    pub(super) fn offer_input(&mut self, ram: &mut Ram, wait: Wait, input: &mut Input<'_>) {
        if let Some(&byte) = input(1, wait).first() {
            self.wants_byte = false;
            self.answer(ram, DEVICE_CONSOLE << 56 | CONSOLE_BYTE | u64::from(byte));
        }
    }

    /// Makes a system call whose number and arguments are eight words at `at`; the first receives the result.
    fn call(&self, ram: &mut Ram, at: PhysAddr, input: &mut Input<'_>) -> Request {
        let word = |index: u64| ram.read_u64(at + 8 * index).unwrap_or(0);
        let (number, [fd, buffer, len]) = (word(0), [1, 2, 3].map(word));
        let memory = |ram: &Ram| ram.contains(PhysAddr(buffer), len).then_some(len as usize);
        let (result, request) = match (number, fd) {
            (SYS_EXIT, code) => return Request::Exit(code),
            (SYS_WRITE, 1 | 2) => match memory(ram) {
                Some(len) => {
                    let mut bytes = vec![0; len];
                    // It was just found to be RAM.
                    let _ = ram.read(PhysAddr(buffer), &mut bytes);
                    (len as i64, Request::Write(bytes))
                }
                None => (-EFAULT, Request::None),
            },
            (SYS_READ, 0) => match memory(ram) {
                Some(len) => {
                    // read(2) waits.
                    let bytes = input(len, Wait::Yes);
                    let done = ram.write(PhysAddr(buffer), &bytes).map_or(-EFAULT, |()| bytes.len() as i64);
                    (done, Request::None)
                }
                None => (-EFAULT, Request::None),
            },
            (SYS_WRITE | SYS_READ, _) => (-EBADF, Request::None),
            _ => (-ENOSYS, Request::UnknownCall(number)),
        };
        self.put(ram, at, result as u64);
        self.answer(ram, 1);
        request
    }

    fn answer(&self, ram: &mut Ram, value: u64) {
        if let Some(fromhost) = self.fromhost {
            self.put(ram, fromhost, value);
        }
    }

    /// Writes a word of the program's memory; where it is none, the program gets no answer.
    fn put(&self, ram: &mut Ram, at: PhysAddr, value: u64) {
        let _ = ram.write_u64(at, value);
        // What the host itself writes to the mailbox is no command.
        ram.take_watched();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOHOST: PhysAddr = PhysAddr(Ram::BASE.0 + 0x1000);
    const FROMHOST: PhysAddr = PhysAddr(Ram::BASE.0 + 0x1040);

    fn mailbox() -> (Ram, Htif) {
        let mut ram = Ram::new(1 << 16).unwrap();
        ram.watch(TOHOST);
        (ram, Htif::new(TOHOST, Some(FROMHOST)))
    }

    fn store(ram: &mut Ram, htif: &mut Htif, offset: u64, bytes: &[u8]) -> Request {
        ram.write(TOHOST + offset, bytes).unwrap();
        let written = ram.take_watched();
        htif.written(ram, written, &mut |_, _| b"k".to_vec())
    }

    #[test]
    fn an_exit_code_is_what_follows_the_one() {
        let (mut ram, mut htif) = mailbox();
        assert_eq!(store(&mut ram, &mut htif, 0, &0x55u64.to_le_bytes()), Request::Exit(42));
    }

    #[test]
    fn half_a_command_waits_for_the_other_half() {
        let (mut ram, mut htif) = mailbox();
        // The character is odd: by itself it would be an exit.
        assert_eq!(store(&mut ram, &mut htif, 0, &u32::from(b'a').to_le_bytes()), Request::None);
        assert!(htif.is_halfway());
        let high = 0x0101_0000u32.to_le_bytes();
        assert_eq!(store(&mut ram, &mut htif, 4, &high), Request::Write(b"a".to_vec()));
        assert!(!htif.is_halfway());
        assert_eq!(ram.read_u64(TOHOST), Some(0), "taken");
        assert_eq!(ram.read_u64(FROMHOST), Some(0), "there is no answer");
        // The other order.
        assert_eq!(store(&mut ram, &mut htif, 4, &high), Request::None);
        assert_eq!(
            store(&mut ram, &mut htif, 0, &u32::from(b'b').to_le_bytes()),
            Request::Write(b"b".to_vec())
        );
        // And half of it that stays alone.
        assert_eq!(store(&mut ram, &mut htif, 0, &3u32.to_le_bytes()), Request::None);
        assert_eq!(htif.serve(&mut ram, &mut |_, _| Vec::new()), Request::Exit(1));
    }

    #[test]
    fn a_call_names_its_arguments_in_memory() {
        let (mut ram, mut htif) = mailbox();
        let at = Ram::BASE + 0x2000;
        let text = Ram::BASE + 0x3000;
        ram.write(text, b"hello").unwrap();
        let call = |ram: &mut Ram, htif: &mut Htif, words: [u64; 4]| {
            for (index, word) in (0..).zip(words) {
                ram.write_u64(at + 8 * index, word).unwrap();
            }
            let request = store(ram, htif, 0, &at.0.to_le_bytes());
            (request, ram.read_u64(at).unwrap() as i64, ram.read_u64(FROMHOST).unwrap())
        };
        let written = call(&mut ram, &mut htif, [SYS_WRITE, 1, text.0, 5]);
        assert_eq!(written, (Request::Write(b"hello".to_vec()), 5, 1));
        assert_eq!(call(&mut ram, &mut htif, [SYS_READ, 0, text.0, 5]), (Request::None, 1, 1));
        assert_eq!(ram.read_u64(text).unwrap() as u8, b'k');
        assert_eq!(call(&mut ram, &mut htif, [SYS_WRITE, 1, 0, 5]).1, -EFAULT);
        assert_eq!(call(&mut ram, &mut htif, [SYS_WRITE, 7, text.0, 5]).1, -EBADF);
        assert_eq!(call(&mut ram, &mut htif, [1234, 0, 0, 0]), (Request::UnknownCall(1234), -ENOSYS, 1));
        assert_eq!(call(&mut ram, &mut htif, [SYS_EXIT, 3, 0, 0]).0, Request::Exit(3));
    }
}
