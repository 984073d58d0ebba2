//! The model test tested: each part of the memory system is broken on purpose, and the histories must notice.

use super::{HISTORY, Random, Setup, run};
use crate::ForkMode;
use crate::MemoryPolicy;
use crate::mm::sabotage::{self, Sabotage};

/// Every mutant is noticed within so many steps.
const WITHIN: usize = 20_000;

/// Tells whether a mutant is noticed in time.
fn is_noticed(broken: Sabotage, policy: MemoryPolicy) -> bool {
    let setup = Setup { policy, pages: 1 };
    let mut random = Random(5);
    (0..WITHIN / HISTORY).any(|_| {
        let history = random.history(HISTORY);
        sabotage::during(broken, || run(&setup, &history)).is_err()
    })
}

#[test]
fn every_mutant_is_noticed() {
    let batch = MemoryPolicy { cow_batch_pages: 8, ..MemoryPolicy::LINUX };
    let pool = MemoryPolicy { cow_prealloc_frames: 24, ..MemoryPolicy::LINUX };
    let eager = MemoryPolicy { fork: ForkMode::Eager, ..MemoryPolicy::LINUX };
    let odf = MemoryPolicy { fork: ForkMode::Odf, ..MemoryPolicy::LINUX };
    for &broken in Sabotage::ALL {
        let policy = match broken {
            Sabotage::BatchLeavesArea => batch.clone(),
            Sabotage::PoolGivesTwice => pool.clone(),
            Sabotage::EagerCopiesNothing => eager.clone(),
            Sabotage::TableNotWithheld
            | Sabotage::TableNotGuarded
            | Sabotage::UnshareSkipped
            | Sabotage::UnshareUncounted => odf.clone(),
            _ => MemoryPolicy::LINUX,
        };
        assert!(is_noticed(broken, policy), "{broken:?} does as well as what is right");
    }
}
