//! Random privileged programs that always end.
//!
//! A program is a row of items. Each begins in M-mode, where it sets CSRs, PTEs and registers at random, goes to some mode by
//! MRET, does there what may trap, and at the latest traps by ECALL. S-mode's handler reads what the trap left and calls M-mode;
//! M-mode's reads that too, and goes on to the item's end, which looks at the PTEs and at memory by physical addresses.
//!
//! ```text
//!   physical     VA                              what
//!   0x8000_0000  the same, S; 0x4000_0000, U     handlers and items
//!   0x8006_0000                                  constants
//!   0x800c_0000                                  page tables: one root for each mode, then those whose entries are random
//!   0x8010_0000  0xc000_0000 and above           data, by whatever random entries make of it
//! ```

use super::assembler::Assembler;
use super::csrs::{self, *};
use crate::image::BASE;
use crate::program::Random;
use tine_isa::Op;

const LITERALS: u64 = BASE + 0x6_0000;
/// One table a page.
const ROOT_57: u64 = BASE + 0xc_0000;
const ROOT_48: u64 = ROOT_57 + PAGE;
const ROOT_39: u64 = ROOT_48 + PAGE;
/// Megapages and what points to the tables below.
const MIDDLE: u64 = ROOT_39 + PAGE;
const LEAVES: [u64; 2] = [MIDDLE + PAGE, MIDDLE + 2 * PAGE];
pub(super) const DATA: u64 = BASE + 0x10_0000;
pub(super) const DATA_PAGES: u64 = 16;
pub(super) const PAGE: u64 = 0x1000;
pub(super) const RAM_BYTES: u64 = 0x20_0000;
/// Where user mode sees the same code.
pub(super) const USER_OFFSET: u64 = BASE - 0x4000_0000;
/// Where random translations begin.
pub(super) const RANDOM_VA: u64 = 0xc000_0000;

/// The ACLINT's registers of hart 0: Spike's timer is pending after a reset.
pub(super) const MSIP: u64 = 0x200_0000;
pub(super) const MTIMECMP: u64 = 0x200_4000;

/// Where traps go: sixteen words for vectors, then what is common.
const MACHINE_HANDLER: u64 = BASE + 0x100;
const SUPERVISOR_HANDLER: u64 = BASE + 0x200;
const ITEMS_AT: u64 = BASE + 0x300;

// Registers with a task. The rest is written at random.
pub(super) const SCRATCH: u8 = 5;
pub(super) const ADDRESS: u8 = 10;
pub(super) const VALUE: u8 = 11;
pub(super) const SATP_VALUE: u8 = 12;
pub(super) const CSR_VALUE: u8 = 13;
pub(super) const MPRV_STATUS: u8 = 15;
pub(super) const RESULT: u8 = 16;
pub(super) const NEXT: u8 = 31;

/// The leaf and table entries that say nothing at random.
const V: u64 = 1;
const RWXAD: u64 = 0b1100_1110;
const USER: u64 = 1 << 4;
/// R, W, X, A and D as they make sense.
const USABLE: [u64; 10] = [RWXAD, 0xc6, 0xc6, 0x46, 0x42, 0x4a, 0x48, 0x48, 0x06, 0x02];

/// Which hart a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// With everything, whose misaligned loads and stores trap.
    Usual,
    /// One that does them.
    Misaligned,
    /// One without compressed instructions, so that fetches can be misaligned.
    WithoutHalves,
}

/// What is to be loaded, and where execution starts.
pub(crate) struct Privileged {
    pub(super) kind: Kind,
    /// What is loaded at [`BASE`].
    pub(crate) bytes: Vec<u8>,
    /// Where it stops: an endless loop.
    pub(crate) end: u64,
}

/// Where an item goes by MRET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    User,
    Supervisor,
    /// M-mode, whose loads and stores see what MPP sees.
    Machine,
}

