//! What `/proc/sys` and `/sys` say.

use super::parse_number;
use crate::ctx::Ctx;
use crate::fs::FixedFile;
use crate::random::Random;
use crate::syscall::{RELEASE, VERSION};
use crate::{Errno, Thp};

impl Ctx<'_> {
    /// Composes the text of a fixed file.
    ///
    /// # Errors
    /// `EINVAL` for one that is only written.
    pub(super) fn fixed_text(&mut self, file: FixedFile) -> Result<String, Errno> {
        let text = match file {
            FixedFile::Constant(text) => text.to_owned(),
            FixedFile::Limit(limit) => limit.to_string(),
            FixedFile::Tunable(tunable) => self.kernel.fs.tunable(tunable).to_string(),
            FixedFile::Ipc(parameter) => self.kernel.ipc.parameter(parameter),
            FixedFile::Sysvipc(list) => return Ok(self.kernel.sysvipc_text(list)),
            FixedFile::OsRelease => RELEASE.to_owned(),
            FixedFile::OsVersion => VERSION.to_owned(),
            FixedFile::Domainname => String::from_utf8_lossy(&self.kernel.host_names.domain).into_owned(),
            FixedFile::Hostname => String::from_utf8_lossy(&self.kernel.host_names.host).into_owned(),
            // Not from the generator of the run: whoever asks for it must not change what others draw.
            FixedFile::BootId => uuid(&mut Random::new(self.kernel.settings.seed)),
            FixedFile::Uuid => uuid(self.kernel.fs.random()),
            FixedFile::RandomizeVaSpace => {
                if self.kernel.memory.policy().randomizes_layout { "2" } else { "0" }.to_owned()
            }
            FixedFile::FileNr => format!("{}\t0\t{}", self.kernel.fs.census().opens, i64::MAX),
            FixedFile::Commit(parameter) => self.kernel.memory.commit_parameter(parameter).to_string(),
            FixedFile::MaxMapCount => self.kernel.memory.max_areas().to_string(),
            FixedFile::PidMax => self.kernel.tasks.numbers.max().to_string(),
            FixedFile::LastPid => self.kernel.tasks.numbers.last().to_string(),
            FixedFile::DropCaches => return Err(Errno::EINVAL),
            FixedFile::HugePages => {
                let enabled = self.kernel.memory.policy().thp;
                let mark = |thp: Thp| {
                    if thp == enabled { format!("[{}]", thp.name()) } else { thp.name().to_owned() }
                };
                Thp::ALL.map(mark).join(" ")
            }
            FixedFile::Harts => list(self.kernel.sched.hart_count()),
            FixedFile::Nodes => list(1),
        };
        Ok(text + "\n")
    }

    /// Sets a parameter.
    ///
    /// # Errors
    /// `EPERM` for what cannot be set, `EINVAL` for a value that it cannot have.
    pub(super) fn write_fixed(&mut self, file: FixedFile, bytes: &[u8]) -> Result<(), Errno> {
        match file {
            FixedFile::Commit(parameter) => {
                let value = u64::try_from(parse_number(bytes)?).map_err(|_| Errno::EINVAL)?;
                if self.kernel.memory.set_commit_parameter(parameter, value) {
                    Ok(())
                } else {
                    Err(Errno::EINVAL)
                }
            }
            FixedFile::DropCaches => {
                const PAGE_CACHE: i64 = 1;
                let what = parse_number(bytes)?;
                if !(1..=4).contains(&what) {
                    return Err(Errno::EINVAL);
                }
                if what & PAGE_CACHE != 0 {
                    self.kernel.memory.drop_all_unmapped(self.harts.ram());
                }
                Ok(())
            }
            FixedFile::Tunable(tunable) => self.kernel.fs.set_tunable(tunable, parse_number(bytes)?),
            FixedFile::Ipc(parameter) => self.kernel.ipc.set_parameter(parameter, bytes),
            FixedFile::Domainname => {
                self.kernel.host_names.domain = name(bytes);
                Ok(())
            }
            FixedFile::Hostname => {
                self.kernel.host_names.host = name(bytes);
                Ok(())
            }
            FixedFile::MaxMapCount => {
                let most = u32::try_from(parse_number(bytes)?).map_err(|_| Errno::EINVAL)?;
                self.kernel.memory.set_max_areas(most as usize);
                Ok(())
            }
            FixedFile::PidMax => self.kernel.tasks.numbers.set_max(parse_number(bytes)?),
            FixedFile::LastPid => self.kernel.tasks.numbers.set_last(parse_number(bytes)?),
            FixedFile::HugePages => {
                let word = bytes.trim_ascii_end();
                let thp =
                    Thp::ALL.into_iter().find(|thp| thp.name().as_bytes() == word).ok_or(Errno::EINVAL)?;
                self.kernel.memory.set_thp(thp);
                Ok(())
            }
            _ => Err(Errno::EPERM),
        }
    }
}

/// Returns the first line of what was written, as far as a name of the machine goes (Linux 6.12 kernel/sysctl.c
/// `_proc_do_string`).
fn name(bytes: &[u8]) -> Vec<u8> {
    const MOST: usize = 64;
    bytes.iter().copied().take_while(|byte| !matches!(byte, 0 | b'\n')).take(MOST).collect()
}

/// Lists the numbers below `count` as a range.
fn list(count: u32) -> String {
    if count == 1 { "0".to_owned() } else { format!("0-{}", count - 1) }
}

/// Draws a random UUID (RFC 9562, version 4).
fn uuid(random: &mut Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
