//! Changes that a task asks for itself (Linux 6.12 kernel/sys.c, kernel/capability.c, security/commoncap.c).

use super::{Capabilities, CapabilitySets, Credentials, Ids, ROOT, SecureBits};
use crate::Errno;

/// Which ids a call is about, and the capability that lets it take any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// Users: changes of root's change capabilities.
    User,
    /// Groups.
    Group,
}

impl IdKind {
    const fn capability(self) -> Capabilities {
        match self {
            Self::User => Capabilities::SETUID,
            Self::Group => Capabilities::SETGID,
        }
    }
}

impl Credentials {
    /// Returns the users or the groups.
    pub const fn ids(&self, kind: IdKind) -> Ids {
        match kind {
            IdKind::User => self.user,
            IdKind::Group => self.group,
        }
    }

    const fn may_take_any(&self, kind: IdKind) -> bool {
        self.can(kind.capability())
    }

    /// Takes other users or groups, and with users what capabilities follow from that.
    fn with_ids(mut self, kind: IdKind, ids: Ids) -> Self {
        match kind {
            IdKind::Group => self.group = ids,
            IdKind::User => {
                let before = std::mem::replace(&mut self.user, ids);
                if !self.secure.contains(SecureBits::NO_SETUID_FIXUP) {
                    self.follow_user(before);
                }
            }
        }
        self
    }

    /// Gives and takes capabilities as the user becomes root or another (`cap_task_fix_setuid`).
    fn follow_user(&mut self, before: Ids) {
        let (user, sets) = (self.user, &mut self.capabilities);
        if before.has(ROOT) && !user.has(ROOT) {
            if !self.secure.contains(SecureBits::KEEP_CAPS) {
                sets.permitted = Capabilities::empty();
                sets.effective = Capabilities::empty();
            }
            sets.ambient = Capabilities::empty();
        }
        match (before.effective, user.effective) {
            (ROOT, 1..) => sets.effective = Capabilities::empty(),
            (1.., ROOT) => sets.effective = sets.permitted,
            _ => {}
        }
    }

    /// setuid(2), setgid(2).
    ///
    /// # Errors
    /// `EINVAL` for -1, `EPERM` for an id that is neither the real nor the saved one.
    pub fn set_id(&self, kind: IdKind, id: u32) -> Result<Self, Errno> {
        let mut ids = self.ids(kind);
        if id == u32::MAX {
            return Err(Errno::EINVAL);
        }
        if self.may_take_any(kind) {
            ids = Ids::of(id);
        } else if id == ids.real || id == ids.saved {
            (ids.effective, ids.fs) = (id, id);
        } else {
            return Err(Errno::EPERM);
        }
        Ok(self.clone().with_ids(kind, ids))
    }

    /// setreuid(2), setregid(2); `None` leaves an id as it is.
    ///
    /// # Errors
    /// `EPERM` for an id that is none of those that it may become.
    pub fn set_real_effective(
        &self,
        kind: IdKind,
        real: Option<u32>,
        effective: Option<u32>,
    ) -> Result<Self, Errno> {
        let before = self.ids(kind);
        let real_ok = real.is_none_or(|id| id == before.real || id == before.effective);
        let effective_ok = effective.is_none_or(|id| before.has(id));
        if !(real_ok && effective_ok || self.may_take_any(kind)) {
            return Err(Errno::EPERM);
        }
        let mut ids = before;
        ids.real = real.unwrap_or(before.real);
        ids.effective = effective.unwrap_or(before.effective);
        if real.is_some() || effective.is_some_and(|id| id != before.real) {
            ids.saved = ids.effective;
        }
        ids.fs = ids.effective;
        Ok(self.clone().with_ids(kind, ids))
    }

    /// setresuid(2), setresgid(2): real, effective, saved; `None` leaves an id as it is.
    ///
    /// # Errors
    /// `EPERM` for an id that is none of the three.
    pub fn set_three(&self, kind: IdKind, wanted: [Option<u32>; 3]) -> Result<Self, Errno> {
        let before = self.ids(kind);
        if wanted.iter().flatten().any(|id| !before.has(*id)) && !self.may_take_any(kind) {
            return Err(Errno::EPERM);
        }
        let [real, effective, saved] = wanted;
        let effective = effective.unwrap_or(before.effective);
        let ids = Ids {
            real: real.unwrap_or(before.real),
            effective,
            saved: saved.unwrap_or(before.saved),
            fs: effective,
        };
        Ok(self.clone().with_ids(kind, ids))
    }

