//! Mounts: which file system is seen at which directory (mount_namespaces(7)). These are made before the first program runs;
//! [`super::mounting`] has what programs mount.
//!
//! ```text
//!   /            tmpfs, or what the user grants there (--root)
//!   /dev         devtmpfs        /dev/shm   tmpfs        /dev/pts   devpts
//!   /proc        proc           /sys       sysfs
//!   /tmp         tmpfs         /dev/mqueue  mqueue
//!   ...          what the user grants elsewhere (--dir)
//! ```

use super::device::Device;
use super::directory::Directory;
use super::flags::makedev;
use super::inode::{InodeId, InodeKind, Node};
use super::namespace::Vacant;
use super::path::{At, FinalLink, Found, Last};
use super::permission::Creation;
use super::tmpfs::TmpfsOptions;
use super::{Env, FixedNode, Fs, MountFlags, ProcNode};
use crate::{Errno, GrantId};

/// Numbers of mounts, and device numbers of file systems that have no device below them, count from here (Linux: `get_anon_bdev`).
const FIRST_DEVICE: u32 = 20;

super::slab::key! {
    /// A mount in [`Fs`].
    MountId
}

/// What becomes of changes to a granted file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// They stay in the machine's memory, and are forgotten with it.
    InMemory,
    /// The host makes them too (`:rw`).
    Through,
}

/// A file or directory of the host, and where the guest sees it. Its [`GrantId`] is its place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The absolute path in the machine.
    pub at: Vec<u8>,
    /// What becomes of changes.
    pub writes: Writes,
}

/// What kind of file system is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// Files in memory.
    Tmpfs,
    /// Devices, in memory.
    Devtmpfs,
    /// POSIX message queues.
    Mqueue,
    /// The slaves of terminals.
    Devpts,
    /// The processes.
    Proc,
    /// What the machine consists of.
    Sysfs,
    /// Files of the host.
    Granted(GrantId, Writes),
}

impl MountKind {
    /// Returns the name that `/proc/mounts` has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tmpfs => "tmpfs",
            Self::Devtmpfs => "devtmpfs",
            Self::Mqueue => "mqueue",
            Self::Devpts => "devpts",
            Self::Proc => "proc",
            Self::Sysfs => "sysfs",
            Self::Granted(_, Writes::InMemory) => "overlay",
            Self::Granted(_, Writes::Through) => "9p",
        }
    }
}

/// A mounted file system.
#[derive(Clone, Debug)]
pub(super) struct Mount {
    pub(super) kind: MountKind,
    /// The directory, or file, that it covers; the first mount covers nothing.
    pub(super) covers: Option<InodeId>,
    /// What is seen there.
    pub(super) root: Node,
    /// What is forbidden in it.
    pub(super) flags: MountFlags,
    /// What the program that mounted it called it.
    pub(super) source: Option<Vec<u8>>,
    /// Whether a program mounted it.
    pub(super) is_guests: bool,
    /// Whether it goes when it is asked for again (`MNT_EXPIRE`).
    pub(super) is_expiring: bool,
    /// What the program asked of a tmpfs.
    pub(super) options: TmpfsOptions,
}

impl Mount {
    pub(super) const fn new(kind: MountKind, covers: Option<InodeId>, root: Node) -> Self {
        let flags = MountFlags::empty();
        let options = TmpfsOptions::usual();
        Self { kind, covers, root, flags, source: None, is_guests: false, is_expiring: false, options }
    }
}

/// A mount as `/proc/mounts` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountRow {
    /// Its number.
    pub id: u32,
    /// The number of the mount that it is in; the first one is in none but itself.
    pub parent: u32,
    /// Its device number.
    pub device: u64,
    /// Where it is seen.
    pub at: Vec<u8>,
    /// What it is.
    pub kind: MountKind,
    /// What is forbidden in it.
    pub flags: MountFlags,
    /// What it is called.
    pub source: Vec<u8>,
    /// What was asked of it, each behind a comma.
    pub asked: String,
}

impl MountRow {
    /// Returns the words for how it may be used.
    fn options(&self) -> String {
        let mut options = if self.flags.contains(MountFlags::RDONLY) { "ro" } else { "rw" }.to_owned();
        let rows =
            [(MountFlags::NOSUID, ",nosuid"), (MountFlags::NODEV, ",nodev"), (MountFlags::NOEXEC, ",noexec")];
        rows.into_iter().filter(|(flag, _)| self.flags.contains(*flag)).for_each(|(_, word)| options += word);
        options + ",noatime" + &self.asked
    }

    /// Returns its line of `/proc/mounts` (fstab(5)).
    pub fn line(&self) -> String {
        let (kind, options) = (self.kind.name(), self.options());
        format!("{} {} {kind} {options} 0 0\n", escaped(&self.source), escaped(&self.at))
    }

