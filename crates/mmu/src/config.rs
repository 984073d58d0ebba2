//! The shape of the TLBs, as the user writes it.
//!
//! ```text
//!   SPEC      = part { "," part }
//!   part      = preset | ("l1i=" | "l1d=" | "l2=") geometry | "l2=none"
//!   geometry  = entries [ "x" ways ] [ ":" ("lru" | "plru" | "fifo" | "random") ]
//! ```
//!
//! Without ways, a TLB is fully associative; `512x1` is direct-mapped. What a SPEC leaves out is as in the default.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The most entries that one TLB may have.
pub const MAX_ENTRIES: u32 = 1 << 15;

/// Which entry of a full set makes room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Replacement {
    /// The one that was used least recently; of equals, the one in the lowest way.
    #[default]
    Lru,
    /// The one that a binary tree over the ways points at, whose nodes each point away from the half that was used last.
    Plru,
    /// The one that was filled first.
    Fifo,
    /// One drawn by a generator that starts from the run's seed.
    Random,
}

/// The shape of one TLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlbGeometry {
    entries: u32,
    ways: u32,
    replacement: Replacement,
}

impl TlbGeometry {
    /// Makes a geometry of `entries` in sets of `ways`; `None` unless it has between 1 and [`MAX_ENTRIES`] entries and
    /// a power of two of sets, and of ways where a tree is over them.
    pub const fn new(entries: u32, ways: u32, replacement: Replacement) -> Option<Self> {
        if entries == 0 || entries > MAX_ENTRIES || ways == 0 || !entries.is_multiple_of(ways) {
            return None;
        }
        if !(entries / ways).is_power_of_two() {
            return None;
        }
        if matches!(replacement, Replacement::Plru) && !ways.is_power_of_two() {
            return None;
        }
        Some(Self { entries, ways, replacement })
    }

    /// Makes a geometry that the source code knows to be valid.
    const fn known(entries: u32, ways: u32) -> Self {
        Self { entries, ways, replacement: Replacement::Lru }
    }

    /// Returns the geometry with another replacement, which the source code knows to be possible.
    const fn with(self, replacement: Replacement) -> Self {
        Self { replacement, ..self }
    }

    /// Returns how many entries there are in all.
    pub const fn entries(self) -> u32 {
        self.entries
    }

    /// Returns how many entries a set has.
    pub const fn ways(self) -> u32 {
        self.ways
    }

    /// Returns how many sets there are: a power of two.
    pub const fn sets(self) -> u32 {
        self.entries / self.ways
    }

    /// Returns how a full set makes room.
    pub const fn replacement(self) -> Replacement {
        self.replacement
    }
}

impl fmt::Display for TlbGeometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.entries)?;
        if self.ways != self.entries {
            write!(f, "x{}", self.ways)?;
        }
        match self.replacement {
            Replacement::Lru => Ok(()),
            Replacement::Plru => f.write_str(":plru"),
            Replacement::Fifo => f.write_str(":fifo"),
            Replacement::Random => f.write_str(":random"),
        }
    }
}

/// The shape of a hart's TLBs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlbConfig {
    /// The first level for instructions.
    pub l1i: TlbGeometry,
    /// The first level for data.
    pub l1d: TlbGeometry,
    /// The unified second level, where there is one.
    pub l2: Option<TlbGeometry>,
}

/// The presets are of cores whose documents give every number; where they do not say how a full set makes room, LRU does.
/// The documents' entries hold pages of all sizes unless a preset says otherwise; here all do.
impl TlbConfig {
    /// SiFive U74: two fully associative first levels of 40 entries and a direct-mapped second level of 512, which holds 4 KiB
    /// pages alone there (SiFive U74-MC Core Complex Manual, 21G1.01.00, "Virtual Memory Support", section 4.7, and
    /// table 16). The manual's pseudo-LRU is not described, and 40 ways are no tree's.
    pub const U74: Self = Self {
        l1i: TlbGeometry::known(40, 40),
        l1d: TlbGeometry::known(40, 40),
        l2: Some(TlbGeometry::known(512, 1)),
    };

    /// SiFive U54: two fully associative first levels of 32 entries and no second one (Microchip, PolarFire SoC MSS Technical
    /// Reference Manual, "MMU" of the U54 application cores).
    pub const U54: Self = Self { l1i: TlbGeometry::known(32, 32), l1d: TlbGeometry::known(32, 32), l2: None };

