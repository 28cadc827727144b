//! Texts: plain, quoted and in blocks, by the rules of `scannerc.go`.

use super::scanner::{Kind, Scanner, Token, Trouble};

/// Blanks and line breaks between two words of a text that goes over several lines.
#[derive(Default)]
struct Gap {
    blanks: String,
    /// The first line break, and whether there was one.
    first: String,
    broken: bool,
    /// The other line breaks.
    more: String,
}

impl Gap {
    /// What the gap stands for: one line break is a blank, more are one less.
    fn fold(&mut self, text: &mut String) {
        if !self.broken {
            text.push_str(&self.blanks);
        } else if self.first == "\n" && self.more.is_empty() {
            text.push(' ');
        } else {
            if self.first != "\n" {
                text.push_str(&self.first);
            }
            text.push_str(&self.more);
        }
        *self = Gap::default();
    }
}

impl Scanner<'_> {
    /// Passes the blanks and line breaks between two words.
    fn pass_gap(&mut self, gap: &mut Gap, plain: bool) -> Result<(), Trouble> {
        loop {
            if self.is_blank(0) {
                if plain && gap.broken && i64::from(self.mark.column) <= self.indent && self.byte(0) == b'\t' {
                    return Err(self.refuse("found a tab character that violates indentation"));
                }
                let blank = self.pass();
                if !gap.broken {
                    gap.blanks.push_str(blank);
                }
            } else if self.is_break(0) {
                let passed = self.pass_break();
                let breaks = if gap.broken { &mut gap.more } else { &mut gap.first };
                breaks.push_str(passed);
                gap.broken = true;
            } else {
                return Ok(());
            }
        }
    }

    /// A text without quotes.
    pub(super) fn scan_plain(&mut self) -> Result<Token, Trouble> {
        let (start, mut end) = (self.mark, self.mark);
        let (mut text, mut gap) = (String::new(), Gap::default());
        loop {
            if self.is_indicator() || self.byte(0) == b'#' {
                break;
            }
            while !self.is_blankz(0) && !self.ends_plain() {
                gap.fold(&mut text);
                text.push_str(self.pass());
                end = self.mark;
            }
            if !self.is_blank(0) && !self.is_break(0) {
                break;
            }
            self.pass_gap(&mut gap, true)?;
            if self.flow_level == 0 && i64::from(self.mark.column) <= self.indent {
                break;
            }
        }
        if gap.broken {
            self.simple_key_allowed = true;
        }
        Ok(Token { kind: Kind::Scalar { text, plain: true }, start, end })
    }

    /// Whether the character is no part of a text without quotes.
    fn ends_plain(&self) -> bool {
        match self.byte(0) {
            b':' => self.is_blankz(1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.flow_level > 0,
            _ => false,
        }
    }

    /// A text in quotes.
    pub(super) fn scan_quoted(&mut self) -> Result<Token, Trouble> {
        let start = self.mark;
        let quote = self.byte(0);
        self.pass();
        let mut text = String::new();
        loop {
            if self.is_indicator() {
                return Err(self.refuse("found unexpected document indicator"));
            }
            if self.byte(0) == 0 {
                return Err(self.refuse("found unexpected end of stream"));
            }
            let mut gap = Gap::default();
            while !self.is_blankz(0) {
                match self.byte(0) {
                    b'\'' if quote == b'\'' && self.byte(1) == b'\'' => {
                        self.pass();
                        text.push_str(self.pass());
                    }
                    byte if byte == quote => break,
                    b'\\' if quote == b'"' && self.is_break(1) => {
                        self.pass();
                        self.pass_break();
                        // The break itself stands for nothing.
                        gap.broken = true;
                        break;
                    }
                    b'\\' if quote == b'"' => text.push(self.scan_escape()?),
                    _ => text.push_str(self.pass()),
                }
            }
            if self.byte(0) == quote {
                break;
            }
            let escaped = gap.broken;
            self.pass_gap(&mut gap, false)?;
            if escaped {
                text.push_str(&gap.more);
            } else {
                gap.fold(&mut text);
            }
        }
        self.pass();
        Ok(Token { kind: Kind::Scalar { text, plain: false }, start, end: self.mark })
    }

    /// A character written with a backslash.
    fn scan_escape(&mut self) -> Result<char, Trouble> {
        let (character, digits) = match self.byte(1) {
            b'0' => ('\0', 0),
            b'a' => ('\u{7}', 0),
            b'b' => ('\u{8}', 0),
            b't' | b'\t' => ('\t', 0),
            b'n' => ('\n', 0),
            b'v' => ('\u{b}', 0),
            b'f' => ('\u{c}', 0),
            b'r' => ('\r', 0),
            b'e' => ('\u{1b}', 0),
            byte @ (b' ' | b'"' | b'\'' | b'\\') => (char::from(byte), 0),
            b'N' => ('\u{85}', 0),
            b'_' => ('\u{a0}', 0),
            b'L' => ('\u{2028}', 0),
            b'P' => ('\u{2029}', 0),
            b'/' if self.json => ('/', 0),
            b'x' => ('\0', 2),
            b'u' => ('\0', 4),
            b'U' => ('\0', 8),
            _ => return Err(self.refuse("found unknown escape character")),
        };
        self.pass();
        self.pass();
        if digits == 0 {
            return Ok(character);
        }
        let mut value = self.hexadecimal(0, digits)?;
        let mut length = digits;
        if self.json && (0xD800..0xDC00).contains(&value) && self.byte(digits) == b'\\' {
            // JSON writes a character beyond 16 bits as two.
            let low = self.hexadecimal(digits + 2, 4)?;
            value = 0x1_0000 + ((value - 0xD800) << 10) + low.saturating_sub(0xDC00);
            length += 6;
        }
        let found = u32::try_from(value).ok().and_then(char::from_u32);
        let found = found.ok_or_else(|| self.refuse("found invalid Unicode character escape code"))?;
        for _ in 0..length {
            self.pass();
        }
        Ok(found)
    }

    fn hexadecimal(&self, from: usize, digits: usize) -> Result<u64, Trouble> {
        let mut value = 0;
        for ahead in from..from + digits {
            let digit = char::from(self.byte(ahead)).to_digit(16);
            value = value << 4 | u64::from(digit.ok_or_else(|| self.refuse("did not find expected hexdecimal number"))?);
        }
        Ok(value)
    }

    /// A text in a block: `|` keeps its lines, `>` folds them.
    pub(super) fn scan_block_scalar(&mut self) -> Result<Token, Trouble> {
        let start = self.mark;
        let literal = self.pass() == "|";
        let (chomping, increment) = self.scan_block_header()?;
        let mut indent = if increment > 0 { self.indent.max(0) + increment } else { 0 };
        let (mut text, mut leading, mut trailing) = (String::new(), String::new(), String::new());
        let mut end = self.pass_block_breaks(&mut indent, &mut trailing)?;
        let mut after_blank = false;
        while i64::from(self.mark.column) == indent && self.byte(0) != 0 {
            let blank = self.is_blank(0);
            if !literal && !after_blank && !blank && leading == "\n" {
                if trailing.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(&leading);
            }
            text.push_str(&trailing);
            trailing.clear();
            after_blank = blank;
            while !self.is_breakz(0) {
                text.push_str(self.pass());
            }
            leading.clear();
            if self.is_break(0) {
                leading.push_str(self.pass_break());
            }
            end = self.pass_block_breaks(&mut indent, &mut trailing)?;
        }
        if chomping != b'-' {
            text.push_str(&leading);
        }
        if chomping == b'+' {
            text.push_str(&trailing);
        }
        Ok(Token { kind: Kind::Scalar { text, plain: false }, start, end })
    }

    /// What stands behind `|` or `>`: how its end is cut, and how deep it is.
    fn scan_block_header(&mut self) -> Result<(u8, i64), Trouble> {
        let (mut chomping, mut increment) = (0, 0);
        for _ in 0..2 {
            match self.byte(0) {
                sign @ (b'+' | b'-') if chomping == 0 => {
                    chomping = sign;
                    self.pass();
                }
                b'0' if increment == 0 => return Err(self.refuse("found an indentation indicator equal to 0")),
                digit @ b'1'..=b'9' if increment == 0 => {
                    increment = i64::from(digit - b'0');
                    self.pass();
                }
                _ => break,
            }
        }
        self.pass_rest_of_line()?;
        Ok((chomping, increment))
    }

    /// Passes indentation and empty lines. The first text decides how deep a block is that does not say so.
    fn pass_block_breaks(&mut self, indent: &mut i64, breaks: &mut String) -> Result<super::scanner::Mark, Trouble> {
        let mut end = self.mark;
        let mut deepest = 0;
        loop {
            let shallow = |scanner: &Self| *indent == 0 || i64::from(scanner.mark.column) < *indent;
            while shallow(self) && self.byte(0) == b' ' {
                self.pass();
            }
            deepest = deepest.max(i64::from(self.mark.column));
            if shallow(self) && self.byte(0) == b'\t' {
                return Err(self.refuse("found a tab character where an indentation space is expected"));
            }
            if !self.is_break(0) {
                break;
            }
            breaks.push_str(self.pass_break());
            end = self.mark;
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(end)
    }
}