    /// Returns its line of `/proc/<pid>/mountinfo` (proc_pid_mountinfo(5)).
    pub fn info_line(&self) -> String {
        let (kind, minor) = (self.kind.name(), self.id);
        format!(
            "{} {} 0:{minor} / {} {} - {kind} {} rw\n",
            self.id,
            self.parent,
            escaped(&self.at),
            self.options(),
            escaped(&self.source)
        )
    }

    /// Returns its line of `/proc/<pid>/mountstats` (proc_pid_mountstats(5)).
    pub fn stats_line(&self) -> String {
        let kind = self.kind.name();
        format!("device {} mounted on {} with fstype {kind}\n", escaped(&self.source), escaped(&self.at))
    }
}

/// Returns a name with `\040` for a space and the like (Linux 6.12 fs/proc_namespace.c `mangle`).
fn escaped(name: &[u8]) -> String {
    let escape = |byte: &u8| match byte {
        b' ' | b'\t' | b'\n' | b'\\' | b'#' => format!("\\{byte:03o}").into_bytes(),
        _ => vec![*byte],
    };
    String::from_utf8_lossy(&name.iter().flat_map(escape).collect::<Vec<u8>>()).into_owned()
}

impl MountId {
    /// Returns its number, as `/proc/<pid>/mountinfo` shows it.
    pub(super) const fn number(self) -> u32 {
        FIRST_DEVICE + self.0
    }

    /// Returns the device number of what is mounted (`st_dev`).
    pub(super) const fn device(self) -> u64 {
        makedev(0, self.number())
    }
}

impl Fs {
    /// Mounts everything: what the user grants at `/` first, then the machine's own, then what the user grants elsewhere.
    ///
    /// # Errors
    /// Which grant cannot be mounted, and why. The machine's own are on the account of the one at `/`.
    pub fn mount_all(&mut self, env: &mut Env<'_>, grants: &[Grant]) -> Result<(), (GrantId, Errno)> {
        let with_id = || (0..).map(GrantId).zip(grants);
        let at_root = |grant: &Grant| grant.at.iter().all(|byte| *byte == b'/');
        let root = with_id().find(|(_, grant)| at_root(grant));
        if let Some((id, grant)) = root {
            self.grant_root(env, id, grant.writes).map_err(|errno| (id, errno))?;
        }
        self.mount_own(env).map_err(|errno| (root.map_or(GrantId(0), |(id, _)| id), errno))?;
        for (id, grant) in with_id().filter(|(_, grant)| !at_root(grant)) {
            self.mount_grant(env, id, grant).map_err(|errno| (id, errno))?;
        }
        Ok(())
    }

    fn mount_own(&mut self, env: &mut Env<'_>) -> Result<(), Errno> {
        if self.mounts[MountId(0)].kind == MountKind::Tmpfs {
            self.make_directories(env, b"/bin", 0o755)?;
            self.make_directories(env, b"/root", 0o700)?;
        }
        let dev = self.mount_tmpfs(env, b"/dev", MountKind::Devtmpfs, 0o755)?;
        self.fill_dev(dev, env.now_ns);
        self.pts = self.mount_tmpfs(env, b"/dev/pts", MountKind::Devpts, 0o755)?;
        self.mount_tmpfs(env, b"/dev/shm", MountKind::Tmpfs, 0o1777)?;
        self.mount_tmpfs(env, b"/tmp", MountKind::Tmpfs, 0o1777)?;
        let covers = self.make_directories(env, b"/proc", 0o555)?;
        self.mount(MountKind::Proc, covers, Node::Proc(ProcNode::Root));
        let covers = self.make_directories(env, b"/sys", 0o555)?;
        self.mount(MountKind::Sysfs, covers, Node::Proc(ProcNode::Fixed(FixedNode::sysfs())));
        self.mqueue = self.mount_tmpfs(env, b"/dev/mqueue", MountKind::Mqueue, 0o1777)?;
        Ok(())
    }

    fn fill_dev(&mut self, dev: InodeId, now_ns: u64) {
        let mut make = |name: &str, kind, permissions| {
            let vacant = Vacant { directory: dev, name: name.into() };
            self.make(&vacant, kind, permissions, Creation::by_root(now_ns));
        };
        for (device, name, permissions) in Device::ALL {
            make(name, InodeKind::Device(device), permissions);
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ] {
            make(name, InodeKind::Symlink(target.into()), 0o777);
        }
    }

