//! What can be set through files of `/proc/<pid>` that are numbers.

use super::parse_number;
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::task::Process;
use crate::{Errno, Kernel, Pid};
use std::fmt::Write;

impl Kernel {
    /// Composes `children` of a task: the processes that it made, or inherited (proc_pid_task(5)).
    pub(super) fn children_text(&self, tid: Pid, process: &Process) -> String {
        let made = |child: &&Pid| self.tasks.process(**child).is_some_and(|child| child.made_by == tid);
        process.children.iter().filter(made).fold(String::new(), |mut text, child| {
            let _ = write!(text, "{child} ");
            text
        })
    }

    /// Returns how late timers of a process's first task may be.
    pub(super) fn timer_slack_of(&self, pid: Pid) -> u64 {
        self.tasks.task(pid).map_or(0, |task| task.timer_slack_ns)
    }
}

impl Ctx<'_> {
    /// Sets how much likelier than others a process should be ended when memory runs out.
    ///
    /// # Errors
    /// `EINVAL` for no number from -1000 to 1000, `ESRCH`.
    pub(super) fn write_oom_score_adj(&mut self, pid: Pid, bytes: &[u8]) -> Result<(), Errno> {
        const MOST: i64 = 1000;
        let value = parse_number(bytes)?;
        if !(-MOST..=MOST).contains(&value) {
            return Err(Errno::EINVAL);
        }
        self.kernel.tasks.process_mut(pid).ok_or(Errno::ESRCH)?.oom_score_adj = value as i16;
        Ok(())
    }

    /// Sets the same on the scale from -17 to 15 (Linux 6.12 fs/proc/base.c `oom_adj_write`).
    ///
    /// # Errors
    /// `EINVAL` for what is not on the scale, `ESRCH`.
    pub(super) fn write_oom_adj(&mut self, pid: Pid, bytes: &[u8]) -> Result<(), Errno> {
        const NEVER: i64 = -17;
        const MOST: i64 = 15;
        let value = parse_number(bytes)?;
        if !(NEVER..=MOST).contains(&value) {
            return Err(Errno::EINVAL);
        }
        let adjustment = if value == MOST { 1000 } else { value * 1000 / 17 };
        self.kernel.tasks.process_mut(pid).ok_or(Errno::ESRCH)?.oom_score_adj = adjustment as i16;
        Ok(())
    }

    /// Sets which memory belongs into a process's core file; bits that mean nothing are dropped.
    ///
    /// # Errors
    /// `EINVAL` for no number, `ESRCH`.
    pub(super) fn write_coredump_filter(&mut self, pid: Pid, bytes: &[u8]) -> Result<(), Errno> {
        const KINDS: u32 = 0x1ff;
        let filter = parse_any_base(bytes)?;
        let process = self.kernel.tasks.process_mut(pid).filter(|process| process.mm.is_some());
        process.ok_or(Errno::ESRCH)?.coredump_filter = filter & KINDS;
        Ok(())
    }

    /// Sets how late timers of a process's first task may be; 0 is what it began with (Linux 6.12 fs/proc/base.c
    /// `timerslack_ns_write`).
    ///
    /// # Errors
    /// `EPERM` for another process without `CAP_SYS_NICE`, `EINVAL` for no number, `ESRCH`.
    pub(super) fn write_timer_slack(&mut self, pid: Pid, bytes: &[u8]) -> Result<(), Errno> {
        let slack_ns = u64::try_from(parse_number(bytes)?).map_err(|_| Errno::EINVAL)?;
        if pid != self.pid && !self.credentials().can(Capabilities::SYS_NICE) {
            return Err(Errno::EPERM);
        }
        let task = self.kernel.tasks.task_mut(pid).ok_or(Errno::ESRCH)?;
        if !task.scheduling.policy.is_real_time() {
            task.timer_slack_ns = if slack_ns == 0 { task.default_timer_slack_ns } else { slack_ns };
        }
        Ok(())
    }
}

/// Reads a number as C writes it: hexadecimal after `0x`, octal after `0` (`kstrtouint` with base 0).
fn parse_any_base(bytes: &[u8]) -> Result<u32, Errno> {
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?.trim_end();
    let (digits, base) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    u32::from_str_radix(digits, base).map_err(|_| Errno::EINVAL)
}
