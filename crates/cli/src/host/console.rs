//! The guest's three standard streams are the command's own, unbuffered, so that what is printed on both outputs keeps its
//! order.

use std::io::{self, ErrorKind, Read, Write};
use tine_machine::Stream;

/// Writes all of `bytes`; `false` when nobody reads the stream any more.
pub(super) fn write(stream: Stream, bytes: &[u8]) -> bool {
    fn whole(mut to: impl Write, bytes: &[u8]) -> bool {
        to.write_all(bytes).and_then(|()| to.flush()).is_ok()
    }
    match stream {
        Stream::Stdout => whole(io::stdout().lock(), bytes),
        Stream::Stderr => whole(io::stderr().lock(), bytes),
    }
}

/// Reads up to `max` bytes of standard input, waiting for the first; none at its end.
pub(super) fn read(max: usize) -> Vec<u8> {
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
