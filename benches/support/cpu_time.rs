//! CPU time of programs, and what to make of several runs.

use nix::sys::resource::{UsageWho, getrusage};
use std::error::Error;
use std::process::{Command, Stdio};

/// Runs a program to its end and returns the CPU time, user and system, of it and its children.
pub(crate) fn cpu_seconds(command: &mut Command) -> Result<f64, Box<dyn Error>> {
    let children = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        Ok::<_, nix::Error>(seconds(usage.user_time()) + seconds(usage.system_time()))
    };
    let before = children()?;
    let status = command.stdout(Stdio::null()).status().map_err(|error| format!("{command:?}: {error}"))?;
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    Ok(children()? - before)
}

/// How many times as long as the other something took: median, least and most of the pairs.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// Compares what ran in turn; `None` where nothing did.
pub(crate) fn ratio(ones: &[f64], others: &[f64]) -> Option<Ratio> {
    let ratios: Vec<f64> = ones.iter().zip(others).map(|(one, other)| one / other).collect();
    let least = ratios.iter().copied().fold(f64::MAX, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    Some(Ratio { median: median(ratios)?, least, most })
}

pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
