//! The tree of `/proc` (proc(5)): names and kinds only.
//!
//! Nothing of it is stored. A [`ProcNode`] is a value that names a place; which processes exist comes from [`Processes`],
//! and the text of a file from whoever reads it (see [`super::ReadSource::Proc`]).

use super::{FdTableId, FileType, Node, WorkDirId};
use crate::{Fd, Pid};

/// Declares the files of one directory of `/proc`: variant and name.
macro_rules! proc_files {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$row_doc:meta])* $row:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$row_doc])* $row,)*
        }

        impl $name {
            /// Every row, in the order in which the directory lists them.
            pub const ALL: &[Self] = &[$(Self::$row),*];

            /// Returns the name in the directory.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$row => $text,)*
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
        /// `/proc/cpuinfo`.
        Cpuinfo = "cpuinfo",
        /// `/proc/filesystems`.
        Filesystems = "filesystems",
        /// `/proc/loadavg`.
        Loadavg = "loadavg",
        /// `/proc/meminfo`.
        Meminfo = "meminfo",
        /// `/proc/mounts`.
        Mounts = "mounts",
        /// `/proc/stat`.
        Stat = "stat",
        /// `/proc/uptime`.
        Uptime = "uptime",
        /// `/proc/version`.
        Version = "version",
        /// `/proc/vmstat`.
        Vmstat = "vmstat",
    }
}

proc_files! {
    /// A text file of a process.
    pub enum PidFile {
        /// `/proc/<pid>/cmdline`.
        Cmdline = "cmdline",
        /// `/proc/<pid>/comm`.
        Comm = "comm",
        /// `/proc/<pid>/environ`.
        Environ = "environ",
        /// `/proc/<pid>/limits`.
        Limits = "limits",
        /// `/proc/<pid>/maps`.
        Maps = "maps",
        /// `/proc/<pid>/stat`.
        Stat = "stat",
        /// `/proc/<pid>/statm`.
        Statm = "statm",
        /// `/proc/<pid>/status`.
        Status = "status",
    }
}

proc_files! {
    /// A link of a process that leads to the file itself, whatever its name has become.
    pub enum PidLink {
        /// `/proc/<pid>/cwd`.
        Cwd = "cwd",
        /// `/proc/<pid>/exe`.
        Exe = "exe",
        /// `/proc/<pid>/root`.
        Root = "root",
    }
}

/// A place in `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcNode {
    /// `/proc` itself.
    Root,
    /// `/proc/self`, a link to the caller's directory.
    SelfLink,
    /// A text file directly in `/proc`.
    File(ProcFile),
    /// `/proc/<pid>`.
    Process(Pid),
    /// A text file of a process.
    ProcessFile(Pid, PidFile),
    /// A link of a process.
    ProcessLink(Pid, PidLink),
    /// `/proc/<pid>/fd`.
    FdDirectory(Pid),
    /// `/proc/<pid>/fd/<n>`, a link to what the descriptor has open.
    FdLink(Pid, Fd),
}

/// What `/proc` and the look-up of paths through it need to know of the processes.
pub trait Processes {
    /// Returns every process, in ascending order.
    fn pids(&self) -> Vec<Pid>;

    /// Tells whether there is such a process.
    fn exists(&self, pid: Pid) -> bool;

    /// Returns the process on whose behalf the file system works.
    fn caller(&self) -> Pid;

    /// Returns the program of a process; `None` when the process or the file is gone.
    fn exe(&self, pid: Pid) -> Option<Node>;

    /// Returns the working directory of a process; `None` when it has none any more.
    fn work_dir(&self, pid: Pid) -> Option<WorkDirId>;

    /// Returns the descriptor table of a process; `None` when it has none any more.
    fn fd_table(&self, pid: Pid) -> Option<FdTableId>;
}

impl ProcNode {
    /// Returns what kind of file this is.
    pub const fn file_type(self) -> FileType {
        match self {
            Self::Root | Self::Process(_) | Self::FdDirectory(_) => FileType::Directory,
            Self::SelfLink | Self::ProcessLink(..) | Self::FdLink(..) => FileType::Symlink,
            Self::File(_) | Self::ProcessFile(..) => FileType::Regular,
        }
    }

