//! Copy-on-write, faults and areas.

use crate::script::{DATA, DATA_PAGES, S0, Script, page, script};
use crate::world::{CHILD, FIRST, Setup, World, run, run_in};
use tine_kernel::task::Signal;
use tine_kernel::{Errno, ForkMode, MemoryPolicy, WaitStatus};
use tine_mmu::{PAGE_SIZE, VirtAddr};

const READ: u64 = 1;
const READ_WRITE: u64 = 3;
const MAP_SHARED: u64 = 1;
const MAP_PRIVATE: u64 = 2;

/// How a shell sees SIGSEGV with its core dump.
const SEGV: WaitStatus = WaitStatus::Killed { signal: Signal::SIGSEGV, core: false };

#[test]
fn second_writer_after_fork_reuses_the_frame() {
    let child = script().load_all(0, 3, 1).store_all(0, 3, 2).store_all(0, 3, 3).load_all(0, 3, 3).exit(0);
    let world =
        run(script().store_all(0, 3, 1).fork(child).wait(0).load_all(0, 3, 1).store_all(0, 3, 4).exit(0));
    let (parent, child) = (world.memory(FIRST), world.memory(CHILD));
    assert_eq!((child.cow_copy, child.cow_reuse, child.pages_copied, child.faults), (3, 0, 3, 3));
    assert_eq!((parent.cow_copy, parent.cow_reuse, parent.pages_reused), (0, 3, 3));
    // The three pages and the stack's were writable; the page of text was not.
    assert_eq!((parent.forks, parent.pages_write_protected, parent.ptes_copied), (1, 4, 5));
    assert_eq!(world.total().memory.bytes_copied, 3 * PAGE_SIZE);
}

#[test]
fn parents_stale_writable_entries_are_fenced_at_fork() {
    // The parent has just stored, so its TLB holds a writable entry; its next store must fault all the same.
    let child = script().sleep_ns(1_000, page(9)).load(DATA).is(1).exit(0);
    let world = run(script().store(DATA, 1).fork(child).store(DATA, 2).wait(0).load(DATA).is(2).exit(0));
    assert_eq!(world.memory(FIRST).cow_copy, 1);
    // One fence for each write-protected page, the stack's among them, then one for each fault that changed a PTE.
    assert_eq!(world.tlb(FIRST).sfence.page, 3);
    assert_eq!(world.total().tlb.sfence.remote, 0);
}

#[test]
fn supervisor_store_breaks_copy_on_write() {
    let child = script().sleep_ns(1_000, page(9)).load(DATA).is(9).exit(0);
    let parent = script()
        .pipe(page(1))
        .store(DATA, 7)
        .write(4, DATA, 8)
        .store(DATA, 9)
        .fork(child)
        .read(3, DATA, 8)
        .is(8)
        .load(DATA)
        .is(7);
    let world = run(parent.wait(0).exit(0));
    assert_eq!(world.memory(FIRST).cow_copy, 1);
    // The page that pipe2 filled in, and the copy.
    assert_eq!(world.memory(FIRST).by_supervisor, by_exec() + 2);
}

/// Faults that starting a program takes for its arguments and its stack.
fn by_exec() -> u64 {
    run(script().exit(0)).memory(FIRST).by_supervisor
}

#[test]
fn supervisor_without_sum_reaches_no_user_memory() {
    const UNAME: u64 = 160;
    let mut world =
        World::new(Setup::default(), script().call(UNAME, [DATA.into()]).fails(Errno::EFAULT).exit(0));
    world.harts.sum = false;
    assert_eq!(world.run(), WaitStatus::Exited(0));
    let with_sum = run(script().call(UNAME, [DATA.into()]).is(0).exit(0));
    assert_eq!(with_sum.calls(FIRST, "uname"), (1, 0));
}

#[test]
fn reading_nothing_maps_the_zero_page_and_writing_replaces_it() {
    let world = run(script().load_all(0, 4, 0).store_all(0, 2, 1).store_all(4, 3, 1).exit(0));
    let memory = world.memory(FIRST);
    assert_eq!((memory.zero_page, memory.zero_page_write), (4, 2));
    assert_eq!((memory.cow_faults, memory.pages_copied), (0, 0));
}

