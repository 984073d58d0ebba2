//! The bill as a table: each fork with its work, then what it cost later, dearest first.

use crate::report::{counted, grouped, size};
use anstyle::Style;
use tine_machine::PAGE_SIZE;
use tine_machine::bill::{Bill, Cost, ForkCost, PutOff, Sums};
use tine_machine::symbols::{CodePlace, Where, base_name};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// More places than this are summed up in a line.
const MOST_PLACES: usize = 16;
/// More forks than this are summed up in a line.
const MOST_FORKS: usize = 40;
/// Wider than this, a place pushes its row out of line.
const WIDEST: usize = 48;

pub(super) fn render(bill: &Bill) -> String {
    let mut text = String::new();
    for (index, fork) in bill.forks.iter().enumerate().take(MOST_FORKS) {
        write_fork(&mut text, index + 1, fork);
        text.push('\n');
    }
    let left_out = bill.forks.len().saturating_sub(MOST_FORKS);
    if left_out > 0 {
        text += &format!("and {} (all are in --forks=json)\n\n", counted(left_out as u64, "more fork"));
    }
    write_first_stores(&mut text, bill);
    write_sums(&mut text, bill);
    text
}

fn write_fork(text: &mut String, number: usize, fork: &ForkCost) {
    let ForkCost { kind, parent, child, .. } = fork;
    *text += &format!("{BOLD}{kind} {number}{BOLD:#}   pid {parent} → {child}   at {}", place(&fork.at));
    if *kind != "fork" {
        *text += "\n         shares all memory: nothing is copied\n";
        return;
    }
    *text += &format!(
        "\n         {} · {} · {} write-protected · {} fenced\n",
        counted(fork.ptes_copied, "PTE"),
        counted(fork.pt_frames, "table"),
        counted(fork.write_protected, "page"),
        match fork.tlb_entries_fenced {
            1 => "1 TLB entry".to_owned(),
            entries => format!("{} TLB entries", grouped(entries)),
        }
    );
    let (eager, later): (Vec<_>, Vec<_>) = fork.costs.iter().partition(|cost| cost.is_eager);
    if !eager.is_empty() {
        *text += &format!("         at once: {}\n", sums(Sums::of(eager)));
    }
    let later_sums = Sums::of(later);
    let mut parts = vec![sums(later_sums)];
    parts.extend(
        (later_sums.pages_reused > 0).then(|| format!("{} reused", grouped(later_sums.pages_reused))),
    );
    parts.push(format!("{} never written", grouped(fork.never_written)));
    *text += &format!("         later: {}\n", parts.join(" · "));
    write_costs(text, &fork.costs);
}

fn sums(sums: Sums) -> String {
    let copied = format!("{} copied", grouped(sums.pages_copied));
    match sums.pages_copied {
        0 => copied,
        pages => {
            let changed = counted(sums.bytes_changed, "byte");
            format!("{copied} ({}, {changed} really changed)", size(pages * PAGE_SIZE))
        }
    }
}

fn write_costs(text: &mut String, costs: &[Cost]) {
    if costs.is_empty() {
        return;
    }
    let rows: Vec<_> = costs.iter().take(MOST_PLACES).map(row).collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default().min(WIDEST)
    };
    let (who, function, line) = (width(3), width(4), width(5));
    *text += &format!(
        "    {DIM}{:>8} {:>8} {:>12}  {:who$}  {:place$}  mapping{DIM:#}\n",
        "copied",
        "reused",
        "changed",
        "who",
        "where",
        place = function + 2 + line,
    );
    for [copied, reused, changed, pid, name, source, mapping] in rows {
        *text += &format!(
            "    {copied:>8} {reused:>8} {changed:>12}  {pid:who$}  {name:function$}  {source:line$}  {mapping}\n"
        );
    }
    let rest = &costs[costs.len().min(MOST_PLACES)..];
    if !rest.is_empty() {
        let more = counted(rest.len() as u64, "more place");
        let Sums { pages_copied, pages_reused, .. } = Sums::of(rest);
        *text += &format!(
            "    {:>8} {:>8}  in {more} (all are in --forks=json)\n",
            grouped(pages_copied),
            grouped(pages_reused)
        );
    }
}

fn row(cost: &Cost) -> [String; 7] {
    let figure = |number: u64| if number == 0 { String::new() } else { grouped(number) };
    let changed =
        if cost.pages_copied == 0 { String::new() } else { format!("{} B", grouped(cost.bytes_changed)) };
    let at = &cost.at;
    let copier = if cost.is_eager { "fork itself".to_owned() } else { names(at) };
    [
        figure(cost.pages_copied),
        figure(cost.pages_reused),
        changed,
        format!("pid {}", cost.pid),
        copier,
        source(at.best()),
        cost.mapping.clone(),
    ]
}

/// Writes the function, and the caller that says more: `memset() ← clear()`.
fn names(at: &Where) -> String {
    let name = |place: &CodePlace| match place.function() {
        Some(function) => format!("{function}()"),
        // Before a program's first instruction.
        None if place.pc == 0 => "exec".to_owned(),
        None => format!("{:#x}", place.pc),
    };
    let caller = at.caller.as_ref().map_or(String::new(), |caller| format!(" ← {}", name(caller)));
    format!("{}{caller}", name(&at.place))
}

/// Writes the line of source, or else the file.
fn source(place: &CodePlace) -> String {
    match (&place.line, &place.file) {
        (Some(line), _) => line.to_string(),
        (None, Some(file)) => base_name(file).to_owned(),
        (None, None) if place.pc == 0 => String::new(),
        (None, None) => "?".to_owned(),
    }
}

/// Writes where a fork is: `serve()+0x42  prefork.c:88`.
pub(crate) fn place(at: &Where) -> String {
    let best = at.caller.as_ref().unwrap_or(&at.place);
    let name = match (best.function(), &best.symbol) {
        (Some(function), Some(symbol)) if function == symbol.name => {
            format!("{function}()+{:#x}", symbol.offset)
        }
        (Some(function), _) => format!("{function}()"),
        (None, _) => format!("{:#x}", best.pc),
    };
    format!("{name}  {}", source(best))
}

fn write_first_stores(text: &mut String, bill: &Bill) {
    if bill.first_stores.is_empty() {
        return;
    }
    let first = sums(Sums::of(&bill.first_stores));
    *text += &format!("{BOLD}no fork{BOLD:#}  first stores to private pages of files: {first}\n");
    write_costs(text, &bill.first_stores);
    text.push('\n');
}

fn write_sums(text: &mut String, bill: &Bill) {
    let forks = bill.forks.iter().filter(|fork| fork.kind == "fork");
    let work = |figure: fn(&ForkCost) -> u64| bill.forks.iter().map(figure).sum::<u64>();
    let all = Sums::of(bill.costs());
    *text += &format!(
        "{BOLD}in all{BOLD:#}   {} · {} · {} · {} write-protected\n         {} · {} reused\n",
        counted(forks.count() as u64, "fork"),
        counted(work(|fork| fork.ptes_copied), "PTE"),
        counted(work(|fork| fork.pt_frames), "table"),
        counted(work(|fork| fork.write_protected), "page"),
        sums(all),
        grouped(all.pages_reused),
    );
    let PutOff { tables, ptes, write_protected } = bill.put_off;
    if bill.put_off != PutOff::default() {
        *text += &format!(
            "         put off until pages were touched: {} copied · {} · {} write-protected\n",
            counted(tables, "table"),
            counted(ptes, "PTE"),
            counted(write_protected, "page"),
        );
    }
}
