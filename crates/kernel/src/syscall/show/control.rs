//! Calls of many meanings: what their last argument is, the one before it says.

use super::{Bytes, Element, Shower, When, follow, follow_filled, hex, show_flags, show_signal};
use crate::syscall::Arguments;
use crate::syscall::args::Arg;
use tine_mmu::VirtAddr;

/// The request of ioctl.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct IoctlRequest(u32);

/// What the third argument of an ioctl is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IoctlArgKind {
    /// Nothing.
    None,
    /// A number.
    Number,
    /// A number that strace prints in decimal.
    Decimal,
    /// Which queue of a terminal is to be emptied.
    Queue,
    /// What is to become of a terminal's flow.
    Flow,
    /// The address of an int that the call reads.
    InInt,
    /// The address of an int that the call fills in.
    OutInt,
    /// The address of a `struct termios` that the call reads.
    InTermios,
    /// The address of a `struct termios` that the call fills in.
    OutTermios,
    /// The address of a `struct winsize` that the call reads.
    InWindow,
    /// The address of a `struct winsize` that the call fills in.
    OutWindow,
}

/// The requests that strace knows by name, as far as they are used on what Tine has.
const REQUESTS: [(u32, &str, IoctlArgKind); 42] = [
    (0x5401, "TCGETS", IoctlArgKind::OutTermios),
    (0x5402, "SNDCTL_TMR_START or TCSETS", IoctlArgKind::InTermios),
    (0x5403, "SNDCTL_TMR_STOP or TCSETSW", IoctlArgKind::InTermios),
    (0x5404, "SNDCTL_TMR_CONTINUE or TCSETSF", IoctlArgKind::InTermios),
    (0x5409, "TCSBRK", IoctlArgKind::Decimal),
    (0x540a, "TCXONC", IoctlArgKind::Flow),
    (0x540b, "TCFLSH", IoctlArgKind::Queue),
    (0x540c, "TIOCEXCL", IoctlArgKind::None),
    (0x540d, "TIOCNXCL", IoctlArgKind::None),
    (0x540e, "TIOCSCTTY", IoctlArgKind::Decimal),
    (0x540f, "TIOCGPGRP", IoctlArgKind::OutInt),
    (0x5410, "TIOCSPGRP", IoctlArgKind::InInt),
    (0x5411, "TIOCOUTQ", IoctlArgKind::OutInt),
    (0x5412, "TIOCSTI", IoctlArgKind::Number),
    (0x5413, "TIOCGWINSZ", IoctlArgKind::OutWindow),
    (0x5414, "TIOCSWINSZ", IoctlArgKind::InWindow),
    (0x541b, "FIONREAD", IoctlArgKind::OutInt),
    (0x5421, "FIONBIO", IoctlArgKind::InInt),
    (0x5422, "TIOCNOTTY", IoctlArgKind::None),
    (0x5423, "TIOCSETD", IoctlArgKind::InInt),
    (0x5424, "TIOCGETD", IoctlArgKind::OutInt),
    (0x5429, "TIOCGSID", IoctlArgKind::OutInt),
    (0x5450, "FIONCLEX", IoctlArgKind::None),
    (0x5451, "FIOCLEX", IoctlArgKind::None),
    (0x5452, "FIOASYNC", IoctlArgKind::InInt),
    (0x8004_5430, "TIOCGPTN", IoctlArgKind::OutInt),
    (0x4004_5431, "TIOCSPTLCK", IoctlArgKind::InInt),
    (0x5441, "TIOCGPTPEER", IoctlArgKind::Decimal),
    (0x8008_6601, "FS_IOC_GETFLAGS", IoctlArgKind::Number),
    (0x4008_6602, "FS_IOC_SETFLAGS", IoctlArgKind::Number),
    (0x4004_9409, "BTRFS_IOC_CLONE or FICLONE", IoctlArgKind::Decimal),
    (0x4020_940d, "BTRFS_IOC_CLONE_RANGE or FICLONERANGE", IoctlArgKind::Number),
    (0xc020_660b, "FS_IOC_FIEMAP", IoctlArgKind::Number),
    (0x8008_1272, "BLKGETSIZE64", IoctlArgKind::Number),
    (0x8905, "SIOCATMARK", IoctlArgKind::OutInt),
    (0x8910, "SIOCGIFNAME", IoctlArgKind::Number),
    (0x8912, "SIOCGIFCONF", IoctlArgKind::Number),
    (0x8913, "SIOCGIFFLAGS", IoctlArgKind::Number),
    (0x8915, "SIOCGIFADDR", IoctlArgKind::Number),
    (0x8921, "SIOCGIFMTU", IoctlArgKind::Number),
    (0x8927, "SIOCGIFHWADDR", IoctlArgKind::Number),
    (0x8933, "SIOCGIFINDEX", IoctlArgKind::Number),
];

