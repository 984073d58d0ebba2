//! Rules of the file system, one by one, and against the host's own.

mod epoll;
mod fake_host;
mod fds;
mod fifos;
mod files;
mod granted;
mod holes;
mod host;
mod layout;
mod locks;
mod mounts;
mod names;
mod notices;
mod paths;
mod permissions;
mod pipes;
mod procfs;
mod sockets;

use super::*;
use crate::creds::{Capabilities, Credentials, Ids};
use crate::mm::Truncated;
use crate::task::SignalSet;
use crate::{FileId, Pid};
use fake_host::FakeHost;

/// Frames of the machine under test.
const FRAMES: u64 = 160;

/// The process under test.
const SELF: Pid = Pid(10);

/// Two processes, of which the second is the caller.
struct Pair {
    work_dir: WorkDirId,
    exe: Option<Node>,
    table: FdTableId,
    credentials: Credentials,
    held: SignalSet,
}

impl Processes for Pair {
    fn pids(&self) -> Vec<Pid> {
        vec![Pid(1), SELF]
    }

    fn exists(&self, pid: Pid) -> bool {
        self.pids().contains(&pid)
    }

    fn process_of(&self, number: Pid) -> Option<Pid> {
        self.pids().into_iter().find(|pid| self.tasks(*pid).contains(&number))
    }

    fn tasks(&self, pid: Pid) -> Vec<Pid> {
        if pid == SELF { vec![SELF, Pid(11)] } else { vec![pid] }
    }

    fn caller(&self) -> Pid {
        SELF
    }

    fn caller_task(&self) -> Pid {
        Pid(11)
    }

    fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    fn owner(&self, _: Pid) -> (u32, u32) {
        (0, 0)
    }

    fn may_inspect(&self, _: Pid) -> bool {
        self.credentials.user.fs == 0
    }

    fn held_signals(&self) -> SignalSet {
        self.held
    }

    fn group(&self, pid: Pid) -> Option<Pid> {
        Some(pid)
    }

    fn session(&self, pid: Pid) -> Option<Pid> {
        Some(pid)
    }

    fn has_memory(&self, task: Pid) -> bool {
        self.process_of(task).is_some()
    }

    fn exe(&self, task: Pid) -> Option<Node> {
        self.exe.filter(|_| self.process_of(task) == Some(SELF))
    }

    fn work_dir(&self, task: Pid) -> Option<WorkDirId> {
        (self.process_of(task) == Some(SELF)).then_some(self.work_dir)
    }

    fn fd_table(&self, task: Pid) -> Option<FdTableId> {
        (self.process_of(task) == Some(SELF)).then_some(self.table)
    }
}

