//! Whether the runs of a comparison printed the same, and where they first differ.

use super::runs::Ran;
use tine_machine::{Outcome, WaitStatus};

/// Runs that printed the same and ended in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alike {
    /// Their places in the comparison; the first stands for all.
    pub(crate) runs: Vec<usize>,
}

/// Groups the runs by what they printed and how they ended, in the order of the first of each.
pub(crate) fn groups(runs: &[Ran]) -> Vec<Alike> {
    let mut groups = Vec::<Alike>::new();
    for (index, ran) in runs.iter().enumerate() {
        let same = |group: &&mut Alike| {
            let first = &runs[group.runs[0]];
            first.printed == ran.printed && ending(&first.outcome) == ending(&ran.outcome)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.runs.push(index),
            None => groups.push(Alike { runs: vec![index] }),
        }
    }
    groups
}

/// Says how a run ended.
pub(crate) fn ending(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ended(WaitStatus::Exited(code)) => code.to_string(),
        Outcome::Ended(WaitStatus::Killed { signal, .. }) => signal.name().to_owned(),
        Outcome::InstructionLimit(_) => "limit".to_owned(),
        Outcome::Deadlock(_) => "deadlock".to_owned(),
    }
}

/// Says where the output of `other` first differs from that of `one`.
pub(crate) fn difference(one: &Ran, other: &Ran) -> String {
    let streams = [
        ("stdout", &one.printed.stdout, &other.printed.stdout),
        ("stderr", &one.printed.stderr, &other.printed.stderr),
    ];
    for (name, one, other) in streams {
        if let Some((number, [one, other])) = first_difference(one, other) {
            return format!("line {number} of {name} is {} there, {} here", shown(one), shown(other));
        }
    }
    format!("it ends with {} there, {} here", ending(&one.outcome), ending(&other.outcome))
}

/// Returns the number of the first line that differs, and that line of both; none where one has ended.
fn first_difference<'a>(one: &'a [u8], other: &'a [u8]) -> Option<(usize, [Option<&'a [u8]>; 2])> {
    let (mut one, mut other) = (one.split_inclusive(is_newline), other.split_inclusive(is_newline));
    let mut number = 0;
    loop {
        number += 1;
        match (one.next(), other.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => return Some((number, [one, other])),
        }
    }
}

fn is_newline(byte: &u8) -> bool {
    *byte == b'\n'
}

/// Quotes a line, shortened.
fn shown(line: Option<&[u8]>) -> String {
    const MOST: usize = 60;
    let Some(line) = line else { return "missing".to_owned() };
    let text = String::from_utf8_lossy(line);
    let mut quoted: String = text.trim_end_matches('\n').chars().take(MOST).collect();
    if quoted.len() < text.trim_end_matches('\n').len() {
        quoted += "…";
    }
    format!("{quoted:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(first_difference(b"a\nb\n", b"a\nb\n"), None);
        assert_eq!(first_difference(b"a\nb\n", b"a\nc\n"), Some((2, [Some(&b"b\n"[..]), Some(&b"c\n"[..])])));
        assert_eq!(first_difference(b"a\n", b"a\nc"), Some((2, [None, Some(&b"c"[..])])));
        assert_eq!(first_difference(b"a\n", b"a"), Some((1, [Some(&b"a\n"[..]), Some(&b"a"[..])])));
    }
}
