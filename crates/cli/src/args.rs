//! The command line: what can be asked, and how it is described.

use crate::boot::Boot;
use crate::compare::Axes;
use crate::policy::{self, PolicyArgs};
use crate::values::{self, BadValue, DirSpec, SyscallSet, TimelineSpec, TraceSpec};
use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use tine_machine::inject::Injection;
use tine_machine::{Config, CostModel, Engine, Isa, StaleUses, TlbConfig};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Runs riscv64 Linux programs and shows exactly what fork, copy-on-write and the TLB did.
#[derive(Debug, Parser)]
#[command(name = "tine", version, styles = STYLES, max_term_width = 110)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "Start with: tine run --stats @cow-tutorial")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program and report what its memory did.
    Run(Box<Run>),
    /// Run a program under several policies and compare what its memory did.
    Compare(Box<Compare>),
    /// Run a bare-metal program from machine mode on.
    Boot(Box<Boot>),
    /// List the programs that are built into tine; run one as @NAME.
    Guests,
    /// Print the instructions of a riscv64 ELF file, as objdump does.
    Disasm {
        /// The file.
        #[arg(value_name = "ELF")]
        file: PathBuf,
    },
    /// Print a memory policy as a file for --policy, with every switch.
    Policy(policy::Show),
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Run a riscv64 Linux program and report what its memory did.
///
/// Options before PROGRAM are Tine's, everything after it is the program's. The exit code is the program's, 128+N when
/// signal N killed it, 125 when Tine itself fails, 126 when PROGRAM cannot be run and 127 when it is not there.
#[derive(Debug, Args)]
#[command(override_usage = "tine run [OPTIONS] PROGRAM [ARGS]...", after_long_help = EXAMPLES)]
pub(crate) struct Run {
    /// A riscv64 program with its arguments: of the guest, else of the host; @NAME is one that is built in.
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true, num_args = 1..)]
    pub(crate) program: Vec<OsString>,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) tlb: TlbArgs,
    #[command(flatten)]
    pub(crate) observe: ObserveArgs,
    #[command(flatten)]
    pub(crate) check: CheckArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

const EXAMPLES: &str = "\
Examples, one for each group:
  tine run -E GREETING=hello --harts 2 ./program 1 2 3
  tine run --root debian --dir .::/work bash -c 'wc -l *.c'
  tine run --policy textbook --fork eager --fork-order child-first --cow-batch 16 --fault-around 1 @eager-or-cow
  tine run --tlb l1i=16,l1d=16x4:random,l2=none --stats ./program
  tine run --stats=json --stats-file counts.json --trace fault,fork,pid=2 @cow-tutorial
  tine run --max-instructions 1000000000 --max-procs 100 ./fork-bomb
  tine run --fail fork:2 --fail mmap:10+ --strace ./server";

#[derive(Debug, Args)]
#[command(next_help_heading = "Program and machine")]
pub(crate) struct MachineArgs {
    /// Let the guest see DIR as its /. What it changes there stays in the machine.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Let the guest see a directory or file of the host, at GUEST or where it is on the host. May be given several times.
    ///
    /// What the guest changes there stays in the machine, unless :rw lets it change the host's files. It starts in the
    /// directory in which tine was started, where it sees that, and in / otherwise.
    #[arg(long = "dir", value_name = "HOST[::GUEST][:rw]", value_parser = values::directory)]
    pub(crate) directories: Vec<DirSpec>,
    /// Directory of the guest in which the program starts.
    #[arg(long, value_name = "GUEST")]
    pub(crate) cwd: Option<PathBuf>,
    /// Set a variable of the program's environment; nothing of the host's is passed on.
    ///
    /// PATH, HOME, TERM and LANG have fixed values unless they are set here. May be given several times.
    #[arg(short = 'E', value_name = "NAME=VALUE", value_parser = values::environment)]
    pub(crate) environment: Vec<(String, String)>,
    /// Size of guest memory in bytes, or with K, M or G.
    #[arg(long = "mem", value_name = "SIZE", default_value = "512M", value_parser = values::size)]
    pub(crate) memory_bytes: u64,
    /// Instruction set of the harts: rv64gc and extensions, as in rv64gc_zba_zbb_zicond.
    ///
    /// What is left out is illegal, and /proc/cpuinfo, AT_HWCAP and riscv_hwprobe say so. Known beside the letters i, m, a,
    /// f, d, g, c and b: zicbom, zicbop, zicboz, zicond, zihintntl, zihintpause, zawrs, zfa, zfhmin, zcb, zba, zbb, zbc,
    /// zbs, svinval. Without c, jumps to halfwords trap.
    #[arg(long, value_name = "ISA", default_value = "rv64gc_zba_zbb_zbs", value_parser = values::isa)]
    pub(crate) isa: Isa,
    /// Number of harts (processors), 1 to 64.
    ///
    /// They take turns by retired instructions, so that every run is the same.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) harts: u32,
    /// Start of everything that is drawn at random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Seconds since 1970 when the machine starts; the host's clock is never read.
    #[arg(long = "epoch", value_name = "T", default_value_t = Config::DEFAULT_EPOCH_S)]
    pub(crate) epoch_s: u64,
    /// Execution engine; results and counts are the same, only the speed differs.
    #[arg(long, value_name = "ENGINE", hide = true, value_parser = engine())]
    pub(crate) engine: Option<Engine>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "TLB")]
