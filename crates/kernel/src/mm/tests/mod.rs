//! Memory without an interpreter: a scripted CPU takes the faults.

mod files;
mod model;
mod odf;
mod policies;
mod promises;
mod reclaim;
mod scarcity;
mod scenarios;
mod world;
