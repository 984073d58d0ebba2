//! `tine run` as a shell sees it: what comes out, where, and with which exit code.

use crate::support::{run, tine, without_inodes};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The test program that does what its first argument says.
const ON_REQUEST: &str = "tests/programs/bin/on-request";

#[track_caller]
fn check(arguments: &[&str], code: i32, stdout: &str, stderr: &str) {
    assert_eq!(run(arguments), (code, stdout.to_owned(), stderr.to_owned()), "{arguments:?}");
}

fn temporary(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn the_exit_code_is_the_programs() {
    for (status, code) in [("0", 0), ("7", 7), ("255", 255), ("256", 0)] {
        check(&["run", ON_REQUEST, "exit", status], code, "", "");
    }
    for (signal, code) in [("6", 134), ("9", 137), ("11", 139), ("15", 143)] {
        check(&["run", ON_REQUEST, "die", signal], code, "", "");
    }
}

#[test]
fn everything_after_the_program_is_the_programs() {
    let (code, stdout, _) = run(["run", ON_REQUEST, "show", "--stats", "-h", "--", "@hello", ""]);
    assert_eq!(code, 0);
    let arguments: Vec<_> = stdout.lines().filter(|line| line.starts_with("argument")).collect();
    let program = format!("argument 0: {ON_REQUEST}");
    let expected = [
        &program,
        "argument 1: show",
        "argument 2: --stats",
        "argument 3: -h",
        "argument 4: --",
        "argument 5: @hello",
        "argument 6: ",
    ];
    assert_eq!(arguments, expected);
}

#[test]
fn the_environment_is_fixed_but_for_what_is_set() {
    let variables = |options: &[&str]| {
        let arguments: Vec<_> = ["run"].iter().chain(options).chain(&[ON_REQUEST, "show"]).copied().collect();
        let output = tine(arguments).env("SECRET", "of the host").output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        stdout
            .lines()
            .filter_map(|line| line.strip_prefix("variable: ").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(variables(&[]), ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "TERM=dumb", "LANG=C.UTF-8"]);
    assert_eq!(
        variables(&["-E", "HOME=/tmp", "-E", "A=1", "-E", "B==", "-E", "A=2"]),
        ["PATH=/usr/local/bin:/usr/bin:/bin", "TERM=dumb", "LANG=C.UTF-8", "HOME=/tmp", "B==", "A=2"]
    );
}

#[test]
fn the_programs_streams_are_the_commands() {
    let mut child = tine(["run", ON_REQUEST, "copy"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"no newline, \0 and \xff").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"no newline, \0 and \xff");
    assert_eq!(output.stderr, output.stdout);
    assert!(output.status.success());
}

#[test]
fn the_report_goes_to_stderr_and_stdout_stays_clean() {
    let (code, stdout, stderr) = run(["run", "--stats", "@hello"]);
    assert_eq!((code, stdout.as_str()), (0, "Hello, world!\n"));
    assert!(stderr.starts_with("\ntine: @hello exited 0      policy linux"), "{stderr}");
    check(&["run", "@hello"], 0, "Hello, world!\n", "");
}

#[test]
fn the_report_goes_to_a_file_when_one_is_named() {
    let read = |name: &str, options: &[&str]| {
        let file = temporary(name);
        let option = format!("--stats-file={}", file.display());
        let arguments: Vec<_> = ["run", &option].iter().chain(options).chain(&["@hello"]).copied().collect();
        check(&arguments, 0, "Hello, world!\n", "");
        fs::read_to_string(file).unwrap()
    };
    assert!(read("stats.txt", &[]).starts_with("tine: @hello exited 0"));
    assert!(
        read("stats.csv", &["--stats=csv"])
            .starts_with("scope,key,value\nrun,schema,1\nrun,program,@hello\n")
    );
    let json: Value = serde_json::from_str(&read("stats.json", &["--stats=json"])).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["run"]["program"], "@hello");
    assert_eq!(json["run"]["outcome"]["exited"], 0);
    assert_eq!(json["machine"]["syscalls"]["write"]["calls"], 1);
}

/// What `tine policy` prints is a file for `--policy`; what it says goes over the preset, and options go over both.
#[test]
fn a_policy_comes_from_a_file() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("policy.toml");
    let file = file.to_str().unwrap();
    let shown = |arguments: &[&str]| {
        let (code, stdout, stderr) = run([["policy"].as_slice(), arguments].concat());
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        stdout
    };
    let text = "base = \"textbook\"\nfork = \"eager\"\nfork_order = \"parent-first\"\nfork_skips_refillable = false\n\
        cow_prealloc_frames = 0\ncow_batch_pages = 8\nfault_around_pages = 1\nthp = \"never\"\nthp_cow = \"split\"\nad = \"svadu\"\nrandomizes_layout = true\novercommit = \"heuristic\"\n";
    fs::write(file, "base = \"textbook\"\ncow_batch_pages = 8\nrandomizes_layout = true # as Linux\n")
        .unwrap();
    assert_eq!(shown(&[file, "--fork", "eager"]), text);
    fs::write(file, text).unwrap();
    assert_eq!(shown(&[file]), text);
    assert!(shown(&[file, "--no-aslr", "--cow-batch=1"]).contains("pages = 1\nfault_around_pages = 1\nthp"));
    let json: Value = serde_json::from_str(&shown(&[file, "--json"])).unwrap();
    assert_eq!(json["changed"], serde_json::json!(["fork", "cow_batch_pages", "randomizes_layout"]));
    let (_, _, stderr) = run(["run", "--stats", "--policy", file, "--cow-prealloc=4", "@hello"]);
    let header = stderr.lines().nth(1).unwrap();
    let policy = "policy textbook · fork eager, parent-first · svadu · cow_prealloc_frames 4 · cow_batch_pages 8 · \
        randomizes_layout true";
    assert!(header.ends_with(policy), "{header}");
}

