//! Structs of numbers: times, resource use, limits.

use super::{Bytes, Element, Shower, hex, show_flags, show_signal};
use crate::syscall::args::{Itimer, Itimerspec, Rlimit, Rusage, Timespec, Timeval, Tms};
use crate::syscall::mqueue::MqAttr;
use crate::syscall::posix_timer::SigEvent;
use crate::syscall::timex::Timex;

const CLOCK_TICKS: u64 = crate::syscall::CLOCK_TICKS;

impl Element for Timespec {
    const BYTES: usize = 16;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        format!("{{tv_sec={}, tv_nsec={}}}", bytes.i64(0), bytes.u64(8))
    }
}

impl Element for Timeval {
    const BYTES: usize = 16;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        format!("{{tv_sec={}, tv_usec={}}}", bytes.i64(0), bytes.i64(8))
    }
}

impl Element for Itimer {
    const BYTES: usize = 32;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let (interval, value) = (bytes.part::<Timeval>(0, shower), bytes.part::<Timeval>(16, shower));
        format!("{{it_interval={interval}, it_value={value}}}")
    }
}

impl Element for Itimerspec {
    const BYTES: usize = 32;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let (interval, value) = (bytes.part::<Timespec>(0, shower), bytes.part::<Timespec>(16, shower));
        format!("{{it_interval={interval}, it_value={value}}}")
    }
}

impl Element for SigEvent {
    const BYTES: usize = 64;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        let (value, signal, notify) = (bytes.u64(0), bytes.u32(8), bytes.i32(12));
        let value = match value {
            0 => String::new(),
            value => format!("sigev_value={{sival_int={}, sival_ptr={value:#x}}}, ", value as i32),
        };
        let is_signal = matches!(notify, Self::SIGNAL | Self::THREAD | Self::THREAD_ID);
        let number = if is_signal { show_signal(signal) } else { signal.to_string() };
        let notify = match notify {
            Self::SIGNAL => "SIGEV_SIGNAL".to_owned(),
            Self::NONE => "SIGEV_NONE".to_owned(),
            Self::THREAD => "SIGEV_THREAD".to_owned(),
            Self::THREAD_ID => format!("SIGEV_THREAD_ID, sigev_notify_thread_id={}", bytes.i32(16)),
            other => format!("{other:#x} /* SIGEV_??? */"),
        };
        format!("{{{value}sigev_signo={number}, sigev_notify={notify}}}")
    }
}

impl Element for MqAttr {
    const BYTES: usize = 64;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let flags = match (shower.index, bytes.u64(0)) {
            // mq_open ignores them.
            (3.., flags) => hex(flags),
            (_, flags) => show_flags(flags as u32, "0", &[(0o4000, "O_NONBLOCK")]),
        };
        let (most, size, count) = (bytes.i64(8), bytes.i64(16), bytes.i64(24));
        format!("{{mq_flags={flags}, mq_maxmsg={most}, mq_msgsize={size}, mq_curmsgs={count}}}")
    }
}

impl Element for Rusage {
    const BYTES: usize = 144;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let (user, system) = (bytes.part::<Timeval>(0, shower), bytes.part::<Timeval>(16, shower));
        format!("{{ru_utime={user}, ru_stime={system}, ...}}")
    }
}

impl Element for Rlimit {
    const BYTES: usize = 16;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        format!("{{rlim_cur={}, rlim_max={}}}", limit(bytes.u64(0)), limit(bytes.u64(8)))
    }
}

fn limit(limit: u64) -> String {
    match limit {
        u64::MAX => "RLIM64_INFINITY".to_owned(),
        1025.. if limit.is_multiple_of(1024) => format!("{}*1024", limit / 1024),
        _ => limit.to_string(),
    }
}

/// `ADJ_*` of adjtimex.
const ADJUSTMENTS: [(u32, &str); 13] = [
    (0xa001, "ADJ_OFFSET_SS_READ"),
    (0x8001, "ADJ_OFFSET_SINGLESHOT"),
    (0x1, "ADJ_OFFSET"),
    (0x2, "ADJ_FREQUENCY"),
    (0x4, "ADJ_MAXERROR"),
    (0x8, "ADJ_ESTERROR"),
    (0x10, "ADJ_STATUS"),
    (0x20, "ADJ_TIMECONST"),
    (0x80, "ADJ_TAI"),
    (0x100, "ADJ_SETOFFSET"),
    (0x1000, "ADJ_MICRO"),
    (0x2000, "ADJ_NANO"),
    (0x4000, "ADJ_TICK"),
];

