//! The same operations on this file system and on the host's tmpfs: every result and every error must be the same, and so
//! must the trees that come of it.

use super::*;
use proptest::prelude::*;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// One operation; paths are relative to the playground.
#[derive(Clone, Debug)]
enum Operation {
    Open(String, OpenFlags),
    Mkdir(String),
    Rmdir(String),
    Unlink(String),
    Rename(String, String),
    Link(String, String),
    Symlink(String, String),
    ReadLink(String),
    Stat(String),
}

/// A folder of the host that is removed with its contents.
struct Folder(PathBuf);

impl Folder {
    /// Makes one on a tmpfs where there is one.
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let shm = Path::new("/dev/shm");
        let parent = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir().canonicalize().unwrap() };
        let name = format!("tine-fs-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = parent.join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans the host's temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Both file systems, with the playground at the same path. It lies so deep that no path of an operation leaves the folder.
struct Both {
    folder: Folder,
    playground: String,
    world: World,
}

impl Both {
    fn new() -> Self {
        let folder = Folder::new();
        let playground = format!("{}/1/2/3/4/5", folder.0.display());
        fs::create_dir_all(&playground).unwrap();
        let mut world = World::new();
        world.with(|fs, env| fs.install(env, format!("{playground}/seed").as_bytes(), b"", 0o644)).unwrap();
        world.unlink(&format!("{playground}/seed")).unwrap();
        Self { folder, playground, world }
    }

    fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.playground)
    }

    /// Does an operation here: what it shows, or its error number.
    fn here(&mut self, operation: &Operation) -> Result<String, i32> {
        let path = |path: &String| self.path(path);
        let nothing = |()| String::new();
        let result = match operation.clone() {
            Operation::Open(name, flags) => {
                let name = path(&name);
                self.world.open(&name, flags).map(|open| {
                    if flags.is_writable() {
                        self.world.write(open, b"some bytes").unwrap();
                    }
                    self.world.close(open);
                    String::new()
                })
            }
            Operation::Mkdir(name) => self.world.mkdir(&path(&name)).map(nothing),
            Operation::Rmdir(name) => self.world.rmdir(&path(&name)).map(nothing),
            Operation::Unlink(name) => self.world.unlink(&path(&name)).map(nothing),
            Operation::Rename(from, to) => {
                let (from, to) = (path(&from), path(&to));
                self.world.rename(&from, &to, RenameFlags::empty()).map(nothing)
            }
            Operation::Link(from, to) => {
                let (from, to) = (path(&from), path(&to));
                self.world.link(&from, &to).map(nothing)
            }
            Operation::Symlink(target, name) => self.world.symlink(&target, &path(&name)).map(nothing),
            Operation::ReadLink(name) => {
                let name = path(&name);
                let link = self.world.look_up(&name, LookupFlags::NOFOLLOW);
                let text = link.and_then(|it| self.world.fs.readlink(&self.world.processes, it));
                text.map(|text| String::from_utf8(text).unwrap())
            }
            Operation::Stat(name) => {
                let name = path(&name);
                self.world.stat(&name).map(|stat| format!("{:o} {}", stat.mode(), stat.size))
            }
        };
        result.map_err(Errno::number)
    }

    /// Does an operation on the host.
    fn there(&self, operation: &Operation) -> Result<String, i32> {
        let path = |path: &String| self.path(path);
        let nothing = |()| String::new();
        let result: io::Result<String> = match operation {
            Operation::Open(name, flags) => {
                let custom = *flags & (OpenFlags::NOFOLLOW | OpenFlags::DIRECTORY);
                fs::OpenOptions::new()
                    .read(true)
                    .write(flags.is_writable())
                    .create(flags.contains(OpenFlags::CREAT))
                    .create_new(flags.contains(OpenFlags::EXCL))
                    .truncate(flags.contains(OpenFlags::TRUNC))
                    .mode(0o644)
                    .custom_flags(custom.bits() as i32)
                    .open(path(name))
                    .map(|mut file| {
                        if flags.is_writable() {
                            file.write_all(b"some bytes").unwrap();
                        }
                        String::new()
                    })
            }
            Operation::Mkdir(name) => fs::create_dir(path(name)).map(nothing),
            Operation::Rmdir(name) => fs::remove_dir(path(name)).map(nothing),
            Operation::Unlink(name) => fs::remove_file(path(name)).map(nothing),
            Operation::Rename(from, to) => fs::rename(path(from), path(to)).map(nothing),
            Operation::Link(from, to) => fs::hard_link(path(from), path(to)).map(nothing),
            Operation::Symlink(target, name) => symlink(target, path(name)).map(nothing),
            Operation::ReadLink(name) => {
                fs::read_link(path(name)).map(|text| text.to_str().unwrap().to_owned())
            }
            Operation::Stat(name) => fs::metadata(path(name)).map(|stat| show(&stat)),
        };
        result.map_err(|error| error.raw_os_error().expect("an error of the host's kernel"))
    }

    /// Describes every file here, in order of names.
    fn tree_here(&mut self, path: &str, into: &mut Vec<String>) {
        let node = self.world.look_up(path, LookupFlags::NOFOLLOW).unwrap();
        let stat = self.world.with(|fs, env| fs.stat(env, node));
        let names = stat.nlink;
        into.push(format!("{path} {:o} {} {names}", stat.mode(), stat.size));
        if stat.file_type == FileType::Directory {
            let mut names = self.world.list(path).split_off(2);
            names.sort();
            for name in names {
                self.tree_here(&format!("{path}/{name}"), into);
            }
        }
    }

    /// Describes every file on the host in the same way.
    fn tree_there(path: &Path, into: &mut Vec<String>) {
        let stat = fs::symlink_metadata(path).unwrap();
        into.push(format!("{} {} {}", path.display(), show(&stat), stat.nlink()));
        if stat.is_dir() {
            let mut children: Vec<_> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            children.sort();
            for child in children {
                Self::tree_there(&child, into);
            }
        }
    }

    fn check(&mut self, operations: &[Operation]) {
        for (index, operation) in operations.iter().enumerate() {
            let (here, there) = (self.here(operation), self.there(operation));
            assert_eq!(here, there, "operation {index} of {operations:#?}");
        }
        let (mut here, mut there) = (Vec::new(), Vec::new());
        self.tree_here(&self.folder.0.display().to_string(), &mut here);
        Self::tree_there(&self.folder.0, &mut there);
        assert_eq!(here, there, "after {operations:#?}");
    }
}

