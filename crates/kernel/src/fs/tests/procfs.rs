//! Rules of `/proc`.

use super::*;

const PROCESS: Subject = Subject::Process(SELF);
const STATUS: ProcNode = ProcNode::ProcessFile(PROCESS, PidFile::Status);

#[test]
fn self_is_the_caller() {
    let mut world = World::new();
    assert_eq!(world.find("/proc/self/status"), Ok(Node::Proc(STATUS)));
    assert_eq!(world.find("/proc/self"), world.find("/proc/10"));
    assert_eq!(world.find("/proc/self/.."), Ok(Node::Proc(ProcNode::Root)));
    assert_eq!(world.find("/proc/.."), world.find("/"));
    assert_eq!(world.find("/proc/2"), Err(Errno::ENOENT));
    assert_eq!(world.find("/proc/010"), Err(Errno::ENOENT), "numbers have one form");
    assert_eq!(world.find("/proc/self/nothing"), Err(Errno::ENOENT));
}

#[test]
fn every_listed_name_is_there() {
    let mut world = World::new();
    for directory in
        ["/proc", "/proc/10", "/proc/10/fd", "/proc/10/task", "/proc/10/task/11", "/proc/sys/vm", "/sys"]
    {
        for name in world.list(directory) {
            let path = format!("{directory}/{name}");
            assert!(world.look_up(&path, LookupFlags::NOFOLLOW).is_ok(), "{path}");
        }
    }
    let names = world.list("/proc");
    assert_eq!(&names[names.len() - 3..], ["vmstat", "1", "10"]);
}

