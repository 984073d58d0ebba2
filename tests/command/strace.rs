//! What `--strace` prints of the programs of `tests/strace` is what strace printed of them on real Linux, to the letter.
//!
//! They are linked with glibc and not committed: `TINE_CROSS=1` says that the cross compiler is there.

use crate::support::run;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The call with which a program says that the rest counts.
const MARK: &str = "close(-4711)";
const PROGRAMS: [&str; 5] = ["files", "memory", "signals", "sockets", "tasks"];

#[test]
fn calls_look_as_strace_shows_them_on_real_linux() {
    if std::env::var_os("TINE_CROSS").is_none() {
        return;
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strace");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("strace-probes");
    fs::create_dir_all(&folder).unwrap();
    for name in PROGRAMS {
        let (program, trace) = (folder.join(name), folder.join(name).with_extension("strace"));
        compile(&sources.join(name).with_extension("c"), &program);
        let option = format!("--strace={}", trace.display());
        let (code, _, stderr) = run(["run", &option, program.to_str().unwrap()]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{name}");
        let ours = tasks_of(&fs::read_to_string(&trace).unwrap());
        let theirs = tasks_of(
            &fs::read_to_string(sources.join("expected").join(name).with_extension("strace")).unwrap(),
        );
        for (task, lines) in &theirs {
            for (index, line) in lines.iter().enumerate() {
                let ours = ours.get(task).and_then(|lines| lines.get(index)).map(String::as_str);
                assert_eq!(ours, Some(line.as_str()), "line {index} of task {task} of {name}");
            }
        }
        let lengths = |tasks: &Tasks| tasks.values().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(&ours), lengths(&theirs), "{name}");
    }
}

/// What each task did, by the order in which the tasks were made.
type Tasks = BTreeMap<usize, Vec<String>>;

/// Reads a trace: each task for itself, for who runs when is nobody's promise, with lines in one piece, and without what
/// differs from run to run.
fn tasks_of(trace: &str) -> Tasks {
    let mut pids: Vec<&str> = Vec::new();
    let mut tasks = Tasks::new();
    let mut is_marked = false;
    for line in trace.lines() {
        let (pid, text) = line.split_once(' ').unwrap();
        if !pids.contains(&pid) {
            pids.push(pid);
        }
        is_marked |= text.trim_start().starts_with(MARK);
        if !is_marked {
            continue;
        }
        let task = pids.iter().position(|known| *known == pid).unwrap();
        join(tasks.entry(task).or_default(), text.trim_start());
    }
    for line in tasks.values_mut().flatten() {
        *line = without_variables(line, &pids);
    }
    tasks
}

/// Adds a line, or the rest of one that was cut.
fn join(lines: &mut Vec<String>, text: &str) {
    if let (Some(rest), Some(last)) =
        (text.split_once(" resumed>").filter(|_| text.starts_with("<... ")), lines.last_mut())
        && let Some(start) = last.strip_suffix(" <unfinished ...>")
    {
        *last = format!("{start}{}", rest.1);
    } else {
        lines.push(text.to_owned());
    }
}

/// Takes out numbers of processes, times, places of code, and how far the result was moved to the right.
fn without_variables(line: &str, pids: &[&str]) -> String {
    const BEFORE_PIDS: [&str; 4] = ["si_pid=", "parent_tid=[", "tgkill(", "kill("];
    const FIRST_IS_A_PID: [&str; 6] = [
        "wait4(",
        "rt_sigqueueinfo(",
        "rt_tgsigqueueinfo(",
        "pidfd_open(",
        "process_vm_readv(",
        "process_vm_writev(",
    ];
    const RETURN_PIDS: [&str; 6] = ["clone(", "clone3(", "getpid()", "wait4(", "set_tid_address(", "vfork("];
    let (call, result) = line.rsplit_once(" = ").unwrap_or((line, ""));
    let mut text = call.trim_end().to_owned();
    for start in BEFORE_PIDS.iter().chain(&FIRST_IS_A_PID) {
        text = replace_behind(&text, start, |word| pids.contains(&word).then(|| "PID".to_owned()));
    }
    for start in ["tgkill(PID, ", "rt_tgsigqueueinfo(PID, "] {
        text = replace_behind(&text, start, |word| pids.contains(&word).then(|| "TID".to_owned()));
    }
    for start in ["sa_handler=", "si_addr="] {
        text = replace_behind(&text, start, |word| is_code(word).then(|| "CODE".to_owned()));
    }
    if let Some((start, _)) = text.split_once(", si_utime=") {
        text = format!("{start} ---");
    }
    let returns_pid = RETURN_PIDS.iter().any(|name| line.starts_with(name)) && pids.contains(&result);
    let result = if returns_pid { "PID" } else { result };
    format!("{text} = {result}")
}

/// Tells whether a number is an address in the program's code.
fn is_code(word: &str) -> bool {
    let number = word.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.is_some_and(|number| (0x1_0000..0x100_0000).contains(&number))
}

/// Replaces the word behind `start`, wherever that stands.
fn replace_behind(text: &str, start: &str, replace: impl Fn(&str) -> Option<String>) -> String {
    let mut pieces = text.split(start);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(piece.len());
        let (word, rest) = piece.split_at(end);
        out.push_str(start);
        out.push_str(&replace(word).unwrap_or_else(|| word.to_owned()));
        out.push_str(rest);
    }
    out
}

fn compile(source: &Path, program: &Path) {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "riscv64-linux-gnu-gcc".into());
    let mut command = Command::new(compiler);
    command.args(["-O1", "-w", "-static", "-o"]).arg(program).arg(source);
    assert!(command.status().unwrap().success(), "TINE_CROSS=1 promises the cross compiler");
}
