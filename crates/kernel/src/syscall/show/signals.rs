//! Signal sets, actions and what came with a signal.

use super::{Bytes, Element, Pointee, Shower, clock_ticks, pointer, show_flags, show_signal};
use crate::task::{Signal, SignalSet};
use tine_mmu::VirtAddr;

/// A `sigset_t`.
pub(in crate::syscall) struct SigSet;

impl Element for SigSet {
    const BYTES: usize = 8;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        signal_set(SignalSet::from_bits(bytes.u64(0)))
    }
}

/// A `sigset_t` whose size is argument `SIZE`: of another size than the kernel's, it is not looked at.
pub(in crate::syscall) struct SizedSigSet<const SIZE: usize>;

impl<const SIZE: usize> Pointee for SizedSigSet<SIZE> {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        if shower.arguments[SIZE] != SigSet::BYTES as u64 {
            return None;
        }
        <SigSet as Pointee>::show(at, shower)
    }
}

/// Prints the signals of a set, or, where it holds two thirds of all, those that are not in it.
pub(in crate::syscall) fn signal_set(set: SignalSet) -> String {
    const MANY: u32 = 64 * 2 / 3;
    let is_inverted = set.bits().count_ones() >= MANY;
    let shown = if is_inverted { SignalSet::from_bits(!set.bits()) } else { set };
    let names: Vec<_> = shown.iter().map(|signal| signal.name().trim_start_matches("SIG")).collect();
    format!("{}[{}]", if is_inverted { "~" } else { "" }, names.join(" "))
}

/// `SA_*`.
const ACTION_FLAGS: [(u32, &str); 7] = [
    (0x0800_0000, "SA_ONSTACK"),
    (0x1000_0000, "SA_RESTART"),
    (0x4000_0000, "SA_NODEFER"),
    (0x8000_0000, "SA_RESETHAND"),
    (0x4, "SA_SIGINFO"),
    (0x1, "SA_NOCLDSTOP"),
    (0x2, "SA_NOCLDWAIT"),
];

/// A `struct sigaction`, the kernel's: riscv64 has no restorer.
pub(in crate::syscall) struct SigAction;

impl Element for SigAction {
    const BYTES: usize = 24;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let handler = match bytes.u64(0) {
            0 => "SIG_DFL".to_owned(),
            1 => "SIG_IGN".to_owned(),
            at => pointer(at),
        };
        let flags = show_flags(bytes.u64(8), "0", &ACTION_FLAGS);
        let mask = bytes.part::<SigSet>(16, shower);
        format!("{{sa_handler={handler}, sa_mask={mask}, sa_flags={flags}}}")
    }
}

/// A `stack_t` of sigaltstack.
pub(in crate::syscall) struct StackT;

impl Element for StackT {
    const BYTES: usize = 24;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        const NAMES: [(u32, &str); 3] = [(1, "SS_ONSTACK"), (2, "SS_DISABLE"), (1 << 31, "SS_AUTODISARM")];
        let flags = show_flags(bytes.u32(8), "0", &NAMES);
        format!("{{ss_sp={}, ss_flags={flags}, ss_size={}}}", pointer(bytes.u64(0)), bytes.u64(16))
    }
}

/// A `siginfo_t`.
pub(in crate::syscall) struct SigInfo;

impl Element for SigInfo {
    const BYTES: usize = crate::task::signal::INFO_BYTES;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        siginfo(bytes)
    }
}

/// Prints what came with a signal.
pub(crate) fn describe_signal(info: &crate::task::SignalInfo) -> String {
    siginfo(Bytes(&info.to_bytes()))
}

