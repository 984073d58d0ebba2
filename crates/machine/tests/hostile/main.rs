//! Machines that are given what no toolchain makes: damaged programs and random code. Nothing panics, and every count holds.

mod code;
mod programs;

use std::path::Path;
use tine_machine::{
    Config, Event, EventSink, Guest, Host, LoadError, Machine, MemoryPolicy, Outcome, Program, Stream,
};

/// A host that takes all output and has no input.
struct Nobody;

impl Host for Nobody {
    fn write(&mut self, _: Stream, _: &[u8]) -> bool {
        true
    }

    fn read(&mut self, _: usize) -> Vec<u8> {
        Vec::new()
    }
}

impl EventSink for Nobody {
    fn event(&mut self, _: &Event, _: Guest<'_>) {}
}

/// A small machine that gives up soon.
fn small() -> Config {
    Config {
        policy: MemoryPolicy::TEXTBOOK,
        memory_bytes: 4 << 20,
        max_instructions: Some(20_000),
        max_procs: Some(8),
        ..Config::default()
    }
}

/// Loads a program and runs it until it ends or the machine gives up; checks every invariant.
fn survive(config: Config, bytes: Vec<u8>) -> Result<(Machine, Outcome), LoadError> {
    let program = Program {
        shown: "hostile".into(),
        path: b"/bin/hostile".to_vec(),
        bytes: Some(bytes),
        arguments: vec![b"hostile".to_vec()],
    };
    let mut machine = Machine::new(config, program)?;
    let outcome = machine.run(&mut Nobody, &mut Nobody);
    if let Err(broken) = machine.check() {
        panic!("{broken}");
    }
    Ok((machine, outcome))
}

/// Returns a program of the command's own.
fn guest(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest/bin").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
