use super::json;
use super::shortage;
use super::strace::{Prefix, Strace};
use super::summary::{self, Syscalls};
use super::text;
use crate::output::Output;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use tine_machine::mm::{CopyId, CopyReason, FrameCopy, FrameGauges, FrameKind, Resident};
use tine_machine::symbols::{CodePlace, SourceLine, SymbolPlace};
use tine_machine::task::Signal;
use tine_machine::{
    Access, Cause, Event, FaultKind, Fence, FrameNeed, HartId, Interest, Interrupt, MemoryShortage,
    MemoryUser, MmId, Pid, Ppn, Privilege, RetiredInstruction, SyscallCount, VirtAddr, WaitStatus, What,
};

fn event(pid: i32, what: What) -> Event {
    Event { time_ns: 18_342, hart: HartId(0), pid: Pid(pid), what, site: None }
}

/// A place with a name and a line, for the events that tell of memory.
fn place(event: &Event) -> Option<CodePlace> {
    let kinds = Interest::FAULT | Interest::FORK | Interest::COPY;
    kinds.contains(event.what.kind()).then_some(())?;
    let symbol = SymbolPlace { name: "main".to_owned(), offset: 0x1e };
    let line = SourceLine { file: "src/cow.c".to_owned(), line: 12 };
    Some(CodePlace { pc: 0x1049a, symbol: Some(symbol), function: None, line: Some(line), file: None })
}

fn enter(pid: i32, name: &'static str, arguments: &str) -> Event {
    event(
        pid,
        What::SyscallEnter {
            name: name.into(),
            arguments: arguments.to_owned(),
            is_complete: name != "wait4",
        },
    )
}

fn exit(pid: i32, name: &'static str, arguments: &str, result: &str) -> Event {
    event(
        pid,
        What::SyscallExit { name: name.into(), arguments: arguments.to_owned(), result: result.to_owned() },
    )
}

fn fork(pid: i32, child: i32) -> Event {
    let child = Pid(child);
    event(
        pid,
        What::Fork {
            kind: "fork",
            child,
            pc: 0x1049a,
            ptes_copied: 22,
            pt_frames: 3,
            write_protected: 14,
            tlb_entries_fenced: 2,
        },
    )
}

