//! A serial port: an ns16550A ("PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs") that sends at once.

use super::Wait;
use std::collections::VecDeque;

const DATA: u64 = 0;
const INTERRUPT_ENABLE: u64 = 1;
/// Read: which interrupt. Written: the FIFO's control.
const INTERRUPT_ID: u64 = 2;
const LINE_CONTROL: u64 = 3;
const MODEM_CONTROL: u64 = 4;
const LINE_STATUS: u64 = 5;
const MODEM_STATUS: u64 = 6;
const SCRATCH: u64 = 7;

const RECEIVED: u8 = 1 << 0;
const TRANSMITTER_EMPTY: u8 = 1 << 1;

const ID_NONE: u8 = 0b0001;
const ID_TRANSMITTER_EMPTY: u8 = 0b0010;
const ID_RECEIVED: u8 = 0b0100;
const ID_FIFOS: u8 = 0b1100_0000;

const STATUS_RECEIVED: u8 = 1 << 0;
/// The holding register and the transmitter are empty, always.
const STATUS_EMPTY: u8 = 3 << 5;

/// DLAB: the first two registers are the divisor.
const DIVISOR_ACCESS: u8 = 1 << 7;
/// CTS, DSR and DCD: somebody is there.
const MODEM_READY: u8 = 0b1011_0000;

/// The port's registers, and what was received.
#[derive(Clone, Debug, Default)]
pub(super) struct Uart {
    divisor: [u8; 2],
    enabled: u8,
    line_control: u8,
    modem_control: u8,
    scratch: u8,
    fifos: bool,
    /// The transmitter became empty, and nobody has been told.
    sent: bool,
    /// How often the line's status was read since something was sent or received.
    looks: u32,
    received: VecDeque<u8>,
}

impl Uart {
    pub(super) const BASE: u64 = 0x1000_0000;
    pub(super) const BYTES: u64 = 0x100;
    /// As often the line's status is read in vain, and nothing sent, before what was recorded comes in.
    const LOOKS: u32 = 16;
    /// Its source at the PLIC.
    pub(super) const SOURCE: u32 = 10;

    /// Tells how a load of this register looks for input, where it does.
    ///
    /// Who sends reads the line's status before each byte, and a driver some times more while it sets up the port and throws
    /// away what has come in. Who reads it again and again wants to receive.
    pub(super) fn looks_for_input(&self, offset: u64) -> Option<Wait> {
        let divisor = self.line_control & DIVISOR_ACCESS != 0;
        match offset {
            _ if !self.received.is_empty() => None,
            LINE_STATUS if self.looks >= Self::LOOKS => Some(Wait::Recorded),
            LINE_STATUS | INTERRUPT_ID => Some(Wait::No),
            DATA if !divisor => Some(Wait::No),
            _ => None,
        }
    }

