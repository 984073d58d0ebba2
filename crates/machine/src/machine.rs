//! A machine with one program on it.

use crate::processors::Processors;
use crate::report::{Process, Report, Setting};
use crate::{Config, Counts, Guest};
use std::collections::BTreeMap;
use thiserror::Error;
use tine_isa::Extension;
use tine_kernel::{
    Account, BootError, Errno, Event, ExecError, GrantId, Harts, Host, InstalledFile, InstructionSet, Kernel,
    MemoryPolicy, Outcome, Program as KernelProgram, Settings, SyscallCount, TRAP_NS,
};
use tine_mmu::{Ram, RamError, StaleUse};

/// A program to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// What the report calls it.
    pub shown: String,
    /// Its path in the machine.
    pub path: Vec<u8>,
    /// The file to put there; none when there is one.
    pub bytes: Option<Vec<u8>>,
    /// Its arguments, its name first.
    pub arguments: Vec<Vec<u8>>,
}

/// Why a program could not be put on a machine.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LoadError {
    /// There is no such memory.
    #[error(transparent)]
    Ram(#[from] RamError),
    /// Memory is too small even for an empty machine.
    #[error("{0} bytes of memory are too little for an empty machine")]
    TooLittleMemory(u64),
    /// A file of the host that is granted cannot be seen in the machine.
    #[error("grant {} cannot be mounted: {}", .0.0, .1)]
    Grant(GrantId, Errno),
    /// The program cannot be executed.
    #[error(transparent)]
    Exec(#[from] ExecError),
}

/// Receives events as they happen.
pub trait EventSink {
    /// Takes one, and may look at the guest as it is after the step in which it happened.
    fn event(&mut self, event: &Event, guest: Guest<'_>);

    /// Takes the guest as it is before the first step, and after each with its events. Who wants only events does nothing.
    fn step(&mut self, _guest: Guest<'_>) {}
}

/// A machine: harts, memory, supervisor, and a program that is loaded and has not run yet or has. It may move from one thread of the
/// host to another; several cannot look at it at once.
pub struct Machine {
    kernel: Kernel,
    pub(crate) processors: Processors,
    config: Config,
    shown: String,
    arguments: Vec<String>,
    outcome: Option<Outcome>,
}

/// A host that nobody listens to, for the time in which no guest instruction runs.
struct NoHost;

impl Host for NoHost {
    fn write(&mut self, _: tine_kernel::Stream, _: &[u8]) -> bool {
        false
    }

    fn read(&mut self, _: usize) -> Vec<u8> {
        Vec::new()
    }
}

const _: () = {
    const fn can_move<T: Send>() {}
    can_move::<Machine>();
};

impl Machine {
    /// Makes a machine without grants and loads `program`.
    ///
    /// # Errors
    /// [`LoadError`] when memory or program are not to be had.
    pub fn new(config: Config, program: Program) -> Result<Self, LoadError> {
        Self::with_files(config, &[], program)
    }

    /// Makes a machine with files in it, and loads `program`.
    ///
    /// # Errors
    /// [`LoadError`] when memory, files or program are not to be had.
    pub fn with_files(config: Config, files: &[InstalledFile], program: Program) -> Result<Self, LoadError> {
        let mut machine = Self::boot(config, &mut NoHost)?;
        for file in files {
            machine.kernel.install(&mut machine.processors, &mut NoHost, file).map_err(ExecError::from)?;
        }
        machine.load(&mut NoHost, program)?;
        Ok(machine)
    }

    /// Makes a machine that has no program yet. `host` has the files that the configuration grants.
    ///
    /// # Errors
    /// [`LoadError`] when memory or grants are not to be had.
    pub fn boot(config: Config, host: &mut dyn Host) -> Result<Self, LoadError> {
        let mut processors = Processors::new(&config, Ram::new(config.memory_bytes)?);
        let settings = Settings {
            harts: config.harts,
            seed: config.seed,
            epoch_s: config.epoch_s,
            max_processes: config.max_procs.unwrap_or(Config::DEFAULT_MAX_PROCS),
            max_instructions: config.max_instructions,
            isa: InstructionSet::new(config.isa.extensions().map(Extension::name)),
            interest: config.interest,
            string_limit: config.string_limit,
            grants: config.grants.clone(),
            injections: config.injections.clone(),
        };
        let kernel = Kernel::new(processors.ram(), host, config.policy.clone(), settings);
        let kernel = kernel.map_err(|error| match error {
            BootError::OutOfMemory => LoadError::TooLittleMemory(config.memory_bytes),
            BootError::Grant { grant, errno } => LoadError::Grant(grant, errno),
        })?;
        let (shown, arguments) = Default::default();
        Ok(Self { kernel, processors, config, shown, arguments, outcome: None })
    }

    /// Returns the directory in which programs start.
    pub fn work_directory(&self) -> &[u8] {
        &self.config.cwd
    }

    /// Finds a program in the machine as a shell would, and returns its path there.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, and what else a look-up gives.
    pub fn find_program(&mut self, host: &mut dyn Host, name: &[u8]) -> Result<Vec<u8>, Errno> {
        let Config { environment, cwd, .. } = &self.config;
        let search = environment.iter().rfind(|(name, _)| name == "PATH").map_or("", |(_, value)| value);
        self.kernel.find_program(&mut self.processors, host, cwd, search.as_bytes(), name)
    }

    /// Tells whether a path leads anywhere in the machine, from the directory in which programs start.
    pub fn is_there(&mut self, host: &mut dyn Host, path: &[u8]) -> bool {
        self.kernel.is_there(&mut self.processors, host, &self.config.cwd, path)
    }

    /// Writes to the host what it does not have yet of the files that the guest may change, and returns the paths of those
    /// that it refuses.
    #[must_use = "what was not written is lost"]
    pub fn write_rest(&mut self, host: &mut dyn Host) -> Vec<(Vec<u8>, Errno)> {
        self.kernel.write_rest(&mut self.processors, host)
    }

    /// Loads the program that is to run.
    ///
    /// # Errors
    /// [`LoadError`] when it cannot be.
    pub fn load(&mut self, host: &mut dyn Host, program: Program) -> Result<(), LoadError> {
        let Program { shown, path, bytes, arguments } = program;
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        self.shown = shown;
        self.arguments = arguments.iter().skip(1).map(text).collect();
        let environment = &self.config.environment;
        let environment = environment.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
        let program = KernelProgram {
            path,
            bytes,
            arguments,
            environment: environment.collect(),
            cwd: self.config.cwd.clone(),
        };
        self.kernel.start(&mut self.processors, host, program)?;
        Ok(())
    }

    /// Runs until every process has ended, or nothing can go on.
    pub fn run(&mut self, host: &mut dyn Host, sink: &mut dyn EventSink) -> Outcome {
        sink.step(self.guest());
        let outcome = loop {
            let ended = self.kernel.step(&mut self.processors, host);
            for event in self.kernel.take_events() {
                sink.event(&event, Guest { kernel: &self.kernel, ram: self.processors.ram_to_read() });
            }
            sink.step(self.guest());
            if let Some(outcome) = ended {
                break outcome;
            }
        };
        self.outcome = Some(outcome.clone());
        outcome
    }

    /// Returns the kernel, to look at.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Returns the guest, to look at.
    pub fn guest(&self) -> Guest<'_> {
        Guest { kernel: &self.kernel, ram: self.processors.ram_to_read() }
    }

    /// Takes the accesses that stale TLB entries served, with the hart of each, and how many there were in all.
    #[must_use]
    pub fn take_stale_uses(&mut self) -> (Vec<(u64, StaleUse)>, u64) {
        crate::stale_uses(&mut self.processors.harts)
    }

    /// Returns the policy in force.
    pub fn policy(&self) -> &MemoryPolicy {
        &self.config.policy
    }

    /// Returns everything that was counted.
    pub fn report(&mut self) -> Report {
        self.kernel.collect_all(&mut self.processors);
        let processes: Vec<Process> = self.kernel.processes().iter().map(Process::from).collect();
        let mut machine = Account::default();
        for account in self.kernel.harts() {
            machine += account;
        }
        Report {
            setting: Setting {
                program: self.shown.clone(),
                arguments: self.arguments.clone(),
                policy: self.config.policy.clone(),
                tlb: self.config.tlb,
                harts: self.config.harts,
                memory_bytes: self.config.memory_bytes,
                seed: self.config.seed,
                epoch_s: self.config.epoch_s,
                injections: self.config.injections.clone(),
                instruction_ns: 1,
                trap_ns: TRAP_NS,
            },
            outcome: self.outcome.clone(),
            machine: Counts::from(&machine),
            gauges: self.gauges(),
            processes,
            harts: self.kernel.harts().iter().map(Counts::from).collect(),
        }
        .without_absent_mechanisms()
    }

    /// Returns the machine's system calls by Linux name.
    pub fn syscalls(&self) -> BTreeMap<&'static str, SyscallCount> {
        let mut sums = BTreeMap::<_, SyscallCount>::new();
        for (name, count) in self.kernel.harts().iter().flat_map(|account| account.syscalls.by_name()) {
            *sums.entry(name).or_default() += count;
        }
        sums
    }

    fn gauges(&self) -> Counts {
        let gauges = self.kernel.memory.frames().gauges();
        [
            ("frames.total", gauges.total),
            ("frames.in_use", gauges.in_use),
            ("frames.peak", gauges.peak),
            ("frames.zero_shared", gauges.zero_shared),
            ("frames.page_cache", gauges.page_cache),
            ("frames.page_table", gauges.page_table),
            ("frames.anon_huge", gauges.anon_huge),
            ("frames.pool", gauges.pool),
            ("cow.pages_shared", self.kernel.memory.shared_frames(self.processors.ram_to_read())),
            ("sched.idle_ns", self.kernel.sched.idle_ns()),
        ]
        .into_iter()
        .collect()
    }

    /// Compares every count with the page tables and with each other.
    ///
    /// # Errors
    /// Names the first rule that is broken.
    pub fn check(&mut self) -> Result<(), String> {
        let ram = self.processors.ram();
        self.kernel.memory.check_invariants(ram).map_err(|violation| violation.to_string())?;
        self.report().check()
    }
}
