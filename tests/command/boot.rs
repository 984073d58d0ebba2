//! `tine boot`: bare-metal programs, as a shell sees them. `guest/boot` has their sources.

use crate::support::{run, tine};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Returns the ELF file of a bare-metal program.
fn image(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/boot/bin").join(name).display().to_string()
}

/// Returns a file to write to.
fn scratch(name: &str) -> String {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string()
}

/// Boots under each engine, which must not be told apart, and returns what one printed.
fn boot(arguments: &[&str]) -> (i32, String, String) {
    let under = |engine| run(["boot", "--engine", engine].iter().chain(arguments));
    let (plain, threaded) = (under("plain"), under("threaded"));
    assert_eq!(plain, threaded);
    plain
}

#[test]
fn a_program_prints_by_serial_port_and_mailbox_and_its_exit_code_is_tines() {
    let (code, stdout, stderr) = boot(&[&image("console")]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (7, "serial\nhalves\nwhole\n", ""));
}

/// Boots with input that comes piece by piece from a pipe, and returns what was printed and reported.
fn boot_with_pieces(name: &str, pieces: &[&str]) -> (i32, String, String) {
    let mut command = tine(["boot", "--stats=csv", "--trace", "trap", &image(name)]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut input = child.stdin.take().unwrap();
    for piece in pieces {
        input.write_all(piece.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn boot_with_file(name: &str, text: &str) -> (i32, String, String) {
    let file = scratch(&format!("boot-input-{name}"));
    fs::write(&file, text).unwrap();
    let mut command = tine(["boot", "--stats=csv", "--trace", "trap", &image(name)]);
    let output = command.stdin(fs::File::open(&file).unwrap()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_same_input_makes_the_same_run_however_it_comes() {
    // One asks the port for input; the other is interrupted by it, busy at first and asleep later.
    for (name, printed) in
        [("console", "serial\nhalves\nwhole\none\ntwo\nthree."), ("receiver", "one\ntwo\nthree.")]
    {
        let at_once = boot_with_file(name, "one\ntwo\nthree.");
        assert_eq!(at_once.1, printed, "{name}");
        for pieces in [&["one\ntwo\nthree."][..], &["o", "ne", "\nt", "wo\n", "three", "."]] {
            assert_eq!(boot_with_pieces(name, pieces), at_once, "{name} with {pieces:?}");
        }
    }
}

#[test]
fn who_prints_does_not_wait_for_input() {
    let mut command = tine(["boot", &image("console")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // The input is open and silent until everything is printed.
    let input = child.stdin.take().unwrap();
    let mut printed = *b"serial?halves?whole?";
    child.stdout.as_mut().unwrap().read_exact(&mut printed).unwrap();
    assert_eq!(&printed, b"serial\nhalves\nwhole\n");
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn harts_wake_each_other_and_leave_a_signature() {
    let file = scratch("harts.signature");
    let (code, stdout, stderr) = boot(&["--harts", "4", "--signature", &file, &image("harts")]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));
    assert_eq!(fs::read_to_string(&file).unwrap(), "00000000\n00010001\n00020002\n00030003\n");
    let wide = ["--signature-granularity", "16"];
    let arguments: Vec<_> = ["--harts", "4", "--signature", &file].into_iter().chain(wide).collect();
    assert_eq!(boot(&[&arguments[..], &[&image("harts")]].concat()).0, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "00030003000200020001000100000000\n");
}

#[test]
fn timers_of_machine_and_supervisor_wake_their_modes() {
    assert_eq!(boot(&[&image("timers")]), (0, String::new(), String::new()));
}

#[test]
fn counts_and_traces_are_those_of_the_program() {
    let (code, _, stderr) = boot(&["--stats=csv", &image("timers")]);
    assert_eq!(code, 0);
    for row in ["machine,traps.interrupts,2", "machine,traps.exceptions,0", "hart 0,instructions.user,0"] {
        assert!(stderr.lines().any(|line| line == row), "{row} is not in {stderr}");
    }
    let (_, _, trace) = boot(&["--trace", "trap", &image("timers")]);
    let kinds: Vec<_> = trace.lines().map(|line| line.split(" (").next().unwrap()).collect();
    assert_eq!(kinds, ["hart 0  trap machine timer interrupt", "hart 0  trap supervisor timer interrupt"]);
    let (_, _, trace) = boot(&["--trace", "insn", "--max-instructions", "3", &image("timers")]);
    assert!(
        trace.starts_with("hart 0  insn 80000000:  li gp,1\nhart 0  insn 80000002:  auipc t0,0x1\n"),
        "{trace}"
    );
}

#[test]
fn a_run_that_does_not_end_is_said_to_be_stopped() {
    let (code, _, stderr) = boot(&["--max-instructions", "20", &image("timers")]);
    assert_eq!((code, stderr.lines().next()), (125, Some("tine: stopped after 20 instructions")));
    // The others wait for the first, and the first has no second to wake: it traps into its handler for ever.
    let (code, _, stderr) = boot(&["--max-instructions", "100000", &image("harts")]);
    assert_eq!((code, stderr.lines().next()), (125, Some("tine: stopped after 100000 instructions")));
}

#[test]
fn a_forgotten_fence_is_caught_and_a_program_that_fences_is_left_alone() {
    assert_eq!(boot(&["--check", "tlb", &image("fences")]), (2, String::new(), String::new()));
    let (code, _, stderr) = boot(&["--check", "tlb", &image("forgotten-fence")]);
    assert_eq!(code, 125);
    let lines: Vec<_> = stderr.lines().take(2).collect();
    assert_eq!(
        lines,
        [
            "tine: stale TLB entry: load from 0x40000000 at 0x800000ce on hart 0, ASID 0: PTE 0x200010c7 in the TLB, 0x200014c7 in the table",
            "tine: stale TLB entries served 1 access",
        ]
    );
    // Without the check nobody complains, and the load finds what was there before.
    assert_eq!(boot(&[&image("forgotten-fence")]).0, 1);
}

#[test]
fn tines_own_supervisor_forgets_no_fence() {
    for (fork, guest) in
        [("cow", "@cow-storm"), ("odf", "@cow-storm"), ("cow", "@threads"), ("cow", "@huge-pages")]
    {
        let (code, _, stderr) = run(["run", "--check", "tlb", "--harts", "2", "--fork", fork, guest]);
        assert_eq!((code, stderr.as_str()), (0, ""), "--fork {fork} {guest}");
    }
}

/// A program by others: Debian's OpenSBI finds every device of the device tree, and goes to S-mode, where nothing is.
#[test]
fn opensbi_says_what_it_has_found() {
    if std::env::var_os("TINE_CROSS").is_none_or(|value| value != "1") {
        return;
    }
    let firmware = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf";
    assert!(Path::new(firmware).exists(), "TINE_CROSS=1 promises Debian's package opensbi");
    let (code, stdout, _) = run(["boot", "--harts", "2", "--max-instructions", "10000000", firmware]);
    assert_eq!(code, 125, "it is stopped");
    for line in [
        "Platform Name             : tine,boot",
        "Platform HART Count       : 2",
        "Platform IPI Device       : aclint-mswi",
        "Platform Timer Device     : aclint-mtimer @ 1000000000Hz",
        "Platform Console Device   : uart8250",
        "Platform Shutdown Device  : sifive_test",
        "Domain0 Next Mode         : S-mode",
        "Boot HART ISA Extensions  : time,sstc",
        "Boot HART PMP Count       : 16",
        "Boot HART MHPM Count      : 29",
    ] {
        assert!(stdout.lines().any(|other| other.trim_end() == line), "{line} is not in\n{stdout}");
    }
}

#[track_caller]
fn check_refused(bytes: &[u8], code: i32, message: &str) {
    let file = scratch("boot-refused");
    fs::write(&file, bytes).unwrap();
    let (found, stdout, stderr) = run(["boot", &file]);
    assert_eq!((found, stdout.as_str()), (code, ""));
    assert!(stderr.contains(message), "{message} is not in {stderr}");
    assert!(stderr.contains("hint:"), "{stderr}");
}

#[test]
fn what_cannot_be_booted_is_refused_with_a_reason() {
    let elf = fs::read(image("timers")).unwrap();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut elf = elf.clone();
        change(&mut elf);
        elf
    };
    check_refused(b"", 126, "it is no ELF file");
    check_refused(b"#!/bin/sh\n", 126, "it is no ELF file");
    check_refused(&elf[..20], 126, "it ends in its header");
    check_refused(&elf[..0x1010], 126, "it ends within its segment at 0x80000000");
    check_refused(&with(&|elf| elf[4] = 1), 126, "it is a 32-bit ELF file");
    check_refused(&with(&|elf| elf[5] = 2), 126, "it is a big-endian ELF file");
    check_refused(&with(&|elf| elf[18] = 62), 126, "program for another processor");
    check_refused(&with(&|elf| elf[16] = 1), 126, "it is not linked to an address");
    check_refused(&with(&|elf| elf[56] = 0), 126, "it has nothing to load");
    check_refused(&fs::read("guest/bin/hello").unwrap(), 126, "is not in RAM");
    let with_word = |at: usize, word: u64| with(&|elf| elf[at..at + 8].copy_from_slice(&word.to_le_bytes()));
    for entry in [0, 0x8000_0001, 0x1000_0000, 0x8800_0000] {
        let message = format!("its entry {entry:#x} is no address of an instruction in RAM");
        check_refused(&with_word(24, entry), 126, &message);
    }
    // The second segment to where the first is; and a size that no memory has.
    let second = 64 + 2 * 56;
    check_refused(
        &with_word(second + 24, 0x8000_0010),
        126,
        "its segments at 0x80000000 and 0x80000010 overlap",
    );
    check_refused(&with_word(second + 40, u64::MAX), 126, "to 0xffffffffffffffff is not in RAM");
    // The value of a global symbol without a type, of section 2, at the start of which the mailbox is.
    let symbol = [0x10, 0, 2, 0, 0x00, 0x10, 0x00, 0x80, 0, 0, 0, 0];
    let tohost = 4 + elf.windows(symbol.len()).position(|bytes| bytes == symbol).unwrap();
    for at in [0x10, 0x8000_1004, 0x8800_0000] {
        let message = format!("its symbol tohost is at {at:#x}, which is no doubleword of RAM");
        check_refused(&with_word(tohost, at), 126, &message);
    }
    let (code, _, stderr) = run(["boot", "./no-such-image"]);
    assert_eq!((code, stderr.as_str()), (127, "tine: there is no image ./no-such-image\n"));
    for harts in ["0", "65"] {
        let (code, _, stderr) = run(["boot", "--harts", harts, &image("timers")]);
        let expected = format!(
            "tine: --harts {harts}: {harts} is not in 1..=64\n  hint: tine boot --help describes every option\n"
        );
        assert_eq!((code, stderr), (125, expected));
    }
    assert_eq!(run(["boot", "--harts", "64", &image("harts")]).0, 0);
    // It is missed before a long run, and no file is made.
    let file = scratch("none");
    let (code, _, stderr) = run(["boot", "--max-instructions", "1", "--signature", &file, &image("timers")]);
    assert_eq!(code, 125);
    assert!(stderr.contains("has no signature\n  hint: it needs the symbols"), "{stderr}");
    assert!(!Path::new(&file).exists());
    let folder = env!("CARGO_TARGET_TMPDIR");
    let (code, _, stderr) = run(["boot", folder]);
    assert_eq!((code, stderr.contains("it is a directory\n  hint:")), (126, true), "{stderr}");
    let (code, _, stderr) = run(["boot", "--mem", "4K", &image("timers")]);
    assert_eq!((code, stderr.contains("is not in RAM, which is 0x80000000 to 0x80000fff")), (126, true));
    let (code, _, stderr) = run(["boot", "--mem", "9999999G", &image("timers")]);
    assert_eq!((code, stderr.contains("--mem")), (125, true), "{stderr}");
}
