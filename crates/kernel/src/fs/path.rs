//! Resolution of paths (path_resolution(7); Linux 6.12 fs/namei.c link_path_walk).

use super::inode::{Inode, InodeKind, Link};
use super::{AccessMode, Env, FileType, Fs, Node, PidLink, ProcLink, ProcNode, Processes, TtyEnd};
use crate::{Errno, Fd, FileId};
use bitflags::bitflags;

/// Longest name of a file, in bytes.
pub const NAME_MAX: usize = 255;
/// Longest path, in bytes, with the NUL that ends it.
pub const PATH_MAX: usize = 4096;
/// Symbolic links that one look-up may follow.
const MAX_LINKS: u32 = 40;

bitflags! {
    /// The `AT_*` flags that steer a look-up.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct LookupFlags: u32 {
        /// `AT_SYMLINK_NOFOLLOW`: the last component may be a link and is not followed.
        const NOFOLLOW = 0x100;
        /// `AT_EMPTY_PATH`: an empty path is the place where the look-up starts.
        const EMPTY_PATH = 0x1000;
    }
}

bitflags! {
    /// What a look-up may not pass (`RESOLVE_*` of openat2(2)).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Resolve: u64 {
        /// `RESOLVE_NO_XDEV`: no other mount.
        const NO_XDEV = 0x1;
        /// `RESOLVE_NO_MAGICLINKS`: no link that leads to a place and not to a path.
        const NO_MAGICLINKS = 0x2;
        /// `RESOLVE_NO_SYMLINKS`: no symbolic link.
        const NO_SYMLINKS = 0x4;
        /// `RESOLVE_BENEATH`: nothing above where it starts.
        const BENEATH = 0x8;
        /// `RESOLVE_IN_ROOT`: where it starts is the root.
        const IN_ROOT = 0x10;
        /// `RESOLVE_CACHED`: nothing that would have to be waited for, which nothing has to be here.
        const CACHED = 0x20;
    }
}

/// The bounds of one look-up.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    resolve: Resolve,
    /// Where absolute paths start, and what `..` does not lead out of.
    top: Node,
}

impl Bounds {
    /// Returns where a path starts.
    ///
    /// # Errors
    /// `EXDEV` for an absolute one where it must lie below.
    fn start(self, at: At<'_>) -> Result<Node, Errno> {
        match at.path.starts_with(b"/") {
            true if self.resolve.contains(Resolve::BENEATH) => Err(Errno::EXDEV),
            true => Ok(self.top),
            false => Ok(at.base),
        }
    }

    /// Returns where `..` leads to from the top.
    fn at_top(self, top: Node) -> Result<Node, Errno> {
        if self.resolve.contains(Resolve::BENEATH) { Err(Errno::EXDEV) } else { Ok(top) }
    }

    /// Refuses links that lead to a place.
    fn check_magic_link(self) -> Result<(), Errno> {
        if self.resolve.contains(Resolve::NO_MAGICLINKS) {
            return Err(Errno::ELOOP);
        }
        if self.resolve.intersects(Resolve::BENEATH | Resolve::IN_ROOT) { Err(Errno::EXDEV) } else { Ok(()) }
    }
}

/// Where a look-up starts ([`Fs::start`]), and the path to follow from there.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Where a relative path starts.
    pub base: Node,
    /// The path, without the NUL that ended it.
    pub path: &'a [u8],
}

/// What to do when the last component is a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinalLink {
    /// Go on with its target.
    Follow,
    /// Stop at the link, unless a slash after it asks for a directory.
    FollowIfSlash,
    /// Stop at the link: the operation is about the name itself.
    Keep,
    /// Go on with its target, in order to make what is missing there. A slash after any last component is `EISDIR`.
    FollowToCreate,
    /// Stop at the link, in order to make what is missing. A slash is `EISDIR`.
    KeepToCreate,
}

impl FinalLink {
    const fn creates(self) -> bool {
        matches!(self, Self::FollowToCreate | Self::KeepToCreate)
    }
}

/// The last component of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// A name in the directory.
    Name(Vec<u8>),
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// None: the path was `/`, or ended in a link that leads to a place and not to a name.
    Place,
}

