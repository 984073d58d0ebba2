//! Programs on the machine: what they print, and what the machine counts while they run.
//!
//! Every run ends with [`tine_machine::Machine::check`]: the invariants of the counts hold, or the test fails, whatever it
//! was about.

mod dynamic;
mod fences;
mod guests;
mod linux;
mod lives;
mod matrix;
mod oracle;
mod policies;
mod programs;
mod supervisor;
mod support;
mod threads;
mod timeline;
