//! Random histories of several processes, compared with a model that knows no frames: only bytes.
//!
//! Every policy goes through 100,000 steps, always the same. More of them, other ones, and one again:
//!
//! ```text
//! TINE_MODEL_STEPS=10000000 cargo test --release -p tine-kernel --lib mm::tests::model -- --nocapture
//! TINE_MODEL_SEED=7 TINE_MODEL_STEPS=…       the seed is printed; without one, another is taken each time
//! TINE_MODEL_SCRIPT=FILE …                   the steps in FILE, as a failure prints them
//! ```

mod mutants;
mod script;
mod shrink;
mod twin;

use crate::{ForkMode, MemoryPolicy, Thp, ThpCow};
use script::{Random, Step};
use std::env;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::time::{SystemTime, UNIX_EPOCH};
use tine_mmu::{AdUpdate, PAGE_SIZE, VirtAddr};
use twin::Twin;

/// Pages of the model that are mapped and unmapped; the heap follows. They straddle the border of two page tables.
const ARENA: usize = 40;
/// Where the stack begins, which is somewhere else.
const STACK: usize = 48;
/// All pages.
const PAGES: usize = 56;
/// The arena has so many pages below the border.
const BELOW_BORDER: u64 = 20;
const BORDER: VirtAddr = VirtAddr(0x1000_0000);
const STACK_TOP: VirtAddr = VirtAddr(0x3000_0000);
const FILE_PAGES: usize = 24;
const MOST_TASKS: usize = 4;
/// The bytes of a page of the model that are looked at.
const OFFSETS: usize = 3;
/// Steps of one history.
const HISTORY: usize = 250;
/// Steps in CI.
const STEPS: usize = 100_000;
/// Steps after which every invariant is checked, where nothing is broken on purpose.
const CHECKED_EVERY: u32 = 16;

/// What the model is run with.
#[derive(Clone, Debug)]
struct Setup {
    policy: MemoryPolicy,
    /// How many pages of 4 KiB stand for one page of the model: 1, or more where huge pages shall fit in.
    pages: u64,
    /// Steps after which every invariant is checked.
    checked_every: u32,
}

impl Setup {
    fn address(&self, page: usize) -> VirtAddr {
        let bytes = self.pages * PAGE_SIZE;
        match page.checked_sub(STACK) {
            Some(page) => VirtAddr(STACK_TOP.0 - (PAGES - STACK - page) as u64 * bytes),
            None => VirtAddr(BORDER.0 - BELOW_BORDER * bytes + page as u64 * bytes),
        }
    }

    fn len(&self, pages: &Range<usize>) -> u64 {
        pages.len() as u64 * self.pages * PAGE_SIZE
    }

    /// Returns the bytes that are looked at: in the first page, in the middle one and in the last.
    fn offsets(&self) -> [u64; OFFSETS] {
        [0, self.pages / 2 * PAGE_SIZE + 1777, self.pages * PAGE_SIZE - 1]
    }

    /// Returns the bytes that are looked at in the same page of 4 KiB.
    fn beside(&self, offset: usize) -> impl Iterator<Item = usize> + use<> {
        let pages = self.offsets().map(|offset| offset / PAGE_SIZE);
        (0..OFFSETS).filter(move |&other| pages[other] == pages[offset])
    }
}

