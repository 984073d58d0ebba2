//! Making processes, giving them programs, ending them and waiting for them.

use crate::script::{DATA, S0, page, script};
use crate::world::{CHILD, FIRST, Setup, World, run, run_in};
use tine_kernel::{Errno, ForkOrder, Interest, MemoryPolicy, Origin, Pid, WaitStatus, What};
use tine_mmu::VirtAddr;

const GETPPID: u64 = 173;
const WAIT4: u64 = 260;
const WNOHANG: u64 = 1;

#[test]
fn status_of_an_exit_reaches_the_parent() {
    let parent = script().fork(script().exit(0x1ff)).keep(S0).wait(0xff00).exit(3);
    let world = run(parent);
    assert_eq!(world.status(CHILD), Some(WaitStatus::Exited(255)));
    assert_eq!(world.status(FIRST), Some(WaitStatus::Exited(3)));
    assert_eq!((world.record(FIRST).origin, world.record(CHILD).origin), (Origin::Program, Origin::Fork));
    assert_eq!(world.record(CHILD).parent, FIRST);
    assert_eq!((world.memory(FIRST).forks, world.memory(CHILD).forks), (1, 0));
}

#[test]
fn zombie_stays_until_it_is_waited_for() {
    let any = [(-1).into(), 0.into(), WNOHANG.into(), 0.into()];
    let world = run(script()
        .fork(script().sleep_ns(1_000_000, DATA).exit(0))
        .keep(S0)
        .call(WAIT4, any)
        .is(0)
        .sleep_ns(2_000_000, DATA)
        .kill(S0, 0)
        .is(0)
        .call(WAIT4, any)
        .is(CHILD.0 as u64)
        .kill(S0, 0)
        .fails(Errno::ESRCH)
        .call(WAIT4, any)
        .fails(Errno::ECHILD)
        .exit(0));
    assert_eq!(world.calls(FIRST, "wait4"), (3, 1));
}

#[test]
fn wait_for_one_child_leaves_the_others() {
    let only = |pid: i32| [pid.into(), 0.into(), 0.into(), 0.into()];
    let world = run(script()
        .fork(script().exit(1))
        .fork(script().sleep_ns(5_000_000, DATA).exit(2))
        .call(WAIT4, only(4))
        .is(4)
        .call(WAIT4, only(3))
        .is(3)
        .call(WAIT4, only(4))
        .fails(Errno::ECHILD)
        .exit(0));
    assert_eq!(world.status(Pid(4)), Some(WaitStatus::Exited(2)));
}

#[test]
fn orphan_gets_init_for_a_parent() {
    let child = script()
        .call(GETPPID, [])
        .is(FIRST.0 as u64)
        .sleep_ns(1_000_000, DATA)
        .call(GETPPID, [])
        .is(1)
        .exit(7);
    let world = run(script().fork(child).sleep_ns(500_000, DATA).exit(0));
    assert_eq!(world.status(CHILD), Some(WaitStatus::Exited(7)));
    assert_eq!(world.record(CHILD).parent, Pid(1));
}

#[test]
fn ignored_sigchld_leaves_no_zombie() {
    const SIGCHLD: i32 = 17;
    const SIG_IGN: u64 = 1;
    let wait = [(-1).into(), 0.into(), 0.into(), 0.into()];
    // The wait lasts until the last child is gone, and has nothing to report.
    let world = run(script()
        .sigaction(SIGCHLD, SIG_IGN, DATA)
        .fork(script().sleep_ns(1_000, DATA).exit(1))
        .fork(script().sleep_ns(9_000_000, DATA).exit(1))
        .call(WAIT4, wait)
        .fails(Errno::ECHILD)
        .exit(0));
    assert!(world.kernel.sched.latest_ns() > 9_000_000);
    assert_eq!(world.status(Pid(4)), Some(WaitStatus::Exited(1)));
}

#[test]
fn vfork_child_lends_its_parents_memory_and_suspends_it() {
    let child = script().compute(100_000).store(DATA, 5).exit(0);
    let world = run(script().store(DATA, 1).vfork(child).is(CHILD.0 as u64).load(DATA).is(5).wait(0).exit(0));
    let parent = world.memory(FIRST);
    assert_eq!((parent.vforks, parent.forks, parent.ptes_copied, parent.pages_write_protected), (1, 0, 0, 0));
    assert_eq!(world.record(CHILD).origin, Origin::Vfork);
    assert_eq!(world.total().memory.cow_faults, 0);
}

#[test]
fn vfork_ends_when_the_child_execs() {
    let mut world = World::new(
        Setup::default(),
        script()
            .string(page(1), "/bin/other")
            .vfork(script().exec(page(1)).exit(1))
            .call(WAIT4, [(-1).into(), 0.into(), WNOHANG.into(), 0.into()])
            .is(0)
            .wait(9 << 8)
            .load(DATA)
            .is(0)
            .exit(0),
    );
    world.install("/bin/other", &script().store(DATA, 1).sleep_ns(1_000_000, page(2)).exit(9));
    assert_eq!(world.run(), WaitStatus::Exited(0));
    assert_eq!(world.record(CHILD).command, "other");
}

