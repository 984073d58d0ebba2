//! The harts' instruction set as Linux tells programs of it.
//!
//! Sources: Linux 6.12 arch/riscv/kernel/cpufeature.c and Documentation/arch/riscv/hwprobe.rst.

/// Which extensions the harts have, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstructionSet {
    extensions: Vec<&'static str>,
}

/// An extension that Linux 6.12 knows, and its bit of `RISCV_HWPROBE_KEY_IMA_EXT_0` where it has one of its own.
type Known = (&'static str, Option<u32>);

/// In the order of `riscv_isa_ext`.
const KNOWN: [Known; 20] = [
    ("zicbom", None),
    ("zicboz", Some(6)),
    ("zicntr", None),
    ("zicond", Some(35)),
    ("zicsr", None),
    ("zifencei", None),
    ("zihintntl", Some(29)),
    ("zihintpause", Some(36)),
    ("zihpm", None),
    ("zawrs", Some(48)),
    ("zfa", Some(32)),
    ("zfhmin", Some(28)),
    ("zca", Some(43)),
    ("zcb", Some(44)),
    ("zcd", Some(45)),
    ("zba", Some(3)),
    ("zbb", Some(4)),
    ("zbc", Some(7)),
    ("zbs", Some(5)),
    ("svinval", None),
];

/// The letters that Linux knows and programs may rely on, each a bit of `AT_HWCAP`.
const LETTERS: [&str; 5] = ["i", "m", "a", "f", "d"];

impl InstructionSet {
    /// Takes the extensions by their names in lower case, single letters and others.
    pub fn new(extensions: impl IntoIterator<Item = &'static str>) -> Self {
        Self { extensions: extensions.into_iter().collect() }
    }

    fn has(&self, name: &str) -> bool {
        self.extensions.contains(&name)
    }

    /// Tells whether all of C is there.
    fn has_c(&self) -> bool {
        self.has("zca") && (self.has("zcd") || !self.has("d"))
    }

    fn letters(&self) -> impl Iterator<Item = &'static str> {
        let c = self.has_c().then_some("c");
        LETTERS.into_iter().filter(|letter| self.has(letter)).chain(c)
    }

    /// Returns `AT_HWCAP`: a bit for each letter. F without D is left out, as programs could not use it.
    pub(crate) fn hwcap(&self) -> u64 {
        let usable = |letter: &&str| *letter != "f" || self.has("d");
        self.letters().filter(usable).map(|letter| 1 << (letter.as_bytes()[0] - b'a')).sum()
    }

    /// Returns the ISA string of `/proc/cpuinfo`.
    pub(crate) fn text(&self) -> String {
        let known = KNOWN.iter().filter(|(name, _)| self.has(name));
        let names = known.map(|(name, _)| format!("_{name}"));
        ["rv64".to_owned()].into_iter().chain(self.letters().map(str::to_owned)).chain(names).collect()
    }

    /// Returns the value of `RISCV_HWPROBE_KEY_IMA_EXT_0`.
    pub(crate) fn hwprobe_bits(&self) -> u64 {
        const FD: u64 = 1 << 0;
        const C: u64 = 1 << 1;
        let fd = if self.has("d") { FD } else { 0 };
        let c = if self.has_c() { C } else { 0 };
        // Without a unit for doubles Linux keeps quiet about what else floating point has.
        let told = |name: &str| fd != 0 || !matches!(name, "zcd" | "zfa" | "zfhmin");
        let bits = KNOWN.iter().filter(|(name, _)| self.has(name) && told(name));
        bits.filter_map(|&(_, bit)| bit).fold(fd | c, |bits, bit| bits | 1 << bit)
    }

    /// Returns the value of `RISCV_HWPROBE_KEY_ZICBOZ_BLOCK_SIZE`.
    pub(crate) fn zeroed_block_bytes(&self) -> u64 {
        if self.has("zicboz") { 64 } else { 0 }
    }
}

impl Default for InstructionSet {
    /// RV64GC.
    fn default() -> Self {
        Self::new(["i", "m", "a", "f", "d", "zicntr", "zicsr", "zifencei", "zca", "zcd"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Linux 6.12 under qemu-system-riscv64 7.2 with `-cpu rv64,h=off,sstc=off` and with B off besides.
    #[test]
    fn programs_are_told_what_linux_tells_them() {
        let base =
            ["i", "m", "a", "f", "d", "zicntr", "zicsr", "zifencei", "zihintpause", "zihpm", "zca", "zcd"];
        let isa = InstructionSet::new(base);
        assert_eq!(isa.text(), "rv64imafdc_zicntr_zicsr_zifencei_zihintpause_zihpm_zca_zcd");
        assert_eq!((isa.hwcap(), isa.hwprobe_bits()), (0x112d, 0x2810_0000_0003));
        let isa = InstructionSet::new(base.into_iter().chain(["zba", "zbb", "zbc", "zbs"]));
        assert_eq!(isa.text(), "rv64imafdc_zicntr_zicsr_zifencei_zihintpause_zihpm_zca_zcd_zba_zbb_zbc_zbs");
        assert_eq!((isa.hwcap(), isa.hwprobe_bits()), (0x112d, 0x2810_0000_00bb));
    }

    #[test]
    fn what_is_not_there_is_not_told() {
        let isa = InstructionSet::new(["i", "m", "a", "f", "zicsr", "zfa", "zca"]);
        assert_eq!(isa.text(), "rv64imafc_zicsr_zfa_zca");
        assert_eq!((isa.hwcap(), isa.hwprobe_bits()), (0x1105, 0x800_0000_0002));
    }
}
