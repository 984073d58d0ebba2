//! The system calls of Linux 6.12 on riscv64 that Tine does not have, by name (Linux 6.12 scripts/syscall.tbl).
//!
//! They are answered with ENOSYS. strace and `--warn` name them, and `docs/syscalls.md` lists them. A call that moves to
//! the table of those that Tine has leaves this one: a test sees to it that each number is in one of the two.

use super::table;
use std::borrow::Cow;

/// Numbers and names, in ascending order.
pub static UNSUPPORTED: &[(u64, &str)] = &[
    (0, "io_setup"),
    (1, "io_destroy"),
    (2, "io_submit"),
    (3, "io_cancel"),
    (4, "io_getevents"),
    (41, "pivot_root"),
    (58, "vhangup"),
    (60, "quotactl"),
    (89, "acct"),
    (104, "kexec_load"),
    (105, "init_module"),
    (106, "delete_module"),
    (116, "syslog"),
    (117, "ptrace"),
    (142, "reboot"),
    (217, "add_key"),
    (218, "request_key"),
    (219, "keyctl"),
    (224, "swapon"),
    (225, "swapoff"),
    (235, "mbind"),
    (236, "get_mempolicy"),
    (237, "set_mempolicy"),
    (238, "migrate_pages"),
    (239, "move_pages"),
    (241, "perf_event_open"),
    (262, "fanotify_init"),
    (263, "fanotify_mark"),
    (264, "name_to_handle_at"),
    (265, "open_by_handle_at"),
    (268, "setns"),
    (273, "finit_module"),
    (277, "seccomp"),
    (280, "bpf"),
    (282, "userfaultfd"),
    (288, "pkey_mprotect"),
    (289, "pkey_alloc"),
    (290, "pkey_free"),
    (292, "io_pgetevents"),
    (294, "kexec_file_load"),
    (425, "io_uring_setup"),
    (426, "io_uring_enter"),
    (427, "io_uring_register"),
    (428, "open_tree"),
    (429, "move_mount"),
    (430, "fsopen"),
    (431, "fsconfig"),
    (432, "fsmount"),
    (433, "fspick"),
    (442, "mount_setattr"),
    (443, "quotactl_fd"),
    (444, "landlock_create_ruleset"),
    (445, "landlock_add_rule"),
    (446, "landlock_restrict_self"),
    (447, "memfd_secret"),
    (448, "process_mrelease"),
    (450, "set_mempolicy_home_node"),
    (451, "cachestat"),
    (453, "map_shadow_stack"),
    (456, "futex_requeue"),
    (457, "statmount"),
    (458, "listmount"),
    (459, "lsm_get_self_attr"),
    (460, "lsm_set_self_attr"),
    (461, "lsm_list_modules"),
    (462, "mseal"),
];

/// Returns the name of a system call that Linux has and Tine has not.
pub(super) fn unsupported(number: u64) -> Option<&'static str> {
    let index = UNSUPPORTED.binary_search_by_key(&number, |(number, _)| *number).ok()?;
    UNSUPPORTED.get(index).map(|(_, name)| *name)
}

/// Returns the name of any system call; of a number that Linux has none for, what strace makes of it.
pub(crate) fn name_of(number: u64) -> Cow<'static, str> {
    let known = table::find(number).map(|call| call.name).or_else(|| unsupported(number));
    known.map_or_else(|| format!("syscall_{number:#x}").into(), Cow::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::SYSCALLS;

    #[test]
    fn each_call_of_linux_is_in_one_of_the_two_tables() {
        assert!(UNSUPPORTED.is_sorted_by(|a, b| a.0 < b.0));
        for (number, name) in UNSUPPORTED {
            assert!(table::find(*number).is_none(), "{name} is in table.rs now: remove it from names.rs");
        }
        // Numbers 0 to 294 and 424 to 462, without 18, 38, 42 and 244 to 257, which riscv64 has not.
        let numbers = || SYSCALLS.iter().map(|call| call.number).chain(UNSUPPORTED.iter().map(|row| row.0));
        let missing: Vec<_> = (0..=294)
            .chain(424..=462)
            .filter(|number| ![18, 38, 42].contains(number) && !(244..=257).contains(number))
            .filter(|number| !numbers().any(|known| known == *number))
            .collect();
        assert_eq!(missing, [] as [u64; 0], "a call that left one table must be in the other");
    }

    #[test]
    fn names_are_known_for_every_number() {
        assert_eq!(name_of(63), "read");
        assert_eq!(name_of(425), "io_uring_setup");
        assert_eq!(name_of(1234), "syscall_0x4d2");
    }
}
