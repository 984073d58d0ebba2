//! `--fail` as a shell sees it: the program takes its error paths.

use crate::support::run;

#[track_caller]
fn check(arguments: &[&str], code: i32, stdout: &str, stderr: &str) {
    let (got_code, got_stdout, got_stderr) = run(["run"].iter().chain(arguments));
    assert_eq!((got_code, got_stdout.as_str(), got_stderr.as_str()), (code, stdout, stderr), "{arguments:?}");
}

#[test]
fn the_nth_fork_fails() {
    check(
        &["--fail", "fork:4", "@fork-many"],
        0,
        "3 children are alive together; the next fork failed: EAGAIN\n3 of them saw the parent's data and ended\n",
        "",
    );
    check(
        &["--fail", "fork:3=ENOMEM", "@fork-many"],
        0,
        "2 children are alive together; the next fork failed: ENOMEM\n2 of them saw the parent's data and ended\n",
        "",
    );
}

#[test]
fn strace_marks_what_was_injected() {
    let (_, _, strace) = run(["run", "--strace", "--fail", "clone:1=EPERM", "@fork-many"]);
    assert!(strace.contains("= -1 EPERM (Operation not permitted) (INJECTED)\n"), "{strace}");
}

#[test]
fn a_frame_that_is_not_there_ends_one_process() {
    // Whoever takes the copy dies, and the other goes on.
    let (code, stdout, stderr) = run(["run", "--stats", "--fail", "copy:2000", "@cow-storm"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stderr.contains("SIGKILL"), "{stderr}");
    assert!(stderr.contains("fail copy:2000"), "{stderr}");
    assert!(stderr.contains("tine: a frame is refused, as --fail says: "), "{stderr}");
    assert!(stderr.contains("  ended: pid 3 (cow-storm), by SIGKILL\n"), "{stderr}");
}

#[test]
fn a_failure_that_does_not_come_about_is_said() {
    check(
        &["--fail", "fork:3", "--fail", "exec:2+", "@hello"],
        0,
        "Hello, world!\n",
        "tine: --fail fork:3=EAGAIN did not come about: there was none\n\
         tine: --fail exec:2+=ENOMEM did not come about: there was none\n",
    );
}

#[test]
fn what_cannot_fail_is_said() {
    let hint = "  hint: --fail fork:3, exec:1, mmap:5, frame:100, copy:7, or read:2=EIO for any call\n";
    for (spec, problem) in [
        ("fork", "\"fork\" does not say what fails and when"),
        ("knit:1", "\"knit\" is no system call that Tine has"),
        ("fork:0", "\"0\" is not a number from 1 on"),
        ("read:1", "read:1 needs the name of an error"),
        ("read:1=EKNIT", "no error is called \"EKNIT\""),
        ("copy:1=EIO", "copy takes no error: the process that needs it ends"),
    ] {
        check(&["--fail", spec, "@hello"], 125, "", &format!("tine: --fail {spec}: {problem}\n{hint}"));
    }
}
