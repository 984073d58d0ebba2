//! The oracle's programs print under `--policy linux` what a real Linux kernel printed, fault counts included.
//!
//! They are linked with glibc and not committed, so this needs the cross compiler that CI installs: `TINE_CROSS=1` says that
//! it is there. Without it the fault counts of `tests/programs` stand for them.

use crate::programs;
use crate::support::{Job, expected, files, root};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use tine_machine::{ForkMode, InstalledFile, MemoryPolicy, Thp, ThpCow};

/// Begins a line that is informational: on Linux it may differ from run to run.
const INFORMATIONAL: &str = "# ";
/// The program whose informational lines hold what start-up costs, which depends on where the kernel places its parts.
const STARTS_UP: &str = "exec_minflt";
/// Every outcome of its three lines in 24 runs on real Linux: faults before exec, up to `main` after it, and with wait.
const STARTS: [&[[u64; 3]]; 3] = [
    &[[6, 30, 31], [6, 31, 32], [6, 32, 33], [7, 31, 32], [7, 32, 33]],
    &[[106, 130, 131], [106, 131, 132], [106, 132, 133], [107, 131, 132], [107, 132, 133]],
    &[[0, 21, 22], [0, 22, 23]],
];
/// Seeds, and so layouts, under which it starts.
const LAYOUTS: u64 = 12;

#[test]
fn oracle_programs_print_what_linux_printed() {
    if std::env::var_os("TINE_CROSS").is_none() {
        let note = "oracle: without TINE_CROSS=1 the committed fault-count program stands for these\n";
        std::io::stderr().write_all(note.as_bytes()).unwrap();
        programs::check("fault-counts", &MemoryPolicy::LINUX, 1);
        return;
    }
    let (programs, shell) = build();
    let shell = std::fs::read(shell).unwrap();
    for program in programs {
        let name = program.file_name().unwrap().to_str().unwrap();
        for harts in [1, 4] {
            let shell = InstalledFile { path: "/bin/sh".into(), bytes: shell.clone(), permissions: 0o755 };
            let job = Job::new(program, MemoryPolicy::LINUX).files(vec![shell]);
            let printed = job.harts(harts).run().stdout();
            compare(name, harts, &printed, &expected("tests/oracle/expected", name));
        }
    }
}

/// What start-up costs varies with the layout, as on Linux and no further.
#[test]
fn start_up_costs_what_it_costs_on_linux_in_some_layout() {
    if std::env::var_os("TINE_CROSS").is_none() {
        return;
    }
    let program = build().0.iter().find(|program| program.ends_with(STARTS_UP)).unwrap();
    let outcomes: BTreeSet<_> = (0..LAYOUTS)
        .map(|seed| {
            let printed = Job::new(program, MemoryPolicy::LINUX).seed(seed).run().stdout();
            compare(STARTS_UP, 1, &printed, &expected("tests/oracle/expected", STARTS_UP));
            figures(&printed)
        })
        .collect();
    assert!(outcomes.len() > 1, "{LAYOUTS} layouts, and all cost {outcomes:?}");
}

/// Words behind which stands what must hold whatever the policy: that data is right.
const TRUTHS: [&str; 5] = ["data", "data:", "ok", "intact", "untouched"];

/// Other ways to fork and other pages change how many faults there are, and nothing else that is exact.
#[test]
fn oracle_programs_print_the_same_but_for_counts_under_other_policies() {
    if std::env::var_os("TINE_CROSS").is_none() {
        return;
    }
    let (programs, shell) = build();
    let shell = std::fs::read(shell).unwrap();
    let linux = MemoryPolicy::LINUX;
    let policies = [
        MemoryPolicy { fork: ForkMode::Odf, ..linux.clone() },
        MemoryPolicy { fork: ForkMode::Odf, thp: Thp::Never, cow_batch_pages: 16, ..linux.clone() },
        MemoryPolicy { fork: ForkMode::Eager, ..linux.clone() },
        MemoryPolicy { thp: Thp::Always, thp_cow: ThpCow::Copy, ..linux.clone() },
        MemoryPolicy { thp: Thp::Never, ..linux },
    ];
    for program in programs {
        let name = program.file_name().unwrap().to_str().unwrap();
        let expected = expected("tests/oracle/expected", name);
        for policy in &policies {
            let shell = InstalledFile { path: "/bin/sh".into(), bytes: shell.clone(), permissions: 0o755 };
            let printed = Job::new(program, policy.clone()).files(vec![shell]).run().stdout();
            assert_eq!(printed.lines().count(), expected.lines().count(), "{name} under {policy:?}");
            for (ours, linux) in printed.lines().zip(expected.lines()) {
                assert!(differ_in_counts(ours, linux), "{name} under {policy:?}:\n{ours}\n{linux}");
            }
        }
    }
}

/// Tells whether two lines say the same, but for counts.
fn differ_in_counts(ours: &str, linux: &str) -> bool {
    if linux.starts_with(INFORMATIONAL) {
        return true;
    }
    let words = |line: &str| -> Vec<String> {
        line.split_whitespace().map(|word| word.trim_end_matches([',', ';']).to_owned()).collect()
    };
    let is_count = |word: &String| !word.is_empty() && word.chars().all(|it| it.is_ascii_digit());
    let (ours, linux) = (words(ours), words(linux));
    let same = |index: usize| {
        let follows_truth = index > 0 && TRUTHS.contains(&linux[index - 1].as_str());
        ours[index] == linux[index] || is_count(&ours[index]) && is_count(&linux[index]) && !follows_truth
    };
    ours.len() == linux.len() && (0..linux.len()).all(same)
}

/// Compiles the programs, and the shell that one of them spawns, and returns where they are. Several tests use them at once, so
/// that it is done once.
fn build() -> &'static (Vec<PathBuf>, PathBuf) {
    static BUILT: LazyLock<(Vec<PathBuf>, PathBuf)> = LazyLock::new(compile);
    &BUILT
}

fn compile() -> (Vec<PathBuf>, PathBuf) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("oracle");
    let status = Command::new(root().join("tests/oracle/build")).arg(&folder).status().unwrap();
    assert!(status.success(), "TINE_CROSS=1 promises the cross compiler");
    let programs =
        files("tests/oracle").into_iter().filter(|path| path.extension().is_some_and(|e| e == "c"));
    let programs = programs.map(|source| folder.join(source.file_stem().unwrap())).collect();
    (programs, folder.join("shell/sh"))
}

fn compare(name: &str, harts: u32, printed: &str, expected: &str) {
    let exact = |line: &&str| !(line.starts_with(INFORMATIONAL) && name == STARTS_UP);
    let lines = |text: &str| text.lines().filter(exact).collect::<Vec<_>>().join("\n");
    assert_eq!(lines(printed), lines(expected), "{name} on {harts} harts");
    if name == STARTS_UP {
        let figures = figures(printed);
        assert_eq!(figures.len(), STARTS.len());
        for (figures, possible) in figures.iter().zip(STARTS) {
            assert!(possible.contains(figures), "{name} on {harts} harts took {figures:?} faults");
        }
    }
}

/// Returns the fault counts of each informational line: before exec, at main() after it, after wait.
fn figures(text: &str) -> Vec<[u64; 3]> {
    let lines = text.lines().filter(|line| line.starts_with(INFORMATIONAL));
    let parsed = lines.map(|line| {
        let after = |words: &str| {
            let rest = &line[line.find(words)? + words.len()..];
            rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        Some([after("before exec")?, after("after exec")?, after("after wait")?])
    });
    parsed.map(|figures| figures.expect("a line of three figures")).collect()
}
