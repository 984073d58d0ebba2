//! `tine run`: puts a program on a machine, watches it, and reports.

use crate::args::{Run, StatsFormat};
use crate::deadlock::Forks;
use crate::events::Sinks;
use crate::failure::Failure;
use crate::hint;
use crate::host::{CommandHost, Console, Grants};
use crate::output::Destination;
use crate::program::{self, Program};
use crate::report;
use crate::stale;
use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use tine_machine::inject::Injection;
use tine_machine::{Config, Guest, Interest, LoadError, Machine, Outcome, Report};

/// Runs the program and returns its exit code.
///
/// # Errors
/// When it cannot be run, when the machine had to stop it, or when what was seen cannot be written.
pub(crate) fn run(options: &Run) -> Result<ExitCode, Failure> {
    let mut host = open_host(options, Console::Own)?;
    let mut machine = prepare(options, Sinks::interest(&options.observe), &mut host)?;
    let mut sinks = Sinks::open(&options.observe)?;
    let stats = Stats::open(options)?;

    let outcome = machine.run(&mut host, &mut sinks);

    let unwritten = machine.write_rest(&mut host);
    let (bill, timeline) = (sinks.take_bill(), sinks.take_timeline());
    let (lives, forks) = (sinks.take_lives(), sinks.take_forks());
    sinks.finish(&machine.syscalls())?;
    hint::of_missed_files(&mut machine, &mut host, &options.program).iter().for_each(Failure::warn);
    for (injection, seen) in machine.kernel().unmet_injections() {
        unmet(injection, seen).warn();
    }
    if let Some(stats) = stats {
        stats.write(&machine.report())?;
    }
    stale::report(&machine.take_stale_uses())?;
    if let Some(bill) = bill {
        bill.write(machine.guest())?;
    }
    if let Some(lives) = lives {
        lives.write(machine.guest())?;
    }
    if let Some(timeline) = timeline {
        timeline.write(&machine.report(), machine.guest())?;
    }
    match unwritten.first() {
        Some((path, errno)) => Err(Failure::tine(format!(
            "what the guest stored in {} could not be written to the host: {}",
            String::from_utf8_lossy(path),
            errno.text()
        ))),
        None => exit_code(&outcome, forks, machine.guest()),
    }
}

/// Opens what the options grant.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open_host(options: &Run, console: Console) -> Result<CommandHost, Failure> {
    let grants = Grants::open(options.machine.root.as_deref(), &options.machine.directories)?;
    Ok(CommandHost { grants, console })
}

/// Makes the machine that the options describe, with the program on it.
///
/// # Errors
/// When machine or program are not to be had.
pub(crate) fn prepare(options: &Run, interest: Interest, host: &mut CommandHost) -> Result<Machine, Failure> {
    let [name, arguments @ ..] = options.program.as_slice() else {
        return Err(Failure::tine("PROGRAM is missing"));
    };
    let config = config(options, interest, &host.grants);
    let mut machine = Machine::boot(config, host).map_err(|error| match error {
        LoadError::Grant(grant, errno) => host.grants.refused(grant, errno),
        error => program::refused_machine(name, &error),
    })?;
    let program = Program::find(name, &mut machine, host)?;
    let arguments = arguments.iter().map(|argument| argument.as_bytes().to_owned());
    let guest = tine_machine::Program {
        shown: program.shown.clone(),
        path: program.path.clone(),
        bytes: program.elf.clone().map(Cow::into_owned),
        arguments: [program.argv0.clone()].into_iter().chain(arguments).collect(),
    };
    machine.load(host, guest).map_err(|error| program.refused(&error))?;
    Ok(machine)
}

fn config(options: &Run, interest: Interest, grants: &Grants) -> Config {
    let machine = &options.machine;
    let cwd = match &machine.cwd {
        Some(cwd) => Some(cwd.as_os_str().as_bytes().to_owned()),
        None => grants.work_directory(),
    };
    Config {
        policy: options.policy.policy(),
        tlb: options.tlb.config,
        stale_uses: options.check.stale_uses(),
        harts: machine.harts,
        memory_bytes: machine.memory_bytes,
        seed: machine.seed,
        epoch_s: machine.epoch_s,
        max_instructions: options.limits.max_instructions,
        max_procs: options.limits.max_procs,
        injections: options.limits.injections.clone(),
        engine: machine.engine.unwrap_or_default(),
        environment: environment(&machine.environment),
        grants: grants.mounts(),
        cwd: cwd.unwrap_or_else(|| b"/".to_vec()),
        interest,
        string_limit: options.observe.strace_string_limit as usize,
    }
}

/// The variables that every program finds: nothing of the host's environment is passed on.
const ENVIRONMENT: [(&str, &str); 4] =
    [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/"), ("TERM", "dumb"), ("LANG", "C.UTF-8")];

/// Returns the fixed variables that the user has not set, and then the user's, of which the last of a name counts.
fn environment(set: &[(String, String)]) -> Vec<(String, String)> {
    let is_set = |name: &str, set: &[(String, String)]| set.iter().any(|(other, _)| other == name);
    let fixed = ENVIRONMENT.iter().filter(|(name, _)| !is_set(name, set));
    let own = set.iter().enumerate().filter(|(index, (name, _))| !is_set(name, &set[index + 1..]));
    let fixed = fixed.map(|&(name, value)| (name.to_owned(), value.to_owned()));
    fixed.chain(own.map(|(_, variable)| variable.clone())).collect()
}

/// Returns the program's exit code.
///
/// # Errors
/// When the run did not end by itself.
fn exit_code(outcome: &Outcome, mut forks: Forks, guest: Guest<'_>) -> Result<ExitCode, Failure> {
    match outcome {
        Outcome::Ended(end) => Ok(ExitCode::from(end.shell_code())),
        Outcome::InstructionLimit(limit) => Err(Failure::tine(format!("stopped after {limit} instructions"))
            .hint("give it more with --max-instructions, or leave the option out")),
        Outcome::Deadlock(stuck) => Err(forks.deadlock(stuck, guest)),
    }
}

/// Says that a failure which was asked for did not come about.
fn unmet(injection: Injection, seen: u64) -> Failure {
    let times = match seen {
        0 => "there was none".to_owned(),
        1 => "there was one".to_owned(),
        _ => format!("there were {seen}"),
    };
    Failure::tine(format!("--fail {injection} did not come about: {times}"))
}

/// Where the report goes, and in which form.
struct Stats {
    format: StatsFormat,
    to: Destination,
}

impl Stats {
    /// Opens the file before the program runs, so that a long run is not lost to a wrong name.
    fn open(options: &Run) -> Result<Option<Self>, Failure> {
        let file = options.observe.stats_file.as_deref();
        let format = options.observe.stats.or(file.map(|_| StatsFormat::Table));
        format.map(|format| Ok(Self { format, to: Destination::open("--stats-file", file)? })).transpose()
    }

    fn write(self, report: &Report) -> Result<(), Failure> {
        let text = report::render(report, self.format);
        match self.format {
            StatsFormat::Table => self.to.write_table(&text),
            StatsFormat::Json | StatsFormat::Csv => self.to.write(&text),
        }
    }
}
