//! The order in which the instructions of a block are executed.
//!
//! Between two instructions that may trap, access memory or transfer control nobody can look at registers. So those that
//! only compute may change places there, as long as each still reads what it read. Compilers keep apart what depends on each
//! other, for processors that do several things at a time; here, where a value goes to the next instruction in a host
//! register and frequent neighbours are one handler, it is brought together:
//!
//! ```text
//!   srlw s0,a2,19           srlw s0,a2,19
//!   sllw a4,a2,15           sllw a0,a2,13
//!   srlw s3,a2,17     ──▶   or   a0,a0,s0
//!   sllw a0,a2,13           srlw s3,a2,17
//!   or   a0,a0,s0           sllw a4,a2,15
//!   or   a4,a4,s3           or   a4,a4,s3
//! ```

use super::block::{LONGEST, Placed};
use tine_isa::{Format, Insn};

/// Instructions of a stretch, by number.
#[derive(Clone, Copy, Default)]
struct Members(u64);

const _: () = assert!(LONGEST as u32 <= u64::BITS);

impl Members {
    fn one(number: usize) -> Self {
        Self(1 << number)
    }

    fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Returns the first so many, of which there is one or more.
    fn first(count: usize) -> Self {
        Self(u64::MAX >> (u64::BITS as usize - count))
    }

    fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    fn has(self, number: usize) -> bool {
        self.0 >> number & 1 != 0
    }

    /// Lists them, the first one first.
    fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let number = rest.trailing_zeros() as usize;
            let is_there = rest != 0;
            rest &= rest.wrapping_sub(1);
            is_there.then_some(number)
        })
    }
}

/// What must be executed before an instruction.
#[derive(Clone, Copy, Default)]
struct Needs {
    /// What computes its operands.
    operands: Members,
    /// What reads or writes the register that it overwrites.
    room: Members,
}

/// What weaving needs room for.
#[derive(Default)]
pub(super) struct Loom {
    needs: Vec<Needs>,
    order: Vec<usize>,
    woven: Vec<Placed>,
}

impl Loom {
    /// Brings together, in each stretch of a block that only computes, what depends on each other.
    pub(super) fn weave(&mut self, block: &mut [Placed]) {
        let mut from = 0;
        while from < block.len() {
            let computing = block[from..].iter().take_while(|placed| only_computes(&placed.insn)).count();
            if computing > 2 {
                let after = block.get(from + computing).map(|placed| placed.insn);
                self.weave_stretch(&mut block[from..from + computing], after.as_ref());
            }
            from += computing + 1;
        }
    }

    fn weave_stretch(&mut self, stretch: &mut [Placed], after: Option<&Insn>) {
        let Self { needs, order, woven } = self;
        find_needs(stretch, needs);
        let (mut needed, mut last) = (Members::default(), Members::default());
        for (number, need) in needs.iter().enumerate() {
            needed.add(need.operands);
            needed.add(need.room);
            if after.is_some_and(|after| reads(after, stretch[number].insn.rd)) {
                last.add(Members::one(number));
            }
        }
        // What nothing needs, as it comes; last what the instruction behind the stretch reads.
        let unneeded = Members::first(stretch.len()).without(needed);
        let mut done = Members::default();
        order.clear();
        for number in unneeded.without(last).iter().chain(unneeded.and(last).iter()) {
            visit(number, needs, &mut done, order);
        }
        woven.clear();
        woven.extend(order.iter().map(|&number| stretch[number]));
        stretch.copy_from_slice(woven);
    }
}

/// Says what each instruction of a stretch needs.
fn find_needs(stretch: &[Placed], all: &mut Vec<Needs>) {
    let mut writer = [Members::default(); 32];
    let mut readers = [Members::default(); 32];
    all.clear();
    for (number, Placed { insn, .. }) in stretch.iter().enumerate() {
        let mut needs = Needs::default();
        for source in sources(insn) {
            let source = usize::from(source & 31);
            needs.operands.add(writer[source]);
            readers[source].add(Members::one(number));
        }
        let rd = usize::from(insn.rd & 31);
        if rd != 0 {
            needs.room.add(writer[rd]);
            needs.room.add(readers[rd]);
            needs.room = needs.room.without(Members::one(number));
            (writer[rd], readers[rd]) = (Members::one(number), Members::default());
        }
        all.push(needs);
    }
}

