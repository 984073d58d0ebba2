//! The memory policy that the command line asks for: a preset or a file, and single switches on top of it.

use crate::values::BadValue;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::str::FromStr;
use tine_machine::{AdUpdate, ForkMode, ForkOrder, MemoryPolicy, Overcommit, SwitchValue, Thp, ThpCow};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Memory policy")]
pub(crate) struct PolicyArgs {
    /// Memory policy to begin with: linux, textbook, or a TOML file; the options below go on top.
    ///
    /// linux does what Debian's Linux 6.12 does: a read fault on a file maps 16 pages, fork leaves out what a fault can
    /// rebuild, addresses are random. textbook does what courses teach: every page by itself, fork shares every page, each
    /// program lies where it always does. A file names one of them (base = "linux") and any switches (fork = "eager"); tine
    /// policy prints one with every switch.
    #[arg(long = "policy", value_name = "NAME|FILE", default_value = "linux", value_parser = named)]
    pub(crate) base: MemoryPolicy,
    #[command(flatten)]
    pub(crate) switches: Switches,
}

impl PolicyArgs {
    /// Returns the policy that the options describe.
    pub(crate) fn policy(&self) -> MemoryPolicy {
        self.switches.applied_to(self.base.clone())
    }
}

/// Print a memory policy as a file for --policy, with every switch.
#[derive(Debug, Args)]
#[command(
    after_help = "For example: tine policy textbook --fork eager > eager.toml; tine run --policy eager.toml …"
)]
pub(crate) struct Show {
    /// Policy to begin with: linux, textbook, or a TOML file.
    #[arg(value_name = "NAME|FILE", default_value = "linux", value_parser = named)]
    base: MemoryPolicy,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    switches: Switches,
}

impl Show {
    /// Returns the text of the policy.
    pub(crate) fn text(&self) -> String {
        let policy = self.switches.applied_to(self.base.clone());
        if self.json {
            return format!("{:#}\n", json(&policy));
        }
        let mut text = format!("base = \"{}\"\n", policy.name);
        for (key, value) in policy.switches() {
            text += &match value {
                SwitchValue::Word(word) => format!("{key} = \"{word}\"\n"),
                value => format!("{key} = {value}\n"),
            };
        }
        text
    }
}

/// Returns a policy as reports have it: the preset that it began as, every switch, and which of them differ.
pub(crate) fn json(policy: &MemoryPolicy) -> serde_json::Value {
    let mut object = serde_json::Map::from_iter([("name".to_owned(), policy.name.into())]);
    for (key, value) in policy.switches() {
        let value = match value {
            SwitchValue::Word(word) => word.into(),
            SwitchValue::Number(number) => number.into(),
            SwitchValue::Flag(flag) => flag.into(),
        };
        object.insert(key.to_owned(), value);
    }
    let changed = policy.changed().into_iter().map(|(key, _)| key);
    object.insert("changed".to_owned(), changed.collect());
    object.into()
}

