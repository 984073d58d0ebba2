//! Who may do what with a file: the rules of path_resolution(7) and inode(7) for users who are not root.

use super::*;

/// A user without privileges, alone in a group of the same number.
const USER: u32 = 1000;
/// Another.
const OTHER: u32 = 2000;

impl World {
    /// Goes on as a user without privileges, in the group of the same number and in `groups`.
    fn become_user(&mut self, id: u32, groups: &[u32]) {
        let mut credentials = Credentials {
            user: Ids::of(id),
            group: Ids::of(id),
            groups: groups.to_vec(),
            ..Credentials::ROOT
        };
        credentials.capabilities.effective = Capabilities::empty();
        credentials.capabilities.permitted = Capabilities::empty();
        self.processes.credentials = credentials;
    }

    fn become_root(&mut self) {
        self.processes.credentials = Credentials::ROOT;
    }

    fn chmod(&mut self, path: &str, permissions: u32) -> Result<(), Errno> {
        let node = self.find(path)?;
        self.with(|fs, env| fs.chmod(env, node, permissions))
    }

    fn chown(&mut self, path: &str, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let node = self.find(path)?;
        self.with(|fs, env| fs.chown(env, node, uid, gid))
    }

    fn readlink(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        let link = self.look_up(path, LookupFlags::NOFOLLOW)?;
        self.fs.readlink(&self.processes, link)
    }

    /// Makes a directory of root's with these permission bits.
    fn directory(&mut self, path: &str, permissions: u32) {
        self.mkdir(path).unwrap();
        self.chmod(path, permissions).unwrap();
    }

    /// Makes a file with these permission bits and this owner.
    fn owned(&mut self, path: &str, permissions: u32, owner: u32) {
        self.file(path, "text");
        self.chown(path, Some(owner), Some(owner)).unwrap();
        self.chmod(path, permissions).unwrap();
    }
}

const RDONLY: OpenFlags = OpenFlags::empty();

#[test]
fn first_class_that_fits_decides() {
    let mut world = World::new();
    world.owned("/owner", 0o077, USER);
    world.owned("/group", 0o707, OTHER);
    world.owned("/others", 0o770, OTHER);
    world.become_user(USER, &[OTHER]);
    assert_eq!(world.open("/owner", RDONLY).unwrap_err(), Errno::EACCES, "the owner is not of the others");
    assert_eq!(world.open("/group", RDONLY).unwrap_err(), Errno::EACCES, "nor is a member of the group");
    world.become_user(USER, &[]);
    assert_eq!(world.open("/others", RDONLY).unwrap_err(), Errno::EACCES);
    assert!(world.open("/group", OpenFlags::RDWR).is_ok());
}

#[test]
fn every_directory_of_a_path_is_searched() {
    let mut world = World::new();
    world.directory("/d", 0o644);
    world.file("/d/f", "");
    world.become_user(USER, &[]);
    for path in ["/d/f", "/d/none", "/d/.", "/d/.."] {
        assert_eq!(world.stat(path).unwrap_err(), Errno::EACCES, "{path}");
    }
    assert!(world.stat("/d").is_ok(), "the directory itself is not searched");
    assert!(world.open("/d", OpenFlags::DIRECTORY).is_ok(), "and may be listed");
    let work_dir = world.processes.work_dir;
    let d = world.find("/d").unwrap();
    assert_eq!(world.with(|fs, env| fs.chdir(env, work_dir, d)), Err(Errno::EACCES));
}

#[test]
fn names_are_made_and_removed_by_who_may_write_to_the_directory() {
    let mut world = World::new();
    world.directory("/d", 0o755);
    world.owned("/d/f", 0o666, USER);
    world.become_user(USER, &[]);
    let create = OpenFlags::CREAT | OpenFlags::WRONLY;
    assert_eq!(world.open("/d/new", create).unwrap_err(), Errno::EACCES);
    assert!(world.open("/d/f", create).is_ok(), "what is there is only opened");
    assert_eq!(world.mkdir("/d/new"), Err(Errno::EACCES));
    assert_eq!(world.mkdir("/d/f"), Err(Errno::EEXIST), "that it is there is seen first");
    assert_eq!(world.unlink("/d/f"), Err(Errno::EACCES));
    assert_eq!(world.rename("/d/f", "/d/g", RenameFlags::empty()), Err(Errno::EACCES));
}

