//! `tine boot`: runs a bare-metal program on a machine without native supervisor.

mod console;
mod image;
mod signature;
mod stats;
mod trace;

use crate::args::{CheckArgs, StatsFormat, TlbArgs};
use crate::failure::Failure;
use crate::output::{Destination, Output};
use crate::stale;
use crate::values::{self, BadValue};
use clap::Args;
use console::CommandTerminal;
use signature::Granularity;
use std::path::PathBuf;
use std::process::ExitCode;
use tine_machine::boot::{BootConfig, BootMachine, Ending, Misaligned, Observer};
use tine_machine::{Engine, Isa};
use trace::{BootTrace, Kinds, TraceFormat};

/// Run a bare-metal riscv64 program from machine mode on, without a supervisor of Tine's.
///
/// RAM begins at 0x80000000, and every hart at the image's entry, with its number in a0 and the address of a device tree in
/// a1. There are HTIF (symbols tohost and fromhost), an ns16550 serial port at 0x10000000, an ACLINT at 0x2000000, a PLIC at
/// 0xc000000 and SiFive's test device for power-off at 0x100000. The exit code is the program's, 125 when Tine itself fails,
/// 126 when IMAGE cannot be booted and 127 when it is not there.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Boot {
    /// A riscv64 ELF file that is linked to run in RAM.
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    tlb: TlbArgs,
    #[command(flatten)]
    observe: ObserveArgs,
    #[command(flatten)]
    check: CheckArgs,
}

const EXAMPLES: &str = "\
Examples:
  tine boot ./hello.elf
  tine boot --harts 4 --mem 256M --stats ./kernel.elf
  tine boot --signature add-01.signature ./add-01.elf
  tine boot --trace insn,trap --trace-file trace.txt --max-instructions 10000 ./test.elf";

#[derive(Debug, Args)]
#[command(next_help_heading = "Machine")]
struct MachineArgs {
    /// Size of RAM in bytes, or with K, M or G.
    #[arg(long = "mem", value_name = "SIZE", default_value = "128M", value_parser = values::size)]
    memory_bytes: u64,
    /// Instruction set of the harts: rv64gc and extensions, as in rv64gc_zba_zbb_zicond; tine run --help has the list.
    #[arg(long, value_name = "ISA", default_value = "rv64gc_zba_zbb_zbs", value_parser = values::isa)]
    isa: Isa,
    /// Number of harts (processors), 1 to 64.
    ///
    /// They take turns by retired instructions, so that every run is the same.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    harts: u32,
    /// Start of everything that is drawn at random: the ways that a TLB with random replacement gives up.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Let misaligned loads and stores trap; the hart does them otherwise.
    #[arg(long)]
    misaligned_traps: bool,
    /// Execution engine; results and counts are the same, only the speed differs.
    #[arg(long, value_name = "ENGINE", hide = true, value_parser = crate::args::engine())]
    engine: Option<Engine>,
    /// Stop with exit code 125 after N instructions, of all harts and with their traps.
    #[arg(long, value_name = "N")]
    max_instructions: Option<u64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Observation")]
struct ObserveArgs {
    /// Report all counts at exit, to stderr unless a file is named.
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "table")]
    stats: Option<StatsFormat>,
    /// Write the report to FILE; implies --stats.
    #[arg(long, value_name = "FILE")]
    stats_file: Option<PathBuf>,
    /// Write memory between the symbols begin_signature and end_signature to FILE at exit, as the architecture tests want it.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Bytes on a line of the signature.
    #[arg(long, value_enum, value_name = "BYTES", requires = "signature", default_value_t = Granularity::Four)]
    signature_granularity: Granularity,
    /// Print what happens: some of insn (each instruction) and trap, with a comma between.
    #[arg(long, value_name = "KINDS", value_parser = trace_kinds)]
    trace: Option<Kinds>,
    /// Write the trace to FILE, not to stderr.
    #[arg(long, value_name = "FILE", requires = "trace")]
    trace_file: Option<PathBuf>,
    /// Form of the trace.
    #[arg(long, value_enum, value_name = "FORMAT", requires = "trace", default_value_t = TraceFormat::Text)]
    trace_format: TraceFormat,
}

