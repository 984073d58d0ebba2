//! Every instruction, declared once.
//!
//! A row is: effect, variant, mnemonic, operand format, match / mask. `bits` is an encoding of the row when
//! `bits & mask == match`, and when its rounding mode, if it has one, is not reserved.
//!
//! Sources: "RV32/64G Instruction Set Listings" and the chapters of the extensions in the unprivileged ISA; "Supervisor
//! Instructions", "Svinval" and "Machine-Mode Privileged Instructions" of the privileged ISA.

use crate::Extension;
use crate::format::Format;
use crate::table::{Encoding, insn_table};

insn_table! {
    /// Base integer instructions: RV64I.
    I {
        /// `rd = imm`, the immediate being already shifted left by 12.
        Lui = "lui", U, 0x0000_0037 / 0x0000_007f;
        /// `rd = pc + imm`
        Auipc = "auipc", U, 0x0000_0017 / 0x0000_007f;
        /// `rd = pc + len; pc = pc + imm`
        Jal = "jal", J, 0x0000_006f / 0x0000_007f;
        /// `rd = pc + len; pc = (rs1 + imm) & !1`
        Jalr = "jalr", Jalr, 0x0000_0067 / 0x0000_707f;
        /// `pc = pc + imm` when `rs1 == rs2`.
        Beq = "beq", Branch, 0x0000_0063 / 0x0000_707f;
        /// `pc = pc + imm` when `rs1 != rs2`.
        Bne = "bne", Branch, 0x0000_1063 / 0x0000_707f;
        /// `pc = pc + imm` when `rs1 < rs2`, signed.
        Blt = "blt", Branch, 0x0000_4063 / 0x0000_707f;
        /// `pc = pc + imm` when `rs1 >= rs2`, signed.
        Bge = "bge", Branch, 0x0000_5063 / 0x0000_707f;
        /// `pc = pc + imm` when `rs1 < rs2`, unsigned.
        Bltu = "bltu", Branch, 0x0000_6063 / 0x0000_707f;
        /// `pc = pc + imm` when `rs1 >= rs2`, unsigned.
        Bgeu = "bgeu", Branch, 0x0000_7063 / 0x0000_707f;
        /// `rd = sext(mem8[rs1 + imm])`
        Lb = "lb", Load, 0x0000_0003 / 0x0000_707f;
        /// `rd = sext(mem16[rs1 + imm])`
        Lh = "lh", Load, 0x0000_1003 / 0x0000_707f;
        /// `rd = sext(mem32[rs1 + imm])`
        Lw = "lw", Load, 0x0000_2003 / 0x0000_707f;
        /// `rd = mem64[rs1 + imm]`
        Ld = "ld", Load, 0x0000_3003 / 0x0000_707f;
        /// `rd = zext(mem8[rs1 + imm])`
        Lbu = "lbu", Load, 0x0000_4003 / 0x0000_707f;
        /// `rd = zext(mem16[rs1 + imm])`
        Lhu = "lhu", Load, 0x0000_5003 / 0x0000_707f;
        /// `rd = zext(mem32[rs1 + imm])`
        Lwu = "lwu", Load, 0x0000_6003 / 0x0000_707f;
        /// `mem8[rs1 + imm] = rs2`
        Sb = "sb", Store, 0x0000_0023 / 0x0000_707f;
        /// `mem16[rs1 + imm] = rs2`
        Sh = "sh", Store, 0x0000_1023 / 0x0000_707f;
        /// `mem32[rs1 + imm] = rs2`
        Sw = "sw", Store, 0x0000_2023 / 0x0000_707f;
        /// `mem64[rs1 + imm] = rs2`
        Sd = "sd", Store, 0x0000_3023 / 0x0000_707f;
        /// `rd = rs1 + imm`
        Addi = "addi", I, 0x0000_0013 / 0x0000_707f;
        /// `rd = rs1 < imm`, signed.
        Slti = "slti", I, 0x0000_2013 / 0x0000_707f;
        /// `rd = rs1 < imm`, unsigned, the immediate being sign-extended first.
        Sltiu = "sltiu", I, 0x0000_3013 / 0x0000_707f;
        /// `rd = rs1 ^ imm`
        Xori = "xori", I, 0x0000_4013 / 0x0000_707f;
        /// `rd = rs1 | imm`
        Ori = "ori", I, 0x0000_6013 / 0x0000_707f;
        /// `rd = rs1 & imm`
        Andi = "andi", I, 0x0000_7013 / 0x0000_707f;
        /// `rd = rs1 << imm`
        Slli = "slli", Shift, 0x0000_1013 / 0xfc00_707f;
        /// `rd = rs1 >> imm`, shifting in zeros.
        Srli = "srli", Shift, 0x0000_5013 / 0xfc00_707f;
        /// `rd = rs1 >> imm`, shifting in the sign.
        Srai = "srai", Shift, 0x4000_5013 / 0xfc00_707f;
        /// `rd = rs1 + rs2`
        Add = "add", R, 0x0000_0033 / 0xfe00_707f;
        /// `rd = rs1 - rs2`
        Sub = "sub", R, 0x4000_0033 / 0xfe00_707f;
        /// `rd = rs1 << rs2[5:0]`
        Sll = "sll", R, 0x0000_1033 / 0xfe00_707f;
        /// `rd = rs1 < rs2`, signed.
        Slt = "slt", R, 0x0000_2033 / 0xfe00_707f;
        /// `rd = rs1 < rs2`, unsigned.
        Sltu = "sltu", R, 0x0000_3033 / 0xfe00_707f;
        /// `rd = rs1 ^ rs2`
        Xor = "xor", R, 0x0000_4033 / 0xfe00_707f;
        /// `rd = rs1 >> rs2[5:0]`, shifting in zeros.
        Srl = "srl", R, 0x0000_5033 / 0xfe00_707f;
        /// `rd = rs1 >> rs2[5:0]`, shifting in the sign.
        Sra = "sra", R, 0x4000_5033 / 0xfe00_707f;
        /// `rd = rs1 | rs2`
        Or = "or", R, 0x0000_6033 / 0xfe00_707f;
        /// `rd = rs1 & rs2`
        And = "and", R, 0x0000_7033 / 0xfe00_707f;
        /// `rd = sext((rs1 + imm)[31:0])`
        Addiw = "addiw", I, 0x0000_001b / 0x0000_707f;
        /// `rd = sext((rs1 << imm)[31:0])`
        Slliw = "slliw", ShiftW, 0x0000_101b / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] >> imm)`, shifting in zeros.
        Srliw = "srliw", ShiftW, 0x0000_501b / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] >> imm)`, shifting in the sign.
        Sraiw = "sraiw", ShiftW, 0x4000_501b / 0xfe00_707f;
        /// `rd = sext((rs1 + rs2)[31:0])`
        Addw = "addw", R, 0x0000_003b / 0xfe00_707f;
        /// `rd = sext((rs1 - rs2)[31:0])`
        Subw = "subw", R, 0x4000_003b / 0xfe00_707f;
        /// `rd = sext((rs1 << rs2[4:0])[31:0])`
        Sllw = "sllw", R, 0x0000_103b / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] >> rs2[4:0])`, shifting in zeros.
        Srlw = "srlw", R, 0x0000_503b / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] >> rs2[4:0])`, shifting in the sign.
        Sraw = "sraw", R, 0x4000_503b / 0xfe00_707f;
        /// Orders the accesses of the predecessor set before those of the successor set. Reserved fields are ignored.
        Fence = "fence", Fence, 0x0000_000f / 0x0000_707f;
        /// Traps to the execution environment.
        Ecall = "ecall", Bare, 0x0000_0073 / 0xffff_ffff;
        /// Traps to the debugger.
        Ebreak = "ebreak", Bare, 0x0010_0073 / 0xffff_ffff;
    }

    /// Integer multiplication and division: M.
    M {
        /// `rd = (rs1 * rs2)[63:0]`
        Mul = "mul", R, 0x0200_0033 / 0xfe00_707f;
        /// `rd = (rs1 * rs2)[127:64]`, both signed.
        Mulh = "mulh", R, 0x0200_1033 / 0xfe00_707f;
        /// `rd = (rs1 * rs2)[127:64]`, `rs1` signed and `rs2` unsigned.
        Mulhsu = "mulhsu", R, 0x0200_2033 / 0xfe00_707f;
        /// `rd = (rs1 * rs2)[127:64]`, both unsigned.
        Mulhu = "mulhu", R, 0x0200_3033 / 0xfe00_707f;
        /// `rd = rs1 / rs2`, signed, rounding toward zero.
        Div = "div", R, 0x0200_4033 / 0xfe00_707f;
        /// `rd = rs1 / rs2`, unsigned.
        Divu = "divu", R, 0x0200_5033 / 0xfe00_707f;
        /// `rd = rs1 % rs2`, signed, with the sign of the dividend.
        Rem = "rem", R, 0x0200_6033 / 0xfe00_707f;
        /// `rd = rs1 % rs2`, unsigned.
        Remu = "remu", R, 0x0200_7033 / 0xfe00_707f;
        /// `rd = sext((rs1 * rs2)[31:0])`
        Mulw = "mulw", R, 0x0200_003b / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] / rs2[31:0])`, signed, rounding toward zero.
        Divw = "divw", R, 0x0200_403b / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] / rs2[31:0])`, unsigned.
        Divuw = "divuw", R, 0x0200_503b / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] % rs2[31:0])`, signed, with the sign of the dividend.
        Remw = "remw", R, 0x0200_603b / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] % rs2[31:0])`, unsigned.
        Remuw = "remuw", R, 0x0200_703b / 0xfe00_707f;
    }

    /// Atomic memory operations: A.
    A {
        /// `rd = sext(mem32[rs1])`, and reserves the bytes read.
        LrW = "lr.w", Lr, 0x1000_202f / 0xf9f0_707f;
        /// `mem32[rs1] = rs2; rd = 0` when the reservation still holds, else `rd = 1`.
        ScW = "sc.w", Amo, 0x1800_202f / 0xf800_707f;
        /// `rd = old; mem32[rs1] = rs2`, atomically.
        AmoswapW = "amoswap.w", Amo, 0x0800_202f / 0xf800_707f;
        /// `rd = old; mem32[rs1] = old + rs2`, atomically.
        AmoaddW = "amoadd.w", Amo, 0x0000_202f / 0xf800_707f;
        /// `rd = old; mem32[rs1] = old ^ rs2`, atomically.
        AmoxorW = "amoxor.w", Amo, 0x2000_202f / 0xf800_707f;
        /// `rd = old; mem32[rs1] = old & rs2`, atomically.
        AmoandW = "amoand.w", Amo, 0x6000_202f / 0xf800_707f;
        /// `rd = old; mem32[rs1] = old | rs2`, atomically.
        AmoorW = "amoor.w", Amo, 0x4000_202f / 0xf800_707f;
        /// `rd = old; mem32[rs1] = min(old, rs2)`, signed, atomically.
        AmominW = "amomin.w", Amo, 0x8000_202f / 0xf800_707f;
        /// `rd = old; mem32[rs1] = max(old, rs2)`, signed, atomically.
        AmomaxW = "amomax.w", Amo, 0xa000_202f / 0xf800_707f;
        /// `rd = old; mem32[rs1] = min(old, rs2)`, unsigned, atomically.
        AmominuW = "amominu.w", Amo, 0xc000_202f / 0xf800_707f;
        /// `rd = old; mem32[rs1] = max(old, rs2)`, unsigned, atomically.
        AmomaxuW = "amomaxu.w", Amo, 0xe000_202f / 0xf800_707f;
        /// `rd = mem64[rs1]`, and reserves the bytes read.
        LrD = "lr.d", Lr, 0x1000_302f / 0xf9f0_707f;
        /// `mem64[rs1] = rs2; rd = 0` when the reservation still holds, else `rd = 1`.
        ScD = "sc.d", Amo, 0x1800_302f / 0xf800_707f;
        /// `rd = old; mem64[rs1] = rs2`, atomically.
        AmoswapD = "amoswap.d", Amo, 0x0800_302f / 0xf800_707f;
        /// `rd = old; mem64[rs1] = old + rs2`, atomically.
        AmoaddD = "amoadd.d", Amo, 0x0000_302f / 0xf800_707f;
        /// `rd = old; mem64[rs1] = old ^ rs2`, atomically.
        AmoxorD = "amoxor.d", Amo, 0x2000_302f / 0xf800_707f;
        /// `rd = old; mem64[rs1] = old & rs2`, atomically.
        AmoandD = "amoand.d", Amo, 0x6000_302f / 0xf800_707f;
        /// `rd = old; mem64[rs1] = old | rs2`, atomically.
        AmoorD = "amoor.d", Amo, 0x4000_302f / 0xf800_707f;
        /// `rd = old; mem64[rs1] = min(old, rs2)`, signed, atomically.
        AmominD = "amomin.d", Amo, 0x8000_302f / 0xf800_707f;
        /// `rd = old; mem64[rs1] = max(old, rs2)`, signed, atomically.
        AmomaxD = "amomax.d", Amo, 0xa000_302f / 0xf800_707f;
        /// `rd = old; mem64[rs1] = min(old, rs2)`, unsigned, atomically.
        AmominuD = "amominu.d", Amo, 0xc000_302f / 0xf800_707f;
        /// `rd = old; mem64[rs1] = max(old, rs2)`, unsigned, atomically.
        AmomaxuD = "amomaxu.d", Amo, 0xe000_302f / 0xf800_707f;
    }

    /// Single-precision floating point: F.
    F {
        /// `rd = mem32[rs1 + imm]`, boxed in ones.
        Flw = "flw", FLoad, 0x0000_2007 / 0x0000_707f;
        /// `mem32[rs1 + imm] = rs2[31:0]`
        Fsw = "fsw", FStore, 0x0000_2027 / 0x0000_707f;
        /// `rd = rs1 * rs2 + rs3`, rounded once.
        FmaddS = "fmadd.s", Fma, 0x0000_0043 / 0x0600_007f;
        /// `rd = rs1 * rs2 - rs3`, rounded once.
        FmsubS = "fmsub.s", Fma, 0x0000_0047 / 0x0600_007f;
        /// `rd = -(rs1 * rs2) + rs3`, rounded once.
        FnmsubS = "fnmsub.s", Fma, 0x0000_004b / 0x0600_007f;
        /// `rd = -(rs1 * rs2) - rs3`, rounded once.
        FnmaddS = "fnmadd.s", Fma, 0x0000_004f / 0x0600_007f;
        /// `rd = rs1 + rs2`
        FaddS = "fadd.s", FArith, 0x0000_0053 / 0xfe00_007f;
        /// `rd = rs1 - rs2`
        FsubS = "fsub.s", FArith, 0x0800_0053 / 0xfe00_007f;
        /// `rd = rs1 * rs2`
        FmulS = "fmul.s", FArith, 0x1000_0053 / 0xfe00_007f;
        /// `rd = rs1 / rs2`
        FdivS = "fdiv.s", FArith, 0x1800_0053 / 0xfe00_007f;
        /// `rd = sqrt(rs1)`
        FsqrtS = "fsqrt.s", FConvert, 0x5800_0053 / 0xfff0_007f;
        /// `rd = rs1` with the sign of `rs2`.
        FsgnjS = "fsgnj.s", FBinary, 0x2000_0053 / 0xfe00_707f;
        /// `rd = rs1` with the opposite of the sign of `rs2`.
        FsgnjnS = "fsgnjn.s", FBinary, 0x2000_1053 / 0xfe00_707f;
        /// `rd = rs1` with the product of both signs.
        FsgnjxS = "fsgnjx.s", FBinary, 0x2000_2053 / 0xfe00_707f;
        /// `rd = minimumNumber(rs1, rs2)` of IEEE 754-2019.
        FminS = "fmin.s", FBinary, 0x2800_0053 / 0xfe00_707f;
        /// `rd = maximumNumber(rs1, rs2)` of IEEE 754-2019.
        FmaxS = "fmax.s", FBinary, 0x2800_1053 / 0xfe00_707f;
        /// `rd = rs1 <= rs2`, signalling on any NaN.
        FleS = "fle.s", FCompare, 0xa000_0053 / 0xfe00_707f;
        /// `rd = rs1 < rs2`, signalling on any NaN.
        FltS = "flt.s", FCompare, 0xa000_1053 / 0xfe00_707f;
        /// `rd = rs1 == rs2`, quiet.
        FeqS = "feq.s", FCompare, 0xa000_2053 / 0xfe00_707f;
        /// `rd = sext(i32(rs1))`, saturating.
        FcvtWS = "fcvt.w.s", FToInt, 0xc000_0053 / 0xfff0_007f;
        /// `rd = sext(u32(rs1))`, saturating.
        FcvtWuS = "fcvt.wu.s", FToInt, 0xc010_0053 / 0xfff0_007f;
        /// `rd = i64(rs1)`, saturating.
        FcvtLS = "fcvt.l.s", FToInt, 0xc020_0053 / 0xfff0_007f;
        /// `rd = u64(rs1)`, saturating.
        FcvtLuS = "fcvt.lu.s", FToInt, 0xc030_0053 / 0xfff0_007f;
        /// `rd = single(i32 in rs1[31:0])`
        FcvtSW = "fcvt.s.w", FFromInt, 0xd000_0053 / 0xfff0_007f;
        /// `rd = single(u32 in rs1[31:0])`
        FcvtSWu = "fcvt.s.wu", FFromInt, 0xd010_0053 / 0xfff0_007f;
        /// `rd = single(i64 in rs1)`
        FcvtSL = "fcvt.s.l", FFromInt, 0xd020_0053 / 0xfff0_007f;
        /// `rd = single(u64 in rs1)`
        FcvtSLu = "fcvt.s.lu", FFromInt, 0xd030_0053 / 0xfff0_007f;
        /// `rd = sext(rs1[31:0])`, the bits unchanged.
        FmvXW = "fmv.x.w", FMoveToInt, 0xe000_0053 / 0xfff0_707f;
        /// `rd = 1 << class of rs1`
        FclassS = "fclass.s", FMoveToInt, 0xe000_1053 / 0xfff0_707f;
        /// `rd = rs1[31:0]`, boxed in ones.
        FmvWX = "fmv.w.x", FMoveFromInt, 0xf000_0053 / 0xfff0_707f;
    }

    /// Double-precision floating point: D.
    D {
        /// `rd = mem64[rs1 + imm]`
        Fld = "fld", FLoad, 0x0000_3007 / 0x0000_707f;
        /// `mem64[rs1 + imm] = rs2`
        Fsd = "fsd", FStore, 0x0000_3027 / 0x0000_707f;
        /// `rd = rs1 * rs2 + rs3`, rounded once.
        FmaddD = "fmadd.d", Fma, 0x0200_0043 / 0x0600_007f;
        /// `rd = rs1 * rs2 - rs3`, rounded once.
        FmsubD = "fmsub.d", Fma, 0x0200_0047 / 0x0600_007f;
        /// `rd = -(rs1 * rs2) + rs3`, rounded once.
        FnmsubD = "fnmsub.d", Fma, 0x0200_004b / 0x0600_007f;
        /// `rd = -(rs1 * rs2) - rs3`, rounded once.
        FnmaddD = "fnmadd.d", Fma, 0x0200_004f / 0x0600_007f;
        /// `rd = rs1 + rs2`
        FaddD = "fadd.d", FArith, 0x0200_0053 / 0xfe00_007f;
        /// `rd = rs1 - rs2`
        FsubD = "fsub.d", FArith, 0x0a00_0053 / 0xfe00_007f;
        /// `rd = rs1 * rs2`
        FmulD = "fmul.d", FArith, 0x1200_0053 / 0xfe00_007f;
        /// `rd = rs1 / rs2`
        FdivD = "fdiv.d", FArith, 0x1a00_0053 / 0xfe00_007f;
        /// `rd = sqrt(rs1)`
        FsqrtD = "fsqrt.d", FConvert, 0x5a00_0053 / 0xfff0_007f;
        /// `rd = rs1` with the sign of `rs2`.
        FsgnjD = "fsgnj.d", FBinary, 0x2200_0053 / 0xfe00_707f;
        /// `rd = rs1` with the opposite of the sign of `rs2`.
        FsgnjnD = "fsgnjn.d", FBinary, 0x2200_1053 / 0xfe00_707f;
        /// `rd = rs1` with the product of both signs.
        FsgnjxD = "fsgnjx.d", FBinary, 0x2200_2053 / 0xfe00_707f;
        /// `rd = minimumNumber(rs1, rs2)` of IEEE 754-2019.
        FminD = "fmin.d", FBinary, 0x2a00_0053 / 0xfe00_707f;
        /// `rd = maximumNumber(rs1, rs2)` of IEEE 754-2019.
        FmaxD = "fmax.d", FBinary, 0x2a00_1053 / 0xfe00_707f;
        /// `rd = rs1 <= rs2`, signalling on any NaN.
        FleD = "fle.d", FCompare, 0xa200_0053 / 0xfe00_707f;
        /// `rd = rs1 < rs2`, signalling on any NaN.
        FltD = "flt.d", FCompare, 0xa200_1053 / 0xfe00_707f;
        /// `rd = rs1 == rs2`, quiet.
        FeqD = "feq.d", FCompare, 0xa200_2053 / 0xfe00_707f;
        /// `rd = single(rs1)`
        FcvtSD = "fcvt.s.d", FConvert, 0x4010_0053 / 0xfff0_007f;
        /// `rd = double(rs1)`, exact.
        FcvtDS = "fcvt.d.s", FConvert, 0x4200_0053 / 0xfff0_007f;
        /// `rd = sext(i32(rs1))`, saturating.
        FcvtWD = "fcvt.w.d", FToInt, 0xc200_0053 / 0xfff0_007f;
        /// `rd = sext(u32(rs1))`, saturating.
        FcvtWuD = "fcvt.wu.d", FToInt, 0xc210_0053 / 0xfff0_007f;
        /// `rd = i64(rs1)`, saturating.
        FcvtLD = "fcvt.l.d", FToInt, 0xc220_0053 / 0xfff0_007f;
        /// `rd = u64(rs1)`, saturating.
        FcvtLuD = "fcvt.lu.d", FToInt, 0xc230_0053 / 0xfff0_007f;
        /// `rd = double(i32 in rs1[31:0])`, exact.
        FcvtDW = "fcvt.d.w", FFromInt, 0xd200_0053 / 0xfff0_007f;
        /// `rd = double(u32 in rs1[31:0])`, exact.
        FcvtDWu = "fcvt.d.wu", FFromInt, 0xd210_0053 / 0xfff0_007f;
        /// `rd = double(i64 in rs1)`
        FcvtDL = "fcvt.d.l", FFromInt, 0xd220_0053 / 0xfff0_007f;
        /// `rd = double(u64 in rs1)`
        FcvtDLu = "fcvt.d.lu", FFromInt, 0xd230_0053 / 0xfff0_007f;
        /// `rd = rs1`, the bits unchanged.
        FmvXD = "fmv.x.d", FMoveToInt, 0xe200_0053 / 0xfff0_707f;
        /// `rd = 1 << class of rs1`
        FclassD = "fclass.d", FMoveToInt, 0xe200_1053 / 0xfff0_707f;
        /// `rd = rs1`, the bits unchanged.
        FmvDX = "fmv.d.x", FMoveFromInt, 0xf200_0053 / 0xfff0_707f;
    }

    /// Cache-block management: Zicbom. There are no caches between harts and memory: only rights are checked.
    Zicbom {
        /// Drops the cache block that holds address `rs1`.
        CboInval = "cbo.inval", CacheBlock, 0x0000_200f / 0xfff0_7fff;
        /// Writes the cache block that holds address `rs1` back.
        CboClean = "cbo.clean", CacheBlock, 0x0010_200f / 0xfff0_7fff;
        /// Writes the cache block that holds address `rs1` back, and drops it.
        CboFlush = "cbo.flush", CacheBlock, 0x0020_200f / 0xfff0_7fff;
    }

    /// Cache-block zeroing: Zicboz.
    Zicboz {
        /// Stores zeros to the 64 aligned bytes that hold address `rs1`.
        CboZero = "cbo.zero", CacheBlock, 0x0040_200f / 0xfff0_7fff;
    }

    /// Integer conditional operations: Zicond.
    Zicond {
        /// `rd = 0` when `rs2 == 0`, else `rd = rs1`.
        CzeroEqz = "czero.eqz", R, 0x0e00_5033 / 0xfe00_707f;
        /// `rd = 0` when `rs2 != 0`, else `rd = rs1`.
        CzeroNez = "czero.nez", R, 0x0e00_7033 / 0xfe00_707f;
    }

    /// Control and status registers: Zicsr.
    Zicsr {
        /// `rd = csr; csr = rs1`
        Csrrw = "csrrw", Csr, 0x0000_1073 / 0x0000_707f;
        /// `rd = csr; csr = csr | rs1`, writing nothing when `rs1` is `x0`.
        Csrrs = "csrrs", Csr, 0x0000_2073 / 0x0000_707f;
        /// `rd = csr; csr = csr & !rs1`, writing nothing when `rs1` is `x0`.
        Csrrc = "csrrc", Csr, 0x0000_3073 / 0x0000_707f;
        /// `rd = csr; csr = uimm`
        Csrrwi = "csrrwi", CsrImm, 0x0000_5073 / 0x0000_707f;
        /// `rd = csr; csr = csr | uimm`, writing nothing when `uimm` is 0.
        Csrrsi = "csrrsi", CsrImm, 0x0000_6073 / 0x0000_707f;
        /// `rd = csr; csr = csr & !uimm`, writing nothing when `uimm` is 0.
        Csrrci = "csrrci", CsrImm, 0x0000_7073 / 0x0000_707f;
    }

    /// Instruction-fetch fence: Zifencei.
    Zifencei {
        /// Makes this hart's earlier stores visible to its fetches. Reserved fields are ignored.
        FenceI = "fence.i", Bare, 0x0000_100f / 0x0000_707f;
    }

    /// Waiting on a reservation set: Zawrs. They may end at any time, and end at once.
    Zawrs {
        /// Waits until the reservation may be gone, without a limit of its own.
        WrsNto = "wrs.nto", Bare, 0x00d0_0073 / 0xffff_ffff;
        /// Waits until the reservation may be gone, for a short time.
        WrsSto = "wrs.sto", Bare, 0x01d0_0073 / 0xffff_ffff;
    }

    /// Additional floating-point instructions: Zfa.
    Zfa {
        /// `rd` = the constant that the 5 bits of `rs1` number.
        FliS = "fli.s", FLiteral, 0xf010_0053 / 0xfff0_707f;
        /// `rd = minimum(rs1, rs2)` of IEEE 754-2019: a NaN wins.
        FminmS = "fminm.s", FBinary, 0x2800_2053 / 0xfe00_707f;
        /// `rd = maximum(rs1, rs2)` of IEEE 754-2019: a NaN wins.
        FmaxmS = "fmaxm.s", FBinary, 0x2800_3053 / 0xfe00_707f;
        /// `rd = rs1` rounded to an integer, never raising inexact.
        FroundS = "fround.s", FConvert, 0x4040_0053 / 0xfff0_007f;
        /// `rd = rs1` rounded to an integer, raising inexact where that changes it.
        FroundnxS = "froundnx.s", FConvert, 0x4050_0053 / 0xfff0_007f;
        /// `rd = rs1 <= rs2`, quiet.
        FleqS = "fleq.s", FCompare, 0xa000_4053 / 0xfe00_707f;
        /// `rd = rs1 < rs2`, quiet.
        FltqS = "fltq.s", FCompare, 0xa000_5053 / 0xfe00_707f;
        /// `rd` = the constant that the 5 bits of `rs1` number.
        FliD = "fli.d", FLiteral, 0xf210_0053 / 0xfff0_707f;
        /// `rd = minimum(rs1, rs2)` of IEEE 754-2019: a NaN wins.
        FminmD = "fminm.d", FBinary, 0x2a00_2053 / 0xfe00_707f;
        /// `rd = maximum(rs1, rs2)` of IEEE 754-2019: a NaN wins.
        FmaxmD = "fmaxm.d", FBinary, 0x2a00_3053 / 0xfe00_707f;
        /// `rd = rs1` rounded to an integer, never raising inexact.
        FroundD = "fround.d", FConvert, 0x4240_0053 / 0xfff0_007f;
        /// `rd = rs1` rounded to an integer, raising inexact where that changes it.
        FroundnxD = "froundnx.d", FConvert, 0x4250_0053 / 0xfff0_007f;
        /// `rd = rs1 <= rs2`, quiet.
        FleqD = "fleq.d", FCompare, 0xa200_4053 / 0xfe00_707f;
        /// `rd = rs1 < rs2`, quiet.
        FltqD = "fltq.d", FCompare, 0xa200_5053 / 0xfe00_707f;
        /// `rd = sext(rs1 as an integer modulo 2^32)`, rounding toward zero; 0 of what is not finite.
        FcvtmodWD = "fcvtmod.w.d", FMoveToInt, 0xc280_1053 / 0xfff0_707f;
    }

    /// Half precision, minimal: Zfhmin.
    Zfhmin {
        /// `rd = mem16[rs1 + imm]`, boxed in ones.
        Flh = "flh", FLoad, 0x0000_1007 / 0x0000_707f;
        /// `mem16[rs1 + imm] = rs2[15:0]`
        Fsh = "fsh", FStore, 0x0000_1027 / 0x0000_707f;
        /// `rd = single(half rs1)`, exact.
        FcvtSH = "fcvt.s.h", FConvert, 0x4020_0053 / 0xfff0_007f;
        /// `rd = half(single rs1)`
        FcvtHS = "fcvt.h.s", FConvert, 0x4400_0053 / 0xfff0_007f;
        /// `rd = double(half rs1)`, exact.
        FcvtDH = "fcvt.d.h", FConvert, 0x4220_0053 / 0xfff0_007f;
        /// `rd = half(double rs1)`
        FcvtHD = "fcvt.h.d", FConvert, 0x4410_0053 / 0xfff0_007f;
        /// `rd = sext(rs1[15:0])`, the bits unchanged.
        FmvXH = "fmv.x.h", FMoveToInt, 0xe400_0053 / 0xfff0_707f;
        /// `rd = rs1[15:0]`, boxed in ones.
        FmvHX = "fmv.h.x", FMoveFromInt, 0xf400_0053 / 0xfff0_707f;
    }

    /// Address generation: Zba.
    Zba {
        /// `rd = rs2 + zext(rs1[31:0])`
        AddUw = "add.uw", R, 0x0800_003b / 0xfe00_707f;
        /// `rd = rs2 + (rs1 << 1)`
        Sh1add = "sh1add", R, 0x2000_2033 / 0xfe00_707f;
        /// `rd = rs2 + (rs1 << 2)`
        Sh2add = "sh2add", R, 0x2000_4033 / 0xfe00_707f;
        /// `rd = rs2 + (rs1 << 3)`
        Sh3add = "sh3add", R, 0x2000_6033 / 0xfe00_707f;
        /// `rd = rs2 + (zext(rs1[31:0]) << 1)`
        Sh1addUw = "sh1add.uw", R, 0x2000_203b / 0xfe00_707f;
        /// `rd = rs2 + (zext(rs1[31:0]) << 2)`
        Sh2addUw = "sh2add.uw", R, 0x2000_403b / 0xfe00_707f;
        /// `rd = rs2 + (zext(rs1[31:0]) << 3)`
        Sh3addUw = "sh3add.uw", R, 0x2000_603b / 0xfe00_707f;
        /// `rd = zext(rs1[31:0]) << imm`
        SlliUw = "slli.uw", Shift, 0x0800_101b / 0xfc00_707f;
    }

    /// Basic bit manipulation: Zbb.
    Zbb {
        /// `rd = rs1 & !rs2`
        Andn = "andn", R, 0x4000_7033 / 0xfe00_707f;
        /// `rd = rs1 | !rs2`
        Orn = "orn", R, 0x4000_6033 / 0xfe00_707f;
        /// `rd = !(rs1 ^ rs2)`
        Xnor = "xnor", R, 0x4000_4033 / 0xfe00_707f;
        /// `rd` = the number of zeros above the highest one in `rs1`.
        Clz = "clz", Unary, 0x6000_1013 / 0xfff0_707f;
        /// `rd` = the number of zeros above the highest one in `rs1[31:0]`.
        Clzw = "clzw", Unary, 0x6000_101b / 0xfff0_707f;
        /// `rd` = the number of zeros below the lowest one in `rs1`.
        Ctz = "ctz", Unary, 0x6010_1013 / 0xfff0_707f;
        /// `rd` = the number of zeros below the lowest one in `rs1[31:0]`.
        Ctzw = "ctzw", Unary, 0x6010_101b / 0xfff0_707f;
        /// `rd` = the number of ones in `rs1`.
        Cpop = "cpop", Unary, 0x6020_1013 / 0xfff0_707f;
        /// `rd` = the number of ones in `rs1[31:0]`.
        Cpopw = "cpopw", Unary, 0x6020_101b / 0xfff0_707f;
        /// `rd = max(rs1, rs2)`, signed.
        Max = "max", R, 0x0a00_6033 / 0xfe00_707f;
        /// `rd = max(rs1, rs2)`, unsigned.
        Maxu = "maxu", R, 0x0a00_7033 / 0xfe00_707f;
        /// `rd = min(rs1, rs2)`, signed.
        Min = "min", R, 0x0a00_4033 / 0xfe00_707f;
        /// `rd = min(rs1, rs2)`, unsigned.
        Minu = "minu", R, 0x0a00_5033 / 0xfe00_707f;
        /// `rd = sext(rs1[7:0])`
        SextB = "sext.b", Unary, 0x6040_1013 / 0xfff0_707f;
        /// `rd = sext(rs1[15:0])`
        SextH = "sext.h", Unary, 0x6050_1013 / 0xfff0_707f;
        /// `rd = zext(rs1[15:0])`
        ZextH = "zext.h", Unary, 0x0800_403b / 0xfff0_707f;
        /// `rd = rs1` rotated left by `rs2[5:0]`.
        Rol = "rol", R, 0x6000_1033 / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] rotated left by rs2[4:0])`
        Rolw = "rolw", R, 0x6000_103b / 0xfe00_707f;
        /// `rd = rs1` rotated right by `rs2[5:0]`.
        Ror = "ror", R, 0x6000_5033 / 0xfe00_707f;
        /// `rd = rs1` rotated right by `imm`.
        Rori = "rori", Shift, 0x6000_5013 / 0xfc00_707f;
        /// `rd = sext(rs1[31:0] rotated right by imm)`
        Roriw = "roriw", ShiftW, 0x6000_501b / 0xfe00_707f;
        /// `rd = sext(rs1[31:0] rotated right by rs2[4:0])`
        Rorw = "rorw", R, 0x6000_503b / 0xfe00_707f;
        /// Each byte of `rd` is 0 where that of `rs1` is, else all ones.
        OrcB = "orc.b", Unary, 0x2870_5013 / 0xfff0_707f;
        /// `rd` = the bytes of `rs1` in reverse order.
        Rev8 = "rev8", Unary, 0x6b80_5013 / 0xfff0_707f;
    }

    /// Carry-less multiplication: Zbc.
    Zbc {
        /// `rd` = bits 63 to 0 of the carry-less product.
        Clmul = "clmul", R, 0x0a00_1033 / 0xfe00_707f;
        /// `rd` = bits 127 to 64 of the carry-less product.
        Clmulh = "clmulh", R, 0x0a00_3033 / 0xfe00_707f;
        /// `rd` = bits 126 to 63 of the carry-less product.
        Clmulr = "clmulr", R, 0x0a00_2033 / 0xfe00_707f;
    }

    /// Single-bit instructions: Zbs.
    Zbs {
        /// `rd` = `rs1` without bit `rs2[5:0]`.
        Bclr = "bclr", R, 0x4800_1033 / 0xfe00_707f;
        /// `rd` = `rs1` without bit `imm`.
        Bclri = "bclri", Shift, 0x4800_1013 / 0xfc00_707f;
        /// `rd` = bit `rs2[5:0]` of `rs1`.
        Bext = "bext", R, 0x4800_5033 / 0xfe00_707f;
        /// `rd` = bit `imm` of `rs1`.
        Bexti = "bexti", Shift, 0x4800_5013 / 0xfc00_707f;
        /// `rd` = `rs1` with bit `rs2[5:0]` inverted.
        Binv = "binv", R, 0x6800_1033 / 0xfe00_707f;
        /// `rd` = `rs1` with bit `imm` inverted.
        Binvi = "binvi", Shift, 0x6800_1013 / 0xfc00_707f;
        /// `rd` = `rs1` with bit `rs2[5:0]` set.
        Bset = "bset", R, 0x2800_1033 / 0xfe00_707f;
        /// `rd` = `rs1` with bit `imm` set.
        Bseti = "bseti", Shift, 0x2800_1013 / 0xfc00_707f;
    }

    /// Fine-grained invalidation of translations: Svinval.
    Svinval {
        /// Invalidates translations as `sfence.vma` does, between the two fences below.
        SinvalVma = "sinval.vma", Sfence, 0x1600_0073 / 0xfe00_7fff;
        /// Orders page-table stores before invalidations that follow.
        SfenceWInval = "sfence.w.inval", Bare, 0x1800_0073 / 0xffff_ffff;
        /// Orders invalidations before translations that follow.
        SfenceInvalIr = "sfence.inval.ir", Bare, 0x1810_0073 / 0xffff_ffff;
    }

    /// Trap return and supervisor memory management: the privileged architecture.
    Privileged {
        /// Returns from a trap taken into S-mode: `pc = sepc`.
        Sret = "sret", Bare, 0x1020_0073 / 0xffff_ffff;
        /// Returns from a trap taken into M-mode: `pc = mepc`.
        Mret = "mret", Bare, 0x3020_0073 / 0xffff_ffff;
        /// Waits until an interrupt is pending, or for no time at all.
        Wfi = "wfi", Bare, 0x1050_0073 / 0xffff_ffff;
        /// Orders page-table stores before later translations, of address `rs1` and ASID `rs2` when those are not `x0`.
        SfenceVma = "sfence.vma", Sfence, 0x1200_0073 / 0xfe00_7fff;
    }
}
