//! `--trace`: the events of some kinds and processes, a line each.

use super::{json, text};
use crate::args::TraceFormat;
use crate::failure::Failure;
use crate::output::Output;
use crate::values::TraceSpec;
use tine_machine::symbols::{CodePlace, Symbols};
use tine_machine::{Event, Guest, Interest};

pub(super) struct Trace {
    spec: TraceSpec,
    format: TraceFormat,
    output: Output,
    symbols: Symbols,
}

impl Trace {
    pub(super) fn new(spec: TraceSpec, format: TraceFormat, output: Output) -> Self {
        Self { spec, format, output, symbols: Symbols::default() }
    }

    /// Returns the kinds of event that are wanted, and what goes with them.
    pub(super) fn interest(spec: &TraceSpec) -> Interest {
        // Where a program was is told with what it did to memory.
        let located = Interest::FAULT | Interest::FORK | Interest::COPY;
        let sites = if spec.events.intersects(located) { Interest::SITE } else { Interest::empty() };
        spec.events | sites
    }

    pub(super) fn event(&mut self, event: &Event, guest: Guest<'_>) {
        let wanted = self.spec.events.contains(event.what.kind())
            && (self.spec.pids.is_empty() || self.spec.pids.contains(&event.pid.0));
        if wanted {
            let place = self.place(event, guest);
            let line = match self.format {
                TraceFormat::Text => text::line(event, place.as_ref()),
                TraceFormat::Json => json::line(event, place.as_ref()),
            };
            self.output.line(&line);
        }
    }

    /// Names the instruction at which an event happened.
    fn place(&mut self, event: &Event, guest: Guest<'_>) -> Option<CodePlace> {
        let site = event.site.as_ref()?;
        Some(self.symbols.code(guest, site.pc, site.code.as_ref(), site.is_after_call))
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        self.output.finish()
    }
}
