//! System calls as strace prints them.
//!
//! What a call reads is shown when it begins, what it fills in when it ends. Looking at user memory for this goes through
//! the page table and touches no TLB, no counter and no accessed bit: watching changes nothing.
//!
//! # strace argument types
//!
//! The type of an argument in its row of `table.rs` says how strace prints it; the function gets the type converted with
//! `Into`, so that it may take a plain `VirtAddr` or `UserPtr<T>` where the row says more.
//!
//! | in the row | printed | taken by the function |
//! | --- | --- | --- |
//! | `u32`, `i64`, `Fd`, `Pid` … | the number | the same |
//! | `VirtAddr`, `UserPtr<T>` | the address, or `NULL` | the same |
//! | a `flag_set!` or `choice!` of `types.rs` | names | the same |
//! | [`In<T>`](memory::In) | what the call reads there | `VirtAddr` or `UserPtr<_>` |
//! | [`Out<T>`](memory::Out) | what the call has stored there; after an error the address | `VirtAddr` or `UserPtr<_>` |
//! | [`InOut<T>`](memory::InOut) | what was there, and behind ` => ` what is there now | `VirtAddr` or `UserPtr<_>` |
//!
//! `T` is a [`Pointee`]: an [`Element`] of fixed size (integers, which stand in brackets
//! behind a pointer, and structs, which print themselves as `{name=value, …}`), an [`Array`] whose length is
//! another argument, or something that finds its own end. Memory that cannot be read is printed as its address.
//!
//! `-> name` behind a row names the function of [`results`] that prints what the call returned; without it that is a
//! decimal number. An argument that means nothing in this call (`fcntl`'s third) prints nothing, and its comma goes too.

mod arguments;
mod control;
mod files;
mod lists;
mod memory;
mod numbers;
pub(super) mod results;
mod signals;
mod text;

pub(super) use arguments::*;
pub(super) use control::*;
pub(super) use files::*;
pub(super) use lists::*;
pub(super) use memory::*;
pub(super) use numbers::*;
pub(crate) use signals::describe_signal;
pub(super) use signals::*;
pub(super) use text::{
    flags as show_flags, flags_or as show_flags_or, hex, octal, pointer, signal as show_signal,
};
pub(crate) use text::{hex_quoted, quoted};

use super::{Arguments, Call};
use crate::Reg;
use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::fs::PATH_MAX;
use tine_mmu::VirtAddr;

/// When an argument can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When the call begins.
    Entry,
    /// When the call has ended: it fills in what is printed. The comma before it is printed when the call begins.
    Exit,
    /// When the call has ended, comma included: whether there is such an argument at all, other arguments say.
    ExitIfAny,
    /// One part when the call begins, the other when it has ended.
    Both,
}

/// How one argument is printed.
#[derive(Clone, Copy)]
pub struct ShowArg {
    /// When.
    pub when: fn(&Arguments) -> When,
    /// Returns what is to be known of it when the call has ended.
    pub note: fn(u64, &mut Shower<'_>) -> Vec<u64>,
    /// Prints it, or the part of it that belongs to this moment.
    pub show: fn(u64, &mut Shower<'_>) -> String,
}

/// How the result of a call that succeeded is printed.
pub(super) type ShowResult = fn(u64, &mut Shower<'_>) -> String;

/// What printing an argument may look at.
pub struct Shower<'a> {
    /// All arguments of the call.
    pub arguments: Arguments,
    /// Which of them is printed.
    pub index: usize,
    /// The result, once the call has ended.
    pub result: Option<CallResult>,
    /// How much of a string is printed, and how many elements of an array (strace's option `-s`).
    pub limit: usize,
    /// What was noted when the call began for when it has ended: lengths that the call changes.
    pub noted: &'a [u64],
    inspect: &'a mut dyn FnMut(VirtAddr, &mut [u8]) -> usize,
}

/// How a call ended, as strace sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// It returned a value.
    Value(u64),
    /// It failed with an errno.
    Errno(i32),
    /// It was made to fail with this in `a0` ([`crate::inject`]).
    Injected(u64),
    /// A signal interrupted it.
    Interrupted(Restart),
}

/// What is to become of an interrupted call: the kernel's own errnos, which no program sees (Linux 6.12
/// include/linux/errno.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// `EINTR`: the program sees that it was interrupted.
    Never,
    /// `ERESTARTSYS`: it starts again after a handler with SA_RESTART.
    IfAsked,
    /// `ERESTARTNOINTR`: it starts again after every handler.
    Always,
    /// `ERESTARTNOHAND`: it goes on unless there was a handler.
    WithoutHandler,
    /// `ERESTART_RESTARTBLOCK`: the same, and the time that has passed counts.
    WithTimeLeft,
}

