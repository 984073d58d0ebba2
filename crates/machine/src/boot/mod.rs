//! A machine without a native supervisor: bare-metal programs run on it from M-mode on, with a few devices.
//!
//! ```text
//!   0x0010_0000  power off (SiFive's test device)      0x0200_0000  ACLINT: timer, software interrupts
//!   0x0c00_0000  PLIC                                  0x1000_0000  ns16550 serial port, source 10 of the PLIC
//!   0x8000_0000  RAM: the image where it says, the device tree at the end
//! ```
//!
//! Every hart starts at the image's entry in M-mode with its number in `a0` and the device tree's address in `a1`. The
//! harts take turns on one host thread, the one whose clock is furthest behind first; a nanosecond passes with each
//! instruction and each trap. What devices do happens between two instructions, at the very instruction that asks.

mod aclint;
mod devices;
mod htif;
mod image;
mod plic;
mod report;
mod tree;
mod uart;

pub use image::{BootImage, ImageError};
pub use report::BootReport;

// The kernel has a `Cause` and an `Interrupt` of its own, which know less.
pub use tine_hart::{Cause, Exception, Interrupt, Misaligned, Observer, Retired, commit_line};

use devices::{Devices, Effect};
use htif::{Htif, Input, Request};
use thiserror::Error;
use tine_hart::{DeviceAccess, Engine, Hart, Shared, Stop, Supervisor};
use tine_isa::Isa;
use tine_mmu::{
    AdUpdate, HostShortcut, Mmu, MmuConfig, PhysAddr, Privilege, Protection, Ram, RamError, StaleUse,
    StaleUses, TlbConfig, VirtAddr,
};

const TEST_BASE: u64 = 0x10_0000;
const TEST_BYTES: u64 = 0x1000;
const TEST_PASS: u32 = 0x5555;
const TEST_FAIL: u32 = 0x3333;
const TEST_RESET: u32 = 0x7777;

/// Instructions that a hart runs before the others get their turn, and before input is looked for.
const TURN: u64 = 10_000;
/// How long a program that is busy and would be interrupted by input waits for what was recorded.
const LISTENING_NS: u64 = 1_000_000;
/// The most that comes in at the serial port at once.
const LINE_BYTES: usize = 256;
/// Traps in a row without an instruction between them after which a hart in M-mode is lost: it cannot fetch its own trap
/// handler.
const LOST: u64 = 16;

/// Everything that a machine without a native supervisor depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootConfig {
    /// The shape of each hart's TLBs.
    pub tlb: TlbConfig,
    /// Which instructions the harts have.
    pub isa: Isa,
    /// How many harts there are.
    pub harts: u32,
    /// Size of RAM.
    pub memory_bytes: u64,
    /// What random replacement starts from.
    pub seed: u64,
    /// Instructions and traps of all harts after which the run is given up.
    pub max_instructions: Option<u64>,
    /// Which engine executes.
    pub engine: Engine,
    /// What misaligned loads and stores do.
    pub misaligned: Misaligned,
    /// Whether accesses that stale TLB entries serve are reported.
    pub stale_uses: StaleUses,
}

impl BootConfig {
    /// 128 MiB.
    pub const DEFAULT_MEMORY_BYTES: u64 = 128 << 20;
}

impl Default for BootConfig {
    fn default() -> Self {
        Self {
            tlb: TlbConfig::default(),
            isa: Isa::default(),
            harts: 1,
            memory_bytes: Self::DEFAULT_MEMORY_BYTES,
            seed: 0,
            max_instructions: None,
            engine: Engine::default(),
            misaligned: Misaligned::default(),
            stale_uses: StaleUses::default(),
        }
    }
}