#[test]
fn the_report_names_the_options_it_depends_on() {
    let options = "--policy textbook --fork eager --fork-order child-first --ad svade --aslr --tlb tiny --harts 2 --mem 64M --seed 7 --epoch 9";
    let arguments = ["run", "--stats=json"].into_iter().chain(options.split(' ')).chain(["@hello"]);
    let json: Value = serde_json::from_str(&run(arguments).2).unwrap();
    let policy = serde_json::json!({
        "name": "textbook", "fork": "eager", "fork_order": "child-first", "fork_skips_refillable": false,
        "cow_prealloc_frames": 0, "cow_batch_pages": 1, "fault_around_pages": 1, "thp": "never",
        "thp_cow": "split", "ad": "svade",
        "randomizes_layout": true, "overcommit": "heuristic", "changed": ["fork", "fork_order", "ad", "randomizes_layout"]
    });
    assert_eq!(json["run"]["policy"], policy);
    assert_eq!(json["run"]["tlb"], "l1i=4,l1d=4,l2=none");
    let numbers = ["harts", "memory_bytes", "seed", "epoch_s"].map(|key| json["run"][key].as_u64().unwrap());
    assert_eq!(numbers, [2, 64 << 20, 7, 9]);
    assert_eq!(json["harts"].as_array().unwrap().len(), 2);
}

#[test]
fn strace_shows_calls_on_stderr_or_in_a_file() {
    let execve = "execve(\"/bin/hello\", [\"hello\"], 0x3ffffffd98 /* 4 vars */) = 0";
    let lines = [
        execve,
        "write(1, \"Hello, world!\\n\", 14)         = 14",
        "exit_group(0)                           = ?",
        "+++ exited with 0 +++",
    ];
    let on_stderr: String = lines.iter().map(|line| format!("{line}\n")).collect();
    check(&["run", "--no-aslr", "--strace", "@hello"], 0, "Hello, world!\n", &on_stderr);
    let file = temporary("strace");
    check(&["run", &format!("--strace={}", file.display()), "@hello"], 0, "Hello, world!\n", "");
    let in_file = fs::read_to_string(file).unwrap();
    assert_eq!(in_file.lines().nth(1), Some("2     write(1, \"Hello, world!\\n\", 14)   = 14"));
}

/// The seed decides where `linux` places a program's memory; `textbook` and `--no-aslr` always place it alike.
#[test]
fn a_seed_is_a_layout() {
    let maps = |options: &[&str], seed: &str| {
        let arguments = [&["run", "--seed", seed], options, &["@cat", "/proc/self/maps"]].concat();
        let (code, stdout, _) = run(arguments);
        assert_eq!(code, 0);
        stdout
    };
    assert_eq!(maps(&[], "1"), maps(&[], "1"));
    assert_ne!(maps(&[], "1"), maps(&[], "2"));
    assert_eq!(maps(&["--no-aslr"], "1"), maps(&["--no-aslr"], "2"));
    assert_eq!(maps(&["--policy", "textbook"], "1"), maps(&["--no-aslr"], "1"));
    assert_ne!(maps(&["--policy", "textbook", "--aslr"], "1"), maps(&["--policy", "textbook"], "1"));
}

#[test]
fn a_call_that_tine_does_not_have_is_named_once() {
    let warning = "tine: pid 2 called syscall_0x270f (system call 9999), which Tine does not have: ENOSYS\n";
    let (code, _, stderr) = run(["run", "--warn", ON_REQUEST, "unknown"]);
    assert_eq!((code, stderr.as_str()), (0, warning));
    let (_, _, stderr) = run(["run", "--strace", ON_REQUEST, "unknown"]);
    assert_eq!(stderr.matches(warning).count(), 1);
    assert_eq!(run(["run", ON_REQUEST, "unknown"]).2, "");
}

