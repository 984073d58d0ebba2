//! Descriptors that tell what happens to files (inotify(7); Linux 6.12 fs/notify/inotify). Who is told of what is decided in
//! [`crate::fs::notify`]; here are the instances: their watches, and what they have not told yet.

use super::Anonymous;
use crate::Errno;
use crate::fs::flags::{OpenFlags, PollEvents};
use crate::fs::inode::InodeId;
use crate::fs::notify::{Hearer, NotifyMask};
use crate::fs::wait::Wait;
use crate::fs::{Env, Fs, Node, OpenId, Tunable};
use std::collections::{BTreeMap, VecDeque};

/// Bytes of `struct inotify_event` before the name; names are padded to a multiple of it.
const HEADER: usize = 16;
/// The watch of what is about none.
const NO_WATCH: i32 = -1;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Notice {
    watch: i32,
    mask: NotifyMask,
    cookie: u32,
    name: Vec<u8>,
}

impl Notice {
    fn len(&self) -> usize {
        let name = if self.name.is_empty() { 0 } else { (self.name.len() + 1).next_multiple_of(HEADER) };
        HEADER + name
    }

    fn append_to(&self, bytes: &mut Vec<u8>) {
        let end = bytes.len() + self.len();
        bytes.extend_from_slice(&self.watch.to_le_bytes());
        bytes.extend_from_slice(&self.mask.bits().to_le_bytes());
        bytes.extend_from_slice(&self.cookie.to_le_bytes());
        bytes.extend_from_slice(&((self.len() - HEADER) as u32).to_le_bytes());
        bytes.extend_from_slice(&self.name);
        bytes.resize(end, 0);
    }
}

/// An instance.
#[derive(Clone, Debug, Default)]
pub(in crate::fs) struct Inotify {
    watches: BTreeMap<i32, Node>,
    last_watch: i32,
    queue: VecDeque<Notice>,
}

impl Inotify {
    /// Returns the notices that fit into `len` bytes; `None` while there is nothing to tell.
    ///
    /// # Errors
    /// `EINVAL` when not even the first fits.
    pub(super) fn peek(&self, len: usize) -> Result<Option<Vec<u8>>, Errno> {
        let Some(first) = self.queue.front() else { return Ok(None) };
        if first.len() > len {
            return Err(Errno::EINVAL);
        }
        let mut bytes = Vec::new();
        for notice in &self.queue {
            if bytes.len() + notice.len() > len {
                break;
            }
            notice.append_to(&mut bytes);
        }
        Ok(Some(bytes))
    }

    /// Takes the notices that [`Inotify::peek`] has shown in `len` bytes.
    pub(super) fn consume(&mut self, mut len: usize) {
        while let Some(notice) = self.queue.pop_front_if(|notice| notice.len() <= len) {
            len -= notice.len();
        }
    }

    /// Returns the files that it watches.
    pub(super) fn watched(&self) -> Vec<Node> {
        self.watches.values().copied().collect()
    }

    /// Returns how many bytes can be read (`FIONREAD`).
    fn readable_bytes(&self) -> usize {
        self.queue.iter().map(Notice::len).sum()
    }

    pub(super) fn poll(&self) -> PollEvents {
        if self.queue.is_empty() { PollEvents::empty() } else { PollEvents::IN | PollEvents::RDNORM }
    }

    /// Adds a notice, unless it repeats the last one or there is no room, which is noticed once.
    fn push(&mut self, notice: Notice, most: usize) {
        let repeats = |last: &Notice| {
            last.watch == notice.watch
                && last.mask == notice.mask
                && last.name == notice.name
                && last.mask != NotifyMask::IGNORED
        };
        if self.queue.back().is_some_and(repeats) {
            return;
        }
        let is_noticed = |notice: &Notice| notice.mask == NotifyMask::Q_OVERFLOW;
        if self.queue.len() < most {
            self.queue.push_back(notice);
        } else if !self.queue.back().is_some_and(is_noticed) {
            let mask = NotifyMask::Q_OVERFLOW;
            self.queue.push_back(Notice { watch: NO_WATCH, mask, cookie: 0, name: Vec::new() });
        }
    }
}

impl Fs {
    /// Opens an instance that watches nothing (inotify_init1(2)). Of `flags`, `O_NONBLOCK` counts.
    ///
    /// # Errors
    /// `EMFILE` when there are too many.
    pub fn inotify(&mut self, flags: OpenFlags, now_ns: u64) -> Result<OpenId, Errno> {
        if self.inotify_instances as u64 >= self.tunable(Tunable::InotifyInstances) {
            return Err(Errno::EMFILE);
        }
        self.inotify_instances += 1;
        let open = self.open_anonymous(Anonymous::Inotify(Inotify::default()), flags, now_ns);
        // It is read, and nothing else.
        self.opens[open].flags.remove(OpenFlags::RDWR);
        Ok(open)
    }

    /// Returns the inode of the instance that is open; `None` when it is something else.
    pub fn inotify_of(&self, open: OpenId) -> Option<InodeId> {
        match self.anonymous(self.opens[open].node)? {
            (inode, Anonymous::Inotify(_)) => Some(inode),
            _ => None,
        }
    }

    fn inotify_mut(&mut self, instance: InodeId) -> Option<&mut Inotify> {
        match self.object_mut(instance)? {
            Anonymous::Inotify(inotify) => Some(inotify),
            _ => None,
        }
    }

    /// Returns how many bytes can be read of an instance; `None` when it is something else.
    pub(in crate::fs) fn inotify_readable(&self, open: OpenId) -> Option<u64> {
        match self.anonymous(self.opens[open].node)? {
            (_, Anonymous::Inotify(inotify)) => Some(inotify.readable_bytes() as u64),
            _ => None,
        }
    }

