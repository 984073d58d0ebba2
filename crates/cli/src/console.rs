//! The guest's three standard streams are the command's own.

use std::io::{self, ErrorKind, Read, Write};
use tine_machine::{Host, Stream};

/// The command's standard streams, unbuffered, so that what is printed on both outputs keeps its order.
pub(crate) struct Console;

impl Host for Console {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        fn whole(mut to: impl Write, bytes: &[u8]) -> bool {
            to.write_all(bytes).and_then(|()| to.flush()).is_ok()
        }
        match stream {
            Stream::Stdout => whole(io::stdout().lock(), bytes),
            Stream::Stderr => whole(io::stderr().lock(), bytes),
        }
    }

    fn read(&mut self, max: usize) -> Vec<u8> {
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
}