fn request(number: u32) -> Option<(&'static str, IoctlArgKind)> {
    REQUESTS.iter().find(|(known, ..)| *known == number).map(|(_, name, kind)| (*name, *kind))
}

impl Arg for IoctlRequest {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        let number = raw as u32;
        if let Some((name, _)) = request(number) {
            return name.to_owned();
        }
        // The fields that `_IOC` packs into a request.
        const DIRECTIONS: [&str; 4] = ["_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"];
        let direction = DIRECTIONS[(number >> 30) as usize];
        let [kind, which, size] = [number >> 8 & 0xff, number & 0xff, number >> 16 & 0x3fff];
        let [kind, which, size] = [kind, which, size].map(|field| hex(field.into()));
        format!("_IOC({direction}, {kind}, {which}, {size})")
    }
}

impl From<IoctlRequest> for u32 {
    fn from(request: IoctlRequest) -> Self {
        request.0
    }
}

/// The third argument of ioctl.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct IoctlArg(VirtAddr);

impl IoctlArg {
    fn kind(arguments: &Arguments) -> IoctlArgKind {
        request(arguments[1] as u32).map_or(IoctlArgKind::Number, |(_, kind)| kind)
    }
}

impl Arg for IoctlArg {
    fn when(arguments: &Arguments) -> When {
        match Self::kind(arguments) {
            IoctlArgKind::OutInt | IoctlArgKind::OutTermios | IoctlArgKind::OutWindow => When::ExitIfAny,
            _ => When::Entry,
        }
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match Self::kind(&shower.arguments) {
            IoctlArgKind::None => String::new(),
            IoctlArgKind::Number => hex(raw),
            IoctlArgKind::Decimal => (raw as i32).to_string(),
            IoctlArgKind::Queue => named(raw, &["TCIFLUSH", "TCOFLUSH", "TCIOFLUSH"], "TC???FLUSH"),
            IoctlArgKind::Flow => named(raw, &["TCOOFF", "TCOON", "TCIOFF", "TCION"], "TC???"),
            IoctlArgKind::InInt => follow::<i32>(raw, shower),
            IoctlArgKind::OutInt => follow_filled::<i32>(raw, shower),
            IoctlArgKind::InTermios => follow::<Termios>(raw, shower),
            IoctlArgKind::OutTermios => follow_filled::<Termios>(raw, shower),
            IoctlArgKind::InWindow => follow::<Window>(raw, shower),
            IoctlArgKind::OutWindow => follow_filled::<Window>(raw, shower),
        }
    }
}

/// Prints one of a list of names, which stand in the order of their numbers.
fn named(raw: u64, names: &[&str], unknown: &str) -> String {
    let name = usize::try_from(raw).ok().and_then(|index| names.get(index));
    name.map_or_else(|| format!("{raw:#x} /* {unknown} */"), |name| (*name).to_owned())
}

impl From<IoctlArg> for VirtAddr {
    fn from(argument: IoctlArg) -> Self {
        argument.0
    }
}

/// A `struct winsize`.
struct Window;

impl Element for Window {
    const BYTES: usize = 8;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        let [rows, columns, width, height] = [0, 2, 4, 6].map(|at| bytes.u16(at));
        format!("{{ws_row={rows}, ws_col={columns}, ws_xpixel={width}, ws_ypixel={height}}}")
    }
}

/// A `struct termios`, of which strace shows the flags.
struct Termios;

impl Element for Termios {
    const BYTES: usize = 36;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        let input = show_flags(bytes.u32(0), "", &INPUT_MODES);
        let output = output_modes(bytes.u32(4));
        let control = control_modes(bytes.u32(8));
        let local = show_flags(bytes.u32(12), "", &LOCAL_MODES);
        format!("{{c_iflag={input}, c_oflag={output}, c_cflag={control}, c_lflag={local}, ...}}")
    }
}

const INPUT_MODES: [(u32, &str); 15] = [
    (0x1, "IGNBRK"),
    (0x2, "BRKINT"),
    (0x4, "IGNPAR"),
    (0x8, "PARMRK"),
    (0x10, "INPCK"),
    (0x20, "ISTRIP"),
    (0x40, "INLCR"),
    (0x80, "IGNCR"),
    (0x100, "ICRNL"),
    (0x200, "IUCLC"),
    (0x400, "IXON"),
    (0x800, "IXANY"),
    (0x1000, "IXOFF"),
    (0x2000, "IMAXBEL"),
    (0x4000, "IUTF8"),
];