#[test]
fn texts_are_asked_for_when_read_from_the_start() {
    let mut world = World::new();
    let open = world.open("/proc/self/status", OpenFlags::empty()).unwrap();
    let mut read = |len, text: Option<&str>| {
        let source = world.with(|fs, env| fs.read_begin(env, open, Position::Current, len)).unwrap();
        let bytes = match (source, text) {
            (ReadSource::Bytes(bytes), None) => bytes,
            (ReadSource::Proc(STATUS), Some(text)) => {
                world.fs.read_text(open, Position::Current, len, text.into())
            }
            (source, _) => panic!("{source:?}"),
        };
        world.fs.read_commit(open, Position::Current, bytes.len());
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(read(4, Some("first text")), "firs");
    assert_eq!(read(100, None), "t text");
    assert_eq!(read(100, None), "");
    world.seek(open, Seek::Start(0)).unwrap();
    let again = world.with(|fs, env| fs.read_begin(env, open, Position::Current, 1)).unwrap();
    assert_eq!(again, ReadSource::Proc(STATUS), "a second look is a new text");
    assert_eq!(world.seek(open, Seek::End(0)), Err(Errno::EINVAL));
}

#[test]
fn links_lead_to_the_file_and_not_to_its_name() {
    let mut world = World::new();
    world.file("/prog", "old");
    let open = world.open("/prog", OpenFlags::empty()).unwrap();
    world.processes.exe = Some(world.fs.node(open));
    let link = Node::Proc(ProcNode::ProcessLink(PROCESS, PidLink::Exe));
    assert_eq!(world.fs.readlink(&world.processes, link), Ok(b"/prog".to_vec()));
    world.unlink("/prog").unwrap();
    world.file("/prog", "new");
    assert_eq!(world.fs.readlink(&world.processes, link), Ok(b"/prog (deleted)".to_vec()));
    assert_eq!(world.contents("/proc/self/exe"), "old");
    assert_eq!(world.find("/proc/self/cwd/tmp"), world.find("/tmp"));
    assert_eq!(world.find("/proc/1/exe"), Err(Errno::ENOENT), "a process without a program");
}

#[test]
fn descriptors_are_links_to_what_they_have_open() {
    let mut world = World::new();
    world.file("/tmp/f", "contents");
    let table = world.table();
    let (read, write) = world.with(|fs, env| fs.pipe(env, OpenFlags::empty()).unwrap());
    let file = world.open("/tmp/f", OpenFlags::RDWR).unwrap();
    for (fd, open) in [(0, read), (1, write), (5, file)] {
        world.fs.put_fd(table, Fd(fd), open, OnExec::Keep);
    }
    assert_eq!(world.list("/proc/self/fd"), [".", "..", "0", "1", "5"]);
    let node = |fd| Node::Proc(ProcNode::FdLink(PROCESS, Fd(fd)));
    let text = |world: &World, fd| String::from_utf8(world.fs.readlink(&world.processes, node(fd)).unwrap());
    assert_eq!(text(&world, 5).unwrap(), "/tmp/f");
    let number = world.with(|fs, env| fs.stat(env, fs.node(read))).ino;
    assert_eq!(text(&world, 0).unwrap(), format!("pipe:[{number}]"));
    let permissions = [0, 1, 5].map(|fd| world.with(|fs, env| fs.stat(env, node(fd))).permissions);
    assert_eq!(permissions, [0o500, 0o300, 0o700]);
    assert_eq!(world.stat("/proc/self/fd").unwrap().size, 3);
    assert_eq!(world.contents("/dev/fd/5"), "contents");
    assert_eq!(world.find("/proc/self/fd/9"), Err(Errno::ENOENT));

    let second = world.open("/dev/stdout", OpenFlags::WRONLY).unwrap();
    world.with(|fs, env| fs.close_fd(env, table, Fd(1))).unwrap();
    world.write(second, b"x").unwrap();
    assert_eq!(world.read(read, 9).unwrap(), b"x");
    world.close(second);
    assert_eq!(world.read(read, 9).unwrap(), b"", "the second writer counted");
}

#[test]
fn files_are_read_only_and_say_nothing_of_their_size() {
    let mut world = World::new();
    let stat = world.stat("/proc/meminfo").unwrap();
    assert_eq!((stat.mode(), stat.size, stat.nlink), (0o10_0444, 0, 1));
    assert_eq!(world.stat("/proc/10").unwrap().mode(), 0o4_0555);
    let open = world.open("/proc/meminfo", OpenFlags::RDWR).unwrap();
    let place = ProcNode::File(ProcFile::Meminfo);
    let target = world.with(|fs, env| fs.write(env, open, Position::Current, b"x"));
    assert_eq!(target, Ok(WriteTarget::Proc(place)), "the caller knows what may be written");
    let meminfo = world.find("/proc/meminfo").unwrap();
    assert_eq!(world.with(|fs, env| fs.chmod(env, meminfo, 0o777)), Err(Errno::EPERM));
    let directory = world.open("/proc", OpenFlags::empty()).unwrap();
    assert_eq!(world.read(directory, 1), Err(stop(Errno::EISDIR)));
}

#[test]
fn places_have_paths_and_numbers_of_their_own() {
    let mut world = World::new();
    assert_eq!(world.fs.path_of(Node::Proc(STATUS)), b"/proc/10/status");
    assert_eq!(world.fs.path_of(Node::Proc(ProcNode::Root)), b"/proc");
    let mut numbers = std::collections::BTreeSet::new();
    for directory in
        ["/proc", "/proc/1", "/proc/10", "/proc/10/task/11", "/proc/sys/kernel", "/sys/devices/system"]
    {
        for name in world.list(directory).split_off(2) {
            let path = format!("{directory}/{name}");
            let node = world.look_up(&path, LookupFlags::NOFOLLOW).unwrap();
            assert!(numbers.insert(world.with(|fs, env| fs.stat(env, node)).ino), "{path}");
        }
    }
}

#[test]
fn tasks_have_directories_of_their_own() {
    let mut world = World::new();
    assert_eq!(world.list("/proc/self/task"), [".", "..", "10", "11"]);
    let status = ProcNode::ProcessFile(Subject::Task(SELF, Pid(11)), PidFile::Status);
    assert_eq!(world.find("/proc/thread-self/status"), Ok(Node::Proc(status)));
    assert_eq!(world.fs.path_of(Node::Proc(status)), b"/proc/10/task/11/status");
    assert_eq!(world.find("/proc/self/task/12"), Err(Errno::ENOENT));
    assert_eq!(world.find("/proc/self/task/11/task"), Err(Errno::ENOENT));
    assert_eq!(world.find("/proc/self/task/11/../.."), world.find("/proc/self"));
}

#[test]
fn sysfs_is_a_file_system_of_its_own() {
    let mut world = World::new();
    assert_eq!(world.find("/sys/.."), world.find("/"));
    assert_eq!(world.find("/sys/kernel/../.."), world.find("/"));
    let online = world.find("/sys/devices/system/cpu/online").unwrap();
    assert_eq!(world.fs.path_of(online), b"/sys/devices/system/cpu/online");
    let devices = ["/", "/proc/sys", "/proc", "/sys/kernel"].map(|path| world.stat(path).unwrap().dev);
    assert_eq!(devices[1], devices[2]);
    assert_ne!(devices[3], devices[2]);
    assert_ne!(devices[3], devices[0]);
}
