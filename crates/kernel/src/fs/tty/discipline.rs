//! The line discipline: what becomes of the bytes that are typed and written (Linux 6.12 drivers/tty/n_tty.c).

use super::termios::{Control, InputModes, LocalModes, OutputModes, Termios};
use crate::task::Signal;
use std::collections::VecDeque;

/// Bytes that either direction holds at most (`N_TTY_BUF_SIZE`).
pub(super) const BUFFER: usize = 4096;
const TAB: usize = 8;

/// What EOF leaves in the input, and a read never sees unless the terminal has become raw by then (`__DISABLED_CHAR`).
const EOF_MARK: u8 = 0;

/// A line that can be read.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// The bytes of it that are left.
    len: usize,
    /// Whether EOF ended it, and not a newline: [`EOF_MARK`] follows. An empty one is an end of file.
    has_mark: bool,
}

/// The two directions of a terminal.
#[derive(Clone, Debug)]
pub(super) struct Discipline {
    pub(super) termios: Termios,
    /// What can be read.
    input: VecDeque<u8>,
    /// In canonical mode, the lines at the front of `input`.
    lines: VecDeque<Line>,
    /// The line that is being typed.
    edited: Vec<u8>,
    /// Whether the next byte is taken as it is (LNEXT).
    is_literal: bool,
    /// What the other side can read.
    pub(super) output: VecDeque<u8>,
    /// The column in which the next byte appears.
    column: usize,
    /// Whether STOP holds the output up.
    pub(super) is_stopped: bool,
    /// When something was last typed, in nanoseconds of any clock that [`Self::deadline_ns`] is asked by.
    pub(super) typed_ns: u64,
}

/// Tells whether a byte is a control character, which is echoed as `^` and `byte ^ 0x40`.
fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

impl Discipline {
    pub(super) fn new() -> Self {
        Self {
            termios: Termios::standard(),
            input: VecDeque::new(),
            lines: VecDeque::new(),
            edited: Vec::new(),
            is_literal: false,
            output: VecDeque::new(),
            column: 0,
            is_stopped: false,
            typed_ns: 0,
        }
    }

    fn is_canonical(&self) -> bool {
        self.termios.local.contains(LocalModes::ICANON)
    }

    fn local(&self, modes: LocalModes) -> bool {
        self.termios.local.contains(modes)
    }

    /// Sets the modes. What was typed by then can be read at once, whichever way.
    pub(super) fn set_termios(&mut self, termios: Termios) {
        let was_canonical = self.is_canonical();
        self.termios = termios;
        if was_canonical && !self.is_canonical() {
            self.input.extend(self.edited.drain(..));
            self.lines.clear();
        } else if !was_canonical && self.is_canonical() && !self.input.is_empty() {
            self.lines.push_back(Line { len: self.input.len(), has_mark: false });
        }
        if !self.termios.input.contains(InputModes::IXON) {
            self.is_stopped = false;
        }
    }

    /// Returns how many bytes a read would get now (`FIONREAD`).
    pub(super) fn readable(&self) -> usize {
        if self.is_canonical() { self.lines.iter().map(|line| line.len).sum() } else { self.input.len() }
    }

    /// Tells whether a read would not have to wait, be it for an end of file.
    pub(super) fn is_readable(&self) -> bool {
        if self.is_canonical() {
            return !self.lines.is_empty();
        }
        let minimum = usize::from(self.termios.character(Control::Minimum));
        let enough = if self.termios.character(Control::Time) == 0 { minimum.max(1) } else { 1 };
        self.input.len() >= enough
    }

    /// Tells whether a read of `len` bytes need not wait for more: there is a line, or MIN bytes, or all that it asks for.
    /// With MIN and TIME 0 it never waits.
    pub(super) fn satisfies(&self, len: usize) -> bool {
        if self.is_canonical() {
            return !self.lines.is_empty() || len == 0;
        }
        let minimum = usize::from(self.termios.character(Control::Minimum));
        let is_patient = self.termios.character(Control::Time) > 0;
        self.input.len() >= minimum.max(usize::from(is_patient)).min(len)
    }

    /// Returns when a raw read that has waited since `began_ns` ends with what there is: by TIME alone so long after it began,
    /// by MIN and TIME so long after the last byte (n_tty_read). `None` is never.
    pub(super) fn deadline_ns(&self, began_ns: u64) -> Option<u64> {
        const TENTH_NS: u64 = 100_000_000;
        let wait_ns = u64::from(self.termios.character(Control::Time)) * TENTH_NS;
        if self.is_canonical() || wait_ns == 0 {
            return None;
        }
        match self.termios.character(Control::Minimum) {
            0 => Some(began_ns + wait_ns),
            _ if self.input.is_empty() => None,
            _ => Some(began_ns.max(self.typed_ns) + wait_ns),
        }
    }