impl Privileged {
    pub(crate) fn random(seed: u64, items: usize) -> Self {
        // Seeds that follow each other are for different harts.
        const KINDS: [Kind; 4] = [Kind::Usual, Kind::Misaligned, Kind::Usual, Kind::WithoutHalves];
        let kind = KINDS[(seed % 4) as usize];
        let code = Assembler::new(ITEMS_AT, LITERALS);
        let mut maker = Maker {
            random: Random::new(seed),
            kind,
            code,
            satp: 0,
            menvcfg: 0,
            locks: false,
            has_regions: false,
        };
        maker.begin();
        for _ in 0..items {
            match maker.random.below(5) {
                0 => maker.access_csr(),
                _ => maker.visit(),
            }
        }
        let end = maker.code.here();
        maker.code.emit(Op::Jal, 0, 0, 0, 0);
        let tables = maker.tables();
        let (words, literals) = maker.code.finish();
        let mut bytes = vec![0; RAM_BYTES as usize];
        let mut place = |at: u64, words: &[u8]| {
            bytes[(at - BASE) as usize..][..words.len()].copy_from_slice(words);
        };
        let flat = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        assert!(
            end + 4 < LITERALS && LITERALS + 8 * (literals.len() as u64) < ROOT_57,
            "the program is too long"
        );
        place(BASE, &flat(&start()));
        place(MACHINE_HANDLER, &flat(&machine_handler()));
        place(SUPERVISOR_HANDLER, &flat(&supervisor_handler()));
        place(ITEMS_AT, &flat(&words));
        place(LITERALS, &literals.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>());
        for (at, pte) in tables {
            place(at, &pte.to_le_bytes());
        }
        Self { kind, bytes, end }
    }
}

/// Goes to the first item, which is out of a branch's but not of a jump's reach.
fn start() -> Vec<u32> {
    let mut code = Assembler::new(BASE, LITERALS);
    code.emit(Op::Jal, 0, 0, 0, (ITEMS_AT - BASE) as i32);
    code.finish().0
}

/// Vectors, which all lead to what follows them.
fn vectors(at: u64) -> Assembler {
    let mut code = Assembler::new(at, LITERALS);
    for vector in 0..16 {
        code.emit(Op::Jal, 0, 0, 0, 4 * (16 - vector));
    }
    code
}

fn machine_handler() -> Vec<u32> {
    let mut code = vectors(MACHINE_HANDLER);
    for (register, number) in [(20, MCAUSE), (21, MEPC), (22, MTVAL), (23, MSTATUS)] {
        code.emit(Op::Csrrs, register, 0, 0, number.into());
    }
    // M-mode's own loads are not to be translated.
    code.emit(Op::Lui, SCRATCH, 0, 0, 1 << 17);
    code.emit(Op::Csrrc, 0, SCRATCH, 0, MSTATUS.into());
    code.emit(Op::Jalr, 0, NEXT, 0, 0);
    code.finish().0
}

fn supervisor_handler() -> Vec<u32> {
    let mut code = vectors(SUPERVISOR_HANDLER);
    for (register, number) in [(24, SCAUSE), (25, SEPC), (26, STVAL), (27, SSTATUS)] {
        code.emit(Op::Csrrs, register, 0, 0, number.into());
    }
    code.emit(Op::Ecall, 0, 0, 0, 0);
    code.finish().0
}

pub(super) struct Maker {
    pub(super) random: Random,
    pub(super) kind: Kind,
    pub(super) code: Assembler,
    /// What was last written there.
    satp: u64,
    menvcfg: u64,
    /// Whether PMP regions are locked, and whether there are others.
    locks: bool,
    pub(super) has_regions: bool,
}

