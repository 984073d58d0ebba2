//! The guest's three standard streams.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tine_machine::Stream;

/// Where the guest's standard streams lead.
#[derive(Debug)]
pub(crate) enum Console {
    /// To the command's own, unbuffered, so that what is printed on both outputs keeps its order.
    Own,
    /// To memory.
    Recorded(Recording),
}

/// Input that several runs share, and output that is kept.
#[derive(Debug)]
pub(crate) struct Recording {
    input: Arc<Tape>,
    /// How much of the input was read.
    read: usize,
    /// What was printed.
    pub(crate) output: Printed,
}

/// What a run printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    /// On standard output.
    pub(crate) stdout: Vec<u8>,
    /// On standard error.
    pub(crate) stderr: Vec<u8>,
}

/// The command's standard input, read when somebody first asks and kept for all others.
#[derive(Debug, Default)]
pub(crate) struct Tape(Mutex<Taped>);

#[derive(Debug, Default)]
struct Taped {
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Tape {
    /// Reads up to `max` bytes from `start` on; none at the end.
    fn read(&self, start: usize, max: usize) -> Vec<u8> {
        // A run that panicked has left nothing half-done here.
        let mut taped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if start == taped.bytes.len() && !taped.has_ended {
            let more = read_own(max);
            taped.has_ended = more.is_empty();
            taped.bytes.extend(more);
        }
        taped.bytes[start..].iter().copied().take(max).collect()
    }
}

impl Recording {
    /// Makes one that has read and printed nothing.
    pub(crate) fn new(input: Arc<Tape>) -> Self {
        Self { input, read: 0, output: Printed::default() }
    }
}

impl Console {
    /// Writes all of `bytes`; `false` when nobody reads the stream any more.
    pub(super) fn write(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        fn whole(mut to: impl Write, bytes: &[u8]) -> bool {
            to.write_all(bytes).and_then(|()| to.flush()).is_ok()
        }
        match (self, stream) {
            (Self::Own, Stream::Stdout) => whole(io::stdout().lock(), bytes),
            (Self::Own, Stream::Stderr) => whole(io::stderr().lock(), bytes),
            (Self::Recorded(recording), Stream::Stdout) => whole(&mut recording.output.stdout, bytes),
            (Self::Recorded(recording), Stream::Stderr) => whole(&mut recording.output.stderr, bytes),
        }
    }

    /// Reads up to `max` bytes of standard input, waiting for the first; none at its end.
    pub(super) fn read(&mut self, max: usize) -> Vec<u8> {
        match self {
            Self::Own => read_own(max),
            Self::Recorded(recording) => {
                let bytes = recording.input.read(recording.read, max);
                recording.read += bytes.len();
                bytes
            }
        }
    }
}

fn read_own(max: usize) -> Vec<u8> {
    let mut bytes = vec![0; max];
    let len = loop {
        match io::stdin().lock().read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A closed or unreadable input has ended.
            outcome => break outcome.unwrap_or_default(),
        }
    };
    bytes.truncate(len);
    bytes
}
