//! Arithmetic on the host's floating-point unit, where that is certain to give SoftFloat's result and flags.
//!
//! Rust's operators are those of IEEE 754, rounding to nearest even; what they raise cannot be seen. So they are used
//! only where nothing they may raise matters: while the guest rounds to nearest even and has inexact accrued already,
//! and only when the result is *ordinary*: finite, which excludes invalid operation, division by zero and overflow, and
//! of at least twice the magnitude of the smallest normal number, which excludes underflow. Inexact is all that is left.

use softfloat_wrapper::RoundingMode;
use std::ops::{Add, Div, Mul, Sub};

/// Inexact, as `fcsr` accrues it.
const NX: u32 = 1;

/// Whether `f64::mul_add` rounds once for certain: where it is an instruction or glibc's. Other C libraries have been
/// known to round twice.
const MUL_ADD_ROUNDS_ONCE: bool =
    cfg!(any(target_arch = "aarch64", target_feature = "fma", all(target_os = "linux", target_env = "gnu")));

/// Tells whether the guest's rounding mode and flags leave an ordinary result nothing to say.
#[inline]
pub(crate) fn is_silent(rm: RoundingMode, fcsr: u32) -> bool {
    matches!(rm, RoundingMode::TiesToEven) && fcsr & NX != 0
}

/// Whether an instruction's rounding mode may be nearest, ties to even: 7 says that `frm` decides.
pub(crate) fn may_round_to_nearest(rm: u8) -> bool {
    matches!(rm, 0 | 7)
}

/// Tells whether `fcsr` leaves an ordinary result nothing to say, where the instruction [`may_round_to_nearest`]: what
/// [`is_silent`] says of the modes that compilers use, in one comparison.
#[inline(always)]
pub(crate) fn is_quiet(fcsr: u32) -> bool {
    /// `frm`, which is 0 for nearest, ties to even.
    const FRM: u32 = 0b111 << 5;
    fcsr & (FRM | NX) == NX
}

/// A host format.
pub(crate) trait HostFloat:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Returns the number if it is ordinary.
    fn ordinary(self) -> Option<Self>;

    /// Returns the square root.
    fn square_root(self) -> Self;

    /// Returns `self * b + c`, rounded once; `None` where the host cannot be trusted to.
    fn fused(self, b: Self, c: Self) -> Option<Self>;
}

macro_rules! host_float {
    ($float:ty, $bits:ty, $fraction:literal) => {
        impl HostFloat for $float {
            #[inline(always)]
            fn ordinary(self) -> Option<Self> {
                const INFINITE: $bits = <$float>::INFINITY.to_bits() >> $fraction;
                // The sign shifted out; those left out at the bottom are 0 and 1.
                let exponent = self.to_bits() << 1 >> ($fraction + 1);
                (exponent.wrapping_sub(2) < INFINITE - 2).then_some(self)
            }

            #[inline(always)]
            fn square_root(self) -> Self {
                self.sqrt()
            }

            #[inline(always)]
            fn fused(self, b: Self, c: Self) -> Option<Self> {
                MUL_ADD_ROUNDS_ONCE.then(|| self.mul_add(b, c))
            }
        }
    };
}
host_float!(f32, u32, 23);
host_float!(f64, u64, 52);

#[cfg(test)]
mod tests {
    use crate::float::{Arithmetic, Binary, Format, Fused, flagged};
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use softfloat_wrapper::{F32, F64, RoundingMode};

    /// Bit patterns whose exponents are near each other, so that sums cancel and products meet the edges.
    fn bits64() -> impl Strategy<Value = u64> {
        let exponent = prop_oneof![1000u64..1050, 0u64..60, 1990u64..2048, 0u64..2048];
        let fraction = prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), 0u64..4];
        (any::<bool>(), exponent, fraction)
            .prop_map(|(sign, exponent, fraction)| u64::from(sign) << 63 | exponent << 52 | fraction >> 12)
    }

    fn bits32() -> impl Strategy<Value = u64> {
        let exponent = prop_oneof![110u64..150, 0u64..30, 230u64..256, 0u64..256];
        let fraction = prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), 0u64..4];
        (any::<bool>(), exponent, fraction).prop_map(|(sign, exponent, fraction)| {
            u64::MAX << 32 | u64::from(sign) << 31 | exponent << 23 | fraction >> 41
        })
    }

    const RNE: RoundingMode = RoundingMode::TiesToEven;
    const NX: u32 = super::NX;

    /// Whatever the host computes and calls ordinary, SoftFloat computes too, raising inexact at most.
    fn agree<F: Format>(host: Option<F>, soft: impl FnOnce() -> F) {
        if let Some(host) = host {
            let (soft, flags) = flagged(soft);
            assert_eq!(host.boxed(), soft.boxed());
            assert_eq!(flags & !NX, 0);
        }
    }

    fn check<F: Arithmetic>(a: u64, b: u64, c: u64) {
        let (a, b, c) = (F::unboxed(a), F::unboxed(b), F::unboxed(c));
        for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div] {
            agree(op.on_host(a, b), || op.soft(a, b, RNE));
        }
        for op in [Fused::Madd, Fused::Msub, Fused::Nmadd, Fused::Nmsub] {
            agree(op.on_host(a, b, c), || op.soft(a, b, c, RNE));
        }
        agree(a.square_root_on_host(), || a.sqrt(RNE));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4_000,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(7),
            ..ProptestConfig::default()
        })]

        #[test]
        fn doubles_agree_with_softfloat(a in bits64(), b in bits64(), c in bits64()) {
            check::<F64>(a, b, c);
        }

        #[test]
        fn singles_agree_with_softfloat(a in bits32(), b in bits32(), c in bits32()) {
            check::<F32>(a, b, c);
        }
    }
}
