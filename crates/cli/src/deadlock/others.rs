//! Waits for processes, signals and System V objects.

use super::files::Waiter;
use tine_machine::fs::ObjectFacts;
use tine_machine::task::Signal;
use tine_machine::{AwaitedMessage, AwaitedSemaphore, Fd, Guest, MessageNeed, Pid, Wanted};

/// What may become of a child, as waitid(2) and wait4(2) ask for it; waiting for its end is said without.
const CHANGES: [(u64, &str); 3] = [(4, "end"), (2, "stop"), (8, "go on")];
/// `WEXITED`, which wait4(2) always means.
const EXITED: u64 = 4;

/// The children that a wait is for.
enum Children {
    Any,
    One(Pid),
    Group(Pid),
}

/// Says for which children, by its first argument and its options, a wait4(2) is.
pub(super) fn wait4(process: Pid, which: u64, options: u64, guest: Guest<'_>) -> Option<String> {
    let own_group = guest.kernel.tasks.process(process)?.group;
    let children = match which as i32 {
        -1 => Children::Any,
        0 => Children::Group(own_group),
        number @ 1.. => Children::One(Pid(number)),
        number => Children::Group(Pid(number.wrapping_neg())),
    };
    Some(awaited(process, &children, options | EXITED, guest))
}

/// The same of a waitid(2): the type and the number of what it waits for, and its options.
pub(super) fn waitid(waiter: Waiter<'_>, process: Pid, [kind, number, options]: [u64; 3]) -> Option<String> {
    const P_PID: u64 = 1;
    const P_PGID: u64 = 2;
    const P_PIDFD: u64 = 3;
    let guest = waiter.guest;
    let children = match kind {
        P_PID => Children::One(Pid(number as i32)),
        P_PGID if number == 0 => Children::Group(guest.kernel.tasks.process(process)?.group),
        P_PGID => Children::Group(Pid(number as i32)),
        P_PIDFD => {
            let node = guest.kernel.fs.node(waiter.open(Fd(number as i32))?);
            let Some(ObjectFacts::Process(pid)) = guest.kernel.fs.object_facts(node) else { return None };
            Children::One(pid)
        }
        _ => Children::Any,
    };
    Some(awaited(process, &children, options, guest))
}

/// Says which children could end a wait for one of them.
fn awaited(process: Pid, which: &Children, options: u64, guest: Guest<'_>) -> String {
    let tasks = &guest.kernel.tasks;
    let known = tasks.process(process).into_iter().flat_map(|process| &process.children).copied();
    let lives = |child: &Pid| tasks.process(*child).is_some_and(|child| child.end.is_none());
    let is_meant = |child: &Pid| match which {
        Children::Any => true,
        Children::One(pid) => child == pid,
        Children::Group(group) => tasks.process(*child).is_some_and(|child| child.group == *group),
    };
    let children: Vec<_> = known.filter(lives).filter(is_meant).map(|child| child.to_string()).collect();
    let changes: Vec<_> =
        CHANGES.iter().filter(|(bit, _)| options & bit != 0).map(|(_, change)| *change).collect();
    let changes = changes.join(" or ");
    match children.as_slice() {
        [child] => format!("for its child {child} to {changes}"),
        children => format!("for one of its children {} to {changes}", children.join(", ")),
    }
}

/// Says for which value of a semaphore a task waits.
pub(super) fn semaphore(awaited: AwaitedSemaphore) -> String {
    let AwaitedSemaphore { set, index, value, change, last } = awaited;
    let wanted = match change {
        0 => "must be 0".to_owned(),
        change => format!("must be {} at least", change.unsigned_abs()),
    };
    let by =
        if last.0 == 0 { "nobody has changed it".to_owned() } else { format!("pid {last} changed it last") };
    format!("for semaphore {index} of set {set}, which is {value} and {wanted}; {by}")
}

/// Says what a task waits for at a System V message queue.
pub(super) fn message(awaited: AwaitedMessage) -> String {
    let AwaitedMessage { queue, messages, bytes, most_bytes, need, last } = awaited;
    let did = |verb: &str| match last.0 {
        0 => format!("nobody has {verb} one"),
        _ => format!("pid {last} {verb} last"),
    };
    match need {
        MessageNeed::Message(wanted) => {
            let kind = match wanted {
                Wanted::Any => String::new(),
                Wanted::Equal(kind) => format!(" of type {kind}"),
                Wanted::Other(kind) => format!(" of another type than {kind}"),
                Wanted::LowestUpTo(most) => format!(" of a type up to {most}"),
            };
            let holds = if messages == 0 { "is empty".to_owned() } else { format!("has {messages} others") };
            format!("for a message{kind} in message queue {queue}, which {holds}; {}", did("sent"))
        }
        MessageNeed::Room(wanted) => format!(
            "for room for {wanted} bytes in message queue {queue}, which has {bytes} of {most_bytes}; {}",
            did("received")
        ),
    }
}

/// Says which signals end a wait that blocks the others (sigsuspend(2)).
pub(super) fn unblocked(blocked: u64) -> String {
    // SIGKILL and SIGSTOP cannot be blocked.
    let never = 1 << (9 - 1) | 1 << (19 - 1);
    let (blocked, heard) = (signals(blocked & !never), signals(!blocked & !never));
    match (blocked.as_slice(), heard.as_slice()) {
        ([], _) => "for any signal".to_owned(),
        (_, []) => "for a signal, and blocks all".to_owned(),
        (blocked, heard) if heard.len() < blocked.len() => {
            format!("for {}: it blocks all other signals", heard.join(" or "))
        }
        (blocked, _) => format!("for any signal but {}, which it blocks", blocked.join(", ")),
    }
}

/// Names the signals of a set.
pub(super) fn signals(set: u64) -> Vec<&'static str> {
    let numbers = (1..=64).filter(|number| set >> (number - 1) & 1 == 1);
    numbers.filter_map(Signal::new).map(Signal::name).collect()
}