/// Why there is no machine.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BootFailure {
    /// There is no such memory.
    #[error(transparent)]
    Ram(#[from] RamError),
    /// The image cannot be booted.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Whether to wait for input.
///
/// What is typed comes when it comes, and makes runs differ. What was recorded, in a file or a pipe, is there from the
/// start, so that a run with it is the same every time: it comes at the moments in which the program waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Take what was typed; nothing of what was recorded.
    No,
    /// Take what was typed, or the next of what was recorded, for which to wait: the program waits for input.
    Recorded,
    /// Wait for either: nothing can go on without.
    Yes,
}

/// What the machine needs of the world outside.
pub trait Terminal {
    /// Prints what the program wrote to its console.
    fn write(&mut self, bytes: &[u8]);

    /// Reads up to `max` bytes of input; none when there are none yet, or no more.
    ///
    /// Runs are the same where the bytes are and the answer depends on nothing but them and the calls before.
    fn read(&mut self, max: usize, wait: Wait) -> Vec<u8>;

    /// Is told of a request to the host that Tine does not know.
    fn unknown(&mut self, request: &str);
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The program ended with this code.
    Exit(u64),
    /// The program asked for a reset.
    Reset,
    /// So many instructions and traps were allowed.
    InstructionLimit(u64),
    /// Every hart waits for an interrupt, and none can come.
    Asleep,
    /// A hart cannot fetch the first instruction of its own trap handler in M-mode.
    Lost {
        /// Which.
        hart: u64,
        /// Where the handler is to be.
        handler: VirtAddr,
        /// Why it cannot be fetched.
        mcause: u64,
    },
}

/// A machine with an image in its RAM.
pub struct BootMachine {
    harts: Vec<Hart>,
    ram: Ram,
    shared: Shared,
    devices: Devices,
    htif: Option<Htif>,
    /// Instructions after which half a command in the mailbox is taken for a whole one.
    patience: u64,
    /// Since when the serial port would interrupt for input.
    listens_since_ns: Option<u64>,
    image: BootImage,
    config: BootConfig,
    ending: Option<Ending>,
}

impl BootMachine {
    /// Makes a machine and puts an image and the device tree into its RAM.
    ///
    /// # Errors
    /// [`BootFailure`] when memory is not to be had or the image does not fit.
    pub fn new(config: BootConfig, image: BootImage) -> Result<Self, BootFailure> {
        let mut ram = Ram::new(config.memory_bytes)?;
        let end = image.load(&mut ram)?;
        let tree = place_tree(&config, &mut ram, end, image.tohost.is_some())?;
        let htif = image.tohost.map(|tohost| Htif::new(tohost, image.fromhost));
        if let Some(tohost) = image.tohost {
            ram.watch(tohost);
        }
        let hart = |id: u32| {
            let mmu = Mmu::new(MmuConfig {
                tlb: config.tlb,
                ad_update: AdUpdate::Svade,
                // As Spike starts, for programs that know nothing of protection.
                protection: Protection::Open,
                // Each hart replaces at random on its own.
                seed: config.seed.wrapping_add(u64::from(id)),
                shortcut: HostShortcut::On,
                stale_uses: config.stale_uses,
            });
            let mut hart = Hart::new(u64::from(id), mmu, Supervisor::Guest);
            hart.isa = config.isa;
            hart.misaligned = config.misaligned;
            hart.pc = VirtAddr(image.entry);
            (hart.x[A0], hart.x[A1]) = (hart.id, tree.0);
            hart
        };
        Ok(Self {
            harts: (0..config.harts).map(hart).collect(),
            ram,
            shared: Shared::new(config.engine),
            devices: Devices::new(config.harts as usize),
            htif,
            patience: htif::PATIENCE,
            listens_since_ns: None,
            image,
            config,
            ending: None,
        })
    }

    /// Runs until the program ends, or nothing can go on. `observer` watches every instruction, if there is one.
    pub fn run(&mut self, terminal: &mut dyn Terminal, mut observer: Option<&mut dyn Observer>) -> Ending {
        let ending = loop {
            if let Some(ending) = self.turn(terminal, &mut observer) {
                break ending;
            }
        };
        self.ending = Some(ending.clone());
        ending
    }

