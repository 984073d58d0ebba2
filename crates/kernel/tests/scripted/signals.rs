//! What signals and traps do to a process.

use crate::script::{DATA, HANDLER, Script, page, script};
use crate::world::{CHILD, FIRST, run};
use tine_kernel::task::Signal;
use tine_kernel::{Cause, Errno, WaitStatus};
use tine_mmu::{Access, VirtAddr};

const RT_SIGRETURN: u64 = 139;
const SIGUSR1: i32 = 10;
const SIG_IGN: u64 = 1;

/// The end that a signal makes where the limit has no room for a core file.
fn killed(signal: Signal) -> WaitStatus {
    WaitStatus::Killed { signal, core: false }
}

/// Runs `child` in a child of a process that waits for it, and returns how it ended.
fn end_of(child: Script, status: u32) -> WaitStatus {
    let world = run(script().fork(child).wait(status.into()).exit(0));
    world.status(CHILD).expect("it has ended")
}

#[test]
fn traps_end_a_process_with_the_right_status() {
    let hole = VirtAddr(0x9000);
    let text = crate::script::TEXT;
    for (steps, signal) in [
        (script().store(hole, 1), Signal::SIGSEGV),
        (script().load(VirtAddr(1 << 63)), Signal::SIGSEGV),
        (script().store(text, 1), Signal::SIGSEGV),
        (script().jump(hole), Signal::SIGSEGV),
        (script().store(DATA, 0).jump(DATA), Signal::SIGSEGV),
        (script().raise(Cause::IllegalInstruction), Signal::SIGILL),
        (script().raise(Cause::Breakpoint), Signal::SIGTRAP),
        (script().raise(Cause::Misaligned(Access::Load)), Signal::SIGBUS),
        (script().raise(Cause::AccessFault(Access::Store)), Signal::SIGSEGV),
    ] {
        assert_eq!(end_of(steps.exit(0), signal.number()), killed(signal));
    }
}

#[test]
fn default_action_of_a_sent_signal_is_taken() {
    let sleeper = || script().sleep_ns(1_000_000_000, DATA).exit(0);
    for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGPIPE, Signal::SIGQUIT, Signal::SIGABRT] {
        let world = run(script()
            .fork(sleeper())
            .sleep_ns(1_000, DATA)
            .kill(CHILD.0, signal.number() as i32)
            .is(0)
            .wait(signal.number().into())
            .exit(0));
        assert_eq!(world.status(CHILD), Some(killed(signal)));
        assert!(world.kernel.sched.latest_ns() < 1_000_000_000, "the sleep was cut short");
    }
    // Signals that do nothing by default do not even end the sleep.
    for signal in [Signal::SIGCHLD, Signal::SIGURG, Signal::SIGWINCH, Signal::SIGCONT] {
        let child = script().sleep_ns(5_000_000, DATA).is(0).exit(0);
        let parent = script().fork(child).sleep_ns(1_000, DATA).kill(CHILD.0, signal.number() as i32);
        assert_eq!(run(parent.wait(0).exit(0)).status(CHILD), Some(WaitStatus::Exited(0)));
    }
}

#[test]
fn handler_runs_and_returns_where_it_interrupted() {
    let handler = script().store(DATA, 77).call(RT_SIGRETURN, []);
    let world = run(script()
        .sigaction(SIGUSR1, HANDLER.0, page(1))
        .load(DATA)
        .is(0)
        .kill(FIRST.0, SIGUSR1)
        // The result of kill, which the handler's own calls did not disturb.
        .is(0)
        .load(DATA)
        .is(77)
        .exit(0)
        .with_handler(handler));
    assert_eq!(world.calls(FIRST, "rt_sigreturn"), (1, 0));
}

#[test]
fn handler_interrupts_a_sleep_and_forked_stacks_are_copied_for_its_frame() {
    let handler = script().store(DATA, 1).call(RT_SIGRETURN, []);
    let child = script().sleep_ns(1_000_000_000, page(2)).fails(Errno::EINTR).load(DATA).is(1).exit(0);
    let parent = script().sigaction(SIGUSR1, HANDLER.0, page(1)).fork(child);
    let world =
        run(parent.sleep_ns(1_000, page(2)).kill(CHILD.0, SIGUSR1).wait(0).exit(0).with_handler(handler));
    // The page of the signal's frame.
    assert_eq!(world.memory(CHILD).cow_copy, 1);
    assert_eq!(world.calls(CHILD, "nanosleep"), (1, 1));
}

#[test]
fn signal_without_room_for_its_frame_kills() {
    // The handler's frame goes below the stack pointer, which exec has set; a vfork-like child with a stack in a hole.
    const CLONE: u64 = 220;
    let handler = script().call(RT_SIGRETURN, []);
    let steps = script()
        .sigaction(SIGUSR1, HANDLER.0, page(1))
        .call(CLONE, [17.into(), 0x9000.into()])
        .kill(0, SIGUSR1)
        .wait(u64::from(Signal::SIGSEGV.number()))
        .exit(0);
    let world = run(steps.with_handler(handler));
    assert_eq!(world.status(CHILD), Some(killed(Signal::SIGSEGV)));
}

#[test]
fn writing_to_a_pipe_without_reader_is_sigpipe_or_epipe() {
    let broken = |steps: Script| steps.pipe(page(1)).close(3).write(4, DATA, 1);
    let status = Signal::SIGPIPE.number();
    assert_eq!(end_of(broken(script()).exit(0), status), killed(Signal::SIGPIPE));
    let ignoring = script().sigaction(Signal::SIGPIPE.number() as i32, SIG_IGN, page(2));
    assert_eq!(end_of(broken(ignoring).fails(Errno::EPIPE).exit(0), 0), WaitStatus::Exited(0));
}

#[test]
fn ignored_fault_kills_all_the_same() {
    let steps =
        script().sigaction(Signal::SIGSEGV.number() as i32, SIG_IGN, page(1)).store(VirtAddr(0x9000), 1);
    assert_eq!(end_of(steps.exit(0), Signal::SIGSEGV.number()), killed(Signal::SIGSEGV));
}