/// A file system with the memory behind it.
struct World {
    fs: Fs,
    ram: Ram,
    frames: Frames,
    cache: PageCache,
    processes: Pair,
    host: FakeHost,
    now_ns: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self::bare();
        world.with(|fs, env| fs.mount_all(env, &[])).unwrap();
        world
    }

    /// Makes a file system in which nothing is mounted but the root.
    fn bare() -> Self {
        let ram = Ram::new(FRAMES * tine_mmu::PAGE_SIZE).unwrap();
        let frames = Frames::new(&ram);
        let mut fs = Fs::new(0, 0);
        let processes = Pair {
            work_dir: fs.new_work_dir(),
            exe: None,
            table: fs.new_table(),
            credentials: Credentials::ROOT,
            held: SignalSet::default(),
        };
        let cache = PageCache::default();
        Self { fs, ram, frames, cache, processes, host: FakeHost::default(), now_ns: 0 }
    }

    /// Does something with the file system, one nanosecond later.
    fn with<R>(&mut self, operate: impl FnOnce(&mut Fs, &mut Env<'_>) -> R) -> R {
        self.now_ns += 1;
        let mut env = Env {
            ram: &mut self.ram,
            frames: &mut self.frames,
            cache: &mut self.cache,
            processes: &self.processes,
            resolve: Resolve::empty(),
            host: &mut self.host,
            now_ns: self.now_ns,
            uptime_ns: self.now_ns,
        };
        operate(&mut self.fs, &mut env)
    }

    fn table(&self) -> FdTableId {
        self.processes.table
    }

    fn at<'a>(&self, path: &'a str) -> At<'a> {
        At { base: self.fs.root(), path: path.as_bytes() }
    }

    fn find(&mut self, path: &str) -> Result<Node, Errno> {
        self.look_up(path, LookupFlags::empty())
    }

    fn look_up(&mut self, path: &str, flags: LookupFlags) -> Result<Node, Errno> {
        self.look_up_at(self.at(path), flags)
    }

    fn look_up_at(&mut self, at: At<'_>, flags: LookupFlags) -> Result<Node, Errno> {
        self.with(|fs, env| fs.lookup(env, at, flags))
    }

    fn program(&mut self, node: Node) -> Result<FileId, Errno> {
        self.with(|fs, env| fs.program(env, node))
    }

    fn access(&self, node: Node, mode: AccessMode) -> Result<(), Errno> {
        self.fs.permission(&self.processes, node, mode)
    }

    fn stat(&mut self, path: &str) -> Result<Stat, Errno> {
        let node = self.find(path)?;
        Ok(self.with(|fs, env| fs.stat(env, node)))
    }

    /// Opens without cutting anything off.
    fn open(&mut self, path: &str, flags: OpenFlags) -> Result<OpenId, Errno> {
        let at = self.at(path);
        self.with(|fs, env| fs.open(env, at, flags, 0o644)).map(|opened| {
            assert_eq!(opened.truncated, Truncated::default(), "nothing is mapped here");
            opened.open
        })
    }

    /// Makes a file with these contents.
    fn file(&mut self, path: &str, contents: &str) {
        let open = self.open(path, OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::WRONLY).unwrap();
        assert_eq!(self.write(open, contents.as_bytes()), Ok(contents.len()));
        self.close(open);
    }

    /// Returns a file's contents.
    fn contents(&mut self, path: &str) -> String {
        let open = self.open(path, OpenFlags::empty()).unwrap();
        let bytes = self.read(open, 1 << 20).unwrap();
        self.close(open);
        String::from_utf8(bytes).unwrap()
    }

    fn mkdir(&mut self, path: &str) -> Result<(), Errno> {
        let at = self.at(path);
        self.with(|fs, env| fs.mkdir(env, at, 0o755))
    }

    fn rmdir(&mut self, path: &str) -> Result<(), Errno> {
        let at = self.at(path);
        self.with(|fs, env| fs.rmdir(env, at))
    }

    fn unlink(&mut self, path: &str) -> Result<(), Errno> {
        let at = self.at(path);
        self.with(|fs, env| fs.unlink(env, at))
    }

    fn symlink(&mut self, target: &str, path: &str) -> Result<(), Errno> {
        let at = self.at(path);
        self.with(|fs, env| fs.symlink(env, target.as_bytes(), at))
    }

    fn link(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let node = self.look_up(from, LookupFlags::NOFOLLOW)?;
        let at = self.at(to);
        self.with(|fs, env| fs.link(env, node, at))
    }

    fn rename(&mut self, from: &str, to: &str, flags: RenameFlags) -> Result<(), Errno> {
        let (from, to) = (self.at(from), self.at(to));
        self.with(|fs, env| fs.rename(env, from, to, flags))
    }

    fn read(&mut self, open: OpenId, len: usize) -> Result<Vec<u8>, Stop> {
        self.read_at(open, Position::Current, len)
    }

    fn read_at(&mut self, open: OpenId, position: Position, len: usize) -> Result<Vec<u8>, Stop> {
        match self.with(|fs, env| fs.read_begin(env, open, position, len))? {
            ReadSource::Bytes(bytes) => {
                self.fs.read_commit(open, position, bytes.len());
                Ok(bytes)
            }
            other => panic!("{other:?}"),
        }
    }

    fn write(&mut self, open: OpenId, bytes: &[u8]) -> Result<usize, Stop> {
        self.write_at(open, Position::Current, bytes)
    }

    fn write_at(&mut self, open: OpenId, position: Position, bytes: &[u8]) -> Result<usize, Stop> {
        match self.with(|fs, env| fs.write(env, open, position, bytes))? {
            WriteTarget::Done(done) => Ok(done),
            other => panic!("{other:?}"),
        }
    }

    fn seek(&mut self, open: OpenId, seek: Seek) -> Result<u64, Errno> {
        self.with(|fs, env| fs.seek(env, open, seek))
    }

    fn poll(&self, open: OpenId) -> PollEvents {
        self.fs.poll(&self.processes, open)
    }

    fn close(&mut self, open: OpenId) {
        self.with(|fs, env| fs.close(env, open));
    }

    /// Lists a directory in one go: names in order.
    fn list(&mut self, path: &str) -> Vec<String> {
        let open = self.open(path, OpenFlags::DIRECTORY).unwrap();
        let listing = self.with(|fs, env| fs.list_begin(env, open, 1 << 16)).unwrap();
        self.close(open);
        records(&listing.bytes).into_iter().map(|record| record.name).collect()
    }

    /// Everything that is counted: to be the same before and after what leaves nothing behind.
    fn weight(&self) -> (Census, usize, u64) {
        (self.fs.census(), self.cache.holders().count(), self.frames.gauges().in_use)
    }
}

/// One `struct linux_dirent64`.
struct Record {
    ino: u64,
    next: u64,
    file_type: u8,
    name: String,
}

fn records(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let len = u16::from_le_bytes(bytes[16..18].try_into().unwrap()) as usize;
        let name = bytes[19..len].split(|byte| *byte == 0).next().unwrap();
        let name = String::from_utf8(name.to_vec()).unwrap();
        records.push(Record { ino: word(0), next: word(8), file_type: bytes[18], name });
        assert_eq!(len % 8, 0, "records stay aligned");
        bytes = &bytes[len..];
    }
    records
}

fn stop(errno: Errno) -> Stop {
    Stop::Errno(errno)
}