    /// Returns memory between the symbols `begin_signature` and `end_signature`; `None` where the program has them not, or
    /// they enclose no RAM.
    pub fn signature(&self) -> Option<Vec<u8>> {
        let range = self.image.signature.clone()?;
        let len = range.end.checked_sub(range.start)?;
        if !self.ram.contains(PhysAddr(range.start), len) {
            return None;
        }
        let mut bytes = vec![0; len as usize];
        self.ram.read(PhysAddr(range.start), &mut bytes)?;
        Some(bytes)
    }

    /// Takes the accesses that stale TLB entries served, with the hart of each, and how many there were in all.
    #[must_use]
    pub fn take_stale_uses(&mut self) -> (Vec<(u64, StaleUse)>, u64) {
        crate::stale_uses(&mut self.harts)
    }

    /// Returns everything that was counted.
    pub fn report(&self) -> BootReport {
        BootReport::new(&self.config, self.ending.as_ref(), &self.harts)
    }

    /// Lets the hart run whose clock is furthest behind.
    fn turn(
        &mut self,
        terminal: &mut dyn Terminal,
        observer: &mut Option<&mut dyn Observer>,
    ) -> Option<Ending> {
        let wait = self.waits_for_recorded();
        self.take_input(terminal, wait);
        self.update_lines();
        let Some(index) = self.next_hart() else {
            // Nothing but input can wake a hart.
            let has_come = self.waits_for_input() && self.take_input(terminal, Wait::Yes);
            return (!has_come).then_some(Ending::Asleep);
        };
        let spent = self.spent();
        let allowed = match self.config.max_instructions {
            Some(limit) if spent >= limit => return Some(Ending::InstructionLimit(limit)),
            Some(limit) => limit - spent,
            None => u64::MAX,
        };
        let hart = &mut self.harts[index];
        let now = hart.time_ns();
        let to_deadline = self.devices.aclint.deadline(index).checked_sub(now).filter(|&left| left > 0);
        let patience =
            if self.htif.as_ref().is_some_and(Htif::is_halfway) { self.patience } else { u64::MAX };
        let budget = TURN.min(allowed).min(to_deadline.unwrap_or(u64::MAX)).min(patience);
        let (retired, traps) = (hart.retired(), hart.traps);
        let stop = match observer {
            Some(observer) => hart.run_traced(&mut self.ram, &mut self.shared, budget, *observer),
            None => hart.run(&mut self.ram, &mut self.shared, budget),
        };
        let retired = hart.retired() - retired;
        let trapped = hart.traps.exceptions - traps.exceptions;
        self.patience = self.patience.saturating_sub(retired + trapped);
        let is_lost = retired == 0 && trapped >= LOST && hart.privilege == Privilege::Machine;
        let ending = match stop {
            Stop::Budget if is_lost => {
                Some(Ending::Lost { hart: hart.id, handler: hart.pc, mcause: hart.csrs.mcause })
            }
            // A native supervisor's alone.
            Stop::Budget | Stop::Wait | Stop::Trap => None,
            Stop::Device(access) => self.serve_device(index, &access, terminal, observer),
            Stop::Watched => self.serve_mailbox(terminal),
        };
        ending.or_else(|| self.give_up_waiting(terminal))
    }

    /// Instructions and traps so far.
    fn spent(&self) -> u64 {
        let of_hart = |hart: &Hart| hart.retired() + hart.traps.exceptions + hart.traps.interrupts;
        self.harts.iter().map(of_hart).sum()
    }

    /// Tells every hart which interrupts devices make pending for it.
    fn update_lines(&mut self) {
        for (index, hart) in self.harts.iter_mut().enumerate() {
            hart.csrs.lines = self.devices.lines(index, hart.time_ns());
        }
    }

