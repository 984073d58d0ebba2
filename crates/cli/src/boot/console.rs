//! The program's console: stdin and stdout.

use crate::failure::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use tine_machine::boot::{Terminal, Wait};

/// As much as the standard library's buffer holds, so that nothing stays behind in it.
const AHEAD_BYTES: usize = 8 << 10;

/// The command's own streams.
#[derive(Default)]
pub(super) struct CommandTerminal {
    /// Input that was read and not asked for yet.
    ahead: VecDeque<u8>,
    input_has_ended: bool,
    /// Whether stdin is a terminal; unknown before somebody asked for input.
    is_typed: Option<bool>,
    /// What was said once and need not be said again.
    unknown: BTreeSet<String>,
}

impl Terminal for CommandTerminal {
    fn write(&mut self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        // A program goes on when nobody reads its console.
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    fn read(&mut self, max: usize, wait: Wait) -> Vec<u8> {
        let is_typed = *self.is_typed.get_or_insert_with(|| io::stdin().is_terminal());
        let may_wait = match wait {
            Wait::No => false,
            Wait::Recorded => !is_typed,
            Wait::Yes => true,
        };
        if is_typed {
            if self.ahead.is_empty() && !self.input_has_ended && (may_wait || something_was_typed()) {
                self.read_ahead();
            }
        } else if may_wait {
            // A line at a time, as a terminal gives it: how a pipe was filled makes no difference, and who writes a line
            // and waits for the answer to it gets one.
            while self.end_of_line(max).is_none() && !self.input_has_ended {
                self.read_ahead();
            }
        } else {
            return Vec::new();
        }
        let len = self.end_of_line(max).unwrap_or(self.ahead.len());
        self.ahead.drain(..len).collect()
    }

    fn unknown(&mut self, request: &str) {
        if self.unknown.insert(request.to_owned()) {
            Failure::tine(format!(
                "the program asks its host for something that Tine does not have: {request}"
            ))
            .warn();
        }
    }
}

impl CommandTerminal {
    /// Returns how much of what was read ahead is a line, or `max` bytes where that is less; `None` while it is neither.
    fn end_of_line(&self, max: usize) -> Option<usize> {
        let line = self.ahead.iter().take(max).position(|&byte| byte == b'\n').map(|last| last + 1);
        line.or((self.ahead.len() >= max).then_some(max))
    }

    fn read_ahead(&mut self) {
        let mut bytes = [0; AHEAD_BYTES];
        let len = loop {
            match io::stdin().lock().read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A closed or unreadable input has ended.
                outcome => break outcome.unwrap_or_default(),
            }
        };
        self.input_has_ended = len == 0;
        self.ahead.extend(&bytes[..len]);
    }
}

/// Tells whether stdin can be read without waiting.
fn something_was_typed() -> bool {
    let stdin = io::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    poll(&mut ready, Some(&Timespec::default())).is_ok_and(|count| count > 0)
}