fn show(stat: &fs::Metadata) -> String {
    format!("{:o} {}", stat.mode(), stat.size())
}

fn path() -> impl Strategy<Value = String> {
    let component = prop_oneof![4 => "[abc]", 1 => Just(".".to_owned()), 1 => Just("..".to_owned())];
    let end = prop_oneof![4 => Just(""), 1 => Just("/")];
    (prop::collection::vec(component, 1..4), end).prop_map(|(names, end)| names.join("/") + end)
}

fn open_flags() -> impl Strategy<Value = OpenFlags> {
    let writing = OpenFlags::RDWR;
    let access = prop::sample::select(vec![
        OpenFlags::empty(),
        writing,
        writing | OpenFlags::CREAT,
        writing | OpenFlags::CREAT | OpenFlags::EXCL,
        writing | OpenFlags::CREAT | OpenFlags::TRUNC,
    ]);
    let extra = prop::sample::select(vec![OpenFlags::empty(), OpenFlags::NOFOLLOW, OpenFlags::DIRECTORY]);
    // Whether O_CREAT|O_DIRECTORY is refused depends on the host's version.
    (access, extra).prop_map(|(access, extra)| match access.contains(OpenFlags::CREAT) {
        true => access | extra.difference(OpenFlags::DIRECTORY),
        false => access | extra,
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    // No `..` in links: they could climb out of the folder together.
    let target = "(\\./)?[abc](/[abc])?/?";
    prop_oneof![
        4 => (path(), open_flags()).prop_map(|(path, flags)| Operation::Open(path, flags)),
        4 => path().prop_map(Operation::Mkdir),
        2 => path().prop_map(Operation::Rmdir),
        2 => path().prop_map(Operation::Unlink),
        4 => (path(), path()).prop_map(|(from, to)| Operation::Rename(from, to)),
        2 => (path(), path()).prop_map(|(from, to)| Operation::Link(from, to)),
        3 => (target, path()).prop_map(|(target, path)| Operation::Symlink(target, path)),
        1 => path().prop_map(Operation::ReadLink),
        1 => path().prop_map(Operation::Stat),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_behave_as_on_the_host(operations in prop::collection::vec(operation(), 1..60)) {
        Both::new().check(&operations);
    }
}
