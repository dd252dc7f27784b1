//! The capabilities of Linux.

use std::fmt;

/// Makes the enum of its rows: the variant and its number in `linux/capability.h`, and its name in
/// capabilities(7), in lower case and without `CAP_`.
macro_rules! capabilities {
    ($($variant:ident = $number:literal, $name:literal;)+) => {
        /// A part of the power of root, see capabilities(7).
        ///
        /// ```
        /// use runner::Capability;
        ///
        /// let capability = Capability::NetBindService;
        /// assert_eq!(capability.name(), "net_bind_service");
        /// assert_eq!(capability.number(), 10);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Capability {
            $(#[doc = concat!("`", $name, "`, number ", $number, ".")] $variant = $number,)+
        }

        impl Capability {
            /// Every capability, in the order of the numbers.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name, in lower case and without `cap_`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

capabilities! {
    Chown = 0, "chown";
    DacOverride = 1, "dac_override";
    DacReadSearch = 2, "dac_read_search";
    Fowner = 3, "fowner";
    Fsetid = 4, "fsetid";
    Kill = 5, "kill";
    Setgid = 6, "setgid";
    Setuid = 7, "setuid";
    Setpcap = 8, "setpcap";
    LinuxImmutable = 9, "linux_immutable";
    NetBindService = 10, "net_bind_service";
    NetBroadcast = 11, "net_broadcast";
    NetAdmin = 12, "net_admin";
    NetRaw = 13, "net_raw";
    IpcLock = 14, "ipc_lock";
    IpcOwner = 15, "ipc_owner";
    SysModule = 16, "sys_module";
    SysRawio = 17, "sys_rawio";
    SysChroot = 18, "sys_chroot";
    SysPtrace = 19, "sys_ptrace";
    SysPacct = 20, "sys_pacct";
    SysAdmin = 21, "sys_admin";
    SysBoot = 22, "sys_boot";
    SysNice = 23, "sys_nice";
    SysResource = 24, "sys_resource";
    SysTime = 25, "sys_time";
    SysTtyConfig = 26, "sys_tty_config";
    Mknod = 27, "mknod";
    Lease = 28, "lease";
    AuditWrite = 29, "audit_write";
    AuditControl = 30, "audit_control";
    Setfcap = 31, "setfcap";
    MacOverride = 32, "mac_override";
    MacAdmin = 33, "mac_admin";
    Syslog = 34, "syslog";
    WakeAlarm = 35, "wake_alarm";
    BlockSuspend = 36, "block_suspend";
    AuditRead = 37, "audit_read";
    Perfmon = 38, "perfmon";
    Bpf = 39, "bpf";
    CheckpointRestore = 40, "checkpoint_restore";
}

impl Capability {
    /// The capability of that name: in any case, with `cap_` or without.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("cap_").unwrap_or(&name);
        Self::ALL.iter().copied().find(|capability| capability.name() == name)
    }

    /// Its number in the kernel, the bit that stands for it in a set.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_found_by_name() {
        for name in ["net_bind_service", "CAP_NET_BIND_SERVICE", "cap_net_bind_service"] {
            assert_eq!(Capability::named(name), Some(Capability::NetBindService), "{name}");
        }
        for name in ["", "cap_", "net-bind-service", "cap_cap_kill"] {
            assert_eq!(Capability::named(name), None, "{name}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_kernel() {
        let numbers = Capability::ALL.iter().map(|capability| i32::from(capability.number()));
        assert!(numbers.eq(0..=40));
        for (capability, number) in [
            (Capability::Chown, 0),
            (Capability::NetBindService, 10),
            (Capability::SysAdmin, 21),
            (Capability::CheckpointRestore, 40),
        ] {
            assert_eq!(capability.number(), number, "{capability}");
        }
    }
}
