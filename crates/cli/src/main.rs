//! The `tine` command: reads its options, runs a program on the machine, and shows what the machine counted.

mod args;
mod bill;
mod boot;
mod compare;
mod deadlock;
mod disasm;
mod events;
mod failure;
mod guests;
mod hint;
mod host;
mod lives;
mod output;
mod picture;
mod policy;
mod program;
mod report;
mod run;
mod stale;
mod timeline;
mod usage;
mod values;

use args::{Cli, Command};
use clap::CommandFactory;
use failure::Failure;
use std::process::ExitCode;
use usage::Asked;

fn main() -> ExitCode {
    match usage::parse().and_then(perform) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn perform(asked: Asked) -> Result<ExitCode, Failure> {
    let Asked::Command(cli) = asked else {
        return Ok(ExitCode::SUCCESS);
    };
    match cli.command {
        Command::Run(run) => run::run(&run),
        Command::Boot(boot) => boot::boot(&boot),
        Command::Compare(compare) => compare::compare(&compare),
        Command::Guests => output::print(&guests::list()),
        Command::Disasm { file } => output::print(&disasm::listing(&file)?),
        Command::Policy(show) => output::print(&show.text()),
        Command::Completions { shell } => output::print(&completions(shell)),
    }
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tine", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
