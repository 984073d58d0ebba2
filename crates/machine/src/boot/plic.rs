//! The platform-level interrupt controller (RISC-V PLIC specification): two contexts for each hart, M-mode's and S-mode's.

/// Sources 1 to 31: as many as one word of bits holds.
const SOURCES: usize = 32;

const PRIORITY_END: u64 = 4 * SOURCES as u64;
const PENDING: u64 = 0x1000;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;
/// Priorities have three bits.
const PRIORITY_MASK: u32 = 7;

#[derive(Clone, Debug, Default)]
struct Context {
    enabled: u32,
    threshold: u32,
}

/// The controller. Sources are levels: one that is still up after its completion is pending again.
#[derive(Clone, Debug)]
pub(super) struct Plic {
    priorities: [u32; SOURCES],
    /// What devices signal now.
    levels: u32,
    /// Claimed and not completed.
    claimed: u32,
    contexts: Vec<Context>,
}

impl Plic {
    pub(super) const BASE: u64 = 0xc00_0000;
    pub(super) const BYTES: u64 = 0x60_0000;

    pub(super) fn new(harts: usize) -> Self {
        Self {
            priorities: [0; SOURCES],
            levels: 0,
            claimed: 0,
            contexts: vec![Context::default(); 2 * harts],
        }
    }

    /// Takes the level of a source.
    pub(super) fn set_level(&mut self, source: u32, up: bool) {
        self.levels = self.levels & !(1 << source) | u32::from(up) << source;
    }

    fn pending(&self) -> u32 {
        self.levels & !self.claimed
    }

    /// Tells whether a context is to be interrupted.
    pub(super) fn signals(&self, context: usize) -> bool {
        let threshold = self.contexts[context].threshold;
        self.best(context).is_some_and(|source| self.priorities[source] > threshold)
    }

    /// Finds the pending source of highest priority that a context has enabled; of equals the lowest.
    fn best(&self, context: usize) -> Option<usize> {
        let candidates = self.pending() & self.contexts[context].enabled;
        let of_context = |source: &usize| candidates >> source & 1 == 1 && self.priorities[*source] > 0;
        (1..SOURCES).filter(of_context).max_by_key(|&source| (self.priorities[source], SOURCES - source))
    }

    fn enabled_mut(&mut self, offset: u64) -> Option<&mut u32> {
        let offset = offset.checked_sub(ENABLE).filter(|offset| offset % ENABLE_STRIDE == 0)?;
        self.contexts.get_mut((offset / ENABLE_STRIDE) as usize).map(|context| &mut context.enabled)
    }

    /// Returns a context and the offset of one of its own registers.
    fn context(&self, offset: u64) -> Option<(usize, u64)> {
        let offset = offset.checked_sub(CONTEXT)?;
        let context = (offset / CONTEXT_STRIDE) as usize;
        (context < self.contexts.len()).then_some((context, offset % CONTEXT_STRIDE))
    }

    /// Reads a register of four bytes; those of sources that do not exist read as 0.
    pub(super) fn load(&mut self, offset: u64, len: usize) -> Option<u64> {
        if len != 4 {
            return None;
        }
        let value = match self.context(offset) {
            Some((context, 0)) => self.contexts[context].threshold,
            Some((context, 4)) => {
                let claimed = self.best(context).unwrap_or(0);
                if claimed != 0 {
                    self.claimed |= 1 << claimed;
                }
                claimed as u32
            }
            _ if offset < PRIORITY_END => self.priorities[(offset / 4) as usize],
            _ if offset == PENDING => self.pending(),
            _ => self.enabled_mut(offset).map_or(0, |enabled| *enabled),
        };
        Some(value.into())
    }

    /// Writes a register of four bytes.
    pub(super) fn store(&mut self, offset: u64, len: usize, value: u64) -> Option<()> {
        if len != 4 {
            return None;
        }
        let value = value as u32;
        match self.context(offset) {
            Some((context, 0)) => self.contexts[context].threshold = value & PRIORITY_MASK,
            Some((context, 4)) => {
                if value < SOURCES as u32 && self.contexts[context].enabled >> value & 1 == 1 {
                    self.claimed &= !(1 << value);
                }
            }
            // Source 0 means none.
            _ if (4..PRIORITY_END).contains(&offset) => {
                self.priorities[(offset / 4) as usize] = value & PRIORITY_MASK;
            }
            _ => {
                if let Some(enabled) = self.enabled_mut(offset) {
                    *enabled = value & !1;
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: u32 = 10;

    fn plic() -> Plic {
        let mut plic = Plic::new(1);
        plic.store(4 * u64::from(SOURCE), 4, 3).unwrap();
        // S-mode's context of hart 0.
        plic.store(ENABLE + ENABLE_STRIDE, 4, 1 << SOURCE).unwrap();
        plic
    }

    const CLAIM: u64 = CONTEXT + CONTEXT_STRIDE + 4;

    #[test]
    fn a_level_is_claimed_once_until_it_is_completed() {
        let mut plic = plic();
        plic.set_level(SOURCE, true);
        assert_eq!((plic.signals(0), plic.signals(1)), (false, true));
        assert_eq!(plic.load(CLAIM, 4), Some(SOURCE.into()));
        assert_eq!((plic.signals(1), plic.load(CLAIM, 4)), (false, Some(0)));
        plic.store(CLAIM, 4, SOURCE.into()).unwrap();
        assert!(plic.signals(1), "it is still up");
        plic.set_level(SOURCE, false);
        assert!(!plic.signals(1));
    }

    #[test]
    fn a_threshold_keeps_lower_priorities_away() {
        let mut plic = plic();
        plic.set_level(SOURCE, true);
        plic.store(CONTEXT + CONTEXT_STRIDE, 4, 3).unwrap();
        assert!(!plic.signals(1));
        plic.store(CONTEXT + CONTEXT_STRIDE, 4, 2).unwrap();
        assert!(plic.signals(1));
        assert_eq!(plic.load(PENDING, 4), Some(1 << SOURCE));
        assert_eq!(plic.load(PENDING, 8), None);
    }
}
