//! What a program makes of the credentials of who executes it (Linux 6.12 fs/exec.c bprm_fill_uid, security/commoncap.c
//! cap_bprm_creds_from_file). Files have no capabilities here.

use super::{Capabilities, Credentials, ROOT, SecureBits};

/// The set-ID bits of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Privileges {
    /// As whom it runs.
    pub user: Option<u32>,
    /// As whose group it runs.
    pub group: Option<u32>,
    /// Whether somebody outside the process could change its working directory under it (`CLONE_FS`).
    pub shares_directory: bool,
}

/// The credentials that a program begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProgramCredentials {
    /// Who it is.
    pub credentials: Credentials,
    /// Whether it is more than its caller, and has to distrust its environment (`AT_SECURE`).
    pub is_privileged: bool,
}

impl Credentials {
    /// Returns what these become in a program.
    pub(crate) fn execute(&self, program: Privileges) -> ProgramCredentials {
        let mut after = self.clone();
        if !self.no_new_privileges {
            after.user.effective = program.user.unwrap_or(self.user.effective);
            after.group.effective = program.group.unwrap_or(self.group.effective);
        }
        let sets = &mut after.capabilities;
        sets.permitted = Capabilities::empty();
        let root_counts = !self.secure.contains(SecureBits::NOROOT);
        let is_root = after.user.effective == ROOT && root_counts;
        if is_root || after.user.real == ROOT && root_counts {
            sets.permitted = sets.bounding | sets.inheritable;
        }
        let changes_id = after.user.effective != self.user.real || after.group.effective != self.group.real;
        let gains = !self.capabilities.permitted.contains(sets.permitted);
        if (changes_id || gains) && (program.shares_directory || self.no_new_privileges) {
            if !self.can(Capabilities::SETUID) || self.no_new_privileges {
                after.user.effective = after.user.real;
                after.group.effective = after.group.real;
            }
            sets.permitted &= self.capabilities.permitted;
        }
        for ids in [&mut after.user, &mut after.group] {
            (ids.saved, ids.fs) = (ids.effective, ids.effective);
        }
        if changes_id {
            sets.ambient = Capabilities::empty();
        }
        sets.permitted |= sets.ambient;
        sets.effective = if is_root { sets.permitted } else { sets.ambient };
        let has_grown = !sets.ambient.contains(sets.permitted);
        after.secure -= SecureBits::KEEP_CAPS;
        let is_privileged = changes_id || after.user.real != ROOT && (is_root || has_grown);
        ProgramCredentials { credentials: after, is_privileged }
    }
}
