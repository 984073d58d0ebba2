//! The extensions that an ISA string may name.

macro_rules! extensions {
    ($($(#[$doc:meta])* $extension:ident = $name:literal;)*) => {
        /// An extension of the ISA: a group of rows of the instruction table, or one without instructions of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Extension {
            $($(#[$doc])* $extension,)*
        }

        impl Extension {
            /// Every extension, in the canonical order of their names.
            pub const ALL: &[Extension] = &[$(Extension::$extension,)*];

            /// Returns the name in lower case, as ISA strings have it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Extension::$extension => $name,)*
                }
            }
        }
    };
}

// "ISA Extension Naming Conventions": single letters first; then those with Z, by the letter after it in the order
// I, M, A, F, D, Q, L, C, B; then those of the supervisor.
extensions! {
    /// Base integer instructions.
    I = "i";
    /// Integer multiplication and division.
    M = "m";
    /// Atomic memory operations.
    A = "a";
    /// Single-precision floating point.
    F = "f";
    /// Double-precision floating point.
    D = "d";
    /// Cache-block management.
    Zicbom = "zicbom";
    /// Cache-block prefetches, which are HINTs and do nothing.
    Zicbop = "zicbop";
    /// Cache-block zeroing.
    Zicboz = "zicboz";
    /// The counters `cycle`, `time` and `instret`.
    Zicntr = "zicntr";
    /// Integer conditional operations.
    Zicond = "zicond";
    /// Control and status registers.
    Zicsr = "zicsr";
    /// Instruction-fetch fence.
    Zifencei = "zifencei";
    /// Non-temporal locality, which HINTs announce and which changes nothing.
    Zihintntl = "zihintntl";
    /// PAUSE, which is a HINT and takes no longer than any other instruction.
    Zihintpause = "zihintpause";
    /// Waiting on a reservation set.
    Zawrs = "zawrs";
    /// Additional floating-point instructions.
    Zfa = "zfa";
    /// Half precision, minimal.
    Zfhmin = "zfhmin";
    /// Compressed instructions but for those of floating point.
    Zca = "zca";
    /// Simple compressed instructions that C lacks.
    Zcb = "zcb";
    /// Compressed loads and stores of doubles.
    Zcd = "zcd";
    /// Address generation.
    Zba = "zba";
    /// Basic bit manipulation.
    Zbb = "zbb";
    /// Carry-less multiplication.
    Zbc = "zbc";
    /// Single-bit instructions.
    Zbs = "zbs";
    /// Fine-grained invalidation of translations.
    Svinval = "svinval";
    /// Trap return and supervisor memory management, which every hart has and no ISA string names.
    Privileged = "";
}
