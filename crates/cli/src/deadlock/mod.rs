//! What is said when no task can ever run again: for what each waits, who could end the wait, and which fork left the holder
//! of a lock behind.

mod files;
mod others;

use crate::failure::Failure;
use files::{End, Waiter};
use std::collections::BTreeMap;
use tine_machine::symbols::Symbols;
use tine_machine::{Event, Guest, Interest, MmId, Pid, Stuck, VirtAddr, What};

/// `FUTEX_LOCK_PI` and `FUTEX_LOCK_PI2`: the word holds the number of the task that has the lock (futex(2)).
const LOCK_OPERATIONS: [u64; 2] = [6, 13];
/// The part of a futex operation that says which it is.
const FUTEX_COMMAND: u64 = 0x7f;
/// `FUTEX_TID_MASK`.
const FUTEX_OWNER: u32 = 0x3fff_ffff;
/// `struct futex_waitv`: a value, and then the address.
const WAITER_BYTES: u64 = 24;
/// `FUTEX_WAITV_MAX`.
const MOST_WORDS: u64 = 128;

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
        let [first, second, third, fourth, ..] = call.arguments;
        let waiter = Waiter { task: stuck.task, guest };
        let mm = guest.address_space(process);
        let told = match call.row.name {
            "futex" => mm.map(|mm| self.futex(mm, process, call.arguments, guest)),
            "futex_waitv" => mm.and_then(|mm| self.futexes(mm, first, second, guest)),
            "read" | "readv" | "pread64" | "preadv" | "preadv2" | "recvfrom" | "recvmsg" | "recvmmsg" => {
                waiter.transfer(first, End::Write)
            }
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" | "sendto" | "sendmsg" | "sendmmsg" => {
                waiter.transfer(first, End::Read)
            }
            "splice" => waiter.copying(first, third),
            "tee" => waiter.copying(first, second),
            "vmsplice" => waiter.transfer(first, End::Read),
            "sendfile" => waiter.copying(second, first),
            "openat" => mm.and_then(|mm| waiter.fifo(mm, second, third)),
            "mq_timedreceive" => waiter.queue(first, End::Write),
            "mq_timedsend" => waiter.queue(first, End::Read),
            "msgrcv" | "msgsnd" => guest.kernel.awaited_message(stuck.task).map(others::message),
            "accept" | "accept4" => waiter.connection(first, true),
            "connect" => waiter.connection(first, false),
            "flock" | "fcntl" => waiter.lock(first),
            "ppoll" => mm.and_then(|mm| waiter.polled(mm, first, second)),
            "pselect6" => mm.and_then(|mm| waiter.selected(mm, first, [second, third, fourth])),
            "epoll_pwait" | "epoll_pwait2" => waiter.epoll(first),
            "semop" | "semtimedop" => guest.kernel.awaited_semaphore(stuck.task).map(others::semaphore),
            "rt_sigtimedwait" => {
                let wanted = mm.and_then(|mm| guest.read(mm, VirtAddr(first)));
                wanted.map(|set| format!("for {}", others::signals(u64::from_le_bytes(set)).join(" or ")))
            }
            "rt_sigsuspend" => {
                let blocked = mm.and_then(|mm| guest.read(mm, VirtAddr(first)));
                blocked.map(|set| others::unblocked(u64::from_le_bytes(set)))
            }
            "wait4" => others::wait4(process, first, third, guest),
            "waitid" => others::waitid(waiter, process, [first, second, fourth]),
            _ => None,
        };
        told.unwrap_or(otherwise)
    }

    /// Names the words of futex_waitv(2) and what they hold.
    fn futexes(&mut self, mm: MmId, array: u64, len: u64, guest: Guest<'_>) -> Option<String> {
        let mut words = Vec::new();
        for index in 0..len.min(MOST_WORDS) {
            let entry = array.checked_add(index * WAITER_BYTES + 8)?;
            let at = VirtAddr(u64::from_le_bytes(guest.read(mm, VirtAddr(entry))?));
            words.push(format!("\n    {}", self.word(mm, at, guest)));
        }
        Some(format!("on one of {} futexes:{}", words.len(), words.concat()))
    }

    /// Names a word, and what it holds.
    fn word(&mut self, mm: MmId, at: VirtAddr, guest: Guest<'_>) -> String {
        let symbol = self.symbols.name(guest, mm, at).map_or(String::new(), |symbol| format!(" <{symbol}>"));
        let value = guest.read(mm, at).map(u32::from_le_bytes);
        format!("{at}{symbol}{}", value.map_or(String::new(), |value| format!(", which holds {value}")))
    }

    /// Says what glibc's threads tell of a futex: that the end of a thread changes it (set_tid_address(2)), or whose the mutex
    /// around it is.
    fn held_by(&self, mm: MmId, at: VirtAddr, word: u32, process: Pid, guest: Guest<'_>) -> String {
        // `__lock` of a pthread_mutex_t, held and perhaps awaited; two words on is `__owner`.
        const HELD: [u32; 2] = [1, 2];
        const OWNER_BYTES: u64 = 8;
        let tasks = &guest.kernel.tasks;
        let lives_here = |task: Pid| tasks.task(task).is_some_and(|task| task.process == process);
        if tasks.task(Pid(word as i32)).is_some_and(|task| task.clear_child_tid == at.0) {
            return format!(" until thread {word} ends");
        }
        let owner_at = at.0.checked_add(OWNER_BYTES).filter(|_| HELD.contains(&word)).map(VirtAddr);
        let owner = owner_at.and_then(|at| guest.read(mm, at)).map(|bytes| Pid(i32::from_le_bytes(bytes)));
        let left_behind = self.origins.get(&process).map_or(&[][..], |origin| &origin.left_behind);
        match owner.filter(|owner| lives_here(*owner) || left_behind.contains(owner)) {
            Some(owner) => format!(": if it is a pthread_mutex_t, tid {owner} has locked it"),
            None => String::new(),
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
                text += &self.held_by(mm, at, word, process, guest);
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
