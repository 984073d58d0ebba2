//! Pipes and the console, as tasks wait on them.

use crate::script::{DATA, page, script};
use crate::world::{CHILD, FIRST, Setup, World, run};
use tine_kernel::{Errno, Outcome, WaitStatus};

const PIPE_BYTES: u64 = 65_536;

#[test]
fn reader_sleeps_until_there_is_something() {
    let child = script().sleep_ns(3_000_000, page(2)).store(DATA, 9).write(4, DATA, 8).is(8).exit(0);
    let world =
        run(script().pipe(page(1)).fork(child).read(3, DATA, 64).is(8).load(DATA).is(9).wait(0).exit(0));
    // Once, however long it slept.
    assert_eq!(world.calls(FIRST, "read"), (1, 0));
    assert!(world.kernel.sched.latest_ns() > 3_000_000);
}

#[test]
fn writer_sleeps_until_there_is_room() {
    let pages = PIPE_BYTES / 4096;
    let child = script()
        .sleep_ns(1_000_000, page(2))
        .each_page(20, pages + 1, |steps, at| steps.read(3, at, 4096).is(4096).load(at).is(5));
    let steps = script().pipe(page(1)).store_all(3, pages + 1, 5).fork(child.exit(0));
    let world = run(steps.write(4, page(3), PIPE_BYTES + 4096).is(PIPE_BYTES + 4096).wait(0).exit(0));
    assert_eq!(world.calls(FIRST, "write"), (1, 0));
    assert_eq!(world.calls(CHILD, "read"), (pages + 1, 0));
}

#[test]
fn end_of_file_comes_when_the_last_writer_is_gone() {
    let child = script().close(3).store(DATA, 1).write(4, DATA, 8).sleep_ns(1_000_000, page(2)).exit(0);
    let world = run(script()
        .pipe(page(1))
        .fork(child)
        .close(4)
        .read(3, DATA, 8)
        .is(8)
        .read(3, DATA, 8)
        .is(0)
        .wait(0)
        .exit(0));
    assert_eq!(world.calls(FIRST, "read"), (2, 0));
}

#[test]
fn task_that_waits_for_itself_is_named() {
    let mut world = World::new(Setup::default(), script().pipe(page(1)).read(3, DATA, 1).exit(0));
    let Outcome::Deadlock(stuck) = world.run_to_outcome() else { panic!("it can never go on") };
    let [stuck] = &stuck[..] else { panic!("there is one task") };
    assert_eq!((stuck.task, stuck.command.as_str()), (FIRST, "script"));
    assert_eq!(stuck.waits_for, "data in a pipe");
}

#[test]
fn console_is_read_and_written_through_user_memory() {
    let mut world = World::new(
        Setup::default(),
        script().read(0, DATA, 5).is(5).write(1, DATA, 5).is(5).read(0, DATA, 5).is(0).exit(0),
    );
    world.input(b"hello");
    assert_eq!(world.run(), WaitStatus::Exited(0));
    assert_eq!(world.output(), "hello");
}

#[test]
fn pipe_whose_numbers_cannot_be_told_is_taken_back() {
    const PIPE2: u64 = 59;
    let nowhere = [0x9000.into(), 0.into()];
    let world = run(script()
        .call(PIPE2, nowhere)
        .fails(Errno::EFAULT)
        // The next one gets the same numbers.
        .pipe(DATA)
        .load(DATA)
        .is(4 << 32 | 3)
        .exit(0));
    assert_eq!(world.calls(FIRST, "pipe2"), (2, 1));
}
