//! `--processes`: the life of each process, as a table for people or as JSON.

mod json;
mod table;

use crate::args::{BillFormat, ObserveArgs};
use crate::failure::Failure;
use crate::output::Destination;
use tine_machine::lives::{Collector, Ending, Segment};
use tine_machine::mm::Prot;
use tine_machine::{Event, EventSink, Guest, Interest, WaitStatus};

/// Collects the lives and writes them at the end.
pub(crate) struct LivesSink {
    collector: Collector,
    format: BillFormat,
    to: Destination,
}

impl LivesSink {
    /// The events that it needs.
    pub(crate) const INTEREST: Interest = Collector::INTEREST;

    /// Tells whether the options ask for lives.
    pub(crate) fn is_wanted(options: &ObserveArgs) -> bool {
        options.processes.is_some() || options.processes_file.is_some()
    }

    /// Opens the file before the program runs.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn open(options: &ObserveArgs) -> Result<Option<Self>, Failure> {
        if !Self::is_wanted(options) {
            return Ok(None);
        }
        let to = Destination::open("--processes-file", options.processes_file.as_deref())?;
        let format = options.processes.unwrap_or(BillFormat::Table);
        Ok(Some(Self { collector: Collector::default(), format, to }))
    }

    pub(crate) fn event(&mut self, event: &Event, guest: Guest<'_>) {
        self.collector.event(event, guest);
    }

    /// Writes the lives. `guest` is the machine at the end of the run.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn write(self, guest: Guest<'_>) -> Result<(), Failure> {
        let lives = self.collector.finish(guest);
        match self.format {
            BillFormat::Table => self.to.write_table(&table::render(&lives)),
            BillFormat::Json => self.to.write(&json::render(&lives)),
        }
    }
}

/// Says how a life ended.
fn end(ending: &Ending) -> String {
    match ending {
        Ending::Exit(WaitStatus::Exited(code)) => format!("exited {code}"),
        Ending::Exit(WaitStatus::Killed { signal, .. }) => format!("was killed by {}", signal.name()),
        Ending::Exec => "executed another program".to_owned(),
        Ending::RunEnd => "was alive when the run ended".to_owned(),
    }
}

/// Writes rights as `/proc/<pid>/maps` does: `rw-p`.
fn rights(segment: &Segment) -> String {
    let rights = [(Prot::READ, 'r'), (Prot::WRITE, 'w'), (Prot::EXEC, 'x')];
    let rights = rights.map(|(right, letter)| if segment.prot.contains(right) { letter } else { '-' });
    rights.into_iter().chain([if segment.is_shared_mapping { 's' } else { 'p' }]).collect()
}

/// The columns of a segment's pages, which add up to all of them.
fn columns(segment: &Segment) -> [(&'static str, u64); 6] {
    [
        ("shared", segment.shared),
        ("copied", segment.copied),
        ("reused", segment.reused),
        ("kept", segment.kept),
        ("own", segment.own),
        ("untouched", segment.untouched),
    ]
}
