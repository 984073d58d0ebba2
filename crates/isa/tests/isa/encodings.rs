//! The decoder against the table, by encoding again what was decoded.

use tine_isa::{Extension, Insn, Isa, Memory, Op, decode};

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
                assert_eq!(insn.encode(), bits & !ignored_bits(insn.op), "{bits:#010x} {insn:?}");
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
        assert_eq!(decode(insn.encode()), Some(Insn { len: 4, ..insn }), "{half:#06x} {insn:?}");
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
        ("quadrant 0, funct3 4, above c.sh", 0x8c40),
        ("c.addiw without destination", 0x2005),
        ("c.lui without immediate", 0x6501),
        ("c.addi16sp without immediate", 0x6101),
        ("quadrant 1, arithmetic on one register, above c.not", 0x9c79),
        ("c.lwsp without destination", 0x4002),
        ("c.ldsp without destination", 0x6002),
        ("c.jr without source", 0x8002),
    ];
    for (what, bits) in reserved {
        assert_eq!(decode(bits), None, "{what}");
    }
}

#[test]
fn what_is_off_does_not_decode() {
    for bits in patterns::words(20, 100_000).into_iter().chain(patterns::halves().map(u32::from)) {
        let insn = decode(bits);
        assert_eq!(Isa::ALL.decode(bits), insn, "{bits:#x}");
        if let Some(insn) = Isa::RV64GC.decode(bits) {
            assert!(insn.op.extension() < Extension::Zicbom || Isa::RV64GC.contains(insn.op.extension()));
        }
    }
    // lw, mul, amoadd.w, fadd.s, fadd.d, c.nop, c.fld, c.lbu, c.mul, sh1add, fround.d, fcvt.d.h.
    let samples = [
        0x0000_2003,
        0x0200_0033,
        0x0000_202f,
        0x0000_0053,
        0x0200_0053,
        0x0001,
        0x2000,
        0x8000,
        0x9c41,
        0x2000_2033,
        0x4240_0053,
        0x4220_0053,
    ];
    for (isa, executes) in [
        ("rv64i", "100000000000"),
        ("rv64imac", "111001000000"),
        ("rv64gc", "111111100000"),
        ("rv64gcb", "111111100100"),
        ("rv64gc_zcb", "111111111000"),
        ("rv64ic_zcb", "100001010000"),
        ("rv64if_zfa_zfhmin", "100100000000"),
        ("rv64gc_zfa_zfhmin", "111111100011"),
        ("rv64g", "111110000000"),
    ] {
        let isa: Isa = isa.parse().unwrap();
        let actual: String =
            samples.map(|bits| if isa.decode(bits).is_some() { '1' } else { '0' }).iter().collect();
        assert_eq!(actual, executes, "{isa}");
    }
}

#[test]
fn atomics_are_classed_as_their_faults_are() {
    assert_eq!(Op::LrW.memory(), Memory::Load);
    assert_eq!(Op::ScD.memory(), Memory::Store);
    assert_eq!(Op::AmomaxuD.memory(), Memory::Store);
    assert_eq!(Op::Flw.memory(), Memory::Load);
    assert_eq!(Op::Fsd.memory(), Memory::Store);
    assert_eq!(Op::CboClean.memory(), Memory::Store);
    assert_eq!(Op::Fence.memory(), Memory::None);
}

#[test]
fn whatever_can_leave_the_straight_line_ends_a_block() {
    let expected = "jal jalr beq bne blt bge bltu bgeu ecall ebreak csrrw csrrs csrrc csrrwi csrrsi csrrci \
                    fence.i wrs.nto wrs.sto sinval.vma sfence.w.inval sfence.inval.ir sret mret wfi sfence.vma";
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
