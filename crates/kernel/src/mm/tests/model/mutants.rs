//! The model test tested: each part of the memory system is broken on purpose, and the histories must notice.

use super::{HISTORY, Random, Setup, run};
use crate::ForkMode;
use crate::MemoryPolicy;
use crate::mm::sabotage::{self, Sabotage};

/// Every mutant is noticed within so many steps.
const WITHIN: usize = 20_000;

/// Tells after how many steps at most a mutant was noticed, and how.
fn noticed(broken: Sabotage, policy: MemoryPolicy) -> Option<(usize, String)> {
    let setup = Setup { policy, pages: 1 };
    let mut random = Random(5);
    (1..=WITHIN / HISTORY).find_map(|histories| {
        let history = random.history(HISTORY);
        let outcome = sabotage::during(broken, || run(&setup, &history));
        outcome.err().map(|message| (histories * HISTORY, message))
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
        let noticed = noticed(broken, policy);
        println!("{broken:?}: {noticed:?}");
        assert!(noticed.is_some(), "{broken:?} does as well as what is right");
    }
}