impl Restart {
    fn text(self) -> &'static str {
        match self {
            Self::Never => "EINTR (Interrupted system call)",
            Self::IfAsked => "ERESTARTSYS (To be restarted if SA_RESTART is set)",
            Self::Always => "ERESTARTNOINTR (To be restarted)",
            Self::WithoutHandler => "ERESTARTNOHAND (To be restarted if no handler)",
            Self::WithTimeLeft => "ERESTART_RESTARTBLOCK (Interrupted by signal)",
        }
    }
}

impl Shower<'_> {
    /// Returns up to `len` bytes at `at`; fewer where memory is not there.
    pub fn bytes(&mut self, at: VirtAddr, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let got = (self.inspect)(at, &mut bytes);
        bytes.truncate(got);
        bytes
    }

    /// Returns the `len` bytes at `at`, if they are all there.
    pub fn whole(&mut self, at: VirtAddr, len: usize) -> Option<Vec<u8>> {
        Some(self.bytes(at, len)).filter(|bytes| bytes.len() == len)
    }

    /// Tells whether the call has ended with an error.
    pub fn failed(&self) -> bool {
        matches!(
            self.result,
            Some(CallResult::Errno(_) | CallResult::Injected(_) | CallResult::Interrupted(_))
        )
    }

    /// Prints a NUL-terminated path, which is never shortened.
    pub fn string(&mut self, at: VirtAddr) -> String {
        self.string_of(at, PATH_MAX, usize::MAX)
    }

    /// Prints a NUL-terminated string, shortened as strace does.
    pub fn short_string(&mut self, at: VirtAddr) -> String {
        self.string_of(at, self.limit.saturating_add(1), self.limit)
    }

    fn string_of(&mut self, at: VirtAddr, len: usize, shown: usize) -> String {
        let bytes = self.bytes(at, len);
        match bytes.iter().position(|byte| *byte == 0) {
            _ if at.0 == 0 => pointer(0),
            Some(end) => quoted(&bytes[..end], shown),
            // Longer than what is looked at.
            None if bytes.len() == len => quoted(&bytes, shown.min(len - 1)),
            None => pointer(at.0),
        }
    }

    /// Prints a buffer of `len` bytes as hexadecimal escapes, shortened as strace does.
    pub fn hex_buffer(&mut self, at: VirtAddr, len: usize) -> String {
        match self.whole(at, len.min(self.limit)) {
            Some(bytes) => hex_quoted(&bytes, len > self.limit),
            None => pointer(at.0),
        }
    }

    /// Prints a buffer of `len` bytes, shortened as strace does.
    pub fn buffer(&mut self, at: VirtAddr, len: usize) -> String {
        match self.whole(at, len.min(self.limit.saturating_add(1))) {
            Some(bytes) if at.0 != 0 => quoted(&bytes, self.limit),
            _ => pointer(at.0),
        }
    }

    /// Prints a buffer of `len` bytes without the NUL that may end it.
    pub fn text_buffer(&mut self, at: VirtAddr, len: usize) -> String {
        let ends_with_nul = len > 0 && self.whole(at + (len as u64 - 1), 1).is_some_and(|bytes| bytes == [0]);
        self.buffer(at, len - usize::from(ends_with_nul))
    }
}

/// Logs the beginning of a call, and keeps what is to be printed again when it has ended.
pub(super) fn enter(ctx: &mut Ctx<'_>, call: &mut Call) {
    if !ctx.kernel.settings.interest.contains(Interest::SYSCALL) {
        return;
    }
    let row = call.row;
    let mut text = String::new();
    let mut is_complete = true;
    for index in 0..row.show.len() {
        let when = (row.show[index].when)(&call.arguments);
        let raw = call.arguments[index];
        call.noted.extend(with_shower(ctx, call, index, None, |shower| (row.show[index].note)(raw, shower)));
        match when {
            When::Entry if is_complete => push(&mut text, index, &show_one(ctx, call, index, None)),
            When::Both => {
                let part = show_one(ctx, call, index, None);
                if is_complete {
                    push(&mut text, index, &part);
                }
                call.remembered.push(part);
                is_complete = false;
            }
            When::Entry => {}
            When::Exit | When::ExitIfAny => {
                if is_complete && index > 0 && when == When::Exit {
                    text.push_str(", ");
                }
                is_complete = false;
            }
        }
    }
    ctx.log(Interest::SYSCALL, || What::SyscallEnter { name: row.name.into(), arguments: text, is_complete });
}

