//! execve and execveat: scripts, interpreters, and each error.

use crate::elf;
use crate::script::{DATA, Script, page, script};
use crate::world::{FIRST, Setup, World, run};
use tine_kernel::{Errno, WaitStatus};

const SYMLINKAT: u64 = 36;
const OPENAT: u64 = 56;
const EXECVEAT: u64 = 281;
const AT_FDCWD: i32 = -100;
const AT_SYMLINK_NOFOLLOW: u64 = 0x100;
const AT_EMPTY_PATH: u64 = 0x1000;
const O_CLOEXEC: u64 = 0x8_0000;

/// Runs a script that calls execve, in a world with these files beside the program `/bin/other`, which exits with 9.
fn exec_among(files: &[(&str, &[u8], u32)], steps: Script) -> World {
    let mut world = World::new(Setup::default(), steps);
    world.install("/bin/other", &script().exit(9));
    for (path, bytes, permissions) in files {
        world.install_bytes(path, bytes, *permissions);
    }
    world.run();
    world
}

#[track_caller]
fn check_errno(files: &[(&str, &[u8], u32)], path: &str, errno: Errno) {
    let world = exec_among(files, script().string(page(1), path).exec(page(1)).fails(errno).exit(0));
    assert_eq!(world.status(FIRST), Some(WaitStatus::Exited(0)), "{path}");
}

#[test]
fn script_runs_its_interpreter_and_keeps_its_own_name() {
    let files: &[(&str, &[u8], u32)] = &[("/run.sh", b"#! /bin/other -x\nbody", 0o755)];
    let world = exec_among(files, script().string(page(1), "/run.sh").exec(page(1)).exit(1));
    assert_eq!(world.status(FIRST), Some(WaitStatus::Exited(9)));
    assert_eq!(world.record(FIRST).command, "run.sh");
}

#[test]
fn five_scripts_may_name_each_other_and_a_sixth_is_one_too_many() {
    let text = |level: u32| match level {
        1 => "#!/bin/other\n".to_owned(),
        _ => format!("#!/s{}\n", level - 1),
    };
    let scripts: Vec<_> = (1..=6).map(|level| (format!("/s{level}"), text(level))).collect();
    let files: Vec<_> = scripts.iter().map(|(path, text)| (path.as_str(), text.as_bytes(), 0o755)).collect();
    let world = exec_among(&files, script().string(page(1), "/s5").exec(page(1)).exit(1));
    assert_eq!(world.status(FIRST), Some(WaitStatus::Exited(9)));
    check_errno(&files, "/s6", Errno::ELOOP);
}

#[test]
fn every_refusal_has_linuxs_errno() {
    let interpreted = |path: &str| elf::with_interpreter(path);
    let files: &[(&str, &[u8], u32)] = &[
        ("/plain", b"#!/bin/other\n", 0o644),
        ("/text", b"echo hello\n", 0o755),
        ("/empty", b"", 0o755),
        ("/nameless", b"#!\n", 0o755),
        ("/lost", b"#!/none\n", 0o755),
        ("/in-directory", b"#!/bin\n", 0o755),
        ("/no-linker", &interpreted("/lib/none"), 0o755),
        ("/bad-linker", &interpreted("/text-64"), 0o755),
        ("/short-linker", &interpreted("/text"), 0o755),
        ("/text-64", &[b'x'; 64], 0o755),
    ];
    for (path, errno) in [
        ("/none", Errno::ENOENT),
        ("", Errno::ENOENT),
        ("/bin", Errno::EACCES),
        ("/plain", Errno::EACCES),
        ("/plain/x", Errno::ENOTDIR),
        ("/text", Errno::ENOEXEC),
        ("/empty", Errno::ENOEXEC),
        ("/nameless", Errno::ENOEXEC),
        ("/lost", Errno::ENOENT),
        ("/in-directory", Errno::EACCES),
        ("/no-linker", Errno::ENOENT),
        ("/bad-linker", Errno::ELIBBAD),
        ("/short-linker", Errno::EIO),
    ] {
        check_errno(files, path, errno);
    }
    check_errno(files, &"x".repeat(256), Errno::ENAMETOOLONG);
}

#[test]
fn interpreter_is_where_the_program_starts() {
    let files: &[(&str, &[u8], u32)] = &[("/dynamic", &elf::with_interpreter("/bin/other"), 0o755)];
    let world = exec_among(files, script().string(page(1), "/dynamic").exec(page(1)).exit(1));
    assert_eq!(world.status(FIRST), Some(WaitStatus::Exited(9)));
    assert_eq!(world.record(FIRST).command, "dynamic");
}