    /// Finds the hart that runs next: the one whose clock is furthest behind. One that waits has the clock of its next
    /// timer, and follows the others, who may wake it.
    fn next_hart(&mut self) -> Option<usize> {
        let latest = self.harts.iter().map(Hart::time_ns).max().unwrap_or(0);
        let mut next: Option<(u64, usize)> = None;
        for (index, hart) in self.harts.iter_mut().enumerate() {
            let clock = if hart.is_waiting() {
                let machine = self.devices.aclint.deadline(index);
                let enabled = |interrupt: Interrupt| hart.csrs.mie & interrupt.mask() != 0;
                let machine = enabled(Interrupt::MachineTimer).then_some(machine);
                let supervisor = (enabled(Interrupt::Timer) && hart.csrs.has_supervisor_timer())
                    .then_some(hart.csrs.stimecmp);
                match [machine, supervisor].into_iter().flatten().min() {
                    None | Some(u64::MAX) => continue,
                    Some(deadline) => deadline,
                }
            } else {
                hart.time_ns()
            };
            if next.is_none_or(|(earliest, _)| clock < earliest) {
                next = Some((clock, index));
            }
        }
        let (clock, index) = next?;
        let hart = &mut self.harts[index];
        if hart.is_waiting() {
            hart.set_time_ns(clock.max(hart.time_ns()));
            self.update_lines();
        }
        // Those that sleep do not lag behind when something wakes them.
        let floor = clock.min(latest);
        for hart in &mut self.harts {
            if hart.is_waiting() && hart.time_ns() < floor {
                hart.set_time_ns(floor);
            }
        }
        Some(index)
    }

    fn serve_device(
        &mut self,
        index: usize,
        access: &DeviceAccess,
        terminal: &mut dyn Terminal,
        observer: &mut Option<&mut dyn Observer>,
    ) -> Option<Ending> {
        if let Some(wait) = self.devices.looks_for_input(access) {
            self.devices.uart.receive(&terminal.read(LINE_BYTES, wait));
        }
        let now = self.harts[index].time_ns();
        let answer = self.devices.access(access, now);
        let bytes = answer.as_ref().map(|(bytes, _)| *bytes);
        let observer = observer.as_mut().map(|observer| &mut **observer as &mut dyn Observer);
        self.harts[index].finish(access, bytes, observer);
        match answer.map_or(Effect::None, |(_, effect)| effect) {
            Effect::None => None,
            Effect::Print(byte) => {
                terminal.write(&[byte]);
                None
            }
            Effect::Time(time) => {
                let ahead = time.wrapping_sub(now);
                for hart in &mut self.harts {
                    hart.set_time_ns(hart.time_ns().wrapping_add(ahead));
                }
                None
            }
            Effect::Exit(code) => Some(Ending::Exit(code)),
            Effect::Reset => Some(Ending::Reset),
        }
    }

    fn serve_mailbox(&mut self, terminal: &mut dyn Terminal) -> Option<Ending> {
        let bytes = self.ram.take_watched();
        // Who ends writes the same half again and again: patience is with the first.
        if !self.htif.as_ref().is_some_and(Htif::is_halfway) {
            self.patience = htif::PATIENCE;
        }
        let request = self.with_mailbox(terminal, |htif, ram, input| htif.written(ram, bytes, input));
        self.fulfil(request, terminal)
    }

    /// Takes half a command in the mailbox for a whole one when the rest does not come.
    fn give_up_waiting(&mut self, terminal: &mut dyn Terminal) -> Option<Ending> {
        if self.patience > 0 || !self.htif.as_ref().is_some_and(Htif::is_halfway) {
            return None;
        }
        let request = self.with_mailbox(terminal, |htif, ram, input| htif.serve(ram, input));
        self.fulfil(request, terminal)
    }

