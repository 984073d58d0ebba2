//! The trees of `/proc/sys`, `/proc/sysvipc` and `/sys`: files whose places never change.

use super::{FileType, ProcNode};
use crate::ipc::IpcParameter;
use crate::mm::CommitParameter;

/// A parameter or fact of the kernel that has a file of its own (proc_sys(5), sysfs(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedFile {
    /// A text that is the same in every run.
    Constant(&'static str),
    /// A limit that the code obeys.
    Limit(u64),
    /// A parameter of the file system that can be set.
    Tunable(super::Tunable),
    /// `/proc/sys/kernel/osrelease`.
    OsRelease,
    /// `/proc/sys/kernel/version`.
    OsVersion,
    /// `/proc/sys/kernel/domainname`.
    Domainname,
    /// `/proc/sys/kernel/hostname`.
    Hostname,
    /// `/proc/sys/kernel/random/boot_id`: a UUID of the run.
    BootId,
    /// `/proc/sys/kernel/random/uuid`: another UUID at each read.
    Uuid,
    /// `/proc/sys/kernel/randomize_va_space`.
    RandomizeVaSpace,
    /// `/proc/sys/fs/file-nr`: open descriptions, free ones, the most there can be.
    FileNr,
    /// A limit of System V objects, which root may set.
    Ipc(IpcParameter),
    /// `/proc/sysvipc/msg` and its like.
    Sysvipc(IpcList),
    /// A parameter about promised memory, which root may set.
    Commit(CommitParameter),
    /// `/proc/sys/vm/max_map_count`: how many areas an address space may have.
    MaxMapCount,
    /// `/proc/sys/kernel/pid_max`: numbers of tasks stay below it.
    PidMax,
    /// `/proc/sys/kernel/ns_last_pid`: the number that was given last.
    LastPid,
    /// `/proc/sys/vm/drop_caches`: clean pages of the host's files that nobody maps leave.
    DropCaches,
    /// `/sys/kernel/mm/transparent_hugepage/enabled`: which memory gets huge pages.
    HugePages,
    /// `/sys/devices/system/cpu/online` and its like: the list of harts.
    Harts,
    /// `/sys/devices/system/node/online` and its like: the list of memory nodes.
    Nodes,
}

/// A list of System V objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpcList {
    /// Of message queues.
    Queues,
    /// Of sets of semaphores.
    Semaphores,
    /// Of segments of shared memory.
    Segments,
}

use FixedFile::*;