#[test]
fn system_calls_refuse_memory_that_is_not_there() {
    const HOLES: [VirtAddr; 4] = [VirtAddr(0), VirtAddr(0x9000), VirtAddr(1 << 38), VirtAddr(u64::MAX - 3)];
    let text = crate::script::TEXT;
    let mut steps = script().pipe(page(1)).store(DATA, 5).write(4, DATA, 8).is(8);
    for hole in HOLES {
        steps = steps.read(3, hole, 8).fails(Errno::EFAULT).write(4, hole, 8).fails(Errno::EFAULT);
    }
    // A page that may be read and not written, then the good one: nothing was lost on the way.
    steps = steps.read(3, text, 8).fails(Errno::EFAULT).read(3, page(2), 8).is(8).load(page(2)).is(5);
    // The count of a length alone touches nothing.
    let world = run(steps.write(4, VirtAddr(0), 0).is(0).exit(0));
    assert_eq!(world.calls(FIRST, "read"), (6, 5));
    let memory = world.memory(FIRST);
    // A fault that a system call takes becomes an error number, and no signal.
    assert_eq!((memory.segv_maperr, memory.segv_accerr), (0, 0));
}

#[test]
fn string_may_end_at_the_last_byte_of_an_area() {
    const OPENAT: u64 = 56;
    let end = page(DATA_PAGES);
    let open = |at: VirtAddr| [(-100).into(), at.into(), 0.into(), 0.into()];
    let tail = u64::from_le_bytes(*b"/bin/no\0");
    let world = run(script()
        .store(end + PAGE_SIZE.wrapping_neg() + (PAGE_SIZE - 8), tail)
        .call(OPENAT, open(VirtAddr(end.0 - 8)))
        .fails(Errno::ENOENT)
        .store(VirtAddr(end.0 - 8), tail | 0xff << 56)
        .call(OPENAT, open(VirtAddr(end.0 - 8)))
        .fails(Errno::EFAULT)
        .exit(0));
    assert_eq!(world.calls(FIRST, "openat"), (2, 2));
}

#[test]
fn eager_fork_copies_at_once_and_faults_never() {
    let policy = MemoryPolicy { fork: ForkMode::Eager, ..MemoryPolicy::TEXTBOOK };
    let child = script().store_all(0, 2, 2).exit(0);
    let parent = script().store_all(0, 3, 1).fork(child).wait(0).store_all(0, 3, 3).exit(0);
    let world = run_in(Setup { policy, ..Setup::default() }, parent);
    let (parent, child) = (world.memory(FIRST), world.memory(CHILD));
    // The three pages, the stack's and the program's text, which is mapped privately too.
    assert_eq!((parent.pages_copied, parent.pages_write_protected), (5, 0));
    assert_eq!((child.faults, child.cow_faults, parent.cow_faults), (0, 0, 0));
    // The child has written two of them.
    assert_eq!(world.total().memory.copied_in_vain, 3);
}

#[test]
fn out_of_memory_on_a_copy_kills_one_process() {
    const SHARED: u64 = 36;
    const OWN: u64 = 8;
    // The child weighs more by what only it has, so it is the one to end.
    let child = script().store_all(SHARED, OWN, 2).store_all(0, SHARED, 2).exit(0);
    let parent = script().store_all(0, SHARED, 1).fork(child).wait(u64::from(Signal::SIGKILL.number()));
    let world = run_in(
        Setup { frames: 90, ..Setup::default() },
        parent.load_all(0, SHARED, 1).store_all(0, SHARED, 3).exit(0),
    );
    let (parent, child) = (world.memory(FIRST), world.memory(CHILD));
    assert_eq!(world.status(FIRST), Some(WaitStatus::Exited(0)));
    assert_eq!((child.oom, parent.oom), (1, 0));
    assert!((1..SHARED).contains(&child.cow_copy), "{child:?}");
    assert_eq!((parent.cow_copy, parent.cow_reuse), (0, SHARED));
}

#[test]
fn fork_that_finds_no_frame_ends_who_weighs_most() {
    let policy = MemoryPolicy { fork: ForkMode::Eager, ..MemoryPolicy::TEXTBOOK };
    let never = script().exit(1);
    let world = run_in(
        Setup { policy, frames: 90, ..Setup::default() },
        script().store_all(0, 60, 1).fork(never).exit(0),
    );
    // There is nobody else.
    assert_eq!(world.status(FIRST), Some(WaitStatus::Killed { signal: Signal::SIGKILL, core: false }));
    assert_eq!(world.memory(FIRST).forks, 0);
    assert_eq!(world.calls(FIRST, "clone"), (1, 1));
}

