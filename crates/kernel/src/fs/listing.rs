//! Listings of directories, in the records of getdents64(2).

use super::flags::{FileType, OpenFlags};
use super::notify::NotifyMask;
use super::{Env, Fs, Node, OpenId, ProcNode, Subject};
use crate::Errno;

/// Bytes of `struct linux_dirent64` before the name.
const HEADER: usize = 19;

/// Records, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Whole records; none at the end.
    pub bytes: Vec<u8>,
    /// The position for [`Fs::list_commit`].
    pub next: u64,
}

/// One name of a directory. A listing goes on at `next` after it.
struct Row {
    next: u64,
    number: u64,
    file_type: FileType,
    name: Vec<u8>,
}

impl Row {
    fn append_to(&self, bytes: &mut Vec<u8>, len: usize) {
        let end = bytes.len() + len;
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.next.to_le_bytes());
        bytes.extend_from_slice(&(len as u16).to_le_bytes());
        bytes.push(self.file_type as u8);
        bytes.extend_from_slice(&self.name);
        bytes.resize(end, 0);
    }
}

impl Fs {
    /// Begins a listing of up to `len` bytes. The description's position moves with [`Fs::list_commit`].
    ///
    /// # Errors
    /// `EBADF` for `O_PATH`, `ENOTDIR`, `EINVAL` when not even the next record fits, `ENOENT` when the directory was removed.
    pub fn list_begin(&mut self, env: &mut Env<'_>, open: OpenId, len: usize) -> Result<Listing, Errno> {
        self.read_names(env, self.opens[open].node)?;
        let file = &self.opens[open];
        if file.flags.contains(OpenFlags::PATH) {
            return Err(Errno::EBADF);
        }
        if !self.is_directory(file.node) {
            return Err(Errno::ENOTDIR);
        }
        let mut listing = Listing { bytes: Vec::new(), next: file.position };
        for row in self.rows(env, file.node, file.position)? {
            let size = (HEADER + row.name.len() + 1).next_multiple_of(8);
            if listing.bytes.len() + size > len {
                if listing.bytes.is_empty() {
                    return Err(Errno::EINVAL);
                }
                break;
            }
            row.append_to(&mut listing.bytes, size);
            listing.next = row.next;
        }
        Ok(listing)
    }

    /// Ends a listing whose records have all arrived.
    pub fn list_commit(&mut self, open: OpenId, listing: &Listing) {
        self.opens[open].position = listing.next;
        self.notify_open(open, NotifyMask::ACCESS);
    }

    /// Returns the rows of a directory from a position on: `.` is at 0, `..` at 1.
    fn rows<'a>(
        &'a self,
        env: &Env<'_>,
        directory: Node,
        from: u64,
    ) -> Result<impl Iterator<Item = Row> + 'a, Errno> {
        let dots = [(0, &b"."[..], directory), (1, b"..", self.parent(directory))];
        let dots = dots.into_iter().filter(move |(position, ..)| *position >= from);
        // One of the two is empty.
        let (names, places) = match directory {
            Node::Inode(inode) => {
                let directory = self.inodes[inode].directory().ok_or(Errno::ENOTDIR)?;
                if directory.is_removed {
                    return Err(Errno::ENOENT);
                }
                (Some(directory.list_from(from)), Vec::new())
            }
            Node::Proc(place) => (None, self.proc_children(env, place)),
        };
        let places = (2..).zip(places).filter(move |(position, _)| *position >= from);
        let dots = dots.map(|(position, name, node)| self.row(position, name, node));
        let names = names.into_iter().flatten();
        let names = names.map(|(cookie, name, inode)| self.row(cookie, name, self.across_mount(inode)));
        let places =
            places.map(|(position, place)| self.row(position, place.name().as_bytes(), Node::Proc(place)));
        Ok(dots.chain(names).chain(places))
    }

    fn row(&self, position: u64, name: &[u8], node: Node) -> Row {
        Row {
            next: position + 1,
            number: self.ino(node),
            file_type: self.file_type(node),
            name: name.to_vec(),
        }
    }

    fn proc_children(&self, env: &Env<'_>, place: ProcNode) -> Vec<ProcNode> {
        let table = |subject: Subject| env.processes.fd_table(subject.number());
        let fds = |subject| table(subject).into_iter().flat_map(|table| self.tables[table].fds());
        match place {
            ProcNode::FdDirectory(subject) => fds(subject).map(|fd| ProcNode::FdLink(subject, fd)).collect(),
            ProcNode::FdInfoDirectory(subject) => {
                fds(subject).map(|fd| ProcNode::FdInfo(subject, fd)).collect()
            }
            _ => place.children(env.processes),
        }
    }
}