/// A row: the whole path, and the file there; a directory has none.
type Row = (&'static str, Option<FixedFile>);

const fn constant(path: &'static str, text: &'static str) -> Row {
    (path, Some(Constant(text)))
}

const fn limit(path: &'static str, limit: u64) -> Row {
    (path, Some(Limit(limit)))
}

const fn file(path: &'static str, file: FixedFile) -> Row {
    (path, Some(file))
}

const fn directory(path: &'static str) -> Row {
    (path, None)
}

/// Both trees. Directories precede what is in them, and names in a directory rise.
static ROWS: &[Row] = &[
    directory("/proc/sys"),
    directory("/proc/sys/fs"),
    limit("/proc/sys/fs/file-max", i64::MAX as u64),
    file("/proc/sys/fs/file-nr", FileNr),
    directory("/proc/sys/fs/inotify"),
    file("/proc/sys/fs/inotify/max_queued_events", Tunable(super::Tunable::InotifyEvents)),
    file("/proc/sys/fs/inotify/max_user_instances", Tunable(super::Tunable::InotifyInstances)),
    file("/proc/sys/fs/inotify/max_user_watches", Tunable(super::Tunable::InotifyWatches)),
    file("/proc/sys/fs/lease-break-time", Tunable(super::Tunable::LeaseBreakTime)),
    file("/proc/sys/fs/leases-enable", Tunable(super::Tunable::LeasesEnable)),
    directory("/proc/sys/fs/mqueue"),
    file("/proc/sys/fs/mqueue/msg_default", Tunable(super::Tunable::MqueueDefaultMessages)),
    file("/proc/sys/fs/mqueue/msg_max", Tunable(super::Tunable::MqueueMessages)),
    file("/proc/sys/fs/mqueue/msgsize_default", Tunable(super::Tunable::MqueueDefaultBytes)),
    file("/proc/sys/fs/mqueue/msgsize_max", Tunable(super::Tunable::MqueueBytes)),
    file("/proc/sys/fs/mqueue/queues_max", Tunable(super::Tunable::MqueueQueues)),
    limit("/proc/sys/fs/nr_open", crate::syscall::MOST_FDS),
    file("/proc/sys/fs/pipe-max-size", Tunable(super::Tunable::PipeMaxSize)),
    file("/proc/sys/fs/pipe-user-pages-hard", Tunable(super::Tunable::PipeUserPagesHard)),
    file("/proc/sys/fs/pipe-user-pages-soft", Tunable(super::Tunable::PipeUserPagesSoft)),
    constant("/proc/sys/fs/protected_hardlinks", "1"),
    constant("/proc/sys/fs/protected_symlinks", "1"),
    directory("/proc/sys/kernel"),
    constant("/proc/sys/kernel/arch", "riscv64"),
    constant("/proc/sys/kernel/cap_last_cap", "40"),
    constant("/proc/sys/kernel/core_pattern", "core"),
    file("/proc/sys/kernel/domainname", Domainname),
    file("/proc/sys/kernel/hostname", Hostname),
    file("/proc/sys/kernel/msg_next_id", Ipc(IpcParameter::NextQueue)),
    file("/proc/sys/kernel/msgmax", Ipc(IpcParameter::MessageBytes)),
    file("/proc/sys/kernel/msgmnb", Ipc(IpcParameter::QueueBytes)),
    file("/proc/sys/kernel/msgmni", Ipc(IpcParameter::Queues)),
    constant("/proc/sys/kernel/ngroups_max", "65536"),
    file("/proc/sys/kernel/ns_last_pid", LastPid),
    file("/proc/sys/kernel/osrelease", OsRelease),
    constant("/proc/sys/kernel/ostype", "Linux"),
    constant("/proc/sys/kernel/overflowgid", "65534"),
    constant("/proc/sys/kernel/overflowuid", "65534"),
    file("/proc/sys/kernel/pid_max", PidMax),
    directory("/proc/sys/kernel/random"),
    file("/proc/sys/kernel/random/boot_id", BootId),
    constant("/proc/sys/kernel/random/entropy_avail", "256"),
    constant("/proc/sys/kernel/random/poolsize", "256"),
    file("/proc/sys/kernel/random/uuid", Uuid),
    file("/proc/sys/kernel/randomize_va_space", RandomizeVaSpace),
    constant("/proc/sys/kernel/sched_rr_timeslice_ms", "100"),
    file("/proc/sys/kernel/sem", Ipc(IpcParameter::Semaphores)),
    file("/proc/sys/kernel/sem_next_id", Ipc(IpcParameter::NextSet)),
    file("/proc/sys/kernel/shm_next_id", Ipc(IpcParameter::NextSegment)),
    file("/proc/sys/kernel/shmall", Ipc(IpcParameter::AllPages)),
    file("/proc/sys/kernel/shmmax", Ipc(IpcParameter::SegmentBytes)),
    file("/proc/sys/kernel/shmmni", Ipc(IpcParameter::Segments)),
    constant("/proc/sys/kernel/tainted", "0"),
    limit("/proc/sys/kernel/threads-max", crate::task::PID_MAX as u64),
    file("/proc/sys/kernel/version", OsVersion),
    directory("/proc/sys/vm"),
    file("/proc/sys/vm/admin_reserve_kbytes", Commit(CommitParameter::AdminReserve)),
    file("/proc/sys/vm/drop_caches", DropCaches),
    constant("/proc/sys/vm/legacy_va_layout", "0"),
    file("/proc/sys/vm/max_map_count", MaxMapCount),
    limit("/proc/sys/vm/mmap_min_addr", crate::mm::LOWEST.0 << tine_mmu::PAGE_SHIFT),
    constant("/proc/sys/vm/nr_hugepages", "0"),
    file("/proc/sys/vm/overcommit_kbytes", Commit(CommitParameter::Kbytes)),
    file("/proc/sys/vm/overcommit_memory", Commit(CommitParameter::Mode)),
    file("/proc/sys/vm/overcommit_ratio", Commit(CommitParameter::Ratio)),
    constant("/proc/sys/vm/swappiness", "60"),
    file("/proc/sys/vm/user_reserve_kbytes", Commit(CommitParameter::UserReserve)),
    directory("/proc/sysvipc"),
    file("/proc/sysvipc/msg", Sysvipc(IpcList::Queues)),
    file("/proc/sysvipc/sem", Sysvipc(IpcList::Semaphores)),
    file("/proc/sysvipc/shm", Sysvipc(IpcList::Segments)),
    directory("/sys"),
    directory("/sys/devices"),
    directory("/sys/devices/system"),
    directory("/sys/devices/system/cpu"),
    file("/sys/devices/system/cpu/online", Harts),
    file("/sys/devices/system/cpu/possible", Harts),
    file("/sys/devices/system/cpu/present", Harts),
    directory("/sys/devices/system/node"),
    file("/sys/devices/system/node/online", Nodes),
    file("/sys/devices/system/node/possible", Nodes),
    directory("/sys/kernel"),
    directory("/sys/kernel/mm"),
    // Nothing merges pages, as where Linux has not been told to.
    directory("/sys/kernel/mm/ksm"),
    constant("/sys/kernel/mm/ksm/full_scans", "0"),
    constant("/sys/kernel/mm/ksm/pages_shared", "0"),
    constant("/sys/kernel/mm/ksm/pages_sharing", "0"),
    constant("/sys/kernel/mm/ksm/pages_unshared", "0"),
    constant("/sys/kernel/mm/ksm/run", "0"),
    directory("/sys/kernel/mm/transparent_hugepage"),
    // Nothing is moved to make room for a huge page, and nothing in the background makes any.
    constant("/sys/kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise madvise [never]"),
    file("/sys/kernel/mm/transparent_hugepage/enabled", HugePages),
    constant("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152"),
    constant(
        "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
        "always within_size advise [never] deny force",
    ),
    constant("/sys/kernel/mm/transparent_hugepage/use_zero_page", "1"),
];

/// A place in `/proc/sys` or `/sys`: the index of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FixedNode(u16);

impl FixedNode {
    /// `/proc/sys`.
    pub const PROC_SYS: Self = Self(0);

    /// Returns `/proc/sysvipc`.
    pub(super) fn sysvipc() -> Self {
        Self::at("/proc/sysvipc").expect("the table has it")
    }

    /// Returns `/sys`.
    pub(super) fn sysfs() -> Self {
        Self::at("/sys").expect("the table has it")
    }

    fn at(path: &str) -> Option<Self> {
        ROWS.iter().position(|row| row.0 == path).map(|index| Self(index as u16))
    }

    fn all() -> impl Iterator<Item = Self> {
        (0..ROWS.len() as u16).map(Self)
    }

    fn path(self) -> &'static str {
        ROWS[usize::from(self.0)].0
    }

    /// Returns the file; `None` for a directory.
    pub fn file(self) -> Option<FixedFile> {
        ROWS[usize::from(self.0)].1
    }

    /// Returns the number of the row.
    pub(super) const fn index(self) -> u16 {
        self.0
    }

    /// Tells whether the place is in `/sys`, and not in `/proc/sys`.
    pub(super) fn is_in_sysfs(self) -> bool {
        self.path().starts_with("/sys")
    }

    pub(super) fn file_type(self) -> FileType {
        if self.file().is_some() { FileType::Regular } else { FileType::Directory }
    }

    pub(super) fn permissions(self) -> u32 {
        match self.file() {
            None => 0o555,
            Some(DropCaches) => 0o200,
            Some(Ipc(IpcParameter::NextQueue | IpcParameter::NextSegment | IpcParameter::NextSet)) => 0o444,
            Some(Ipc(_) | Commit(_) | Tunable(_)) => 0o644,
            Some(Domainname | Hostname | HugePages | LastPid | MaxMapCount | PidMax) => 0o644,
            Some(_) => 0o444,
        }
    }

    pub(super) fn name(self) -> &'static str {
        self.split().1
    }

    /// Splits the path into the directory's and the name.
    fn split(self) -> (&'static str, &'static str) {
        self.path().rsplit_once('/').unwrap_or_default()
    }

    /// Returns the directory above: `/proc` for `/proc/sys`, none for `/sys`.
    pub(super) fn parent(self) -> Option<ProcNode> {
        match self.split().0 {
            "/proc" => Some(ProcNode::Root),
            above => Self::at(above).map(ProcNode::Fixed),
        }
    }

    /// Returns what is in the directory.
    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        Self::all().filter(move |place| place.split().0 == self.path())
    }

    /// Looks a name up in the directory.
    pub(super) fn child(self, name: &[u8]) -> Option<Self> {
        self.children().find(|place| place.name().as_bytes() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_but_the_roots_is_in_a_directory_of_the_table() {
        for place in
            FixedNode::all().filter(|place| !["/proc/sys", "/proc/sysvipc", "/sys"].contains(&place.path()))
        {
            let Some(ProcNode::Fixed(parent)) = place.parent() else { panic!("{}", place.path()) };
            assert_eq!(parent.file(), None, "{}", place.path());
            assert_eq!(parent.child(place.name().as_bytes()), Some(place));
        }
    }
}
