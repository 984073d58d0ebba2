//! The model test tested: each part of the memory system is broken on purpose, and the histories must notice.

use super::{CHECKED_EVERY, FITTING, HISTORY, HUGE, Random, Setup, run};
use crate::mm::sabotage::{self, Sabotage};
use crate::{ForkMode, MemoryPolicy, ThpCow};

/// Every mutant is noticed within so many steps.
const WITHIN: usize = 400_000;

/// Tells whether a mutant is noticed in time.
fn is_noticed(broken: Sabotage, setup: &Setup) -> bool {
    let mut random = Random(5);
    (0..WITHIN / HISTORY).any(|_| {
        let history = random.history(HISTORY);
        sabotage::during(broken, || run(setup, &history)).is_err()
    })
}

#[test]
fn every_mutant_is_noticed() {
    let batch = MemoryPolicy { cow_batch_pages: 32, ..MemoryPolicy::LINUX };
    let pool = MemoryPolicy { cow_prealloc_frames: 24, ..MemoryPolicy::LINUX };
    let eager = MemoryPolicy { fork: ForkMode::Eager, ..MemoryPolicy::LINUX };
    let odf = MemoryPolicy { fork: ForkMode::Odf, ..MemoryPolicy::LINUX };
    for &broken in Sabotage::ALL {
        let setup = |policy| Setup { policy, pages: 1, checked_every: 1 };
        let setup = match broken {
            Sabotage::BatchLeavesArea => setup(batch.clone()),
            Sabotage::PoolGivesTwice => setup(pool.clone()),
            Sabotage::EagerCopiesNothing => setup(eager.clone()),
            Sabotage::TableNotWithheld
            | Sabotage::TableNotGuarded
            | Sabotage::UnshareSkipped
            | Sabotage::UnshareUncounted
            | Sabotage::OneHolderFenced => setup(odf.clone()),
            Sabotage::HugeReuseWhileShared | Sabotage::SplitWritable | Sabotage::EdgesNotSplit => {
                Setup { policy: HUGE, pages: FITTING, checked_every: CHECKED_EVERY }
            }
            Sabotage::HugeHalfCopied => {
                let policy = MemoryPolicy { thp_cow: ThpCow::Copy, ..HUGE };
                Setup { policy, pages: FITTING, checked_every: CHECKED_EVERY }
            }
            _ => setup(MemoryPolicy::LINUX),
        };
        assert!(is_noticed(broken, &setup), "{broken:?} does as well as what is right");
    }
}
