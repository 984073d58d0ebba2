//! Between bytes in memory and registers: what the loads make of what they read, and what the stores write.

use crate::float;

pub(crate) fn lb(loaded: [u8; 1]) -> u64 {
    i8::from_le_bytes(loaded) as u64
}

pub(crate) fn lh(loaded: [u8; 2]) -> u64 {
    i16::from_le_bytes(loaded) as u64
}

pub(crate) fn lw(loaded: [u8; 4]) -> u64 {
    i32::from_le_bytes(loaded) as u64
}

pub(crate) fn ld(loaded: [u8; 8]) -> u64 {
    u64::from_le_bytes(loaded)
}

pub(crate) fn lbu(loaded: [u8; 1]) -> u64 {
    u8::from_le_bytes(loaded).into()
}

pub(crate) fn lhu(loaded: [u8; 2]) -> u64 {
    u16::from_le_bytes(loaded).into()
}

pub(crate) fn lwu(loaded: [u8; 4]) -> u64 {
    u32::from_le_bytes(loaded).into()
}

/// NaN-boxes a single.
pub(crate) fn flw(loaded: [u8; 4]) -> u64 {
    float::box_f32(u32::from_le_bytes(loaded))
}

/// NaN-boxes a half.
pub(crate) fn flh(loaded: [u8; 2]) -> u64 {
    float::box_f16(u16::from_le_bytes(loaded))
}

/// Returns the low `N` bytes of a register.
pub(crate) fn low<const N: usize>(value: u64) -> [u8; N] {
    const { assert!(N <= 8) };
    let mut bytes = [0; N];
    bytes.copy_from_slice(&value.to_le_bytes()[..N]);
    bytes
}

/// Returns the number that `N` bytes are, the low ones first.
pub(crate) fn wide<const N: usize>(bytes: [u8; N]) -> u64 {
    const { assert!(N <= 8) };
    let mut register = [0; 8];
    register[..N].copy_from_slice(&bytes);
    u64::from_le_bytes(register)
}

/// Returns what a register holds after `N` bytes were sign-extended into it.
pub(crate) fn sign_extended<const N: usize>(bytes: [u8; N]) -> u64 {
    const { assert!(1 <= N && N <= 8) };
    let mut register = [0; 8];
    register[..N].copy_from_slice(&bytes);
    let unused = 64 - 8 * N as u32;
    ((i64::from_le_bytes(register) << unused) >> unused) as u64
}