/// Puts an instruction behind everything that it needs, its operands last.
fn visit(number: usize, needs: &[Needs], done: &mut Members, order: &mut Vec<usize>) {
    if done.has(number) {
        return;
    }
    done.add(Members::one(number));
    let Needs { operands, room } = needs[number];
    // An operand that is overwritten is last of all, where a rotation has it.
    let stages = [room.without(operands), operands.without(room), operands];
    for need in stages.into_iter().flat_map(Members::iter) {
        visit(need, needs, done, order);
    }
    order.push(number);
}

/// Whether an instruction does nothing but compute a register from others and from where it stands.
pub(super) fn only_computes(insn: &Insn) -> bool {
    matches!(
        insn.op.format(),
        Format::R | Format::Unary | Format::I | Format::Shift | Format::ShiftW | Format::U
    )
}

/// Returns the registers that an instruction may read.
fn sources(insn: &Insn) -> [u8; 2] {
    // A field that a format lacks is 0, as is the register that nobody writes.
    [insn.rs1, insn.rs2]
}

fn reads(insn: &Insn, register: u8) -> bool {
    register != 0 && sources(insn).contains(&register)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tine_isa::Op;

    fn place(insns: &[Insn]) -> Vec<Placed> {
        let place = |(number, insn): (usize, &Insn)| Placed {
            insn: *insn,
            offset: 4 * number as u16,
            held: 0,
            length: 0,
        };
        insns.iter().enumerate().map(place).collect()
    }

    fn order(insns: &[Insn]) -> Vec<u16> {
        let mut placed = place(insns);
        Loom::default().weave(&mut placed);
        placed.iter().map(|placed| placed.offset / 4).collect()
    }

    fn insn(op: Op, rd: u8, rs1: u8, rs2: u8) -> Insn {
        Insn { op, rd, rs1, rs2, rs3: 0, rm: 0, imm: 0, len: 4 }
    }

    /// The registers after instructions of which each makes of its operands a value that nothing else makes.
    fn outcome(insns: impl Iterator<Item = Insn>) -> [u64; 32] {
        let mut x = std::array::from_fn(|register| register as u64);
        for insn in insns {
            let (a, b) = (x[usize::from(insn.rs1)], x[usize::from(insn.rs2)]);
            let value = (a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.rotate_left(29))
                .wrapping_mul(0xd6e8_feb8_6659_fd93);
            x[usize::from(insn.rd)] = value.wrapping_add(insn.op as u64);
            x[0] = 0;
        }
        x
    }

    #[test]
    fn what_depends_on_each_other_comes_together() {
        let [srl, sll, or] = [Op::Srliw, Op::Slliw, Op::Or];
        let insns = [
            insn(srl, 8, 12, 0),
            insn(sll, 14, 12, 0),
            insn(srl, 19, 12, 0),
            insn(sll, 10, 12, 0),
            insn(or, 10, 10, 8),
            insn(or, 14, 14, 19),
        ];
        assert_eq!(order(&insns), [0, 3, 4, 2, 1, 5]);
    }

    #[test]
    fn what_is_read_next_comes_last() {
        let [one, other] = [insn(Op::Addi, 5, 5, 0), insn(Op::Addi, 6, 6, 0)];
        let (store, branch) = (insn(Op::Sd, 0, 10, 5), insn(Op::Bne, 0, 5, 7));
        assert_eq!(order(&[one, other, insn(Op::Addi, 7, 5, 0), branch]), [1, 0, 2, 3]);
        assert_eq!(order(&[one, other, insn(Op::Addi, 7, 7, 0), store]), [1, 2, 0, 3]);
    }

    #[test]
    fn nothing_passes_what_may_trap() {
        let insns =
            [insn(Op::Add, 5, 6, 7), insn(Op::Ld, 8, 9, 0), insn(Op::Add, 6, 5, 7), insn(Op::Jal, 1, 0, 0)];
        assert_eq!(order(&insns), [0, 1, 2, 3]);
    }

    #[test]
    fn registers_end_as_they_would() {
        const OPS: [Op; 4] = [Op::Add, Op::Xor, Op::Addi, Op::Srliw];
        let mut random = 1_u64;
        let mut draw = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        for registers in (2..30).cycle().take(3000) {
            let length = 1 + draw(64);
            let insns: Vec<Insn> = (0..length)
                .map(|_| {
                    let [rd, rs1, rs2] = [(); 3].map(|()| draw(registers) as u8);
                    insn(OPS[draw(4) as usize], rd, rs1, rs2)
                })
                .collect();
            let mut placed = place(&insns);
            Loom::default().weave(&mut placed);
            assert_eq!(
                outcome(placed.iter().map(|placed| placed.insn)),
                outcome(insns.iter().copied()),
                "{insns:?}"
            );
        }
    }
}
