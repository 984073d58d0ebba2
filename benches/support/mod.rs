//! The workload on a machine, for every bench.

use std::hint::black_box;
use tine_machine::{
    Config, Event, EventSink, Guest, Host, Interest, Machine, MemoryPolicy, Outcome, Program, Stream,
    WaitStatus,
};

/// `workload.c`, as `guest/build` makes it.
const WORKLOAD: &[u8] = include_bytes!("../workload");

/// A host that takes all output and has no input, and a sink that nothing is told.
pub(crate) struct Nobody;

impl Host for Nobody {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> bool {
        black_box(bytes);
        true
    }

    fn read(&mut self, _: usize) -> Vec<u8> {
        Vec::new()
    }
}

impl EventSink for Nobody {
    fn event(&mut self, _: &Event, _: Guest<'_>) {}
}

/// What a run does.
pub(crate) struct Workload<'a> {
    /// What is done.
    pub(crate) kind: &'a str,
    /// How often.
    pub(crate) count: u64,
    /// Pages of memory that are stored to first.
    pub(crate) pages: u64,
    /// The memory policy.
    pub(crate) policy: &'a MemoryPolicy,
    /// Size of guest RAM.
    pub(crate) memory_bytes: u64,
    /// What the sink is told of.
    pub(crate) interest: Interest,
    /// How many harts there are.
    pub(crate) harts: u32,
    /// How many processes there may be.
    pub(crate) processes: u32,
}

impl Workload<'_> {
    /// Makes a machine that is about to do it.
    pub(crate) fn machine(&self) -> Machine {
        let config = Config {
            policy: self.policy.clone(),
            memory_bytes: self.memory_bytes,
            interest: self.interest,
            harts: self.harts,
            max_procs: Some(self.processes),
            ..Config::default()
        };
        let arguments =
            ["workload".to_owned(), self.kind.to_owned(), self.count.to_string(), self.pages.to_string()];
        let program = Program {
            shown: "workload".to_owned(),
            path: b"/bin/workload".to_vec(),
            bytes: Some(WORKLOAD.to_vec()),
            arguments: arguments.map(String::into_bytes).to_vec(),
        };
        Machine::new(config, program).expect("the workload fits")
    }
}

/// Runs it to its end.
pub(crate) fn run(mut machine: Machine, sink: &mut impl EventSink) -> Machine {
    assert_eq!(machine.run(&mut Nobody, sink), Outcome::Ended(WaitStatus::Exited(0)));
    machine
}
