//! Lives as one JSON object.

use super::{columns, end, rights};
use crate::bill;
use serde_json::{Map, Value, json};
use tine_machine::SCHEMA;
use tine_machine::lives::{Beginning, Descriptor, Life, Segment};

pub(super) fn render(lives: &[Life]) -> String {
    let object = json!({ "schema": SCHEMA, "lives": lives.iter().map(life).collect::<Vec<_>>() });
    format!("{object:#}\n")
}

fn life(life: &Life) -> Value {
    json!({
        "pid": life.pid.0,
        "parent": life.parent.0,
        "command": life.command,
        "began": match &life.began {
            Beginning::Program => json!({ "as": "program" }),
            Beginning::Fork { kind, at } => json!({ "as": kind, "at": bill::place(at) }),
            Beginning::Exec { path } => json!({ "as": "exec", "path": path }),
        },
        "descriptors": life.descriptors.iter().map(descriptor).collect::<Vec<_>>(),
        "end": end(&life.ended),
        "segments": life.segments.as_ref().map(|segments| segments.iter().map(segment).collect::<Vec<_>>()),
    })
}

fn descriptor(descriptor: &Descriptor) -> Value {
    json!({ "fd": descriptor.number, "name": descriptor.name, "cloexec": descriptor.closes_on_exec })
}

fn segment(segment: &Segment) -> Value {
    let figures = columns(segment).into_iter().map(|(name, pages)| (name.to_owned(), pages.into()));
    let mut object = Map::from_iter([
        ("name".to_owned(), segment.name.as_str().into()),
        ("rights".to_owned(), rights(segment).into()),
        ("pages".to_owned(), segment.pages.into()),
    ]);
    object.extend(figures);
    Value::Object(object)
}
