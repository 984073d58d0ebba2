//! Who looks at memory, and what a page-table entry lets them do.

use crate::{Access, Privilege, PteFlags};

/// The privilege of an access with the two status bits that change what a PTE allows (Privileged ISA, "Memory Privilege
/// in `sstatus` Register").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// The effective privilege: MPRV is already applied.
    pub privilege: Privilege,
    /// `sstatus.SUM`: S-mode may load from and store to U-mode pages.
    pub sum: bool,
    /// `sstatus.MXR`: a load may read what is only executable.
    pub mxr: bool,
}

impl View {
    /// U-mode as an ordinary program runs in it.
    pub const USER: Self = Self { privilege: Privilege::User, sum: false, mxr: false };

    /// Decides steps 6 and 8 of "Virtual Address Translation Process": U against the privilege, then R, W and X against
    /// the access.
    ///
    /// A walk asks with the flags that it read, a TLB hit with those that its entry kept.
    pub(crate) const fn permits(self, access: Access, flags: PteFlags) -> bool {
        let user_page = flags.contains(PteFlags::U);
        let privileged = match (self.privilege, access) {
            (Privilege::User, _) => user_page,
            // S-mode never executes from a user page, whatever SUM says.
            (_, Access::Fetch) => !user_page,
            (_, Access::Load | Access::Store) => !user_page || self.sum,
        };
        privileged
            && match access {
                Access::Fetch => flags.contains(PteFlags::X),
                Access::Load => flags.contains(PteFlags::R) || self.mxr && flags.contains(PteFlags::X),
                Access::Store => flags.contains(PteFlags::W),
            }
    }
}