/// `STA_*`, the state of the clock.
const CLOCK_STATUS: [(u32, &str); 16] = [
    (0x1, "STA_PLL"),
    (0x2, "STA_PPSFREQ"),
    (0x4, "STA_PPSTIME"),
    (0x8, "STA_FLL"),
    (0x10, "STA_INS"),
    (0x20, "STA_DEL"),
    (0x40, "STA_UNSYNC"),
    (0x80, "STA_FREQHOLD"),
    (0x100, "STA_PPSSIGNAL"),
    (0x200, "STA_PPSJITTER"),
    (0x400, "STA_PPSWANDER"),
    (0x800, "STA_PPSERROR"),
    (0x1000, "STA_CLOCKERR"),
    (0x2000, "STA_NANO"),
    (0x4000, "STA_MODE"),
    (0x8000, "STA_CLK"),
];

impl Element for Timex {
    const BYTES: usize = 208;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let modes = show_flags(bytes.u32(0), "0", &ADJUSTMENTS);
        let status = show_flags(bytes.u32(40), "0", &CLOCK_STATUS);
        let mut text = format!("{{modes={modes}");
        let mut field = |name: &str, value: String| text += &format!(", {name}={value}");
        for (name, at) in [("offset", 8), ("freq", 16), ("maxerror", 24), ("esterror", 32)] {
            field(name, bytes.i64(at).to_string());
        }
        field("status", status);
        for (name, at) in [("constant", 48), ("precision", 56), ("tolerance", 64)] {
            field(name, bytes.i64(at).to_string());
        }
        field("time", bytes.part::<Timeval>(72, shower));
        for (name, at) in [("tick", 88), ("ppsfreq", 96), ("jitter", 104)] {
            field(name, bytes.i64(at).to_string());
        }
        field("shift", bytes.i32(112).to_string());
        for (name, at) in
            [("stabil", 120), ("jitcnt", 128), ("calcnt", 136), ("errcnt", 144), ("stbcnt", 152)]
        {
            field(name, bytes.i64(at).to_string());
        }
        field("tai", bytes.i32(160).to_string());
        text + "}"
    }
}

impl Element for Tms {
    const BYTES: usize = 32;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        let [user, system, children_user, children_system] =
            [0, 8, 16, 24].map(|at| clock_ticks(bytes.u64(at)));
        format!(
            "{{tms_utime={user}, tms_stime={system}, tms_cutime={children_user}, tms_cstime={children_system}}}"
        )
    }
}

/// Prints a time in clock ticks.
pub(in crate::syscall) fn clock_ticks(ticks: u64) -> String {
    match ticks {
        0 => "0".to_owned(),
        _ => format!("{ticks} /* {}.{:02} s */", ticks / CLOCK_TICKS, ticks % CLOCK_TICKS),
    }
}

/// `struct timezone`.
pub(in crate::syscall) struct TimeZone;

impl Element for TimeZone {
    const BYTES: usize = 8;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        format!("{{tz_minuteswest={}, tz_dsttime={}}}", bytes.i32(0), bytes.i32(4))
    }
}

/// One of the two times of utimensat: what it sets, and the date.
pub(in crate::syscall) struct FileTime;

impl Element for FileTime {
    const BYTES: usize = 16;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        const UTIME_NOW: u64 = 0x3fff_ffff;
        const UTIME_OMIT: u64 = 0x3fff_fffe;
        let (seconds, nanoseconds) = (bytes.i64(0), bytes.u64(8));
        match nanoseconds {
            UTIME_NOW => "UTIME_NOW".to_owned(),
            UTIME_OMIT => "UTIME_OMIT".to_owned(),
            _ => format!("{}{}", bytes.part::<Timespec>(0, shower), date_comment(seconds, nanoseconds)),
        }
    }
}

/// Prints a time since 1970 as a date in UTC; nothing for no time at all.
fn date_comment(seconds: i64, nanoseconds: u64) -> String {
    const DAY_S: i64 = 86_400;
    /// Days in 400 years.
    const ERA_DAYS: i64 = 146_097;
    if (seconds, nanoseconds) == (0, 0) || nanoseconds >= 1_000_000_000 {
        return String::new();
    }
    // Years begin with March, so that the leap day is the last of its year.
    let days = seconds.div_euclid(DAY_S) + 719_468;
    let (era, day) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let second = seconds.rem_euclid(DAY_S);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction = if nanoseconds == 0 { String::new() } else { format!(".{nanoseconds:09}") };
    format!(" /* {year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}+0000 */")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date_comment(0, 0), "");
        assert_eq!(date_comment(951_782_400, 0), " /* 2000-02-29T00:00:00+0000 */");
        assert_eq!(date_comment(1_700_000_000, 5), " /* 2023-11-14T22:13:20.000000005+0000 */");
        assert_eq!(date_comment(-1, 0), " /* 1969-12-31T23:59:59+0000 */");
    }

    #[test]
    fn limits_are_shown_in_kib_where_they_are_whole() {
        assert_eq!(limit(u64::MAX), "RLIM64_INFINITY");
        assert_eq!(limit(8 << 20), "8192*1024");
        assert_eq!(limit(1024), "1024");
        assert_eq!(limit(1500), "1500");
    }
}
