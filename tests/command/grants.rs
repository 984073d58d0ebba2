//! `--root`, `--dir` and `--cwd`: what a guest sees of the host, and what the host sees of the guest's changes.

use crate::support::{run, run_in};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A program of the guest that lists, prints, copies, writes and stores, as its arguments say.
const FILES: &str = "tests/programs/bin/host-files";

/// Makes an empty directory with the program in it.
fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("grants").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(path.join("bin")).unwrap();
    fs::copy(FILES, path.join("bin/files")).unwrap();
    path.canonicalize().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs the program with `--root` and checks what it prints.
#[track_caller]
fn check_root(root: &Path, arguments: &[&str], stdout: &str) {
    let before = ["run", "--root", text(root), "files"];
    let outcome = run(before.into_iter().chain(arguments.iter().copied()));
    assert_eq!(outcome, (0, stdout.to_owned(), String::new()), "{arguments:?}");
}

#[test]
fn a_root_is_the_guests_and_stays_as_it_is() {
    let root = directory("root");
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(root.join("etc/motd"), "hello\n").unwrap();
    symlink("/etc/motd", root.join("motd")).unwrap();
    check_root(&root, &["cat", "/motd"], "hello\n");
    check_root(&root, &["ls", "/etc"], ". .. motd\n");
    check_root(&root, &["write", "/etc/motd", "changed", "cat", "/motd"], "changed");
    check_root(&root, &["unlink", "/etc/motd", "ls", "/etc"], ". ..\n");
    assert_eq!(fs::read(root.join("etc/motd")).unwrap(), b"hello\n");
    assert!(!root.join("dev").exists() && !root.join("tmp").exists());
}

#[test]
fn a_program_is_found_in_the_guest_then_on_the_host() {
    let root = directory("programs");
    let in_root = root.join("bin/files");
    for name in ["files", "/bin/files", text(&in_root), FILES] {
        let (code, stdout, stderr) = run(["run", "--root", text(&root), name, "cwd"]);
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "/\n", ""), "{name}");
    }
    let (code, _, stderr) = run(["run", "--root", text(&root), "nothing"]);
    assert_eq!((code, stderr.starts_with("tine: there is no program nothing\n")), (127, true), "{stderr}");
    fs::set_permissions(&in_root, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, stderr) = run(["run", "--root", text(&root), "files"]);
    assert_eq!(
        (code, stderr.starts_with("tine: cannot run files: the guest may not execute it\n")),
        (126, true)
    );
}

#[test]
fn a_granted_directory_is_changed_only_with_rw() {
    let data = directory("data");
    fs::write(data.join("input"), "in").unwrap();
    let granted = |suffix: &str, arguments: &[&str]| {
        let spec = format!("{}::/data{suffix}", text(&data));
        let before = ["run", "--dir", &spec, FILES];
        let outcome = run(before.into_iter().chain(arguments.iter().copied()));
        assert_eq!((outcome.0, outcome.2.as_str()), (0, ""), "{arguments:?}");
        outcome.1
    };
    assert_eq!(
        granted("", &["cat", "/data/input", "write", "/data/input", "out", "cat", "/data/input"]),
        "inout"
    );
    assert_eq!(fs::read(data.join("input")).unwrap(), b"in");
    granted(
        ":rw",
        &["write", "/data/input", "out", "mkdir", "/data/d", "rename", "/data/input", "/data/d/moved"],
    );
    assert_eq!(fs::read(data.join("d/moved")).unwrap(), b"out");
    granted(":rw", &["store", "/data/d/moved", "S"]);
    assert_eq!(
        fs::read(data.join("d/moved")).unwrap(),
        b"Sut",
        "a store to a shared mapping is written at exit"
    );
    granted(":rw", &["unlink", "/data/d/moved"]);
    assert_eq!(fs::read_dir(data.join("d")).unwrap().count(), 0);
}

#[test]
fn nothing_leads_out_of_a_granted_directory() {
    let outside = directory("outside");
    let secret = outside.join("secret");
    fs::write(&secret, "secret").unwrap();
    let data = directory("inside");
    symlink(&secret, data.join("absolute")).unwrap();
    symlink("../outside/secret", data.join("relative")).unwrap();
    symlink("..", data.join("up")).unwrap();
    for path in ["absolute", "relative", "up/outside/secret", "../outside/secret", text(&secret)] {
        let path = Path::new(text(&data)).join(path);
        let (code, stdout, _) = run(["run", "--dir", text(&data), FILES, "cat", text(&path)]);
        assert_eq!((code, stdout.as_str()), (2, ""), "ENOENT for {}", path.display());
    }
}

#[test]
fn the_guest_starts_where_the_user_is() {
    let data = directory("here");
    fs::create_dir(data.join("sub")).unwrap();
    let program = fs::canonicalize(FILES).unwrap();
    let sub = data.join("sub");
    let start = |options: &[&str]| {
        let arguments = ["run"].iter().chain(options).copied().chain([text(&program), "cwd"]);
        run_in(&sub, arguments).1
    };
    assert_eq!(start(&["--dir", text(&data)]), format!("{}\n", text(&sub)));
    assert_eq!(start(&["--dir", "..::/data"]), "/data/sub\n");
    assert_eq!(start(&["--dir", "..::/data", "--cwd", "/tmp"]), "/tmp\n");
    assert_eq!(start(&[]), "/\n");
}

#[test]
fn what_cannot_be_granted() {
    let data = directory("wrong");
    let file = data.join("bin/files");
    let check = |options: &[&str], message: &str| {
        let (code, _, stderr) = run(["run"].iter().chain(options).chain(&["@hello"]).copied());
        assert_eq!((code, stderr.lines().next()), (125, Some(message)), "{options:?}");
    };
    check(&["--root", "nowhere"], "tine: --root nowhere: there is no such file or directory");
    check(&["--dir", "nowhere"], "tine: --dir nowhere: there is no such file or directory");
    let not_directory = format!("tine: --root {}: it is not a directory", text(&file));
    check(&["--root", text(&file)], &not_directory);
    check(&["--dir", "::/x"], "tine: --dir ::/x: it names nothing of the host");
    check(&["--dir", ".::x"], "tine: --dir .::x: the guest's path is not an absolute path without ..");
    check(
        &["--dir", ".::/x", "--dir", "..::/x"],
        "tine: --dir .::/x and --dir ..::/x: the guest sees only one of them at /x",
    );
    check(
        &["--dir", ".::/proc/x"],
        "tine: --dir .::/proc/x: the guest cannot see it at /proc/x: No such file or directory",
    );
}

#[test]
fn a_file_that_was_not_granted_is_named() {
    let data = directory("hint");
    fs::write(data.join("input.txt"), "").unwrap();
    let program = fs::canonicalize(FILES).unwrap();
    let hint = "tine: the guest asked for input.txt, which exists on the host but was not granted\n  hint: --dir .\n";
    let asked = |name: &str| run_in(&data, ["run", text(&program), "cat", name]);
    assert_eq!(asked("input.txt"), (2, String::new(), hint.to_owned()));
    assert_eq!(asked("nothing.txt"), (2, String::new(), String::new()));
}
