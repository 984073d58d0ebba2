//! Telling of what happens to files (inotify(7); fcntl(2) `F_NOTIFY`; Linux 6.12 include/linux/fsnotify.h, fs/notify).
//!
//! ```text
//!   an operation ──▶ Fs::notify_* ──▶ marks of the file, and of the directory of its name ──▶ queue of an inotify instance
//!                                                                                         └─▶ signal to a directory's owner
//! ```
//! What happens to a file that has a name is told to the watchers of its directory too, with the name. For an open file that is
//! the name by which it was opened, even once it is gone; for a change of attributes it is the first one.

use super::flags::OpenFlags;
use super::inode::Link;
use super::io_signal::IoReason;
use super::{Env, FdTableId, Fs, InodeId, Node, OpenId, Processes};
use crate::{Errno, Fd};
use bitflags::bitflags;
use std::collections::BTreeMap;

bitflags! {
    /// What happens to files, and how to tell of it (`IN_*` of inotify(7)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NotifyMask: u32 {
        /// `IN_ACCESS`.
        const ACCESS = 0x1;
        /// `IN_MODIFY`.
        const MODIFY = 0x2;
        /// `IN_ATTRIB`.
        const ATTRIB = 0x4;
        /// `IN_CLOSE_WRITE`.
        const CLOSE_WRITE = 0x8;
        /// `IN_CLOSE_NOWRITE`.
        const CLOSE_NOWRITE = 0x10;
        /// `IN_OPEN`.
        const OPEN = 0x20;
        /// `IN_MOVED_FROM`.
        const MOVED_FROM = 0x40;
        /// `IN_MOVED_TO`.
        const MOVED_TO = 0x80;
        /// `IN_CREATE`.
        const CREATE = 0x100;
        /// `IN_DELETE`.
        const DELETE = 0x200;
        /// `IN_DELETE_SELF`.
        const DELETE_SELF = 0x400;
        /// `IN_MOVE_SELF`.
        const MOVE_SELF = 0x800;
        /// `IN_UNMOUNT`.
        const UNMOUNT = 0x2000;
        /// `IN_Q_OVERFLOW`.
        const Q_OVERFLOW = 0x4000;
        /// `IN_IGNORED`.
        const IGNORED = 0x8000;
        /// A name got another in the same directory (`FS_RENAME`), which only `F_NOTIFY` tells of.
        const RENAME = 0x10_0000;
        /// `IN_ONLYDIR`.
        const ONLYDIR = 0x0100_0000;
        /// `IN_DONT_FOLLOW`.
        const DONT_FOLLOW = 0x0200_0000;
        /// `IN_EXCL_UNLINK`.
        const EXCL_UNLINK = 0x0400_0000;
        /// `IN_MASK_CREATE`.
        const MASK_CREATE = 0x1000_0000;
        /// `IN_MASK_ADD`.
        const MASK_ADD = 0x2000_0000;
        /// `IN_ISDIR`.
        const ISDIR = 0x4000_0000;
        /// `IN_ONESHOT`; `DN_MULTISHOT` is its opposite.
        const ONESHOT = 0x8000_0000;
    }
}

impl NotifyMask {
    /// `IN_ALL_EVENTS`.
    pub const ALL_EVENTS: Self = Self::from_bits_retain(0xfff);
    /// What inotify_add_watch(2) takes (`ALL_INOTIFY_BITS`).
    pub(super) const ADDABLE: Self = Self::from_bits_retain(0xfff | 0xe000)
        .union(Self::ONLYDIR)
        .union(Self::DONT_FOLLOW)
        .union(Self::EXCL_UNLINK)
        .union(Self::MASK_CREATE)
        .union(Self::MASK_ADD)
        .union(Self::ISDIR)
        .union(Self::ONESHOT);
    /// What a watch keeps beside the events.
    pub(super) const MANNER: Self = Self::EXCL_UNLINK.union(Self::ONESHOT);
}

/// Who hears of what happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearer {
    /// A watch of an inotify instance.
    Watch(InodeId, i32),
    /// The owner of a description of the directory, by the descriptor of a table.
    Owner(OpenId, FdTableId, Fd),
}

/// What of a file somebody wants to hear.
#[derive(Clone, Copy, Debug)]
struct Mark {
    hearer: Hearer,
    mask: NotifyMask,
}

/// Every mark, by what it is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    files: BTreeMap<Node, Vec<Mark>>,
    last_cookie: u32,
}

impl Marks {
    fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns the mask with which somebody listens.
    pub(super) fn mask_of(&self, node: Node, hearer: Hearer) -> Option<NotifyMask> {
        self.files.get(&node)?.iter().find(|mark| mark.hearer == hearer).map(|mark| mark.mask)
    }

    /// Has somebody listen, or listen to something else.
    pub(super) fn set(&mut self, node: Node, hearer: Hearer, mask: NotifyMask) {
        let marks = self.files.entry(node).or_default();
        match marks.iter_mut().find(|mark| mark.hearer == hearer) {
            Some(mark) => mark.mask = mask,
            None => marks.push(Mark { hearer, mask }),
        }
    }