    /// XuanTie C906 as openC906 has it: two fully associative first levels of 10 entries and a two-way second level of 128
    /// (XuanTie C906 User Manual (openc906), 27 June 2024, section 5.3 "TLB organisation" and table 1.1).
    pub const C906: Self = Self {
        l1i: TlbGeometry::known(10, 10),
        l1d: TlbGeometry::known(10, 10),
        l2: Some(TlbGeometry::known(128, 2)),
    };

    /// XuanTie C910: fully associative first levels of 32 entries for instructions and 17 for data, and a four-way second
    /// level of 1024 (XuanTie C910 User Manual, 27 June 2024, section 6.2.2 "TLB organisation").
    pub const C910: Self = Self {
        l1i: TlbGeometry::known(32, 32),
        l1d: TlbGeometry::known(17, 17),
        l2: Some(TlbGeometry::known(1024, 4)),
    };

    /// CVA6 (Ariane) with 64 bits and Sv39: two fully associative first levels of 16 entries with tree-PLRU, and no second one
    /// (CVA6 repository at 6cb2001, `core/include/cv64a6_imafdc_sv39_config_pkg.sv`: `InstrTlbEntries`, `DataTlbEntries`,
    /// `UseSharedTlb`; CVA6 design document, "MMU", on the tree).
    pub const CVA6: Self = Self {
        l1i: TlbGeometry::known(16, 16).with(Replacement::Plru),
        l1d: TlbGeometry::known(16, 16).with(Replacement::Plru),
        l2: None,
    };

    /// Four entries each: small enough to follow every eviction by hand.
    pub const TINY: Self = Self { l1i: TlbGeometry::known(4, 4), l1d: TlbGeometry::known(4, 4), l2: None };

    /// The presets by the name under which a SPEC may ask for them.
    pub const PRESETS: [(&'static str, Self); 6] = [
        ("u74", Self::U74),
        ("u54", Self::U54),
        ("c906", Self::C906),
        ("c910", Self::C910),
        ("cva6", Self::CVA6),
        ("tiny", Self::TINY),
    ];

    /// Returns the name of the preset that has exactly this shape.
    pub fn preset_name(&self) -> Option<&'static str> {
        Self::PRESETS.iter().find(|(_, preset)| preset == self).map(|&(name, _)| name)
    }
}

impl Default for TlbConfig {
    fn default() -> Self {
        Self::U74
    }
}

impl fmt::Display for TlbConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l1i={},l1d={},l2=", self.l1i, self.l1d)?;
        match self.l2 {
            Some(l2) => write!(f, "{l2}"),
            None => f.write_str("none"),
        }
    }
}

/// What is wrong with a TLB SPEC.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TlbConfigError {
    /// A part is neither a preset nor a level with a geometry.
    #[error("\"{0}\" is neither a TLB preset ({names}) nor l1i=…, l1d=… or l2=…", names = preset_names())]
    Part(String),
    /// A number is missing or is not one.
    #[error(
        "\"{0}\" is not a TLB geometry: write entries, entries and ways (32, 1024x8), and :lru, :plru, :fifo or :random after them"
    )]
    Geometry(String),
    /// The numbers do not make sets.
    #[error(
        "\"{0}\" does not divide into sets: take 1 to {MAX_ENTRIES} entries, and ways that leave a power of two of sets, and are one for :plru"
    )]
    Sets(String),
    /// The replacement is not known.
    #[error("\"{0}\" is not a replacement: take lru, plru, fifo or random")]
    Replacement(String),
    /// Only the second level can be left out.
    #[error("a hart needs \"{0}\": only l2 may be none")]
    Needed(String),
}

fn preset_names() -> String {
    TlbConfig::PRESETS.map(|(name, _)| name).join(", ")
}

impl FromStr for TlbGeometry {
    type Err = TlbConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (numbers, replacement) = match text.split_once(':') {
            None => (text, Replacement::Lru),
            Some((numbers, "lru")) => (numbers, Replacement::Lru),
            Some((numbers, "plru")) => (numbers, Replacement::Plru),
            Some((numbers, "fifo")) => (numbers, Replacement::Fifo),
            Some((numbers, "random")) => (numbers, Replacement::Random),
            Some((_, other)) => return Err(TlbConfigError::Replacement(other.to_owned())),
        };
        let number = |digits: &str| digits.parse().map_err(|_| TlbConfigError::Geometry(text.to_owned()));
        let (entries, ways) = match numbers.split_once('x') {
            None => (number(numbers)?, number(numbers)?),
            Some((entries, ways)) => (number(entries)?, number(ways)?),
        };
        Self::new(entries, ways, replacement).ok_or_else(|| TlbConfigError::Sets(text.to_owned()))
    }
}

