//! Values of options that are more than a word or a number.

use std::collections::BTreeSet;
use std::num::ParseIntError;
use std::path::{Component, Path, PathBuf};
use thiserror::Error;
use tine_machine::fs::Writes;
use tine_machine::inject::{Injection, InjectionError};
use tine_machine::{CostModel, Interest, PAGE_SIZE, TlbConfig, syscall};

/// A value that an option cannot take.
#[derive(Debug, Error)]
#[error("{problem}")]
pub(crate) struct BadValue {
    /// What is wrong with it.
    pub(crate) problem: String,
    /// What the option takes instead.
    pub(crate) remedy: String,
}

impl BadValue {
    pub(crate) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}

/// Reads a size in bytes: `65536`, `64K`, `512M`, `2GiB`.
pub(crate) fn size(text: &str) -> Result<u64, BadValue> {
    let not_a_size =
        || BadValue::new("it is not a size", "a number of bytes, or one with K, M or G: --mem 512M");
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    let shift = match unit.to_ascii_lowercase().trim_end_matches("ib") {
        "" if !unit.eq_ignore_ascii_case("ib") => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err(not_a_size()),
    };
    let number: u64 = digits.parse().map_err(|_| not_a_size())?;
    let bytes = number.checked_mul(1 << shift).ok_or_else(not_a_size)?;
    if bytes == 0 || !bytes.is_multiple_of(PAGE_SIZE) {
        return Err(BadValue::new("it is no whole number of 4 KiB pages", "a multiple of 4K: --mem 512M"));
    }
    Ok(bytes)
}

/// Reads an environment variable: `NAME=VALUE`.
pub(crate) fn environment(text: &str) -> Result<(String, String), BadValue> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(BadValue::new("it is not NAME=VALUE", "a name and a value: -E LANG=C")),
    }
}

/// What `--dir` grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirSpec {
    /// As the user wrote it.
    pub(crate) shown: String,
    /// The directory or file.
    pub(crate) host: PathBuf,
    /// Where the guest sees it; the same as on the host if it is not said.
    pub(crate) guest: Option<PathBuf>,
    /// What becomes of changes.
    pub(crate) writes: Writes,
}

/// Reads what is granted, and where it is to be seen: `HOST`, `HOST::GUEST`, each
/// with `:rw` when the guest may change it.
pub(crate) fn directory(text: &str) -> Result<DirSpec, BadValue> {
    const REMEDY: &str =
        "a directory or file, and where the guest sees it: --dir data::/data or --dir data::/data:rw";
    let (place, writes) = match text.strip_suffix(":rw") {
        Some(place) => (place, Writes::Through),
        None => (text, Writes::InMemory),
    };
    let (host, guest) = match place.split_once("::") {
        Some((host, guest)) => (host, Some(Path::new(guest))),
        None => (place, None),
    };
    if host.is_empty() {
        return Err(BadValue::new("it names nothing of the host", REMEDY));
    }
    if guest
        .is_some_and(|guest| !guest.is_absolute() || guest.components().any(|it| it == Component::ParentDir))
    {
        return Err(BadValue::new("the guest's path is not an absolute path without ..", REMEDY));
    }
    let guest = guest.map(|guest| guest.components().collect());
    Ok(DirSpec { shown: text.to_owned(), host: host.into(), guest, writes })
}

/// Reads the shape of the TLBs.
pub(crate) fn tlb(text: &str) -> Result<TlbConfig, BadValue> {
    text.parse().map_err(|error: <TlbConfig as std::str::FromStr>::Err| {
        let presets = TlbConfig::PRESETS.map(|(name, _)| name).join(", ");
        BadValue::new(error.to_string(), format!("--tlb l1i=32,l1d=32,l2=1024x8:lru, or one of {presets}"))
    })
}

/// Where `--timeline` goes, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimelineSpec {
    pub(crate) file: PathBuf,
    pub(crate) format: TimelineFormat,
}

/// The forms of a time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimelineFormat {
    /// A picture.
    Svg,
    /// One JSON object.
    Json,
}

/// Reads a file whose ending says what is to be written to it.
pub(crate) fn timeline(text: &str) -> Result<TimelineSpec, BadValue> {
    let file = PathBuf::from(text);
    let format = match file.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => TimelineFormat::Svg,
        Some("json") => TimelineFormat::Json,
        _ => {
            return Err(BadValue::new(
                "its name does not say what to write",
                "a name that ends in .svg, for a picture, or in .json, for the figures: --timeline run.svg",
            ));
        }
    };
    Ok(TimelineSpec { file, format })
}

/// The system calls that `--strace-filter` lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyscallSet {
    names: BTreeSet<String>,
    /// Whether those that are named are left out.
    is_inverted: bool,
}

impl SyscallSet {
    /// Tells whether a call is let through.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.contains(name) != self.is_inverted
    }
}

