//! The time line as one JSON object. Series are rows of figures, whose names stand beside them.

use super::end;
use crate::report;
use serde_json::{Value, json};
use tine_machine::timeline::{Happening, Lane, Mark, Timeline};
use tine_machine::{Report, SCHEMA};

pub(super) fn render(report: &Report, timeline: &Timeline) -> String {
    let samples = timeline.samples.iter();
    let samples = samples.map(|it| [it.time_ns, it.in_use, it.most, it.shared, it.copied]);
    let object = json!({
        "schema": SCHEMA,
        "run": report::value(report)["run"],
        "stretch_ns": timeline.stretch_ns,
        "machine": {
            "columns": ["time_ns", "frames_in_use", "most_in_use", "frames_shared", "pages_copied"],
            "samples": samples.collect::<Vec<_>>(),
        },
        "processes": {
            "columns": ["time_ns", "pages_resident", "pages_shared", "pages_copied"],
            "lanes": timeline.lanes.iter().map(lane).collect::<Vec<_>>(),
        },
        "marks": timeline.marks.iter().map(mark).collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

fn lane(lane: &Lane) -> Value {
    let points = lane.points.iter().map(|point| {
        let usage = point.usage;
        [point.time_ns, usage.resident, usage.shared, usage.copied]
    });
    json!({
        "pid": lane.pid.0,
        "parent": lane.parent.0,
        "command": lane.command,
        "began_ns": lane.began_ns,
        "ended_ns": lane.ended.map(|(time_ns, _)| time_ns),
        "end": lane.ended.map(|(_, status)| end(status)),
        "pages_copied": lane.copied,
        "points": points.collect::<Vec<_>>(),
    })
}

fn mark(mark: &Mark) -> Value {
    let (kind, key, value) = match &mark.what {
        Happening::Fork { kind, child } => (*kind, "child", json!(child.0)),
        Happening::Exec { path } => ("exec", "path", json!(path)),
        Happening::Exit { status } => ("exit", "end", json!(end(*status))),
    };
    json!({ "time_ns": mark.time_ns, "pid": mark.pid.0, "what": kind, key: value })
}