/// Where a path ended.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The directory of the last component.
    pub(super) directory: Node,
    /// The last component.
    pub(super) last: Last,
    /// What is there now.
    pub(super) node: Option<Node>,
    /// Whether a slash followed.
    pub(super) trailing_slash: bool,
}

impl Found {
    /// Returns the name that the path ended with, if it is one.
    pub(super) fn link(&self) -> Option<Link> {
        match (self.directory, &self.last) {
            (Node::Inode(directory), Last::Name(name)) => Some(Link { directory, name: name.clone() }),
            _ => None,
        }
    }
}

/// Where a symbolic link leads.
enum Target {
    /// To another path.
    Path(Vec<u8>),
    /// Straight to a place, by whatever name.
    Place(Node),
}

/// Components still to be walked, the next one last.
struct Pending {
    names: Vec<Vec<u8>>,
    trailing_slash: bool,
}

impl Pending {
    fn new(path: &[u8]) -> Self {
        let mut pending = Self { names: Vec::new(), trailing_slash: false };
        pending.push(path);
        pending
    }

    /// Puts the components of `path` before the others.
    fn push(&mut self, path: &[u8]) {
        if self.names.is_empty() {
            self.trailing_slash |= path.ends_with(b"/");
        }
        let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        self.names.extend(names.rev().map(<[u8]>::to_vec));
    }
}

impl Fs {
    /// Returns what a path leads to.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`, `EACCES`: path_resolution(7).
    pub fn lookup(&mut self, env: &mut Env<'_>, at: At<'_>, flags: LookupFlags) -> Result<Node, Errno> {
        if at.path.is_empty() && flags.contains(LookupFlags::EMPTY_PATH) {
            return Ok(at.base);
        }
        let last =
            if flags.contains(LookupFlags::NOFOLLOW) { FinalLink::FollowIfSlash } else { FinalLink::Follow };
        let found = self.walk(env, at, last)?;
        let node = found.node.ok_or(Errno::ENOENT)?;
        if found.trailing_slash && !self.is_directory(node) {
            return Err(Errno::ENOTDIR);
        }
        Ok(node)
    }

    /// Walks a path as far as its last component, which need not exist.
    pub(super) fn walk(&mut self, env: &mut Env<'_>, at: At<'_>, last: FinalLink) -> Result<Found, Errno> {
        if at.path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if at.path.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let bounds = self.bounds(env, at);
        let mut here = bounds.start(at)?;
        let mut pending = Pending::new(at.path);
        let mut links = 0;
        loop {
            let trailing_slash = pending.trailing_slash;
            let found = |last, node| Ok(Found { directory: here, last, node, trailing_slash });
            let Some(name) = pending.names.pop() else { return found(Last::Place, Some(here)) };
            if !self.is_directory(here) {
                return Err(Errno::ENOTDIR);
            }
            self.permission(env.processes, here, AccessMode::EXECUTE)?;
            let is_last = pending.names.is_empty();
            let next = match name.as_slice() {
                b"." if is_last => return found(Last::Dot, Some(here)),
                b"." => continue,
                b".." => {
                    let above = if here == bounds.top { bounds.at_top(here)? } else { self.parent(here) };
                    self.check_crossing(bounds, here, above)?;
                    if is_last {
                        return found(Last::DotDot, Some(above));
                    }
                    here = above;
                    continue;
                }
                _ if is_last && trailing_slash && last.creates() => return Err(Errno::EISDIR),
                name if name.len() > NAME_MAX => return Err(Errno::ENAMETOOLONG),
                name => self.child(env, here, name)?,
            };
            if let Some(next) = next {
                self.check_crossing(bounds, here, next)?;
            }
            let Some(next) = next else {
                return if is_last { found(Last::Name(name), None) } else { Err(Errno::ENOENT) };
            };
            let follows = match last {
                _ if !is_last => true,
                FinalLink::Follow | FinalLink::FollowToCreate => true,
                FinalLink::FollowIfSlash => trailing_slash,
                FinalLink::Keep | FinalLink::KeepToCreate => false,
            };
            if follows && self.file_type(next) == FileType::Symlink {
                links += 1;
                if links > MAX_LINKS || bounds.resolve.contains(Resolve::NO_SYMLINKS) {
                    return Err(Errno::ELOOP);
                }
                if is_last {
                    self.may_follow(env.processes, here, next)?;
                }
                match self.target(env.processes, next)? {
                    Target::Place(node) => {
                        bounds.check_magic_link()?;
                        self.check_crossing(bounds, here, node)?;
                        here = node;
                    }
                    Target::Path(path) => {
                        if path.starts_with(b"/") {
                            let top = bounds.start(At { base: here, path: &path })?;
                            self.check_crossing(bounds, here, top)?;
                            here = top;
                        }
                        pending.push(&path);
                    }
                }
            } else if is_last {
                return found(Last::Name(name), Some(next));
            } else {
                here = next;
            }
        }
    }

