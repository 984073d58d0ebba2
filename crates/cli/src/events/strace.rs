//! System calls, signals and exits as `strace -f` prints them.

use super::summary::{self, Syscalls};
use crate::args::ObserveArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::values::SyscallSet;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tine_machine::{Event, Interest, Pid, WaitStatus, What};

/// Column of the `=` before a result (strace's option `-a`).
const RESULT_COLUMN: usize = 40;

/// Writes strace lines.
///
/// A call's line is held back until the call returns. When another process has something to say before that, the line is
/// cut with `<unfinished ...>` and goes on later as `<... resumed>`.
pub(super) struct Strace {
    output: Output,
    prefix: Prefix,
    /// Processes that are alive, as far as the trace shows.
    alive: BTreeSet<Pid>,
    /// The call whose line is held back, and that line.
    held: Option<(Pid, String)>,
    /// The calls that have not returned.
    open: BTreeMap<Pid, OpenCall>,
    /// The threads that are alive beside the first of their process, and that process.
    threads: BTreeMap<Pid, Pid>,
    /// First tasks that have ended before their threads, and what is to be said of them.
    ended_first: BTreeMap<Pid, String>,
    /// A task that has just been made, and who made it.
    attached: Option<Attached>,
    summarises: bool,
    /// The calls that are shown; none means all.
    filter: Option<SyscallSet>,
}

/// A call that has not returned.
struct OpenCall {
    name: Cow<'static, str>,
    /// Whether the call fills in no argument that would be printed when it returns.
    is_complete: bool,
}

/// A task that has just been made. strace says so once the line of the call that made it is done, or cut.
struct Attached {
    maker: Pid,
    task: Pid,
}

/// How a line says whose it is.
pub(super) enum Prefix {
    /// `[pid     2] `, once there are several processes: strace on a terminal.
    Bracketed,
    /// `2     `, always: strace with a file.
    Plain,
}

impl Strace {
    /// The kinds of event that strace shows, and those from which it knows who is alive.
    pub(super) const INTEREST: Interest =
        Interest::SYSCALL.union(Interest::SIGNAL).union(Interest::FORK).union(Interest::EXIT);