impl FromStr for TlbConfig {
    type Err = TlbConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut config = Self::default();
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("l2", "none")) => config.l2 = None,
                Some((level @ ("l1i" | "l1d"), "none")) => {
                    return Err(TlbConfigError::Needed(level.to_owned()));
                }
                Some(("l1i", geometry)) => config.l1i = geometry.parse()?,
                Some(("l1d", geometry)) => config.l1d = geometry.parse()?,
                Some(("l2", geometry)) => config.l2 = Some(geometry.parse()?),
                _ => {
                    let preset = Self::PRESETS.iter().find(|(name, _)| *name == part);
                    config = preset.ok_or_else(|| TlbConfigError::Part(part.to_owned()))?.1;
                }
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: &str, canonical: &str) {
        let config: TlbConfig = spec.parse().unwrap();
        assert_eq!(config.to_string(), canonical);
        assert_eq!(canonical.parse(), Ok(config));
    }

    #[track_caller]
    fn check_error(spec: &str, message: &str) {
        assert_eq!(spec.parse::<TlbConfig>().unwrap_err().to_string(), message);
    }

    #[test]
    fn a_spec_is_printed_back_in_its_canonical_form() {
        check("l1i=32,l1d=32,l2=1024x8:lru", "l1i=32,l1d=32,l2=1024x8");
        check("l1i=16x4:random,l1d=8x8,l2=none", "l1i=16x4:random,l1d=8,l2=none");
        check("l1i=16x4:plru,l1d=8:fifo,l2=none", "l1i=16x4:plru,l1d=8:fifo,l2=none");
        check("u74", "l1i=40,l1d=40,l2=512x1");
        check("tiny,l2=64x4", "l1i=4,l1d=4,l2=64x4");
        check("l1d=2", "l1i=40,l1d=2,l2=512x1");
        check("cva6", "l1i=16:plru,l1d=16:plru,l2=none");
    }

    #[test]
    fn a_preset_is_known_by_its_shape() {
        assert_eq!(TlbConfig::default().preset_name(), Some("u74"));
        assert_eq!("l2=none".parse::<TlbConfig>().unwrap().preset_name(), None);
        for (name, preset) in TlbConfig::PRESETS {
            assert_eq!((name.parse(), preset.preset_name()), (Ok(preset), Some(name)));
            for level in [preset.l1i, preset.l1d].into_iter().chain(preset.l2) {
                let TlbGeometry { entries, ways, replacement } = level;
                assert_eq!(TlbGeometry::new(entries, ways, replacement), Some(level), "{name}");
            }
        }
    }

    #[test]
    fn an_error_names_the_bad_part_and_what_is_accepted() {
        check_error(
            "l3=4",
            "\"l3=4\" is neither a TLB preset (u74, u54, c906, c910, cva6, tiny) nor l1i=…, l1d=… or l2=…",
        );
        check_error(
            "",
            "\"\" is neither a TLB preset (u74, u54, c906, c910, cva6, tiny) nor l1i=…, l1d=… or l2=…",
        );
        check_error(
            "l1i=many",
            "\"many\" is not a TLB geometry: write entries, entries and ways (32, 1024x8), and :lru, :plru, :fifo or :random after them",
        );
        for bad in ["0", "48x4", "10x3", "65536", "8x0"] {
            check_error(
                &format!("l1d={bad}"),
                &format!(
                    "\"{bad}\" does not divide into sets: take 1 to 32768 entries, and ways that leave a power of two of sets, and are one for :plru"
                ),
            );
        }
        check_error("l2=8:mru", "\"mru\" is not a replacement: take lru, plru, fifo or random");
        assert!(
            "l1d=48x3:plru".parse::<TlbConfig>().is_err() && "l1d=48x3:fifo".parse::<TlbConfig>().is_ok()
        );
        check_error("l1i=none", "a hart needs \"l1i\": only l2 may be none");
    }
}
