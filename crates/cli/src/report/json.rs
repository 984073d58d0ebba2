//! The report as one JSON object: every counter, zeros included, nested where its key has dots.

use crate::policy;
use serde_json::{Map, Value, json};
use tine_machine::{Counts, Outcome, Process, Report, SCHEMA, WaitStatus};

pub(super) fn render(report: &Report) -> String {
    format!("{:#}\n", value(report))
}

pub(super) fn value(report: &Report) -> Value {
    let setting = &report.setting;
    json!({
        "schema": SCHEMA,
        "run": {
            "program": setting.program,
            "arguments": setting.arguments,
            "outcome": outcome(report.outcome.as_ref()),
            "policy": policy::json(&setting.policy),
            "tlb": setting.tlb.to_string(),
            "harts": setting.harts,
            "memory_bytes": setting.memory_bytes,
            "seed": setting.seed,
            "epoch_s": setting.epoch_s,
            "fail": setting.injections.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "time": { "instruction_ns": setting.instruction_ns, "trap_ns": setting.trap_ns },
        },
        "machine": nested(&report.machine),
        "gauges": nested(&report.gauges),
        "processes": report.processes.iter().map(process).collect::<Vec<_>>(),
        "harts": report.harts.iter().map(nested).collect::<Vec<_>>(),
    })
}

fn process(process: &Process) -> Value {
    json!({
        "pid": process.pid,
        "parent": process.parent,
        "command": process.command,
        "origin": process.origin,
        "end": process.end.map_or(Value::Null, status),
        "counts": nested(&process.counts),
    })
}

fn outcome(outcome: Option<&Outcome>) -> Value {
    match outcome {
        Some(Outcome::Ended(end)) => status(*end),
        Some(Outcome::InstructionLimit(_)) => json!({ "stopped": "instruction-limit" }),
        Some(Outcome::Deadlock(_)) => json!({ "stopped": "deadlock" }),
        None => Value::Null,
    }
}

fn status(end: WaitStatus) -> Value {
    match end {
        WaitStatus::Exited(code) => json!({ "exited": code }),
        WaitStatus::Killed { signal, core } => json!({ "killed": signal.name(), "core": core }),
    }
}

/// Turns keys with dots into objects within objects: no key is the beginning of another.
fn nested(counts: &Counts) -> Value {
    let mut root = Map::new();
    for (key, count) in counts.iter() {
        insert(&mut root, key, count);
    }
    Value::Object(root)
}

fn insert(object: &mut Map<String, Value>, key: &str, count: u64) {
    match key.split_once('.') {
        None => {
            object.insert(key.to_owned(), count.into());
        }
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, count);
            }
        }
    }
}
