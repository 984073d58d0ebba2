//! A kernel on scripted harts, watched: every trap is followed by a check of every count.

use crate::cpu::ScriptedHarts;
use crate::elf;
use crate::script::Script;
use tine_kernel::{
    Account, Event, Harts, Host, InstalledFile, InstructionSet, Interest, Kernel, MemoryCounters,
    MemoryPolicy, Outcome, Pid, ProcessRecord, Program, Settings, Stream, WaitStatus,
};
use tine_mmu::{MmuCounters, PAGE_SIZE, Ram};

/// The first program's process.
pub(crate) const FIRST: Pid = Pid(2);
/// Its first child.
pub(crate) const CHILD: Pid = Pid(3);

/// How a world is made.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) policy: MemoryPolicy,
    pub(crate) frames: u64,
    pub(crate) harts: u32,
    pub(crate) seed: u64,
    pub(crate) max_processes: u32,
    pub(crate) max_instructions: Option<u64>,
    pub(crate) interest: Interest,
}

impl Default for Setup {
    /// The `textbook` policy, one hart, 4 MiB.
    fn default() -> Self {
        Self {
            policy: MemoryPolicy::TEXTBOOK,
            frames: 1024,
            harts: 1,
            seed: 0,
            max_processes: 100,
            max_instructions: None,
            interest: Interest::empty(),
        }
    }
}

/// What the program reads and writes.
#[derive(Debug, Default)]
struct Console {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Host for Console {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> bool {
        self.output.extend_from_slice(bytes);
        true
    }

    fn read(&mut self, max: usize) -> Vec<u8> {
        self.input.drain(..max.min(self.input.len())).collect()
    }
}

pub(crate) struct World {
    pub(crate) kernel: Kernel,
    pub(crate) harts: ScriptedHarts,
    console: Console,
    events: Vec<Event>,
    watched: bool,
}

/// Runs a script in a world of the usual kind until every process has ended.
pub(crate) fn run(script: Script) -> World {
    run_in(Setup::default(), script)
}

/// Runs a script until every process has ended.
pub(crate) fn run_in(setup: Setup, script: Script) -> World {
    let mut world = World::new(setup, script);
    world.run();
    world
}

impl World {
    pub(crate) fn new(setup: Setup, script: Script) -> Self {
        let ram = Ram::new(setup.frames * PAGE_SIZE).unwrap();
        let mut harts = ScriptedHarts::new(setup.harts, ram);
        let settings = Settings {
            harts: setup.harts,
            seed: setup.seed,
            epoch_s: 0,
            max_processes: setup.max_processes,
            max_instructions: setup.max_instructions,
            isa: InstructionSet::default(),
            interest: setup.interest,
            string_limit: 32,
            injections: Vec::new(),
            grants: Vec::new(),
        };
        let mut kernel = Kernel::new(harts.ram(), &mut Console::default(), setup.policy, settings).unwrap();
        let mut console = Console::default();
        let program = Program {
            path: b"/bin/script".to_vec(),
            bytes: Some(elf::program(&harts.learn(&script))),
            arguments: vec![b"script".to_vec()],
            environment: Vec::new(),
            cwd: b"/".to_vec(),
        };
        assert_eq!(kernel.start(&mut harts, &mut console, program), Ok(FIRST));
        Self { kernel, harts, console, events: Vec::new(), watched: true }
    }

    /// Makes a world that is only checked when somebody asks.
    pub(crate) fn unwatched(setup: Setup, script: Script) -> Self {
        Self { watched: false, ..Self::new(setup, script) }
    }

    /// Installs another program for execve.
    pub(crate) fn install(&mut self, path: &str, script: &Script) {
        let bytes = elf::program(&self.harts.learn(script));
        self.install_bytes(path, &bytes, 0o755);
    }

    /// Installs a file.
    pub(crate) fn install_bytes(&mut self, path: &str, bytes: &[u8], permissions: u32) {
        let file = InstalledFile { path: path.into(), bytes: bytes.to_vec(), permissions };
        self.kernel.install(&mut self.harts, &mut self.console, &file).unwrap();
    }