#[test]
fn a_trace_shows_kinds_and_processes_that_were_asked_for() {
    let (_, _, stderr) =
        run(["run", "--trace", "fault,exit,pid=3", "--trace-format", "json", "@cow-tutorial"]);
    let events: Vec<Value> = stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["pid"] == 3), "{stderr}");
    let kinds: Vec<_> = events.iter().map(|event| event["ev"].as_str().unwrap()).collect();
    assert_eq!(kinds.last(), Some(&"exit"));
    assert!(kinds[..kinds.len() - 1].iter().all(|kind| *kind == "fault"));

    let file = temporary("trace");
    let option = format!("--trace-file={}", file.display());
    check(&["run", "--trace=trap", &option, "@hello"], 0, "Hello, world!\n", "");
    let text = fs::read_to_string(file).unwrap();
    assert!(text.lines().all(|line| line.contains(" trap ") && line.ends_with("SPP U)")), "{text}");
    assert!(text.contains("trap environment call (scause 8, stval 0x0, sepc 0x"));
}

#[test]
fn every_instruction_that_retires_is_traced() {
    let file = temporary("instructions.json");
    let option = format!("--stats-file={}", file.display());
    let (_, _, stderr) = run(["run", "--trace=insn", "--stats=json", &option, "--harts=2", "@fork-exec"]);
    let report: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(report["machine"]["instructions"]["user"], stderr.lines().count());
    // The entry point's first instructions, as `tine disasm` prints them.
    assert!(stderr.lines().next().unwrap().ends_with(":  auipc gp,0x3"), "{stderr}");
}

#[test]
fn watching_changes_no_count() {
    let stats = |watched: &[&str]| {
        let file = temporary(&format!("watched-{}", watched.len()));
        let option = format!("--stats-file={}", file.display());
        let arguments: Vec<_> =
            ["run", "--stats=csv", &option].iter().chain(watched).chain(&["@fork-exec"]).copied().collect();
        assert_eq!(run(&arguments).0, 0);
        fs::read_to_string(file).unwrap()
    };
    assert_eq!(stats(&[]), stats(&["--strace", "--trace=all,insn", "--warn", "--processes"]));
}

#[test]
fn a_run_that_cannot_end_is_stopped_and_explained() {
    let limit = "tine: stopped after 1000000 instructions\n  hint: give it more with --max-instructions, or leave the option out\n";
    check(&["run", "--max-instructions=1000000", ON_REQUEST, "spin"], 125, "", limit);
    let deadlock = "tine: deadlock: no task can ever run again\n  pid 2 on-request waits to read the pipe pipe:[34] (fd 3), which pid 2 (fd 4) has open for writing\n  hint: --strace shows the calls in which they wait\n";
    check(&["run", ON_REQUEST, "wait"], 125, "", deadlock);
    // The lock's holder was not copied by the fork.
    let (code, _, stderr) = run(["run", "@held-lock", "forever"]);
    let told = "tine: deadlock: no task can ever run again\n  pid 2 held-lock waits for its child 4 to end\n  pid 4 (child of the fork at held-lock.c:33) held-lock waits on futex 0x13520 <lock>, which holds 3\n    the fork at held-lock.c:33 copied only tid 2: what tid 3 held stays held here\n  hint: --strace shows the calls in which they wait\n";
    assert_eq!((code, stderr.as_str()), (125, told));
}

#[test]
fn forks_fail_at_the_limit_of_processes() {
    check(&["run", "--max-procs", "5", ON_REQUEST, "fork"], 0, "4 children, then EAGAIN\n", "");
}

#[test]
fn too_little_memory_is_named() {
    let (code, stdout, stderr) = run(["run", "--mem", "4K", "@hello"]);
    assert_eq!((code, stdout.as_str()), (126, ""));
    assert_eq!(
        stderr,
        "tine: cannot run @hello: guest memory is too little to load it\n  hint: give it more: --mem 512M\n"
    );
    let (code, _, stderr) = run(["run", "--mem", "131072G", "@hello"]);
    assert_eq!(code, 125);
    assert!(
        stderr.starts_with("tine: --mem: guest memory of 140737488355328 bytes cannot be had"),
        "{stderr}"
    );
}

#[test]
fn a_closed_stdout_is_the_programs_matter() {
    // The guest sees EPIPE, as it does when a shell's pipe has lost its reader.
    let script = format!("{} run @hello | true; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_tine"));
    let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn two_runs_give_the_same_bytes() {
    let everything = [
        "run",
        "--stats=json",
        "--trace=all",
        "--harts=3",
        "--seed=5",
        "--tlb=l1d=8:random,l2=none",
        "@prefork",
    ];
    assert_eq!(run(everything), run(everything));
}

