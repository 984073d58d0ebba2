//! The program's console: stdin and stdout.

use crate::failure::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use tine_machine::boot::{Terminal, Wait};

/// As much as the standard library's buffer holds, so that nothing stays behind in it.
const AHEAD_BYTES: usize = 8 << 10;

/// The command's own streams.
#[derive(Default)]
pub(super) struct CommandTerminal {
    /// Input that was read and not asked for yet.
    ahead: VecDeque<u8>,
    input_has_ended: bool,
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
        if self.ahead.is_empty() && !self.input_has_ended && (wait == Wait::Yes || has_input()) {
            self.read_ahead();
        }
        let len = max.min(self.ahead.len());
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

/// Tells whether stdin can be read without waiting. A file always can, so that what a program reads of it does not depend
/// on the host's speed.
fn has_input() -> bool {
    let stdin = io::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    poll(&mut ready, Some(&Timespec::default())).is_ok_and(|count| count > 0)
}