pub(crate) struct TlbArgs {
    /// Shape of the TLBs: a preset (u74, u54, c906, c910, cva6, tiny), or l1i=, l1d= and l2= as 32, 1024x8 or 64x4:plru.
    ///
    /// For example l1i=32,l1d=32,l2=1024x8:lru: entries, ways and replacement (lru, plru, fifo, random), of which the last two may be
    /// left out. Without ways a level is fully associative; l2=none leaves the second one out; what is not named is as in
    /// the default, which is a SiFive U74.
    #[arg(long = "tlb", value_name = "SPEC", default_value = "u74", value_parser = values::tlb)]
    pub(crate) config: TlbConfig,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Observation")]
pub(crate) struct CheckArgs {
    /// Look for mistakes: tlb reports each access that a stale TLB entry served otherwise than the page table would have.
    ///
    /// There should be none: each is a fence that is missing, or one that came too late. Where there are some, the exit code is
    /// 125. The run takes longer, and counts the same.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) check: Option<Check>,
}

impl CheckArgs {
    /// Returns whether stale entries are looked for.
    pub(crate) fn stale_uses(&self) -> StaleUses {
        match self.check {
            Some(Check::Tlb) => StaleUses::Reported,
            None => StaleUses::Ignored,
        }
    }
}

/// What is checked.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Check {
    /// That no stale TLB entry is used.
    Tlb,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Observation")]
#[command(group = ArgGroup::new("calls").args(["strace", "strace_summary"]).multiple(true))]
pub(crate) struct ObserveArgs {
    /// Report all counts at exit, to stderr unless a file is named.
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "table")]
    pub(crate) stats: Option<StatsFormat>,
    /// Write the report to FILE; implies --stats.
    #[arg(long, value_name = "FILE")]
    pub(crate) stats_file: Option<PathBuf>,
    /// Print what each fork cost: its own work, and every page copied or reused later, by process, place and mapping.
    ///
    /// Each copied page is kept as it was made, to tell how many of its bytes really changed: this takes as much memory of
    /// the host again as the copies.
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "table")]
    pub(crate) forks: Option<BillFormat>,
    /// Write what each fork cost to FILE; implies --forks.
    #[arg(long, value_name = "FILE")]
    pub(crate) forks_file: Option<PathBuf>,
    /// Print the life of each process: how it began and ended, which descriptors it inherited, and how many pages of each segment
    /// it shared, copied, reused and never touched.
    ///
    /// As with --forks, copies take as much memory of the host again.
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "table")]
    pub(crate) processes: Option<BillFormat>,
    /// Write the lives of processes to FILE; implies --processes.
    #[arg(long, value_name = "FILE")]
    pub(crate) processes_file: Option<PathBuf>,
    /// Draw frames in use, shared and copied over virtual time, for the machine and for each process, or write them as JSON.
    ///
    /// Forks, execs and exits are marked. Every change is there; a run with thousands of them keeps one in so many nanoseconds,
    /// which the file says, and each peak.
    #[arg(long, value_name = "FILE.svg|FILE.json", value_parser = values::timeline)]
    pub(crate) timeline: Option<TimelineSpec>,
    /// Print system calls as strace -f does, to stderr or to FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) strace: Option<Option<PathBuf>>,
    /// Show only the system calls of SET: names, classes as %file, all, none, with commas between; ! before SET is all others.
    ///
    /// The classes are those of strace's -e trace=SET: %file (calls that take a path), %desc, %process, %memory, %signal,
    /// %network, %ipc, %creds, %clock, %%stat and more. Signals and exits are always shown. --strace-summary counts the same
    /// calls: --strace-filter %network,close or --strace-filter '!mmap,%memory'.
    #[arg(long, value_name = "SET", value_parser = values::syscalls, requires = "calls")]
    pub(crate) strace_filter: Option<SyscallSet>,
    /// How much of a string --strace shows, and how many elements of an array, as strace's -s.
    #[arg(long, value_name = "N", default_value_t = Config::DEFAULT_STRING_LIMIT, requires = "strace", value_parser = clap::value_parser!(u32).range(..=1 << 20))]
    pub(crate) strace_string_limit: u32,
    /// Count system calls, errors and time, as strace -c does; with --strace, behind the calls themselves.
    ///
    /// The seconds are virtual, one nanosecond an instruction, and run until a call returns, sleep included, as strace
    /// -c -w has it; so they are the same in every run, and say in which calls the program waits. The execve that starts it
    /// is not counted: nobody in the machine made it.
    #[arg(long)]
    pub(crate) strace_summary: bool,
    /// Say on stderr when the program calls something that Tine does not have.
    #[arg(long)]
    pub(crate) warn: bool,
    /// Print events as they happen: some of trap, fault, fence, fork, exec, exit, switch, signal, syscall, insn, copy, all.
    ///
    /// Kinds are separated by commas; "all" is every kind but insn, which prints each instruction, and copy, which
    /// prints each copied frame. pid=N shows one
    /// process only, and may be given several times: --trace fault,fence,pid=2.
    #[arg(long, value_name = "SPEC", value_parser = values::trace)]
    pub(crate) trace: Option<TraceSpec>,
    /// Write the trace to FILE, not to stderr.
    #[arg(long, value_name = "FILE", requires = "trace")]
    pub(crate) trace_file: Option<PathBuf>,
    /// Form of the trace.
    #[arg(long, value_parser = trace_format(), value_name = "FORMAT", requires = "trace", default_value = "text")]
    pub(crate) trace_format: TraceFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StatsFormat {
    /// A table for people; zero rows are left out.
    Table,
    /// One JSON object with every counter.
    Json,
    /// Rows of scope, key and value.
    Csv,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BillFormat {
    /// A table for people.
    Table,
    /// One JSON object.
    Json,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TraceFormat {
    Text,
    Json,
}

/// Knows the format of `tine boot` too: Spike runs Linux programs under a kernel whose instructions its log has, and Tine's
/// supervisor has none.
fn trace_format() -> impl TypedValueParser<Value = TraceFormat> {
    let formats = [
        PossibleValue::new("text").help("A line of text for each event"),
        PossibleValue::new("json").help("A JSON object on a line for each event"),
        PossibleValue::new("spike").hide(true),
    ];
    PossibleValuesParser::new(formats).try_map(|format| match format.as_str() {
        "text" => Ok(TraceFormat::Text),
        "json" => Ok(TraceFormat::Json),
        _ => Err(BadValue::new(
            "Spike's commit log is of bare-metal programs",
            "tine boot --trace insn --trace-format spike IMAGE; --trace insn here is text, or JSON with --trace-format json",
        )),
    })
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Stop with exit code 125 after N instructions.
    #[arg(long, value_name = "N")]
    pub(crate) max_instructions: Option<u64>,
    /// Let fork fail with EAGAIN when there are N processes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_procs: Option<u32>,
    /// Make the Nth of something fail: fork:3, exec:1, mmap:5, frame:100, copy:7, read:2=EIO, or fork:3+ from the third on.
    ///
    /// fork is every call that makes a process, frame the allocation of a frame, copy the copy of a page; every other name is a
    /// system call's, which then does nothing and returns the error (EAGAIN for fork, ENOMEM for calls about memory, and else
    /// the one named). They are counted over all processes, from the program's first instruction on. May be given several times.
    #[arg(long = "fail", value_name = "WHAT:N[+][=ERRNO]", value_parser = values::injection)]
    pub(crate) injections: Vec<Injection>,
}

/// Run a program under several policies and compare what its memory did.
///
/// The options are those of tine run, and most take a list: every combination is run, on as many of the host's cores as there
/// are. The runs read the same input, and see the same files; what they print is compared and not shown. The exit code is 0
/// when all printed the same, 1 when they did not, and 125 when Tine itself fails.
#[derive(Debug, Args)]
#[command(override_usage = "tine compare [OPTIONS] -- PROGRAM [ARGS]...", after_long_help = COMPARE_EXAMPLES)]
pub(crate) struct Compare {
    /// A riscv64 program with its arguments, as tine run has it.
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true, num_args = 1..)]
    pub(crate) program: Vec<OsString>,
    #[command(flatten)]
    pub(crate) axes: Axes,
    #[command(flatten)]
    pub(crate) result: ResultArgs,
}

