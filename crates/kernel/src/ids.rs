//! The kernel's handles: plain numbers, so that its state is data.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A hart, counted from 0.
    HartId(u32)
}
id! {
    /// A task's or process's number, as `gettid(2)` and `getpid(2)` return it. A process has the number of its first task.
    Pid(i32)
}
id! {
    /// An address space in [`crate::mm::Memory`].
    MmId(u32)
}
id! {
    /// A file's cached contents in [`crate::mm::PageCache`]: an inode's data, or the object behind shared anonymous memory.
    FileId(u32)
}
id! {
    /// A file descriptor.
    Fd(i32)
}
