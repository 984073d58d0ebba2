//! The runs of a comparison: each on a machine of its own, several at once on the host's cores.

use super::axes::Point;
use crate::args::Run;
use crate::failure::Failure;
use crate::host::{Console, Printed, Recording, Tape};
use crate::run;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;
use tine_machine::fs::Writes;
use tine_machine::{Event, EventSink, Guest, Interest, Outcome, Report};

/// Work that takes less than this shows no progress.
const PATIENCE: Duration = Duration::from_secs(1);
/// A thread's stack: as much as a main thread has.
const STACK_BYTES: usize = 8 << 20;

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What it ran with.
    pub(crate) point: Point,
    /// What it counted.
    pub(crate) report: Report,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// What it printed.
    pub(crate) printed: Printed,
}

/// Nobody watches a run of a comparison.
struct Unwatched;

impl EventSink for Unwatched {
    fn event(&mut self, _: &Event, _: Guest<'_>) {}
}

/// Reads every combination as a command line of `tine run`.
///
/// # Errors
/// The first combination that is wrong.
pub(crate) fn read(points: Vec<Point>) -> Result<Vec<(Point, Run)>, Failure> {
    let read = |point: Point| {
        let run = point.run()?;
        if let Some(spec) = run.machine.directories.iter().find(|spec| spec.writes == Writes::Through) {
            return Err(Failure::tine(format!(
                "--dir {}: runs side by side would change the same files",
                spec.shown
            ))
            .hint("leave out :rw, and what a run changes stays in its machine"));
        }
        Ok((point, run))
    };
    points.into_iter().map(read).collect()
}

/// Runs every combination, `jobs` of them at once, and returns the runs in the order of the combinations.
///
/// # Errors
/// The first combination that cannot be run.
pub(crate) fn run_all(combinations: Vec<(Point, Run)>, jobs: NonZeroUsize) -> Result<Vec<Ran>, Failure> {
    let (points, options): (Vec<_>, Vec<_>) = combinations.into_iter().unzip();
    let (next, tape) = (AtomicUsize::new(0), Arc::new(Tape::default()));
    let results: Mutex<Vec<_>> = Mutex::new(points.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        let (ended, endings) = mpsc::channel();
        for _ in 0..jobs.get().min(points.len()) {
            let (next, tape, options, results, ended) = (&next, &tape, &options, &results, ended.clone());
            let work = move || {
                while let Some((index, options)) = take(next, options) {
                    let result = run_one(options, Arc::clone(tape));
                    results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
                    // The receiver lives as long as the scope.
                    let _ = ended.send(());
                }
            };
            Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, work)
                .map_err(|error| Failure::tine(format!("cannot start a thread: {error}")))?;
        }
        drop(ended);
        show_progress(points.len(), &endings);
        Ok(())
    })?;
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    points
        .into_iter()
        .zip(results.into_iter().flatten())
        .map(|(point, result)| {
            let (report, outcome, printed) = result?;
            Ok(Ran { point, report, outcome, printed })
        })
        .collect()
}

fn take<'a>(next: &AtomicUsize, options: &'a [Run]) -> Option<(usize, &'a Run)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, options.get(index)?))
}

fn run_one(options: &Run, tape: Arc<Tape>) -> Result<(Report, Outcome, Printed), Failure> {
    let mut host = run::open_host(options, Console::Recorded(Recording::new(tape)))?;
    let mut machine = run::prepare(options, Interest::empty(), &mut host)?;
    let outcome = machine.run(&mut host, &mut Unwatched);
    let printed = match host.console {
        Console::Recorded(recording) => recording.output,
        Console::Own => Printed::default(),
    };
    Ok((machine.report(), outcome, printed))
}

/// Shows how many runs have ended until all have, where stderr is a terminal and they take long.
fn show_progress(runs: usize, endings: &mpsc::Receiver<()>) {
    let bar = ProgressBar::with_draw_target(Some(runs as u64), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("  {pos} of {len} runs {wide_bar} {elapsed}") {
        bar.set_style(style);
    }
    let mut patience = Some(PATIENCE);
    loop {
        let ended = match patience {
            Some(patience) => endings.recv_timeout(patience),
            None => endings.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match ended {
            Ok(()) => bar.inc(1),
            Err(RecvTimeoutError::Timeout) => {
                patience = None;
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.enable_steady_tick(PATIENCE);
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    bar.finish_and_clear();
}
