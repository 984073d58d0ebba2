//! What the machine says while it runs, as strace lines, trace lines and warnings.

mod json;
mod shortage;
mod strace;
mod summary;
mod text;
mod trace;

pub(crate) use text::{instruction, privilege};

use crate::args::ObserveArgs;
use crate::bill::BillSink;
use crate::deadlock::Forks;
use crate::failure::Failure;
use crate::lives::LivesSink;
use crate::output::Output;
use crate::timeline::TimelineSink;
use crate::values::SyscallSet;
use strace::Strace;
use summary::Syscalls;
use tine_machine::{Event, EventSink, Guest, Interest, What};
use trace::Trace;

/// Everything that wants events.
pub(crate) struct Sinks {
    strace: Option<Strace>,
    summary: Option<Output>,
    /// The calls that count in the summary; none means all.
    filter: Option<SyscallSet>,
    trace: Option<Trace>,
    bill: Option<BillSink>,
    timeline: Option<TimelineSink>,
    lives: Option<LivesSink>,
    forks: Forks,
    warnings: Option<Output>,
    shortages: Output,
}

impl Sinks {
    /// Opens what the options ask for.
    ///
    /// # Errors
    /// When a file cannot be created.
    pub(crate) fn open(options: &ObserveArgs) -> Result<Self, Failure> {
        let strace =
            options.strace.as_ref().map(|file| Strace::open(file.as_deref(), options)).transpose()?;
        // Where calls are shown, the summary follows them.
        let summary = (options.strace_summary && strace.is_none()).then(Output::stderr);
        let trace = options.trace.clone().map(|spec| {
            let output = Output::open("--trace-file", options.trace_file.as_deref())?;
            Ok(Trace::new(spec, options.trace_format, output))
        });
        // strace lines already name calls that Tine does not have.
        let warnings = (options.warn || strace.is_some()).then(Output::stderr);
        let filter = options.strace_filter.clone();
        let bill = BillSink::open(options)?;
        let timeline = TimelineSink::open(options)?;
        let lives = LivesSink::open(options)?;
        Ok(Self {
            strace,
            summary,
            filter,
            trace: trace.transpose()?,
            bill,
            timeline,
            lives,
            forks: Forks::default(),
            warnings,
            shortages: Output::stderr(),
        })
    }

    /// Returns the kinds of event that are wanted at all.
    pub(crate) fn interest(options: &ObserveArgs) -> Interest {
        let mut interest = Interest::SHORTAGE | Forks::INTEREST;
        if options.strace.is_some() {
            interest |= Strace::INTEREST;
        }
        if let Some(trace) = &options.trace {
            interest |= Trace::interest(trace);
        }
        if BillSink::is_wanted(options) {
            interest |= BillSink::INTEREST;
        }
        if LivesSink::is_wanted(options) {
            interest |= LivesSink::INTEREST;
        }
        if options.timeline.is_some() {
            interest |= TimelineSink::INTEREST;
        }
        if options.warn || options.strace.is_some() {
            interest |= Interest::UNKNOWN;
        }
        interest
    }

    /// Takes out what is known of forks, to tell a deadlock from.
    pub(crate) fn take_forks(&mut self) -> Forks {
        std::mem::take(&mut self.forks)
    }

    /// Takes the fork bill out, to be written when everything else is.
    pub(crate) fn take_bill(&mut self) -> Option<BillSink> {
        self.bill.take()
    }

    /// Takes the time line out.
    pub(crate) fn take_timeline(&mut self) -> Option<TimelineSink> {
        self.timeline.take()
    }

    /// Takes the lives of processes out.
    pub(crate) fn take_lives(&mut self) -> Option<LivesSink> {
        self.lives.take()
    }

    /// Writes what is left, and the summary of the system calls that were made.
    ///
    /// # Errors
    /// The first output that could not be written.
    pub(crate) fn finish(self, syscalls: &Syscalls) -> Result<(), Failure> {
        self.strace.map_or(Ok(()), |strace| strace.finish(syscalls))?;
        if let Some(mut output) = self.summary {
            output.write(&summary::render(syscalls, self.filter.as_ref()));
            output.finish()?;
        }
        self.trace.map_or(Ok(()), Trace::finish)
    }
}

impl EventSink for Sinks {
    fn event(&mut self, event: &Event, guest: Guest<'_>) {
        if let Some(strace) = &mut self.strace {
            strace.event(event);
        }
        if let Some(trace) = &mut self.trace {
            trace.event(event, guest);
        }
        self.forks.event(event, guest);
        if let Some(bill) = &mut self.bill {
            bill.event(event, guest);
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.event(event, guest);
        }
        if let Some(lives) = &mut self.lives {
            lives.event(event, guest);
        }
        if let What::OutOfMemory(shortage) = &event.what {
            self.shortages.write(&shortage::report(event.pid, shortage));
        }
        if let (Some(warnings), What::UnknownSyscall { number, name }) = (&mut self.warnings, &event.what) {
            warnings.line(&format!(
                "tine: pid {} called {name} (system call {number}), which Tine does not have: ENOSYS",
                event.pid
            ));
        }
    }

    fn step(&mut self, guest: Guest<'_>) {
        if let Some(timeline) = &mut self.timeline {
            timeline.step(guest);
        }
    }
}

#[cfg(test)]
mod tests;