    /// Ends listening.
    pub(super) fn remove(&mut self, node: Node, hearer: Hearer) {
        if let Some(marks) = self.files.get_mut(&node) {
            marks.retain(|mark| mark.hearer != hearer);
            if marks.is_empty() {
                self.files.remove(&node);
            }
        }
    }
}

/// Something that has happened.
#[derive(Clone, Copy, Debug)]
struct Happening<'a> {
    mask: NotifyMask,
    /// The name in the directory that is told.
    name: Option<&'a [u8]>,
    /// What the two halves of a move have in common.
    cookie: u32,
    /// Whether the name by which the file was opened is gone.
    is_unlinked: bool,
}

impl Happening<'_> {
    const fn new(mask: NotifyMask) -> Self {
        Self { mask, name: None, cookie: 0, is_unlinked: false }
    }
}

impl Fs {
    /// Tells those who listen to one file or directory.
    fn tell(&mut self, place: Node, happening: Happening<'_>) {
        let marks = self.marks.files.get(&place).cloned().unwrap_or_default();
        for Mark { hearer, mask } in marks {
            let is_wanted = mask.intersects(happening.mask & (NotifyMask::ALL_EVENTS | NotifyMask::RENAME))
                || happening.mask.contains(NotifyMask::UNMOUNT) && matches!(hearer, Hearer::Watch(..));
            if !is_wanted || happening.is_unlinked && mask.contains(NotifyMask::EXCL_UNLINK) {
                continue;
            }
            match hearer {
                Hearer::Watch(instance, watch) => {
                    // As it always was: what becomes of a directory itself is not marked as of a directory.
                    let own = NotifyMask::MOVE_SELF | NotifyMask::DELETE_SELF;
                    let kept = if happening.mask.intersects(own) { own } else { NotifyMask::all() };
                    let Happening { mask, name, cookie, .. } = happening;
                    self.queue_notice(instance, watch, mask & kept, cookie, name.unwrap_or_default());
                    if mask_is_once(self.marks.mask_of(place, hearer)) {
                        self.end_watch(instance, watch);
                    }
                }
                Hearer::Owner(open, _, fd) => {
                    if happening.name.is_some() || happening.mask.contains(NotifyMask::ISDIR) {
                        self.tell_owner(open, fd, IoReason::Message);
                        if mask_is_once(Some(mask)) {
                            self.marks.remove(place, hearer);
                        }
                    }
                }
            }
        }
    }

    fn of_directory(&self, node: Node) -> NotifyMask {
        if self.is_directory(node) { NotifyMask::ISDIR } else { NotifyMask::empty() }
    }

    /// Tells of what happened to a file itself.
    pub(super) fn notify_self(&mut self, node: Node, mask: NotifyMask) {
        if !self.marks.is_empty() {
            self.tell(node, Happening::new(mask | self.of_directory(node)));
        }
    }

    /// Tells of what happened to a name in a directory.
    pub(super) fn notify_name(&mut self, link: &Link, subject: Node, mask: NotifyMask) {
        self.notify_moved(link, subject, mask, 0);
    }

    fn notify_moved(&mut self, link: &Link, subject: Node, mask: NotifyMask, cookie: u32) {
        if !self.marks.is_empty() {
            let mask = mask | self.of_directory(subject);
            let happening = Happening { name: Some(&link.name), cookie, ..Happening::new(mask) };
            self.tell(Node::Inode(link.directory), happening);
        }
    }

    /// Tells that a name is gone, whatever it was the name of.
    pub(super) fn notify_lost_name(&mut self, link: &Link, mask: NotifyMask) {
        if !self.marks.is_empty() {
            let happening = Happening { name: Some(&link.name), ..Happening::new(mask) };
            self.tell(Node::Inode(link.directory), happening);
        }
    }

    /// Tells of what happened to a file by a name: the directory of the name, and the file.
    fn notify_by(&mut self, node: Node, link: Option<&Link>, mask: NotifyMask, is_unlinked: bool) {
        let happening = Happening { is_unlinked, ..Happening::new(mask | self.of_directory(node)) };
        if let Some(link) = link {
            self.tell(Node::Inode(link.directory), Happening { name: Some(&link.name), ..happening });
        }
        self.tell(node, happening);
    }

    /// Tells of a change of a file that the caller has by whatever name.
    pub(super) fn notify_change(&mut self, node: Node, mask: NotifyMask) {
        if self.marks.is_empty() {
            return;
        }
        let link = match node {
            Node::Inode(inode) => self.inodes[inode].links.first().cloned(),
            Node::Proc(_) => None,
        };
        self.notify_by(node, link.as_ref(), mask, false);
    }

    /// Tells of what is done with an open file.
    pub(super) fn notify_open(&mut self, open: OpenId, mask: NotifyMask) {
        let file = &self.opens[open];
        if self.marks.is_empty() || file.flags.contains(OpenFlags::PATH) {
            return;
        }
        let (node, link) = (file.node, file.link.clone());
        let is_unlinked = match (node, &link) {
            (Node::Inode(inode), Some(link)) => !self.inodes[inode].links.contains(link),
            _ => false,
        };
        self.notify_by(node, link.as_ref(), mask, is_unlinked);
    }

