//! Random programs that never trap and always end.

use crate::values::{self, Kind};
use tine_isa::{Extension, Format, Insn, Isa, Memory, Op, decode};

/// What half of a program's instructions are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    /// Rows of the table.
    Rows(Extension),
    /// Compressed instructions that this extension has and the rest of RV64GC and B has not.
    Halves(Extension),
    /// Pairs of LR and SC.
    Reservations,
}

impl Focus {
    /// What Spike is asked about. It drops reservations now and then, so LR and SC are not.
    pub(crate) const ON_SPIKE: [Focus; 19] = [
        Focus::Rows(Extension::I),
        Focus::Rows(Extension::M),
        Focus::Rows(Extension::A),
        Focus::Rows(Extension::F),
        Focus::Rows(Extension::D),
        Focus::Rows(Extension::Zicsr),
        Focus::Rows(Extension::Zicbom),
        Focus::Rows(Extension::Zicboz),
        Focus::Rows(Extension::Zicond),
        Focus::Rows(Extension::Zawrs),
        Focus::Rows(Extension::Zfa),
        Focus::Rows(Extension::Zfhmin),
        Focus::Rows(Extension::Zba),
        Focus::Rows(Extension::Zbb),
        Focus::Rows(Extension::Zbc),
        Focus::Rows(Extension::Zbs),
        Focus::Halves(Extension::Zca),
        Focus::Halves(Extension::Zcd),
        Focus::Halves(Extension::Zcb),
    ];

    /// What qemu-riscv64 7.2 has wrong: CTZW of `1 << 63` is 63 there; the low word holds 32 zeros.
    pub(crate) const WRONG_IN_QEMU: &[Op] = &[Op::Ctzw];

    /// What qemu-riscv64 7.2 knows.
    pub(crate) const ON_QEMU: [Focus; 13] = [
        Focus::Reservations,
        Focus::Rows(Extension::I),
        Focus::Rows(Extension::M),
        Focus::Rows(Extension::A),
        Focus::Rows(Extension::F),
        Focus::Rows(Extension::D),
        Focus::Rows(Extension::Zicsr),
        Focus::Rows(Extension::Zba),
        Focus::Rows(Extension::Zbb),
        Focus::Rows(Extension::Zbc),
        Focus::Rows(Extension::Zbs),
        Focus::Halves(Extension::Zca),
        Focus::Halves(Extension::Zcd),
    ];
}

/// The registers that programs keep: pointers to the window's start, its middle, the pool, and an eighth into the window;
/// the counter of loops; the target of indirect jumps.
pub(crate) const WINDOW: u8 = 2;
pub(crate) const MIDDLE: u8 = 3;
pub(crate) const POOL: u8 = 4;
const COUNTER: u8 = 5;
pub(crate) const EIGHTH: u8 = 9;
const TARGET: u8 = 31;

/// Marsaglia's xorshift generator: the same numbers on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // Seeds that are near each other begin far apart.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// A part of a program that is entered at its start only.
#[derive(Clone, Debug)]
enum Item {
    /// Code without a transfer out of itself.
    Code(Vec<u8>),
    /// A branch or JAL, to the start of the item so many further on.
    Transfer(Insn, isize),
    /// A loop's end, and the start of the item so many further on, where it begins. Counting and branching are one, so that
    /// nobody comes to the branch alone, again and again.
    Loop(isize),
    /// AUIPC, ADDI and JALR, to the start of the item so many further on.
    Indirect(u8, isize),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Item::Code(code) => code.len(),
            Item::Transfer(..) => 4,
            Item::Loop(_) => 8,
            Item::Indirect(..) => 12,
        }
    }
}

/// A random program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// From which its first values of registers and memory are made.
    pub(crate) seed: u64,
    items: Vec<Item>,
}