#[test]
fn engines_differ_in_speed_alone() {
    let with =
        |engine| run(["run", "--engine", engine, "--stats=json", "--trace=all", "--harts=2", "@fork-exec"]);
    assert_eq!(with("plain"), with("threaded"));
}

/// Each wait is told with what it is for and who could end it; on Linux each lasts for ever too.
#[test]
fn waits_without_end_are_told() {
    for (how, told) in [
        (
            "receive",
            "pid 2 waits waits to read the socket socket:[N] (fd 3), whose peer pid 2 (fd 4) has open",
        ),
        ("accept", "for a connection to the socket socket:[N] at 127.0.0.1:80 (fd 3)"),
        (
            "poll",
            "for\n    the pipe pipe:[N] (fd 3) to be readable, which pid 2 (fd 4) has open for writing\n",
        ),
        (
            "select",
            "for\n    the pipe pipe:[N] (fd 3) to be readable, which pid 2 (fd 4) has open for writing\n",
        ),
        (
            "epoll",
            "at the epoll instance fd 5 for\n    the socket socket:[N] (fd 3) to be readable, whose peer pid 2 (fd 4) has open\n",
        ),
        ("semaphore", "for semaphore 1 of set 0, which is 2 and must be 3 at least; pid 2 changed it last\n"),
        ("record-lock", "for a lock on bytes 10 to 14 of /locked (fd 4); pid 2 has one on bytes 10 to 14\n"),
        ("whole-lock", "for a lock on /locked (fd 4), which pid 2 has\n"),
        ("suspend", "for any signal but SIGUSR1, which it blocks\n"),
        ("signal", "for SIGUSR1 or SIGTERM\n"),
        (
            "words",
            "on one of 2 futexes:\n    0x135b8 <words>, which holds 7\n    0x135bc <words+0x4>, which holds 8\n",
        ),
    ] {
        let (code, _, stderr) = run(["run", "tests/programs/bin/waits", how]);
        let stderr = without_inodes(&stderr);
        assert!(code == 125 && stderr.contains(told), "{how}: {stderr}");
    }
}

/// Half of memory is written, given up, and written once more elsewhere. Linux prints the same with 700 MiB of 1 GiB.
#[test]
fn memory_that_was_given_up_makes_room() {
    let printed = "stored to again: 16 of 16, written later: all there\nof the rest some left: yes, and no other bytes are there: yes\n";
    check(&["run", "--mem", "16M", ON_REQUEST, "give-up", "10"], 0, printed, "");
}

/// A file of the host that is larger than memory is read to its end: its clean pages leave on the way.
#[test]
fn a_file_larger_than_memory_is_read() {
    let directory = temporary("larger");
    fs::create_dir_all(&directory).unwrap();
    let text: String = (0..1_500_000).map(|line| format!("{line:07}\n")).collect();
    fs::write(directory.join("text"), &text).unwrap();
    let grant = format!("{}::/text", directory.join("text").display());
    let stats = temporary("larger.json");
    let option = format!("--stats-file={}", stats.display());
    let (code, stdout, _) =
        run(["run", "--mem", "4M", "--stats=json", &option, "--dir", &grant, "@cat", "/text"]);
    assert!(code == 0 && stdout == text, "{code}: {} bytes of {}", stdout.len(), text.len());
    let report: Value = serde_json::from_str(&fs::read_to_string(stats).unwrap()).unwrap();
    let frames = &report["gauges"]["frames"];
    assert!(frames["page_cache"].as_u64() < frames["total"].as_u64() && frames["total"] == 1024);
}

/// Linux 6.12 arch/riscv/kernel/cpufeature.c riscv_user_isa_enable: CBO.ZERO, and nothing that manages a cache. Without the
/// extensions real Linux 6.12 printed the same as here.
#[test]
fn user_mode_may_zero_cache_blocks_and_nothing_else() {
    let told = |zero: &str, kept: i32| {
        format!("cbo.zero: {zero}\ncbo.clean: {kept}\ncbo.flush: {kept}\ncbo.inval: {kept}\n")
    };
    const ILLEGAL: i32 = 128 + 4;
    let (code, stdout, _) = run(["run", ON_REQUEST, "cache-blocks"]);
    assert_eq!((code, stdout), (0, told("132", ILLEGAL)));
    for (isa, zero) in [("rv64gc_zicbom_zicboz", "0"), ("rv64gc_zicbom", "132")] {
        let (code, stdout, _) = run(["run", "--isa", isa, ON_REQUEST, "cache-blocks"]);
        assert_eq!((code, stdout), (0, told(zero, ILLEGAL)), "{isa}");
    }
}
