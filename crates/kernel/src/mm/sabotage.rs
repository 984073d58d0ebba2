//! Breaking the memory system on purpose, so that a test can show that the model test would notice it. Outside of tests nothing
//! is ever broken.

macro_rules! sabotages {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What can be broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Sabotage {
            $($(#[$doc])* $name,)*
        }

        #[cfg(test)]
        impl Sabotage {
            /// Everything that can be broken.
            pub(super) const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

sabotages! {
    /// No change of a PTE owes a fence.
    NoFence,
    /// Fork's fences are executed for the child, which never ran, and not for the parent.
    ChildFenced,
    /// A page that has moved owes no fence where it was.
    MoveNotFenced,
    /// A store is forgotten as its PTE goes.
    LostDirtyBit,
    /// Empty tables stay.
    TablesLeak,
    /// Fork does not count the child among a frame's owners.
    WrongCount,
    /// Fork leaves private pages writable.
    MissingWriteProtect,
    /// Fork passes on what `MADV_WIPEONFORK` and `MADV_DONTFORK` keep back.
    AdviceIgnored,
    /// An eager fork's copies are zeros.
    EagerCopiesNothing,
    /// A store reuses a frame that has other owners.
    ReuseWhileShared,
    /// A store to the zero page goes to it.
    ZeroPageWritten,
    /// A copy has whatever its frame held before.
    NothingCopied,
    /// Areas forget that they have pages of their own.
    PrivateWriteForgotten,
    /// A store to a private mapping of a file goes to the file.
    FileWrittenThrough,
    /// mprotect makes pages writable that have other owners.
    WritableAtOnce,
    /// munmap leaves the pages.
    PagesOutliveArea,
    /// A batch goes on beyond its area.
    BatchLeavesArea,
    /// The pool gives the same frame again.
    PoolGivesTwice,
    /// On-demand fork leaves shared tables reachable as they are.
    TableNotWithheld,
    /// A shared table becomes reachable with the right to write.
    TableNotGuarded,
    /// Slots of a shared table are changed.
    UnshareSkipped,
    /// A copy of a shared table is no owner of what it maps.
    UnshareUncounted,
    /// A page leaves a shared table, and only one of its holders is fenced.
    OneHolderFenced,
    /// A store reuses a huge page that has other owners.
    HugeReuseWhileShared,
    /// Of a huge page only the first half is copied.
    HugeHalfCopied,
    /// The pieces of a huge page may all be written, whoever shares them.
    SplitWritable,
    /// A huge page that is unmapped or changed in part goes whole.
    EdgesNotSplit,
}

#[cfg(test)]
thread_local! {
    static BROKEN: std::cell::Cell<Option<Sabotage>> = const { std::cell::Cell::new(None) };
}

/// Tells whether something is broken now.
#[cfg(test)]
pub(super) fn is_broken(what: Sabotage) -> bool {
    BROKEN.get() == Some(what)
}

/// Tells whether something is broken now, which it is not.
#[cfg(not(test))]
pub(super) const fn is_broken(_: Sabotage) -> bool {
    false
}

/// Breaks something while `action` runs. A panic must not leave it.
#[cfg(test)]
pub(super) fn during<T>(what: Sabotage, action: impl FnOnce() -> T) -> T {
    BROKEN.set(Some(what));
    let outcome = action();
    BROKEN.set(None);
    outcome
}
