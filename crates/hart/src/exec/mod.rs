//! What every instruction does.
//!
//! [`Hart::execute`] is the one exhaustive list. It writes nothing architectural before the last thing that can trap,
//! and returns the address of the next instruction; `pc` is the address of this one meanwhile.

mod atomic;
mod float;
mod memory;
mod system;

use crate::float::{self as fp, Binary, Fused};
use crate::trap::{Exception, Trap};
use crate::{Hart, Shared, alu, bytes};
use softfloat_wrapper::{F32, F64, Float};
use tine_isa::{Insn, Op};
use tine_mmu::{Ram, VirtAddr};

impl Hart {
    /// Executes one instruction and returns the address of the next.
    pub(crate) fn execute(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        insn: &Insn,
    ) -> Result<VirtAddr, Trap> {
        let next = self.pc + u64::from(insn.len);
        match insn.op {
            Op::Lui => self.set_x(insn.rd, immediate(insn)),
            Op::Auipc => self.set_x(insn.rd, (self.pc + immediate(insn)).0),
            Op::Jal => {
                self.set_x(insn.rd, next.0);
                return Ok(self.pc + immediate(insn));
            }
            Op::Jalr => {
                // The target is computed first: rd may be rs1.
                let target = self.x(insn.rs1).wrapping_add(immediate(insn)) & !1;
                self.set_x(insn.rd, next.0);
                return Ok(VirtAddr(target));
            }
            Op::Beq => return Ok(self.branch(insn, alu::eq)),
            Op::Bne => return Ok(self.branch(insn, alu::ne)),
            Op::Blt => return Ok(self.branch(insn, alu::lt)),
            Op::Bge => return Ok(self.branch(insn, alu::ge)),
            Op::Bltu => return Ok(self.branch(insn, alu::ltu)),
            Op::Bgeu => return Ok(self.branch(insn, alu::geu)),

            Op::Lb => self.load_x(ram, insn, bytes::lb)?,
            Op::Lh => self.load_x(ram, insn, bytes::lh)?,
            Op::Lw => self.load_x(ram, insn, bytes::lw)?,
            Op::Ld => self.load_x(ram, insn, bytes::ld)?,
            Op::Lbu => self.load_x(ram, insn, bytes::lbu)?,
            Op::Lhu => self.load_x(ram, insn, bytes::lhu)?,
            Op::Lwu => self.load_x(ram, insn, bytes::lwu)?,
            Op::Sb => self.store_x::<1>(ram, shared, insn)?,
            Op::Sh => self.store_x::<2>(ram, shared, insn)?,
            Op::Sw => self.store_x::<4>(ram, shared, insn)?,
            Op::Sd => self.store_x::<8>(ram, shared, insn)?,

            Op::Addi => self.reg_imm(insn, alu::add),
            Op::Slti => self.reg_imm(insn, alu::slt),
            Op::Sltiu => self.reg_imm(insn, alu::sltu),
            Op::Xori => self.reg_imm(insn, alu::xor),
            Op::Ori => self.reg_imm(insn, alu::or),
            Op::Andi => self.reg_imm(insn, alu::and),
            Op::Slli => self.reg_imm(insn, alu::sll),
            Op::Srli => self.reg_imm(insn, alu::srl),
            Op::Srai => self.reg_imm(insn, alu::sra),
            Op::Addiw => self.reg_imm(insn, alu::addw),
            Op::Slliw => self.reg_imm(insn, alu::sllw),
            Op::Srliw => self.reg_imm(insn, alu::srlw),
            Op::Sraiw => self.reg_imm(insn, alu::sraw),
            Op::Add => self.reg_reg(insn, alu::add),
            Op::Sub => self.reg_reg(insn, alu::sub),
            Op::Sll => self.reg_reg(insn, alu::sll),
            Op::Slt => self.reg_reg(insn, alu::slt),
            Op::Sltu => self.reg_reg(insn, alu::sltu),
            Op::Xor => self.reg_reg(insn, alu::xor),
            Op::Srl => self.reg_reg(insn, alu::srl),
            Op::Sra => self.reg_reg(insn, alu::sra),
            Op::Or => self.reg_reg(insn, alu::or),
            Op::And => self.reg_reg(insn, alu::and),
            Op::Addw => self.reg_reg(insn, alu::addw),
            Op::Subw => self.reg_reg(insn, alu::subw),
            Op::Sllw => self.reg_reg(insn, alu::sllw),
            Op::Srlw => self.reg_reg(insn, alu::srlw),
            Op::Sraw => self.reg_reg(insn, alu::sraw),
            Op::Mul => self.reg_reg(insn, alu::mul),
            Op::Mulh => self.reg_reg(insn, alu::mulh),
            Op::Mulhsu => self.reg_reg(insn, alu::mulhsu),
            Op::Mulhu => self.reg_reg(insn, alu::mulhu),
            Op::Div => self.reg_reg(insn, alu::div),
            Op::Divu => self.reg_reg(insn, alu::divu),
            Op::Rem => self.reg_reg(insn, alu::rem),
            Op::Remu => self.reg_reg(insn, alu::remu),
            Op::Mulw => self.reg_reg(insn, alu::mulw),
            Op::Divw => self.reg_reg(insn, alu::divw),
            Op::Divuw => self.reg_reg(insn, alu::divuw),
            Op::Remw => self.reg_reg(insn, alu::remw),
            Op::Remuw => self.reg_reg(insn, alu::remuw),

            // Harts take turns on one host thread, so every access is ordered already; and a store takes effect on
            // the very next fetch.
            Op::Fence | Op::FenceI => {}
            Op::Ecall => return Err(self.ecall()),
            Op::Ebreak => return Err(Trap::at(Exception::Breakpoint, self.pc)),
            Op::Sret => return self.sret_instruction(),
            Op::Mret => return self.mret_instruction(),
            Op::Wfi => self.wfi()?,
            Op::SfenceVma => self.sfence_vma_instruction(insn)?,
            Op::Csrrw => self.csr_write(insn, self.x(insn.rs1))?,
            Op::Csrrs => self.csr_update(insn, self.x(insn.rs1), alu::or)?,
            Op::Csrrc => self.csr_update(insn, self.x(insn.rs1), alu::and_not)?,
            Op::Csrrwi => self.csr_write(insn, insn.rs1.into())?,
            Op::Csrrsi => self.csr_update(insn, insn.rs1.into(), alu::or)?,
            Op::Csrrci => self.csr_update(insn, insn.rs1.into(), alu::and_not)?,

            Op::LrW => self.load_reserved::<4>(ram, insn)?,
            Op::LrD => self.load_reserved::<8>(ram, insn)?,
            Op::ScW => self.store_conditional::<4>(ram, shared, insn)?,
            Op::ScD => self.store_conditional::<8>(ram, shared, insn)?,
            Op::AmoswapW => self.amo::<4>(ram, shared, insn, alu::second)?,
            Op::AmoaddW => self.amo::<4>(ram, shared, insn, alu::add)?,
            Op::AmoxorW => self.amo::<4>(ram, shared, insn, alu::xor)?,
            Op::AmoandW => self.amo::<4>(ram, shared, insn, alu::and)?,
            Op::AmoorW => self.amo::<4>(ram, shared, insn, alu::or)?,
            Op::AmominW => self.amo::<4>(ram, shared, insn, alu::min)?,
            Op::AmomaxW => self.amo::<4>(ram, shared, insn, alu::max)?,
            Op::AmominuW => self.amo::<4>(ram, shared, insn, alu::minu)?,
            Op::AmomaxuW => self.amo::<4>(ram, shared, insn, alu::maxu)?,
            Op::AmoswapD => self.amo::<8>(ram, shared, insn, alu::second)?,
            Op::AmoaddD => self.amo::<8>(ram, shared, insn, alu::add)?,
            Op::AmoxorD => self.amo::<8>(ram, shared, insn, alu::xor)?,
            Op::AmoandD => self.amo::<8>(ram, shared, insn, alu::and)?,
            Op::AmoorD => self.amo::<8>(ram, shared, insn, alu::or)?,
            Op::AmominD => self.amo::<8>(ram, shared, insn, alu::min)?,
            Op::AmomaxD => self.amo::<8>(ram, shared, insn, alu::max)?,
            Op::AmominuD => self.amo::<8>(ram, shared, insn, alu::minu)?,
            Op::AmomaxuD => self.amo::<8>(ram, shared, insn, alu::maxu)?,

            Op::Flw => self.load_f(ram, insn, bytes::flw)?,
            Op::Fld => self.load_f(ram, insn, bytes::ld)?,
            Op::Fsw => self.store_f::<4>(ram, shared, insn)?,
            Op::Fsd => self.store_f::<8>(ram, shared, insn)?,
            Op::FmaddS => self.fused::<F32>(insn, Fused::Madd)?,
            Op::FmaddD => self.fused::<F64>(insn, Fused::Madd)?,
            Op::FmsubS => self.fused::<F32>(insn, Fused::Msub)?,
            Op::FmsubD => self.fused::<F64>(insn, Fused::Msub)?,
            Op::FnmsubS => self.fused::<F32>(insn, Fused::Nmsub)?,
            Op::FnmsubD => self.fused::<F64>(insn, Fused::Nmsub)?,
            Op::FnmaddS => self.fused::<F32>(insn, Fused::Nmadd)?,
            Op::FnmaddD => self.fused::<F64>(insn, Fused::Nmadd)?,
            Op::FaddS => self.arithmetic::<F32>(insn, Binary::Add)?,
            Op::FaddD => self.arithmetic::<F64>(insn, Binary::Add)?,
            Op::FsubS => self.arithmetic::<F32>(insn, Binary::Sub)?,
            Op::FsubD => self.arithmetic::<F64>(insn, Binary::Sub)?,
            Op::FmulS => self.arithmetic::<F32>(insn, Binary::Mul)?,
            Op::FmulD => self.arithmetic::<F64>(insn, Binary::Mul)?,
            Op::FdivS => self.arithmetic::<F32>(insn, Binary::Div)?,
            Op::FdivD => self.arithmetic::<F64>(insn, Binary::Div)?,
            Op::FsqrtS => self.square_root::<F32>(insn)?,
            Op::FsqrtD => self.square_root::<F64>(insn)?,
            Op::FcvtSD => self.convert::<F64, F32>(insn, |a, rm| a.to_f32(rm))?,
            Op::FcvtDS => self.convert::<F32, F64>(insn, |a, rm| a.to_f64(rm))?,
            Op::FsgnjS => self.combine::<F32>(insn, fp::copy_sign)?,
            Op::FsgnjD => self.combine::<F64>(insn, fp::copy_sign)?,
            Op::FsgnjnS => self.combine::<F32>(insn, fp::copy_opposite_sign)?,
            Op::FsgnjnD => self.combine::<F64>(insn, fp::copy_opposite_sign)?,
            Op::FsgnjxS => self.combine::<F32>(insn, fp::multiply_sign)?,
            Op::FsgnjxD => self.combine::<F64>(insn, fp::multiply_sign)?,
            Op::FminS => self.combine::<F32>(insn, fp::min)?,
            Op::FminD => self.combine::<F64>(insn, fp::min)?,
            Op::FmaxS => self.combine::<F32>(insn, fp::max)?,
            Op::FmaxD => self.combine::<F64>(insn, fp::max)?,
            Op::FleS => self.compare::<F32>(insn, |a, b| a.le(b))?,
            Op::FleD => self.compare::<F64>(insn, |a, b| a.le(b))?,
            Op::FltS => self.compare::<F32>(insn, |a, b| a.lt(b))?,
            Op::FltD => self.compare::<F64>(insn, |a, b| a.lt(b))?,
            Op::FeqS => self.compare::<F32>(insn, |a, b| a.eq(b))?,
            Op::FeqD => self.compare::<F64>(insn, |a, b| a.eq(b))?,
            Op::FcvtWS => self.float_to_int::<F32>(insn, |a, rm| a.to_i32(rm, true) as u64)?,
            Op::FcvtWD => self.float_to_int::<F64>(insn, |a, rm| a.to_i32(rm, true) as u64)?,
            Op::FcvtWuS => self.float_to_int::<F32>(insn, |a, rm| alu::sext32(a.to_u32(rm, true)))?,
            Op::FcvtWuD => self.float_to_int::<F64>(insn, |a, rm| alu::sext32(a.to_u32(rm, true)))?,
            Op::FcvtLS => self.float_to_int::<F32>(insn, |a, rm| a.to_i64(rm, true) as u64)?,
            Op::FcvtLD => self.float_to_int::<F64>(insn, |a, rm| a.to_i64(rm, true) as u64)?,
            Op::FcvtLuS => self.float_to_int::<F32>(insn, |a, rm| a.to_u64(rm, true))?,
            Op::FcvtLuD => self.float_to_int::<F64>(insn, |a, rm| a.to_u64(rm, true))?,
            Op::FcvtSW => self.int_to_float::<F32>(insn, |x, rm| F32::from_i32(x as i32, rm))?,
            Op::FcvtDW => self.int_to_float::<F64>(insn, |x, rm| F64::from_i32(x as i32, rm))?,
            Op::FcvtSWu => self.int_to_float::<F32>(insn, |x, rm| F32::from_u32(x as u32, rm))?,
            Op::FcvtDWu => self.int_to_float::<F64>(insn, |x, rm| F64::from_u32(x as u32, rm))?,
            Op::FcvtSL => self.int_to_float::<F32>(insn, |x, rm| F32::from_i64(x as i64, rm))?,
            Op::FcvtDL => self.int_to_float::<F64>(insn, |x, rm| F64::from_i64(x as i64, rm))?,
            Op::FcvtSLu => self.int_to_float::<F32>(insn, F32::from_u64)?,
            Op::FcvtDLu => self.int_to_float::<F64>(insn, F64::from_u64)?,
            Op::FmvXW => self.inspect(insn, |f| alu::sext32(f as u32))?,
            Op::FmvXD => self.inspect(insn, |f| f)?,
            Op::FclassS => self.inspect(insn, |f| fp::class::<F32>(fp::Format::unboxed(f)))?,
            Op::FclassD => self.inspect(insn, |f| fp::class::<F64>(fp::Format::unboxed(f)))?,
            Op::FmvWX => self.put(insn, |x| fp::box_f32(x as u32))?,
            Op::FmvDX => self.put(insn, |x| x)?,
        }
        Ok(next)
    }

    /// Reads an integer register.
    pub(crate) fn x(&self, register: u8) -> u64 {
        self.x[usize::from(register & 31)]
    }

    /// Writes an integer register; writing `x0` does nothing.
    pub(crate) fn set_x(&mut self, register: u8, value: u64) {
        self.x[usize::from(register & 31)] = value;
        self.x[0] = 0;
    }

    fn reg_reg(&mut self, insn: &Insn, compute: fn(u64, u64) -> u64) {
        self.set_x(insn.rd, compute(self.x(insn.rs1), self.x(insn.rs2)));
    }

    fn reg_imm(&mut self, insn: &Insn, compute: fn(u64, u64) -> u64) {
        self.set_x(insn.rd, compute(self.x(insn.rs1), immediate(insn)));
    }

    fn branch(&self, insn: &Insn, taken: fn(u64, u64) -> bool) -> VirtAddr {
        let offset =
            if taken(self.x(insn.rs1), self.x(insn.rs2)) { immediate(insn) } else { insn.len.into() };
        self.pc + offset
    }
}

/// Returns the sign-extended immediate.
pub(crate) fn immediate(insn: &Insn) -> u64 {
    insn.imm as u64
}
