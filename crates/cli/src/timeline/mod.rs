//! `--timeline`: memory over virtual time, as a picture or as JSON.

mod json;
mod plot;

use crate::args::ObserveArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::values::TimelineFormat;
use tine_machine::timeline::Recorder;
use tine_machine::{Event, EventSink, Guest, Interest, Report, WaitStatus};

/// Records the time line and writes it at the end.
pub(crate) struct TimelineSink {
    recorder: Recorder,
    format: TimelineFormat,
    to: Output,
}

impl TimelineSink {
    /// The events that it needs.
    pub(crate) const INTEREST: Interest = Recorder::INTEREST;

    /// Opens the file before the program runs, if the options ask for a time line.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn open(options: &ObserveArgs) -> Result<Option<Self>, Failure> {
        let open = |spec: &crate::values::TimelineSpec| {
            let to = Output::open("--timeline", Some(&spec.file))?;
            Ok(Self { recorder: Recorder::default(), format: spec.format, to })
        };
        options.timeline.as_ref().map(open).transpose()
    }

    pub(crate) fn event(&mut self, event: &Event, guest: Guest<'_>) {
        self.recorder.event(event, guest);
    }

    pub(crate) fn step(&mut self, guest: Guest<'_>) {
        self.recorder.step(guest);
    }

    /// Writes the time line. `guest` is the machine at the end of the run, `report` what it counted.
    ///
    /// # Errors
    /// When it cannot be drawn or written.
    pub(crate) fn write(mut self, report: &Report, guest: Guest<'_>) -> Result<(), Failure> {
        let timeline = self.recorder.finish(guest);
        self.to.write(&match self.format {
            TimelineFormat::Svg => plot::svg(report, &timeline)?,
            TimelineFormat::Json => json::render(report, &timeline),
        });
        self.to.finish()
    }
}

/// Writes how a process ended: `exit 0`, `SIGKILL`.
fn end(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(code) => format!("exit {code}"),
        WaitStatus::Killed { signal, .. } => signal.name().to_string(),
    }
}
