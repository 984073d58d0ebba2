//! Runs one program on one machine and keeps everything that came of it.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use tine_machine::{
    Config, Engine, Event, EventSink, Guest, Host, InstalledFile, Interest, Machine, MemoryPolicy, Outcome,
    Program, Report, Stream, WaitStatus,
};

/// More instructions than any program of these tests retires: one that hangs ends here.
const MOST_INSTRUCTIONS: u64 = 200_000_000;

/// A program, and the machine on which it is to run.
#[derive(Clone)]
pub(crate) struct Job {
    config: Config,
    files: Vec<InstalledFile>,
    program: Program,
    input: Vec<u8>,
}

/// What came of a run.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    /// What the program wrote to each stream, in the order in which it did.
    pub(crate) output: Vec<(Stream, Vec<u8>)>,
    pub(crate) events: Vec<Event>,
    pub(crate) report: Report,
}

impl Job {
    /// Prepares the ELF file at `path`, which the machine finds as `/bin/NAME`.
    pub(crate) fn new(path: &Path, policy: MemoryPolicy) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap();
        let program = Program {
            shown: name.to_owned(),
            path: format!("/bin/{name}").into_bytes(),
            bytes: Some(fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))),
            arguments: vec![name.into()],
        };
        let config = Config { policy, max_instructions: Some(MOST_INSTRUCTIONS), ..Config::default() };
        Self { config, files: Vec::new(), program, input: Vec::new() }
    }

    /// Prepares a program of `tests/programs` under the `linux` policy.
    pub(crate) fn program(name: &str) -> Self {
        Self::new(&root().join("tests/programs/bin").join(name), MemoryPolicy::LINUX)
    }

    /// Prepares a guest under the `textbook` policy.
    pub(crate) fn guest(name: &str) -> Self {
        Self::new(&root().join("guest/bin").join(name), MemoryPolicy::TEXTBOOK)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(crate) fn policy(self, policy: &MemoryPolicy) -> Self {
        self.with(|config| config.policy = policy.clone())
    }

    pub(crate) fn arguments<A: Into<Vec<u8>>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.program.arguments.extend(arguments.into_iter().map(A::into));
        self
    }

    pub(crate) fn input(mut self, input: &[u8]) -> Self {
        self.input = input.to_owned();
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.program.shown
    }

    /// Puts files into the machine beside the program.
    pub(crate) fn files(mut self, files: Vec<InstalledFile>) -> Self {
        self.files = files;
        self
    }

    /// Returns why the machine refuses the program.
    #[track_caller]
    pub(crate) fn refusal(self) -> String {
        let Err(error) = Machine::with_files(self.config, &self.files, self.program) else {
            panic!("the machine takes the program")
        };
        error.to_string()
    }

    pub(crate) fn harts(self, harts: u32) -> Self {
        self.with(|config| config.harts = harts)
    }

    pub(crate) fn seed(self, seed: u64) -> Self {
        self.with(|config| config.seed = seed)
    }

    pub(crate) fn engine(self, engine: Engine) -> Self {
        self.with(|config| config.engine = engine)
    }

    pub(crate) fn watching(self, interest: Interest) -> Self {
        self.with(|config| config.interest = interest)
    }

    /// Runs the program and checks the machine's counts.
    #[track_caller]
    pub(crate) fn run(self) -> Run {
        self.run_on(|_| {})
    }

    /// Runs the program before the eyes of `sink`, which then gets the machine at its end, and returns the report.
    #[track_caller]
    pub(crate) fn run_with<S: EventSink>(
        self,
        sink: &mut S,
        finish: impl FnOnce(&mut S, Guest<'_>),
    ) -> Report {
        let mut machine = Machine::with_files(self.config, &self.files, self.program).unwrap();
        let mut console = Console { input: self.input.into(), output: Vec::new() };
        machine.run(&mut console, sink);
        finish(sink, machine.guest());
        machine.check().unwrap();
        machine.report()
    }

    /// Runs the program on a machine to which something is done before.
    #[track_caller]
    pub(crate) fn run_on(self, prepare: impl FnOnce(&mut Machine)) -> Run {
        let Config { harts, seed, engine, .. } = self.config;
        let what = format!("{} on {harts} harts, seed {seed}, {engine:?}", self.program.shown);
        let mut machine = Machine::with_files(self.config, &self.files, self.program).unwrap();
        prepare(&mut machine);
        let mut console = Console { input: self.input.into(), output: Vec::new() };
        let mut events = Events::default();
        let outcome = machine.run(&mut console, &mut events);
        if let Err(broken) = machine.check() {
            panic!("{what}: {broken}");
        }
        let report = machine.report();
        if report.processes.iter().all(|process| process.end.is_some()) {
            let [in_use, page_cache, pool] =
                ["frames.in_use", "frames.page_cache", "frames.pool"].map(|key| report.gauges.get(key));
            assert_eq!(
                in_use,
                page_cache + pool + 1 + 512 * report.machine.get("thp.zero_page_alloc"),
                "{what}: the pages of zeros, the page cache and the pool outlive the processes"
            );
        }
        Run { outcome, output: console.output, events: events.0, report }
    }
}

impl Run {
    /// Returns what the program wrote to stdout; on stderr it wrote nothing, and it exited with status 0.
    #[track_caller]
    pub(crate) fn stdout(&self) -> String {
        self.stdout_of(WaitStatus::Exited(0))
    }

    /// Returns what the program wrote to stdout; on stderr it wrote nothing, and it ended so.
    #[track_caller]
    pub(crate) fn stdout_of(&self, end: WaitStatus) -> String {
        let errors = self.stream(Stream::Stderr);
        assert!(errors.is_empty() && self.outcome == Outcome::Ended(end), "{:?}: {errors}", self.outcome);
        self.stream(Stream::Stdout)
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.outcome == Outcome::Ended(WaitStatus::Exited(0))
    }

    fn stream(&self, wanted: Stream) -> String {
        let written = self.output.iter().filter(|(stream, _)| *stream == wanted);
        String::from_utf8(written.flat_map(|(_, bytes)| bytes).copied().collect()).unwrap()
    }
}

/// A console at which everything was typed beforehand.
struct Console {
    input: VecDeque<u8>,
    output: Vec<(Stream, Vec<u8>)>,
}

impl Host for Console {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        self.output.push((stream, bytes.to_owned()));
        true
    }

    fn read(&mut self, max: usize) -> Vec<u8> {
        self.input.drain(..max.min(self.input.len())).collect()
    }
}

#[derive(Default)]
struct Events(Vec<Event>);

impl EventSink for Events {
    fn event(&mut self, event: &Event, _: Guest<'_>) {
        self.0.push(event.clone());
    }
}

/// Returns the folder of the whole project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the name of every built-in guest.
pub(crate) fn guest_names() -> Vec<String> {
    let list = fs::read_to_string(root().join("guest/list.txt")).unwrap();
    let names: Vec<_> = list.lines().map(|row| row.split_once('\t').unwrap().0.to_owned()).collect();
    assert!(!names.is_empty());
    names
}

/// Returns every file in a folder of the project, by name.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// Reads what a program is expected to print.
pub(crate) fn expected(folder: &str, name: &str) -> String {
    fs::read_to_string(root().join(folder).join(format!("{name}.txt"))).unwrap()
}