    /// Checks what an instance is asked to watch for, before anything is looked up (inotify_add_watch(2)).
    ///
    /// # Errors
    /// `EINVAL` for a mask that is empty, unknown or contradicts itself, and for what is no instance.
    pub fn check_watch(&self, open: Result<OpenId, Errno>, mask: u32) -> Result<NotifyMask, Errno> {
        let mask = NotifyMask::from_bits(mask)
            .filter(|mask| NotifyMask::ADDABLE.contains(*mask) && !mask.is_empty())
            .ok_or(Errno::EINVAL)?;
        let open = open?;
        if mask.contains(NotifyMask::MASK_ADD | NotifyMask::MASK_CREATE) || self.inotify_of(open).is_none() {
            return Err(Errno::EINVAL);
        }
        Ok(mask)
    }

    /// Has an instance watch a file, or watch it for something else, and returns the watch (inotify_add_watch(2)).
    ///
    /// # Errors
    /// `EACCES`, `ENOTDIR`, `EEXIST` with `IN_MASK_CREATE`, `ENOSPC`.
    pub fn add_watch(
        &mut self,
        env: &Env<'_>,
        open: OpenId,
        node: Node,
        mask: NotifyMask,
    ) -> Result<i32, Errno> {
        let instance = self.inotify_of(open).ok_or(Errno::EINVAL)?;
        if mask.contains(NotifyMask::ONLYDIR) && !self.is_directory(node) {
            return Err(Errno::ENOTDIR);
        }
        self.may_watch(env.processes, node)?;
        let most = self.tunable(Tunable::InotifyWatches);
        let wanted = mask & (NotifyMask::ALL_EVENTS | NotifyMask::MANNER);
        let inotify = self.inotify_mut(instance).ok_or(Errno::EINVAL)?;
        let known = inotify.watches.iter().find(|(_, watched)| **watched == node).map(|(watch, _)| *watch);
        let watch = match known {
            Some(_) if mask.contains(NotifyMask::MASK_CREATE) => return Err(Errno::EEXIST),
            Some(watch) => watch,
            None if inotify.watches.len() as u64 >= most => return Err(Errno::ENOSPC),
            None => {
                let (last, taken) = (inotify.last_watch, &inotify.watches);
                let after = (last.checked_add(1).unwrap_or(1)..=i32::MAX).chain(1..=last);
                let watch =
                    after.into_iter().find(|watch| !taken.contains_key(watch)).ok_or(Errno::ENOSPC)?;
                inotify.last_watch = watch;
                inotify.watches.insert(watch, node);
                watch
            }
        };
        let hearer = Hearer::Watch(instance, watch);
        let before = self.marks.mask_of(node, hearer).filter(|_| mask.contains(NotifyMask::MASK_ADD));
        self.marks.set(node, hearer, wanted | before.unwrap_or(NotifyMask::empty()));
        Ok(watch)
    }

    /// Ends a watch, and tells so (inotify_rm_watch(2)).
    ///
    /// # Errors
    /// `EINVAL` when it is no instance, or has no such watch.
    pub fn remove_watch(&mut self, open: OpenId, watch: i32) -> Result<(), Errno> {
        let instance = self.inotify_of(open).ok_or(Errno::EINVAL)?;
        let inotify = self.inotify_mut(instance).ok_or(Errno::EINVAL)?;
        if !inotify.watches.contains_key(&watch) {
            return Err(Errno::EINVAL);
        }
        self.end_watch(instance, watch);
        Ok(())
    }

    /// Takes a watch from its instance, which is told last that it is gone (`IN_IGNORED`).
    pub(in crate::fs) fn end_watch(&mut self, instance: InodeId, watch: i32) {
        let Some(inotify) = self.inotify_mut(instance) else { return };
        if let Some(node) = inotify.watches.remove(&watch) {
            self.marks.remove(node, Hearer::Watch(instance, watch));
            self.queue_notice(instance, watch, NotifyMask::IGNORED, 0, b"");
        }
    }

    /// Has an instance tell of something.
    pub(in crate::fs) fn queue_notice(
        &mut self,
        instance: InodeId,
        watch: i32,
        mask: NotifyMask,
        cookie: u32,
        name: &[u8],
    ) {
        let most = usize::try_from(self.tunable(Tunable::InotifyEvents)).unwrap_or(usize::MAX);
        if let Some(inotify) = self.inotify_mut(instance) {
            inotify.push(Notice { watch, mask, cookie, name: name.to_vec() }, most);
            self.wakes.push(Wait::Readable(instance));
        }
    }

    /// Ends all watching by an instance that is gone.
    pub(super) fn drop_inotify(&mut self, instance: InodeId, inotify: Inotify) {
        self.inotify_instances -= 1;
        for (watch, node) in inotify.watches {
            self.marks.remove(node, Hearer::Watch(instance, watch));
        }
    }

    /// Returns the lines of `/proc/<pid>/fdinfo` about an instance's watches (Linux 6.12 fs/notify/fdinfo.c).
    pub(super) fn inotify_info(&self, instance: InodeId, inotify: &Inotify) -> String {
        let line = |(watch, node): (&i32, &Node)| {
            let device = self.mount_of(*node).map_or(0, |mount| mount.number());
            let mask =
                self.marks.mask_of(*node, Hearer::Watch(instance, *watch)).map_or(0, |mask| mask.bits());
            format!(
                "inotify wd:{watch:x} ino:{:x} sdev:{device:x} mask:{mask:x} ignored_mask:0 \n",
                self.ino(*node)
            )
        };
        inotify.watches.iter().rev().map(line).collect()
    }
}