    /// Says what the program reads from standard input.
    pub(crate) fn input(&mut self, bytes: &[u8]) {
        self.console.input = bytes.to_vec();
    }

    /// Lets one hart run and serves the trap that it takes. After a trap, every invariant is checked.
    pub(crate) fn step(&mut self) -> Option<Outcome> {
        let before = self.harts.traps;
        let outcome = self.kernel.step(&mut self.harts, &mut self.console);
        self.events.extend(self.kernel.take_events());
        if self.watched && (outcome.is_some() || self.harts.traps > before) {
            self.check_memory();
        }
        outcome
    }

    fn check_memory(&mut self) {
        if let Err(violation) = self.kernel.memory.check_invariants(self.harts.ram()) {
            panic!("{violation}");
        }
    }

    /// Runs until nothing can go on, and checks that the accounts add up.
    pub(crate) fn run_to_outcome(&mut self) -> Outcome {
        let outcome = loop {
            if let Some(outcome) = self.step() {
                break outcome;
            }
        };
        self.check();
        outcome
    }

    /// Checks every invariant of memory, and that the accounts add up.
    pub(crate) fn check(&mut self) {
        self.check_memory();
        self.check_accounts();
    }

    /// Runs until every process has ended, checks that nothing is left, and returns how the first ended.
    pub(crate) fn run(&mut self) -> WaitStatus {
        let Outcome::Ended(status) = self.run_to_outcome() else { panic!("the run did not end") };
        self.check_nothing_left();
        status
    }

    /// After the last process nothing is held but the zero page, the page cache, and what the tree names.
    pub(crate) fn check_nothing_left(&mut self) {
        assert_eq!(self.kernel.tasks.task_count(), 0, "a task is left");
        assert_eq!(self.kernel.tasks.process_count(), 1, "a process is left beside init");
        let gauges = self.kernel.memory.frames().gauges();
        assert_eq!(gauges.page_table, 0);
        assert_eq!(gauges.in_use, 1 + gauges.page_cache, "a frame is leaked");
        let census = self.kernel.fs.census();
        assert_eq!((census.opens, census.pipes, census.sockets, census.tables), (0, 0, 0, 0), "{census:?}");
        assert_eq!(census.work_dirs, 0);
    }

    fn check_accounts(&mut self) {
        self.kernel.collect_all(&mut self.harts);
        let mut of_processes = Account::default();
        for record in self.kernel.processes() {
            assert!(record.account.memory.kinds_sum_to_total(), "{record:?}");
            of_processes += &record.account;
        }
        let mut of_harts = Account::default();
        for account in self.kernel.harts() {
            of_harts += account;
        }
        assert_eq!(of_processes, of_harts, "the parts do not add up");
        let tlb = of_harts.tlb;
        assert_eq!(tlb.first_level_misses(), tlb.l2.lookups);
        assert!(tlb.walks >= tlb.l2.misses);
    }

    pub(crate) fn record(&self, pid: Pid) -> ProcessRecord {
        let mut records = self.kernel.processes().into_iter();
        records.find(|record| record.pid == pid).unwrap_or_else(|| panic!("there was no process {pid}"))
    }

    pub(crate) fn status(&self, pid: Pid) -> Option<WaitStatus> {
        self.record(pid).end
    }

    pub(crate) fn memory(&self, pid: Pid) -> MemoryCounters {
        self.record(pid).account.memory
    }

    pub(crate) fn tlb(&self, pid: Pid) -> MmuCounters {
        self.record(pid).account.tlb
    }

    /// Returns how often a process made a system call, and how often it failed.
    pub(crate) fn calls(&self, pid: Pid, name: &str) -> (u64, u64) {
        let syscalls = self.record(pid).account.syscalls;
        syscalls.by_name().get(name).map_or((0, 0), |count| (count.calls, count.errors))
    }

    /// Returns what the whole machine did.
    pub(crate) fn total(&self) -> Account {
        let mut total = Account::default();
        for account in self.kernel.harts() {
            total += account;
        }
        total
    }

    /// Returns everything that was written to the console.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&self.console.output).into_owned()
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }
}
