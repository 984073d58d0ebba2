//! How a machine is made.

use tine_hart::Engine;
use tine_kernel::fs::Grant;
use tine_kernel::inject::Injection;
use tine_kernel::{Interest, MemoryPolicy};
use tine_mmu::{StaleUses, TlbConfig};

/// Everything that a run depends on, beside the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What the memory manager does.
    pub policy: MemoryPolicy,
    /// The shape of each hart's TLBs.
    pub tlb: TlbConfig,
    /// Whether accesses that stale TLB entries serve are reported.
    pub stale_uses: StaleUses,
    /// How many harts there are.
    pub harts: u32,
    /// Size of guest RAM.
    pub memory_bytes: u64,
    /// Decides everything random. Seed 0 also means strict round-robin scheduling.
    pub seed: u64,
    /// What the clock says at the start, in seconds since 1970.
    pub epoch_s: u64,
    /// Instructions after which the run is given up.
    pub max_instructions: Option<u64>,
    /// The most processes there may be at once.
    pub max_procs: Option<u32>,
    /// What is made to fail.
    pub injections: Vec<Injection>,
    /// Which engine executes.
    pub engine: Engine,
    /// The program's environment.
    pub environment: Vec<(String, String)>,
    /// The files of the host that the guest sees.
    pub grants: Vec<Grant>,
    /// The directory in which the program starts.
    pub cwd: Vec<u8>,
    /// Which events are wanted.
    pub interest: Interest,
    /// How much of a string events of system calls have, and how many elements of an array.
    pub string_limit: usize,
}

impl Config {
    /// 512 MiB.
    pub const DEFAULT_MEMORY_BYTES: u64 = 512 << 20;
    /// 2026-01-01 00:00:00 UTC.
    pub const DEFAULT_EPOCH_S: u64 = 1_767_225_600;
    /// As much as strace prints.
    pub const DEFAULT_STRING_LIMIT: u32 = 32;
    /// As many as `pid_max` of a default Linux leaves room for.
    pub const DEFAULT_MAX_PROCS: u32 = 32_000;
}

impl Default for Config {
    /// The `linux` policy on one hart with the default TLBs.
    fn default() -> Self {
        Self {
            policy: MemoryPolicy::LINUX,
            tlb: TlbConfig::default(),
            stale_uses: StaleUses::default(),
            harts: 1,
            memory_bytes: Self::DEFAULT_MEMORY_BYTES,
            seed: 0,
            epoch_s: Self::DEFAULT_EPOCH_S,
            max_instructions: None,
            max_procs: None,
            injections: Vec::new(),
            engine: Engine::default(),
            environment: Vec::new(),
            grants: Vec::new(),
            cwd: b"/".to_vec(),
            interest: Interest::empty(),
            string_limit: Self::DEFAULT_STRING_LIMIT as usize,
        }
    }
}
