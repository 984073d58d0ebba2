//! What a visit does in its mode.

use super::csrs::{self, *};
use super::program::*;
use crate::program::insn;
use tine_isa::{Format, Memory, Op};

impl Maker {
    /// Returns what may be stored: nothing that is executed does harm.
    pub(super) fn harmless(&mut self) -> u64 {
        let words: [u32; 5] = [0x0000_0073, 0x9002_9002, 0, 0x0000_8067, 0x0010_0073];
        let (low, high) = (self.random.one_of(&words), self.random.one_of(&words));
        u64::from(high) << 32 | u64::from(low)
    }

    /// Jumps to the address, where in every page of data something waits that traps or comes back.
    pub(super) fn fetch_body(&mut self, va: u64) -> Vec<u32> {
        let crosses = va & (PAGE - 8) == PAGE - 8;
        let harmless = self.harmless();
        // The first half of ECALL at the page's end; what follows in the next page makes that or something illegal of it.
        let code = if crosses { harmless & 0xffff_ffff_ffff | 0x0073 << 48 } else { harmless };
        self.code.load(SCRATCH, code);
        self.code.load(6, DATA + (va & (PAGE - 8)));
        self.code.emit(Op::Lui, 8, 0, 0, PAGE as i32);
        for _ in 0..DATA_PAGES {
            self.code.emit(Op::Sd, 0, 6, SCRATCH, 0);
            self.code.emit(Op::Add, 6, 6, 8, 0);
        }
        vec![insn(Op::Jalr, 1, ADDRESS, 0, if crosses { 6 } else { 0 }).encode()]
    }

    /// Returns one to three instructions for a mode.
    pub(super) fn body(&mut self, mode: Mode, satp: u64, va: u64, waits: bool) -> Vec<u32> {
        let mut body = Vec::new();
        let mut put = |op, rd, rs1, rs2, imm| body.push(insn(op, rd, rs1, rs2, imm).encode());
        if mode == Mode::Machine {
            put(Op::Csrrw, 7, MPRV_STATUS, 0, MSTATUS.into());
        }
        if waits {
            put(Op::Wfi, 0, 0, 0, 0);
        }
        for index in 0..1 + self.random.below(3) {
            // What may trap last may not come to its turn.
            let kind = if index == 0 && self.once_in(2) { 0 } else { self.random.below(20) };
            match kind {
                0..=7 => {
                    let (op, rd, rs2) = self.random.one_of(&[
                        (Op::Lb, RESULT, 0),
                        (Op::Lhu, RESULT, 0),
                        (Op::Lw, RESULT, 0),
                        (Op::Ld, RESULT, 0),
                        (Op::Ld, RESULT, 0),
                        (Op::Fld, RESULT, 0),
                        (Op::Flw, RESULT, 0),
                        (Op::Sb, 0, VALUE),
                        (Op::Sh, 0, VALUE),
                        (Op::Sw, 0, VALUE),
                        (Op::Sd, 0, VALUE),
                        (Op::Sd, 0, VALUE),
                        (Op::Fsd, 0, RESULT),
                        (Op::AmoorD, RESULT, VALUE),
                        (Op::AmoaddW, RESULT, VALUE),
                        (Op::AmoswapD, RESULT, VALUE),
                        (Op::LrD, RESULT, 0),
                        (Op::ScW, RESULT, VALUE),
                        (Op::CboZero, 0, 0),
                        (Op::CboClean, 0, 0),
                        (Op::CboFlush, 0, 0),
                        (Op::CboInval, 0, 0),
                    ]);
                    // Where it faults, Spike has the block's address in `mtval` and not the one in the register.
                    let has_offset = matches!(op.format(), Format::Load | Format::Store | Format::FLoad);
                    let often = if self.kind == Kind::Misaligned { 2 } else { 6 };
                    let mut offset =
                        if has_offset && self.once_in(often) { self.random.below(8) as i32 } else { 0 };
                    // Of a store that faults in its second page, Spike does the half that does not.
                    let crosses = va & (PAGE - 8) == PAGE - 8;
                    if self.kind == Kind::Misaligned && op.memory() == Memory::Store && crosses {
                        offset = 0;
                    }
                    // A block with other rights in its middle, "Cache Management Operations" has none of.
                    let is_block = op.format() == Format::CacheBlock;
                    let is_fit =
                        !is_block || !self.has_regions && (op != Op::CboZero || va.is_multiple_of(64));
                    if is_fit {
                        put(op, rd, ADDRESS, rs2, offset);
                    }
                }
                8..=11 => {
                    let number = self.random.one_of(csrs::ALL);
                    let number = if self.once_in(8) { self.random.below(4096) as u16 } else { number };
                    // Of those that only one of the two has, none.
                    let number = csrs::writable(number).map_or(RESERVED, |_| number);
                    let rd = if csrs::is_compared(number) { RESULT } else { 0 };
                    let op = self.random.one_of(&[Op::Csrrw, Op::Csrrs, Op::Csrrc, Op::Csrrwi, Op::Csrrsi]);
                    match number {
                        SATP if mode != Mode::User && satp != 0 => {
                            put(Op::Csrrw, rd, SATP_VALUE, 0, number.into())
                        }
                        // The way back must stay.
                        STVEC | SATP | 0x300.. => put(Op::Csrrs, rd, 0, 0, number.into()),
                        SSTATUS | SEPC => put(Op::Csrrs, rd, 0, 0, number.into()),
                        // Never a time that is near.
                        STIMECMP => {
                            let op = self.random.one_of(&[Op::Csrrw, Op::Csrrs, Op::Csrrc]);
                            put(op, rd, CSR_VALUE, 0, number.into());
                        }
                        _ if csrs::writable(number) == Some(u64::MAX) => {
                            put(op, rd, CSR_VALUE, 0, number.into());
                        }
                        _ => put(Op::Csrrs, rd, 0, 0, number.into()),
                    }
                }
                _ => {
                    let op = self.random.one_of(&[
                        Op::Ecall,
                        Op::Ebreak,
                        Op::Mret,
                        Op::Sret,
                        Op::Sret,
                        Op::SfenceVma,
                        Op::SfenceVma,
                        Op::SinvalVma,
                        Op::SfenceWInval,
                        Op::SfenceInvalIr,
                        Op::FaddD,
                        Op::Wfi,
                        Op::FenceI,
                    ]);
                    match op {
                        // Elsewhere it would wait for ever, unless that was seen to.
                        Op::Wfi if mode != Mode::User => {}
                        // It would come back here in M-mode.
                        Op::Mret if mode == Mode::Machine => {}
                        Op::FaddD => put(op, RESULT, 1, 2, 0),
                        _ => put(op, 0, 0, 0, 0),
                    }
                }
            }
        }
        if self.kind == Kind::WithoutHalves && self.once_in(3) {
            // To the middle of an instruction, if the branch is taken.
            let op = self.random.one_of(&[Op::Jal, Op::Jalr, Op::Beq, Op::Bne, Op::Bltu, Op::Bge]);
            let (rd, rs2) = if matches!(op, Op::Jal | Op::Jalr) { (1, 0) } else { (0, RESULT) };
            let rs1 = if op == Op::Jal { 0 } else { ADDRESS };
            body.push(insn(op, rd, rs1, rs2, 6).encode());
        }
        if self.once_in(10) {
            let word = self.random.one_of(&[0, u32::MAX, 0x0000_1073 | 0xc00 << 20, 0x1020_0073 | 1 << 7]);
            body.push(word);
        }
        body
    }
}