#[test]
fn heap_grows_and_shrinks_with_the_break() {
    const BRK: u64 = 214;
    let end = page(DATA_PAGES);
    let up = end + 2 * PAGE_SIZE;
    let world = run(script()
        .call(BRK, [0.into()])
        .is(end.0)
        .call(BRK, [up.into()])
        .is(up.0)
        .store(end, 1)
        .store(end + PAGE_SIZE, 2)
        // Below the heap, and into the kernel's half: the break stays where it is.
        .call(BRK, [1.into()])
        .is(up.0)
        .call(BRK, [u64::MAX.into()])
        .is(up.0)
        .call(BRK, [end.into()])
        .is(end.0)
        .call(BRK, [up.into()])
        .is(up.0)
        .load(end)
        .is(0)
        .call(BRK, [end.into()])
        .store(end, 1)
        .exit(0));
    assert_eq!(world.status(FIRST), Some(SEGV));
    assert_eq!(world.memory(FIRST).segv_maperr, 1);
}

#[test]
fn rights_follow_mprotect_both_ways() {
    let at = VirtAddr(0x100_0000);
    let child = script().mprotect(at, 1, READ).is(0).load(at).is(5).store(at, 6).exit(0);
    let world = run(script()
        .map_fixed(at, 2, READ_WRITE, MAP_PRIVATE)
        .store(at, 4)
        .mprotect(at, 1, READ)
        .is(0)
        .mprotect(at, 1, READ_WRITE)
        .is(0)
        // The page is the process's own: it is writable again at once.
        .store(at, 5)
        .fork(child)
        .wait(u64::from(Signal::SIGSEGV.number()))
        .mprotect(at + 1, 1, READ)
        .fails(Errno::EINVAL)
        .mprotect(at, 3, READ)
        .fails(Errno::ENOMEM)
        .exit(0));
    assert_eq!(world.memory(FIRST).demand_zero - run(script().exit(0)).memory(FIRST).demand_zero, 2);
    assert_eq!((world.memory(CHILD).segv_accerr, world.memory(CHILD).cow_faults), (1, 0));
}

#[test]
fn shared_memory_is_seen_by_both_and_never_copied() {
    let at = VirtAddr(0x100_0000);
    let child = script().load(at).is(1).store(at, 2).store(at + PAGE_SIZE, 3).exit(0);
    let world = run(script()
        .map_fixed(at, 2, READ_WRITE, MAP_SHARED)
        .store(at, 1)
        .fork(child)
        .wait(0)
        .load(at)
        .is(2)
        .load(at + PAGE_SIZE)
        .is(3)
        .exit(0));
    assert_eq!(world.total().memory.cow_faults, 0);
    assert_eq!((world.memory(FIRST).shared, world.memory(CHILD).shared), (2, 1));
}

#[test]
fn mincore_of_more_than_memory_stops_where_its_answer_has_no_room() {
    const MINCORE: u64 = 232;
    const MAP_NORESERVE: u64 = 0x4000;
    let (at, pages) = (VirtAddr(1 << 36), 1 << 24);
    let ask = |steps: Script, len: u64| steps.call(MINCORE, [at.into(), len.into(), DATA.into()]);
    let mapped = script().map_fixed(at, pages, READ_WRITE, MAP_PRIVATE | MAP_NORESERVE);
    let touched = mapped.store(at + 5000 * PAGE_SIZE, 1);
    let asked = ask(touched, 5001 * PAGE_SIZE).is(0).load(DATA + 4993).is(1 << 56).load(DATA).is(0);
    let world = run(ask(asked, pages * PAGE_SIZE).fails(Errno::EFAULT).exit(0));
    assert_eq!(world.calls(FIRST, "mincore"), (2, 1));
}

#[test]
fn unmapped_memory_faults_and_its_frames_go_back() {
    const MUNMAP: u64 = 215;
    let at = VirtAddr(0x100_0000);
    let in_use = |world: &World| world.kernel.memory.frames().gauges().in_use;
    let mut world = World::new(
        Setup::default(),
        script()
            .compute(1)
            .map_fixed(at, 8, READ_WRITE, MAP_PRIVATE)
            .store(at, 1)
            .store(at + 7 * PAGE_SIZE, 1)
            .call(MUNMAP, [at.into(), (8 * PAGE_SIZE).into()])
            .is(0)
            .getpid()
            .keep(S0)
            .store(at, 1)
            .exit(0),
    );
    // The program's page of text is mapped by the first fetch.
    world.step();
    let before = in_use(&world);
    while world.calls(FIRST, "getpid") == (0, 0) {
        world.step();
    }
    assert_eq!(in_use(&world), before);
    assert_eq!(world.run(), SEGV);
}