/// Switches of the memory policy, as options and as a policy file give them. What is not given stays as it was.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Switches {
    /// The preset that a file begins with.
    #[arg(skip)]
    base: Option<Preset>,
    /// How fork makes the child's memory: cow unless the policy says otherwise.
    #[arg(long, value_enum, value_name = "MODE")]
    fork: Option<Fork>,
    /// Who runs first after fork: parent-first unless the policy says otherwise.
    #[arg(long, value_enum, value_name = "ORDER")]
    fork_order: Option<Order>,
    /// Whether fork leaves out mappings that a fault can rebuild: true for linux, false for textbook.
    #[arg(long, value_name = "true|false")]
    fork_skips_refillable: Option<bool>,
    /// Set N frames aside for copies, which take them first; frames that are freed refill the pool.
    #[arg(long = "cow-prealloc", value_name = "N")]
    cow_prealloc_frames: Option<Frames>,
    /// Let a copy-on-write fault copy all pages of an aligned window of N that are still shared, 1 to 512.
    #[arg(long = "cow-batch", value_name = "N")]
    cow_batch_pages: Option<Window>,
    /// Let a read fault on a file map the cached pages of an aligned window of N, 1 to 512: 16 for linux, 1 for textbook.
    #[arg(long = "fault-around", value_name = "N")]
    fault_around_pages: Option<Window>,
    /// Which memory gets huge pages of 2 MiB when it is touched: always for linux, never for textbook.
    #[arg(long, value_enum, value_name = "WHEN")]
    thp: Option<HugePages>,
    /// What a store to a huge page with several owners does: split unless the policy says otherwise.
    #[arg(long, value_enum, value_name = "HOW")]
    thp_cow: Option<HugeCow>,
    /// Who sets accessed and dirty bits: svadu unless the policy says otherwise.
    #[arg(long, value_enum, value_name = "SCHEME")]
    ad: Option<Ad>,
    /// What a file says of the two options below.
    #[arg(skip)]
    randomizes_layout: Option<bool>,
    /// Place stack, mappings, heap and position-independent programs at random, as the seed decides: what linux does.
    #[arg(long, overrides_with = "no_aslr")]
    #[serde(skip)]
    aslr: bool,
    /// Place them where they always are, whatever the seed: what textbook does.
    #[arg(long, overrides_with = "aslr")]
    #[serde(skip)]
    no_aslr: bool,
    /// How much memory may be promised (vm.overcommit_memory), until root changes it in /proc/sys/vm; 0, 1 or 2 does too.
    #[arg(long, value_enum, value_name = "MODE")]
    overcommit: Option<Promises>,
}

