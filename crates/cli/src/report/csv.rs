//! The report as CSV: a row for each figure, with the scope and the key of the JSON report.

use tine_machine::{Counts, Outcome, Report, SCHEMA, WaitStatus};

pub(super) fn render(report: &Report) -> String {
    let mut table = Table(csv::Writer::from_writer(Vec::new()));
    table.row("scope", "key", "value");
    let setting = &report.setting;
    table.row("run", "schema", SCHEMA);
    table.row("run", "program", &setting.program);
    for argument in &setting.arguments {
        table.row("run", "argument", argument);
    }
    table.row("run", "outcome", outcome(report.outcome.as_ref()));
    table.row("run", "policy.name", setting.policy.name);
    for (key, value) in setting.policy.switches() {
        table.row("run", &format!("policy.{key}"), value);
    }
    for (key, _) in setting.policy.changed() {
        table.row("run", "policy.changed", key);
    }
    table.row("run", "tlb", setting.tlb);
    table.row("run", "harts", setting.harts);
    table.row("run", "memory_bytes", setting.memory_bytes);
    table.row("run", "seed", setting.seed);
    table.row("run", "epoch_s", setting.epoch_s);
    for injection in &setting.injections {
        table.row("run", "fail", injection);
    }
    table.row("run", "time.instruction_ns", setting.instruction_ns);
    table.row("run", "time.trap_ns", setting.trap_ns);
    table.counts("machine", &report.machine);
    table.counts("gauge", &report.gauges);
    for process in &report.processes {
        let scope = format!("pid {}", process.pid);
        table.row(&scope, "parent", process.parent);
        table.row(&scope, "command", &process.command);
        table.row(&scope, "origin", process.origin);
        if let Some(end) = process.end {
            table.row(&scope, "end", status(end));
        }
        table.counts(&scope, &process.counts);
    }
    for (hart, counts) in report.harts.iter().enumerate() {
        table.counts(&format!("hart {hart}"), counts);
    }
    table.finish()
}

struct Table(csv::Writer<Vec<u8>>);

impl Table {
    fn row(&mut self, scope: &str, key: &str, value: impl ToString) {
        self.0.write_record([scope, key, &value.to_string()]).expect("memory takes every row");
    }

    fn counts(&mut self, scope: &str, counts: &Counts) {
        for (key, count) in counts.iter() {
            self.row(scope, key, count);
        }
    }

    fn finish(self) -> String {
        let bytes = self.0.into_inner().expect("memory takes every row");
        String::from_utf8(bytes).expect("made of strings")
    }
}

fn outcome(outcome: Option<&Outcome>) -> String {
    match outcome {
        Some(Outcome::Ended(end)) => status(*end),
        Some(Outcome::InstructionLimit(_)) => "instruction-limit".to_owned(),
        Some(Outcome::Deadlock(_)) => "deadlock".to_owned(),
        None => "not-run".to_owned(),
    }
}

fn status(end: WaitStatus) -> String {
    match end {
        WaitStatus::Exited(code) => code.to_string(),
        WaitStatus::Killed { signal, .. } => signal.name().to_owned(),
    }
}