    /// Opens a trace on stderr or in a file.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(super) fn open(file: Option<&Path>, options: &ObserveArgs) -> Result<Self, Failure> {
        let prefix = if file.is_some() { Prefix::Plain } else { Prefix::Bracketed };
        let (summarises, filter) = (options.strace_summary, options.strace_filter.clone());
        Ok(Self { summarises, filter, ..Self::new(Output::open("--strace", file)?, prefix) })
    }

    pub(super) fn new(output: Output, prefix: Prefix) -> Self {
        let (alive, open, threads, ended_first) = Default::default();
        Self {
            output,
            prefix,
            alive,
            held: None,
            open,
            threads,
            ended_first,
            attached: None,
            summarises: false,
            filter: None,
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        let pid = event.pid;
        self.alive.insert(pid);
        if self.attached.as_ref().is_some_and(|attached| attached.maker != pid) {
            self.cut_held();
            self.tell_attached();
        }
        match &event.what {
            What::SyscallEnter { name, .. } | What::SyscallExit { name, .. } if !self.shows(name) => {
                if let What::SyscallExit { .. } = event.what {
                    self.tell_attached();
                }
            }
            What::SyscallEnter { name, arguments, is_complete } => {
                self.cut_held();
                let start = format!("{}{name}({arguments}", self.prefix_of(pid));
                if matches!(name.as_ref(), "exit" | "exit_group") {
                    self.returned(&format!("{start})"), "?");
                    return;
                }
                self.held = Some((pid, start));
                self.open.insert(pid, OpenCall { name: name.clone(), is_complete: *is_complete });
            }
            What::SyscallExit { name, arguments, result } => {
                self.open.remove(&pid);
                let start = self.line_of(pid, name);
                self.returned(&format!("{start}{arguments})"), result);
                self.tell_attached();
            }
            What::Signal { name, info } => self.remark(pid, &format!("--- {name} {info} ---")),
            What::Stop { signal } => self.remark(pid, &format!("--- stopped by {} ---", signal.name())),
            What::Superseded { by } => {
                self.end_call(pid);
                self.remark(pid, &format!("+++ superseded by execve in pid {by} +++"));
                // From here on the other one has this number.
                self.open.remove(by);
                self.alive.remove(by);
                self.threads.remove(by);
                self.ended_first.remove(&pid);
            }
            What::Exit { status } => {
                self.end_call(pid);
                let end = match status {
                    WaitStatus::Exited(code) => format!("exited with {code}"),
                    WaitStatus::Killed { signal, core: true } => {
                        format!("killed by {} (core dumped)", signal.name())
                    }
                    WaitStatus::Killed { signal, core: false } => format!("killed by {}", signal.name()),
                };
                self.ended(pid, format!("+++ {end} +++"));
            }
            What::Fork { child, kind, .. } => {
                self.alive.insert(*child);
                if *kind == "thread" {
                    let process = self.process_of(pid);
                    self.threads.insert(*child, process);
                }
                self.attached = Some(Attached { maker: pid, task: *child });
            }
            _ => {}
        }
    }

    /// Returns the beginning of the line on which the call of `pid` ends: the line held back, or a new one.
    fn line_of(&mut self, pid: Pid, name: &str) -> String {
        match self.held.take() {
            Some((holder, line)) if holder == pid => line,
            other => {
                self.held = other;
                self.cut_held();
                format!("{}<... {name} resumed>", self.prefix_of(pid))
            }
        }
    }

    /// Says that a task has ended. Nobody hears of the end of a process's first task before its threads have ended.
    fn ended(&mut self, task: Pid, end: String) {
        let process = self.process_of(task);
        self.threads.remove(&task);
        let has_threads = self.threads.values().any(|other| *other == process);
        if task == process && has_threads {
            self.ended_first.insert(task, end);
            return;
        }
        self.remark(task, &end);
        self.alive.remove(&task);
        if has_threads {
            return;
        }
        if let Some(end) = self.ended_first.remove(&process) {
            self.remark(process, &end);
            self.alive.remove(&process);
        }
    }

    /// Returns the process of a task, as far as the trace shows.
    fn process_of(&self, task: Pid) -> Pid {
        self.threads.get(&task).copied().unwrap_or(task)
    }

    /// Ends the line of a call that never returns.
    fn end_call(&mut self, pid: Pid) {
        if let Some(call) = self.open.remove(&pid) {
            let start = self.line_of(pid, &call.name);
            let rest = if call.is_complete { "" } else { " <unfinished ...>" };
            self.returned(&format!("{start}{rest})"), "?");
        }
    }

    /// Tells whether calls of this name are shown.
    fn shows(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.contains(name))
    }

    fn returned(&mut self, call: &str, result: &str) {
        let call = format!("{call} ");
        self.output.line(&format!("{call:RESULT_COLUMN$}= {result}"));
    }

    /// Says that a task was made. In a file, only calls and signals are wanted.
    fn tell_attached(&mut self) {
        if let (Some(Attached { task, .. }), Prefix::Bracketed) = (self.attached.take(), &self.prefix) {
            self.output.line(&format!("strace: Process {task} attached"));
        }
    }

    /// Writes a line that is no call.
    fn remark(&mut self, pid: Pid, text: &str) {
        self.cut_held();
        let line = format!("{}{text}", self.prefix_of(pid));
        self.output.line(&line);
    }

    /// Writes the line held back, as that of a call that has not returned.
    fn cut_held(&mut self) {
        if let Some((_, line)) = self.held.take() {
            self.output.line(&format!("{line} <unfinished ...>"));
        }
    }

    fn prefix_of(&self, pid: Pid) -> String {
        match self.prefix {
            Prefix::Plain => format!("{:<5} ", pid.0),
            Prefix::Bracketed if self.alive.len() > 1 => format!("[pid {:>5}] ", pid.0),
            Prefix::Bracketed => String::new(),
        }
    }

    pub(super) fn finish(mut self, syscalls: &Syscalls) -> Result<(), Failure> {
        self.cut_held();
        if self.summarises {
            self.output.write(&summary::render(syscalls, self.filter.as_ref()));
        }
        self.output.finish()
    }
}
