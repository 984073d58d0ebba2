//! An event as a line of text.

use tine_machine::mm::FrameCopy;
use tine_machine::symbols::CodePlace;
use tine_machine::{
    Access, Cause, Event, Fence, FrameNeed, Interrupt, Privilege, RetiredInstruction, VirtAddr, WaitStatus,
    What,
};

/// Returns the line of `event`, which happened at `place`.
pub(super) fn line(event: &Event, place: Option<&CodePlace>) -> String {
    format!("t={} pid {} hart {}  {}", event.time_ns, event.pid, event.hart, what(&event.what, place))
}

/// Returns what follows an address in code: ` main+0x1e`, or nothing where there is no name.
fn symbol(place: Option<&CodePlace>) -> String {
    place.and_then(|place| place.symbol.as_ref()).map_or(String::new(), |symbol| format!(" {symbol}"))
}

fn what(what: &What, place: Option<&CodePlace>) -> String {
    let sym = symbol(place);
    match what {
        What::Instruction(RetiredInstruction { pc, bits, address }) => {
            let data = address.map_or(String::new(), |address| format!("  [{address}]"));
            format!("insn {:x}:  {}{data}", pc.0, instruction(*pc, *bits))
        }
        What::Trap { cause, scause, stval, sepc, spp } => {
            let name = cause_name(*cause);
            // An interrupt is told by the top bit: it reads better in hexadecimal.
            let scause = if *scause >> 63 == 1 { format!("{scause:#x}") } else { scause.to_string() };
            format!(
                "trap {name} (scause {scause}, stval {stval:#x}, sepc {sepc:#x}, SPP {})",
                privilege(*spp)
            )
        }
        What::Fault { kind, at, access, pc, old, new, owners } => {
            let from = old.map_or(String::new(), |old| format!("{old} (owners {owners}) → "));
            format!("fault {} at {at} by {} at {pc:#x}{sym}  {from}{new}", kind.name(), access_name(*access))
        }
        What::FailedFault { reason, at, access, pc } => {
            format!("fault {reason} at {at} by {} at {pc:#x}{sym}", access_name(*access))
        }
        What::Fence { fence, remote } => {
            let scope = match fence {
                Fence::All => "all".to_owned(),
                Fence::Asid(asid) => format!("asid {}", asid.0),
                Fence::Page(page) => format!("page {page}"),
                Fence::PageAsid(page, asid) => format!("page {page} asid {}", asid.0),
            };
            let on = remote.map_or(String::new(), |hart| format!(" on hart {hart}"));
            format!("fence {scope}{on}")
        }
        What::Fork { kind, child, pc, ptes_copied, pt_frames, write_protected, .. } => format!(
            "{kind} pid {child} at {pc:#x}{sym}  {ptes_copied} PTEs · {pt_frames} tables · {write_protected} pages write-protected"
        ),
        What::Copy(FrameCopy { vpn, from, to, .. }) => {
            let at = place.map_or(String::new(), |place| format!(" at {:#x}{sym}", place.pc));
            format!("copy of page {vpn}{at}  {from} → {to}")
        }
        What::Remains { areas, .. } => {
            let mapped: usize = areas.iter().map(|area| area.pages.len()).sum();
            format!("remains {} areas · {mapped} pages mapped", areas.len())
        }
        What::Exec { path } => format!("exec {path}"),
        What::Exit { status } => match status {
            WaitStatus::Exited(code) => format!("exit {code}"),
            WaitStatus::Killed { signal, .. } => format!("exit by {}", signal.name()),
        },
        What::Switch { from } => match from {
            Some(from) => format!("switch from pid {from}"),
            None => "switch from idle".to_owned(),
        },
        What::Signal { name, info } => format!("signal {name} {info}"),
        What::Superseded { by } => format!("exit for execve in {by}"),
        What::Stop { signal } => format!("stopped by {}", signal.name()),
        What::SyscallEnter { name, arguments, .. } => format!("call {name}({arguments}"),
        What::SyscallExit { name, arguments, result } => format!("return {name}{arguments}) = {result}"),
        What::UnknownSyscall { number, name } => format!("call {number} ({name}) is unknown"),
        What::OutOfMemory(shortage) => match &shortage.victim {
            Some(victim) => format!("out of memory {}: pid {} ends", needed(&shortage.need), victim.pid),
            None => format!("out of memory {}: nobody else may be ended", needed(&shortage.need)),
        },
    }
}

fn needed(need: &FrameNeed) -> String {
    match need {
        FrameNeed::Access { at, .. } => format!("at {at}"),
        FrameNeed::Fork => "for a fork".to_owned(),
        FrameNeed::Exec => "for an exec".to_owned(),
        FrameNeed::File => "for a file in memory".to_owned(),
    }
}

/// Returns the text of an instruction as `tine disasm` prints it.
pub(crate) fn instruction(pc: VirtAddr, bits: u32) -> String {
    let text = tine_isa::decode(bits).map_or_else(|| format!("{bits:#x}"), |insn| insn.at(pc.0).to_string());
    text.replace('\t', " ")
}

/// Returns the name of a cause (Privileged ISA, "Supervisor Cause Register").
pub(super) fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Interrupt(Interrupt::Software) => "software interrupt",
        Cause::Interrupt(Interrupt::Timer) => "timer interrupt",
        Cause::SystemCall => "environment call",
        Cause::Breakpoint => "breakpoint",
        Cause::IllegalInstruction => "illegal instruction",
        Cause::Misaligned(Access::Fetch) => "instruction address misaligned",
        Cause::Misaligned(Access::Load) => "load address misaligned",
        Cause::Misaligned(Access::Store) => "store address misaligned",
        Cause::AccessFault(Access::Fetch) => "instruction access fault",
        Cause::AccessFault(Access::Load) => "load access fault",
        Cause::AccessFault(Access::Store) => "store access fault",
        Cause::PageFault(Access::Fetch) => "instruction page fault",
        Cause::PageFault(Access::Load) => "load page fault",
        Cause::PageFault(Access::Store) => "store page fault",
    }
}

pub(super) fn access_name(access: Access) -> &'static str {
    match access {
        Access::Fetch => "fetch",
        Access::Load => "load",
        Access::Store => "store",
    }
}

pub(crate) fn privilege(privilege: Privilege) -> &'static str {
    match privilege {
        Privilege::User => "U",
        Privilege::Supervisor => "S",
        Privilege::Machine => "M",
    }
}
