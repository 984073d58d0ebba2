//! Memory without an interpreter: a scripted CPU takes the faults.

mod scenarios;
mod world;