fn trace_kinds(text: &str) -> Result<Kinds, BadValue> {
    Kinds::parse(text).ok_or_else(|| {
        BadValue::new(
            format!("\"{text}\" does not say what to trace"),
            "insn, trap, or both: --trace insn,trap",
        )
    })
}

/// Runs the program and returns its exit code.
///
/// # Errors
/// When it cannot be booted, when it did not end by itself, or when what was seen cannot be written.
pub(crate) fn boot(options: &Boot) -> Result<ExitCode, Failure> {
    let shown = options.image.display().to_string();
    let image = image::read(&options.image)?;
    let mut machine =
        BootMachine::new(config(options), image).map_err(|error| image::refused(&shown, error))?;
    let ObserveArgs { stats, stats_file, signature, trace, trace_file, trace_format, .. } = &options.observe;
    // Files are opened before the program runs, so that a long run is not lost to a wrong name.
    let stats = stats.or(stats_file.as_ref().map(|_| StatsFormat::Table));
    let stats = stats
        .map(|format| Ok((format, Destination::open("--stats-file", stats_file.as_deref())?)))
        .transpose()?;
    if signature.is_some() && machine.signature().is_none() {
        return Err(image::without_signature(&shown));
    }
    let signature = signature.as_ref().map(|file| Output::open("--signature", Some(file))).transpose()?;
    let mut trace =
        trace.map(|kinds| BootTrace::open(kinds, *trace_format, trace_file.as_deref())).transpose()?;

    let mut terminal = CommandTerminal::default();
    let ending = machine.run(&mut terminal, trace.as_mut().map(|trace| trace as &mut dyn Observer));

    if let Some(trace) = trace {
        trace.finish()?;
    }
    if let Some(mut output) = signature {
        let bytes = machine.signature().unwrap_or_default();
        output.write(&signature::text(&bytes, options.observe.signature_granularity));
        output.finish()?;
    }
    if let Some((format, to)) = stats {
        stats::write(&machine.report(), &shown, format, to)?;
    }
    stale::report(&machine.take_stale_uses())?;
    exit_code(&ending)
}

fn config(options: &Boot) -> BootConfig {
    let machine = &options.machine;
    BootConfig {
        tlb: options.tlb.config,
        stale_uses: options.check.stale_uses(),
        isa: machine.isa,
        harts: machine.harts,
        memory_bytes: machine.memory_bytes,
        seed: machine.seed,
        max_instructions: machine.max_instructions,
        engine: machine.engine.unwrap_or_default(),
        misaligned: if machine.misaligned_traps { Misaligned::Traps } else { Misaligned::Supported },
    }
}

/// Returns the program's exit code.
///
/// # Errors
/// When the run did not end by itself.
fn exit_code(ending: &Ending) -> Result<ExitCode, Failure> {
    match ending {
        Ending::Exit(code) => Ok(ExitCode::from(shell_code(*code))),
        Ending::Reset => Err(Failure::tine("the program asked for a reset, which Tine does not do")
            .hint("run it again")),
        Ending::InstructionLimit(limit) => Err(Failure::tine(format!("stopped after {limit} instructions"))
            .hint("give it more with --max-instructions, or leave the option out")),
        Ending::Asleep => Err(Failure::tine("every hart waits for an interrupt, and none can come")
            .hint("it ends by HTIF (symbol tohost), or by storing 0x5555 to 0x100000")),
        Ending::Lost { hart, handler, mcause } => Err(Failure::tine(format!(
            "hart {hart} traps for ever: it cannot execute its machine-mode trap handler at {handler} (mcause {mcause})"
        ))
        .hint("--trace trap shows what came before; mtvec must hold the address of a handler")),
    }
}

/// Returns the byte that a shell sees: the low one, but never 0 for a code that is not.
fn shell_code(code: u64) -> u8 {
    match (code, code as u8) {
        (1.., 0) => u8::MAX,
        (_, low) => low,
    }
}
