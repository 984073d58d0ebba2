//! The decoder against the table, by encoding again what was decoded.

use tine_isa::{Format, Insn, Memory, Op, decode};

use crate::patterns;

#[test]
fn no_two_rows_share_an_encoding() {
    for (i, a) in Op::ALL.iter().enumerate() {
        let a_encoding = a.encoding();
        assert_eq!(a_encoding.matches & !a_encoding.mask, 0, "{a:?} matches bits that its mask leaves out");
        for b in &Op::ALL[i + 1..] {
            let b_encoding = b.encoding();
            let fixed_in_both = a_encoding.mask & b_encoding.mask;
            let difference = (a_encoding.matches ^ b_encoding.matches) & fixed_in_both;
            assert_ne!(difference, 0, "{a:?} and {b:?} overlap");
        }
    }
}

#[test]
fn variants_are_named_after_mnemonics() {
    for op in Op::ALL {
        assert_eq!(format!("{op:?}").to_lowercase(), op.mnemonic().replace('.', ""));
    }
}

#[test]
fn every_word_decodes_as_the_table_says() {
    for bits in patterns::words(2_000, 1_000_000) {
        let row = Op::ALL.iter().find(|op| bits & op.encoding().mask == op.encoding().matches);
        let reserved_rounding =
            row.is_some_and(|op| op.format().has_rounding_mode() && matches!(bits >> 12 & 7, 5 | 6));
        match decode(bits) {
            Some(insn) => {
                assert_eq!(Some(&insn.op), row, "{bits:#010x}");
                assert!(!reserved_rounding, "{bits:#010x}");
                assert_eq!(insn.len, 4);
                assert_eq!(encode(&insn), bits & !ignored_bits(insn.op), "{bits:#010x} {insn:?}");
            }
            None => assert!(row.is_none() || reserved_rounding, "{bits:#010x}"),
        }
    }
}

#[test]
fn every_compressed_instruction_is_a_base_instruction() {
    for half in patterns::halves() {
        let Some(insn) = decode(half.into()) else { continue };
        assert_eq!(insn.len, 2);
        assert_eq!(decode(encode(&insn)), Some(Insn { len: 4, ..insn }), "{half:#06x} {insn:?}");
    }
}

#[test]
fn the_half_above_a_compressed_instruction_is_ignored() {
    for half in patterns::halves() {
        let bits = u32::from(half);
        assert_eq!(decode(bits | 0xffff_0000), decode(bits), "{half:#06x}");
        assert_eq!(decode(bits | 0x0003_0000), decode(bits), "{half:#06x}");
    }
}

#[test]
fn reserved_compressed_encodings_are_not_decoded() {
    let reserved = [
        ("all zeros, defined illegal", 0x0000),
        ("c.addi4spn without immediate", 0x0004),
        ("quadrant 0, funct3 4", 0x8000),
        ("c.addiw without destination", 0x2005),
        ("c.lui without immediate", 0x6501),
        ("c.addi16sp without immediate", 0x6101),
        ("quadrant 1, arithmetic with funct2 2", 0x9c41),
        ("quadrant 1, arithmetic with funct2 3", 0x9c61),
        ("c.lwsp without destination", 0x4002),
        ("c.ldsp without destination", 0x6002),
        ("c.jr without source", 0x8002),
    ];
    for (what, bits) in reserved {
        assert_eq!(decode(bits), None, "{what}");
    }
}

#[test]
fn atomics_are_classed_as_their_faults_are() {
    assert_eq!(Op::LrW.memory(), Memory::Load);
    assert_eq!(Op::ScD.memory(), Memory::Store);
    assert_eq!(Op::AmomaxuD.memory(), Memory::Store);
    assert_eq!(Op::Flw.memory(), Memory::Load);
    assert_eq!(Op::Fsd.memory(), Memory::Store);
    assert_eq!(Op::Fence.memory(), Memory::None);
}

#[test]
fn whatever_can_leave_the_straight_line_ends_a_block() {
    let expected = "jal jalr beq bne blt bge bltu bgeu ecall ebreak csrrw csrrs csrrc csrrwi csrrsi csrrci \
                    fence.i sret mret wfi sfence.vma";
    let actual: Vec<_> = Op::ALL.iter().filter(|op| op.ends_block()).map(|op| op.mnemonic()).collect();
    assert_eq!(actual.join(" "), expected);
}

/// The bits that a base implementation shall ignore: "Memory Ordering Instructions" and "Zifencei".
fn ignored_bits(op: Op) -> u32 {
    match op {
        Op::Fence => 0x000f_8f80,
        Op::FenceI => !0x707f,
        _ => 0,
    }
}

/// Encodes an instruction in 4 bytes: the inverse of `decode`, written from "Immediate Encoding Variants".
fn encode(insn: &Insn) -> u32 {
    let imm = insn.imm as u32;
    let imm_at = |high: u32, low: u32, to: u32| (imm >> low & ((2 << (high - low)) - 1)) << to;
    let immediate = match insn.op.format() {
        Format::I | Format::Load | Format::Jalr | Format::FLoad => imm_at(11, 0, 20),
        Format::Fence | Format::Csr | Format::CsrImm => imm << 20,
        Format::Shift | Format::ShiftW => imm << 20,
        Format::Store | Format::FStore => imm_at(11, 5, 25) | imm_at(4, 0, 7),
        Format::Branch => imm_at(12, 12, 31) | imm_at(10, 5, 25) | imm_at(4, 1, 8) | imm_at(11, 11, 7),
        Format::U => imm,
        Format::J => imm_at(20, 20, 31) | imm_at(10, 1, 21) | imm_at(11, 11, 20) | imm_at(19, 12, 12),
        Format::Lr | Format::Amo => imm << 25,
        _ => 0,
    };
    let registers = [(insn.rd, 7), (insn.rm, 12), (insn.rs1, 15), (insn.rs2, 20), (insn.rs3, 27)];
    let registers = registers.iter().fold(0, |bits, &(register, at)| bits | u32::from(register) << at);
    insn.op.encoding().matches | registers | immediate
}