    /// setfsuid(2), setfsgid(2): what is not allowed changes nothing.
    #[must_use]
    pub fn set_fs_id(&self, kind: IdKind, id: u32) -> Self {
        let mut after = self.clone();
        let ids = match kind {
            IdKind::User => &mut after.user,
            IdKind::Group => &mut after.group,
        };
        if id == u32::MAX || !(ids.has(id) || self.may_take_any(kind)) {
            return after;
        }
        let before = std::mem::replace(&mut ids.fs, id);
        if kind == IdKind::User && !self.secure.contains(SecureBits::NO_SETUID_FIXUP) {
            let sets = &mut after.capabilities;
            match (before, id) {
                (ROOT, 1..) => sets.effective -= Capabilities::OF_FILES,
                (1.., ROOT) => sets.effective |= sets.permitted & Capabilities::OF_FILES,
                _ => {}
            }
        }
        after
    }

    /// setgroups(2).
    ///
    /// # Errors
    /// `EPERM` without `CAP_SETGID`, `EINVAL` for a group -1.
    pub fn set_groups(&self, mut groups: Vec<u32>) -> Result<Self, Errno> {
        if !self.can(Capabilities::SETGID) {
            return Err(Errno::EPERM);
        }
        if groups.contains(&u32::MAX) {
            return Err(Errno::EINVAL);
        }
        groups.sort_unstable();
        Ok(Self { groups, ..self.clone() })
    }

    /// capset(2).
    ///
    /// # Errors
    /// `EPERM` for more than it may have.
    pub fn set_capabilities(
        &self,
        effective: Capabilities,
        permitted: Capabilities,
        inheritable: Capabilities,
    ) -> Result<Self, Errno> {
        let before = self.capabilities;
        let own = before.inheritable | before.permitted;
        let allowed = (own.contains(inheritable) || self.can(Capabilities::SETPCAP))
            && (before.inheritable | before.bounding).contains(inheritable)
            && before.permitted.contains(permitted)
            && permitted.contains(effective);
        if !allowed {
            return Err(Errno::EPERM);
        }
        let ambient = before.ambient & permitted & inheritable;
        let capabilities = CapabilitySets { inheritable, permitted, effective, ambient, ..before };
        Ok(Self { capabilities, ..self.clone() })
    }

    /// prctl(2), `PR_CAPBSET_DROP`.
    ///
    /// # Errors
    /// `EPERM` without `CAP_SETPCAP`, `EINVAL` for no capability.
    pub fn drop_from_bounding(&self, capability: Option<Capabilities>) -> Result<Self, Errno> {
        if !self.can(Capabilities::SETPCAP) {
            return Err(Errno::EPERM);
        }
        let mut after = self.clone();
        after.capabilities.bounding -= capability.ok_or(Errno::EINVAL)?;
        Ok(after)
    }

    /// prctl(2), `PR_SET_SECUREBITS`.
    ///
    /// # Errors
    /// `EPERM` without `CAP_SETPCAP`, for a bit that is locked or unknown, and for a lock that would be opened.
    pub fn set_secure_bits(&self, bits: u64) -> Result<Self, Errno> {
        let secure = u32::try_from(bits).ok().and_then(SecureBits::from_bits).ok_or(Errno::EPERM)?;
        let locks = self.secure & SecureBits::LOCKS;
        let locked = SecureBits::from_bits_truncate(locks.bits() >> 1);
        let changed = self.secure ^ secure;
        if changed.intersects(locked | locks) || !self.can(Capabilities::SETPCAP) {
            return Err(Errno::EPERM);
        }
        Ok(Self { secure, ..self.clone() })
    }

    /// prctl(2), `PR_SET_KEEPCAPS`.
    ///
    /// # Errors
    /// `EINVAL` for what is no truth value, `EPERM` when the bit is locked.
    pub fn set_keep_capabilities(&self, keep: u64) -> Result<Self, Errno> {
        if keep > 1 {
            return Err(Errno::EINVAL);
        }
        if self.secure.contains(SecureBits::KEEP_CAPS_LOCKED) {
            return Err(Errno::EPERM);
        }
        let mut after = self.clone();
        after.secure.set(SecureBits::KEEP_CAPS, keep == 1);
        Ok(after)
    }

    /// prctl(2), `PR_CAP_AMBIENT_RAISE` and `_LOWER`.
    ///
    /// # Errors
    /// `EPERM` for raising what is not both permitted and inheritable, or when nothing may be raised.
    pub fn set_ambient(&self, capability: Capabilities, is_raised: bool) -> Result<Self, Errno> {
        let mut after = self.clone();
        let sets = &mut after.capabilities;
        let possible = (sets.permitted & sets.inheritable).contains(capability)
            && !self.secure.contains(SecureBits::NO_CAP_AMBIENT_RAISE);
        if is_raised && !possible {
            return Err(Errno::EPERM);
        }
        sets.ambient.set(capability, is_raised);
        Ok(after)
    }
}
