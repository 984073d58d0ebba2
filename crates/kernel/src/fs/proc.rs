//! The tree of `/proc` (proc(5)): names and kinds only.
//!
//! Nothing of it is stored. A [`ProcNode`] is a value that names a place; which processes exist comes from [`Processes`],
//! and the text of a file from whoever reads it (see [`super::ReadSource::Proc`]).

use super::{FdTableId, FileType, FixedNode, Node, WorkDirId};
use crate::creds::Credentials;
use crate::task::SignalSet;
use crate::{Fd, Pid};

/// Declares the files of one directory of `/proc`: variant, name and permissions.
macro_rules! proc_files {
    ($(#[$doc:meta])* pub enum $enum:ident { $($(#[$row_doc:meta])* $row:ident = $text:literal, $mode:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum {
            $($(#[$row_doc])* $row,)*
        }

        impl $enum {
            /// Every row, in the order in which the directory lists them.
            pub const ALL: &[Self] = &[$(Self::$row),*];

            /// Returns the name in the directory.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$row => $text,)*
                }
            }

            /// Returns the permission bits.
            const fn permissions(self) -> u32 {
                match self {
                    $(Self::$row => $mode,)*
                }
            }

            fn named(name: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|row| row.name().as_bytes() == name)
            }
        }
    };
}

proc_files! {
    /// A text file directly in `/proc`.
    pub enum ProcFile {
        /// `/proc/buddyinfo`.
        Buddyinfo = "buddyinfo", 0o444;
        /// `/proc/cmdline`.
        Cmdline = "cmdline", 0o444;
        /// `/proc/cpuinfo`.
        Cpuinfo = "cpuinfo", 0o444;
        /// `/proc/devices`.
        Devices = "devices", 0o444;
        /// `/proc/diskstats`.
        Diskstats = "diskstats", 0o444;
        /// `/proc/filesystems`.
        Filesystems = "filesystems", 0o444;
        /// `/proc/loadavg`.
        Loadavg = "loadavg", 0o444;
        /// `/proc/locks`.
        Locks = "locks", 0o444;
        /// `/proc/meminfo`.
        Meminfo = "meminfo", 0o444;
        /// `/proc/partitions`.
        Partitions = "partitions", 0o444;
        /// `/proc/stat`.
        Stat = "stat", 0o444;
        /// `/proc/swaps`.
        Swaps = "swaps", 0o444;
        /// `/proc/uptime`.
        Uptime = "uptime", 0o444;
        /// `/proc/version`.
        Version = "version", 0o444;
        /// `/proc/vmstat`.
        Vmstat = "vmstat", 0o444;
    }
}

proc_files! {
    /// A link directly in `/proc`.
    pub enum ProcLink {
        /// `/proc/mounts`, which leads to those of the caller.
        Mounts = "mounts", 0o777;
        /// `/proc/net`, which leads to that of the caller.
        Net = "net", 0o777;
        /// `/proc/self`, which leads to the caller's process.
        SelfLink = "self", 0o777;
        /// `/proc/thread-self`, which leads to the caller itself.
        ThreadSelf = "thread-self", 0o777;
    }
}

