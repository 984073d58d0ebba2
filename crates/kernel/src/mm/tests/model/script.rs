//! What is done to the model and to the real thing, drawn at random or read from text: one step on each line.

use super::{ARENA, FILE_PAGES, MOST_TASKS, OFFSETS, PAGES, STACK};
use crate::mm::{OnFork, Prot, Sharing};
use std::fmt;
use std::ops::Range;
use std::str::{FromStr, SplitWhitespace};

/// What a new area shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Anonymous(Sharing),
    /// The file, from one of its pages on.
    File(Sharing, usize),
}

/// How a new area asks for its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Where {
    Fixed,
    NoReplace,
    Hint,
}

/// One thing that a process does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    Map { pages: Range<usize>, prot: Prot, kind: Kind, place: Where, populate: bool },
    Stack(usize),
    Unmap(Range<usize>),
    Protect(Range<usize>, Prot),
    DontNeed(Range<usize>),
    PopulateRead(Range<usize>),
    PopulateWrite(Range<usize>),
    OnFork(Range<usize>, OnFork),
    Move { from: Range<usize>, to: Range<usize>, leave: bool },
    Brk(usize),
    Store { page: usize, offset: usize, byte: u8 },
    StoreAll { pages: Range<usize>, byte: u8 },
    Load { page: usize, offset: usize },
    LoadAll,
    Fork,
    Vfork,
    Exec,
    Exit,
    WriteFile { page: usize, byte: u8 },
    Truncate(usize),
    WriteBack,
    Reclaim(usize),
}

/// An operation, and which of the tasks does it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) who: usize,
    pub(super) op: Op,
}

/// SplitMix64: the same numbers for the same seed, everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn byte(&mut self) -> u8 {
        1 + self.below(255) as u8
    }

    fn pages(&mut self, limit: usize) -> Range<usize> {
        let start = self.below(limit);
        start..(start + 1 + self.below(11)).min(limit)
    }

    fn prot(&mut self) -> Prot {
        match self.below(9) {
            0..=3 => Prot::READ | Prot::WRITE,
            4 | 5 => Prot::READ,
            6 => Prot::empty(),
            7 => Prot::WRITE,
            _ => Prot::EXEC,
        }
    }

    fn sharing(&mut self) -> Sharing {
        if self.chance(4) { Sharing::Shared } else { Sharing::Private }
    }

    fn kind(&mut self) -> Kind {
        let sharing = self.sharing();
        if self.chance(2) { Kind::Anonymous(sharing) } else { Kind::File(sharing, self.below(FILE_PAGES)) }
    }

    fn place(&mut self) -> Where {
        match self.below(8) {
            0 => Where::NoReplace,
            1 => Where::Hint,
            _ => Where::Fixed,
        }
    }

    /// Draws a page that may be touched: of the arena, the heap or the stack.
    fn touched(&mut self) -> usize {
        self.below(PAGES)
    }

    fn op(&mut self) -> Op {
        match self.below(56) {
            0..=5 => Op::Map {
                pages: self.pages(ARENA),
                prot: self.prot(),
                kind: self.kind(),
                place: self.place(),
                populate: self.chance(5),
            },
            6 => Op::Stack(STACK + self.below(PAGES - STACK)),
            7 | 8 => Op::Unmap(self.pages(ARENA)),
            9..=11 => Op::Protect(self.pages(STACK), self.prot()),
            12 | 13 => Op::DontNeed(self.pages(PAGES)),
            14 => Op::PopulateRead(self.pages(STACK)),
            15 => Op::PopulateWrite(self.pages(STACK)),
            16 => {
                let on_fork = [OnFork::Inherit, OnFork::Omit, OnFork::Wipe][self.below(3)];
                Op::OnFork(self.pages(ARENA), on_fork)
            }
            17 | 18 => Op::Move { from: self.pages(ARENA), to: self.pages(ARENA), leave: self.chance(4) },
            19 | 20 => Op::Brk(self.below(STACK - ARENA + 1)),
            21..=28 => Op::Store { page: self.touched(), offset: self.below(OFFSETS), byte: self.byte() },
            29..=32 => Op::StoreAll { pages: self.pages(PAGES), byte: self.byte() },
            33..=36 => Op::Load { page: self.touched(), offset: self.below(OFFSETS) },
            37 => Op::LoadAll,
            38..=41 => Op::Fork,
            42 => Op::Vfork,
            43 => Op::Exec,
            44..=46 => Op::Exit,
            47..=49 => Op::WriteFile { page: self.below(FILE_PAGES), byte: self.byte() },
            50 => Op::Truncate(self.below(FILE_PAGES + 1)),
            51 => Op::WriteBack,
            52 => Op::Reclaim(1 + self.below(FILE_PAGES)),
            _ => Op::Store { page: self.below(8), offset: self.below(OFFSETS), byte: self.byte() },
        }
    }

    /// Draws the steps of one history.
    pub(super) fn history(&mut self, steps: usize) -> Vec<Step> {
        (0..steps).map(|_| Step { who: self.below(MOST_TASKS), op: self.op() }).collect()
    }
}

fn word(sharing: Sharing) -> &'static str {
    match sharing {
        Sharing::Private => "private",
        Sharing::Shared => "shared",
    }
}

