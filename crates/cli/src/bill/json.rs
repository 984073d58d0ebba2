//! The bill as one JSON object.

use serde_json::{Value, json};
use tine_machine::SCHEMA;
use tine_machine::bill::{Bill, Cost, ForkCost, Sums};
use tine_machine::symbols::{CodePlace, Where};

pub(super) fn render(bill: &Bill) -> String {
    let object = json!({
        "schema": SCHEMA,
        "forks": bill.forks.iter().map(fork).collect::<Vec<_>>(),
        "first_stores": bill.first_stores.iter().map(cost).collect::<Vec<_>>(),
        "put_off": {
            "tables": bill.put_off.tables,
            "ptes": bill.put_off.ptes,
            "write_protected": bill.put_off.write_protected,
        },
        "sums": sums(Sums::of(bill.costs())),
    });
    format!("{object:#}\n")
}

fn fork(fork: &ForkCost) -> Value {
    json!({
        "kind": fork.kind,
        "parent": fork.parent.0,
        "child": fork.child.0,
        "at": place(&fork.at),
        "ptes_copied": fork.ptes_copied,
        "pt_frames": fork.pt_frames,
        "write_protected": fork.write_protected,
        "tlb_entries_fenced": fork.tlb_entries_fenced,
        "pages_shared": fork.pages_shared,
        "never_written": fork.never_written,
        "sums": sums(Sums::of(&fork.costs)),
        "costs": fork.costs.iter().map(cost).collect::<Vec<_>>(),
    })
}

fn cost(cost: &Cost) -> Value {
    json!({
        "pid": cost.pid.0,
        "at": place(&cost.at),
        "mapping": cost.mapping,
        "eager": cost.is_eager,
        "pages_copied": cost.pages_copied,
        "bytes_changed": cost.bytes_changed,
        "pages_reused": cost.pages_reused,
    })
}

fn sums(sums: Sums) -> Value {
    json!({
        "pages_copied": sums.pages_copied,
        "bytes_changed": sums.bytes_changed,
        "pages_reused": sums.pages_reused,
    })
}

/// Returns a place with its function and line.
pub(crate) fn place(at: &Where) -> Value {
    let mut value = code(&at.place);
    if let (Value::Object(object), Some(caller)) = (&mut value, &at.caller) {
        object.insert("caller".to_owned(), code(caller));
    }
    value
}

fn code(place: &CodePlace) -> Value {
    json!({
        "pc": format!("{:#x}", place.pc),
        "function": place.function(),
        "sym": place.symbol.as_ref().map(ToString::to_string),
        "file": place.file.as_deref(),
        "source": place.line.as_ref().map(|line| line.file.as_str()),
        "line": place.line.as_ref().map(|line| line.line),
    })
}
