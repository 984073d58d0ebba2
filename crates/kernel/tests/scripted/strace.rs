//! What calls look like to a tracer.

use crate::script::{DATA, HANDLER, Script, page, script};
use crate::world::{CHILD, Setup, run_in};
use tine_kernel::task::Signal;
use tine_kernel::{Errno, Interest, What};

const RT_SIGRETURN: u64 = 139;

/// Runs a script and returns its calls and signals as strace shows them, those of all tasks in turn.
fn traced(script: Script) -> String {
    let world = run_in(Setup { interest: Interest::SYSCALL | Interest::SIGNAL, ..Setup::default() }, script);
    let mut text = String::new();
    for event in world.events() {
        match &event.what {
            What::SyscallEnter { name, arguments, .. } => text.push_str(&format!("{name}({arguments}")),
            What::SyscallExit { arguments, result, .. } => {
                text.push_str(&format!("{arguments}) = {result}\n"))
            }
            What::Signal { name, info } => text.push_str(&format!("--- {name} {info} ---\n")),
            _ => {}
        }
    }
    text
}

/// Asserts that the trace of a script has lines that end in these, in this order, among others.
fn check(script: Script, lines: &[&str]) {
    let text = traced(script);
    let mut rest = text.lines();
    for line in lines {
        assert!(
            rest.any(|other| other.ends_with(line)),
            "{line} is not in, or not behind the last, of\n{text}"
        );
    }
}

#[test]
fn what_a_call_reads_and_what_it_fills_in() {
    let set = DATA + 64;
    let steps = script()
        .string(page(1), "/no/such/file")
        .call(56, [(-100).into(), page(1).into(), 0x8_0000.into(), 0.into()])
        .fails(Errno::ENOENT)
        .pipe(DATA)
        .store(set, 1 << 1 | 1 << 14)
        .call(135, [0.into(), set.into(), page(2).into(), 8.into()])
        .call(261, [0.into(), 3.into(), 0.into(), page(2).into()])
        .call(25, [3.into(), 3.into(), 77.into()])
        .call(61, [99.into(), page(2).into(), 64.into()])
        .fails(Errno::EBADF)
        .call(425, [1.into(), 2.into()])
        .fails(Errno::ENOSYS)
        .exit(0);
    let lines = [
        "openat(-100, \"/no/such/file\", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)"
            .replace("-100", "AT_FDCWD"),
        "pipe2([3, 4], 0) = 0".to_owned(),
        "rt_sigprocmask(SIG_BLOCK, [INT TERM], [], 8) = 0".to_owned(),
        "prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0".to_owned(),
        "fcntl(3, F_GETFL) = 0 (flags O_RDONLY)".to_owned(),
        "getdents64(99, 0x202000, 64) = -1 EBADF (Bad file descriptor)".to_owned(),
        "io_uring_setup(0x1, 0x2, 0x0, 0x0, 0x0, 0x0) = -1 ENOSYS (Function not implemented)".to_owned(),
    ];
    check(steps, &lines.each_ref().map(String::as_str));
}

#[test]
fn a_signal_interrupts_a_call_before_it_is_taken() {
    const SIGUSR1: i32 = 10;
    let handler = script().call(RT_SIGRETURN, []);
    let child = script().sleep_ns(1_000_000_000, page(2)).fails(Errno::EINTR).exit(0);
    let parent = script()
        .sigaction(SIGUSR1, HANDLER.0, page(1))
        .fork(child)
        .sleep_ns(1_000_000, page(2))
        .kill(CHILD.0, SIGUSR1)
        .is(0)
        .wait(0)
        .exit(0)
        .with_handler(handler);
    let name = Signal::SIGUSR1.name();
    check(
        parent,
        &[
            "NULL) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)",
            &format!("--- {name} {{si_signo={name}, si_code=SI_USER, si_pid=2, si_uid=0}} ---"),
            "rt_sigreturn({mask=[]}) = -1 EINTR (Interrupted system call)",
            "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=3, si_uid=0, si_status=0, si_utime=0, si_stime=0} ---",
        ],
    );
}