const COMPARE_EXAMPLES: &str = "\
Examples:
  tine compare --fork cow,eager --fork-order child-first,parent-first -- @fork-exec
  tine compare --tlb u74,u54,tiny --format csv -- ./program
  tine compare --policy linux,textbook --plot faults.svg --root debian -- bash -c 'ls | wc'";

#[derive(Debug, Args)]
#[command(next_help_heading = "Result")]
pub(crate) struct ResultArgs {
    /// Form of the result, which goes to stdout.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = CompareFormat::Table)]
    pub(crate) format: CompareFormat,
    /// Draw the figures that differ.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// What each event costs in the modelled cycles: inorder or unit, and changes to it.
    ///
    /// For example inorder,copy=2000,remote-fence=4000, in cycles. The table names all parameters.
    #[arg(long, value_name = "MODEL", default_value = "inorder", value_parser = values::cost)]
    pub(crate) cost: CostModel,
    /// Runs at once; as many as the host has cores unless it is said.
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CompareFormat {
    /// A table for people, the best of each column marked.
    Table,
    /// One JSON object with every run's whole report.
    Json,
    /// A row for each run.
    Csv,
}

pub(crate) fn engine() -> impl clap::builder::TypedValueParser<Value = Engine> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(["plain", "threaded"]).map(|name| match name.as_str() {
        "plain" => Engine::Plain,
        _ => Engine::Threaded,
    })
}
