//! The lists of System V objects (`/proc/sysvipc`, proc_sysvipc(5)).

use crate::Kernel;
use crate::fs::IpcList;
use crate::ipc::{Object, Permissions};
use std::fmt::Write as _;

/// Owner and maker, as each line has them.
fn owners(of: &Permissions) -> String {
    format!("{:5} {:5} {:5} {:5}", of.user, of.group, of.maker, of.maker_group)
}

impl Kernel {
    /// Composes one of the lists.
    pub(super) fn sysvipc_text(&self, list: IpcList) -> String {
        match list {
            IpcList::Queues => self.queues_text(),
            IpcList::Semaphores => self.semaphores_text(),
            IpcList::Segments => self.segments_text(),
        }
    }

    fn queues_text(&self) -> String {
        let mut text = "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n".to_owned();
        for (id, queue) in self.ipc.queues.iter() {
            let of = queue.permissions();
            let _ = writeln!(
                text,
                "{:10} {id:10}  {:4o}  {:10} {:10} {:5} {:5} {} {:10} {:10} {:10}",
                of.key,
                of.mode,
                queue.bytes,
                queue.messages.len(),
                queue.last_sender.0,
                queue.last_receiver.0,
                owners(of),
                queue.sent_s,
                queue.received_s,
                queue.changed_s
            );
        }
        text
    }

    fn semaphores_text(&self) -> String {
        let mut text =
            "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"
                .to_owned();
        for (id, set) in self.ipc.semaphores.iter() {
            let of = set.permissions();
            let (count, owners) = (set.semaphores.len(), owners(of));
            let _ = writeln!(
                text,
                "{:10} {id:10}  {:4o} {count:10} {owners} {:10} {:10}",
                of.key, of.mode, set.used_s, set.changed_s
            );
        }
        text
    }

    fn segments_text(&self) -> String {
        let mut text = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n".to_owned();
        for (id, segment) in self.ipc.segments.iter() {
            let of = segment.permissions();
            let resident = self.memory.cache().resident_pages(segment.file) * (super::PAGE_KIB << 10);
            let _ = writeln!(
                text,
                "{:10} {id:10}  {:4o} {:21} {:5} {:5}  {:5} {} {:10} {:10} {:10} {resident:21} {:21}",
                of.key,
                of.mode,
                segment.len_bytes,
                segment.maker.0,
                segment.last.0,
                self.attachments(segment),
                owners(of),
                segment.attached_s,
                segment.detached_s,
                segment.changed_s,
                0
            );
        }
        text
    }
}
