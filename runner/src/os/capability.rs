//! The parts that the power of root is split into (capabilities(7)).
//!
//! The kernel keeps them for each thread. These functions change the calling one, which is enough
//! and right while a process has one thread: those that it starts later inherit them.

pub(crate) use rustix::thread::CapabilitySet;
use rustix::thread::{
    CapabilitySets, capabilities, capability_is_in_ambient_set, capability_is_in_bounding_set,
    clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities,
};
use serde::{Deserialize, Serialize};
use std::{fmt, io};

/// Each of these makes its holder root in one step: by its id, by the files or processes of root,
/// or by the kernel itself.
const WAYS_TO_ROOT: CapabilitySet = CapabilitySet::SETUID
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::SYS_MODULE)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::SYS_RAWIO);

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Capabilities(u64);

impl Capabilities {
    /// Those with these numbers, as <linux/capability.h> has them.
    pub(crate) fn numbered(numbers: impl IntoIterator<Item = u8>) -> Self {
        let bits = numbers.into_iter().filter_map(|number| 1u64.checked_shl(number.into()));
        Self(bits.fold(0, |set, bit| set | bit))
    }

    /// What this thread can do now.
    pub(crate) fn effective() -> io::Result<Self> {
        Ok(capabilities(None)?.effective.into())
    }

    /// What this thread could do.
    pub(crate) fn permitted() -> io::Result<Self> {
        Ok(capabilities(None)?.permitted.into())
    }

    pub(crate) fn has(self, wanted: CapabilitySet) -> bool {
        self.set().contains(wanted)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those with which an ordinary user becomes root.
    #[must_use]
    pub(crate) fn ways_to_root(self) -> Self {
        self.set().intersection(WAYS_TO_ROOT).into()
    }

    /// Takes all others away from every program that this process will ever run. It takes
    /// CAP_SETPCAP; who lacks it can take nothing away, and the rest of the process is as before.
    ///
    /// # Errors
    /// When the kernel refuses, or keeps more than that. What is gone never comes back, so that it
    /// need not be looked at again.
    pub(crate) fn bound(self) -> io::Result<()> {
        if !Self::effective()?.has(CapabilitySet::SETPCAP) {
            return Ok(());
        }
        for capability in known().filter(|capability| !self.has(*capability)) {
            remove_capability_from_bounding_set(capability)?;
            if capability_is_in_bounding_set(capability)? {
                return Err(io::Error::other(format!("{} stays", Self::from(capability))));
            }
        }
        Ok(())
    }

    /// Has exactly these, and passes them on to the programs that this process runs.
    pub(crate) fn hold(self) -> io::Result<()> {
        let set = self.set();
        clear_ambient_capability_set()?;
        let sets = CapabilitySets { effective: set, permitted: set, inheritable: set };
        set_capabilities(None, sets)?;
        for capability in self.each() {
            configure_capability_in_ambient_set(capability, true)?;
        }
        Ok(set_keep_capabilities(false)?)
    }

    /// Whether this thread has exactly these, now, after asking for more, and in what it runs.
    pub(crate) fn are_held(self) -> io::Result<bool> {
        let CapabilitySets { effective, permitted, inheritable } = capabilities(None)?;
        let mut ambient = CapabilitySet::empty();
        for capability in known() {
            ambient.set(capability, capability_is_in_ambient_set(capability)?);
        }
        Ok([effective, permitted, inheritable, ambient].iter().all(|set| *set == self.set()))
    }

    fn each(self) -> impl Iterator<Item = CapabilitySet> {
        all().filter(move |capability| self.has(*capability))
    }

    fn set(self) -> CapabilitySet {
        CapabilitySet::from_bits_retain(self.0)
    }
}

impl From<CapabilitySet> for Capabilities {
    fn from(set: CapabilitySet) -> Self {
        Self(set.bits())
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, capability) in self.each().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let name = capability.iter_names().next().map(|(name, _)| name.to_lowercase());
            let name = name.unwrap_or_else(|| capability.bits().trailing_zeros().to_string());
            write!(f, "{separator}`{name}`")?;
        }
        Ok(())
    }
}

/// Lets the capabilities survive the next change of user, until [`Capabilities::hold`].
pub(crate) fn survive_user_change() -> io::Result<()> {
    Ok(set_keep_capabilities(true)?)
}

/// Every capability of this kernel, which may be more or fewer than those with a name here.
fn known() -> impl Iterator<Item = CapabilitySet> {
    all().take_while(|capability| capability_is_in_bounding_set(*capability).is_ok())
}

/// Every capability that there can be.
fn all() -> impl Iterator<Item = CapabilitySet> {
    (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_named_as_they_are_numbered() {
        let set = Capabilities::numbered([10, 13]);
        assert_eq!(set.to_string(), "`net_bind_service`, `net_raw`");
        assert!(set.has(CapabilitySet::NET_RAW) && !set.has(CapabilitySet::CHOWN));
        assert_eq!(Capabilities::numbered([60, 63, 200]).to_string(), "`60`, `63`");
        assert_eq!(Capabilities::default().to_string(), "");
    }

    #[test]
    fn ways_to_root_are_known() {
        assert!(Capabilities::numbered([10]).ways_to_root().is_empty());
        let set = Capabilities::numbered([7, 10, 21]);
        assert_eq!(set.ways_to_root().to_string(), "`setuid`, `sys_admin`");
    }

    /// Linux has had 38 since 3.16 and 41 since 5.9.
    #[test]
    fn the_kernel_is_asked_for_its_capabilities() {
        let count = known().count();
        assert!((38..64).contains(&count), "{count}");
    }
}