#[test]
fn exec_replaces_memory_and_keeps_descriptors_that_are_not_marked() {
    const PIPE2: u64 = 59;
    const O_CLOEXEC: u64 = 0x80000;
    let other = script()
        .load(DATA)
        .is(0)
        .read(3, DATA, 8)
        .fails(Errno::EBADF)
        .read(5, DATA, 8)
        .is(8)
        .load(DATA)
        .is(42)
        .exit(0);
    let child = script().exec(page(1)).exit(1);
    let mut world = World::new(
        Setup::default(),
        script()
            .string(page(1), "/bin/other")
            .call(PIPE2, [page(2).into(), O_CLOEXEC.into()])
            .is(0)
            .pipe(page(2))
            .store(DATA, 42)
            .write(6, DATA, 8)
            .fork(child)
            .wait(0)
            .getpid()
            .is(FIRST.0 as u64)
            .exit(0),
    );
    world.install("/bin/other", &other);
    assert_eq!(world.run(), WaitStatus::Exited(0));
    assert_eq!(world.calls(CHILD, "execve"), (1, 0));
    assert_eq!(world.total().memory.cow_faults, 0);
}

#[test]
fn exec_that_fails_leaves_the_program_running() {
    let world = run(script()
        .string(page(1), "/bin/none")
        .string(page(2), "/dev/null")
        .store(DATA, 7)
        .exec(page(1))
        .fails(Errno::ENOENT)
        .exec(page(2))
        .fails(Errno::EACCES)
        .exec(VirtAddr(0xdead_0000_0000))
        .fails(Errno::EFAULT)
        .load(DATA)
        .is(7)
        .exit(0));
    assert_eq!(world.calls(FIRST, "execve"), (3, 3));
}

#[test]
fn too_many_processes_is_eagain() {
    let child = || script().sleep_ns(1_000_000, DATA).exit(0);
    let world = run_in(
        Setup { max_processes: 2, ..Setup::default() },
        script()
            .fork(child())
            .fork(child())
            .fails(Errno::EAGAIN)
            .wait(0)
            // A number is not used again at once.
            .fork(child())
            .is(4)
            .wait(0)
            .exit(0),
    );
    assert_eq!(world.memory(FIRST).forks, 2);
    assert_eq!(world.calls(FIRST, "clone"), (3, 1));
}

#[test]
fn fork_order_is_the_policys() {
    let letters = script().string(page(1), "p").string(page(2), "c");
    let steps = letters.fork(script().write(1, page(2), 1).exit(0)).write(1, page(1), 1).wait(0).exit(0);
    for (fork_order, output) in [(ForkOrder::ParentFirst, "pc"), (ForkOrder::ChildFirst, "cp")] {
        let policy = MemoryPolicy { fork_order, ..MemoryPolicy::TEXTBOOK };
        let world = run_in(Setup { policy, ..Setup::default() }, steps.clone());
        assert_eq!(world.output(), output);
    }
}

#[test]
fn unknown_call_is_enosys_and_named_once() {
    let steps = script().call(999, []).fails(Errno::ENOSYS).call(999, [1.into()]).fails(Errno::ENOSYS);
    let world = run_in(
        Setup { interest: Interest::UNKNOWN, ..Setup::default() },
        steps.call(u64::MAX, []).fails(Errno::ENOSYS).exit(0),
    );
    let named: Vec<_> = world.events().iter().map(|event| &event.what).collect();
    let unknown = |number| What::UnknownSyscall { number, name: format!("syscall_{number:#x}").into() };
    assert_eq!(named, [&unknown(999), &unknown(u64::MAX)]);
    assert_eq!(world.calls(FIRST, "unknown"), (3, 3));
}

#[test]
fn many_generations_leave_nothing() {
    const GENERATIONS: u64 = 300;
    let steps =
        (0..GENERATIONS).fold(script(), |steps, _| steps.fork(script().store(DATA, 1).exit(0)).wait(0));
    let world = run(steps.store(DATA, 2).exit(0));
    assert_eq!(world.memory(FIRST).forks, GENERATIONS);
    assert_eq!(world.kernel.processes().len() as u64, GENERATIONS + 1);
    let last = world.record(Pid(FIRST.0 + GENERATIONS as i32));
    assert_eq!((last.end, last.account.memory.demand_zero), (Some(WaitStatus::Exited(0)), 1));
    // The parent clears its status word while the child still shares the page: each but the first time that copies it.
    assert_eq!((world.memory(FIRST).cow_copy, world.memory(FIRST).cow_reuse), (GENERATIONS - 1, 0));
}
