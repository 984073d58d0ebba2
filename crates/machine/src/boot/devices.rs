//! What is in physical memory beside RAM, and who is interrupted.

use super::TEST_BASE;
use super::aclint::{Aclint, Stored};
use super::plic::Plic;
use super::uart::Uart;
use super::{TEST_BYTES, TEST_FAIL, TEST_PASS, TEST_RESET, Wait};
use tine_hart::{DeviceAccess, Interrupt};

/// The devices of a machine.
pub(super) struct Devices {
    pub(super) aclint: Aclint,
    plic: Plic,
    pub(super) uart: Uart,
}

/// What a device wants done outside, after an access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// Print a byte.
    Print(u8),
    /// Set the time of all harts.
    Time(u64),
    /// End with this code.
    Exit(u64),
    /// Start again.
    Reset,
}

/// A device's answer: the bytes that a load receives in the low ones, and what else is to be done.
pub(super) type Answer = Option<([u8; 8], Effect)>;

/// The device that a physical address belongs to.
enum Place {
    Test(u64),
    Aclint(u64),
    Plic(u64),
    Uart(u64),
}

impl Place {
    fn of(at: u64) -> Option<Self> {
        let within = |base: u64, bytes: u64| at.checked_sub(base).filter(|offset| *offset < bytes);
        within(TEST_BASE, TEST_BYTES)
            .map(Self::Test)
            .or_else(|| within(Aclint::BASE, Aclint::BYTES).map(Self::Aclint))
            .or_else(|| within(Plic::BASE, Plic::BYTES).map(Self::Plic))
            .or_else(|| within(Uart::BASE, Uart::BYTES).map(Self::Uart))
    }
}

impl Devices {
    pub(super) fn new(harts: usize) -> Self {
        Self { aclint: Aclint::new(harts), plic: Plic::new(harts), uart: Uart::default() }
    }

    /// Serves an access at a time.
    pub(super) fn access(&mut self, access: &DeviceAccess, now_ns: u64) -> Answer {
        let place = Place::of(access.at.0)?;
        match access.stored {
            None => Some((self.load(place, access.len, now_ns)?.to_le_bytes(), Effect::None)),
            Some(bytes) => {
                let mut low = [0; 8];
                low[..access.len].copy_from_slice(&bytes[..access.len]);
                Some(([0; 8], self.store(place, access.len, u64::from_le_bytes(low), now_ns)?))
            }
        }
    }

    /// Tells how a load looks for what has come in at the serial port, where it does.
    pub(super) fn looks_for_input(&self, access: &DeviceAccess) -> Option<Wait> {
        match Place::of(access.at.0) {
            Some(Place::Uart(offset)) if access.stored.is_none() => self.uart.looks_for_input(offset),
            _ => None,
        }
    }

    fn load(&mut self, place: Place, len: usize, now_ns: u64) -> Option<u64> {
        match place {
            Place::Test(_) => Some(0),
            Place::Aclint(offset) => self.aclint.load(offset, len, now_ns),
            Place::Plic(offset) => {
                self.update_levels();
                self.plic.load(offset, len)
            }
            Place::Uart(offset) => self.uart.load(offset).map(u64::from),
        }
    }

    fn store(&mut self, place: Place, len: usize, value: u64, now_ns: u64) -> Option<Effect> {
        match place {
            // The SiFive test device: what happened in the low half, an exit code above it.
            Place::Test(0) => Some(match value as u32 & 0xffff {
                TEST_PASS => Effect::Exit(0),
                TEST_FAIL => Effect::Exit((value >> 16 & 0xffff).max(1)),
                TEST_RESET => Effect::Reset,
                _ => Effect::None,
            }),
            Place::Test(_) => Some(Effect::None),
            Place::Aclint(offset) => match self.aclint.store(offset, len, value, now_ns)? {
                Stored::Here => Some(Effect::None),
                Stored::Time(time) => Some(Effect::Time(time)),
            },
            Place::Plic(offset) => self.plic.store(offset, len, value).map(|()| Effect::None),
            Place::Uart(offset) => {
                self.uart.store(offset, value as u8).map(|sent| sent.map_or(Effect::None, Effect::Print))
            }
        }
    }

    fn update_levels(&mut self) {
        self.plic.set_level(Uart::SOURCE, self.uart.signals());
    }

    /// Returns the interrupts that devices make pending for a hart at a time.
    pub(super) fn lines(&mut self, hart: usize, now_ns: u64) -> u64 {
        self.update_levels();
        let line = |context: usize, interrupt: Interrupt| {
            if self.plic.signals(context) { interrupt.mask() } else { 0 }
        };
        self.aclint.lines(hart, now_ns)
            | line(2 * hart, Interrupt::MachineExternal)
            | line(2 * hart + 1, Interrupt::External)
    }
}