#[test]
fn arguments_may_take_a_quarter_of_the_stack() {
    // Each pointer leads to one string of nearly a page.
    let text = "x".repeat(2000);
    let exec_with = |count: u64| {
        let vector = page(8);
        let steps = script().string(page(1), "/bin/other").string(page(2), &text);
        let steps = (0..count).fold(steps, |steps, index| steps.store(vector + 8 * index, page(2)));
        steps.call(221, [page(1).into(), vector.into(), 0.into()])
    };
    let world = exec_among(&[], exec_with(1000).exit(1));
    assert_eq!(world.status(FIRST), Some(WaitStatus::Exited(9)));
    exec_among(&[], exec_with(1100).fails(Errno::E2BIG).exit(0));
}

#[test]
fn execveat_takes_a_descriptor_for_a_path() {
    let open = |path: &str, flags: u64| {
        let steps = script().string(page(1), path).store(page(2), 0);
        steps.call(OPENAT, [AT_FDCWD.into(), page(1).into(), flags.into()]).is(3)
    };
    let execveat = |flags: u64| [3.into(), page(2).into(), 0.into(), 0.into(), flags.into()];
    let world =
        exec_among(&[], open("/bin/other", O_CLOEXEC).call(EXECVEAT, execveat(AT_EMPTY_PATH)).exit(1));
    assert_eq!(world.status(FIRST), Some(WaitStatus::Exited(9)));
    // The name of the file (Linux 6.12 as of Debian trixie), not of the descriptor.
    assert_eq!(world.record(FIRST).command, "other");

    exec_among(&[], open("/bin/other", 0).call(EXECVEAT, execveat(0)).fails(Errno::ENOENT).exit(0));
    exec_among(
        &[],
        open("/bin/other", 0).call(EXECVEAT, execveat(AT_EMPTY_PATH | 1)).fails(Errno::EINVAL).exit(0),
    );
    // The interpreter of a script could not open it: its descriptor is closed by then.
    let files: &[(&str, &[u8], u32)] = &[("/run.sh", b"#!/bin/other\n", 0o755)];
    let steps = open("/run.sh", O_CLOEXEC).call(EXECVEAT, execveat(AT_EMPTY_PATH)).fails(Errno::ENOENT);
    exec_among(files, steps.exit(0));
}

#[test]
fn execveat_follows_a_link_unless_told_otherwise() {
    let link = script().string(page(1), "/bin/other").string(page(2), "/link");
    let link = link.call(SYMLINKAT, [page(1).into(), AT_FDCWD.into(), page(2).into()]).is(0);
    let execveat = |flags: u64| [AT_FDCWD.into(), page(2).into(), 0.into(), 0.into(), flags.into()];
    let steps = link.call(EXECVEAT, execveat(AT_SYMLINK_NOFOLLOW)).fails(Errno::ELOOP);
    let world = exec_among(&[], steps.call(EXECVEAT, execveat(0)).exit(1));
    assert_eq!(world.status(FIRST), Some(WaitStatus::Exited(9)));
}

#[test]
fn proc_shows_the_environment_of_the_program() {
    let look = script().string(page(1), "/proc/self/environ");
    let look = look.call(OPENAT, [AT_FDCWD.into(), page(1).into(), 0.into()]).is(3);
    let look = look.read(3, DATA, 64).is(4).load(DATA).is(u64::from(u32::from_le_bytes(*b"A=1\0")));
    let steps = script().string(page(1), "/look").string(page(2), "A=1");
    let steps = steps.store(page(3), page(2)).store(page(3) + 8, 0);
    let mut world =
        World::new(Setup::default(), steps.call(221, [page(1).into(), 0.into(), page(3).into()]).exit(1));
    world.install("/look", &look.exit(9));
    assert_eq!(world.run(), WaitStatus::Exited(9));
}

#[test]
fn bad_vectors_leave_the_program_running() {
    let nowhere = 0x9000;
    let steps = script().string(page(1), "/bin/script").store(DATA, nowhere).store(DATA + 8, 0);
    run(steps
        .call(221, [page(1).into(), nowhere.into(), 0.into()])
        .fails(Errno::EFAULT)
        .call(221, [page(1).into(), DATA.into(), 0.into()])
        .fails(Errno::EFAULT)
        .exit(0));
}