proc_files! {
    /// A text file of a process or a task.
    pub enum PidFile {
        /// `auxv`: the auxiliary vector.
        Auxv = "auxv", 0o400;
        /// `children`: of one task.
        Children = "children", 0o444;
        /// `cgroup`.
        Cgroup = "cgroup", 0o444;
        /// `clear_refs`: forgets which pages were used.
        ClearRefs = "clear_refs", 0o200;
        /// `cmdline`.
        Cmdline = "cmdline", 0o444;
        /// `comm`.
        Comm = "comm", 0o644;
        /// `coredump_filter`: which memory belongs into a core file.
        CoredumpFilter = "coredump_filter", 0o644;
        /// `environ`.
        Environ = "environ", 0o400;
        /// `gid_map`: which groups outside are which inside.
        GidMap = "gid_map", 0o644;
        /// `io`.
        Io = "io", 0o400;
        /// `limits`.
        Limits = "limits", 0o444;
        /// `loginuid`: who logged in.
        Loginuid = "loginuid", 0o644;
        /// `maps`.
        Maps = "maps", 0o444;
        /// `mem`: the memory itself.
        Mem = "mem", 0o600;
        /// `mountinfo`.
        Mountinfo = "mountinfo", 0o444;
        /// `mounts`.
        Mounts = "mounts", 0o444;
        /// `mountstats`.
        Mountstats = "mountstats", 0o400;
        /// `oom_adj`: `oom_score_adj` as it was before Linux 2.6.36.
        OomAdj = "oom_adj", 0o644;
        /// `oom_score`.
        OomScore = "oom_score", 0o444;
        /// `oom_score_adj`.
        OomScoreAdj = "oom_score_adj", 0o644;
        /// `pagemap`: 8 bytes for each page of the address space.
        Pagemap = "pagemap", 0o400;
        /// `personality`.
        Personality = "personality", 0o400;
        /// `projid_map`.
        ProjidMap = "projid_map", 0o644;
        /// `sessionid`: of the login.
        Sessionid = "sessionid", 0o444;
        /// `setgroups`.
        Setgroups = "setgroups", 0o644;
        /// `smaps`.
        Smaps = "smaps", 0o444;
        /// `smaps_rollup`.
        SmapsRollup = "smaps_rollup", 0o444;
        /// `stat`.
        Stat = "stat", 0o444;
        /// `statm`.
        Statm = "statm", 0o444;
        /// `status`.
        Status = "status", 0o444;
        /// `timerslack_ns`.
        TimerslackNs = "timerslack_ns", 0o666;
        /// `uid_map`: which users outside are which inside.
        UidMap = "uid_map", 0o644;
        /// `wchan`.
        Wchan = "wchan", 0o444;
    }
}

impl PidFile {
    /// Tells whether a directory has this file: a few are about one task, others about the process as a whole.
    fn is_of(self, subject: Subject) -> bool {
        match self {
            Self::Children => matches!(subject, Subject::Task(..)),
            Self::CoredumpFilter | Self::Mountstats | Self::Setgroups | Self::TimerslackNs => {
                matches!(subject, Subject::Process(_))
            }
            _ => true,
        }
    }

    /// Tells whether only those who may look into the process may open this (Linux 6.12 fs/proc/base.c `proc_mem_open`).
    pub(super) const fn shows_memory(self) -> bool {
        self.needs_memory() || matches!(self, Self::Maps | Self::Pagemap | Self::Smaps | Self::SmapsRollup)
    }

    /// Tells whether it cannot be opened of a task that has no memory any more.
    pub(super) const fn needs_memory(self) -> bool {
        matches!(self, Self::Auxv | Self::Environ | Self::Mem)
    }
}

proc_files! {
    /// A text file of `/proc/<pid>/net`: there is one network for all.
    pub enum NetFile {
        /// `dev`.
        Dev = "dev", 0o444;
        /// `if_inet6`.
        IfInet6 = "if_inet6", 0o444;
        /// `route`.
        Route = "route", 0o444;
        /// `tcp`.
        Tcp = "tcp", 0o444;
        /// `tcp6`.
        Tcp6 = "tcp6", 0o444;
        /// `udp`.
        Udp = "udp", 0o444;
        /// `udp6`.
        Udp6 = "udp6", 0o444;
        /// `unix`.
        Unix = "unix", 0o444;
    }
}

proc_files! {
    /// A link of a process or a task that leads to the file itself, whatever its name has become.
    pub enum PidLink {
        /// `cwd`.
        Cwd = "cwd", 0o777;
        /// `exe`.
        Exe = "exe", 0o777;
        /// `root`.
        Root = "root", 0o777;
    }
}

/// Whose directory a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A process: `/proc/<pid>`.
    Process(Pid),
    /// A task of a process: `/proc/<pid>/task/<tid>`.
    Task(Pid, Pid),
}

impl Subject {
    /// Returns the process, or the one that the task belongs to.
    pub const fn process(self) -> Pid {
        match self {
            Self::Process(pid) | Self::Task(pid, _) => pid,
        }
    }

    /// Returns the number that names the directory.
    pub const fn number(self) -> Pid {
        match self {
            Self::Process(pid) => pid,
            Self::Task(_, tid) => tid,
        }
    }
}