    /// Tells whether input would interrupt.
    pub(super) fn waits_for_input(&self) -> bool {
        self.enabled & RECEIVED != 0 && self.received.is_empty()
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.looks = 0;
        }
        self.received.extend(bytes);
    }

    /// Returns the interrupt that is pending.
    fn interrupt(&self) -> u8 {
        if self.enabled & RECEIVED != 0 && !self.received.is_empty() {
            ID_RECEIVED
        } else if self.enabled & TRANSMITTER_EMPTY != 0 && self.sent {
            ID_TRANSMITTER_EMPTY
        } else {
            ID_NONE
        }
    }

    /// Tells whether the port's interrupt is up.
    pub(super) fn signals(&self) -> bool {
        self.interrupt() != ID_NONE
    }

    /// Reads a register, whatever the width; `None` where there is none.
    pub(super) fn load(&mut self, offset: u64) -> Option<u8> {
        let divisor = self.line_control & DIVISOR_ACCESS != 0;
        Some(match offset {
            DATA | INTERRUPT_ENABLE if divisor => self.divisor[offset as usize],
            DATA => self.received.pop_front().unwrap_or(0),
            INTERRUPT_ENABLE => self.enabled,
            INTERRUPT_ID => {
                let id = self.interrupt();
                if id == ID_TRANSMITTER_EMPTY {
                    self.sent = false;
                }
                id | if self.fifos { ID_FIFOS } else { 0 }
            }
            LINE_CONTROL => self.line_control,
            MODEM_CONTROL => self.modem_control,
            LINE_STATUS => {
                self.looks = self.looks.saturating_add(1);
                STATUS_EMPTY | if self.received.is_empty() { 0 } else { STATUS_RECEIVED }
            }
            MODEM_STATUS => MODEM_READY,
            SCRATCH => self.scratch,
            _ => return None,
        })
    }

    /// Writes a register and returns the byte that is sent, if it sends one; `None` where there is no register.
    pub(super) fn store(&mut self, offset: u64, value: u8) -> Option<Option<u8>> {
        let divisor = self.line_control & DIVISOR_ACCESS != 0;
        match offset {
            DATA | INTERRUPT_ENABLE if divisor => self.divisor[offset as usize] = value,
            DATA => {
                (self.sent, self.looks) = (true, 0);
                return Some(Some(value));
            }
            INTERRUPT_ENABLE => {
                self.sent |= value & !self.enabled & TRANSMITTER_EMPTY != 0;
                self.enabled = value & 0xf;
            }
            INTERRUPT_ID => {
                self.fifos = value & 1 != 0;
                if value & 2 != 0 {
                    self.received.clear();
                }
            }
            LINE_CONTROL => self.line_control = value,
            MODEM_CONTROL => self.modem_control = value & 0x1f,
            LINE_STATUS | MODEM_STATUS => {}
            SCRATCH => self.scratch = value,
            _ => return None,
        }
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_sent_at_once() {
        let mut uart = Uart::default();
        assert_eq!(uart.load(LINE_STATUS), Some(STATUS_EMPTY));
        assert_eq!(uart.store(DATA, b'x'), Some(Some(b'x')));
        uart.store(LINE_CONTROL, DIVISOR_ACCESS).unwrap();
        assert_eq!(uart.store(DATA, 3), Some(None), "the divisor");
        assert_eq!((uart.load(DATA), uart.store(8, 0)), (Some(3), None));
    }

    #[test]
    fn input_interrupts_until_it_is_read() {
        let mut uart = Uart::default();
        uart.store(INTERRUPT_ENABLE, RECEIVED).unwrap();
        assert!(uart.waits_for_input() && !uart.signals());
        uart.receive(b"ab");
        assert!(uart.signals());
        assert_eq!(uart.load(INTERRUPT_ID), Some(ID_RECEIVED));
        assert_eq!((uart.load(DATA), uart.load(DATA)), (Some(b'a'), Some(b'b')));
        assert_eq!((uart.signals(), uart.load(INTERRUPT_ID)), (false, Some(ID_NONE)));
    }

    #[test]
    fn who_sends_does_not_look_for_input_and_who_looks_again_and_again_does() {
        let mut uart = Uart::default();
        for byte in *b"ab" {
            assert_eq!(uart.looks_for_input(LINE_STATUS), Some(Wait::No));
            uart.load(LINE_STATUS).unwrap();
            uart.store(DATA, byte).unwrap();
        }
        for _ in 0..Uart::LOOKS {
            assert_eq!(uart.looks_for_input(LINE_STATUS), Some(Wait::No));
            uart.load(LINE_STATUS).unwrap();
        }
        assert_eq!(uart.looks_for_input(LINE_STATUS), Some(Wait::Recorded));
        uart.receive(b"x");
        assert_eq!((uart.looks_for_input(LINE_STATUS), uart.looks_for_input(SCRATCH)), (None, None));
        uart.load(DATA).unwrap();
        assert_eq!(uart.looks_for_input(LINE_STATUS), Some(Wait::No), "nobody has looked since");
    }

    #[test]
    fn an_empty_transmitter_interrupts_once() {
        let mut uart = Uart::default();
        uart.store(INTERRUPT_ENABLE, TRANSMITTER_EMPTY).unwrap();
        assert!(uart.signals());
        assert_eq!(uart.load(INTERRUPT_ID), Some(ID_TRANSMITTER_EMPTY));
        assert!(!uart.signals());
        uart.store(DATA, 0).unwrap();
        assert!(uart.signals());
    }
}