/// Reads a set of system calls: `openat,%process`, `!%memory`, `all`, `none`.
pub(crate) fn syscalls(text: &str) -> Result<SyscallSet, BadValue> {
    let (list, mut is_inverted) = match text.strip_prefix('!') {
        Some(list) => (list, true),
        None => (text, false),
    };
    let mut names = BTreeSet::new();
    for part in list.split(',') {
        let class = syscall::CLASSES.iter().find(|(class, _)| *class == part);
        match (part, class) {
            ("none", _) => {}
            ("all", _) if list == "all" => is_inverted = !is_inverted,
            (_, Some((_, calls))) => names.extend(calls.iter().map(|call| (*call).to_owned())),
            _ if syscall::is_known(part) => {
                names.insert(part.to_owned());
            }
            _ => {
                let classes: Vec<_> = syscall::CLASSES.iter().map(|(class, _)| *class).collect();
                return Err(BadValue::new(
                    format!("\"{part}\" is no system call of riscv64 and no class of them"),
                    format!(
                        "names, or {}, with commas between; ! before them for all others",
                        classes.join(", ")
                    ),
                ));
            }
        }
    }
    Ok(SyscallSet { names, is_inverted })
}

/// Reads what is to fail.
pub(crate) fn injection(text: &str) -> Result<Injection, BadValue> {
    text.parse().map_err(|error: InjectionError| {
        BadValue::new(
            error.to_string(),
            "--fail fork:3, exec:1, mmap:5, frame:100, copy:7, or read:2=EIO for any call",
        )
    })
}

/// Reads a cost model.
pub(crate) fn cost(text: &str) -> Result<CostModel, BadValue> {
    text.parse().map_err(|error: <CostModel as std::str::FromStr>::Err| {
        let presets = CostModel::PRESETS.map(|(name, _)| name).join(" or ");
        let parameters: Vec<_> = CostModel::default().parameters().iter().map(|(name, ..)| *name).collect();
        BadValue::new(
            error.to_string(),
            format!("{presets}, and cycles for some of {}", parameters.join(", ")),
        )
    })
}

/// What `--trace` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceSpec {
    /// The kinds of event.
    pub(crate) events: Interest,
    /// The tasks; none means all.
    pub(crate) pids: Vec<i32>,
}

/// The kinds of event that `--trace` takes, by name.
const KINDS: [(&str, Interest); 11] = [
    ("trap", Interest::TRAP),
    ("fault", Interest::FAULT),
    ("fence", Interest::FENCE),
    ("fork", Interest::FORK),
    ("exec", Interest::EXEC),
    ("exit", Interest::EXIT),
    ("switch", Interest::SWITCH),
    ("signal", Interest::SIGNAL),
    ("syscall", Interest::SYSCALL),
    ("insn", Interest::INSTRUCTION),
    ("copy", Interest::COPY),
];

/// Reads what is to be traced: `fault,fence,pid=2`.
pub(crate) fn trace(text: &str) -> Result<TraceSpec, BadValue> {
    let mut spec = TraceSpec::default();
    for part in text.split(',') {
        if let Some(number) = part.strip_prefix("pid=") {
            let pid = number.parse().map_err(|_: ParseIntError| {
                BadValue::new(
                    format!("\"{number}\" is not a process"),
                    "a process by its number: --trace fault,pid=2",
                )
            })?;
            spec.pids.push(pid);
        } else if part == "all" {
            spec.events |= Interest::COLD;
        } else if let Some(&(_, kind)) = KINDS.iter().find(|(name, _)| *name == part) {
            spec.events |= kind;
        } else {
            let names = KINDS.map(|(name, _)| name).join(", ");
            return Err(BadValue::new(
                format!("\"{part}\" is not a kind of event"),
                format!("some of {names}, all, and pid=N, with commas between"),
            ));
        }
    }
    if spec.events.is_empty() {
        return Err(BadValue::new(
            "it names no event",
            "kinds of event before the process: --trace fault,pid=2",
        ));
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes) in
            [("4096", 4096), ("64K", 65536), ("512M", 512 << 20), ("2g", 2 << 30), ("1GiB", 1 << 30)]
        {
            assert_eq!(size(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "M", "lots", "1T", "1.5G", "-4096", "0", "4097", "12iB", "1kb", "17179869184G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_variable_needs_a_name() {
        assert_eq!(environment("A=b=c").unwrap(), ("A".to_owned(), "b=c".to_owned()));
        assert_eq!(environment("A=").unwrap(), ("A".to_owned(), String::new()));
        assert!(environment("A").is_err());
        assert!(environment("=b").is_err());
    }

    #[test]
    fn a_set_of_calls_is_names_and_classes() {
        let set = syscalls("openat,%network").unwrap();
        assert!(set.contains("openat") && set.contains("connect") && !set.contains("mmap"));
        let others = syscalls("!%memory,close").unwrap();
        assert!(!others.contains("mmap") && !others.contains("close") && others.contains("read"));
        let [all, none] = ["all", "none"].map(|text| syscalls(text).unwrap());
        assert!(
            all.contains("read") && !none.contains("read") && !syscalls("!all").unwrap().contains("read")
        );
        for text in ["", "read,", "reed", "%files", "network", "read;write"] {
            assert!(syscalls(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_trace_is_kinds_and_processes() {
        let spec = trace("fault,pid=2,pid=3").unwrap();
        assert_eq!(spec, TraceSpec { events: Interest::FAULT, pids: vec![2, 3] });
        let all = trace("all").unwrap().events;
        assert!(all.contains(Interest::SYSCALL | Interest::TRAP) && !all.contains(Interest::INSTRUCTION));
        assert_eq!(trace("insn").unwrap().events, Interest::INSTRUCTION);
        for text in ["", "pid=2", "fault,,fork", "faults", "fault,pid=two"] {
            assert!(trace(text).is_err(), "{text}");
        }
    }
}