    fn with_mailbox(
        &mut self,
        terminal: &mut dyn Terminal,
        serve: impl FnOnce(&mut Htif, &mut Ram, &mut Input<'_>) -> Request,
    ) -> Request {
        match &mut self.htif {
            Some(htif) => serve(htif, &mut self.ram, &mut |max, wait| terminal.read(max, wait)),
            None => Request::None,
        }
    }

    fn fulfil(&mut self, request: Request, terminal: &mut dyn Terminal) -> Option<Ending> {
        match request {
            Request::None => {}
            Request::Exit(code) => return Some(Ending::Exit(code)),
            Request::Write(bytes) => terminal.write(&bytes),
            Request::Unknown { device, command, payload } => {
                terminal.unknown(&format!("HTIF device {device}, command {command}, payload {payload:#x}"));
            }
            Request::UnknownCall(number) => terminal.unknown(&format!("HTIF system call {number}")),
        }
        None
    }

    fn waits_for_input(&self) -> bool {
        self.devices.uart.waits_for_input() || self.htif.as_ref().is_some_and(Htif::wants_input)
    }

    /// Tells whether a program that would be interrupted by input waits for it: every hart sleeps, or it has been so for a
    /// while.
    fn waits_for_recorded(&mut self) -> Wait {
        if !self.devices.uart.waits_for_input() {
            self.listens_since_ns = None;
            return Wait::No;
        }
        let now = self.harts.iter().map(Hart::time_ns).max().unwrap_or(0);
        let since = *self.listens_since_ns.get_or_insert(now);
        let is_asleep = self.harts.iter_mut().all(Hart::is_waiting);
        if !is_asleep && now.saturating_sub(since) < LISTENING_NS {
            return Wait::No;
        }
        self.listens_since_ns = None;
        Wait::Recorded
    }

    /// Takes input for whoever asked for it; tells whether there was some.
    fn take_input(&mut self, terminal: &mut dyn Terminal, wait: Wait) -> bool {
        let mut any = false;
        if self.devices.uart.waits_for_input() {
            let input = terminal.read(LINE_BYTES, wait);
            any |= !input.is_empty();
            self.devices.uart.receive(&input);
        }
        if let Some(htif) = self.htif.as_mut().filter(|htif| htif.wants_input()) {
            htif.offer_input(&mut self.ram, wait, &mut |max, wait| terminal.read(max, wait));
            any |= !htif.wants_input();
        }
        any
    }
}

/// The registers that hold a function's first two arguments.
const A0: usize = 10;
const A1: usize = 11;

/// Puts the device tree at the end of RAM, behind the image, and returns where it is.
fn place_tree(
    config: &BootConfig,
    ram: &mut Ram,
    image_end: PhysAddr,
    has_htif: bool,
) -> Result<PhysAddr, ImageError> {
    let no_room = |_| ImageError::NoRoomForTree;
    let tree = tree::tree(config, has_htif).map_err(|_| ImageError::NoRoomForTree)?;
    let len = (tree.len() as u64).next_multiple_of(tine_mmu::PAGE_SIZE);
    let at = image::ram_end(ram).0.checked_sub(len).filter(|&at| at >= image_end.0);
    let at = PhysAddr(at.ok_or(()).map_err(no_room)?);
    ram.write(at, &tree).ok_or(()).map_err(no_room)?;
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types and shows nothing.
    struct Nobody;

    impl Terminal for Nobody {
        fn write(&mut self, _bytes: &[u8]) {}

        fn read(&mut self, _max: usize, _wait: Wait) -> Vec<u8> {
            Vec::new()
        }

        fn unknown(&mut self, _request: &str) {}
    }

    #[test]
    fn a_program_may_end_by_writing_half_a_command_again_and_again() {
        // auipc t0, 1; li t1, 1; again: sw t1, (t0); j again
        let code = [0x0000_1297, 0x0010_0313, 0x0062_a023, 0xffdf_f06f];
        for engine in [Engine::Plain, Engine::Threaded] {
            let config = BootConfig { engine, max_instructions: Some(1_000), ..BootConfig::default() };
            let image = BootImage::of_code(&code, Ram::BASE + 0x1000);
            let mut machine = BootMachine::new(config, image).unwrap();
            assert_eq!(machine.run(&mut Nobody, None), Ending::Exit(0));
        }
    }
}
