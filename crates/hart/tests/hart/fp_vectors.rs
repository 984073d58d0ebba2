//! Every F and D instruction against what `qemu-riscv64` recorded (`fp/vectors.txt`, made by `fp/record.sh`).

use crate::bench::Bench;
use tine_hart::{FpState, Stop};

const VECTORS: &str = include_str!("fp/vectors.txt");
const FRM_IN_INSN: u32 = 7 << 12;
/// Inexact.
const NX: u32 = 1;
/// Registers that the recorded instructions name: a0 or fa0 for the result, then a1/fa1, fa2, fa3.
const RESULT: usize = 10;

/// An `op` line: an instruction and where its operands live.
struct Recorded {
    name: &'static str,
    word: u32,
    /// `f` or `x` for the result and each operand.
    files: &'static [u8],
}

impl Recorded {
    fn has_dynamic_rounding(&self) -> bool {
        let never = ["fsgnj", "fmin", "fmax", "feq", "flt", "fle", "fclass", "fmv"];
        self.word & FRM_IN_INSN == FRM_IN_INSN && !never.iter().any(|prefix| self.name.starts_with(prefix))
    }

    /// Executes the instruction once and returns the result register and the accrued flags.
    fn run(&self, bench: &mut Bench, word: u32, operands: [u64; 3], fcsr: u32) -> (u64, u32) {
        bench.place(&[word]);
        bench.hart.csrs.mstatus.set_fp(FpState::Clean);
        bench.hart.fcsr = fcsr;
        bench.hart.x[RESULT + 1] = operands[0];
        bench.hart.f[RESULT + 1..RESULT + 4].copy_from_slice(&operands);
        assert_eq!(bench.run(1), Stop::Budget, "{} trapped", self.name);
        let result = if self.files[0] == b'x' { bench.hart.x[RESULT] } else { bench.hart.f[RESULT] };
        (result, bench.hart.fcsr & 0x1f)
    }
}

#[test]
fn results_and_flags_are_those_of_qemu() {
    let mut bench = Bench::new();
    let mut recorded = None;
    let mut compared = 0;
    for line in VECTORS.lines() {
        if let Some(op) = line.strip_prefix("op ") {
            let [name, word, files] = op.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let word = u32::from_str_radix(word, 16).unwrap();
            recorded = Some(Recorded { name, word, files: files.as_bytes() });
            continue;
        }
        let recorded = recorded.as_ref().unwrap();
        let (operands, results) = line.split_once(" : ").unwrap();
        let operands: Vec<u64> = operands.split(' ').map(hex).collect();
        let operands = [operands[0], operands[1], operands[2]];
        for (rm, expected) in results.split(' ').enumerate() {
            let (result, flags) = expected.split_once('/').unwrap();
            let expected = (hex(result), hex(flags) as u32);
            let rm = rm as u32;
            let got = recorded.run(&mut bench, recorded.word, operands, rm << 5);
            assert_eq!(got, expected, "{} {operands:x?} frm={rm}", recorded.name);
            compared += 1;
            // Flags accrue; with inexact set already, the host's unit may have computed this.
            let got = recorded.run(&mut bench, recorded.word, operands, rm << 5 | NX);
            assert_eq!(got, (expected.0, expected.1 | NX), "{} {operands:x?} frm={rm} NX", recorded.name);
            if recorded.has_dynamic_rounding() {
                // The same rounding mode written in the instruction; `frm` is reserved, which must not matter.
                let word = recorded.word & !FRM_IN_INSN | rm << 12;
                let got = recorded.run(&mut bench, word, operands, 5 << 5);
                assert_eq!(got, expected, "{} {operands:x?} rm={rm}", recorded.name);
            }
        }
    }
    assert_eq!(compared, 5 * 3200, "the file holds what record.c prints");
}

#[test]
fn a_product_just_below_the_smallest_normal_underflows_and_rounds_up_to_it() {
    let mut bench = Bench::new();
    let fmul_s = Recorded { name: "fmul.s", word: 0x10c5_f553, files: b"fff" };
    let boxed = |bits: u64| 0xffff_ffff_0000_0000 | bits;
    let operands = [boxed(0x3f7f_ffff), boxed(0x0080_0000), 0];
    let (result, flags) = fmul_s.run(&mut bench, fmul_s.word, operands, 0);
    assert_eq!((result, flags), (boxed(0x0080_0000), 0b00011));
}

fn hex(digits: &str) -> u64 {
    u64::from_str_radix(digits, 16).unwrap()
}