/// Writes rights as `rwx`, `r--` or `---`.
struct Rights(Prot);

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (right, letter) in [(Prot::READ, "r"), (Prot::WRITE, "w"), (Prot::EXEC, "x")] {
            f.write_str(if self.0.contains(right) { letter } else { "-" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.who)?;
        let span = |pages: &Range<usize>| format!("{} {}", pages.start, pages.end);
        match &self.op {
            Op::Map { pages, prot, kind, place, populate } => {
                let place = match place {
                    Where::Fixed => "fixed",
                    Where::NoReplace => "noreplace",
                    Where::Hint => "hint",
                };
                let (sharing, backing) = match kind {
                    Kind::Anonymous(sharing) => (sharing, "anonymous".to_owned()),
                    Kind::File(sharing, first) => (sharing, first.to_string()),
                };
                let (pages, prot, sharing) = (span(pages), Rights(*prot), word(*sharing));
                write!(f, "map {pages} {prot} {sharing} {backing} {place} {populate}")
            }
            Op::Stack(page) => write!(f, "stack {page}"),
            Op::Unmap(pages) => write!(f, "unmap {}", span(pages)),
            Op::Protect(pages, prot) => write!(f, "protect {} {}", span(pages), Rights(*prot)),
            Op::DontNeed(pages) => write!(f, "dontneed {}", span(pages)),
            Op::PopulateRead(pages) => write!(f, "populate-read {}", span(pages)),
            Op::PopulateWrite(pages) => write!(f, "populate-write {}", span(pages)),
            Op::OnFork(pages, on_fork) => {
                let on_fork = match on_fork {
                    OnFork::Inherit => "inherit",
                    OnFork::Omit => "omit",
                    OnFork::Wipe => "wipe",
                };
                write!(f, "onfork {} {on_fork}", span(pages))
            }
            Op::Move { from, to, leave } => write!(f, "move {} {} {leave}", span(from), span(to)),
            Op::Brk(pages) => write!(f, "brk {pages}"),
            Op::Store { page, offset, byte } => write!(f, "store {page} {offset} {byte}"),
            Op::StoreAll { pages, byte } => write!(f, "store-all {} {byte}", span(pages)),
            Op::Load { page, offset } => write!(f, "load {page} {offset}"),
            Op::LoadAll => f.write_str("load-all"),
            Op::Fork => f.write_str("fork"),
            Op::Vfork => f.write_str("vfork"),
            Op::Exec => f.write_str("exec"),
            Op::Exit => f.write_str("exit"),
            Op::WriteFile { page, byte } => write!(f, "write-file {page} {byte}"),
            Op::Truncate(pages) => write!(f, "truncate {pages}"),
            Op::WriteBack => f.write_str("write-back"),
            Op::Reclaim(pages) => write!(f, "reclaim {pages}"),
        }
    }
}

/// The words of a line.
struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| "a word is missing".to_owned())
    }

    fn read<T: FromStr>(&mut self) -> Result<T, String> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("{word} does not belong there"))
    }

    fn pages(&mut self) -> Result<Range<usize>, String> {
        Ok(self.read()?..self.read()?)
    }

    fn prot(&mut self) -> Result<Prot, String> {
        let word = self.word()?;
        let rights = [(Prot::READ, 'r'), (Prot::WRITE, 'w'), (Prot::EXEC, 'x')];
        Ok(rights.into_iter().filter(|(_, letter)| word.contains(*letter)).map(|(right, _)| right).collect())
    }

    fn one_of<T: Copy>(&mut self, choices: &[(&str, T)]) -> Result<T, String> {
        let word = self.word()?;
        let choice = choices.iter().find(|(name, _)| *name == word);
        choice.map(|(_, value)| *value).ok_or_else(|| format!("{word} does not belong there"))
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = Words(line.split_whitespace());
        let who = words.read()?;
        let op = match words.word()? {
            "map" => {
                let (pages, prot) = (words.pages()?, words.prot()?);
                let sharing = words.one_of(&[("private", Sharing::Private), ("shared", Sharing::Shared)])?;
                let kind = match words.word()? {
                    "anonymous" => Kind::Anonymous(sharing),
                    first => Kind::File(sharing, first.parse().map_err(|_| format!("{first} is no page"))?),
                };
                let places =
                    [("fixed", Where::Fixed), ("noreplace", Where::NoReplace), ("hint", Where::Hint)];
                Op::Map { pages, prot, kind, place: words.one_of(&places)?, populate: words.read()? }
            }
            "stack" => Op::Stack(words.read()?),
            "unmap" => Op::Unmap(words.pages()?),
            "protect" => Op::Protect(words.pages()?, words.prot()?),
            "dontneed" => Op::DontNeed(words.pages()?),
            "populate-read" => Op::PopulateRead(words.pages()?),
            "populate-write" => Op::PopulateWrite(words.pages()?),
            "onfork" => {
                let choices = [("inherit", OnFork::Inherit), ("omit", OnFork::Omit), ("wipe", OnFork::Wipe)];
                Op::OnFork(words.pages()?, words.one_of(&choices)?)
            }
            "move" => Op::Move { from: words.pages()?, to: words.pages()?, leave: words.read()? },
            "brk" => Op::Brk(words.read()?),
            "store" => Op::Store { page: words.read()?, offset: words.read()?, byte: words.read()? },
            "store-all" => Op::StoreAll { pages: words.pages()?, byte: words.read()? },
            "load" => Op::Load { page: words.read()?, offset: words.read()? },
            "load-all" => Op::LoadAll,
            "fork" => Op::Fork,
            "vfork" => Op::Vfork,
            "exec" => Op::Exec,
            "exit" => Op::Exit,
            "write-file" => Op::WriteFile { page: words.read()?, byte: words.read()? },
            "truncate" => Op::Truncate(words.read()?),
            "write-back" => Op::WriteBack,
            "reclaim" => Op::Reclaim(words.read()?),
            other => return Err(format!("nothing is called {other}")),
        };
        Ok(Self { who, op })
    }
}

#[test]
fn a_script_is_read_as_it_was_written() {
    for step in Random(1).history(2000) {
        assert_eq!(step.to_string().parse(), Ok(step));
    }
}