    fn bounds(&self, env: &Env<'_>, at: At<'_>) -> Bounds {
        let is_scoped = env.resolve.intersects(Resolve::BENEATH | Resolve::IN_ROOT);
        let top = if is_scoped { at.base } else { self.own_root(env.processes) };
        Bounds { resolve: env.resolve, top }
    }

    /// Refuses to go to another mount, where a look-up must not.
    ///
    /// # Errors
    /// `EXDEV`.
    fn check_crossing(&self, bounds: Bounds, from: Node, to: Node) -> Result<(), Errno> {
        let crosses = || self.mount_of(from) != self.mount_of(to);
        if bounds.resolve.contains(Resolve::NO_XDEV) && crosses() { Err(Errno::EXDEV) } else { Ok(()) }
    }

    /// Looks a name up in a directory, crossing into what is mounted there.
    fn child(&mut self, env: &mut Env<'_>, directory: Node, name: &[u8]) -> Result<Option<Node>, Errno> {
        self.read_names(env, directory)?;
        Ok(self.known_child(env.processes, directory, name))
    }

    fn known_child(&self, processes: &dyn Processes, directory: Node, name: &[u8]) -> Option<Node> {
        match directory {
            Node::Inode(inode) => {
                let child = self.inodes[inode].directory()?.get(name)?;
                Some(self.across_mount(child))
            }
            Node::Proc(place @ (ProcNode::FdDirectory(subject) | ProcNode::FdInfoDirectory(subject))) => {
                let fd = Fd(super::proc::parse_number(name)?);
                self.open_of(processes, subject.number(), fd)?;
                Some(Node::Proc(match place {
                    ProcNode::FdDirectory(_) => ProcNode::FdLink(subject, fd),
                    _ => ProcNode::FdInfo(subject, fd),
                }))
            }
            Node::Proc(place) => place.child(name, processes).map(Node::Proc),
        }
    }

    /// Returns the directory above a directory; the root's is the root.
    pub(super) fn parent(&self, directory: Node) -> Node {
        if let Some(covered) = self.covered_by(directory) {
            return self.parent(Node::Inode(covered));
        }
        match directory {
            Node::Inode(inode) => {
                self.inodes[inode].directory().map_or(directory, |it| Node::Inode(it.parent))
            }
            Node::Proc(place) => place.parent().map_or(directory, Node::Proc),
        }
    }

    /// Returns where a symbolic link leads.
    fn target(&self, processes: &dyn Processes, link: Node) -> Result<Target, Errno> {
        if let Node::Proc(ProcNode::ProcessLink(subject, _) | ProcNode::FdLink(subject, _)) = link
            && processes.exists(subject.process())
            && !processes.may_inspect(subject.process())
        {
            return Err(Errno::EACCES);
        }
        let place = match link {
            Node::Inode(inode) => match &self.inodes[inode].kind {
                InodeKind::Symlink(path) => return Ok(Target::Path(path.clone())),
                _ => None,
            },
            Node::Proc(ProcNode::Link(link)) => {
                let caller = processes.caller();
                let path = match link {
                    ProcLink::Mounts => "self/mounts".to_owned(),
                    ProcLink::Net => "self/net".to_owned(),
                    ProcLink::SelfLink => caller.to_string(),
                    ProcLink::ThreadSelf => format!("{caller}/task/{}", processes.caller_task()),
                };
                return Ok(Target::Path(path.into_bytes()));
            }
            Node::Proc(ProcNode::ProcessLink(subject, link)) => {
                let pid = subject.number();
                match link {
                    PidLink::Cwd => processes.work_dir(pid).map(|work_dir| self.cwd(work_dir)),
                    PidLink::Exe => processes.exe(pid),
                    PidLink::Root => processes.work_dir(pid).map(|work_dir| self.root_of(work_dir)),
                }
            }
            Node::Proc(ProcNode::FdLink(subject, fd)) => {
                self.open_of(processes, subject.number(), fd).map(|open| self.opens[open].node)
            }
            Node::Proc(_) => None,
        };
        place.map(Target::Place).ok_or(Errno::ENOENT)
    }

