//! How credentials change: the tables of credentials(7), setresuid(2) and capabilities(7).

use super::exec::Privileges;
use super::*;
use crate::Errno;

const USER: u32 = 1000;
const OTHER: u32 = 2000;

/// Returns the credentials of a user that root has become for good.
fn user() -> Credentials {
    Credentials::ROOT.set_id(IdKind::User, USER).unwrap()
}

fn ids(real: u32, effective: u32, saved: u32) -> Ids {
    Ids { real, effective, saved, fs: effective }
}

#[test]
fn root_that_becomes_a_user_is_nothing_more() {
    let user = user();
    assert_eq!(user.user, Ids::of(USER));
    assert_eq!(user.capabilities.permitted, Capabilities::empty());
    assert_eq!(user.capabilities.bounding, Capabilities::all());
    assert_eq!(user.set_id(IdKind::User, ROOT), Err(Errno::EPERM));
    assert_eq!(user.set_id(IdKind::User, u32::MAX), Err(Errno::EINVAL));
    assert_eq!(user.set_id(IdKind::Group, 5), Err(Errno::EPERM));
}

#[test]
fn effective_root_comes_and_goes_while_it_is_saved() {
    let away = Credentials::ROOT.set_three(IdKind::User, [None, Some(USER), None]).unwrap();
    assert_eq!(away.user, ids(ROOT, USER, ROOT));
    assert!(!away.can(Capabilities::CHOWN) && away.capabilities.permitted == Capabilities::all());
    let back = away.set_id(IdKind::User, ROOT).unwrap();
    assert_eq!(back.user, Ids::of(ROOT), "effective is enough: setuid changes one id without CAP_SETUID");
    assert!(back.can(Capabilities::CHOWN));
}

#[test]
fn setreuid_saves_what_it_sets() {
    let swapped = Credentials::ROOT.set_real_effective(IdKind::User, Some(ROOT), Some(USER)).unwrap();
    assert_eq!(swapped.user, ids(ROOT, USER, USER));
    let real = swapped.set_real_effective(IdKind::User, Some(USER), Some(ROOT)).unwrap();
    assert_eq!(real.user, ids(USER, ROOT, ROOT));
    let user = user();
    assert_eq!(user.set_real_effective(IdKind::User, Some(OTHER), None), Err(Errno::EPERM));
    assert_eq!(user.set_real_effective(IdKind::User, None, None).unwrap(), user);
}

#[test]
fn keeping_capabilities_keeps_the_permitted_ones() {
    let keeps = Credentials::ROOT.set_keep_capabilities(1).unwrap();
    let user = keeps.set_three(IdKind::User, [Some(USER); 3]).unwrap();
    assert_eq!(user.capabilities.permitted, Capabilities::all());
    assert_eq!(user.capabilities.effective, Capabilities::empty());
    assert_eq!(keeps.set_keep_capabilities(2), Err(Errno::EINVAL));
    let locked = keeps.set_secure_bits(0x30).unwrap();
    assert_eq!(locked.set_keep_capabilities(0), Err(Errno::EPERM));
    assert_eq!(locked.set_secure_bits(0x20), Err(Errno::EPERM));
    assert_eq!(locked.set_secure_bits(0x100), Err(Errno::EPERM));
}

#[test]
fn user_for_files_moves_the_capabilities_for_files() {
    let user = Credentials::ROOT.set_fs_id(IdKind::User, USER);
    assert!(!user.can(Capabilities::DAC_OVERRIDE) && user.can(Capabilities::KILL));
    assert_eq!(user.set_fs_id(IdKind::User, ROOT), Credentials::ROOT);
    let plain = self::user();
    assert_eq!(plain.set_fs_id(IdKind::User, OTHER), plain, "not allowed: nothing changes");
}

#[test]
fn capset_gives_nothing_new() {
    let few = Capabilities::KILL | Capabilities::CHOWN;
    let less = Credentials::ROOT.set_capabilities(Capabilities::KILL, few, few).unwrap();
    assert_eq!(less.capabilities.effective, Capabilities::KILL);
    let none = Capabilities::empty();
    assert_eq!(less.set_capabilities(none, Capabilities::all(), none), Err(Errno::EPERM));
    assert_eq!(less.set_capabilities(few, Capabilities::KILL, none), Err(Errno::EPERM));
    assert_eq!(less.set_capabilities(none, few, Capabilities::SETUID), Err(Errno::EPERM));
    assert!(less.set_capabilities(few, few, few).is_ok());
}

#[test]
fn ambient_capabilities_are_permitted_and_inheritable() {
    let kill = Capabilities::KILL;
    assert_eq!(Credentials::ROOT.set_ambient(kill, true), Err(Errno::EPERM));
    let keeps = Credentials::ROOT.set_keep_capabilities(1).unwrap();
    let user = keeps.set_id(IdKind::User, USER).unwrap().set_capabilities(kill, kill, kill).unwrap();
    let ambient = user.set_ambient(kill, true).unwrap();
    let program = ambient.execute(Privileges::default());
    assert_eq!(program.credentials.capabilities.effective, kill);
    assert!(!program.is_privileged);
    let lost = user.execute(Privileges::default()).credentials;
    assert_eq!(lost.capabilities.permitted, Capabilities::empty());
    let set_id = Privileges { user: Some(OTHER), ..Privileges::default() };
    assert_eq!(ambient.execute(set_id).credentials.capabilities.ambient, Capabilities::empty());
}

#[test]
fn set_user_id_program_is_its_owner() {
    let of_root = Privileges { user: Some(ROOT), ..Privileges::default() };
    let program = user().execute(of_root);
    assert_eq!(program.credentials.user, ids(USER, ROOT, ROOT));
    assert_eq!(program.credentials.capabilities.effective, Capabilities::all());
    assert!(program.is_privileged);
    let group = user().execute(Privileges { group: Some(7), ..Privileges::default() });
    assert_eq!(group.credentials.group, ids(ROOT, 7, 7));
    assert!(group.is_privileged);
    assert!(!Credentials::ROOT.execute(of_root).is_privileged, "root is nothing more than it was");
}

#[test]
fn who_gave_up_new_privileges_gets_none() {
    let of_root = Privileges { user: Some(ROOT), ..Privileges::default() };
    let none = Credentials { no_new_privileges: true, ..user() };
    let program = none.execute(of_root);
    assert_eq!(program.credentials.user, Ids::of(USER));
    assert!(!program.is_privileged);
    let shared = Privileges { shares_directory: true, ..of_root };
    assert_eq!(user().execute(shared).credentials.user, Ids::of(USER), "somebody holds its directory");
}

#[test]
fn root_without_meaning_has_no_capabilities() {
    let bare = Credentials::ROOT.set_secure_bits(1).unwrap().execute(Privileges::default());
    assert_eq!(bare.credentials.capabilities.permitted, Capabilities::empty());
}

#[test]
fn signals_go_to_oneself_and_by_capability() {
    let (user, other) = (user(), Credentials::ROOT.set_id(IdKind::User, OTHER).unwrap());
    assert!(user.may_signal(&user) && !user.may_signal(&other) && !user.may_signal(&Credentials::ROOT));
    assert!(Credentials::ROOT.may_signal(&user));
    let set_id = other.execute(Privileges { user: Some(USER), ..Privileges::default() }).credentials;
    assert!(user.may_signal(&set_id), "by its saved user");
    assert!(other.may_signal(&set_id), "by its real user");
}
