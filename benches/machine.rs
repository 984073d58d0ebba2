//! How fast the machine is at one thing at a time. `README.md` says what each figure measures.

#[path = "support/micro.rs"]
mod micro;
mod support;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use micro::SUITE;
use std::time::Duration;
use support::{Nobody, run};

/// Times each of the suite; making the machine and taking it apart is not in the figure.
fn suite(criterion: &mut Criterion) {
    for of_group in SUITE.chunk_by(|one, next| one.group == next.group) {
        let mut group = criterion.benchmark_group(of_group[0].group);
        for micro in of_group {
            group.throughput(Throughput::Elements(micro.elements(micro.count)));
            group.bench_function(micro.name, |bencher| {
                let go = |machine| run(machine, &mut Nobody);
                bencher.iter_batched(|| micro.machine(micro.count), go, BatchSize::PerIteration);
            });
        }
        group.finish();
    }
}

fn briefly() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! {
    name = benches;
    config = briefly();
    targets = suite
}
criterion_main!(benches);
