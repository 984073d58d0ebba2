//! Failures on request: the Nth fork, exec, other system call, frame or page copy of a run fails, so that a program's error
//! paths can be seen.
//!
//! ```text
//!   injection = target ":" when [ "=" errno ]
//!   target    = "fork" | "exec" | "frame" | "copy" | the name of a system call
//!   when      = N | N "+"
//! ```
//!
//! The first of its kind in the whole machine is number 1. A call that is made to fail does nothing else.

use crate::syscall::SYSCALLS;
use crate::{Errno, mm};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What is made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `clone` and `clone3` that make a process, vfork's kind included.
    Fork,
    /// `execve` and `execveat`.
    Exec,
    /// The allocation of a frame.
    Frame,
    /// The copy of a page, by a fault or an eager fork.
    Copy,
    /// The system call of this name.
    Call(&'static str),
}

/// Which ones fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// One.
    Nth(u64),
    /// One and all behind it.
    From(u64),
}

/// A failure that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// What fails.
    pub target: Target,
    /// Which of them.
    pub when: When,
    /// What the program is told. Frames and copies have their own consequences.
    pub errno: Errno,
}

/// Why a text asks for no failure.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InjectionError {
    /// Not of the form.
    #[error("\"{0}\" does not say what fails and when")]
    Form(String),
    /// No such target.
    #[error("\"{0}\" is no system call that Tine has")]
    Target(String),
    /// Not a number from 1 on.
    #[error("\"{0}\" is not a number from 1 on")]
    When(String),
    /// No such error, or none where one is needed.
    #[error("{0} needs the name of an error")]
    Errno(String),
    /// No error has this name.
    #[error("no error is called \"{0}\"")]
    UnknownErrno(String),
    /// An error for what returns none.
    #[error("{0} takes no error: the process that needs it ends")]
    NoChoice(&'static str),
}

impl Target {
    fn find(name: &str) -> Option<Self> {
        Some(match name {
            "fork" => Self::Fork,
            "exec" => Self::Exec,
            "frame" => Self::Frame,
            "copy" => Self::Copy,
            name => Self::Call(SYSCALLS.iter().find(|row| row.name == name)?.name),
        })
    }

    /// Returns the errno that Linux gives when it runs short of what the target needs.
    fn usual_errno(self) -> Option<Errno> {
        match self {
            Self::Fork => Some(Errno::EAGAIN),
            Self::Exec | Self::Frame | Self::Copy | Self::Call("mmap" | "mremap" | "mprotect" | "brk") => {
                Some(Errno::ENOMEM)
            }
            Self::Call(_) => None,
        }
    }

    /// Tells whether it is memory that fails, and no call.
    pub(crate) fn is_of_memory(self) -> bool {
        matches!(self, Self::Frame | Self::Copy)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Exec => "exec",
            Self::Frame => "frame",
            Self::Copy => "copy",
            Self::Call(name) => name,
        }
    }
}

impl FromStr for Injection {
    type Err = InjectionError;

    fn from_str(text: &str) -> Result<Self, InjectionError> {
        let (name, rest) = text.split_once(':').ok_or_else(|| InjectionError::Form(text.to_owned()))?;
        let target = Target::find(name).ok_or_else(|| InjectionError::Target(name.to_owned()))?;
        let (when, errno) = match rest.split_once('=') {
            Some(_) if target.is_of_memory() => return Err(InjectionError::NoChoice(target.name())),
            Some((when, name)) => {
                let errno = Errno::from_name(name);
                (when, Some(errno.ok_or_else(|| InjectionError::UnknownErrno(name.to_owned()))?))
            }
            None => (rest, target.usual_errno()),
        };
        let (number, is_first) = match when.strip_suffix('+') {
            Some(number) => (number, true),
            None => (when, false),
        };
        let number = number.parse().ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| InjectionError::When(when.to_owned()))?;
        let when = if is_first { When::From(number) } else { When::Nth(number) };
        let errno = errno.ok_or_else(|| InjectionError::Errno(text.to_owned()))?;
        Ok(Self { target, when, errno })
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.target.name())?;
        match self.when {
            When::Nth(number) => write!(f, "{number}")?,
            When::From(number) => write!(f, "{number}+")?,
        }
        match self.target {
            Target::Frame | Target::Copy => Ok(()),
            _ => write!(f, "={}", self.errno.name()),
        }
    }
}