    /// Returns the permission bits, except those of [`Self::FdLink`], which show how the descriptor was opened.
    pub(super) const fn permissions(self) -> u32 {
        match self {
            Self::Root | Self::Process(_) => 0o555,
            Self::FdDirectory(_) => 0o500,
            Self::SelfLink | Self::ProcessLink(..) => 0o777,
            Self::FdLink(..) => 0,
            Self::File(_) | Self::ProcessFile(..) => 0o444,
        }
    }

    /// Returns a number that no other place has (`st_ino`): the process above, the place below.
    pub(super) const fn number(self) -> u64 {
        const fn of(pid: Pid, place: u64) -> u64 {
            (pid.0 as u64) << 32 | place
        }
        match self {
            Self::Root => 1,
            Self::SelfLink => 2,
            Self::File(file) => 0x100 + file as u64,
            Self::Process(pid) => of(pid, 1),
            Self::FdDirectory(pid) => of(pid, 2),
            Self::ProcessFile(pid, file) => of(pid, 0x100 + file as u64),
            Self::ProcessLink(pid, link) => of(pid, 0x200 + link as u64),
            Self::FdLink(pid, fd) => of(pid, 0x1_0000 + fd.0 as u64),
        }
    }

    /// Returns the directory that this place is in; the root's is not in `/proc`.
    pub(super) const fn parent(self) -> Option<Self> {
        match self {
            Self::Root => None,
            Self::SelfLink | Self::File(_) | Self::Process(_) => Some(Self::Root),
            Self::ProcessFile(pid, _) | Self::ProcessLink(pid, _) | Self::FdDirectory(pid) => {
                Some(Self::Process(pid))
            }
            Self::FdLink(pid, _) => Some(Self::FdDirectory(pid)),
        }
    }

    /// Returns the name in the parent directory.
    pub(super) fn name(self) -> String {
        match self {
            Self::Root => "proc".into(),
            Self::SelfLink => "self".into(),
            Self::File(file) => file.name().into(),
            Self::Process(pid) => pid.to_string(),
            Self::ProcessFile(_, file) => file.name().into(),
            Self::ProcessLink(_, link) => link.name().into(),
            Self::FdDirectory(_) => "fd".into(),
            Self::FdLink(_, fd) => fd.to_string(),
        }
    }

    /// Lists a directory except its descriptors, which the file system knows: `.`, `..` are not in it either.
    pub(super) fn children(self, processes: &dyn Processes) -> Vec<Self> {
        match self {
            Self::Root => {
                let files = ProcFile::ALL.iter().copied().map(Self::File);
                let pids = processes.pids().into_iter().map(Self::Process);
                files.chain([Self::SelfLink]).chain(pids).collect()
            }
            Self::Process(pid) if processes.exists(pid) => {
                let files = PidFile::ALL.iter().map(|file| Self::ProcessFile(pid, *file));
                let links = PidLink::ALL.iter().map(|link| Self::ProcessLink(pid, *link));
                let mut children: Vec<Self> = files.chain(links).chain([Self::FdDirectory(pid)]).collect();
                children.sort_by_cached_key(|child| child.name());
                children
            }
            _ => Vec::new(),
        }
    }

    /// Looks `name` up in a directory, descriptors except.
    pub(super) fn child(self, name: &[u8], processes: &dyn Processes) -> Option<Self> {
        match self {
            Self::Root if name == b"self" => Some(Self::SelfLink),
            Self::Root => ProcFile::named(name).map(Self::File).or_else(|| {
                let pid = Pid(parse_number(name)?);
                processes.exists(pid).then_some(Self::Process(pid))
            }),
            // The directory of a process that is gone can still be somebody's working directory.
            Self::Process(pid) if !processes.exists(pid) => None,
            Self::Process(pid) if name == b"fd" => Some(Self::FdDirectory(pid)),
            Self::Process(pid) => PidFile::named(name)
                .map(|file| Self::ProcessFile(pid, file))
                .or_else(|| PidLink::named(name).map(|link| Self::ProcessLink(pid, link))),
            _ => None,
        }
    }
}

/// Reads a decimal number as `/proc` writes it: no sign, no leading zero.
pub(super) fn parse_number(name: &[u8]) -> Option<i32> {
    let number: i32 = std::str::from_utf8(name).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == name).then_some(number)
}
