//! Anchors, aliases, tags and directives, by the rules of `scannerc.go`.

use super::scanner::{Kind, Scanner, Token, Trouble};

impl Scanner<'_> {
    fn pass_word(&mut self) -> String {
        let mut word = String::new();
        while self.is_alpha() {
            word.push_str(self.pass());
        }
        word
    }

    /// An anchor (`&a`) or an alias (`*a`).
    pub(super) fn scan_anchor(&mut self) -> Result<Token, Trouble> {
        let start = self.mark;
        let alias = self.pass() == "*";
        let name = self.pass_word();
        if name.is_empty() || !self.is_blankz(0) && !b"?:,]}%@`".contains(&self.byte(0)) {
            return Err(self.refuse("did not find expected alphabetic or numeric character"));
        }
        let kind = if alias { Kind::Alias(name) } else { Kind::Anchor(name) };
        Ok(Token { kind, start, end: self.mark })
    }

    /// A tag: `!!str`, `!own`, `!handle!own`, `!<whole>`.
    pub(super) fn scan_tag(&mut self) -> Result<Token, Trouble> {
        let start = self.mark;
        let (mut handle, mut suffix);
        if self.byte(1) == b'<' {
            self.pass();
            self.pass();
            (handle, suffix) = (String::new(), self.scan_uri("")?);
            if self.byte(0) != b'>' {
                return Err(self.refuse("did not find the expected '>'"));
            }
            self.pass();
        } else {
            handle = self.scan_handle(false)?;
            if handle.len() > 1 && handle.ends_with('!') {
                suffix = self.scan_uri("")?;
            } else {
                suffix = self.scan_uri(&handle)?;
                handle = "!".into();
                if suffix.is_empty() {
                    std::mem::swap(&mut handle, &mut suffix);
                }
            }
        }
        if !self.is_blankz(0) {
            return Err(self.refuse("did not find expected whitespace or line break"));
        }
        Ok(Token { kind: Kind::Tag { handle, suffix }, start, end: self.mark })
    }

    /// `!`, `!!` or `!word!`; without its second `!` it may be the beginning of a tag.
    fn scan_handle(&mut self, directive: bool) -> Result<String, Trouble> {
        if self.byte(0) != b'!' {
            return Err(self.refuse("did not find expected '!'"));
        }
        let mut handle = self.pass().to_string();
        handle.push_str(&self.pass_word());
        if self.byte(0) == b'!' {
            handle.push_str(self.pass());
        } else if directive && handle != "!" {
            return Err(self.refuse("did not find expected '!'"));
        }
        Ok(handle)
    }

    /// The rest of a tag; what was read of it already is `head`, whose `!` does not count.
    fn scan_uri(&mut self, head: &str) -> Result<String, Trouble> {
        let mut uri = head.as_bytes().get(1..).unwrap_or_default().to_vec();
        let mut found = !head.is_empty();
        while self.is_alpha() || self.byte(0) != 0 && b";/?:@&=+$,.!~*'()[]%".contains(&self.byte(0)) {
            if self.byte(0) == b'%' {
                self.scan_escaped_octets(&mut uri)?;
            } else {
                uri.extend_from_slice(self.pass().as_bytes());
            }
            found = true;
        }
        if !found {
            return Err(self.refuse("did not find expected tag URI"));
        }
        Ok(String::from_utf8_lossy(&uri).into_owned())
    }

    /// One character as `%` and hexadecimal digits, octet by octet.
    fn scan_escaped_octets(&mut self, uri: &mut Vec<u8>) -> Result<(), Trouble> {
        let mut left = None;
        while left != Some(0) {
            let digit = |scanner: &Self, ahead| char::from(scanner.byte(ahead)).to_digit(16);
            let octet = match (self.byte(0), digit(self, 1), digit(self, 2)) {
                (b'%', Some(high), Some(low)) => u8::try_from(high << 4 | low).unwrap_or(0),
                _ => return Err(self.refuse("did not find URI escaped octet")),
            };
            left = match (left, octet) {
                (None, 0..=0x7F) => Some(0),
                (None, 0xC0..=0xDF) => Some(1),
                (None, 0xE0..=0xEF) => Some(2),
                (None, 0xF0..=0xF7) => Some(3),
                (None, _) => return Err(self.refuse("found an incorrect leading UTF-8 octet")),
                (Some(left), 0x80..=0xBF) => Some(left - 1),
                (Some(_), _) => return Err(self.refuse("found an incorrect trailing UTF-8 octet")),
            };
            uri.push(octet);
            for _ in 0..3 {
                self.pass();
            }
        }
        Ok(())
    }

    /// A line that begins with `%`.
    pub(super) fn scan_directive(&mut self) -> Result<Token, Trouble> {
        let start = self.mark;
        self.pass();
        let name = self.pass_word();
        if name.is_empty() {
            return Err(self.refuse("could not find expected directive name"));
        }
        if !self.is_blankz(0) {
            return Err(self.refuse("found unexpected non-alphabetical character"));
        }
        let kind = match name.as_str() {
            "YAML" => self.scan_version()?,
            "TAG" => self.scan_tag_directive()?,
            _ => return Err(self.refuse("found unknown directive name")),
        };
        let end = self.mark;
        self.pass_rest_of_line()?;
        Ok(Token { kind, start, end })
    }

    /// Blanks, a comment, the line break: nothing else may stand there.
    pub(super) fn pass_rest_of_line(&mut self) -> Result<(), Trouble> {
        self.pass_blanks();
        self.pass_comment();
        if !self.is_breakz(0) {
            return Err(self.refuse("did not find expected comment or line break"));
        }
        if self.is_break(0) {
            self.pass_break();
        }
        Ok(())
    }

    fn scan_version(&mut self) -> Result<Kind, Trouble> {
        self.pass_blanks();
        let major = self.scan_version_number()?;
        if self.byte(0) != b'.' {
            return Err(self.refuse("did not find expected digit or '.' character"));
        }
        self.pass();
        let minor = self.scan_version_number()?;
        Ok(Kind::Version(major, minor))
    }

    fn scan_version_number(&mut self) -> Result<u32, Trouble> {
        let (mut number, mut length) = (0, 0);
        while let Some(digit) = char::from(self.byte(0)).to_digit(10) {
            length += 1;
            if length > 2 {
                return Err(self.refuse("found extremely long version number"));
            }
            number = number * 10 + digit;
            self.pass();
        }
        if length == 0 {
            return Err(self.refuse("did not find expected version number"));
        }
        Ok(number)
    }

    fn scan_tag_directive(&mut self) -> Result<Kind, Trouble> {
        self.pass_blanks();
        let handle = self.scan_handle(true)?;
        if !self.is_blank(0) {
            return Err(self.refuse("did not find expected whitespace"));
        }
        self.pass_blanks();
        let prefix = self.scan_uri("")?;
        if !self.is_blankz(0) {
            return Err(self.refuse("did not find expected whitespace or line break"));
        }
        Ok(Kind::TagDirective { handle, prefix })
    }
}