/// Goes through a history.
///
/// # Errors
/// What the first thing is in which the two differ.
fn run(setup: &Setup, steps: &[Step]) -> Result<(), String> {
    let history = || {
        let mut twin = Twin::new(setup);
        for (number, step) in steps.iter().enumerate() {
            twin.step(step.clone());
            twin.compare(number % OFFSETS);
        }
        twin.finish();
    };
    panic::catch_unwind(AssertUnwindSafe(history)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// Reads a number that the user gave the test.
fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Goes through as many histories as were asked for, and shows the first that fails, as short as it can be.
#[expect(clippy::print_stdout, reason = "who asks for other steps is told how to have them again")]
fn check(name: &str, policy: MemoryPolicy, pages: u64) {
    let setup = Setup { policy, pages, checked_every: CHECKED_EVERY };
    if let Ok(file) = env::var("TINE_MODEL_SCRIPT") {
        let text = std::fs::read_to_string(file).expect("TINE_MODEL_SCRIPT is a file");
        let steps: Vec<Step> = text.lines().map(|line| line.parse().expect(line)).collect();
        return run(&setup, &steps).unwrap();
    }
    let steps = number("TINE_MODEL_STEPS");
    let seed = match (number("TINE_MODEL_SEED"), steps) {
        (Some(seed), _) => seed,
        (None, Some(_)) => {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64)
        }
        (None, None) => 39,
    };
    println!("{name}: TINE_MODEL_SEED={seed}");
    let mut random = Random(seed);
    for _ in 0..steps.map_or(STEPS, |steps| steps as usize).div_ceil(HISTORY) {
        let history = random.history(HISTORY);
        if run(&setup, &history).is_err() {
            let short = shrink::shrink(history, |steps| run(&setup, steps).is_err());
            let lines: String = short.iter().map(|step| format!("{step}\n")).collect();
            let message = run(&setup, &short).unwrap_err();
            panic!("{name}: {message}\nagain with TINE_MODEL_SCRIPT=FILE, where FILE has\n{lines}");
        }
    }
}

macro_rules! histories {
    ($($(#[$doc:meta])* $name:ident: $policy:expr, $pages:expr;)*) => {
        $($(#[$doc])*
        #[test]
        fn $name() {
            check(stringify!($name), $policy, $pages);
        })*
    };
}

histories! {
    linux: MemoryPolicy::LINUX, 1;
    textbook: MemoryPolicy::TEXTBOOK, 1;
    eager: MemoryPolicy { fork: ForkMode::Eager, ..MemoryPolicy::LINUX }, 1;
    svade: MemoryPolicy { ad_update: AdUpdate::Svade, ..MemoryPolicy::LINUX }, 1;
    eager_textbook_svade:
        MemoryPolicy { fork: ForkMode::Eager, ad_update: AdUpdate::Svade, ..MemoryPolicy::TEXTBOOK }, 1;
    pool: MemoryPolicy { cow_prealloc_frames: 24, ..MemoryPolicy::LINUX }, 1;
    batch: MemoryPolicy { cow_batch_pages: 8, ..MemoryPolicy::LINUX }, 1;
    batch_and_pool: MemoryPolicy { cow_batch_pages: 64, cow_prealloc_frames: 100, ..MemoryPolicy::TEXTBOOK }, 1;
    odf: MemoryPolicy { fork: ForkMode::Odf, ..MemoryPolicy::LINUX }, 1;
    odf_textbook: MemoryPolicy { fork: ForkMode::Odf, ..MemoryPolicy::TEXTBOOK }, 1;
    odf_svade_batch_and_pool:
        MemoryPolicy {
            fork: ForkMode::Odf,
            ad_update: AdUpdate::Svade,
            cow_batch_pages: 16,
            cow_prealloc_frames: 24,
            ..MemoryPolicy::LINUX
        }, 1;
    fault_around: MemoryPolicy { fault_around_pages: 512, ..MemoryPolicy::TEXTBOOK }, 1;
    huge: HUGE, FITTING;
    huge_copied: MemoryPolicy { thp_cow: ThpCow::Copy, ..HUGE }, FITTING;
    huge_eager: MemoryPolicy { fork: ForkMode::Eager, ..HUGE }, FITTING;
    huge_odf: MemoryPolicy { fork: ForkMode::Odf, ..HUGE }, FITTING;
    huge_svade: MemoryPolicy { ad_update: AdUpdate::Svade, thp_cow: ThpCow::Copy, ..HUGE }, FITTING;
}

const HUGE: MemoryPolicy = MemoryPolicy { thp: Thp::Always, ..MemoryPolicy::LINUX };

/// Four pages of the model are a huge page.
const FITTING: u64 = 128;