const LOCAL_MODES: [(u32, &str); 16] = [
    (0x1, "ISIG"),
    (0x2, "ICANON"),
    (0x4, "XCASE"),
    (0x8, "ECHO"),
    (0x10, "ECHOE"),
    (0x20, "ECHOK"),
    (0x40, "ECHONL"),
    (0x80, "NOFLSH"),
    (0x8000, "IEXTEN"),
    (0x200, "ECHOCTL"),
    (0x400, "ECHOPRT"),
    (0x800, "ECHOKE"),
    (0x1000, "FLUSHO"),
    (0x4000, "PENDIN"),
    (0x100, "TOSTOP"),
    (0x10000, "EXTPROC"),
];

/// Prints `c_oflag`: delays by their number, then flags.
fn output_modes(modes: u32) -> String {
    const FLAGS: [(u32, &str); 8] = [
        (0x1, "OPOST"),
        (0x2, "OLCUC"),
        (0x4, "ONLCR"),
        (0x8, "OCRNL"),
        (0x10, "ONOCR"),
        (0x20, "ONLRET"),
        (0x40, "OFILL"),
        (0x80, "OFDEL"),
    ];
    const DELAYS: u32 = 0xff00;
    let field = |shift: u32, mask: u32| modes >> shift & mask;
    let delays = format!(
        "NL{}|CR{}|TAB{}|BS{}|VT{}|FF{}",
        field(8, 1),
        field(9, 3),
        field(11, 3),
        field(13, 1),
        field(14, 1),
        field(15, 1)
    );
    format!("{delays}|{}", show_flags(modes & !DELAYS, "", &FLAGS))
}

/// Prints `c_cflag`: speed, size of a character, then flags.
fn control_modes(modes: u32) -> String {
    const FLAGS: [(u32, &str); 8] = [
        (0x40, "CSTOPB"),
        (0x80, "CREAD"),
        (0x100, "PARENB"),
        (0x200, "PARODD"),
        (0x400, "HUPCL"),
        (0x800, "CLOCAL"),
        (0x4000_0000, "CMSPAR"),
        (0x8000_0000, "CRTSCTS"),
    ];
    const SPEEDS: [u32; 16] =
        [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
    const SPEED: u32 = 0xf;
    const EXTENDED: u32 = 0x1000;
    const SIZE: u32 = 0x30;
    const FAST_SPEEDS: [u32; 16] = [
        0, 57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000,
        2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
    ];
    let speed = match (modes & EXTENDED, modes & SPEED) {
        (0, speed) => format!("B{}", SPEEDS[speed as usize]),
        (_, 0) => "BOTHER".to_owned(),
        (_, speed) => format!("B{}", FAST_SPEEDS[speed as usize]),
    };
    let size = 5 + (modes >> 4 & 3);
    format!("{speed}|CS{size}|{}", show_flags(modes & !(SPEED | EXTENDED | SIZE), "", &FLAGS))
}

/// A signal's number in memory.
pub(in crate::syscall) struct SignalNumber;

impl Element for SignalNumber {
    const BYTES: usize = 4;
    const IN_BRACKETS: bool = true;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        show_signal(bytes.u32(0))
    }
}

/// The argument of personality.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct Persona(u32);

impl Arg for Persona {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        const ASK: u32 = u32::MAX;
        if raw as u32 == ASK { hex(ASK.into()) } else { persona(raw as u32) }
    }
}

impl From<Persona> for u32 {
    fn from(persona: Persona) -> Self {
        persona.0
    }
}

/// Prints a persona: the system, and flags.
pub(super) fn persona(persona: u32) -> String {
    const FLAGS: [(u32, &str); 11] = [
        (0x2_0000, "UNAME26"),
        (0x4_0000, "ADDR_NO_RANDOMIZE"),
        (0x8_0000, "FDPIC_FUNCPTRS"),
        (0x10_0000, "MMAP_PAGE_ZERO"),
        (0x20_0000, "ADDR_COMPAT_LAYOUT"),
        (0x40_0000, "READ_IMPLIES_EXEC"),
        (0x80_0000, "ADDR_LIMIT_32BIT"),
        (0x100_0000, "SHORT_INODE"),
        (0x200_0000, "WHOLE_SECONDS"),
        (0x400_0000, "STICKY_TIMEOUTS"),
        (0x800_0000, "ADDR_LIMIT_3GB"),
    ];
    const SYSTEM: u32 = 0xff;
    let system = match persona & SYSTEM {
        0 => "PER_LINUX".to_owned(),
        8 => "PER_LINUX32".to_owned(),
        other => format!("{other:#x} /* PER_??? */"),
    };
    match persona & !SYSTEM {
        0 => system,
        flags => format!("{system}|{}", show_flags(flags, "0", &FLAGS)),
    }
}
