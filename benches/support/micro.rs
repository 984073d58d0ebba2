//! The micro suite: what each bench does, and what is counted as one.

use crate::support::{Nobody, Workload, run};
use tine_machine::{Interest, Machine, MemoryPolicy};

/// One thing, done again and again.
pub(crate) struct Micro {
    /// The group, which says what one element is.
    pub(crate) group: &'static str,
    /// What it is called there.
    pub(crate) name: &'static str,
    /// What the workload is asked for.
    pub(crate) kind: &'static str,
    /// How often.
    pub(crate) count: u64,
    /// With how many pages of memory.
    pub(crate) pages: u64,
    /// How many elements one repetition is; `None` where they are the instructions that it retires.
    elements: Option<u64>,
}

impl Micro {
    const fn instructions(name: &'static str) -> Self {
        Self { group: "instructions", name, kind: name, count: 500_000, pages: 1, elements: None }
    }

    const fn operation(name: &'static str, count: u64, pages: u64) -> Self {
        Self { group: "operations", name, kind: name, count, pages, elements: Some(1) }
    }

    const fn loads(name: &'static str, pages: u64) -> Self {
        Self { group: "translations", name, kind: "stride", count: 100_000, pages, elements: Some(1) }
    }

    const fn pages(name: &'static str) -> Self {
        Self { group: "pages", name, kind: name, count: 10, pages: 1_024, elements: Some(1_024) }
    }

    /// Makes a machine that is about to do it `count` times.
    pub(crate) fn machine(&self, count: u64) -> Machine {
        let (policy, interest) = (&MemoryPolicy::TEXTBOOK, Interest::empty());
        let Self { kind, pages, .. } = *self;
        Workload { kind, count, pages, policy, memory_bytes: 128 << 20, interest, harts: 1, processes: 64 }
            .machine()
    }

    /// Returns how many elements `count` repetitions are.
    pub(crate) fn elements(&self, count: u64) -> u64 {
        let retired = |count| run(self.machine(count), &mut Nobody).report().machine.get("instructions.user");
        self.elements.map_or_else(|| retired(count) - retired(0), |each| each * count)
    }
}

/// The suite.
pub(crate) const SUITE: [Micro; 17] = [
    Micro::instructions("compute"),
    Micro::instructions("branch"),
    Micro::instructions("touch"),
    Micro::instructions("misaligned"),
    Micro::instructions("amo"),
    Micro::instructions("floating"),
    // More pages than the first level of the default TLB has entries, and fewer than the second.
    Micro::loads("second-level", 256),
    // Far more than both.
    Micro::loads("walk", 4_096),
    Micro::operation("call", 100_000, 1),
    Micro::operation("signal", 20_000, 1),
    Micro::operation("switch", 20_000, 1),
    Micro::operation("pipe", 10_000, 1),
    Micro::operation("fork", 1_000, 16),
    Micro::operation("vfork", 1_000, 16),
    Micro::operation("exec", 500, 1),
    Micro::pages("copy"),
    Micro::pages("reuse"),
];