impl Program {
    pub(crate) fn random(focus: Focus, avoided: &'static [Op], seed: u64, items: usize) -> Self {
        let mut maker = Maker { random: Random::new(seed), focus, avoided, items: Vec::new() };
        while maker.items.len() < items {
            maker.add();
        }
        Self { seed, items: maker.items }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns the program that ends before the item `len`.
    pub(crate) fn truncated(&self, len: usize) -> Self {
        Self { seed: self.seed, items: self.items[..len].to_vec() }
    }

    /// Returns the code, transfers beyond whose end go to its end.
    pub(crate) fn code(&self) -> Vec<u8> {
        let mut starts = vec![0_usize];
        starts.extend(self.items.iter().scan(0, |at, item| {
            *at += item.bytes();
            Some(*at)
        }));
        let mut code = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            let offset_to = |skip: isize| {
                let target = index.saturating_add_signed(skip).min(self.items.len());
                starts[target] as i32 - starts[index] as i32
            };
            match item {
                Item::Code(bytes) => code.extend(bytes),
                Item::Transfer(insn, skip) => {
                    code.extend(Insn { imm: offset_to(*skip), ..*insn }.encode().to_le_bytes());
                }
                Item::Loop(skip) => {
                    let back = insn(Op::Blt, 0, 0, COUNTER, offset_to(*skip) - 4);
                    let words = [insn(Op::Addi, COUNTER, COUNTER, 0, -1), back];
                    code.extend(words.iter().flat_map(|insn| insn.encode().to_le_bytes()));
                }
                Item::Indirect(link, skip) => {
                    let words = [
                        insn(Op::Auipc, TARGET, 0, 0, 0),
                        insn(Op::Addi, TARGET, TARGET, 0, offset_to(*skip)),
                        insn(Op::Jalr, *link, TARGET, 0, 0),
                    ];
                    code.extend(words.iter().flat_map(|insn| insn.encode().to_le_bytes()));
                }
            }
        }
        code
    }
}

pub(crate) fn insn(op: Op, rd: u8, rs1: u8, rs2: u8, imm: i32) -> Insn {
    Insn { op, rd, rs1, rs2, rs3: 0, rm: 0, imm, len: 4 }
}

struct Maker {
    random: Random,
    focus: Focus,
    avoided: &'static [Op],
    items: Vec<Item>,
}

impl Maker {
    fn add(&mut self) {
        match self.random.below(16) {
            0 => self.add_transfer(),
            1 if self.random.below(8) == 0 => self.add_loop(),
            2 | 3 => self.add_values(),
            4..=11 => self.add_of_focus(),
            12 => self.add_half(Isa::RV64GC, Isa::RV64GC),
            _ => self.add_row(&[Extension::I, Extension::M, Extension::D, Extension::F]),
        }
    }

    fn add_of_focus(&mut self) {
        let others: Isa = "rv64gcb_zfa".parse().expect("an ISA string");
        match self.focus {
            Focus::Rows(extension) => self.add_row(&[extension]),
            Focus::Halves(Extension::Zcb) => {
                let with = "rv64gcb_zcb".parse().expect("an ISA string");
                self.add_half(with, others);
            }
            Focus::Halves(Extension::Zcd) => {
                self.add_half(Isa::RV64GC, "rv64ifd_zca".parse().expect("an ISA string"));
            }
            Focus::Halves(_) => self.add_half(Isa::RV64GC, Isa::RV64GC),
            Focus::Reservations => self.add_reservation(),
        }
    }

    /// Loads fresh values, so that what is computed with does not wear out.
    fn add_values(&mut self) {
        let imm = self.random.below(512) as i32 * 8 - 2048;
        let load = if self.random.below(2) == 0 {
            insn(Op::Fld, self.random.below(32) as u8, POOL, 0, imm)
        } else {
            insn(Op::Ld, self.destination(), POOL, 0, imm)
        };
        self.push(&load);
        let (op, imm) = (self.random.one_of(&[Op::Csrrwi, Op::Csrrwi, Op::Csrrw]), self.random.below(5));
        if self.random.below(4) == 0 {
            // FRM takes any of the five modes, FFLAGS anything.
            let (number, rs1) =
                if op == Op::Csrrwi { (2, imm as u8) } else { (1, self.random.below(32) as u8) };
            let rd = self.destination();
            self.push(&insn(op, rd, rs1, 0, number));
        }
    }

    fn push(&mut self, insn: &Insn) {
        self.items.push(Item::Code(insn.encode().to_le_bytes().to_vec()));
    }

    fn destination(&mut self) -> u8 {
        loop {
            let register = self.random.below(32) as u8;
            if !is_kept(register) {
                return register;
            }
        }
    }

    fn add_transfer(&mut self) {
        let skip = 1 + self.random.below(8) as isize;
        match self.random.below(8) {
            0 => {
                let link = self.destination();
                self.items.push(Item::Indirect(link, skip));
            }
            1 => {
                let link = self.destination();
                self.items.push(Item::Transfer(insn(Op::Jal, link, 0, 0, 0), skip));
            }
            _ => {
                let op = self.random.one_of(&[Op::Beq, Op::Bne, Op::Blt, Op::Bge, Op::Bltu, Op::Bgeu]);
                let (rs1, rs2) = (self.random.below(32) as u8, self.random.below(32) as u8);
                let branch = self.with_operands(insn(op, 0, rs1, rs2, 0));
                self.items.push(Item::Transfer(branch, skip));
            }
        }
    }

