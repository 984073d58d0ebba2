//! `--forks`: the fork bill as a shell sees it, and its sums against the counters.

use crate::support::run;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn temporary(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs a program and returns its bill, after it has been compared with the counters of the same run.
#[track_caller]
fn bill(name: &str, arguments: &[&str]) -> Value {
    let [bill_file, stats_file] =
        ["bill", "stats"].map(|kind| temporary(&format!("forks-{name}-{kind}.json")));
    let options = ["run", "--forks=json", "--stats=json"].map(str::to_owned);
    let files = [("--forks-file", &bill_file), ("--stats-file", &stats_file)];
    let files = files.map(|(option, path)| format!("{option}={}", path.display()));
    let arguments = arguments.iter().map(|&argument| argument.to_owned());
    let (code, _, stderr) = run(options.into_iter().chain(files).chain(arguments));
    assert_eq!((code, stderr.as_str()), (0, ""), "{name}");
    let read = |path| serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap();
    let (bill, stats) = (read(bill_file), read(stats_file));
    check_sums(name, &bill, &stats["machine"]);
    bill
}

/// Every copy, reuse and PTE is on the bill, once.
#[track_caller]
fn check_sums(name: &str, bill: &Value, counters: &Value) {
    let forks = bill["forks"].as_array().unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    let sum = |key: &str| forks.iter().map(|fork| number(&fork[key])).sum::<u64>();
    let costs = forks.iter().flat_map(|fork| fork["costs"].as_array().unwrap());
    let costs: Vec<_> = costs.chain(bill["first_stores"].as_array().unwrap()).collect();
    for (billed, counter) in [("pages_copied", "pages_copied"), ("pages_reused", "pages_reused")] {
        let costs = costs.iter().map(|cost| number(&cost[billed])).sum::<u64>();
        let counted = number(&counters["cow"][counter]);
        assert_eq!((costs, number(&bill["sums"][billed])), (counted, counted), "{name}: {billed}");
    }
    assert_eq!(sum("ptes_copied"), number(&counters["fork"]["ptes_copied"]), "{name}");
    assert_eq!(sum("pt_frames"), number(&counters["fork"]["pt_frames_allocated"]), "{name}");
    let put_off = ["tables", "ptes", "write_protected"].map(|key| number(&bill["put_off"][key]));
    match counters["fork"]["ptes_unshared"].as_u64() {
        None => {
            assert_eq!(sum("write_protected"), number(&counters["cow"]["pages_write_protected"]), "{name}");
            assert_eq!(put_off, [0; 3], "{name}");
        }
        // What faults do later is the machine's own count; `mm/tests/odf.rs` adds it up by hand.
        Some(_) => assert_eq!(put_off[0] > 0, put_off[1] > 0, "{name}: {put_off:?}"),
    }
    for kind in ["fork", "vfork", "thread"] {
        let made = forks.iter().filter(|fork| fork["kind"] == kind).count() as u64;
        assert_eq!(made, number(&counters["fork"][kind]), "{name}: {kind}");
    }
    // Nothing but the first store to a page of a file is copied without a fork, and only copies change.
    for cost in bill["first_stores"].as_array().unwrap() {
        assert_eq!(cost["pages_reused"], 0, "{name}: {cost}");
    }
    for cost in costs {
        assert!(number(&cost["bytes_changed"]) <= 4096 * number(&cost["pages_copied"]), "{name}: {cost}");
    }
    for fork in forks {
        assert!(number(&fork["never_written"]) <= number(&fork["pages_shared"]), "{name}: {fork}");
    }
}

#[test]
fn the_sums_are_the_counters() {
    for guest in ["prefork", "cow-tutorial", "cow-storm", "segments", "fork-exec", "fork-loop", "sole-owner"]
    {
        let program = format!("@{guest}");
        bill(guest, &[&program]);
        bill(&format!("{guest}-eager"), &["--fork", "eager", &program]);
        bill(&format!("{guest}-odf"), &["--fork", "odf", &program]);
        bill(&format!("{guest}-batch"), &["--cow-batch", "8", "--policy", "textbook", &program]);
    }
}

/// A huge page is 512 pages on the bill: copied whole, in pieces, or reused by its last owner.
#[test]
fn the_sums_are_the_counters_with_huge_pages() {
    for (name, options) in [
        ("split", &["--thp", "always"][..]),
        ("copy", &["--thp", "always", "--thp-cow", "copy"]),
        ("odf", &["--thp", "always", "--fork", "odf"]),
        ("eager", &["--thp", "always", "--fork", "eager"]),
    ] {
        for guest in ["@huge-pages", "@cow-storm", "@private-and-shared"] {
            bill(&format!("huge-{name}-{}", &guest[1..]), &[options, &[guest]].concat());
        }
    }
}

#[test]
fn a_table_names_places_and_mappings() {
    let (code, _, stderr) = run(["run", "--forks", "--policy", "textbook", "@prefork", "2", "16"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(stderr);
}

#[test]
fn json_has_the_same_and_more() {
    let bill = bill("prefork-json", &["--policy", "textbook", "@prefork", "1", "4"]);
    insta::assert_snapshot!(format!("{bill:#}"));
}

#[test]
fn a_vfork_costs_nothing() {
    let bill = bill("vfork", &["@vfork-shares"]);
    let forks = bill["forks"].as_array().unwrap();
    assert!(forks.iter().any(|fork| fork["kind"] == "vfork"));
    for fork in forks.iter().filter(|fork| fork["kind"] == "vfork") {
        assert_eq!((&fork["ptes_copied"], &fork["pages_shared"]), (&0.into(), &0.into()), "{fork}");
        assert_eq!(fork["sums"]["pages_copied"], 0, "{fork}");
    }
}

/// Built-in programs have line tables, compressed.
#[test]
fn a_builtin_programs_lines_are_named() {
    let bill = bill("prefork-lines", &["@prefork", "1", "4"]);
    let fork = &bill["forks"][0];
    // The call itself is in a header of the guests; who made it says more.
    let place = |at: &Value| ["function", "source"].map(|key| at[key].as_str().unwrap().to_owned());
    assert_eq!(place(&fork["at"]), ["syscall", "guest/rt/syscall.h"]);
    assert_eq!(place(&fork["at"]["caller"]), ["start_worker", "guest/src/prefork.c"]);
    for cost in fork["costs"].as_array().unwrap() {
        assert!(cost["at"]["line"].as_u64() > Some(0), "{cost}");
    }
}

#[test]
fn each_worker_has_its_own_bill() {
    // Each of the four counts references in 64 objects of 64 pages: 64 pages copied, of each of which a byte changes.
    let bill = bill("prefork-workers", &["@prefork"]);
    let forks = bill["forks"].as_array().unwrap();
    assert_eq!(forks.len(), 4);
    for fork in forks {
        let worker = &fork["child"];
        let costs = fork["costs"].as_array().unwrap();
        let counted = costs.iter().find(|cost| cost["at"]["function"] == "incref").unwrap();
        assert_eq!((&counted["pid"], &counted["mapping"]), (worker, &"heap".into()), "{counted}");
        assert_eq!(
            (&counted["pages_copied"], &counted["bytes_changed"]),
            (&64.into(), &64.into()),
            "{counted}"
        );
    }
}

/// A child that changes eight pages, in a function of its own.
const STORES: &str = "
#include <sys/wait.h>
#include <unistd.h>
static volatile char data[16 * 4096];
__attribute__((noinline)) static void change(int page)
{
    data[page * 4096] = 2;
}
int main(void)
{
    for (int page = 0; page < 16; page++)
        data[page * 4096] = 1;
    if (fork() == 0) {
        for (int page = 0; page < 8; page++)
            change(page);
        _exit(0);
    }
    wait(0);
}
";

#[test]
fn line_tables_that_a_toolchain_has_compressed_are_read() {
    if std::env::var_os("TINE_CROSS").is_none() {
        return;
    }
    let compiler = std::env::var("CC").unwrap_or_else(|_| "riscv64-linux-gnu-gcc".to_owned());
    let [source, zlib, plain, zstd] = ["stores.c", "stores-zlib", "stores", "stores-zstd"].map(temporary);
    fs::write(&source, STORES).unwrap();
    let make = |command: &str, arguments: &[&str], paths: [&Path; 2]| {
        let status = Command::new(command).args(arguments).args(paths).status().unwrap();
        assert!(status.success(), "TINE_CROSS=1 promises the cross compiler: {command} {arguments:?}");
    };
    let zlib_options = ["-O1", "-g", "-gz=zlib", "-static", "-o"];
    make(&compiler, &zlib_options, [&zlib, &source]);
    make(&compiler, &["-O1", "-g", "-gz=none", "-static", "-o"], [&plain, &source]);
    let copier = compiler.replace("gcc", "objcopy");
    make(&copier, &["--compress-debug-sections=zstd"], [&plain, &zstd]);
    for program in [zlib, zstd] {
        let (code, _, stderr) = run(["run", "--forks", program.to_str().unwrap()]);
        let line =
            stderr.lines().find(|line| line.contains("change()")).unwrap_or_else(|| panic!("{stderr}"));
        assert_eq!(code, 0);
        assert!(line.trim_start().starts_with("8 ") && line.contains("stores.c:7"), "{line}");
    }
}
