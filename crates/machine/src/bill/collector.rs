//! Writes the bill from the events of a run.

use super::{Bill, Cost, ForkCost, PutOff};
use crate::symbols::{CodePlace, Symbols, Where};
use crate::{EventSink, Guest};
use std::collections::{BTreeMap, BTreeSet};
use tine_kernel::mm::{CopyId, CopyReason, FrameCopy, FrameKind, PageSize};
use tine_kernel::{Event, FaultKind, Interest, MmId, Pid, Site, What};
use tine_mmu::Ppn;

/// A fork's number in the bill.
type ForkIndex = usize;

/// What costs are summed up by. Instructions of one line count as one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CostKey {
    fork: Option<ForkIndex>,
    is_eager: bool,
    pid: Pid,
    place: Vec<(Option<String>, Option<String>, u64)>,
    mapping: String,
}

/// The events of a run, on their way into a bill.
#[derive(Default)]
pub struct ForkBill {
    bill: Bill,
    costs: Vec<(CostKey, Cost)>,
    by_key: BTreeMap<CostKey, usize>,
    /// Every copy, and which cost it is part of.
    copies: Vec<(CopyId, usize)>,
    /// By which fork the pages of an address space came to be shared.
    shared_by: BTreeMap<MmId, BTreeMap<Ppn, ForkIndex>>,
    /// Of the pages that a fork shared, those that somebody stored to.
    written: BTreeSet<(ForkIndex, Ppn)>,
    /// Copies that a fork has made whose event is still to come.
    eager: Vec<FrameCopy>,
    /// The processes of threads.
    processes: BTreeMap<Pid, Pid>,
    symbols: Symbols,
}

impl ForkBill {
    /// The events that it needs.
    pub const INTEREST: Interest =
        Interest::FORK.union(Interest::FAULT).union(Interest::COPY).union(Interest::SITE);

    /// Ends the bill: only now is it known what became of the copies.
    pub fn finish(mut self, guest: Guest<'_>) -> Bill {
        if let Some(ledger) = guest.kernel.memory.frames().ledger() {
            for (id, cost) in &self.copies {
                self.costs[*cost].1.bytes_changed += ledger.changed_bytes(guest.ram, *id);
            }
        }
        let counters = guest.kernel.harts().iter().map(|account| account.memory);
        let (tables, ptes, write_protected) = counters.fold((0, 0, 0), |(tables, ptes, protected), it| {
            (tables + it.table_unshared, ptes + it.ptes_unshared, protected + it.pages_write_protected)
        });
        let at_once: u64 = self.bill.forks.iter().map(|fork| fork.write_protected).sum();
        self.bill.put_off = PutOff { tables, ptes, write_protected: write_protected - at_once };
        for (fork, _) in &self.written {
            self.bill.forks[*fork].never_written -= 1;
        }
        self.costs.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (key, cost) in self.costs {
            match key.fork {
                Some(fork) => self.bill.forks[fork].costs.push(cost),
                None => self.bill.first_stores.push(cost),
            }
        }
        let lists = self.bill.forks.iter_mut().map(|fork| &mut fork.costs);
        for costs in lists.chain([&mut self.bill.first_stores]) {
            // Equal ones stay in the order of processes and places.
            costs.sort_by_key(|cost| {
                std::cmp::Reverse((cost.pages_copied, cost.pages_reused, cost.bytes_changed))
            });
        }
        self.bill
    }

    fn process_of(&self, task: Pid) -> Pid {
        self.processes.get(&task).copied().unwrap_or(task)
    }

    fn forked(&mut self, event: &Event, guest: Guest<'_>, fork: ForkCost) {
        let index = self.bill.forks.len();
        let (kind, child, at) = (fork.kind, fork.child, fork.at.clone());
        if kind == "thread" {
            self.processes.insert(child, self.process_of(event.pid));
        }
        self.bill.forks.push(fork);
        let Some(child_mm) = guest.address_space(child) else { return };
        if let Some(parent_mm) = event.site.as_ref().map(|site| site.mm).filter(|mm| *mm != child_mm) {
            let is_shared =
                |page: &tine_kernel::mm::MappedPage| page.kind == FrameKind::Anon && page.maps > 1;
            let shared: Vec<_> =
                guest.pages(child_mm).into_iter().filter(is_shared).map(|page| page.ppn).collect();
            self.bill.forks[index].pages_shared = shared.len() as u64;
            self.bill.forks[index].never_written = shared.len() as u64;
            let of_child = shared.iter().map(|ppn| (*ppn, index)).collect();
            self.shared_by.insert(child_mm, of_child);
            self.shared_by.entry(parent_mm).or_default().extend(shared.iter().map(|ppn| (*ppn, index)));
        }
        for copy in std::mem::take(&mut self.eager) {
            let place = guest.place(copy.mm, copy.vpn.base());
            let mapping = self.symbols.mapping(guest, copy.mm, place.as_ref());
            let key = CostKey::new(Some(index), true, child, &at, mapping);
            self.charge_copy(key, &at, copy.id);
        }
    }