#[test]
fn new_file_may_be_written_whatever_its_permissions() {
    let mut world = World::new();
    world.directory("/d", 0o777);
    world.become_user(USER, &[]);
    let at = world.at("/d/f");
    let flags = OpenFlags::CREAT | OpenFlags::RDWR | OpenFlags::TRUNC;
    let open = world.with(|fs, env| fs.open(env, at, flags, 0)).unwrap().open;
    assert_eq!(world.write(open, b"x"), Ok(1));
    let stat = world.stat("/d/f").unwrap();
    assert_eq!((stat.uid, stat.gid, stat.permissions), (USER, USER, 0));
    assert_eq!(world.open("/d/f", RDONLY).unwrap_err(), Errno::EACCES);
}

#[test]
fn sticky_directory_keeps_names_for_their_owners() {
    let mut world = World::new();
    world.directory("/t", 0o1777);
    world.owned("/t/own", 0o666, USER);
    world.owned("/t/other", 0o666, OTHER);
    world.become_user(USER, &[]);
    assert_eq!(world.unlink("/t/other"), Err(Errno::EPERM));
    assert_eq!(world.rename("/t/other", "/t/x", RenameFlags::empty()), Err(Errno::EPERM));
    assert_eq!(
        world.rename("/t/own", "/t/other", RenameFlags::empty()),
        Err(Errno::EPERM),
        "that would remove it too"
    );
    assert_eq!(world.rename("/t/own", "/t/mine", RenameFlags::empty()), Ok(()));
    assert_eq!(world.unlink("/t/mine"), Ok(()));
    world.become_root();
    assert_eq!(world.unlink("/t/other"), Ok(()));
}

#[test]
fn links_of_others_are_protected() {
    let mut world = World::new();
    world.directory("/t", 0o1777);
    world.owned("/t/safe", 0o666, OTHER);
    world.owned("/t/read-only", 0o644, OTHER);
    world.owned("/t/set-id", 0o4777, OTHER);
    world.become_user(OTHER, &[]);
    world.symlink("/t/safe", "/t/link").unwrap();
    world.become_user(USER, &[]);
    assert_eq!(world.link("/t/safe", "/t/1"), Ok(()));
    assert_eq!(world.link("/t/read-only", "/t/2"), Err(Errno::EPERM));
    assert_eq!(world.link("/t/set-id", "/t/3"), Err(Errno::EPERM));
    assert_eq!(world.stat("/t/link").unwrap_err(), Errno::EACCES, "fs.protected_symlinks");
    world.symlink("/t/safe", "/t/own").unwrap();
    assert!(world.stat("/t/own").is_ok());
    world.become_user(OTHER, &[]);
    assert!(world.stat("/t/link").is_ok());
}

#[test]
fn attributes_are_the_owners_to_change() {
    let mut world = World::new();
    world.owned("/f", 0o644, USER);
    world.owned("/other", 0o666, OTHER);
    world.become_user(USER, &[7]);
    assert_eq!(world.chmod("/other", 0o777), Err(Errno::EPERM));
    assert_eq!(world.chmod("/f", 0o600), Ok(()));
    assert_eq!(world.chown("/f", Some(OTHER), None), Err(Errno::EPERM));
    assert_eq!(world.chown("/f", Some(USER), Some(7)), Ok(()));
    assert_eq!(world.chown("/f", None, Some(8)), Err(Errno::EPERM), "a group of others");
    assert_eq!(world.chown("/other", None, None), Ok(()), "nothing is asked for");
    let (own, other) = (world.find("/f").unwrap(), world.find("/other").unwrap());
    let past = NewTimes::Chosen { accessed_ns: Some(1), modified_ns: None };
    assert_eq!(world.with(|fs, env| fs.set_times(env, own, past)), Ok(()));
    assert_eq!(world.with(|fs, env| fs.set_times(env, other, past)), Err(Errno::EPERM));
    assert_eq!(world.with(|fs, env| fs.set_times(env, other, NewTimes::Now)), Ok(()), "who may write");
    world.become_root();
    world.chmod("/other", 0o644).unwrap();
    world.become_user(USER, &[]);
    assert_eq!(world.with(|fs, env| fs.set_times(env, other, NewTimes::Now)), Err(Errno::EACCES));
}