impl Switches {
    fn applied_to(&self, policy: MemoryPolicy) -> MemoryPolicy {
        let policy = self.base.map_or(policy, Preset::policy);
        MemoryPolicy {
            name: policy.name,
            fork: self.fork.map_or(policy.fork, Fork::mode),
            fork_order: self.fork_order.map_or(policy.fork_order, Order::order),
            fork_skips_refillable: self.fork_skips_refillable.unwrap_or(policy.fork_skips_refillable),
            cow_prealloc_frames: self
                .cow_prealloc_frames
                .map_or(policy.cow_prealloc_frames, |frames| frames.0),
            cow_batch_pages: self.cow_batch_pages.map_or(policy.cow_batch_pages, |window| window.0),
            fault_around_pages: self.fault_around_pages.map_or(policy.fault_around_pages, |window| window.0),
            thp: self.thp.map_or(policy.thp, HugePages::policy),
            thp_cow: self.thp_cow.map_or(policy.thp_cow, HugeCow::policy),
            ad_update: self.ad.map_or(policy.ad_update, Ad::update),
            randomizes_layout: self.aslr
                || self.randomizes_layout.unwrap_or(policy.randomizes_layout) && !self.no_aslr,
            overcommit: self.overcommit.map_or(policy.overcommit, Promises::mode),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Preset {
    Linux,
    Textbook,
}

impl Preset {
    fn policy(self) -> MemoryPolicy {
        match self {
            Self::Linux => MemoryPolicy::LINUX,
            Self::Textbook => MemoryPolicy::TEXTBOOK,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Fork {
    /// Share every page, and copy it when it is written.
    Cow,
    /// Copy every page at once.
    Eager,
    /// Share the page tables themselves, and copy one when a page of it is written.
    Odf,
}

impl Fork {
    fn mode(self) -> ForkMode {
        match self {
            Self::Cow => ForkMode::Cow,
            Self::Eager => ForkMode::Eager,
            Self::Odf => ForkMode::Odf,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Promises {
    /// Anything but more than all memory at once, as Linux does unless it is told otherwise.
    #[value(alias = "0")]
    Heuristic,
    /// Anything.
    #[value(alias = "1")]
    Always,
    /// Half of memory: mmap and fork fail where what is promised might not be had.
    #[value(alias = "2")]
    Never,
}

impl Promises {
    fn mode(self) -> Overcommit {
        match self {
            Self::Heuristic => Overcommit::Heuristic,
            Self::Always => Overcommit::Always,
            Self::Never => Overcommit::Never,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Order {
    /// The child, so that an immediate exec spares the parent's copies.
    ChildFirst,
    /// The parent.
    ParentFirst,
}

impl Order {
    fn order(self) -> ForkOrder {
        match self {
            Self::ChildFirst => ForkOrder::ChildFirst,
            Self::ParentFirst => ForkOrder::ParentFirst,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum HugePages {
    /// None.
    Never,
    /// What madvise was told to.
    Madvise,
    /// All that holds an aligned 2 MiB.
    Always,
}

impl HugePages {
    fn policy(self) -> Thp {
        match self {
            Self::Never => Thp::Never,
            Self::Madvise => Thp::Madvise,
            Self::Always => Thp::Always,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum HugeCow {
    /// Splits it and copies 4 KiB, as Linux does.
    Split,
    /// Copies all of it.
    Copy,
}

impl HugeCow {
    fn policy(self) -> ThpCow {
        match self {
            Self::Split => ThpCow::Split,
            Self::Copy => ThpCow::Copy,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Ad {
    /// A clear bit is a page fault, and the supervisor sets it.
    Svade,
    /// The page-table walker.
    Svadu,
}

impl Ad {
    fn update(self) -> AdUpdate {
        match self {
            Self::Svade => AdUpdate::Svade,
            Self::Svadu => AdUpdate::Svadu,
        }
    }
}

/// A whole number within bounds, on the command line and in files.
macro_rules! bounded {
    ($(#[$doc:meta])* struct $name:ident($range:expr) = $expects:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        struct $name(u64);

        impl $name {
            const RANGE: RangeInclusive<u64> = $range;
            const EXPECTS: &'static str = $expects;
        }

        impl FromStr for $name {
            type Err = BadValue;

            fn from_str(text: &str) -> Result<Self, BadValue> {
                let number = text.parse().ok().filter(|number| Self::RANGE.contains(number));
                number.map(Self).ok_or_else(|| BadValue {
                    problem: format!("it is not {}", Self::EXPECTS),
                    remedy: format!("{}: 16", Self::EXPECTS),
                })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_u64(Bounds { range: Self::RANGE, expects: Self::EXPECTS }).map(Self)
            }
        }
    };
}

bounded! {
    /// Pages of an aligned window within one page table.
    struct Window(1..=512) = "a number of pages, 1 to 512"
}
bounded! {
    /// Frames set aside.
    struct Frames(0..=1 << 32) = "a number of frames"
}

/// Reads a number of a file.
struct Bounds {
    range: RangeInclusive<u64>,
    expects: &'static str,
}

impl Visitor<'_> for Bounds {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expects)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        let within = u64::try_from(number).ok().filter(|number| self.range.contains(number));
        within.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

/// Reads `--policy`: a preset by its name, or a file.
fn named(text: &str) -> Result<MemoryPolicy, BadValue> {
    if let Some(preset) = MemoryPolicy::preset(text) {
        return Ok(preset);
    }
    let presets = MemoryPolicy::PRESETS.join(", ");
    let contents = fs::read_to_string(text).map_err(|error| match error.kind() {
        ErrorKind::NotFound => BadValue {
            problem: "there is no such preset and no such file".into(),
            remedy: format!("it takes {presets}, or a TOML file; tine policy > my.toml makes one"),
        },
        _ => BadValue {
            problem: format!("it cannot be read: {error}"),
            remedy: format!("it takes {presets}, or a TOML file that you may read"),
        },
    })?;
    parse(&contents)
}

/// Reads a policy file.
fn parse(contents: &str) -> Result<MemoryPolicy, BadValue> {
    match toml::from_str::<Switches>(contents) {
        Ok(switches) => Ok(switches.applied_to(MemoryPolicy::LINUX)),
        Err(error) => Err(explain(contents, &error)),
    }
}

/// Says in which line a policy file is wrong, what is wrong, and what it takes instead.
fn explain(contents: &str, error: &toml::de::Error) -> BadValue {
    let (problem, remedy) = match error.message().split_once(", expected ") {
        Some((problem, expected)) => (problem, format!("it takes {expected}")),
        None => (error.message(), "tine policy prints a file with every switch".to_owned()),
    };
    let at = error.span().map_or(0, |span| span.start.min(contents.len()));
    let line = contents[..contents.floor_char_boundary(at)].matches('\n').count();
    let text = contents.lines().nth(line).unwrap_or_default().trim();
    BadValue { problem: format!("line {}, {text}: {problem}", line + 1), remedy }
}
