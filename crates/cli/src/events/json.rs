//! An event as a JSON object on a line. Addresses are hexadecimal strings: not every JSON reader keeps 64 bits.

use super::text::{access_name, cause_name, instruction, privilege};
use serde_json::{Value, json};
use tine_machine::mm::FrameCopy;
use tine_machine::symbols::CodePlace;
use tine_machine::{Event, Fence, FrameNeed, RetiredInstruction, WaitStatus, What};

/// Returns the line of `event`, which happened at `place`.
pub(super) fn line(event: &Event, place: Option<&CodePlace>) -> String {
    let mut object = json!({ "t": event.time_ns, "hart": event.hart.0, "pid": event.pid.0 });
    if let (Value::Object(object), Value::Object(what)) = (&mut object, what(&event.what)) {
        object.extend(what);
        if let Some(place) = place {
            object.insert("sym".to_owned(), place.symbol.as_ref().map(ToString::to_string).into());
            object.insert("line".to_owned(), place.line.as_ref().map(ToString::to_string).into());
        }
    }
    object.to_string()
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

fn what(what: &What) -> Value {
    match what {
        What::Instruction(RetiredInstruction { pc, bits, address }) => json!({
            "ev": "insn", "pc": hex(pc.0), "bits": hex((*bits).into()), "text": instruction(*pc, *bits),
            "va": address.map(|address| hex(address.0)),
        }),
        What::Trap { cause, scause, stval, sepc, spp } => json!({
            "ev": "trap", "cause": cause_name(*cause), "scause": hex(*scause), "stval": hex(*stval), "sepc": hex(*sepc),
            "spp": privilege(*spp),
        }),
        What::Fault { kind, at, access, pc, old, new, owners } => json!({
            "ev": "fault", "kind": kind.name(), "va": hex(at.0), "access": access_name(*access), "pc": hex(*pc),
            "old_ppn": old.map(|ppn| hex(ppn.0)), "new_ppn": hex(new.0), "owners": owners,
        }),
        What::FailedFault { reason, at, access, pc } => json!({
            "ev": "failed_fault", "kind": reason, "va": hex(at.0), "access": access_name(*access), "pc": hex(*pc),
        }),
        What::Fence { fence, remote } => {
            let (scope, page, asid) = match fence {
                Fence::All => ("all", None, None),
                Fence::Asid(asid) => ("asid", None, Some(asid.0)),
                Fence::Page(page) => ("page", Some(hex(page.0)), None),
                Fence::PageAsid(page, asid) => ("page", Some(hex(page.0)), Some(asid.0)),
            };
            json!({ "ev": "fence", "scope": scope, "va": page, "asid": asid, "remote_hart": remote.map(|hart| hart.0) })
        }
        What::Fork { kind, child, pc, ptes_copied, pt_frames, write_protected, tlb_entries_fenced } => {
            json!({
                "ev": "fork", "kind": kind, "child": child.0, "pc": hex(*pc), "ptes_copied": ptes_copied,
                "pt_frames": pt_frames, "write_protected": write_protected,
                "tlb_entries_fenced": tlb_entries_fenced,
            })
        }
        What::Copy(FrameCopy { vpn, from, to, .. }) => {
            json!({ "ev": "copy", "va": hex(vpn.base().0), "old_ppn": hex(from.0), "new_ppn": hex(to.0) })
        }
        What::Remains { areas, .. } => {
            let mapped: usize = areas.iter().map(|area| area.pages.len()).sum();
            json!({ "ev": "remains", "areas": areas.len(), "mapped": mapped })
        }
        What::Exec { path } => json!({ "ev": "exec", "path": path }),
        What::Exit { status } => match status {
            WaitStatus::Exited(code) => json!({ "ev": "exit", "code": code }),
            WaitStatus::Killed { signal, core } => {
                json!({ "ev": "exit", "signal": signal.name(), "core": core })
            }
        },
        What::Switch { from } => json!({ "ev": "switch", "from": from.map(|pid| pid.0) }),
        What::Superseded { by } => json!({ "ev": "superseded", "by": by.0 }),
        What::Stop { signal } => json!({ "ev": "stop", "signal": signal.name() }),
        What::Signal { name, info } => json!({ "ev": "signal", "signal": name, "info": info }),
        What::SyscallEnter { name, arguments, .. } => {
            json!({ "ev": "syscall", "name": name, "arguments": arguments })
        }
        What::SyscallExit { name, arguments, result } => {
            json!({ "ev": "sysret", "name": name, "arguments": arguments, "result": result })
        }
        What::UnknownSyscall { number, name } => {
            json!({ "ev": "unknown_syscall", "number": number, "name": name })
        }
        What::OutOfMemory(shortage) => {
            let mut object = json!({
                "ev": "out_of_memory", "pc": hex(shortage.pc), "injected": shortage.injected,
                "victim": shortage.victim.as_ref().map(|victim| victim.pid.0),
            });
            let (need, access) = match &shortage.need {
                FrameNeed::Access { at, access, mapping } => ("access", Some((at, access, mapping))),
                FrameNeed::Fork => ("fork", None),
                FrameNeed::Exec => ("exec", None),
                FrameNeed::File => ("file", None),
            };
            object["need"] = json!(need);
            if let Some((at, access, mapping)) = access {
                object["va"] = json!(hex(at.0));
                object["access"] = json!(access_name(*access));
                object["mapping"] = json!(mapping);
            }
            object
        }
    }
}