#[test]
fn set_id_bits_go_with_a_new_owner_and_with_new_contents() {
    let mut world = World::new();
    world.owned("/f", 0o6777, USER);
    world.owned("/lock", 0o2644, USER);
    world.chown("/f", Some(USER), None).unwrap();
    assert_eq!(world.stat("/f").unwrap().permissions, 0o777, "even root's chown takes them");
    world.chmod("/f", 0o6777).unwrap();
    let open = world.open("/f", OpenFlags::WRONLY).unwrap();
    world.write(open, b"x").unwrap();
    assert_eq!(world.stat("/f").unwrap().permissions, 0o6777, "root's writing does not");
    world.become_user(USER, &[]);
    world.write(open, b"x").unwrap();
    assert_eq!(world.stat("/f").unwrap().permissions, 0o777);
    let open = world.open("/lock", OpenFlags::WRONLY).unwrap();
    world.write(open, b"x").unwrap();
    assert_eq!(
        world.stat("/lock").unwrap().permissions,
        0o2644,
        "no program: the bit is for the group's members"
    );
    world.become_root();
    world.chown("/f", None, Some(OTHER)).unwrap();
    world.become_user(USER, &[]);
    world.chmod("/f", 0o2755).unwrap();
    assert_eq!(world.stat("/f").unwrap().permissions, 0o755, "a group of others");
}

#[test]
fn directory_hands_its_group_down() {
    let mut world = World::new();
    world.directory("/d", 0o2777);
    world.chown("/d", None, Some(7)).unwrap();
    world.become_user(USER, &[]);
    world.file("/d/f", "");
    world.mkdir("/d/below").unwrap();
    let (file, below) = (world.stat("/d/f").unwrap(), world.stat("/d/below").unwrap());
    assert_eq!((file.uid, file.gid), (USER, 7));
    assert_eq!((below.gid, below.permissions & 0o2000), (7, 0o2000));
    let at = world.at("/d/program");
    let create = OpenFlags::CREAT | OpenFlags::WRONLY;
    let open = world.with(|fs, env| fs.open(env, at, create, 0o2755)).unwrap().open;
    world.close(open);
    assert_eq!(world.stat("/d/program").unwrap().permissions, 0o755, "not for a group of others");
}

#[test]
fn capabilities_override_one_by_one() {
    let mut world = World::new();
    world.directory("/d", 0o700);
    world.owned("/d/f", 0o600, OTHER);
    world.owned("/d/program", 0o700, OTHER);
    world.become_user(USER, &[]);
    world.processes.credentials.capabilities.effective = Capabilities::DAC_READ_SEARCH;
    assert!(world.open("/d/f", RDONLY).is_ok());
    assert_eq!(world.open("/d/f", OpenFlags::RDWR).unwrap_err(), Errno::EACCES);
    assert_eq!(world.unlink("/d/f"), Err(Errno::EACCES));
    world.processes.credentials.capabilities.effective = Capabilities::DAC_OVERRIDE;
    assert!(world.open("/d/f", OpenFlags::RDWR).is_ok());
    let [file, program] = ["/d/f", "/d/program"].map(|path| world.find(path).unwrap());
    assert_eq!(world.access(file, AccessMode::EXECUTE), Err(Errno::EACCES), "nobody may execute it");
    assert_eq!(world.access(program, AccessMode::EXECUTE), Ok(()));
    assert_eq!(world.chmod("/d/f", 0o666), Err(Errno::EPERM));
}

#[test]
fn processes_of_others_keep_their_files_to_themselves() {
    let mut world = World::new();
    let open = world.open("/tmp", RDONLY).unwrap();
    let table = world.table();
    world.fs.put_fd(table, Fd(0), open, OnExec::Keep);
    world.become_user(USER, &[]);
    assert_eq!(world.readlink("/proc/10/fd/0"), Err(Errno::EACCES));
    assert_eq!(world.readlink("/proc/10/cwd"), Err(Errno::EACCES));
    assert!(world.readlink("/proc/self").is_ok());
}