    /// Returns what a read of `len` bytes gets: in canonical mode, of one line.
    pub(super) fn peek(&self, len: usize) -> Vec<u8> {
        let there = if self.is_canonical() {
            self.lines.front().map_or(0, |line| line.len)
        } else {
            self.input.len()
        };
        self.input.iter().copied().take(there.min(len)).collect()
    }

    /// Takes `len` bytes that [`Self::peek`] showed.
    pub(super) fn consume(&mut self, len: usize) {
        self.input.drain(..len);
        if self.is_canonical()
            && let Some(line) = self.lines.front_mut()
        {
            line.len -= len;
            if line.len == 0 {
                self.input.drain(..usize::from(line.has_mark));
                self.lines.pop_front();
            }
        }
    }

    /// Forgets what was typed (`TCIFLUSH`).
    pub(super) fn flush_input(&mut self) {
        self.input.clear();
        self.lines.clear();
        self.edited.clear();
    }

    /// Returns how many typed bytes are kept.
    fn held(&self) -> usize {
        self.input.len() + self.edited.len()
    }

    /// Tells whether more can be typed. In canonical mode what does not fit is lost, so that one can always type.
    pub(super) fn has_room(&self) -> bool {
        self.is_canonical() || self.held() < BUFFER
    }

    /// Takes a byte that was typed, and returns the signal that it sends to the foreground.
    pub(super) fn receive(&mut self, byte: u8) -> Option<Signal> {
        let modes = self.termios.input;
        let mut byte = if modes.contains(InputModes::ISTRIP) { byte & 0x7f } else { byte };
        if modes.contains(InputModes::IUCLC) && self.local(LocalModes::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if std::mem::take(&mut self.is_literal) {
            self.accept(byte);
            return None;
        }
        if modes.contains(InputModes::IXON) {
            if self.termios.is(byte, Control::Start) {
                self.is_stopped = false;
                return None;
            }
            if self.termios.is(byte, Control::Stop) {
                self.is_stopped = true;
                return None;
            }
        }
        if self.local(LocalModes::ISIG)
            && let Some(signal) = self.signal_of(byte)
        {
            if !self.local(LocalModes::NOFLSH) {
                self.flush_input();
                self.output.clear();
            }
            self.is_stopped = false;
            self.echo(byte);
            return Some(signal);
        }
        if modes.contains(InputModes::IXANY) {
            self.is_stopped = false;
        }
        match byte {
            b'\r' if modes.contains(InputModes::IGNCR) => return None,
            b'\r' if modes.contains(InputModes::ICRNL) => byte = b'\n',
            b'\n' if modes.contains(InputModes::INLCR) => byte = b'\r',
            _ => {}
        }
        if self.is_canonical() {
            self.edit(byte)
        } else {
            self.accept_raw(byte)
        }
        None
    }

    fn signal_of(&self, byte: u8) -> Option<Signal> {
        let signals = [
            (Control::Interrupt, Signal::SIGINT),
            (Control::Quit, Signal::SIGQUIT),
            (Control::Suspend, Signal::SIGTSTP),
        ];
        signals.into_iter().find(|(control, _)| self.termios.is(byte, *control)).map(|(_, signal)| signal)
    }

    fn accept_raw(&mut self, byte: u8) {
        if self.held() < BUFFER {
            self.echo(byte);
            self.input.push_back(byte);
        }
    }

    /// Adds a byte to the line as it is.
    fn accept(&mut self, byte: u8) {
        if !self.is_canonical() {
            return self.accept_raw(byte);
        }
        // The last place is kept for the newline.
        if self.held() < BUFFER - 1 {
            self.echo(byte);
            self.edited.push(byte);
        } else if self.termios.input.contains(InputModes::IMAXBEL) {
            self.put(b'\x07');
        }
    }

    /// Takes a byte in canonical mode (`n_tty_receive_char_canon`).
    fn edit(&mut self, byte: u8) {
        let extended = self.local(LocalModes::IEXTEN);
        let is = |control| self.termios.is(byte, control);
        if is(Control::Erase) {
            self.erase_character();
        } else if is(Control::Kill) {
            self.kill_line(byte);
        } else if extended && is(Control::WordErase) {
            self.erase_word();
        } else if extended && is(Control::LiteralNext) {
            self.is_literal = true;
            if self.local(LocalModes::ECHO | LocalModes::ECHOCTL) {
                self.put(b'^');
                self.put(b'\x08');
            }
        } else if extended && is(Control::Reprint) && self.local(LocalModes::ECHO) {
            self.echo(byte);
            self.put_processed(b'\n');
            for byte in self.edited.clone() {
                self.echo(byte);
            }
        } else if byte == b'\n' {
            if self.local(LocalModes::ECHO) || self.local(LocalModes::ECHONL) {
                self.put_processed(b'\n');
            }
            self.edited.push(byte);
            self.end_line(false);
        } else if is(Control::EndOfFile) {
            self.end_line(true);
        } else if is(Control::EndOfLine) || extended && is(Control::EndOfLine2) {
            self.echo(byte);
            self.edited.push(byte);
            self.end_line(false);
        } else {
            self.accept(byte);
        }
    }

    fn end_line(&mut self, has_mark: bool) {
        self.lines.push_back(Line { len: self.edited.len(), has_mark });
        self.input.extend(self.edited.drain(..));
        self.input.extend(has_mark.then_some(EOF_MARK));
    }

    fn erase_character(&mut self) {
        if let Some(byte) = self.edited.pop()
            && self.local(LocalModes::ECHO)
        {
            if self.local(LocalModes::ECHOE) {
                self.rub_out(byte);
            } else {
                self.echo(self.termios.character(Control::Erase));
            }
        }
    }

    /// Erases the spaces before the cursor and the word before them.
    fn erase_word(&mut self) {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let mut seen_word = false;
        while let Some(byte) = self.edited.last().copied() {
            if is_word(byte) {
                seen_word = true;
            } else if seen_word {
                break;
            }
            self.erase_character();
        }
    }

    fn kill_line(&mut self, byte: u8) {
        let rubs = LocalModes::ECHO | LocalModes::ECHOK | LocalModes::ECHOKE | LocalModes::ECHOE;
        if self.local(rubs) {
            while !self.edited.is_empty() {
                self.erase_character();
            }
            return;
        }
        self.edited.clear();
        if self.local(LocalModes::ECHO) {
            self.echo(byte);
            if self.local(LocalModes::ECHOK) {
                self.put_processed(b'\n');
            }
        }
    }

    /// Takes a byte back off the screen.
    fn rub_out(&mut self, byte: u8) {
        let width = match byte {
            b'\t' => {
                // The column in which the tab began: where the line before it ends.
                let before: usize = self.edited.iter().fold(0, |column, byte| self.advance(column, *byte));
                TAB - before % TAB
            }
            byte if is_control(byte) && !self.local(LocalModes::ECHOCTL) => 0,
            byte if is_control(byte) => 2,
            _ => 1,
        };
        for _ in 0..width {
            if byte == b'\t' {
                self.put(b'\x08');
            } else {
                for byte in *b"\x08 \x08" {
                    self.put(byte);
                }
            }
        }
    }

    fn advance(&self, column: usize, byte: u8) -> usize {
        match byte {
            b'\t' => column + TAB - column % TAB,
            byte if is_control(byte) => column + if self.local(LocalModes::ECHOCTL) { 2 } else { 0 },
            _ => column + 1,
        }
    }

    /// Echoes a typed byte, control characters as ^X where that is wanted.
    fn echo(&mut self, byte: u8) {
        if !self.local(LocalModes::ECHO) {
            return;
        }
        if self.local(LocalModes::ECHOCTL) && is_control(byte) && byte != b'\t' && byte != b'\n' {
            self.put(b'^');
            self.put(byte ^ 0x40);
        } else {
            self.put_processed(byte);
        }
    }

    /// Returns how many bytes of output there is room for.
    fn output_room(&self) -> usize {
        BUFFER.saturating_sub(self.output.len())
    }

    /// Tells whether something can be written.
    pub(super) fn is_writable(&self) -> bool {
        !self.is_stopped && self.output_room() > 0
    }

    /// Writes as much as there is room for, and returns how much of it that was.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        /// The most that one byte becomes: a tab.
        const MOST: usize = TAB;
        let mut done = 0;
        while done < bytes.len() && !self.is_stopped && self.output_room() >= MOST {
            self.put_processed(bytes[done]);
            done += 1;
        }
        done
    }

