//! What is said when no task can ever run again: for what each waits, who could end the wait, and which fork left the holder
//! of a lock behind.

use crate::failure::Failure;
use std::collections::BTreeMap;
use tine_machine::symbols::Symbols;
use tine_machine::{Event, Fd, Guest, Interest, MmId, Pid, Stuck, VirtAddr, What};

/// `FUTEX_LOCK_PI` and `FUTEX_LOCK_PI2`: the word holds the number of the task that has the lock (futex(2)).
const LOCK_OPERATIONS: [u64; 2] = [6, 13];
/// The part of a futex operation that says which it is.
const FUTEX_COMMAND: u64 = 0x7f;
/// `FUTEX_TID_MASK`.
const FUTEX_OWNER: u32 = 0x3fff_ffff;

/// How a process came to be, as far as a deadlock can come of it.
struct Origin {
    /// Where the fork is.
    place: String,
    /// The task that called.
    caller: Pid,
    /// The other tasks of its process, which the child does not have.
    left_behind: Vec<Pid>,
}

/// The forks of a run.
#[derive(Default)]
pub(crate) struct Forks {
    origins: BTreeMap<Pid, Origin>,
    symbols: Symbols,
}

impl Forks {
    /// The events that it needs: few, so that it always listens.
    pub(crate) const INTEREST: Interest = Interest::FORK.union(Interest::SITE);

    pub(crate) fn event(&mut self, event: &Event, guest: Guest<'_>) {
        let What::Fork { kind: "fork", child, .. } = event.what else { return };
        let Some(site) = event.site.as_deref() else { return };
        let at = self.symbols.locate(guest, site);
        let best = at.caller.as_ref().unwrap_or(&at.place);
        let place = match (&best.line, &best.symbol) {
            (Some(line), _) => line.to_string(),
            (None, Some(symbol)) => symbol.to_string(),
            (None, None) => format!("{:#x}", best.pc),
        };
        let tasks = &guest.kernel.tasks;
        let process = tasks.task(event.pid).and_then(|task| tasks.process(task.process));
        let others = process.into_iter().flat_map(|process| &process.tasks);
        let left_behind = others.copied().filter(|task| *task != event.pid).collect();
        self.origins.insert(child, Origin { place, caller: event.pid, left_behind });
    }

    /// Says why a run cannot go on.
    pub(crate) fn deadlock(&mut self, stuck: &[Stuck], guest: Guest<'_>) -> Failure {
        let mut text = "deadlock: no task can ever run again".to_owned();
        for stuck in stuck {
            let process = guest.kernel.tasks.task(stuck.task).map_or(stuck.task, |task| task.process);
            let origin = self.origins.get(&process);
            let child_of = origin.map_or(String::new(), |it| format!(" (child of the fork at {})", it.place));
            text += &format!("\n  pid {}{child_of} {} waits ", stuck.task, stuck.command);
            text += &self.wait_of(stuck, process, guest);
        }
        Failure::tine(text).hint("--strace shows the calls in which they wait")
    }

    fn wait_of(&mut self, stuck: &Stuck, process: Pid, guest: Guest<'_>) -> String {
        let otherwise = format!("for {}", stuck.waits_for);
        let tasks = &guest.kernel.tasks;
        let suspended = tasks.task(stuck.task).and_then(|task| task.continuation.as_ref());
        let Some(call) = suspended.map(|suspended| &suspended.call) else { return otherwise };
        match call.row.name {
            "futex" => match guest.address_space(process) {
                Some(mm) => self.futex(mm, process, call.arguments, guest),
                None => otherwise,
            },
            "read" | "readv" => {
                descriptor(stuck.task, call.arguments[0], End::Write, guest).unwrap_or(otherwise)
            }
            "write" | "writev" => {
                descriptor(stuck.task, call.arguments[0], End::Read, guest).unwrap_or(otherwise)
            }
            "wait4" | "waitid" => {
                let known = tasks.process(process).into_iter().flat_map(|process| &process.children);
                let alive = |child: &&Pid| tasks.process(**child).is_some_and(|child| child.end.is_none());
                let children: Vec<_> = known.filter(alive).map(ToString::to_string).collect();
                match children.as_slice() {
                    [child] => format!("for its child {child} to end"),
                    children => format!("for one of its children {} to end", children.join(", ")),
                }
            }
            _ => otherwise,
        }
    }

    /// Names the word, what it holds, and who is not there to change it.
    fn futex(&mut self, mm: MmId, process: Pid, arguments: [u64; 6], guest: Guest<'_>) -> String {
        let at = VirtAddr(arguments[0]);
        let symbol = self.symbols.name(guest, mm, at).map_or(String::new(), |symbol| format!(" <{symbol}>"));
        let mut text = format!("on futex {at}{symbol}");
        let word = guest.read(mm, at).map(u32::from_le_bytes);
        let owner = match word {
            Some(word) if LOCK_OPERATIONS.contains(&(arguments[1] & FUTEX_COMMAND)) => {
                let owner = Pid((word & FUTEX_OWNER) as i32);
                text += &format!("\n    held by tid {owner}");
                Some(owner)
            }
            Some(word) => {
                text += &format!(", which holds {word}");
                None
            }
            None => None,
        };
        let tasks = &guest.kernel.tasks;
        if owner.is_some_and(|owner| tasks.task(owner).is_none_or(|task| task.process != process)) {
            text += ", which does not exist here";
        }
        if let Some(origin) = self.origins.get(&process).filter(|origin| !origin.left_behind.is_empty()) {
            let left: Vec<_> = origin.left_behind.iter().map(ToString::to_string).collect();
            text += &format!(
                "\n    the fork at {} copied only tid {}: what tid {} held stays held here",
                origin.place,
                origin.caller,
                left.join(", ")
            );
        }
        text
    }
}

/// The end of a pipe that whoever waits at the other needs.
#[derive(Clone, Copy)]
enum End {
    Read,
    Write,
}

/// Says what a descriptor is, and who could end the wait at it: those who have it open for `needed`.
fn descriptor(task: Pid, fd: u64, needed: End, guest: Guest<'_>) -> Option<String> {
    let (fs, tasks) = (&guest.kernel.fs, &guest.kernel.tasks);
    let fd = Fd(fd as i32);
    let open = fs.fd(tasks.task(task)?.files, fd).ok()?;
    let path = String::from_utf8_lossy(&fs.path_of(fs.node(open))).into_owned();
    let mut holders = Vec::new();
    for (pid, other) in tasks.tasks().filter(|(pid, other)| *pid == other.process) {
        for number in fs.fds(other.files) {
            let Ok(theirs) = fs.fd(other.files, number) else { continue };
            let flags = fs.status_flags(theirs);
            let can_end_it = match needed {
                End::Read => flags.is_readable(),
                End::Write => flags.is_writable(),
            };
            if can_end_it && fs.node(theirs) == fs.node(open) {
                holders.push(format!("pid {pid} (fd {number})"));
            }
        }
    }
    let thing = match path.as_str() {
        "anon_inode:[eventfd]" => "the eventfd",
        path if path.starts_with("pipe:") => "the pipe",
        path if path.starts_with("socket:") => "the socket",
        path if path.starts_with("/dev/pts/") || path == "/dev/tty" => "the terminal",
        _ => "",
    };
    let name = [thing, &path].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let (verb, other) = match needed {
        End::Read => ("write", "reading"),
        End::Write => ("read", "writing"),
    };
    let held = match holders.is_empty() {
        true => "nobody".to_owned(),
        false => holders.join(", "),
    };
    Some(format!("to {verb} {name} (fd {fd}), which {held} has open for {other}"))
}
