//! The command as a shell sees it: what is run here is the built binary.

mod boot;
mod commit_log;
mod compare;
mod deadlocks;
mod disasm;
mod errors;
mod fail;
mod forks;
mod grants;
mod help;
mod observe;
mod run;
mod strace;
mod support;