    /// Shows a byte as the output modes say (`do_output_char`).
    fn put_processed(&mut self, byte: u8) {
        let modes = self.termios.output;
        let has = |mode| modes.contains(OutputModes::OPOST | mode);
        match byte {
            b'\n' if has(OutputModes::ONLCR) => {
                self.put(b'\r');
                self.put(b'\n');
            }
            b'\r' if has(OutputModes::ONOCR) && self.column == 0 => {}
            b'\r' if has(OutputModes::OCRNL) => self.put(b'\n'),
            b'\t' if has(OutputModes::XTABS) => {
                for _ in 0..TAB - self.column % TAB {
                    self.put(b' ');
                }
            }
            byte if has(OutputModes::OLCUC) => self.put(byte.to_ascii_uppercase()),
            byte => self.put(byte),
        }
    }

    /// Shows a byte. Echoes beyond what the other side has room for are lost.
    fn put(&mut self, byte: u8) {
        if self.output_room() == 0 {
            return;
        }
        self.column = match byte {
            b'\r' => 0,
            b'\n' if self.termios.output.contains(OutputModes::ONLRET) => 0,
            b'\n' => self.column,
            b'\x08' => self.column.saturating_sub(1),
            b'\t' => self.column + TAB - self.column % TAB,
            byte if is_control(byte) => self.column,
            _ => self.column + 1,
        };
        self.output.push_back(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(discipline: &mut Discipline) -> String {
        String::from_utf8(discipline.output.drain(..).collect()).unwrap()
    }

    fn type_in(discipline: &mut Discipline, text: &str) -> Vec<Signal> {
        text.bytes().filter_map(|byte| discipline.receive(byte)).collect()
    }

    fn read(discipline: &mut Discipline, len: usize) -> String {
        let bytes = discipline.peek(len);
        discipline.consume(bytes.len());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_are_read_one_by_one() {
        let tty = &mut Discipline::new();
        type_in(tty, "one\rtw");
        assert_eq!((tty.readable(), shown(tty).as_str()), (4, "one\r\ntw"));
        type_in(tty, "o\n");
        assert_eq!(read(tty, 2), "on");
        assert_eq!(read(tty, 100), "e\n");
        assert_eq!(read(tty, 100), "two\n");
        assert!(!tty.is_readable());
        type_in(tty, "part\x04\x04");
        assert_eq!(read(tty, 100), "part");
        assert!(tty.is_readable(), "an end of file");
        assert_eq!(read(tty, 100), "");
        assert!(!tty.is_readable());
    }

    #[test]
    fn lines_can_be_edited() {
        let tty = &mut Discipline::new();
        type_in(tty, "ab\x7fc\n");
        assert_eq!(read(tty, 9), "ac\n");
        assert_eq!(shown(tty), "ab\x08 \x08c\r\n");
        type_in(tty, "word two \x17three\n");
        assert_eq!(read(tty, 99), "word three\n");
        shown(tty);
        type_in(tty, "xy\x15z\n");
        assert_eq!(read(tty, 9), "z\n");
        assert_eq!(shown(tty), "xy\x08 \x08\x08 \x08z\r\n");
        type_in(tty, "a\x16\x03\n");
        assert_eq!(read(tty, 9), "a\x03\n");
        assert_eq!(shown(tty), "a^\x08^C\r\n");
    }

    #[test]
    fn control_characters_send_signals_and_forget_the_line() {
        let tty = &mut Discipline::new();
        let sent = type_in(tty, "half\x03\x1c\x1awhole\n");
        assert_eq!(sent, [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP]);
        assert_eq!(read(tty, 99), "whole\n");
        assert_eq!(shown(tty), "^Zwhole\r\n", "each signal also forgets what was not shown yet");
    }

    #[test]
    fn raw_input_is_there_at_once() {
        let tty = &mut Discipline::new();
        type_in(tty, "ty");
        let mut raw = tty.termios;
        raw.local = LocalModes::empty();
        raw.input = InputModes::empty();
        tty.set_termios(raw);
        shown(tty);
        type_in(tty, "\x03\r");
        assert_eq!(shown(tty), "");
        assert_eq!(read(tty, 99), "ty\x03\r");
        raw.characters[Control::Minimum as usize] = 3;
        tty.set_termios(raw);
        type_in(tty, "ab");
        assert!(!tty.is_readable());
        type_in(tty, "c");
        assert!(tty.is_readable());
    }

    #[test]
    fn output_is_processed_and_can_be_held_up() {
        let tty = &mut Discipline::new();
        assert_eq!(tty.write(b"a\nb"), 3);
        assert_eq!(shown(tty), "a\r\nb");
        type_in(tty, "\x13");
        assert_eq!((tty.write(b"x"), tty.is_writable()), (0, false));
        type_in(tty, "\x11");
        assert_eq!(tty.write(b"x"), 1);
        let filled = tty.write(&[b'.'; 2 * BUFFER]);
        assert!(filled < BUFFER && !shown(tty).is_empty());
    }
}