    fn copied(&mut self, pid: Pid, site: &Site, guest: Guest<'_>, copy: &FrameCopy) {
        // A page of a file would have been copied without any fork too.
        let fork = (copy.source == FrameKind::Anon).then(|| self.fork_of(copy.mm, copy.from)).flatten();
        let (key, at) = self.key(pid, site, guest, fork);
        self.charge_copy(key, &at, copy.id);
    }

    fn reused(&mut self, pid: Pid, site: &Site, guest: Guest<'_>, ppn: Ppn) {
        let fork = self.fork_of(site.mm, ppn);
        let (key, at) = self.key(pid, site, guest, fork);
        let index = self.charge(key, &at);
        self.costs[index].1.pages_reused += 1;
    }

    /// Finds the fork that shared a page last, and notes that the page was stored to.
    fn fork_of(&mut self, mm: MmId, ppn: Ppn) -> Option<ForkIndex> {
        let fork = *self.shared_by.get(&mm)?.get(&ppn)?;
        self.written.insert((fork, ppn));
        Some(fork)
    }

    fn key(&mut self, pid: Pid, site: &Site, guest: Guest<'_>, fork: Option<ForkIndex>) -> (CostKey, Where) {
        let at = self.symbols.locate(guest, site);
        let mapping = self.symbols.mapping(guest, site.mm, site.data.as_ref());
        (CostKey::new(fork, false, self.process_of(pid), &at, mapping), at)
    }

    fn charge_copy(&mut self, key: CostKey, at: &Where, copy: CopyId) {
        let index = self.charge(key, at);
        self.copies.push((copy, index));
        self.costs[index].1.pages_copied += 1;
    }

    /// Returns the index of the cost that has `key`.
    fn charge(&mut self, key: CostKey, at: &Where) -> usize {
        if let Some(index) = self.by_key.get(&key) {
            return *index;
        }
        let cost = Cost {
            pid: key.pid,
            at: at.clone(),
            mapping: key.mapping.clone(),
            is_eager: key.is_eager,
            pages_copied: 0,
            bytes_changed: 0,
            pages_reused: 0,
        };
        self.by_key.insert(key.clone(), self.costs.len());
        self.costs.push((key, cost));
        self.costs.len() - 1
    }
}

impl CostKey {
    fn new(fork: Option<ForkIndex>, is_eager: bool, pid: Pid, at: &Where, mapping: String) -> Self {
        let part = |place: &CodePlace| {
            let function = place.function().map(str::to_owned);
            let line = place.line.as_ref().map(ToString::to_string);
            // A place without a name is told from others by its address.
            let pc = if function.is_none() { place.pc } else { 0 };
            (function, line, pc)
        };
        let place = [&at.place].into_iter().chain(&at.caller).map(part).collect();
        Self { fork, is_eager, pid, place, mapping }
    }
}

impl EventSink for ForkBill {
    fn event(&mut self, event: &Event, guest: Guest<'_>) {
        let Some(site) = event.site.as_deref() else { return };
        match &event.what {
            What::Fork {
                kind, child, ptes_copied, pt_frames, write_protected, tlb_entries_fenced, ..
            } => {
                let fork = ForkCost {
                    kind,
                    parent: self.process_of(event.pid),
                    child: *child,
                    at: self.symbols.locate(guest, site),
                    ptes_copied: *ptes_copied,
                    pt_frames: *pt_frames,
                    write_protected: *write_protected,
                    tlb_entries_fenced: *tlb_entries_fenced,
                    pages_shared: 0,
                    never_written: 0,
                    costs: Vec::new(),
                };
                self.forked(event, guest, fork);
            }
            What::Copy(copy) if copy.reason == CopyReason::Fork => self.eager.push(*copy),
            What::Copy(copy) => self.copied(event.pid, site, guest, copy),
            What::Fault { kind: FaultKind::CowReuse, old: Some(ppn), .. } => {
                self.reused(event.pid, site, guest, *ppn);
            }
            What::Fault { kind: FaultKind::HugeReuse, old: Some(ppn), .. } => {
                let pages = PageSize::Huge.pages();
                let head = Ppn(ppn.0 - ppn.0 % pages);
                (0..pages).for_each(|index| self.reused(event.pid, site, guest, head + index));
            }
            _ => {}
        }
    }
}
