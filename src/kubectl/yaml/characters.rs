//! What a character is to YAML 1.1, and passing over it: `yamlprivateh.go` and `readerc.go`.

use super::scanner::{Mark, Scanner};

/// go-yaml checks characters in blocks of this many bytes.
const BLOCK: usize = 512;

impl<'a> Scanner<'a> {
    /// The byte so many bytes ahead; 0 behind the end.
    pub(super) fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.mark.at + ahead).copied().unwrap_or(0)
    }

    pub(super) fn is_end(&self) -> bool {
        self.mark.at >= self.text.len()
    }

    /// A line break: also the one of old Macs, and the ones that only Unicode knows.
    pub(super) fn is_break(&self, ahead: usize) -> bool {
        match self.byte(ahead) {
            b'\r' | b'\n' => true,
            0xC2 => self.byte(ahead + 1) == 0x85,
            0xE2 => self.byte(ahead + 1) == 0x80 && matches!(self.byte(ahead + 2), 0xA8 | 0xA9),
            _ => false,
        }
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), b' ' | b'\t')
    }

    /// A line break or the end.
    pub(super) fn is_breakz(&self, ahead: usize) -> bool {
        self.byte(ahead) == 0 || self.is_break(ahead)
    }

    /// A blank, a line break or the end.
    pub(super) fn is_blankz(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_breakz(ahead)
    }

    /// A letter or digit of ASCII, `_` or `-`.
    pub(super) fn is_alpha(&self) -> bool {
        matches!(self.byte(0), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-')
    }

    /// Whether a line begins here with `---` or `...`.
    pub(super) fn is_indicator(&self) -> bool {
        let begins = |mark: &str| self.text.as_bytes().get(self.mark.at..).is_some_and(|rest| rest.starts_with(mark.as_bytes()));
        self.mark.column == 0 && (begins("---") || begins("...")) && self.is_blankz(3)
    }

    /// Passes one character, and gives it.
    pub(super) fn pass(&mut self) -> &'a str {
        let from = self.mark.at;
        let width = match self.byte(0) {
            _ if self.is_end() => return "",
            0..=0x7F => 1,
            0x80..=0xDF => 2,
            0xE0..=0xEF => 3,
            _ => 4,
        };
        self.mark.at += width;
        self.mark.index += 1;
        self.mark.column += 1;
        self.text.get(from..self.mark.at).unwrap_or("")
    }

    /// Passes a line break, and gives the text that it stands for.
    pub(super) fn pass_break(&mut self) -> &'a str {
        if self.byte(0) == b'\r' && self.byte(1) == b'\n' {
            self.pass();
        }
        let passed = self.pass();
        self.mark.column = 0;
        self.mark.line += 1;
        if matches!(passed, "\u{2028}" | "\u{2029}") { passed } else { "\n" }
    }

    pub(super) fn pass_blanks(&mut self) {
        while self.is_blank(0) {
            self.pass();
        }
    }

    /// Passes a comment, up to its line break.
    pub(super) fn pass_comment(&mut self) {
        if self.byte(0) == b'#' {
            while !self.is_breakz(0) {
                self.pass();
            }
        }
    }
}

/// The first character that YAML forbids, and where the block of bytes begins that holds it.
pub(super) fn first_forbidden(text: &str) -> Option<(usize, Mark)> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    let (at, _) = text.char_indices().find(|(_, c)| !allowed(*c))?;
    let before = text.get(..at)?;
    let last = before.rsplit('\n').next().unwrap_or(before);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mark = Mark { line: count(before.matches('\n').count()), column: count(last.chars().count()), index: at, at };
    let mut start = 0;
    loop {
        let mut end = start + BLOCK;
        while !text.is_char_boundary(end.min(text.len())) {
            end -= 1;
        }
        if end > at {
            return Some((start, mark));
        }
        start = end;
    }
}
