//! `--trace`: the events of some kinds and processes, a line each.

use super::{json, text};
use crate::args::TraceFormat;
use crate::failure::Failure;
use crate::output::Output;
use crate::values::TraceSpec;
use tine_machine::Event;

pub(super) struct Trace {
    spec: TraceSpec,
    format: TraceFormat,
    output: Output,
}

impl Trace {
    pub(super) fn new(spec: TraceSpec, format: TraceFormat, output: Output) -> Self {
        Self { spec, format, output }
    }

    pub(super) fn event(&mut self, event: &Event) {
        let wanted = self.spec.events.contains(event.what.kind())
            && (self.spec.pids.is_empty() || self.spec.pids.contains(&event.pid.0));
        if wanted {
            let line = match self.format {
                TraceFormat::Text => text::line(event),
                TraceFormat::Json => json::line(event),
            };
            self.output.line(&line);
        }
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        self.output.finish()
    }
}
