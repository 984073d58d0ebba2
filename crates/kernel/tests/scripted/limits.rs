//! Resource limits, and memory that moves.

use crate::script::{DATA, page, script};
use crate::world::{CHILD, FIRST, Setup, World, run};
use tine_kernel::{Errno, WaitStatus};

const DUP: u64 = 23;
const GETRLIMIT: u64 = 163;
const SETRLIMIT: u64 = 164;
const MREMAP: u64 = 216;
const MMAP: u64 = 222;
const PRLIMIT64: u64 = 261;
const RLIMIT_CPU: u64 = 0;
const RLIMIT_DATA: u64 = 2;
const RLIMIT_NOFILE: u64 = 7;
const RLIMIT_AS: u64 = 9;
const PRIVATE_ANONYMOUS: u64 = 0x22;

#[test]
fn limits_are_inherited_and_belong_to_one_process() {
    let read = |resource: u64| [resource.into(), DATA.into()];
    let child = script()
        .call(GETRLIMIT, read(RLIMIT_NOFILE))
        .load(DATA)
        .is(5)
        .store(DATA, 4)
        .call(SETRLIMIT, read(RLIMIT_NOFILE))
        .is(0)
        .call(DUP, [0.into()])
        .is(3)
        .call(DUP, [0.into()])
        .fails(Errno::EMFILE)
        .exit(0);
    let world = run(script()
        .store(DATA, 5)
        .store(DATA + 8, 99)
        .call(SETRLIMIT, read(RLIMIT_NOFILE))
        .is(0)
        .fork(child)
        .wait(0)
        .call(DUP, [0.into()])
        .is(3)
        .call(DUP, [0.into()])
        .is(4)
        .call(DUP, [0.into()])
        .fails(Errno::EMFILE)
        .exit(0));
    assert_eq!(world.calls(CHILD, "dup"), (2, 1));
}

#[test]
fn time_beyond_the_limit_is_told_each_second_and_ends_at_the_hard_one() {
    const SECOND: u64 = 1_000_000_000;
    const SIGKILL: u64 = 9;
    const SIGXCPU: i32 = 24;
    const SIG_IGN: u64 = 1;
    let limit = |soft: u64, hard: u64| {
        let at = [RLIMIT_CPU.into(), DATA.into()];
        script().store(DATA, soft).store(DATA + 8, hard).call(SETRLIMIT, at).is(0)
    };
    let soft_is =
        |soft: u64| script().call(GETRLIMIT, [RLIMIT_CPU.into(), DATA.into()]).is(0).load(DATA).is(soft);
    let warned = limit(1, 3)
        .sigaction(SIGXCPU, SIG_IGN, page(1))
        .compute(SECOND * 9 / 10)
        .and(soft_is(1))
        .compute(SECOND / 5)
        .and(soft_is(2))
        .compute(SECOND)
        .and(soft_is(3))
        .compute(2 * SECOND)
        .exit(0);
    let ended = limit(1, u64::MAX).compute(2 * SECOND).exit(0);
    run(script().fork(warned).wait(SIGKILL).fork(ended).wait(SIGXCPU as u64).exit(0));
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let set = |resource: u64| [0.into(), resource.into(), DATA.into(), 0.into()];
    run(script()
        .store(DATA, 6)
        .store(DATA + 8, 5)
        .call(PRLIMIT64, set(RLIMIT_AS))
        .fails(Errno::EINVAL)
        .call(PRLIMIT64, set(16))
        .fails(Errno::EINVAL)
        .store(DATA + 8, (1 << 20) + 1)
        .call(PRLIMIT64, set(RLIMIT_NOFILE))
        .fails(Errno::EPERM)
        .call(PRLIMIT64, [99.into(), RLIMIT_AS.into(), 0.into(), 0.into()])
        .fails(Errno::ESRCH)
        .exit(0));
}

#[test]
fn memory_obeys_the_limits_of_whoever_runs() {
    let map = [0.into(), 0x10_0000.into(), 3.into(), PRIVATE_ANONYMOUS.into(), (-1).into(), 0.into()];
    let limit = |resource: u64| [0.into(), resource.into(), DATA.into(), page(1).into()];
    let world = run(script()
        .store(DATA, 0x8_0000)
        .store(DATA + 8, u64::MAX)
        .call(PRLIMIT64, limit(RLIMIT_DATA))
        .is(0)
        .load(page(1))
        .is(u64::MAX)
        .call(MMAP, map)
        .fails(Errno::ENOMEM)
        // A child that borrows the memory has limits of its own.
        .vfork(script().store(DATA, u64::MAX).call(PRLIMIT64, limit(RLIMIT_DATA)).is(0).exit(0))
        .wait(0)
        .call(MMAP, map)
        .fails(Errno::ENOMEM)
        .exit(0));
    assert_eq!(world.calls(FIRST, "mmap"), (2, 2));
}

#[test]
fn memory_moves_with_its_contents() {
    const MAYMOVE_FIXED: u64 = 3;
    let moved = page(40);
    let world = World::new(
        Setup::default(),
        script()
            .store(DATA, 7)
            .call(MREMAP, [DATA.into(), 4096.into(), 4096.into(), 2.into(), moved.into()])
            .fails(Errno::EINVAL)
            .call(MREMAP, [DATA.into(), 4096.into(), 4096.into(), 4.into()])
            .fails(Errno::EINVAL)
            .call(MREMAP, [DATA.into(), 4096.into(), 4096.into(), MAYMOVE_FIXED.into(), moved.into()])
            .is(moved.0)
            .load(moved)
            .is(7)
            .exit(0),
    )
    .run();
    assert_eq!(world, WaitStatus::Exited(0));
}
