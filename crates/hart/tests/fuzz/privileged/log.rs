//! Spike's log with `-l --log-commits`, read back.

/// What a line, or two of a trap, say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// An instruction retired.
    Commit {
        /// The privilege it was executed in.
        privilege: u64,
        pc: u64,
        bits: u64,
        registers: Vec<(Register, u64)>,
        /// The address of what it accessed first.
        address: Option<u64>,
    },
    /// A trap was taken.
    Trap { cause: u64, epc: u64, tval: u64 },
}

/// A register that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Register {
    X(usize),
    F(usize),
    Csr(u16),
}

const CORE: &str = "core   0: ";

const INTERRUPT: u64 = 1 << 63;

/// Reads the log, from the first commit at `start` on.
pub(crate) fn events(lines: impl Iterator<Item = String>, start: u64) -> impl Iterator<Item = Event> {
    // The rest is no log but what Spike says of itself.
    let mut lines = lines.filter(|line| line.starts_with(CORE)).peekable();
    let parsed = std::iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            let rest = line.strip_prefix(CORE)?;
            if let Some(trap) = rest.strip_prefix("exception ") {
                let (name, epc) = trap.split_once(", epc ")?;
                let is_tval = |line: &String| line.contains(" tval ");
                let tval = lines.next_if(is_tval).and_then(|line| hex(line.rsplit(' ').next()?));
                return Some(Event::Trap { cause: cause(name)?, epc: hex(epc)?, tval: tval.unwrap_or(0) });
            }
            // Lines of `-l` alone begin with the address.
            if rest.as_bytes().get(1) == Some(&b' ') {
                return commit(rest);
            }
        }
    });
    parsed.skip_while(move |event| !matches!(event, Event::Commit { pc, .. } if *pc == start))
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

fn commit(line: &str) -> Option<Event> {
    let mut words = line.split_whitespace();
    let privilege = words.next()?.parse().ok()?;
    let pc = hex(words.next()?)?;
    let bits = hex(words.next()?.trim_matches(['(', ')']))?;
    let (mut registers, mut address) = (Vec::new(), None);
    while let Some(word) = words.next() {
        let value = hex(words.next()?)?;
        let number = |text: &str| text.parse::<usize>().ok();
        match word.split_at(1) {
            ("m", "em") => {
                address.get_or_insert(value);
                // The value of a store follows its address.
                if words.clone().next().is_some_and(|next| next.starts_with("0x")) {
                    words.next();
                }
            }
            ("x", index) => registers.push((Register::X(number(index)?), value)),
            ("f", index) => registers.push((Register::F(number(index)?), value)),
            ("c", name) => {
                registers.push((Register::Csr(number(name.split('_').next()?)? as u16), value));
            }
            _ => return None,
        }
    }
    Some(Event::Commit { privilege, pc, bits, registers, address })
}

/// Returns what `mcause` holds for a trap that Spike names.
fn cause(name: &str) -> Option<u64> {
    if let Some(number) = name.strip_prefix("interrupt #") {
        return number.parse::<u64>().ok().map(|number| INTERRUPT | number);
    }
    Some(match name.strip_prefix("trap_")? {
        "instruction_address_misaligned" => 0,
        "instruction_access_fault" => 1,
        "illegal_instruction" => 2,
        "breakpoint" => 3,
        "load_address_misaligned" => 4,
        "load_access_fault" => 5,
        "store_address_misaligned" => 6,
        "store_access_fault" => 7,
        "user_ecall" => 8,
        "supervisor_ecall" => 9,
        "machine_ecall" => 11,
        "instruction_page_fault" => 12,
        "load_page_fault" => 13,
        "store_page_fault" => 15,
        _ => return None,
    })
}