/// A place in `/proc`, or in `/sys`, whose files are as fixed as those of `/proc/sys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcNode {
    /// `/proc` itself.
    Root,
    /// A text file directly in `/proc`.
    File(ProcFile),
    /// A link directly in `/proc`.
    Link(ProcLink),
    /// A place in `/proc/sys` or `/sys`.
    Fixed(FixedNode),
    /// `/proc/<pid>`, or a task's directory.
    Process(Subject),
    /// A text file in there.
    ProcessFile(Subject, PidFile),
    /// A link in there.
    ProcessLink(Subject, PidLink),
    /// `/proc/<pid>/task`.
    TaskDirectory(Pid),
    /// `/proc/<pid>/fd`.
    FdDirectory(Subject),
    /// `/proc/<pid>/fd/<n>`, a link to what the descriptor has open.
    FdLink(Subject, Fd),
    /// `/proc/<pid>/net`.
    NetDirectory(Subject),
    /// A text file in there.
    NetFile(Subject, NetFile),
    /// `/proc/<pid>/fdinfo`.
    FdInfoDirectory(Subject),
    /// `/proc/<pid>/fdinfo/<n>`, a text about the descriptor.
    FdInfo(Subject, Fd),
}

/// What `/proc` and the look-up of paths through it need to know of the processes.
pub trait Processes {
    /// Returns every process, in ascending order.
    fn pids(&self) -> Vec<Pid>;

    /// Tells whether there is such a process.
    fn exists(&self, pid: Pid) -> bool;

    /// Returns the process that a task, or a process of this number, belongs to.
    fn process_of(&self, number: Pid) -> Option<Pid>;

    /// Returns the tasks of a process, in ascending order.
    fn tasks(&self, pid: Pid) -> Vec<Pid>;

    /// Returns the process on whose behalf the file system works.
    fn caller(&self) -> Pid;

    /// Returns the task of it that asked.
    fn caller_task(&self) -> Pid;

    /// Returns the credentials with which the file system works.
    fn credentials(&self) -> &Credentials;

    /// Returns the user and the group that the files of a process belong to.
    fn owner(&self, pid: Pid) -> (u32, u32);

    /// Tells whether the caller may look into a process.
    fn may_inspect(&self, pid: Pid) -> bool;

    /// Returns the signals that wait for the calling task, blocked ones too.
    fn held_signals(&self) -> SignalSet;

    /// Returns the process group of a process.
    fn group(&self, pid: Pid) -> Option<Pid>;

    /// Returns the session of a process.
    fn session(&self, pid: Pid) -> Option<Pid>;

    /// Tells whether a task has memory: one that has ended has none, though others of its process live on.
    fn has_memory(&self, task: Pid) -> bool;

    /// Returns the program of a task; `None` when the task or the file is gone.
    fn exe(&self, task: Pid) -> Option<Node>;

    /// Returns the working directory of a task; `None` when it has none any more.
    fn work_dir(&self, task: Pid) -> Option<WorkDirId>;

    /// Returns the descriptor table of a task; `None` when it has none any more.
    fn fd_table(&self, task: Pid) -> Option<FdTableId>;
}

/// Tells whether a directory's process or task is there.
fn exists(subject: Subject, processes: &dyn Processes) -> bool {
    match subject {
        Subject::Process(pid) => processes.exists(pid),
        Subject::Task(pid, tid) => processes.tasks(pid).contains(&tid),
    }
}

impl ProcNode {
    /// Tells whether the place is in `/sys`.
    pub(super) fn is_in_sysfs(self) -> bool {
        matches!(self, Self::Fixed(place) if place.is_in_sysfs())
    }

    /// Returns what kind of file this is.
    pub fn file_type(self) -> FileType {
        match self {
            Self::Root | Self::Process(_) | Self::TaskDirectory(_) => FileType::Directory,
            Self::FdDirectory(_) | Self::FdInfoDirectory(_) | Self::NetDirectory(_) => FileType::Directory,
            Self::Link(_) | Self::ProcessLink(..) | Self::FdLink(..) => FileType::Symlink,
            Self::File(_) | Self::ProcessFile(..) | Self::FdInfo(..) | Self::NetFile(..) => FileType::Regular,
            Self::Fixed(place) => place.file_type(),
        }
    }

