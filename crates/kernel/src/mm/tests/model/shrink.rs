//! Makes a failing history short, so that a person can read what went wrong.

use super::script::Step;

/// Leaves out steps as long as the rest still fails: halves first, single steps in the end (Zeller's delta debugging, without
/// its complements).
pub(super) fn shrink(mut steps: Vec<Step>, fails: impl Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut chunk = steps.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        let before = steps.len();
        while at < steps.len() {
            let mut rest = steps.clone();
            rest.drain(at..(at + chunk).min(steps.len()));
            if fails(&rest) {
                steps = rest;
            } else {
                at += chunk;
            }
        }
        if chunk > 1 {
            chunk = chunk.div_ceil(2);
        } else if steps.len() == before {
            break;
        }
    }
    steps
}

#[test]
fn what_does_not_matter_is_left_out() {
    let steps = super::script::Random(7).history(300);
    let matters = [steps[17].clone(), steps[230].clone()];
    let fails = |steps: &[Step]| matters.iter().all(|step| steps.contains(step));
    assert_eq!(shrink(steps.clone(), fails), matters);
}