    fn mount_tmpfs(
        &mut self,
        env: &mut Env<'_>,
        at: &[u8],
        kind: MountKind,
        permissions: u32,
    ) -> Result<InodeId, Errno> {
        let covers = self.make_directories(env, at, 0o755)?;
        let root = self.new_root(InodeKind::Directory(Directory::new(covers)), permissions, env.now_ns);
        self.mount(kind, covers, Node::Inode(root));
        Ok(root)
    }

    /// Makes the inode of a mount's root. A directory among them is its own parent.
    pub(super) fn new_root(&mut self, kind: InodeKind, permissions: u32, now_ns: u64) -> InodeId {
        let root = self.new_inode(kind, permissions, Creation::by_root(now_ns));
        if let InodeKind::Directory(directory) = &mut self.inodes[root].kind {
            let holder = std::mem::replace(&mut directory.parent, root);
            self.inodes[holder].holders -= 1;
        }
        root
    }

    /// Lets `root` be seen in place of what it covers. Both live as long as the mount.
    pub(super) fn mount(&mut self, kind: MountKind, covers: InodeId, root: Node) -> MountId {
        self.hold(Node::Inode(covers));
        self.hold(root);
        let id = self.mounts.insert(Mount::new(kind, Some(covers), root));
        self.covered.insert(covers, id);
        if let Node::Inode(root) = root {
            self.inodes[root].mount = Some(id);
        }
        id
    }

    /// Makes the directories of an absolute path that are not there yet, in memory only, and returns the last one.
    pub(super) fn make_directories(
        &mut self,
        env: &mut Env<'_>,
        path: &[u8],
        permissions: u32,
    ) -> Result<InodeId, Errno> {
        let mut here = self.root();
        let mut names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        loop {
            let Node::Inode(directory) = here else { return Err(Errno::ENOENT) };
            let Some(name) = names.next() else { return Ok(directory) };
            let found = self.walk(env, At { base: here, path: name }, FinalLink::Follow)?;
            here = match found.node {
                Some(node) if self.is_directory(node) => node,
                Some(_) => return Err(Errno::ENOTDIR),
                None => {
                    let kind = InodeKind::Directory(Directory::new(directory));
                    Node::Inode(self.make_given(env, found, kind, permissions)?)
                }
            };
        }
    }

    /// Makes an inode where a look-up found nothing, with a name that is not the guest's: such names are not limited.
    pub(super) fn make_given(
        &mut self,
        env: &Env<'_>,
        found: Found,
        mut kind: InodeKind,
        permissions: u32,
    ) -> Result<InodeId, Errno> {
        let Node::Inode(directory) = found.directory else { return Err(Errno::ENOENT) };
        let Last::Name(name) = found.last else { return Err(Errno::EEXIST) };
        if found.node.is_some() {
            return Err(Errno::EEXIST);
        }
        if let InodeKind::Directory(made) = &mut kind {
            made.parent = directory;
        }
        self.given_names += 1;
        Ok(self.make(&Vacant { directory, name }, kind, permissions, Creation::by_root(env.now_ns)))
    }

    /// Returns what is seen at an inode: the root of what is mounted there, if anything is.
    pub(super) fn across_mount(&self, inode: InodeId) -> Node {
        let mut here = Node::Inode(inode);
        while let Node::Inode(inode) = here
            && let Some(mount) = self.covered.get(&inode)
        {
            here = self.mounts[*mount].root;
        }
        here
    }

    /// Returns the mount that a place is in; none for a pipe and whatever else is in no file system.
    pub(super) fn mount_of(&self, node: Node) -> Option<MountId> {
        match node {
            Node::Inode(inode) => self.inodes[inode].mount,
            Node::Proc(place) => {
                let kind = if place.is_in_sysfs() { MountKind::Sysfs } else { MountKind::Proc };
                self.mounts.iter().find(|(_, mount)| mount.kind == kind).map(|(id, _)| id)
            }
        }
    }

    /// Returns what the mount covers that a place is the root of; none for a place that is no root, and for `/`.
    pub(super) fn covered_by(&self, node: Node) -> Option<InodeId> {
        let mount = &self.mounts[self.mount_of(node)?];
        mount.covers.filter(|_| mount.root == node)
    }

    /// Returns every mount, in the order in which they were made.
    pub fn mount_rows(&self) -> Vec<MountRow> {
        let row = |(id, mount): (MountId, &Mount)| {
            let parent = mount.covers.and_then(|covers| self.inodes[covers].mount).unwrap_or(id);
            MountRow {
                id: id.number(),
                parent: parent.number(),
                device: id.device(),
                at: self.path_of(mount.root),
                kind: mount.kind,
                flags: mount.flags,
                source: mount.source.clone().unwrap_or_else(|| mount.kind.name().into()),
                asked: mount.options.to_string(),
            }
        };
        self.mounts.iter().filter(|(id, _)| !self.detached.contains(id)).map(row).collect()
    }
}
