//! Lives as a table: a paragraph for each, with a row for each segment.

use super::{columns, end, rights};
use crate::bill;
use crate::report::{counted, grouped};
use anstyle::Style;
use tine_machine::lives::{Beginning, Descriptor, Life, Segment};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// More lives than this are summed up in a line.
const MOST_LIVES: usize = 40;
/// More descriptors of a life than this are summed up.
const MOST_DESCRIPTORS: usize = 24;

pub(super) fn render(lives: &[Life]) -> String {
    let mut text = String::new();
    for life in lives.iter().take(MOST_LIVES) {
        write_life(&mut text, life);
        text.push('\n');
    }
    let left_out = lives.len().saturating_sub(MOST_LIVES);
    if left_out > 0 {
        text += &format!("and {} (all are in --processes=json)\n\n", counted(left_out as u64, "more life"));
    }
    text += &format!(
        "{DIM}shared: with others, or the file's · copied, reused: by a store since fork or exec · kept: inherited and\n\
         never stored to, the others are gone · own: made for this process · untouched: not mapped{DIM:#}\n"
    );
    text
}

fn write_life(text: &mut String, life: &Life) {
    let began = match &life.began {
        Beginning::Program => "the program".to_owned(),
        Beginning::Fork { kind, at } => format!("{kind} of pid {} at {}", life.parent, bill::site(at)),
        Beginning::Exec { path } => format!("executes {path}"),
    };
    let ended = end(&life.ended);
    *text += &format!("{BOLD}pid {} {}{BOLD:#}   {began}   {ended}\n", life.pid, life.command);
    if !life.descriptors.is_empty() {
        *text += &format!("         descriptors: {}\n", descriptors(&life.descriptors));
    }
    match &life.segments {
        Some(segments) => write_segments(text, segments),
        None => *text += "         in its parent's memory\n",
    }
}

fn descriptors(descriptors: &[Descriptor]) -> String {
    let shown = descriptors.iter().take(MOST_DESCRIPTORS).map(|it| {
        let closes = if it.closes_on_exec { " (cloexec)" } else { "" };
        format!("{} {}{closes}", it.number, it.name)
    });
    let left_out = descriptors.len().saturating_sub(MOST_DESCRIPTORS);
    let more = (left_out > 0).then(|| format!("and {left_out} more"));
    shown.chain(more).collect::<Vec<_>>().join(" · ")
}

fn write_segments(text: &mut String, segments: &[Segment]) {
    let figure = |pages: u64| if pages == 0 { String::new() } else { grouped(pages) };
    for (index, segment) in segments.iter().enumerate() {
        let columns = columns(segment);
        if index == 0 {
            let names: String = columns.iter().map(|(name, _)| format!(" {name:>9}")).collect();
            *text += &format!("    {DIM}{:>9}{names}  segment{DIM:#}\n", "pages");
        }
        let figures: String = columns.iter().map(|(_, pages)| format!(" {:>9}", figure(*pages))).collect();
        let name = format!("{} {}", rights(segment), segment.name);
        *text += &format!("    {:>9}{figures}  {name}\n", grouped(segment.pages));
    }
}
