//! Resource limits (getrlimit(2)): what a process may use at most. fork copies them, exec keeps them.

use crate::creds::{Capabilities, Credentials};
use crate::mm;

/// No limit (`RLIM_INFINITY`).
pub const UNLIMITED: u64 = u64::MAX;

/// A soft and a hard limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// What holds.
    pub current: u64,
    /// What `current` may be raised to.
    pub maximum: u64,
}

/// Declares the resources in the order of their numbers: variant, name and unit in `/proc/<pid>/limits`, and what a root
/// process of Debian begins with.
macro_rules! resources {
    ($($(#[$doc:meta])* $resource:ident = $name:literal, $unit:literal, $current:expr, $maximum:expr;)*) => {
        /// A resource that can be limited. Its discriminant is its number (`RLIMIT_*`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Resource {
            $($(#[$doc])* $resource,)*
        }

        impl Resource {
            /// Every resource, lowest number first.
            pub const ALL: &[Self] = &[$(Self::$resource),*];

            /// Returns the name and the unit that `/proc/<pid>/limits` prints.
            pub const fn label(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$resource => ($name, $unit),)*
                }
            }
        }

        impl Default for Rlimits {
            fn default() -> Self {
                Self([$(Rlimit { current: $current, maximum: $maximum }),*])
            }
        }
    };
}

resources! {
    /// Time on a hart.
    Cpu = "Max cpu time", "seconds", UNLIMITED, UNLIMITED;
    /// Size up to which a file may be written.
    FileSize = "Max file size", "bytes", UNLIMITED, UNLIMITED;
    /// Private writable memory.
    Data = "Max data size", "bytes", UNLIMITED, UNLIMITED;
    /// The stack.
    Stack = "Max stack size", "bytes", 8 << 20, UNLIMITED;
    /// Core files, of which there are none.
    Core = "Max core file size", "bytes", 0, UNLIMITED;
    /// Resident memory. Linux does not enforce it.
    ResidentSet = "Max resident set", "bytes", UNLIMITED, UNLIMITED;
    /// Tasks of one user. Root has no limit.
    Processes = "Max processes", "processes", 7672, 7672;
    /// Descriptors: the highest is one less.
    OpenFiles = "Max open files", "files", 1024, 1 << 19;
    /// Memory that mlock(2) locks. It does not bind root.
    LockedMemory = "Max locked memory", "bytes", 8 << 20, 8 << 20;
    /// All memory that is mapped.
    AddressSpace = "Max address space", "bytes", UNLIMITED, UNLIMITED;
    /// File locks. Linux does not enforce it.
    FileLocks = "Max file locks", "locks", UNLIMITED, UNLIMITED;
    /// Signals that are held for processes.
    PendingSignals = "Max pending signals", "signals", 7672, 7672;
    /// Bytes in POSIX message queues, of which there are none.
    MessageQueues = "Max msgqueue size", "bytes", 819_200, 819_200;
    /// How far niceness may be lowered. It does not bind root.
    Nice = "Max nice priority", "", 0, 0;
    /// Real-time priority. It does not bind root.
    RealTimePriority = "Max realtime priority", "", 0, 0;
    /// Time between two sleeps of a real-time task. Not enforced.
    RealTime = "Max realtime timeout", "us", UNLIMITED, UNLIMITED;
}

impl Resource {
    /// Returns the resource with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// The limits of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimits([Rlimit; 16]);

impl Rlimits {
    /// Returns both limits of a resource.
    pub const fn get(&self, resource: Resource) -> Rlimit {
        self.0[resource as usize]
    }

    /// Returns what holds for a resource.
    pub const fn current(&self, resource: Resource) -> u64 {
        self.get(resource).current
    }

    /// Replaces both limits of a resource.
    pub const fn set(&mut self, resource: Resource, limit: Rlimit) {
        self.0[resource as usize] = limit;
    }

    /// Returns what `/proc/<pid>/limits` says (Linux 6.12 fs/proc/base.c `proc_pid_limits`).
    pub fn text(&self) -> String {
        let shown = |limit: u64| if limit == UNLIMITED { "unlimited".to_owned() } else { limit.to_string() };
        let line = |name: &str, [current, maximum]: [&str; 2], unit: &str| {
            let width = if unit.is_empty() { 0 } else { 10 };
            format!("{name:<25} {current:<20} {maximum:<20} {unit:<width$}\n")
        };
        let heading = line("Limit", ["Soft Limit", "Hard Limit"], "Units");
        let lines = Resource::ALL.iter().map(|resource| {
            let (Rlimit { current, maximum }, (name, unit)) = (self.get(*resource), resource.label());
            line(name, [&shown(current), &shown(maximum)], unit)
        });
        heading + &lines.collect::<String>()
    }

    /// Returns those that the memory manager enforces on who has these credentials.
    pub const fn of_memory(&self, credentials: &Credentials) -> mm::Limits {
        let locks_all = credentials.can(Capabilities::IPC_LOCK);
        let administers = credentials.can(Capabilities::SYS_ADMIN);
        mm::Limits {
            stack_bytes: self.current(Resource::Stack),
            data_bytes: self.current(Resource::Data),
            address_space_bytes: self.current(Resource::AddressSpace),
            locked_bytes: if locks_all { UNLIMITED } else { self.current(Resource::LockedMemory) },
            reserve: if administers { mm::Reserve::Usable } else { mm::Reserve::Kept },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_linuxs() {
        // asm-generic/resource.h
        for (number, resource) in [(1, Resource::FileSize), (3, Resource::Stack), (7, Resource::OpenFiles)] {
            assert_eq!(Resource::from_number(number), Some(resource));
        }
        assert_eq!(Resource::from_number(9), Some(Resource::AddressSpace));
        assert_eq!(Resource::from_number(15), Some(Resource::RealTime));
        assert_eq!(Resource::from_number(16), None);
    }

    #[test]
    fn text_is_as_linux_prints_it() {
        let text = Rlimits::default().text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "Limit                     Soft Limit           Hard Limit           Units     "
        );
        assert_eq!(
            lines[1],
            "Max cpu time              unlimited            unlimited            seconds   "
        );
        assert_eq!(
            lines[4],
            "Max stack size            8388608              unlimited            bytes     "
        );
        assert_eq!(lines[14], "Max nice priority         0                    0                    ");
        assert_eq!(lines.len(), 17);
    }

    #[test]
    fn memory_begins_with_the_limits_of_a_process() {
        assert_eq!(Rlimits::default().of_memory(Credentials::of_kernel()), mm::Limits::default());
    }
}
