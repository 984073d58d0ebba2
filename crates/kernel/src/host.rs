//! What the kernel needs of the world outside the machine: the three standard streams, and nothing else.

/// An output stream of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The host's end of the console.
pub trait Host {
    /// Writes all of `bytes`; `false` when nobody reads the stream any more, which the guest sees as `EPIPE`.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> bool;

    /// Reads up to `max` bytes of standard input, waiting for the first; none at its end.
    fn read(&mut self, max: usize) -> Vec<u8>;
}
