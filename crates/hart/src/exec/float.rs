//! Floating-point instructions: registers in, registers and flags out.
//!
//! All of them are illegal while `sstatus.FS` is Off; all that write an `f` register or `fcsr` make it Dirty.

use crate::csr::FpState;
use crate::float::{Format, flagged, rounding_mode};
use crate::trap::Trap;
use crate::{Hart, float};
use softfloat_wrapper::RoundingMode;
use tine_isa::Insn;

impl Hart {
    pub(super) fn require_fp(&self) -> Result<(), Trap> {
        if self.csrs.sstatus.fp() == FpState::Off { Err(Trap::illegal()) } else { Ok(()) }
    }

    /// Resolves the rounding mode; a reserved one in `frm` makes the instruction illegal.
    fn require_rounding(&self, insn: &Insn) -> Result<RoundingMode, Trap> {
        self.require_fp()?;
        rounding_mode(insn.rm, self.fcsr).ok_or(Trap::illegal())
    }

    fn f<F: Format>(&self, register: u8) -> F {
        F::unboxed(self.f[usize::from(register & 31)])
    }

    /// Writes a floating-point register.
    pub(super) fn set_f(&mut self, register: u8, bits: u64) {
        self.f[usize::from(register & 31)] = bits;
        self.csrs.sstatus.set_fp(FpState::Dirty);
    }

    fn accrue(&mut self, flags: float::Flags) {
        if flags != 0 {
            self.fcsr |= flags;
            self.csrs.sstatus.set_fp(FpState::Dirty);
        }
    }

    /// Fused multiply-add and its relatives.
    pub(super) fn fused<F: Format>(
        &mut self,
        insn: &Insn,
        operation: impl FnOnce(F, F, F, RoundingMode) -> F,
    ) -> Result<(), Trap> {
        let rm = self.require_rounding(insn)?;
        let (a, b, c) = (self.f(insn.rs1), self.f(insn.rs2), self.f(insn.rs3));
        let (result, flags) = flagged(|| operation(a, b, c, rm));
        self.accrue(flags);
        self.set_f(insn.rd, result.boxed());
        Ok(())
    }

    /// Two operands, rounded.
    pub(super) fn arithmetic<F: Format>(
        &mut self,
        insn: &Insn,
        operation: impl FnOnce(F, F, RoundingMode) -> F,
    ) -> Result<(), Trap> {
        let rm = self.require_rounding(insn)?;
        let (a, b) = (self.f(insn.rs1), self.f(insn.rs2));
        let (result, flags) = flagged(|| operation(a, b, rm));
        self.accrue(flags);
        self.set_f(insn.rd, result.boxed());
        Ok(())
    }

    /// One operand, rounded: square root and conversions between formats.
    pub(super) fn convert<From: Format, To: Format>(
        &mut self,
        insn: &Insn,
        operation: impl FnOnce(From, RoundingMode) -> To,
    ) -> Result<(), Trap> {
        let rm = self.require_rounding(insn)?;
        let a = self.f(insn.rs1);
        let (result, flags) = flagged(|| operation(a, rm));
        self.accrue(flags);
        self.set_f(insn.rd, result.boxed());
        Ok(())
    }

    /// Two operands, nothing to round: sign injection, minimum, maximum.
    pub(super) fn combine<F: Format>(
        &mut self,
        insn: &Insn,
        operation: impl FnOnce(F, F) -> F,
    ) -> Result<(), Trap> {
        self.require_fp()?;
        let (a, b) = (self.f(insn.rs1), self.f(insn.rs2));
        let (result, flags) = flagged(|| operation(a, b));
        self.accrue(flags);
        self.set_f(insn.rd, result.boxed());
        Ok(())
    }

    /// Two operands compared into an integer register.
    pub(super) fn compare<F: Format>(
        &mut self,
        insn: &Insn,
        operation: impl FnOnce(F, F) -> bool,
    ) -> Result<(), Trap> {
        self.require_fp()?;
        let (a, b) = (self.f(insn.rs1), self.f(insn.rs2));
        let (result, flags) = flagged(|| operation(a, b));
        self.accrue(flags);
        self.set_x(insn.rd, result.into());
        Ok(())
    }

    /// Conversion to an integer.
    pub(super) fn float_to_int<F: Format>(
        &mut self,
        insn: &Insn,
        operation: impl FnOnce(F, RoundingMode) -> u64,
    ) -> Result<(), Trap> {
        let rm = self.require_rounding(insn)?;
        let a = self.f(insn.rs1);
        let (result, flags) = flagged(|| operation(a, rm));
        self.accrue(flags);
        self.set_x(insn.rd, result);
        Ok(())
    }

    /// Conversion from an integer.
    pub(super) fn int_to_float<F: Format>(
        &mut self,
        insn: &Insn,
        operation: impl FnOnce(u64, RoundingMode) -> F,
    ) -> Result<(), Trap> {
        let rm = self.require_rounding(insn)?;
        let (result, flags) = flagged(|| operation(self.x(insn.rs1), rm));
        self.accrue(flags);
        self.set_f(insn.rd, result.boxed());
        Ok(())
    }

    /// An integer register from the bits of a floating-point one, raising no exception.
    pub(super) fn inspect(&mut self, insn: &Insn, view: impl FnOnce(u64) -> u64) -> Result<(), Trap> {
        self.require_fp()?;
        self.set_x(insn.rd, view(self.f[usize::from(insn.rs1 & 31)]));
        Ok(())
    }

    /// A floating-point register from the bits of an integer one.
    pub(super) fn put(&mut self, insn: &Insn, view: impl FnOnce(u64) -> u64) -> Result<(), Trap> {
        self.require_fp()?;
        self.set_f(insn.rd, view(self.x(insn.rs1)));
        Ok(())
    }
}
