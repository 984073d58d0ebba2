//! The modes of a terminal (termios(3)), in Linux's layout for riscv64 (include/uapi/asm-generic/termbits.h).

use bitflags::bitflags;

bitflags! {
    /// Input modes, `c_iflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct InputModes: u32 {
        /// Strip the eighth bit.
        const ISTRIP = 0o40;
        /// A newline becomes a carriage return.
        const INLCR = 0o100;
        /// Carriage returns are dropped.
        const IGNCR = 0o200;
        /// A carriage return becomes a newline.
        const ICRNL = 0o400;
        /// Capitals become small letters.
        const IUCLC = 0o1000;
        /// STOP and START hold the output up and let it go.
        const IXON = 0o2000;
        /// Every character lets the output go.
        const IXANY = 0o4000;
        /// A full line rings the bell.
        const IMAXBEL = 0o20000;
        const _ = !0;
    }
}

bitflags! {
    /// Output modes, `c_oflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OutputModes: u32 {
        /// Do any of the following.
        const OPOST = 0o1;
        /// Small letters become capitals.
        const OLCUC = 0o2;
        /// A carriage return precedes each newline.
        const ONLCR = 0o4;
        /// A carriage return becomes a newline.
        const OCRNL = 0o10;
        /// No carriage return in the first column.
        const ONOCR = 0o20;
        /// A newline returns the carriage by itself.
        const ONLRET = 0o40;
        /// Tabs become spaces.
        const XTABS = 0o14000;
        const _ = !0;
    }
}

bitflags! {
    /// Local modes, `c_lflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LocalModes: u32 {
        /// INTR, QUIT and SUSP send signals.
        const ISIG = 0o1;
        /// Input comes by lines that can be edited.
        const ICANON = 0o2;
        /// Input is echoed.
        const ECHO = 0o10;
        /// ERASE and WERASE rub characters out.
        const ECHOE = 0o20;
        /// KILL echoes a newline.
        const ECHOK = 0o40;
        /// A newline is echoed even without ECHO.
        const ECHONL = 0o100;
        /// Signals leave what was typed.
        const NOFLSH = 0o200;
        /// Writing from the background sends SIGTTOU.
        const TOSTOP = 0o400;
        /// Control characters are echoed as ^X.
        const ECHOCTL = 0o1000;
        /// KILL rubs the line out.
        const ECHOKE = 0o4000;
        /// LNEXT, REPRINT and WERASE work.
        const IEXTEN = 0o100000;
        const _ = !0;
    }
}

/// The index of a control character in `c_cc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Control {
    Interrupt = 0,
    Quit = 1,
    Erase = 2,
    Kill = 3,
    EndOfFile = 4,
    Time = 5,
    Minimum = 6,
    Start = 8,
    Stop = 9,
    Suspend = 10,
    EndOfLine = 11,
    Reprint = 12,
    WordErase = 14,
    LiteralNext = 15,
    EndOfLine2 = 16,
}

/// The modes of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termios {
    /// Input modes.
    pub input: InputModes,
    /// Output modes.
    pub output: OutputModes,
    /// Control modes. There is no line that they could be about; they are kept.
    pub control: u32,
    /// Local modes.
    pub local: LocalModes,
    /// The line discipline: `N_TTY`.
    pub discipline: u8,
    /// The control characters.
    pub characters: [u8; Self::CHARACTERS],
}

impl Termios {
    /// Number of control characters (`NCCS`).
    pub const CHARACTERS: usize = 19;
    /// Size of `struct termios`.
    pub const SIZE: usize = 4 * 4 + 1 + Self::CHARACTERS;

    /// Returns the modes of a fresh terminal (Linux 6.12 drivers/tty/tty_io.c `tty_std_termios`).
    pub(super) fn standard() -> Self {
        const B38400_CS8_CREAD: u32 = 0o17 | 0o60 | 0o200;
        let mut characters = [0; Self::CHARACTERS];
        for (control, character) in [
            (Control::Interrupt, 3),
            (Control::Quit, 0o34),
            (Control::Erase, 0o177),
            (Control::Kill, 0o25),
            (Control::EndOfFile, 4),
            (Control::Minimum, 1),
            (Control::Start, 0o21),
            (Control::Stop, 0o23),
            (Control::Suspend, 0o32),
            (Control::Reprint, 0o22),
            (Control::WordErase, 0o27),
            (Control::LiteralNext, 0o26),
        ] {
            characters[control as usize] = character;
        }
        /// `VDISCARD`, which Linux sets and does not obey.
        const DISCARD: usize = 13;
        characters[DISCARD] = 0o17;
        Self {
            input: InputModes::ICRNL | InputModes::IXON,
            output: OutputModes::OPOST | OutputModes::ONLCR,
            control: B38400_CS8_CREAD,
            local: LocalModes::ISIG
                | LocalModes::ICANON
                | LocalModes::ECHO
                | LocalModes::ECHOE
                | LocalModes::ECHOK
                | LocalModes::ECHOCTL
                | LocalModes::ECHOKE
                | LocalModes::IEXTEN,
            discipline: 0,
            characters,
        }
    }

    /// Returns the bytes of `struct termios`.
    pub fn bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let words = [self.input.bits(), self.output.bits(), self.control, self.local.bits()];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes[16] = self.discipline;
        bytes[17..].copy_from_slice(&self.characters);
        bytes
    }

    /// Reads a `struct termios`.
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |index: usize| {
            let at = 4 * index;
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut characters = [0; Self::CHARACTERS];
        characters.copy_from_slice(&bytes[17..]);
        Self {
            input: InputModes::from_bits_retain(word(0)),
            output: OutputModes::from_bits_retain(word(1)),
            control: word(2),
            local: LocalModes::from_bits_retain(word(3)),
            discipline: bytes[16],
            characters,
        }
    }

    /// Returns a control character.
    pub(super) fn character(&self, control: Control) -> u8 {
        self.characters[control as usize]
    }

    /// Tells whether a byte is a control character that is in force: 0 disables it.
    pub(super) fn is(&self, byte: u8, control: Control) -> bool {
        byte != 0 && byte == self.character(control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_terminal_has_linuxs_modes() {
        let bytes = Termios::standard().bytes();
        // As `stty -g` prints them on a fresh pty of Linux 6.12.
        let words: Vec<u32> =
            bytes[..16].chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, [0x500, 0x5, 0xbf, 0x8a3b]);
        assert_eq!(
            bytes[17..],
            [3, 0x1c, 0x7f, 0x15, 4, 0, 1, 0, 0x11, 0x13, 0x1a, 0, 0x12, 0xf, 0x17, 0x16, 0, 0, 0]
        );
        assert_eq!(Termios::from_bytes(&bytes), Termios::standard());
    }
}