    /// Tells that a file has one name more or less (`fsnotify_link_count`).
    pub(super) fn notify_link_count(&mut self, inode: InodeId) {
        self.notify_self(Node::Inode(inode), NotifyMask::ATTRIB);
    }

    /// Tells of a move, and has open files follow it (`fsnotify_move`).
    pub(super) fn notify_move(&mut self, inode: InodeId, from: &Link, to: &Link, replaced: Option<InodeId>) {
        let node = Node::Inode(inode);
        for file in self.opens.iter_mut().filter(|file| file.node == node) {
            if let Some(link) = file.link.as_mut().filter(|link| *link == from) {
                self.inodes[to.directory].holders += 1;
                self.inodes[from.directory].holders -= 1;
                *link = to.clone();
            }
        }
        if self.marks.is_empty() {
            return;
        }
        self.marks.last_cookie = self.marks.last_cookie.wrapping_add(1).max(1);
        let cookie = self.marks.last_cookie;
        if from.directory == to.directory {
            self.notify_name(from, node, NotifyMask::RENAME);
        }
        self.notify_moved(from, node, NotifyMask::MOVED_FROM, cookie);
        self.notify_moved(to, node, NotifyMask::MOVED_TO, cookie);
        if let Some(replaced) = replaced {
            self.notify_link_count(replaced);
        }
        self.notify_self(node, NotifyMask::MOVE_SELF);
    }

    /// Tells that a file is gone for good, and ends all watching of it (`fsnotify_inoderemove`).
    pub(super) fn notify_gone(&mut self, inode: InodeId) {
        let node = Node::Inode(inode);
        if self.marks.files.contains_key(&node) {
            self.notify_self(node, NotifyMask::DELETE_SELF);
            self.end_watching(node);
        }
    }

    /// Ends all watching of a file that nobody can watch any more.
    pub(super) fn end_watching(&mut self, node: Node) {
        for Mark { hearer, .. } in self.marks.files.remove(&node).unwrap_or_default() {
            if let Hearer::Watch(instance, watch) = hearer {
                self.end_watch(instance, watch);
            }
        }
    }

    /// Has the owner of a directory's description told of what happens in it (`F_NOTIFY`); no events end that.
    ///
    /// # Errors
    /// `ENOTDIR`.
    pub fn watch_directory(
        &mut self,
        env: &Env<'_>,
        table: FdTableId,
        fd: Fd,
        events: u32,
    ) -> Result<(), Errno> {
        let open = self.fd(table, fd)?;
        let node = self.node(open);
        let hearer = Hearer::Owner(open, table, fd);
        let mut mask = directory_mask(events);
        if mask.is_empty() {
            self.forget_directory(table, open);
            return Ok(());
        }
        if !self.is_directory(node) {
            return Err(Errno::ENOTDIR);
        }
        // A second request adds to the first.
        if let Some(before) = self.marks.mask_of(node, hearer) {
            let both_once = before.contains(NotifyMask::ONESHOT) && mask.contains(NotifyMask::ONESHOT);
            mask |= before;
            mask.set(NotifyMask::ONESHOT, both_once);
        }
        self.marks.set(node, hearer, mask);
        self.claim_io(env.processes, open);
        Ok(())
    }

    /// Ends the telling that was asked for with a description of a directory by a table's descriptors.
    pub(super) fn forget_directory(&mut self, table: FdTableId, open: OpenId) {
        let node = self.node(open);
        if let Some(marks) = self.marks.files.get_mut(&node) {
            marks
                .retain(|mark| !matches!(mark.hearer, Hearer::Owner(of, by, _) if of == open && by == table));
            if marks.is_empty() {
                self.marks.files.remove(&node);
            }
        }
    }

    /// Checks what inotify_add_watch(2) needs to know of the caller.
    pub(super) fn may_watch(&self, processes: &dyn Processes, node: Node) -> Result<(), Errno> {
        self.permission(processes, node, super::AccessMode::READ)
    }
}

fn mask_is_once(mask: Option<NotifyMask>) -> bool {
    mask.is_some_and(|mask| mask.contains(NotifyMask::ONESHOT))
}

/// Translates the `DN_*` of `F_NOTIFY` (Linux 6.12 fs/notify/dnotify/dnotify.c convert_arg).
fn directory_mask(events: u32) -> NotifyMask {
    const MULTISHOT: u32 = 0x8000_0000;
    let rows = [
        (0x1, NotifyMask::ACCESS),
        (0x2, NotifyMask::MODIFY),
        (0x4, NotifyMask::CREATE | NotifyMask::MOVED_TO),
        (0x8, NotifyMask::DELETE | NotifyMask::MOVED_FROM),
        (0x10, NotifyMask::RENAME),
        (0x20, NotifyMask::ATTRIB),
    ];
    let mut mask = rows
        .into_iter()
        .filter(|(bit, _)| events & bit != 0)
        .fold(NotifyMask::empty(), |mask, (_, events)| mask | events);
    mask.set(NotifyMask::ONESHOT, !mask.is_empty() && events & MULTISHOT == 0);
    mask
}