impl Maker {
    /// Draws true once in so many times.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.random.below(times) == 0
    }

    fn begin(&mut self) {
        let code = &mut self.code;
        code.load(SCRATCH, MTIMECMP);
        code.load(6, u64::MAX);
        code.emit(Op::Sd, 0, SCRATCH, 6, 0);
        // After a reset Spike's hold no doubles.
        code.emit(Op::Lui, 7, 0, 0, 0x6000);
        code.emit(Op::Csrrs, 0, 7, 0, MSTATUS.into());
        for register in [1, 2, RESULT] {
            code.emit(Op::FmvDX, register, 6, 0, 0);
        }
        // Spike's are open after a reset.
        code.write_csr(0, PMPCFG0, 0);
        code.write_csr(0, PMPADDR0, 0);
        code.write_csr(0, PMPADDR0 + 4, 6);
        for (number, value) in
            [(MTVEC, MACHINE_HANDLER), (STVEC, SUPERVISOR_HANDLER), (STIMECMP, u64::MAX), (PMPCFG0, OPEN_PMP)]
        {
            code.load(SCRATCH, value);
            code.write_csr(0, number, SCRATCH);
        }
        self.locks = self.once_in(3);
        self.has_regions = self.locks;
        if self.locks {
            self.lock_regions();
        }
    }

    /// Locks some of the data, for every mode.
    fn lock_regions(&mut self) {
        self.set_regions();
        let locked = self.random.next() & 0x8080_8080;
        let config = self.random_regions() | locked;
        self.set_csr(PMPCFG0, OPEN_PMP | config);
    }

    /// Sets the addresses of four regions within the data.
    fn set_regions(&mut self) {
        for entry in 0..4 {
            // Of a region that its size keeps within the data.
            let most = 1 + self.random.below(12);
            let size_bits = self.random.below(1 << most);
            let address = DATA >> 2 | self.random.below(DATA_PAGES * PAGE / 4) | size_bits;
            self.set_csr(PMPADDR0 + entry, address);
        }
    }

    /// Returns what is allowed in four regions that are not locked, and none of which is from address 0 on.
    fn random_regions(&mut self) -> u64 {
        let any = self.random.next() & 0x1f1f_1f1f;
        if any & 0x18 == 0x08 { any & !0x18 } else { any }
    }

    /// Writes a constant to a CSR; what it held goes to a register that is compared.
    fn set_csr(&mut self, number: u16, value: u64) {
        self.code.load(SCRATCH, value);
        self.code.write_csr(7, number, SCRATCH);
    }

    /// Accesses a CSR in M-mode, and leaves in it what was there.
    fn access_csr(&mut self) {
        let number =
            if self.once_in(6) { self.random.below(4096) as u16 } else { self.random.one_of(csrs::ALL) };
        let Some(writable) = csrs::writable(number) else { return };
        let end = self.code.load_later(NEXT);
        let value = self.random.next() & self.random.next() | self.random.next() & 0xff;
        self.code.load(SCRATCH, value & writable);
        let show = csrs::is_compared(number);
        let into = |register| if show { register } else { 0 };
        self.code.emit(Op::Csrrs, into(6), 0, 0, number.into());
        let (op, operand) = self.random.one_of(&[
            (if writable == 0 { Op::Csrrs } else { Op::Csrrw }, SCRATCH),
            (Op::Csrrs, SCRATCH),
            (Op::Csrrc, SCRATCH),
            (Op::Csrrs, 0),
            (Op::Csrrc, 0),
            (if writable == 0 { Op::Csrrsi } else { Op::Csrrwi }, (value & writable & 0x1f) as u8),
            (Op::Csrrsi, (value & writable & 0x1f) as u8),
            (Op::Csrrci, (value & writable & 0x1f) as u8),
        ]);
        self.code.emit(op, into(7), operand, 0, number.into());
        self.code.emit(Op::Csrrs, into(8), 0, 0, number.into());
        if show {
            self.code.emit(Op::Csrrw, 0, 6, 0, number.into());
        }
        let here = self.code.here();
        self.code.set(end, here);
    }

    /// Goes to some mode, with everything set at random.
    fn visit(&mut self) {
        let mode = self.random.one_of(&[Mode::User, Mode::Supervisor, Mode::Supervisor, Mode::Machine]);
        let end = self.code.load_later(NEXT);
        self.code.write_csr(7, MIE, 0);
        self.code.write_csr(7, MIP, 0);
        if self.once_in(3) {
            self.set_environment();
            self.satp = self.random_satp();
            self.set_csr(SATP, self.satp);
        }
        let satp = self.satp;
        let translates = satp != 0;
        let (va, entry) = self.target(translates);
        let fetches = self.once_in(4);
        // What is fetched, loaded or stored there may reach into the next page.
        let crosses = fetches || self.kind == Kind::Misaligned;
        let va = if crosses && self.once_in(4) { va | (PAGE - 8) } else { va };
        let mut looked_at = vec![in_data(va)];
        if let Some((at, level)) = entry {
            let pte = self.pte(level);
            self.code.load(SCRATCH, at);
            self.code.load(6, pte);
            self.code.emit(Op::Sd, 0, SCRATCH, 6, 0);
            looked_at.push(at);
            let frame = pte << 10 >> 20 << 12;
            if (DATA..DATA + DATA_PAGES * PAGE).contains(&frame) {
                looked_at.push(frame | va & (PAGE - 8));
            }
        }
        self.code.emit(Op::SfenceVma, 0, 0, 0, 0);
        let waits = !fetches && mode != Mode::User && self.once_in(8);
        if waits {
            // An interrupt that its mode cannot take back ends the waiting, whether it is taken or not.
            self.set_csr(MIP, 1 << 9);
            self.set_csr(MIE, 1 << 9);
        }
        let body = if fetches { self.fetch_body(va) } else { self.body(mode, satp, va, waits) };
        // SRET and MRET come to the end of what is done.
        let after_body = 4 * body.len() as u64;
        let previous = if self.once_in(2) { Mode::Supervisor } else { Mode::User };
        let status = self.status(mode, previous);
        self.code.load(ADDRESS, va);
        let stored = self.harmless();
        self.code.load(VALUE, stored);
        self.code.load(SATP_VALUE, satp);
        self.set_csr(MSTATUS, status);
        let mpp = self.random.one_of(&[0, 1 << 11, 1 << 11, 3 << 11]);
        self.code.load(MPRV_STATUS, status & !(3 << 11) | 1 << 17 | mpp);
        let any = self.random.next();
        self.code.load(CSR_VALUE, any);
        let sepc = self.code.load_later(SCRATCH);
        self.code.write_csr(7, SEPC, SCRATCH);
        let mepc = self.code.load_later(SCRATCH);
        self.code.write_csr(7, MEPC, SCRATCH);
        self.code.emit(Op::Mret, 0, 0, 0, 0);
        let here = self.code.here();
        let seen = |mode, at: u64| if mode == Mode::User && translates { at - USER_OFFSET } else { at };
        self.code.set(mepc, seen(mode, here));
        self.code.set(sepc, seen(previous, here + after_body));
        for word in body {
            self.code.word(word);
        }
        self.code.emit(Op::Ecall, 0, 0, 0, 0);
        self.code.emit(Op::Ecall, 0, 0, 0, 0);
        let here = self.code.here();
        self.code.set(end, here);
        // An edge of what is protected may be in the middle.
        let past = self.code.load_later(NEXT);
        for (register, at) in (17..).zip(looked_at) {
            self.code.load(SCRATCH, at);
            self.code.emit(Op::Ld, register, SCRATCH, 0, 0);
        }
        let here = self.code.here();
        self.code.set(past, here);
    }

    fn random_satp(&mut self) -> u64 {
        let asid = self.random.below(4) << 44;
        match self.random.below(8) {
            0 => 0,
            1 => 9 << 60 | asid | ROOT_48 >> 12,
            2 => 10 << 60 | asid | ROOT_57 >> 12,
            _ => 8 << 60 | asid | ROOT_39 >> 12,
        }
    }

    /// Sets what traps, delegates and enables.
    fn set_environment(&mut self) {
        // S-mode's handler must reach M-mode.
        let delegated = self.random.next() & (csrs::DELEGABLE | 1) & !(1 << 9);
        self.set_csr(MEDELEG, delegated);
        let (delegated, vectored) = (self.random.next() & 0x222, self.random.below(4));
        let mut values = vec![
            (MIDELEG, delegated),
            (MTVEC, MACHINE_HANDLER | vectored & 1),
            (STVEC, SUPERVISOR_HANDLER | vectored >> 1),
        ];
        for number in [SENVCFG, MCOUNTEREN, SCOUNTEREN, MCOUNTINHIBIT] {
            values.push((number, self.random.next() & csrs::writable(number).unwrap_or(0)));
        }
        // The others stay as they were.
        for (number, value) in values {
            if self.once_in(2) {
                self.set_csr(number, value);
            }
        }
        if self.once_in(2) {
            self.set_features();
        }
        self.set_interrupts();
        let protected = self.once_in(5);
        if protected {
            self.set_regions();
        }
        self.has_regions = protected || self.locks;
        let regions = if protected { self.random_regions() } else { 0 };
        self.set_csr(PMPCFG0, OPEN_PMP | regions);
    }

    /// Sets `menvcfg`, and with it which of two makes the supervisor's timer interrupt pending.
    fn set_features(&mut self) {
        let features = csrs::writable(MENVCFG).unwrap_or(0);
        self.menvcfg = self.random.next() & (features | STCE);
        let (value, time) = (self.menvcfg, self.random.one_of(&[0, u64::MAX]));
        self.set_csr(MENVCFG, value);
        // Spike looks at the time when one of these is written.
        self.set_csr(STIMECMP, time);
        self.code.write_csr(0, MIP, 0);
    }

    /// Enables interrupts, and makes some pending.
    fn set_interrupts(&mut self) {
        if self.once_in(4) {
            let (pending, enabled) = (self.random.next() & 0x222, self.random.next() & 0xaaa);
            self.set_csr(MIP, pending);
            self.set_csr(MIE, enabled);
        }
        if self.once_in(4) {
            let (software, time) = (self.random.below(2), self.random.one_of(&[0, u64::MAX]));
            for (at, store, value) in [(MSIP, Op::Sw, software), (MTIMECMP, Op::Sd, time)] {
                self.code.load(SCRATCH, at);
                self.code.load(6, value);
                self.code.emit(store, 0, SCRATCH, 6, 0);
            }
        }
    }

    /// Returns `mstatus` for the way to `mode`; SRET goes to `previous`.
    fn status(&mut self, mode: Mode, previous: Mode) -> u64 {
        // SIE, SPIE, MPIE, SUM, MXR.
        let mut status = self.random.next() & (1 << 1 | 1 << 5 | 1 << 7 | 1 << 18 | 1 << 19);
        for rare in [1 << 20, 1 << 21, 1 << 22] {
            status |= if self.once_in(4) { rare } else { 0 };
        }
        status |= if self.once_in(4) { 0 } else { self.random.below(4) << 13 };
        status |= match mode {
            Mode::User => 0,
            Mode::Supervisor => 1 << 11,
            Mode::Machine => 3 << 11,
        };
        status | if previous == Mode::Supervisor { 1 << 8 } else { 0 }
    }

    /// Returns an address, and the entry that decides on it with its level.
    fn target(&mut self, translates: bool) -> (u64, Option<(u64, u32)>) {
        let page = self.random.below(DATA_PAGES);
        let unit = self.random.one_of(&[8, 64]);
        let offset = self.random.below(PAGE / unit) * unit;
        let in_data = (DATA - BASE) + page * PAGE + offset;
        if !translates || self.once_in(10) {
            let outside = [0x6000_0000, 0x4_0000_0000, DATA - USER_OFFSET, 0xc000_0000 - 8];
            let other = self.random.one_of(&outside);
            return (if self.once_in(2) { other | offset } else { BASE + in_data }, None);
        }
        let (va, entry) = match self.random.below(8) {
            0..=2 => {
                let index = 2 + self.random.below(6);
                (RANDOM_VA + (index << 21) + in_data, (MIDDLE + 8 * index, 1))
            }
            3 => {
                let index = 4 + self.random.below(4);
                ((index << 30) + in_data, (ROOT_39 + 8 * index, 2))
            }
            _ => {
                let table = self.random.below(2);
                let va = RANDOM_VA + (table << 21) + page * PAGE + offset;
                (va, (LEAVES[table as usize] + 8 * page, 0))
            }
        };
        // The bits above must be copies of the highest that is translated.
        let va = if self.once_in(16) { va ^ 1 << (39 + self.random.below(25)) } else { va };
        (va, Some(entry))
    }

    /// Returns an entry with something wrong now and then.
    fn pte(&mut self, level: u32) -> u64 {
        let data = (DATA >> 12) + self.random.below(DATA_PAGES);
        let aligned = BASE >> 12;
        let frame = match (level, self.random.below(12)) {
            (_, 0) => self.random.one_of(&[0x6_0000, 1 << 43, (BASE + RAM_BYTES) >> 12]),
            (0, _) => data,
            (_, 1 | 2) => aligned | 1 << self.random.below(9 * u64::from(level)),
            (1, 3..=6) => LEAVES[self.random.below(2) as usize] >> 12,
            (2, 3..=6) => MIDDLE >> 12,
            _ => aligned,
        };
        let is_table = frame == MIDDLE >> 12 || LEAVES.contains(&(frame << 12));
        let mut flags = V | (self.random.next() & 0x3fe);
        match self.random.below(8) {
            0 => flags &= !V,
            1 | 2 => {}
            3 | 4 if is_table => flags &= !0x0e,
            _ if is_table => flags &= !0xde,
            // Something that may be used.
            _ => flags = flags & !RWXAD | self.random.one_of(&USABLE),
        }
        let high = match self.random.below(12) {
            0 => self.random.one_of(&[1 << 61, 1 << 62, 3 << 61]),
            1 => 1 << (54 + self.random.below(7)),
            2 => 1 << 63,
            _ => 0,
        };
        let frame = if high == 1 << 63 && level == 0 && !self.once_in(4) { frame & !0xf | 8 } else { frame };
        high | frame << 10 | flags
    }

    /// Returns the entries that there are at first.
    fn tables(&mut self) -> Vec<(u64, u64)> {
        let table = |at: u64| at >> 12 << 10 | V;
        let all = BASE >> 12 << 10 | V | RWXAD;
        let mut entries = vec![
            (ROOT_57, table(ROOT_48)),
            (ROOT_48, table(ROOT_39)),
            (ROOT_39 + 8, all | USER),
            (ROOT_39 + 16, all),
            (ROOT_39 + 24, table(MIDDLE)),
        ];
        entries.extend((0..2).map(|index| (MIDDLE + 8 * index, table(LEAVES[index as usize]))));
        entries.extend(random_entries().map(|(at, level)| (at, self.pte(level))));
        entries
    }
}

/// Returns the word of data that an address would name if its page were one of the data's.
fn in_data(va: u64) -> u64 {
    DATA | va & (DATA_PAGES * PAGE - 8)
}

/// Returns where the entries are that are written at random, with their levels.
pub(super) fn random_entries() -> impl Iterator<Item = (u64, u32)> {
    let at = |table: u64, indices: std::ops::Range<u64>, level: u32| {
        indices.map(move |index| (table + 8 * index, level))
    };
    // What a pointer in the place of a megapage leads to is among the leaves, too.
    let beyond = (DATA - BASE) / PAGE;
    let leaves = move |table| at(table, 0..DATA_PAGES, 0).chain(at(table, beyond..beyond + DATA_PAGES, 0));
    at(ROOT_39, 4..8, 2).chain(at(MIDDLE, 2..8, 1)).chain(LEAVES.into_iter().flat_map(leaves))
}