    /// Returns the text of a symbolic link (readlink(2)).
    ///
    /// # Errors
    /// `EINVAL` when `link` is none, `ENOENT` when it leads nowhere any more, `EACCES` into a process of somebody else.
    pub fn readlink(&self, processes: &dyn Processes, link: Node) -> Result<Vec<u8>, Errno> {
        if self.file_type(link) != FileType::Symlink {
            return Err(Errno::EINVAL);
        }
        match self.target(processes, link)? {
            Target::Path(path) => Ok(path),
            Target::Place(node) => {
                let path = self.path_of(node);
                Ok(self.path_below_root(processes, path.clone()).unwrap_or(path))
            }
        }
    }

    /// Returns the path of a working directory (getcwd(2)). One that does not lie below the caller's root says so.
    ///
    /// # Errors
    /// `ENOENT` when it was removed.
    pub fn directory_path(&self, processes: &dyn Processes, directory: Node) -> Result<Vec<u8>, Errno> {
        match directory {
            Node::Inode(inode) if self.inodes[inode].deleted_path.is_some() => Err(Errno::ENOENT),
            _ => {
                let path = self.path_of(directory);
                let below = self.path_below_root(processes, path.clone());
                Ok(below.unwrap_or_else(|| [b"(unreachable)".as_slice(), &path].concat()))
            }
        }
    }

    /// Returns the path of the inode that has these contents, as [`Self::path_of`] does; `None` when there is none any more.
    pub fn path_of_file(&self, file: FileId) -> Option<Vec<u8>> {
        let has_it = |inode: &Inode| matches!(inode.kind, InodeKind::Regular(contents) if contents == file);
        let (id, _) = self.inodes.iter().find(|(_, inode)| has_it(inode))?;
        Some(self.path_of(Node::Inode(id)))
    }

    /// Returns a path as `/proc` prints it: `pipe:[7]` for what never had a name, ` (deleted)` after one that is gone.
    pub fn path_of(&self, node: Node) -> Vec<u8> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut suffix: &[u8] = b"";
        let mut here = node;
        loop {
            if let Some(covered) = self.covered_by(here) {
                here = Node::Inode(covered);
                continue;
            }
            let inode = match here {
                Node::Proc(place) => {
                    names.push(place.name().into_bytes());
                    here = self.parent(here);
                    continue;
                }
                Node::Inode(inode) if inode == self.root => break,
                Node::Inode(inode) => &self.inodes[inode],
            };
            match &inode.kind {
                InodeKind::Fifo(_) | InodeKind::Console(_) => {
                    return format!("pipe:[{}]", inode.number).into_bytes();
                }
                InodeKind::Socket(_) => return format!("socket:[{}]", inode.number).into_bytes(),
                InodeKind::Anonymous(object) => {
                    return format!("anon_inode:[{}]", object.name()).into_bytes();
                }
                InodeKind::Terminal(_, TtyEnd::Master) => return b"/dev/ptmx".to_vec(),
                _ => {}
            }
            if let Some(link) = inode.links.first() {
                names.push(link.name.clone());
                here = Node::Inode(link.directory);
            } else {
                // The recorded path is absolute: it ends the climb.
                names.push(inode.deleted_path.as_deref().map_or(&b""[..], |path| &path[1..]).to_vec());
                suffix = b" (deleted)";
                break;
            }
        }
        if names.is_empty() {
            return b"/".to_vec();
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        path.extend_from_slice(suffix);
        path
    }
}
