//! The command line: what can be asked, and how it is described.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Runs riscv64 Linux programs and shows exactly what fork, copy-on-write and the TLB did.
#[derive(Debug, Parser)]
#[command(name = "tine", version, styles = STYLES, max_term_width = 110)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the programs that are built into tine; run one as @NAME.
    Guests,
    /// Print the instructions of a riscv64 ELF file, as objdump does.
    Disasm {
        /// The file.
        #[arg(value_name = "ELF")]
        file: PathBuf,
    },
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}