    /// A loop of a few rounds. Whoever jumps into it leaves it too: its counter is then not above 0.
    fn add_loop(&mut self) {
        let rounds = 1 + self.random.below(6) as i32;
        self.push(&insn(Op::Addi, COUNTER, 0, 0, rounds));
        let start = self.items.len();
        for _ in 0..1 + self.random.below(6) {
            self.add_of_focus();
        }
        self.items.push(Item::Loop(start as isize - self.items.len() as isize));
    }

    fn add_row(&mut self, extensions: &[Extension]) {
        let extension = self.random.one_of(extensions);
        let is_taken = |op: &Op| op.extension() == extension && !self.avoided.contains(op);
        let rows: Vec<Op> = Op::ALL.iter().copied().filter(is_taken).collect();
        let op = self.random.one_of(&rows);
        let any = Insn {
            rs3: self.random.below(32) as u8,
            ..insn(op, self.destination(), self.random.below(32) as u8, self.random.below(32) as u8, 0)
        };
        let imm = self.random.next() as i32;
        let rm = self.random.one_of(&[0, 1, 2, 3, 4, 7, 7, 7]);
        // All 32 registers take floats.
        let fd = self.random.below(32) as u8;
        let insn = match op.format() {
            // They trap, or transfer.
            Format::Bare if !matches!(op, Op::FenceI | Op::WrsNto | Op::WrsSto) => return,
            Format::Branch | Format::J | Format::Jalr => return self.add_transfer(),
            Format::Csr | Format::CsrImm => match op {
                Op::Csrrw | Op::Csrrs | Op::Csrrc => Insn { imm: 1, rs2: 0, rs3: 0, ..any },
                _ => Insn { imm: self.random.one_of(&[1, 1, 3]), rs2: 0, rs3: 0, ..any },
            },
            // What sets bits of frm through fcsr could leave a reserved mode: these five bits are fflags.
            Format::Bare | Format::Sfence => insn(op, 0, 0, 0, 0),
            Format::Fence => insn(op, 0, 0, 0, imm & 0xff),
            Format::CacheBlock => insn(op, 0, self.random.one_of(&[WINDOW, MIDDLE, EIGHTH]), 0, 0),
            Format::Lr => return,
            Format::Amo => {
                Insn { rs1: self.random.one_of(&[WINDOW, MIDDLE, EIGHTH]), rs3: 0, imm: imm & 3, ..any }
            }
            Format::Load | Format::FLoad => {
                let rd = if op.format() == Format::Load { any.rd } else { fd };
                let base = self.random.one_of(&[MIDDLE, POOL]);
                insn(op, rd, base, 0, self.aligned_offset(op))
            }
            Format::Store | Format::FStore => insn(op, 0, MIDDLE, any.rs2, self.aligned_offset(op)),
            Format::U => insn(op, any.rd, 0, 0, imm & !0xfff),
            Format::I => insn(op, any.rd, any.rs1, 0, imm << 20 >> 20),
            Format::Shift => insn(op, any.rd, any.rs1, 0, imm & 0x3f),
            Format::ShiftW => insn(op, any.rd, any.rs1, 0, imm & 0x1f),
            Format::R | Format::FCompare => Insn { rs3: 0, ..any },
            Format::Unary | Format::FMoveToInt => insn(op, any.rd, any.rs1, 0, 0),
            Format::FMoveFromInt | Format::FLiteral => insn(op, fd, any.rs1, 0, 0),
            Format::FBinary => Insn { rd: fd, rs3: 0, ..any },
            Format::Fma => Insn { rd: fd, rm, ..any },
            Format::FArith => Insn { rd: fd, rs3: 0, rm, ..any },
            Format::FConvert | Format::FFromInt => Insn { rd: fd, rs2: 0, rs3: 0, rm, ..any },
            Format::FToInt => Insn { rs2: 0, rs3: 0, rm, ..any },
        };
        let insn = self.with_operands(insn);
        self.push(&insn);
    }