/// Logs the end of a call. A task that SIGKILL waits for tells its tracer of no end but its own (Linux 6.12
/// kernel/signal.c ptrace_stop).
pub(super) fn exit(ctx: &mut Ctx<'_>, call: &Call, result: CallResult) {
    if !ctx.kernel.settings.interest.contains(Interest::SYSCALL) || ctx.is_killed() {
        return;
    }
    let row = call.row;
    let mut text = String::new();
    let mut remembered = call.remembered.iter();
    let mut is_printed = true;
    for index in 0..row.show.len() {
        let when = (row.show[index].when)(&call.arguments);
        if when == When::Both {
            let begun = remembered.next().map_or("", String::as_str);
            if !is_printed {
                push(&mut text, index, begun);
            }
            text.push_str(&show_one(ctx, call, index, Some(result)));
        } else if when == When::Exit && is_printed {
            text.push_str(&show_one(ctx, call, index, Some(result)));
        } else if when != When::Entry || !is_printed {
            push(&mut text, index, &show_one(ctx, call, index, Some(result)));
        }
        is_printed &= when == When::Entry;
    }
    let result = match result {
        CallResult::Value(value) => {
            with_shower(ctx, call, 0, Some(result), |shower| (row.result)(value, shower))
        }
        CallResult::Errno(number) => errno_text(number),
        CallResult::Injected(value) => format!("{} (INJECTED)", errno_text(-(value as i64) as i32)),
        CallResult::Interrupted(restart) => format!("? {}", restart.text()),
    };
    ctx.log(Interest::SYSCALL, || What::SyscallExit { name: row.name.into(), arguments: text, result });
}

/// Adds an argument; one that means nothing in this call adds nothing.
fn push(text: &mut String, index: usize, shown: &str) {
    if index > 0 && !shown.is_empty() {
        text.push_str(", ");
    }
    text.push_str(shown);
}

/// Logs the end of rt_sigreturn: the mask that is restored, and what the interrupted code finds in `a0`.
pub(super) fn signal_return(ctx: &mut Ctx<'_>) {
    let mask = signal_set(ctx.task().blocked);
    let result = match super::result_of(ctx.harts.register(ctx.hart, Reg::A0)) {
        CallResult::Errno(number) => errno_text(number),
        CallResult::Value(value) | CallResult::Injected(value) => (value as i64).to_string(),
        CallResult::Interrupted(restart) => restart.text().to_owned(),
    };
    let name = "rt_sigreturn".into();
    ctx.log(Interest::SYSCALL, || What::SyscallExit { name, arguments: format!("{{mask={mask}}}"), result });
}

fn errno_text(number: i32) -> String {
    match crate::Errno::from_number(number) {
        Some(errno) => format!("-1 {} ({})", errno.name(), errno.text()),
        None => format!("-1 (errno {number})"),
    }
}

/// Logs a call that does not return to its caller: 0 for execve.
pub(crate) fn exit_with(ctx: &mut Ctx<'_>, name: &'static str, result: &str) {
    ctx.log(Interest::SYSCALL, || What::SyscallExit {
        name: name.into(),
        arguments: String::new(),
        result: result.to_owned(),
    });
}

/// Logs a call that Tine does not have.
pub(super) fn unknown(ctx: &mut Ctx<'_>, number: u64, arguments: Arguments) {
    let arguments = arguments.map(|argument| format!("{argument:#x}")).join(", ");
    let name = super::names::name_of(number);
    ctx.log(Interest::SYSCALL, || What::SyscallEnter { name: name.clone(), arguments, is_complete: true });
    let result = "-1 ENOSYS (Function not implemented)".to_owned();
    ctx.log(Interest::SYSCALL, || What::SyscallExit { name, arguments: String::new(), result });
}

fn show_one(ctx: &mut Ctx<'_>, call: &Call, index: usize, result: Option<CallResult>) -> String {
    with_shower(ctx, call, index, result, |shower| (call.row.show[index].show)(call.arguments[index], shower))
}

fn with_shower<T>(
    ctx: &mut Ctx<'_>,
    call: &Call,
    index: usize,
    result: Option<CallResult>,
    print: impl FnOnce(&mut Shower<'_>) -> T,
) -> T {
    let mm = ctx.process().mm;
    let (memory, ram) = (&ctx.kernel.memory, ctx.harts.ram());
    let mut inspect = |at: VirtAddr, to: &mut [u8]| mm.map_or(0, |mm| memory.inspect(ram, mm, at, to));
    let (limit, noted) = (ctx.kernel.settings.string_limit, call.noted.as_slice());
    print(&mut Shower { arguments: call.arguments, index, result, limit, noted, inspect: &mut inspect })
}