/// The failures asked for, and how many of each kind there have been.
#[derive(Clone, Debug, Default)]
pub struct Injections(Vec<Counted>);

#[derive(Clone, Copy, Debug)]
struct Counted {
    injection: Injection,
    seen: u64,
}

impl Injections {
    /// Takes those of `injections` that are made to `targets`.
    pub(crate) fn of(injections: &[Injection], targets: impl Fn(Target) -> bool) -> Self {
        let wanted = injections.iter().filter(|injection| targets(injection.target));
        Self(wanted.map(|&injection| Counted { injection, seen: 0 }).collect())
    }

    /// Tells whether no failure was asked for, as nearly always.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts one of `target`, and returns its errno if it is to fail.
    #[inline]
    pub(crate) fn strike(&mut self, target: Target) -> Option<Errno> {
        if self.is_empty() { None } else { self.count(target) }
    }

    fn count(&mut self, target: Target) -> Option<Errno> {
        let mut errno = None;
        for counted in self.0.iter_mut().filter(|counted| counted.injection.target == target) {
            counted.seen += 1;
            let is_due = match counted.injection.when {
                When::Nth(number) => counted.seen == number,
                When::From(number) => counted.seen >= number,
            };
            errno = errno.or(is_due.then_some(counted.injection.errno));
        }
        errno
    }

    /// The same for a frame or a copy.
    ///
    /// # Errors
    /// When it is to fail.
    pub(crate) fn strike_memory(&mut self, target: Target) -> Result<(), mm::OutOfMemory> {
        self.strike(target).map_or(Ok(()), |_| Err(mm::OutOfMemory))
    }

    /// Returns the failures that did not come about, each with how many of its kind there were.
    pub fn unmet(&self) -> impl Iterator<Item = (Injection, u64)> {
        let is_unmet = |counted: &&Counted| match counted.injection.when {
            When::Nth(number) | When::From(number) => counted.seen < number,
        };
        self.0.iter().filter(is_unmet).map(|counted| (counted.injection, counted.seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_target_number_and_errno() {
        let parse = |text: &str| text.parse::<Injection>();
        assert_eq!(
            parse("fork:3"),
            Ok(Injection { target: Target::Fork, when: When::Nth(3), errno: Errno::EAGAIN })
        );
        assert_eq!(
            parse("read:2+=EIO"),
            Ok(Injection { target: Target::Call("read"), when: When::From(2), errno: Errno::EIO })
        );
        for text in ["fork:3=ENOMEM", "exec:1=ENOMEM", "frame:100+", "copy:7", "mmap:2=ENOMEM"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("fork"), Err(InjectionError::Form("fork".to_owned())));
        assert_eq!(parse("knit:1"), Err(InjectionError::Target("knit".to_owned())));
        assert_eq!(parse("fork:0"), Err(InjectionError::When("0".to_owned())));
        assert_eq!(parse("fork:-1"), Err(InjectionError::When("-1".to_owned())));
        assert_eq!(parse("read:2"), Err(InjectionError::Errno("read:2".to_owned())));
        assert_eq!(parse("read:2=EWHAT"), Err(InjectionError::UnknownErrno("EWHAT".to_owned())));
        assert_eq!(parse("frame:2=EIO"), Err(InjectionError::NoChoice("frame")));
    }

    #[test]
    fn what_never_came_about_is_known() {
        let asked = ["fork:2", "fork:4+", "exec:1"].map(|text| text.parse().unwrap());
        let mut injections = Injections::of(&asked, |target| target == Target::Fork);
        let struck: Vec<_> = (0..3).map(|_| injections.strike(Target::Fork).is_some()).collect();
        assert_eq!(struck, [false, true, false]);
        assert_eq!(injections.unmet().collect::<Vec<_>>(), [(asked[1], 3)]);
        assert!(injections.strike(Target::Fork).is_some() && injections.strike(Target::Fork).is_some());
        assert_eq!(injections.unmet().count(), 0);
    }
}
