//! What calls return, as strace prints it. A row of the table names one of these; each is given a result that is no error.

use super::lists::{FdSet, came};
use super::{Shower, follow, pointer, show_signal};
use crate::syscall::args::{Arg, Timespec};
pub(in crate::syscall) use crate::syscall::file_types::show_fcntl_result as fcntl;
use crate::syscall::prctl_types::{WriteExecute, secure_bits};
use crate::syscall::sched_types::{IoPriority, PolicyArg};
use crate::syscall::types::Barrier;
use tine_mmu::VirtAddr;

/// A number.
pub(in crate::syscall) fn decimal(value: u64, _: &mut Shower<'_>) -> String {
    (value as i64).to_string()
}

/// An address.
pub(in crate::syscall) fn address(value: u64, _: &mut Shower<'_>) -> String {
    pointer(value)
}

/// A file mode.
pub(in crate::syscall) fn octal(value: u64, _: &mut Shower<'_>) -> String {
    super::octal(value as u32)
}

/// The state of the clock (adjtimex(2)).
pub(in crate::syscall) fn clock_state(value: u64, _: &mut Shower<'_>) -> String {
    match value {
        0 => "0 (TIME_OK)".to_owned(),
        _ => format!("{value} (TIME_ERROR)"),
    }
}

/// A signal's number.
pub(in crate::syscall) fn signal(value: u64, _: &mut Shower<'_>) -> String {
    format!("{value} ({})", show_signal(value as u32))
}

/// ppoll: the descriptors with events, and how much time was left.
pub(in crate::syscall) fn polled(value: u64, shower: &mut Shower<'_>) -> String {
    if value == 0 {
        return "0 (Timeout)".to_owned();
    }
    let timeout = shower.arguments[2];
    remarked(value, [came(shower), left(timeout, shower)])
}

/// pselect6: the members of the three sets, and how much time was left.
pub(in crate::syscall) fn selected(value: u64, shower: &mut Shower<'_>) -> String {
    if value == 0 {
        return "0 (Timeout)".to_owned();
    }
    let [_, reading, writing, exceptional, timeout, _] = shower.arguments;
    let mut set = |name: &str, at: u64| match at {
        0 => String::new(),
        _ => match FdSet::members(VirtAddr(at), shower).as_deref() {
            None | Some([]) => String::new(),
            Some(members) => {
                let members: Vec<_> = members.iter().map(usize::to_string).collect();
                format!("{name} [{}]", members.join(" "))
            }
        },
    };
    let sets = [set("in", reading), set("out", writing), set("except", exceptional)];
    let [reading, writing, exceptional] = sets;
    remarked(value, [reading, writing, exceptional, left(timeout, shower)])
}

fn left(timeout: u64, shower: &mut Shower<'_>) -> String {
    if timeout == 0 { String::new() } else { format!("left {}", follow::<Timespec>(timeout, shower)) }
}

/// recvmmsg: how much time was left.
pub(in crate::syscall) fn received(value: u64, shower: &mut Shower<'_>) -> String {
    match value {
        0 => "0 (Timeout)".to_owned(),
        _ => remarked(value, [left(shower.arguments[4], shower)]),
    }
}

/// Prints a number and, in parentheses, those remarks on it that are not empty.
fn remarked<const N: usize>(value: u64, remarks: [String; N]) -> String {
    let remarks: Vec<_> = remarks.into_iter().filter(|remark| !remark.is_empty()).collect();
    if remarks.is_empty() { value.to_string() } else { format!("{value} ({})", remarks.join(", ")) }
}

/// membarrier: the commands that there are.
pub(in crate::syscall) fn barriers(value: u64, shower: &mut Shower<'_>) -> String {
    if value == 0 {
        return "0".to_owned();
    }
    let names = (0..10).map(|bit| 1 << bit).filter(|command| value & command != 0);
    let names: Vec<_> = names.map(|command| Barrier::show(command, shower)).collect();
    format!("{value:#x} ({})", names.join("|"))
}

/// personality: what it was before.
pub(in crate::syscall) fn personality(value: u64, _: &mut Shower<'_>) -> String {
    let shown = if value == 0 { "0".to_owned() } else { format!("{value:#x}") };
    format!("{shown} ({})", super::persona(value as u32))
}

/// sched_getscheduler: the policy.
pub(in crate::syscall) fn policy(value: u64, _: &mut Shower<'_>) -> String {
    match PolicyArg::name(value as i32) {
        Some(name) => format!("{value} ({name})"),
        None => value.to_string(),
    }
}

/// ioprio_get: class and level.
pub(in crate::syscall) fn io_priority(value: u64, _: &mut Shower<'_>) -> String {
    format!("{value} ({})", IoPriority::text(value as u32))
}

/// prctl: names for what some options return.
pub(in crate::syscall) fn prctl(value: u64, shower: &mut Shower<'_>) -> String {
    const PR_GET_DUMPABLE: u32 = 3;
    const PR_GET_SECUREBITS: u32 = 27;
    const PR_GET_MDWE: u32 = 66;
    match (shower.arguments[0] as u32, value) {
        (PR_GET_DUMPABLE, 0) => "0 (SUID_DUMP_DISABLE)".to_owned(),
        (PR_GET_DUMPABLE, 1) => "1 (SUID_DUMP_USER)".to_owned(),
        (PR_GET_DUMPABLE, 2) => "2 (SUID_DUMP_ROOT)".to_owned(),
        (PR_GET_SECUREBITS, 1..) => format!("{value:#x} ({})", secure_bits(value)),
        (PR_GET_MDWE, 1..) => format!("{value:#x} ({})", WriteExecute::show(value, shower)),
        _ => decimal(value, shower),
    }
}
