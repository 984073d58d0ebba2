//! What is said when memory runs out: who asked for more, who had it, and who had to end.

use super::text::access_name;
use std::fmt::Write;
use tine_machine::{FrameNeed, MemoryShortage, MemoryUser, PAGE_SIZE, Pid};

/// Returns the report of a shortage that a task met.
pub(super) fn report(pid: Pid, shortage: &MemoryShortage) -> String {
    let MemoryShortage { command, need, injected, pc, frames, victim, users } = shortage;
    let (total, bytes) = (frames.total, size(frames.total * PAGE_SIZE));
    let mut text = match frames.total - frames.in_use {
        free if *injected => {
            format!("tine: a frame is refused, as --fail says: {free} of {total} are free\n")
        }
        0 => format!("tine: out of memory: all {total} frames ({bytes}) are in use\n"),
        free => {
            format!("tine: out of memory: {free} of {total} frames ({bytes}) are free, fewer than it takes\n")
        }
    };
    let need = match need {
        FrameNeed::Access { at, access, mapping } => format!("a {} at {at}, {mapping}", access_name(*access)),
        FrameNeed::Fork => "a fork".to_owned(),
        FrameNeed::Exec => "an exec".to_owned(),
        FrameNeed::File => "a file in memory".to_owned(),
    };
    let _ = writeln!(text, "  pid {pid} ({command}) needs one for {need}, pc {pc:#x}");
    let _ = match victim {
        Some(MemoryUser { pid, command, .. }) => writeln!(text, "  ended: pid {pid} ({command}), by SIGKILL"),
        None => writeln!(text, "  ended: pid {pid}, for nobody else may be"),
    };
    let _ = writeln!(
        text,
        "  frames: {} private, {} of files and shared memory, {} page tables",
        frames.anon, frames.page_cache, frames.page_table
    );
    let _ = writeln!(
        text,
        "  {:>6} {:>9} {:>9} {:>9} {:>7} {:>6}  command",
        "pid", "private", "files", "shared", "tables", "adj"
    );
    for MemoryUser { pid, command, resident, page_tables, oom_score_adj, .. } in users {
        let _ = writeln!(
            text,
            "  {:>6} {:>9} {:>9} {:>9} {page_tables:>7} {oom_score_adj:>6}  {command}",
            pid.0, resident.anon, resident.file, resident.shared_memory
        );
    }
    text
}

/// Writes a size in the largest unit that leaves a whole number.
fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        bytes if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        bytes => format!("{} KiB", bytes >> 10),
    }
}