/// What a process's life looks like: a call cut by another process, signals, ends.
fn family() -> Vec<Event> {
    let killed = WaitStatus::Killed { signal: Signal::SIGSEGV, core: true };
    let signal = |name, info: &str| What::Signal { name, info: info.to_owned() };
    vec![
        enter(2, "clone", "child_stack=NULL, flags=SIGCHLD"),
        fork(2, 3),
        exit(2, "clone", "", "3"),
        enter(2, "wait4", "-1"),
        enter(3, "write", "1, \"hello\\n\", 6"),
        exit(3, "write", "", "6"),
        event(3, signal("SIGSEGV", "{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL}")),
        event(3, What::Exit { status: killed }),
        exit(2, "wait4", ", [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0, NULL", "3"),
        enter(2, "exit_group", "0"),
        event(2, What::Exit { status: WaitStatus::Exited(0) }),
    ]
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn straced(prefix: Prefix, events: &[Event]) -> String {
    let written = Shared::default();
    let mut strace = Strace::new(Output::to("memory", written.clone()), prefix);
    for event in events {
        strace.event(event);
    }
    strace.finish(&Syscalls::new()).unwrap();
    String::from_utf8(written.0.take()).unwrap()
}

#[test]
fn strace_cuts_and_resumes_lines_as_strace_does() {
    insta::assert_snapshot!(straced(Prefix::Bracketed, &family()), @r#"
    clone(child_stack=NULL, flags=SIGCHLD)  = 3
    strace: Process 3 attached
    [pid     2] wait4(-1 <unfinished ...>
    [pid     3] write(1, "hello\n", 6)      = 6
    [pid     3] --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---
    [pid     3] +++ killed by SIGSEGV (core dumped) +++
    <... wait4 resumed>, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0, NULL) = 3
    exit_group(0)                           = ?
    +++ exited with 0 +++
    "#);
}

#[test]
fn strace_in_a_file_names_the_process_on_every_line() {
    let line = "2     clone(child_stack=NULL, flags=SIGCHLD) = 3
";
    assert_eq!(straced(Prefix::Plain, &family()[..3]), line);
}

#[test]
fn a_call_that_never_returns_is_not_lost() {
    assert_eq!(straced(Prefix::Bracketed, &[enter(2, "pause", "")]), "pause( <unfinished ...>\n");
}

/// One of each kind of event.
fn each_kind() -> Vec<Event> {
    let at = VirtAddr(0x11ff8);
    let fault = What::Fault {
        kind: FaultKind::CowCopy,
        at,
        access: Access::Store,
        pc: 0x1049a,
        old: Some(Ppn(0x80041)),
        new: Ppn(0x80067),
        owners: 2,
    };
    let trap = |cause, scause| What::Trap { cause, scause, stval: at.0, sepc: 0x1049a, spp: Privilege::User };
    let mut events = family();
    events.extend(
        [
            What::Instruction(RetiredInstruction { pc: VirtAddr(0x1049a), bits: 0xe406, address: Some(at) }),
            What::Instruction(RetiredInstruction { pc: VirtAddr(0x1049c), bits: 0x2800_00ef, address: None }),
            trap(Cause::PageFault(Access::Store), 15),
            trap(Cause::Interrupt(Interrupt::Timer), 1 << 63 | 5),
            fault,
            What::FailedFault { reason: "segv_maperr", at, access: Access::Load, pc: 0x1049a },
            What::Fence { fence: Fence::Page(at), remote: Some(HartId(1)) },
            What::Fence { fence: Fence::All, remote: None },
            What::Copy(FrameCopy {
                id: CopyId(0),
                mm: MmId(1),
                vpn: at.vpn(),
                from: Ppn(0x80041),
                source: FrameKind::Anon,
                to: Ppn(0x80067),
                reason: CopyReason::Store,
            }),
            What::Exec { path: "/bin/true".to_owned() },
            What::Superseded { by: Pid(4) },
            What::Stop { signal: Signal::SIGTSTP },
            What::Switch { from: Some(Pid(3)) },
            What::Switch { from: None },
            What::UnknownSyscall { number: 1234, name: "syscall_0x4d2".into() },
        ]
        .map(|what| event(2, what)),
    );
    events
}

#[test]
fn text_has_a_line_for_every_kind() {
    let lines: Vec<_> = each_kind().iter().map(|event| text::line(event, place(event).as_ref())).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_shortage_says_who_asked_who_had_it_and_who_ends() {
    let user = |pid, command: &str, anon, oom_score_adj| MemoryUser {
        pid: Pid(pid),
        command: command.to_owned(),
        size_pages: 9000,
        resident: Resident { anon, file: 12, shared_memory: 0, peak: anon + 12 },
        page_tables: 20,
        oom_score_adj,
    };
    let mut shortage = MemoryShortage {
        command: "sort".to_owned(),
        need: FrameNeed::Access {
            at: VirtAddr(0x38_16e5_8000),
            access: Access::Store,
            mapping: "[heap]".to_owned(),
        },
        injected: false,
        pc: 0x107d0,
        frames: FrameGauges { total: 16384, in_use: 16384, anon: 15900, ..FrameGauges::default() },
        victim: Some(user(7, "sponge", 15000, 0)),
        users: vec![user(7, "sponge", 15000, 0), user(3, "sort", 900, -500)],
    };
    insta::assert_snapshot!(shortage::report(Pid(3), &shortage));
    shortage.victim = None;
    assert!(shortage::report(Pid(3), &shortage).contains("ended: pid 3, for nobody else may be"));
    shortage.need = FrameNeed::Fork;
    assert!(shortage::report(Pid(3), &shortage).contains("pid 3 (sort) needs one for a fork, pc 0x107d0"));
    // What a fork had got was given back when there was not enough.
    shortage.frames.in_use = 16380;
    let head = |shortage: &MemoryShortage| -> String {
        shortage::report(Pid(3), shortage).lines().take(1).collect()
    };
    assert_eq!(
        head(&shortage),
        "tine: out of memory: 4 of 16384 frames (64 MiB) are free, fewer than it takes"
    );
    shortage.injected = true;
    assert_eq!(head(&shortage), "tine: a frame is refused, as --fail says: 4 of 16384 are free");
}

#[test]
fn json_has_an_object_for_every_kind() {
    let lines: Vec<_> = each_kind().iter().map(|event| json::line(event, place(event).as_ref())).collect();
    insta::assert_snapshot!(lines.join("\n"));
    for line in lines {
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(object["ev"].is_string() && object["t"] == 18_342, "{line}");
    }
}

#[test]
fn the_summary_looks_like_that_of_strace() {
    let count = |calls, errors, ns| SyscallCount { calls, errors, ns };
    let syscalls = Syscalls::from([
        ("brk", count(2, 0, 500)),
        ("exit_group", count(1, 0, 0)),
        ("openat", count(3, 1, 750)),
        ("process_vm_readv", count(1, 0, 0)),
        ("wait4", count(1, 0, 12_345_678)),
        ("write", count(2, 0, 500)),
    ]);
    insta::assert_snapshot!(summary::render(&syscalls, None), @"
    % time     seconds  usecs/call     calls    errors syscall
    ------ ----------- ----------- --------- --------- -----------------
     99.99    0.012345       12345         1           wait4
      0.01    0.000000           0         3         1 openat
      0.00    0.000000           0         2           brk
      0.00    0.000000           0         2           write
      0.00    0.000000           0         1           process_vm_readv
    ------ ----------- ----------- --------- --------- -----------------
    100.00    0.012347        1371         9         1 total
    ");
}

fn thread(pid: i32, child: i32) -> Event {
    let mut event = fork(pid, child);
    if let What::Fork { kind, .. } = &mut event.what {
        *kind = "thread";
    }
    event
}

#[test]
fn the_end_of_a_first_task_is_told_after_its_threads() {
    let exited = |pid| event(pid, What::Exit { status: WaitStatus::Exited(0) });
    let events = [thread(2, 3), enter(2, "exit", "0"), exited(2), enter(3, "exit_group", "0"), exited(3)];
    insta::assert_snapshot!(straced(Prefix::Plain, &events), @"
    2     exit(0)                           = ?
    3     exit_group(0)                     = ?
    3     +++ exited with 0 +++
    2     +++ exited with 0 +++
    ");
}

#[test]
fn a_thread_that_executes_a_program_takes_the_first_task_s_number() {
    let events = [
        thread(2, 3),
        enter(2, "wait4", "-1"),
        enter(3, "execve", "\"/bin/true\""),
        event(2, What::Superseded { by: Pid(3) }),
        exit(2, "execve", "", "0"),
        event(2, What::Stop { signal: Signal::SIGSTOP }),
        event(2, What::Exit { status: WaitStatus::Exited(7) }),
    ];
    insta::assert_snapshot!(straced(Prefix::Plain, &events), @r#"
    2     wait4(-1 <unfinished ...>
    3     execve("/bin/true" <unfinished ...>
    2     <... wait4 resumed> <unfinished ...>) = ?
    2     +++ superseded by execve in pid 3 +++
    2     <... execve resumed>)             = 0
    2     --- stopped by SIGSTOP ---
    2     +++ exited with 7 +++
    "#);
}