    /// Loads operands that belong together, every other time, and returns the instruction that takes them.
    fn with_operands(&mut self, insn: Insn) -> Insn {
        if self.random.below(2) == 0 {
            return insn;
        }
        let [a, b, c] = Kind::of(insn.op).draw(&mut self.random);
        match insn.op.format() {
            Format::R | Format::Branch => {
                Insn { rs1: self.place(Op::Ld, a), rs2: self.place(Op::Ld, b), ..insn }
            }
            Format::Unary | Format::I | Format::Shift | Format::ShiftW => {
                Insn { rs1: self.place(Op::Ld, a), ..insn }
            }
            Format::FFromInt | Format::FMoveFromInt => Insn { rs1: self.place(Op::Ld, a), ..insn },
            Format::FConvert | Format::FToInt | Format::FMoveToInt => {
                Insn { rs1: self.place(Op::Fld, a), ..insn }
            }
            Format::FArith | Format::FBinary | Format::FCompare => {
                Insn { rs1: self.place(Op::Fld, a), rs2: self.place(Op::Fld, b), ..insn }
            }
            Format::Fma => Insn {
                rs1: self.place(Op::Fld, a),
                rs2: self.place(Op::Fld, b),
                rs3: self.place(Op::Fld, c),
                ..insn
            },
            Format::Amo => {
                let old = self.place(Op::Ld, a);
                self.push(&self::insn(Op::Sd, 0, insn.rs1, old, 0));
                Insn { rs2: self.place(Op::Ld, b), ..insn }
            }
            _ => insn,
        }
    }

    /// Loads a special value into a register, and returns which.
    fn place(&mut self, load: Op, value: u64) -> u8 {
        let index = values::special().iter().position(|&special| special == value);
        let offset = index.expect("the pool has every special value") as i32 * 8 - 2048;
        let register = if load == Op::Fld { self.random.below(32) as u8 } else { self.destination() };
        self.push(&insn(load, register, POOL, 0, offset));
        register
    }

    /// Returns an offset from the middle of a page that is a multiple of the access's size.
    fn aligned_offset(&mut self, op: Op) -> i32 {
        (self.random.below(4096) as i32 - 2048) & -(op.access_bytes().map_or(8, |bytes| bytes as i32))
    }

    /// LR and SC that succeeds, with something between them.
    fn add_reservation(&mut self) {
        let (load, store) = self.random.one_of(&[(Op::LrW, Op::ScW), (Op::LrD, Op::ScD)]);
        let base = self.random.one_of(&[MIDDLE, EIGHTH]);
        let (old, done, new) = (self.destination(), self.destination(), self.random.below(32) as u8);
        let group = [
            insn(load, old, base, 0, 0),
            insn(Op::Addi, old, old, 0, 1),
            insn(store, done, base, new, 0),
            // A second one has no reservation left.
            insn(store, done, base, new, 0),
        ];
        self.items.push(Item::Code(group.iter().flat_map(|insn| insn.encode().to_le_bytes()).collect()));
    }

    /// A compressed instruction that `with` has and `without` has not, or any of `with` if they are the same.
    fn add_half(&mut self, with: Isa, without: Isa) {
        loop {
            let half = self.random.next() as u16;
            if half & 3 == 3 {
                continue;
            }
            let Some(insn) = with.decode(half.into()) else { continue };
            if with != without && without.decode(half.into()).is_some() {
                continue;
            }
            if let Some(code) = self.around(half, &insn) {
                return self.items.push(Item::Code(code));
            }
        }
    }

    /// Returns a compressed instruction with what it needs around it; `None` where it could do harm.
    fn around(&mut self, half: u16, insn: &Insn) -> Option<Vec<u8>> {
        let alone = half.to_le_bytes().to_vec();
        let writes =
            !matches!(insn.op.format(), Format::Store | Format::FStore | Format::FLoad | Format::Branch);
        if writes && is_kept(insn.rd) {
            return None;
        }
        match insn.op.format() {
            Format::Bare => None,
            Format::Jalr => {
                let to = [
                    self::insn(Op::Auipc, insn.rs1, 0, 0, 0),
                    self::insn(Op::Addi, insn.rs1, insn.rs1, 0, 10),
                ];
                (!is_kept(insn.rs1))
                    .then(|| to.iter().flat_map(|insn| insn.encode().to_le_bytes()).chain(alone).collect())
            }
            Format::Branch | Format::J => {
                let skipped =
                    (2..=20).contains(&insn.imm).then(|| [1_u8, 0].repeat(insn.imm as usize / 2 - 1));
                skipped.map(|nops| [alone, nops].concat())
            }
            _ if insn.op.memory() != Memory::None => {
                let base = insn.rs1 == WINDOW || insn.rs1 == EIGHTH;
                base.then_some(alone)
            }
            _ => Some(alone),
        }
    }
}

fn is_kept(register: u8) -> bool {
    [WINDOW, MIDDLE, POOL, COUNTER, EIGHTH, TARGET].contains(&register)
}

/// Decodes the instruction at the start of `code`, with its bits.
pub(crate) fn first(code: [u8; 4]) -> Option<(Insn, u32)> {
    let bits = u32::from_le_bytes(code);
    let bits = if bits & 3 == 3 { bits } else { bits & 0xffff };
    decode(bits).map(|insn| (insn, bits))
}
