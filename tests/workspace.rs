//! What the design demands of the source itself: who may depend on whom, where `unsafe` may be, how long a file may get.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates in the order in which they may depend on each other, each with those it may use (ARCHITECTURE.md).
const EDGES: [(&str, &[&str]); 6] = [
    ("tine-isa", &[]),
    ("tine-mmu", &[]),
    ("tine-hart", &["tine-isa", "tine-mmu"]),
    ("tine-kernel", &["tine-mmu"]),
    ("tine-machine", &["tine-hart", "tine-isa", "tine-kernel", "tine-mmu"]),
    ("tine", &["tine-isa", "tine-machine"]),
];

/// The only folders in which one module each may use `unsafe`: guest RAM and threaded dispatch.
const UNSAFE_ROOMS: [&str; 2] = ["crates/mmu/src", "crates/hart/src"];

const LONGEST_FILE: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every Rust file of the project with its text, named relative to the root.
fn sources() -> Vec<(PathBuf, String)> {
    fn visit(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["crates", "tests", "benches"].map(|folder| root().join(folder)) {
        if folder.is_dir() {
            visit(&folder, &mut found);
        }
    }
    assert!(found.len() > EDGES.len(), "the sources are where this test looks");
    found
}

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn crates_depend_on_each_other_as_designed() {
    let metadata = metadata();
    for (name, allowed) in EDGES {
        let packages = metadata["packages"].as_array().unwrap();
        let package = packages.iter().find(|package| package["name"] == name).expect(name);
        let used: BTreeSet<_> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
            .map(|dependency| dependency["name"].as_str().unwrap())
            .filter(|dependency| dependency.starts_with("tine"))
            .collect();
        let allowed = BTreeSet::from_iter(allowed.iter().copied());
        assert!(used.is_subset(&allowed), "{name} uses {used:?}, and may use {allowed:?}");
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in metadata()["packages"].as_array().unwrap() {
        let manifest = fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package["name"]);
    }
}

#[test]
fn unsafe_code_stays_in_its_rooms() {
    let permission = "expect(unsafe_code";
    let mut rooms: Vec<_> = sources()
        .into_iter()
        .filter(|(path, text)| text.contains(permission) && path != Path::new("tests/workspace.rs"))
        .map(|(path, _)| path)
        .collect();
    for folder in UNSAFE_ROOMS {
        if let Some(room) = rooms.iter().position(|path| path.starts_with(folder)) {
            rooms.remove(room);
        }
    }
    assert!(rooms.is_empty(), "unsafe code outside its rooms: {rooms:?}");
}

#[test]
fn files_stay_readable() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines: split it by noun or verb", path.display());
    }
}

#[test]
fn no_test_is_switched_off() {
    let attribute = ["#[", "ignore"].concat();
    for (path, text) in sources() {
        assert!(!text.contains(&attribute), "{} switches a test off", path.display());
    }
}