    /// Returns the permission bits, except those of [`Self::FdLink`], which show how the descriptor was opened.
    pub(super) fn permissions(self) -> u32 {
        match self {
            Self::Root | Self::Process(_) | Self::TaskDirectory(_) => 0o555,
            Self::FdInfoDirectory(_) | Self::NetDirectory(_) => 0o555,
            Self::NetFile(_, file) => file.permissions(),
            Self::FdDirectory(_) => 0o500,
            Self::File(file) => file.permissions(),
            Self::Link(link) => link.permissions(),
            Self::Fixed(place) => place.permissions(),
            Self::ProcessFile(_, file) => file.permissions(),
            Self::ProcessLink(_, link) => link.permissions(),
            Self::FdInfo(..) => 0o444,
            Self::FdLink(..) => 0,
        }
    }

    /// Returns the process that this place is about.
    pub(super) const fn process(self) -> Option<Pid> {
        match self {
            Self::Root | Self::Link(_) | Self::File(_) | Self::Fixed(_) => None,
            Self::TaskDirectory(pid) => Some(pid),
            Self::Process(subject)
            | Self::ProcessFile(subject, _)
            | Self::ProcessLink(subject, _)
            | Self::FdDirectory(subject)
            | Self::FdLink(subject, _)
            | Self::NetDirectory(subject)
            | Self::NetFile(subject, _)
            | Self::FdInfoDirectory(subject)
            | Self::FdInfo(subject, _) => Some(subject.process()),
        }
    }

    /// Returns a number that no other place has (`st_ino`): the process or task above, the place below.
    pub(super) const fn number(self) -> u64 {
        const fn of(subject: Subject, place: u64) -> u64 {
            const OF_TASK: u64 = 1 << 62;
            match subject {
                Subject::Process(pid) => (pid.0 as u64) << 32 | place,
                Subject::Task(_, tid) => OF_TASK | (tid.0 as u64) << 32 | place,
            }
        }
        match self {
            Self::Root => 1,
            Self::File(file) => 0x100 + file as u64,
            Self::Link(link) => 0x200 + link as u64,
            Self::Fixed(place) => 0x1000 + place.index() as u64,
            Self::Process(subject) => of(subject, 1),
            Self::FdDirectory(subject) => of(subject, 2),
            Self::FdInfoDirectory(subject) => of(subject, 3),
            Self::TaskDirectory(pid) => of(Subject::Process(pid), 4),
            Self::NetDirectory(subject) => of(subject, 5),
            Self::NetFile(subject, file) => of(subject, 0x300 + file as u64),
            Self::ProcessFile(subject, file) => of(subject, 0x100 + file as u64),
            Self::ProcessLink(subject, link) => of(subject, 0x200 + link as u64),
            Self::FdLink(subject, fd) => of(subject, 0x1000_0000 + fd.0 as u64),
            Self::FdInfo(subject, fd) => of(subject, 0x2000_0000 + fd.0 as u64),
        }
    }

    /// Returns the directory that this place is in; that of a mounted root is not here.
    pub(super) fn parent(self) -> Option<Self> {
        match self {
            Self::Root => None,
            Self::File(_) | Self::Link(_) | Self::Process(Subject::Process(_)) => Some(Self::Root),
            Self::Fixed(place) => place.parent(),
            Self::Process(Subject::Task(pid, _)) => Some(Self::TaskDirectory(pid)),
            Self::TaskDirectory(pid) => Some(Self::Process(Subject::Process(pid))),
            Self::ProcessFile(subject, _)
            | Self::ProcessLink(subject, _)
            | Self::FdDirectory(subject)
            | Self::NetDirectory(subject)
            | Self::FdInfoDirectory(subject) => Some(Self::Process(subject)),
            Self::NetFile(subject, _) => Some(Self::NetDirectory(subject)),
            Self::FdLink(subject, _) => Some(Self::FdDirectory(subject)),
            Self::FdInfo(subject, _) => Some(Self::FdInfoDirectory(subject)),
        }
    }

    /// Returns the name in the parent directory.
    pub(super) fn name(self) -> String {
        match self {
            Self::Root => "proc".into(),
            Self::File(file) => file.name().into(),
            Self::Link(link) => link.name().into(),
            Self::Fixed(place) => place.name().into(),
            Self::Process(subject) => subject.number().to_string(),
            Self::ProcessFile(_, file) => file.name().into(),
            Self::ProcessLink(_, link) => link.name().into(),
            Self::TaskDirectory(_) => "task".into(),
            Self::NetDirectory(_) => "net".into(),
            Self::NetFile(_, file) => file.name().into(),
            Self::FdDirectory(_) => "fd".into(),
            Self::FdInfoDirectory(_) => "fdinfo".into(),
            Self::FdLink(_, fd) | Self::FdInfo(_, fd) => fd.to_string(),
        }
    }

