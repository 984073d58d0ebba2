//! Floating-point instructions: registers in, registers and flags out.
//!
//! All of them are illegal while `sstatus.FS` is Off; all that write an `f` register or `fcsr` make it Dirty.

use crate::csr::FpState;
use crate::float::{Arithmetic, Binary, Format, Fused, Registers, flagged, is_silent, rounding_mode};
use crate::trap::Trap;
use crate::{Hart, float};
use softfloat_wrapper::{F32, RoundingMode};
use tine_isa::Insn;

impl Hart {
    pub(crate) fn require_fp(&self) -> Result<(), Trap> {
        if self.csrs.mstatus.fp() == FpState::Off { Err(Trap::illegal()) } else { Ok(()) }
    }

    /// Resolves the rounding mode; a reserved one in `frm` makes the instruction illegal.
    fn require_rounding(&self, insn: &Insn) -> Result<RoundingMode, Trap> {
        self.require_fp()?;
        rounding_mode(insn.rm, self.fcsr).ok_or(Trap::illegal())
    }

    /// Reads the bits of a floating-point register.
    pub(crate) fn f(&self, register: u8) -> u64 {
        self.f[usize::from(register & 31)]
    }

    /// Reads the number in a floating-point register.
    fn float<F: Format>(&self, register: u8) -> F {
        F::unboxed(self.f(register))
    }

    /// Writes a floating-point register.
    pub(crate) fn set_f(&mut self, register: u8, bits: u64) {
        self.f[usize::from(register & 31)] = bits;
        self.csrs.mstatus.set_fp(FpState::Dirty);
    }

    fn accrue(&mut self, flags: float::Flags) {
        if flags != 0 {
            self.fcsr |= flags;
            self.csrs.mstatus.set_fp(FpState::Dirty);
        }
    }

    /// Whether an instruction that may round to nearest has nothing to change but its register, if the host's result is
    /// ordinary. Says no too often, and fast.
    #[inline(always)]
    fn is_quiet(&self) -> bool {
        self.csrs.mstatus.fp() == FpState::Dirty && float::is_quiet(self.fcsr)
    }

    /// Does on the host what [`Hart::arithmetic`] does, where that is all there is to it.
    #[inline(always)]
    pub(crate) fn arithmetic_on_host<F: Arithmetic>(&mut self, on: Registers, op: Binary) -> Option<()> {
        let result = op.on_host(self.float::<F>(on.rs1), self.float(on.rs2));
        self.set_quietly(on, result)
    }

    /// Does on the host what [`Hart::fused`] does, where that is all there is to it.
    #[inline(always)]
    pub(crate) fn fused_on_host<F: Arithmetic>(&mut self, on: Registers, op: Fused) -> Option<()> {
        let result = op.on_host(self.float::<F>(on.rs1), self.float(on.rs2), self.float(on.rs3));
        self.set_quietly(on, result)
    }

    /// Does on the host what [`Hart::square_root`] does, where that is all there is to it.
    #[inline(always)]
    pub(crate) fn square_root_on_host<F: Arithmetic>(&mut self, on: Registers) -> Option<()> {
        let result = self.float::<F>(on.rs1).square_root_on_host();
        self.set_quietly(on, result)
    }

    #[inline(always)]
    fn set_quietly<F: Format>(&mut self, on: Registers, result: Option<F>) -> Option<()> {
        let result = result.filter(|_| self.is_quiet())?;
        self.f[usize::from(on.rd & 31)] = result.boxed();
        Some(())
    }

    /// Writes a rounded result: the host's where it has one, and where no flag can change.
    #[inline(always)]
    fn round<F: Arithmetic>(
        &mut self,
        insn: &Insn,
        rm: RoundingMode,
        on_host: impl FnOnce() -> Option<F>,
        soft: impl FnOnce() -> F,
    ) {
        let host = if is_silent(rm, self.fcsr) { on_host() } else { None };
        let (result, flags) = host.map_or_else(|| flagged(soft), |result| (result, 0));
        self.accrue(flags);
        self.set_f(insn.rd, result.boxed());
    }

    /// Fused multiply-add and its relatives.
    pub(crate) fn fused<F: Arithmetic>(&mut self, insn: &Insn, op: Fused) -> Result<(), Trap> {
        let rm = self.require_rounding(insn)?;
        let (a, b, c) = (self.float::<F>(insn.rs1), self.float(insn.rs2), self.float(insn.rs3));
        self.round(insn, rm, || op.on_host(a, b, c), || op.soft(a, b, c, rm));
        Ok(())
    }

    /// Addition, subtraction, multiplication, division.
    pub(crate) fn arithmetic<F: Arithmetic>(&mut self, insn: &Insn, op: Binary) -> Result<(), Trap> {
        let rm = self.require_rounding(insn)?;
        let (a, b) = (self.float::<F>(insn.rs1), self.float(insn.rs2));
        self.round(insn, rm, || op.on_host(a, b), || op.soft(a, b, rm));
        Ok(())
    }

    pub(crate) fn square_root<F: Arithmetic>(&mut self, insn: &Insn) -> Result<(), Trap> {
        let rm = self.require_rounding(insn)?;
        let a = self.float::<F>(insn.rs1);
        self.round(insn, rm, || a.square_root_on_host(), || a.sqrt(rm));
        Ok(())
    }

    /// Conversion between formats.
    pub(super) fn convert<From: Format, To: Format>(
        &mut self,
        insn: &Insn,
        operation: impl FnOnce(From, RoundingMode) -> To,
    ) -> Result<(), Trap> {
        let rm = self.require_rounding(insn)?;
        let a = self.float(insn.rs1);
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
        let (a, b) = (self.float(insn.rs1), self.float(insn.rs2));
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
        let (a, b) = (self.float(insn.rs1), self.float(insn.rs2));
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
        let a = self.float(insn.rs1);
        let (result, flags) = flagged(|| operation(a, rm));
        self.accrue(flags);
        self.set_x(insn.rd, result);
        Ok(())
    }

    /// A constant.
    pub(super) fn put_literal<F: Format>(
        &mut self,
        insn: &Insn,
        smallest_normal: F,
        widen: impl FnOnce(F32) -> F,
    ) -> Result<(), Trap> {
        self.require_fp()?;
        let (constant, _) = flagged(|| float::literal(insn.rs1, smallest_normal, widen));
        self.set_f(insn.rd, constant.boxed());
        Ok(())
    }

    /// Conversion to an integer that rounds in one way only.
    pub(super) fn convert_modulo(&mut self, insn: &Insn) -> Result<(), Trap> {
        self.require_fp()?;
        let a = self.float(insn.rs1);
        let (result, flags) = flagged(|| float::convert_modulo(a));
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
        self.set_x(insn.rd, view(self.f(insn.rs1)));
        Ok(())
    }

    /// A floating-point register from the bits of an integer one.
    pub(super) fn put(&mut self, insn: &Insn, view: impl FnOnce(u64) -> u64) -> Result<(), Trap> {
        self.require_fp()?;
        self.set_f(insn.rd, view(self.x(insn.rs1)));
        Ok(())
    }
}
