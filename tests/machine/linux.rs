//! The programs of `tests/linux` print on this machine what they printed on real Linux.
//!
//! They are linked with glibc and not committed: `TINE_CROSS=1` says that the cross compiler is there. Without it the
//! committed programs of `tests/programs` and the scripted kernel's tests stand for them.

use crate::support::{Job, expected, files, root};
use std::path::{Path, PathBuf};
use std::process::Command;
use tine_machine::MemoryPolicy;

#[test]
fn programs_print_what_real_linux_printed() {
    if std::env::var_os("TINE_CROSS").is_none() {
        return;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("linux");
    std::fs::create_dir_all(&folder).unwrap();
    for source in files("tests/linux").into_iter().filter(|path| path.extension().is_some_and(|e| e == "c")) {
        let name = source.file_stem().unwrap().to_str().unwrap();
        let program = folder.join(name);
        compile(&source, &program);
        for harts in [1, 4] {
            let stdout = Job::new(&program, MemoryPolicy::LINUX).harts(harts).run().stdout();
            assert_eq!(stdout, expected("tests/linux/expected", name), "{name} on {harts} harts");
        }
    }
}

fn compile(source: &Path, program: &Path) {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "riscv64-linux-gnu-gcc".into());
    let mut command = Command::new(compiler);
    command.args(["-O1", "-w", "-static", "-pthread", "-o"]).arg(program).arg(root().join(source));
    assert!(command.status().unwrap().success(), "TINE_CROSS=1 promises the cross compiler");
}
