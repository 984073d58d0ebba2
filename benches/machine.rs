//! How fast the machine is at one thing at a time. `README.md` says what each figure measures.

mod support;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use support::{Nobody, Workload, run};
use tine_machine::{Interest, Machine, MemoryPolicy};

/// A machine that is about to do `count` times what `kind` says, with `pages` pages of memory.
fn machine(kind: &str, count: u64, pages: u64) -> Machine {
    let (policy, interest) = (&MemoryPolicy::TEXTBOOK, Interest::empty());
    Workload { kind, count, pages, policy, memory_bytes: 128 << 20, interest }.machine()
}

/// Times `count` times what `kind` says; making the machine and taking it apart is not in the figure.
fn bench(group: &mut BenchmarkGroup<'_, WallTime>, kind: &str, count: u64, pages: u64, elements: u64) {
    group.throughput(Throughput::Elements(elements));
    group.bench_function(kind, |bencher| {
        let go = |machine| run(machine, &mut Nobody);
        bencher.iter_batched(|| machine(kind, count, pages), go, BatchSize::PerIteration);
    });
}

/// Returns how many instructions a run retires, so that a figure can be read in instructions per second.
fn instructions(kind: &str, count: u64, pages: u64) -> u64 {
    run(machine(kind, count, pages), &mut Nobody).report().machine.get("instructions.user")
}

fn execution(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("instructions");
    for (kind, count, pages) in [("compute", 1_000_000, 1), ("touch", 1_000_000, 1)] {
        bench(&mut group, kind, count, pages, instructions(kind, count, pages));
    }
    group.finish();
    let mut group = criterion.benchmark_group("translations");
    // Far more pages than the second level has entries, so that each load walks.
    bench(&mut group, "stride", 100_000, 4_096, 100_000);
    group.finish();
}

fn supervisor(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("operations");
    bench(&mut group, "call", 100_000, 1, 100_000);
    bench(&mut group, "fork", 1_000, 16, 1_000);
    bench(&mut group, "exec", 500, 1, 500);
    group.finish();
    let mut group = criterion.benchmark_group("pages");
    bench(&mut group, "copy", 10, 1_024, 10 * 1_024);
    group.finish();
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
    targets = execution, supervisor
}
criterion_main!(benches);