/// Prints a `siginfo_t`: `si_code` says which fields it has.
fn siginfo(bytes: Bytes<'_>) -> String {
    const SI_USER: i32 = 0;
    const SI_TIMER: i32 = -2;
    const SI_SIGIO: i32 = -5;
    const SI_TKILL: i32 = -6;
    const CLD_EXITED: i32 = 1;
    let (number, code) = (bytes.u32(0), bytes.i32(8));
    let Some(signal) = Signal::new(number.into()) else {
        return if number == 0 { "{}".to_owned() } else { format!("{{si_signo={number}, ...}}") };
    };
    let mut text = format!("{{si_signo={}, si_code={}", signal.name(), code_name(signal, code));
    let sender = format!(", si_pid={}, si_uid={}", bytes.i32(16), bytes.u32(20));
    let value = format!(", si_int={}, si_ptr={}", bytes.i32(24), pointer(bytes.u64(24)));
    let has_value = bytes.u64(24) != 0;
    match (signal, code) {
        (_, SI_USER | SI_TKILL) => text.push_str(&sender),
        (_, SI_TIMER) => {
            text.push_str(&format!(", si_timerid={:#x}, si_overrun={}{value}", bytes.u32(16), bytes.i32(20)));
        }
        (_, SI_SIGIO) => {
            text.push_str(&format!(", si_band={}, si_fd={}", bytes.i64(16), bytes.i32(24)));
        }
        (_, ..0) => {
            text.push_str(&sender);
            if has_value {
                text.push_str(&value);
            }
        }
        (Signal::SIGCHLD, _) => {
            let status = bytes.u32(24);
            let status = if code == CLD_EXITED { (status as i32).to_string() } else { show_signal(status) };
            let [user, system] = [32, 40].map(|at| clock_ticks(bytes.u64(at)));
            text.push_str(&format!("{sender}, si_status={status}, si_utime={user}, si_stime={system}"));
        }
        (Signal::SIGILL | Signal::SIGFPE | Signal::SIGBUS | Signal::SIGSEGV | Signal::SIGTRAP, _) => {
            text.push_str(&format!(", si_addr={}", pointer(bytes.u64(16))));
        }
        (Signal::SIGIO, 1..=6) => {
            text.push_str(&format!(", si_band={}, si_fd={}", bytes.i64(16), bytes.i32(24)));
        }
        _ => {
            if bytes.u64(16) != 0 {
                text.push_str(&sender);
            }
            if has_value {
                text.push_str(&value);
            }
        }
    }
    text.push('}');
    text
}

/// Returns the name of a `si_code`.
fn code_name(signal: Signal, code: i32) -> String {
    const GENERAL: [(i32, &str); 9] = [
        (0, "SI_USER"),
        (0x80, "SI_KERNEL"),
        (-1, "SI_QUEUE"),
        (-2, "SI_TIMER"),
        (-3, "SI_MESGQ"),
        (-4, "SI_ASYNCIO"),
        (-5, "SI_SIGIO"),
        (-6, "SI_TKILL"),
        (-60, "SI_ASYNCNL"),
    ];
    let own: &[&str] = match signal {
        Signal::SIGILL => &[
            "ILL_ILLOPC",
            "ILL_ILLOPN",
            "ILL_ILLADR",
            "ILL_ILLTRP",
            "ILL_PRVOPC",
            "ILL_PRVREG",
            "ILL_COPROC",
            "ILL_BADSTK",
        ],
        Signal::SIGFPE => &[
            "FPE_INTDIV",
            "FPE_INTOVF",
            "FPE_FLTDIV",
            "FPE_FLTOVF",
            "FPE_FLTUND",
            "FPE_FLTRES",
            "FPE_FLTINV",
            "FPE_FLTSUB",
        ],
        Signal::SIGSEGV => &["SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR"],
        Signal::SIGBUS => &["BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO"],
        Signal::SIGTRAP => &["TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT"],
        Signal::SIGCHLD => {
            &["CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"]
        }
        Signal::SIGIO => &["POLL_IN", "POLL_OUT", "POLL_MSG", "POLL_ERR", "POLL_PRI", "POLL_HUP"],
        _ => &[],
    };
    let general = GENERAL.iter().find(|(number, _)| *number == code).map(|(_, name)| *name);
    let own = || usize::try_from(code).ok()?.checked_sub(1).and_then(|index| own.get(index)).copied();
    general.or_else(own).map_or_else(|| format!("{code:#x}"), str::to_owned)
}

/// A status word of wait4.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct WaitStatusWord;

impl Element for WaitStatusWord {
    const BYTES: usize = 4;
    const IN_BRACKETS: bool = true;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        wait_status(bytes.u32(0))
    }
}

/// Prints a status word of wait4.
fn wait_status(word: u32) -> String {
    const CONTINUED: u32 = 0xffff;
    const STOPPED: u32 = 0x7f;
    match word & 0x7f {
        _ if word == CONTINUED => "{WIFCONTINUED(s)}".to_owned(),
        _ if word & 0xff == STOPPED => {
            format!("{{WIFSTOPPED(s) && WSTOPSIG(s) == {}}}", show_signal(word >> 8 & 0x7f))
        }
        0 => format!("{{WIFEXITED(s) && WEXITSTATUS(s) == {}}}", word >> 8 & 0xff),
        number => {
            let core = if word & 0x80 != 0 { " && WCOREDUMP(s)" } else { "" };
            format!("{{WIFSIGNALED(s) && WTERMSIG(s) == {}{core}}}", show_signal(number))
        }
    }
}