    /// Lists a directory except its descriptors, which the file system knows: `.`, `..` are not in it either.
    pub(super) fn children(self, processes: &dyn Processes) -> Vec<Self> {
        match self {
            Self::Root => {
                let files = ProcFile::ALL.iter().copied().map(Self::File);
                let links = ProcLink::ALL.iter().copied().map(Self::Link);
                let mut children: Vec<Self> = files
                    .chain(links)
                    .chain([FixedNode::PROC_SYS, FixedNode::sysvipc()].map(Self::Fixed))
                    .collect();
                children.sort_by_cached_key(|child| child.name());
                let process = |pid| Self::Process(Subject::Process(pid));
                children.extend(processes.pids().into_iter().map(process));
                children
            }
            Self::Fixed(place) => place.children().map(Self::Fixed).collect(),
            Self::Process(subject) if exists(subject, processes) => {
                let files = PidFile::ALL.iter().filter(|file| file.is_of(subject));
                let files = files.map(|file| Self::ProcessFile(subject, *file));
                let links = PidLink::ALL.iter().map(|link| Self::ProcessLink(subject, *link));
                let directories =
                    [Self::FdDirectory(subject), Self::FdInfoDirectory(subject), Self::NetDirectory(subject)];
                let mut children: Vec<Self> = files.chain(links).chain(directories).collect();
                if let Subject::Process(pid) = subject {
                    children.push(Self::TaskDirectory(pid));
                }
                children.sort_by_cached_key(|child| child.name());
                children
            }
            Self::NetDirectory(subject) if exists(subject, processes) => {
                NetFile::ALL.iter().map(|file| Self::NetFile(subject, *file)).collect()
            }
            Self::TaskDirectory(pid) => {
                processes.tasks(pid).into_iter().map(|tid| Self::Process(Subject::Task(pid, tid))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Looks `name` up in a directory, descriptors except.
    pub(super) fn child(self, name: &[u8], processes: &dyn Processes) -> Option<Self> {
        match self {
            Self::Root => None
                .or_else(|| ProcFile::named(name).map(Self::File))
                .or_else(|| ProcLink::named(name).map(Self::Link))
                .or_else(|| (name == b"sys").then_some(Self::Fixed(FixedNode::PROC_SYS)))
                .or_else(|| (name == b"sysvipc").then(|| Self::Fixed(FixedNode::sysvipc())))
                .or_else(|| {
                    let number = Pid(parse_number(name)?);
                    let process = processes.process_of(number)?;
                    // A task that is not its process's first is found, though the directory does not list it.
                    Some(Self::Process(if process == number {
                        Subject::Process(process)
                    } else {
                        Subject::Task(process, number)
                    }))
                }),
            Self::Fixed(place) => place.child(name).map(Self::Fixed),
            // The directory of a process that is gone can still be somebody's working directory.
            Self::Process(subject) if !exists(subject, processes) => None,
            Self::Process(subject) => match (name, subject) {
                (b"fd", _) => Some(Self::FdDirectory(subject)),
                (b"fdinfo", _) => Some(Self::FdInfoDirectory(subject)),
                (b"net", _) => Some(Self::NetDirectory(subject)),
                (b"task", Subject::Process(pid)) => Some(Self::TaskDirectory(pid)),
                _ => PidFile::named(name)
                    .filter(|file| file.is_of(subject))
                    .map(|file| Self::ProcessFile(subject, file))
                    .or_else(|| PidLink::named(name).map(|link| Self::ProcessLink(subject, link))),
            },
            Self::NetDirectory(subject) if exists(subject, processes) => {
                NetFile::named(name).map(|file| Self::NetFile(subject, file))
            }
            Self::TaskDirectory(pid) => {
                let subject = Subject::Task(pid, Pid(parse_number(name)?));
                exists(subject, processes).then_some(Self::Process(subject))
            }
            _ => None,
        }
    }
}

/// Reads a decimal number as `/proc` writes it: no sign, no leading zero.
pub(super) fn parse_number(name: &[u8]) -> Option<i32> {
    let number: i32 = std::str::from_utf8(name).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == name).then_some(number)
}
