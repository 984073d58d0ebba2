//! Every error names the thing and the remedy, and has the exit code that env(1) would give it.

use crate::support::{guest, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const COMPILE: &str = "\n  hint: compile it with riscv64-linux-gnu-gcc -static\n";
const LINK: &str = "\n  hint: link it statically: riscv64-linux-gnu-gcc -static\n";
const ROOT: &str = "\n  hint: give it a root directory: --root DIR (guest/debian/make-root makes one)\n";
const DAMAGED: &str = "\n  hint: the file is damaged: link or copy it again\n";
const HELP: &str = "\n  hint: tine run --help describes every option\n";

#[track_caller]
fn check(arguments: &[&str], code: i32, stderr: &str) {
    assert_eq!(run(arguments), (code, String::new(), format!("tine: {stderr}")), "{arguments:?}");
}

/// Makes a file with `bytes` that may be executed as `mode` says.
fn file(name: &str, bytes: &[u8], mode: u32) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// Changes the guest program `hello` and says what the command says of it, which must be that it cannot be run.
#[track_caller]
fn check_elf(name: &str, change: impl FnOnce(&mut Vec<u8>), reason: &str) {
    let mut elf = fs::read(guest("hello")).unwrap();
    change(&mut elf);
    let path = file(name, &elf, 0o755);
    let path = path.to_str().unwrap();
    check(&["run", path], 126, &format!("cannot run {path}: {reason}"));
}

fn patch(elf: &mut [u8], at: usize, bytes: &[u8]) {
    elf[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Returns where the program headers of the loadable segments are.
fn loadable_segments(elf: &[u8]) -> Vec<usize> {
    let headers = (64..).step_by(56).take(usize::from(elf[56]));
    headers.filter(|&at| elf[at..at + 4] == [1, 0, 0, 0]).collect()
}

#[test]
fn what_is_no_program() {
    let check_file = |name: &str, bytes: &[u8], reason: &str| {
        let path = file(name, bytes, 0o755);
        let path = path.to_str().unwrap();
        check(&["run", path], 126, &format!("cannot run {path}: {reason}"));
    };
    check_file("empty", b"", "it is empty\n  hint: compile or copy it again\n");
    check_file("text", b"hello\n", &format!("it is not an ELF program{COMPILE}"));
}

#[test]
fn what_is_a_program_for_something_else() {
    check_elf(
        "x86-64",
        |elf| patch(elf, 18, &[62, 0]),
        &format!("it is an x86-64 program, and Tine runs riscv64{COMPILE}"),
    );
    check_elf(
        "aarch64",
        |elf| patch(elf, 18, &[183, 0]),
        &format!("it is an AArch64 program, and Tine runs riscv64{COMPILE}"),
    );
    let unknown = "it is a program for another machine (ELF machine 9999), and Tine runs riscv64";
    check_elf(
        "unknown-machine",
        |elf| patch(elf, 18, &9999u16.to_le_bytes()),
        &format!("{unknown}{COMPILE}"),
    );
    check_elf(
        "32-bit",
        |elf| patch(elf, 4, &[1]),
        &format!("it is a 32-bit program, and Tine runs riscv64{COMPILE}"),
    );
    check_elf(
        "big-endian",
        |elf| patch(elf, 5, &[2]),
        &format!("it is a big-endian program, and Tine runs riscv64{COMPILE}"),
    );
    check_elf(
        "object",
        |elf| patch(elf, 16, &[1]),
        &format!("it is an object file, which is not linked yet{LINK}"),
    );
}

#[test]
fn what_is_a_damaged_program() {
    check_elf(
        "headless",
        |elf| elf.truncate(40),
        &format!("it ends within its ELF header, after 40 bytes{DAMAGED}"),
    );
    check_elf(
        "no-headers",
        |elf| elf.truncate(64),
        &format!("its program headers lie beyond its end{DAMAGED}"),
    );
    check_elf(
        "odd-headers",
        |elf| patch(elf, 54, &[32]),
        &format!("its program headers are 32 bytes each, not 56{DAMAGED}"),
    );
    let outside = |elf: &mut Vec<u8>| {
        let segment = loadable_segments(elf)[0];
        patch(elf, segment + 16, &(1u64 << 40).to_le_bytes());
    };
    let elf = fs::read(guest("hello")).unwrap();
    let index = (loadable_segments(&elf)[0] - 64) / 56;
    let reason = format!(
        "its segment {index} at 0x10000000000 lies outside user memory, which ends at 0x4000000000{DAMAGED}"
    );
    check_elf("outside", outside, &reason);
}

#[test]
fn what_is_cut_short() {
    let elf = fs::read(guest("hello")).unwrap();
    let segment = *loadable_segments(&elf).last().unwrap();
    let field =
        |offset: usize| u64::from_le_bytes(elf[segment + offset..segment + offset + 8].try_into().unwrap());
    let (offset, address, len) = (field(8), field(16), field(32));
    let end = offset + len;
    let kept = end - 1;
    let reason = format!(
        "it is cut short: its segment at {address:#x} ends at byte {end} of a file of {kept} bytes\n  hint: link or copy it again\n"
    );
    check_elf("cut-short", |elf| elf.truncate(kept as usize), &reason);
}

#[test]
fn a_dynamic_program_needs_an_interpreter() {
    // The last program header becomes PT_INTERP, with a path where the ELF identification has room for none.
    let mut elf = fs::read(guest("hello")).unwrap();
    let path_at = elf.len() as u64;
    elf.extend(b"/lib/ld-linux-riscv64-lp64d.so.1\0");
    let last = 64 + 56 * (usize::from(elf[56]) - 1);
    patch(&mut elf, last, &[3, 0, 0, 0]);
    patch(&mut elf, last + 8, &path_at.to_le_bytes());
    patch(&mut elf, last + 32, &33u64.to_le_bytes());
    let path = file("dynamic", &elf, 0o755);
    let path = path.to_str().unwrap();
    let needs = "needs the interpreter /lib/ld-linux-riscv64-lp64d.so.1, which the guest cannot see";
    check(&["run", path], 126, &format!("{path} {needs}{ROOT}"));
    let script = file("script", b"#!/bin/sh\n", 0o755);
    let script = script.to_str().unwrap();
    let needs = "needs the interpreter /bin/sh, which the guest cannot see";
    check(&["run", script], 126, &format!("{script} {needs}{ROOT}"));
}

#[test]
fn a_broken_section_table_stops_no_program() {
    let mut elf = fs::read(guest("hello")).unwrap();
    patch(&mut elf, 40, &u64::MAX.to_le_bytes());
    patch(&mut elf, 58, &[0xff; 6]);
    let path = file("broken-sections", &elf, 0o755);
    assert_eq!(run(["run", path.to_str().unwrap()]).0, 0);
}

#[test]
fn what_is_not_there_or_cannot_be_read() {
    let path_or_name = "PROGRAM is a path (./program), or @NAME for one that tine guests lists";
    check(&["run", "./nothing"], 127, &format!("there is no program ./nothing\n  hint: {path_or_name}\n"));
    check(
        &["run", "Cargo.toml/x"],
        127,
        &format!("there is no program Cargo.toml/x\n  hint: {path_or_name}\n"),
    );
    check(&["run", "hello"], 127, "there is no program hello\n  hint: did you mean the built-in @hello?\n");
    let directory = "cannot run crates: it is a directory\n  hint: name the program in it\n";
    check(&["run", "crates"], 126, directory);
    let device = "cannot run /dev/null: it is not a regular file\n  hint: name a riscv64 ELF program\n";
    check(&["run", "/dev/null"], 126, device);
    let path = file("not-executable", b"\x7fELF", 0o644);
    let path = path.to_str().unwrap();
    check(
        &["run", path],
        126,
        &format!("cannot run {path}: it is not executable (mode 0644)\n  hint: chmod +x {path}\n"),
    );
}

#[test]
fn unknown_guests_get_the_nearest_name() {
    let built_in = |name: &str| format!("no program called \"{name}\" is built in\n  hint: ");
    let nearest = format!("{}did you mean @cow-tutorial? tine guests lists them\n", built_in("cow-tutoral"));
    check(&["run", "@cow-tutoral"], 127, &nearest);
    check(&["run", "@zzz"], 127, &format!("{}tine guests lists them\n", built_in("zzz")));
}

#[test]
fn bad_values_say_what_the_option_takes() {
    let eager = "--fork does not know \"eagre\"\n  hint: did you mean eager? It takes cow, eager, odf\n";
    check(&["run", "--fork", "eagre", "@hello"], 125, eager);
    let size = "--mem lots: it is not a size\n  hint: a number of bytes, or one with K, M or G: --mem 512M\n";
    check(&["run", "--mem", "lots", "@hello"], 125, size);
    let pages = "--mem 5000: it is no whole number of 4 KiB pages\n  hint: a multiple of 4K: --mem 512M\n";
    check(&["run", "--mem=5000", "@hello"], 125, pages);
    let tlb = "--tlb l1d=10x3: \"10x3\" does not divide into sets: take 1 to 32768 entries, and ways that leave a power of two of sets, and are one for :plru\n  hint: --tlb l1i=32,l1d=32,l2=1024x8:lru, or one of u74, u54, c906, c910, cva6, tiny\n";
    check(&["run", "--tlb", "l1d=10x3", "@hello"], 125, tlb);
    let trace = "--trace faults: \"faults\" is not a kind of event\n  hint: some of trap, fault, fence, fork, exec, exit, switch, signal, syscall, insn, copy, all, and pid=N, with commas between\n";
    check(&["run", "--trace", "faults", "@hello"], 125, trace);
    let variable = "-E NAME: it is not NAME=VALUE\n  hint: a name and a value: -E LANG=C\n";
    check(&["run", "-E", "NAME", "@hello"], 125, variable);
    check(&["run", "--harts", "65", "@hello"], 125, &format!("--harts 65: 65 is not in 1..=64{HELP}"));
    check(&["run", "--seed", "x", "@hello"], 125, &format!("--seed x: it is not a whole number{HELP}"));
    let large = "99999999999999999999";
    check(&["run", "--seed", large, "@hello"], 125, &format!("--seed {large}: it is too large{HELP}"));
    check(&["run", "--mem"], 125, &format!("--mem needs a value{HELP}"));
}

#[test]
fn a_wrong_command_line_says_how_it_should_be() {
    check(
        &["run", "--fork-ordr", "@hello"],
        125,
        "there is no option --fork-ordr\n  hint: did you mean --fork-order?\n",
    );
    let foreign = "there is no option --follow\n  hint: options of the program go after its name; tine run --help describes every option\n";
    check(&["run", "--follow", "@hello"], 125, foreign);
    let missing = "PROGRAM is missing\n  hint: tine guests lists programs to try: tine run @cow-tutorial\n";
    check(&["run"], 125, missing);
    check(&["disasm"], 125, "ELF is missing\n  hint: tine disasm --help describes every option\n");
    let needs = "--trace is missing\n  hint: tine run --help describes every option\n";
    check(&["run", "--trace-file", "x", "@hello"], 125, needs);
    let path = "there is no command \"./program\"\n  hint: to run a program: tine run ./program\n";
    check(&["./program"], 125, path);
    check(&["guest"], 125, "there is no command \"guest\"\n  hint: did you mean tine guests?\n");
    let nothing =
        "what is to be done?\n  hint: tine run PROGRAM runs a program; tine --help lists all commands\n";
    check(&[], 125, nothing);
}

#[test]
fn a_policy_file_is_told_its_line_and_what_it_takes() {
    let path = file("wrong.toml", b"", 0o644);
    let path = path.to_str().unwrap();
    let all = "`base`, `fork`, `fork_order`, `fork_skips_refillable`, `cow_prealloc_frames`, `cow_batch_pages`, \
        `fault_around_pages`, `thp`, `thp_cow`, `ad`, `randomizes_layout`, `overcommit`";
    for (text, problem, remedy) in [
        ("forks = 1\n", "line 1, forks = 1: unknown field `forks`", &*format!("it takes one of {all}")),
        (
            "# no\nfork = \"lazy\"",
            "line 2, fork = \"lazy\": unknown variant `lazy`",
            "it takes one of `cow`, `eager`, `odf`",
        ),
        ("base = \"bsd\"", "line 1, base = \"bsd\": unknown variant `bsd`", "it takes `linux` or `textbook`"),
        (
            "ad = \"svade\"\ncow_batch_pages = 0\n",
            "line 2, cow_batch_pages = 0: invalid value: integer `0`",
            "it takes a number of pages, 1 to 512",
        ),
        (
            "cow_prealloc_frames = \"x\"",
            "line 1, cow_prealloc_frames = \"x\": invalid type: string \"x\"",
            "it takes a number of frames",
        ),
        (
            "ad = \"svade\"\nad = \"svadu\"",
            "line 2, ad = \"svadu\": duplicate key",
            "tine policy prints a file with every switch",
        ),
    ] {
        fs::write(path, text).unwrap();
        check(
            &["run", "--policy", path, "@hello"],
            125,
            &format!("--policy {path}: {problem}\n  hint: {remedy}\n"),
        );
        check(&["policy", path], 125, &format!("NAME|FILE {path}: {problem}\n  hint: {remedy}\n"));
    }
    let missing = "there is no such preset and no such file\n  hint: it takes linux, textbook, or a TOML file; \
        tine policy > my.toml makes one\n";
    check(&["run", "--policy", "minix", "@hello"], 125, &format!("--policy minix: {missing}"));
    let bounds = "it is not a number of pages, 1 to 512\n  hint: a number of pages, 1 to 512: 16\n";
    check(&["run", "--cow-batch", "513", "@hello"], 125, &format!("--cow-batch 513: {bounds}"));
}

#[test]
fn a_report_that_cannot_be_written_is_known_before_the_run() {
    let hint = "name a file in a directory that you may write";
    for option in ["--stats-file", "--strace", "--trace-file"] {
        let file = format!("{option}=/no/such/file");
        let message = format!(
            "{option} cannot create /no/such/file: No such file or directory (os error 2)\n  hint: {hint}\n"
        );
        check(&["run", "--trace=all", &file, "@hello"], 125, &message);
    }
}

#[test]
fn only_riscv64_files_are_disassembled() {
    let hint = "give it a program or object file of riscv64-linux-gnu-gcc";
    check(&["disasm", "no-file"], 125, "cannot read no-file: No such file or directory (os error 2)\n");
    let own = env!("CARGO_BIN_EXE_tine");
    check(
        &["disasm", own],
        125,
        &format!("cannot disassemble {own}: it is no riscv64 ELF file\n  hint: {hint}\n"),
    );
}
