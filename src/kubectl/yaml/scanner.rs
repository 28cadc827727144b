//! Characters to tokens, by the rules of `go.yaml.in/yaml/v2` 2.4.3 `scannerc.go`, which kubectl and the API server read with.
//!
//! The scanner looks ahead: whether a token is a key shows only at the `:` behind it. So it remembers, for each open bracket,
//! where a key could have begun (`SimpleKey`), and puts the key's token in front of it later. Texts and lines of its complaints
//! are go-yaml's own.

use super::characters::first_forbidden;
use std::collections::{BTreeMap, VecDeque};

/// A place in the text; all numbers from 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    pub line: u32,
    pub column: u32,
    /// Characters before it.
    pub(super) index: usize,
    /// Bytes before it.
    pub(super) at: usize,
}

/// What stands in the text, or follows from its indentation.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    StreamEnd,
    Version(u32, u32),
    TagDirective { handle: String, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    Tag { handle: String, suffix: String },
    Scalar { text: String, plain: bool },
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: Mark,
    pub end: Mark,
}

/// Why a text is no YAML.
#[derive(Debug)]
pub(super) struct Trouble {
    pub mark: Mark,
    /// What go-yaml says, without the line.
    pub problem: &'static str,
    /// The line that go-yaml names, if it names one.
    pub line: Option<u32>,
}

/// Where a key without `?` may have begun.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    /// Only a key can stand here.
    required: bool,
    /// The number of the token that it begins with.
    token: usize,
    mark: Mark,
}

/// How many characters a key without `?` may have.
const LONGEST_KEY: usize = 1024;

/// The most brackets, or indentations, that may be open.
const DEEPEST: usize = 10_000;

pub(super) struct Scanner<'a> {
    /// Up to the block with a control character, where there is one.
    pub(super) text: &'a str,
    forbidden: Option<Mark>,
    /// By the rules of JSON: keys may be long, and two more escapes are known.
    pub(super) json: bool,
    pub(super) mark: Mark,
    pub(super) flow_level: usize,
    /// Column of the innermost block collection; -1 outside of all.
    pub(super) indent: i64,
    indents: Vec<i64>,
    pub(super) simple_key_allowed: bool,
    /// One for each open bracket, and one for the block around all.
    simple_keys: Vec<SimpleKey>,
    /// Token to its place in `simple_keys`.
    by_token: BTreeMap<usize, usize>,
    tokens: VecDeque<Token>,
    /// How many tokens were taken.
    taken: usize,
    ready: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, json: bool) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (end, forbidden) =
            first_forbidden(text).filter(|_| !json).map_or((text.len(), None), |(end, mark)| (end, Some(mark)));
        Scanner {
            text: text.get(..end).unwrap_or(text),
            forbidden,
            json,
            mark: Mark::default(),
            flow_level: 0,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            by_token: BTreeMap::new(),
            tokens: VecDeque::new(),
            taken: 0,
            ready: false,
        }
    }

    /// The next token, which stays.
    pub(super) fn peek(&mut self) -> Result<&Token, Trouble> {
        while !self.ready {
            if let Some(head) = self.tokens.front() {
                if head.kind == Kind::StreamEnd {
                    break;
                }
                // It may turn out that a key begins at this token: then more has to be seen.
                let key = self.by_token.get(&self.taken).copied();
                match key {
                    Some(key) if self.is_valid(key)? => {}
                    _ => break,
                }
            }
            let fetched = self.fetch();
            if let Some(mark) = self.forbidden.filter(|_| self.is_end()) {
                return Err(Trouble { mark, problem: "control characters are not allowed", line: None });
            }
            fetched?;
        }
        self.ready = true;
        self.tokens.front().ok_or_else(|| self.refuse("did not find expected token"))
    }

    /// Takes the token that was peeked.
    pub(super) fn take(&mut self) -> Result<Token, Trouble> {
        self.peek()?;
        self.ready = false;
        self.taken += 1;
        self.tokens.pop_front().ok_or_else(|| self.refuse("did not find expected token"))
    }

    /// A complaint about the place where the scanner stands.
    pub(super) fn refuse(&self, problem: &'static str) -> Trouble {
        let line = (self.mark.line > 0).then_some(self.mark.line + 1);
        Trouble { mark: self.mark, problem, line }
    }

    // -- keys

    /// Whether a key may still be found that begins there.
    fn is_valid(&mut self, place: usize) -> Result<bool, Trouble> {
        let Some(key) = self.simple_keys.get(place).copied().filter(|key| key.possible) else { return Ok(false) };
        let too_long = key.mark.line < self.mark.line || key.mark.index + LONGEST_KEY < self.mark.index;
        if too_long && !self.json {
            if key.required {
                return Err(self.refuse("could not find expected ':'"));
            }
            if let Some(key) = self.simple_keys.get_mut(place) {
                key.possible = false;
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// Notes that a key may begin here.
    fn save_simple_key(&mut self) -> Result<(), Trouble> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let required = self.flow_level == 0 && self.indent == i64::from(self.mark.column);
        let token = self.taken + self.tokens.len();
        self.remove_simple_key()?;
        let place = self.simple_keys.len().saturating_sub(1);
        if let Some(last) = self.simple_keys.last_mut() {
            *last = SimpleKey { possible: true, required, token, mark: self.mark };
        }
        self.by_token.insert(token, place);
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<(), Trouble> {
        let key = self.simple_keys.last().copied().unwrap_or_default();
        if !key.possible {
            return Ok(());
        }
        if key.required {
            return Err(self.refuse("could not find expected ':'"));
        }
        if let Some(last) = self.simple_keys.last_mut() {
            last.possible = false;
        }
        self.by_token.remove(&key.token);
        Ok(())
    }

    // -- indentation

    /// A deeper column begins a block collection, whose token goes before the token of this number.
    fn roll_indent(&mut self, mark: Mark, before: Option<usize>, kind: Kind) -> Result<(), Trouble> {
        let column = i64::from(mark.column);
        if self.flow_level > 0 || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() > DEEPEST {
            return Err(self.refuse("exceeded max depth of 10000"));
        }
        self.insert(before, Token { kind, start: mark, end: mark });
        Ok(())
    }

    /// A column further left ends the collections that are deeper.
    fn unroll_indent(&mut self, column: i64) {
        while self.flow_level == 0 && self.indent > column {
            self.tokens.push_back(Token { kind: Kind::BlockEnd, start: self.mark, end: self.mark });
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    /// Puts a token before the one of this number, or behind all where that one was taken already.
    fn insert(&mut self, before: Option<usize>, token: Token) {
        match before.and_then(|number| number.checked_sub(self.taken)).filter(|place| *place <= self.tokens.len()) {
            Some(place) => self.tokens.insert(place, token),
            None => self.tokens.push_back(token),
        }
    }

    // -- tokens

    fn fetch(&mut self) -> Result<(), Trouble> {
        self.pass_to_token();
        self.unroll_indent(i64::from(self.mark.column));
        if self.is_end() {
            return self.fetch_stream_end();
        }
        let in_flow = self.flow_level > 0;
        match self.byte(0) {
            b'%' if self.mark.column == 0 => self.fetch_directive(),
            _ if self.is_indicator() => self.fetch_indicator(),
            b'[' => self.open_flow(Kind::FlowSequenceStart),
            b'{' => self.open_flow(Kind::FlowMappingStart),
            b']' => self.close_flow(Kind::FlowSequenceEnd),
            b'}' => self.close_flow(Kind::FlowMappingEnd),
            b',' => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.one_character(Kind::FlowEntry);
                Ok(())
            }
            b'-' if self.is_blankz(1) => self.fetch_entry(),
            b'?' if in_flow || self.is_blankz(1) => self.fetch_key(),
            b':' if in_flow || self.is_blankz(1) => self.fetch_value(),
            b'*' | b'&' => self.fetch_keyable(Self::scan_anchor),
            b'!' => self.fetch_keyable(Self::scan_tag),
            b'|' | b'>' if !in_flow => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                let token = self.scan_block_scalar()?;
                self.tokens.push_back(token);
                Ok(())
            }
            b'\'' | b'"' => self.fetch_keyable(Self::scan_quoted),
            _ if self.begins_plain() => self.fetch_keyable(Self::scan_plain),
            _ => Err(self.refuse("found character that cannot start any token")),
        }
    }

    /// Whether a text without quotes may begin here.
    fn begins_plain(&self) -> bool {
        match self.byte(0) {
            b'-' => !self.is_blank(1),
            b'?' | b':' => self.flow_level == 0 && !self.is_blankz(1),
            byte => !self.is_blankz(0) && !b",[]{}#&*!|>'\"%@`".contains(&byte),
        }
    }

    /// Passes blanks, comments and empty lines. A tab is no blank where a key may begin.
    fn pass_to_token(&mut self) {
        loop {
            while self.byte(0) == b' ' || self.byte(0) == b'\t' && (self.flow_level > 0 || !self.simple_key_allowed) {
                self.pass();
            }
            self.pass_comment();
            if !self.is_break(0) {
                return;
            }
            self.pass_break();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    fn one_character(&mut self, kind: Kind) {
        let start = self.mark;
        self.pass();
        self.tokens.push_back(Token { kind, start, end: self.mark });
    }

    fn fetch_stream_end(&mut self) -> Result<(), Trouble> {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.end_of_document()?;
        self.tokens.push_back(Token { kind: Kind::StreamEnd, start: self.mark, end: self.mark });
        Ok(())
    }

    fn end_of_document(&mut self) -> Result<(), Trouble> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), Trouble> {
        self.end_of_document()?;
        let token = self.scan_directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_indicator(&mut self) -> Result<(), Trouble> {
        self.end_of_document()?;
        let kind = if self.byte(0) == b'-' { Kind::DocumentStart } else { Kind::DocumentEnd };
        let start = self.mark;
        for _ in 0..3 {
            self.pass();
        }
        self.tokens.push_back(Token { kind, start, end: self.mark });
        Ok(())
    }

    fn open_flow(&mut self, kind: Kind) -> Result<(), Trouble> {
        self.save_simple_key()?;
        let token = self.taken + self.tokens.len();
        self.simple_keys.push(SimpleKey { token, mark: self.mark, ..SimpleKey::default() });
        self.flow_level += 1;
        if self.flow_level > DEEPEST {
            return Err(self.refuse("exceeded max depth of 10000"));
        }
        self.simple_key_allowed = true;
        self.one_character(kind);
        Ok(())
    }

    fn close_flow(&mut self, kind: Kind) -> Result<(), Trouble> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            // With empty brackets this forgets the key that began at them, too: `{}: a` is no mapping for go-yaml.
            if let Some(key) = self.simple_keys.pop() {
                self.by_token.remove(&key.token);
            }
        }
        self.simple_key_allowed = false;
        self.one_character(kind);
        Ok(())
    }

    /// An entry or a key outside brackets may be the first of a deeper block.
    fn begin_block(&mut self, start: Kind, otherwise: &'static str) -> Result<(), Trouble> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.refuse(otherwise));
            }
            self.roll_indent(self.mark, None, start)?;
        }
        self.remove_simple_key()
    }

    fn fetch_entry(&mut self) -> Result<(), Trouble> {
        self.begin_block(Kind::BlockSequenceStart, "block sequence entries are not allowed in this context")?;
        self.simple_key_allowed = true;
        self.one_character(Kind::BlockEntry);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), Trouble> {
        self.begin_block(Kind::BlockMappingStart, "mapping keys are not allowed in this context")?;
        self.simple_key_allowed = self.flow_level == 0;
        self.one_character(Kind::Key);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Trouble> {
        let place = self.simple_keys.len().saturating_sub(1);
        if self.is_valid(place)? {
            let key = self.simple_keys.get(place).copied().unwrap_or_default();
            self.insert(Some(key.token), Token { kind: Kind::Key, start: key.mark, end: key.mark });
            self.roll_indent(key.mark, Some(key.token), Kind::BlockMappingStart)?;
            if let Some(key) = self.simple_keys.last_mut() {
                key.possible = false;
            }
            self.by_token.remove(&key.token);
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.refuse("mapping values are not allowed in this context"));
                }
                self.roll_indent(self.mark, None, Kind::BlockMappingStart)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.one_character(Kind::Value);
        Ok(())
    }

    /// What may be a key, or begin one.
    fn fetch_keyable(&mut self, scan: fn(&mut Self) -> Result<Token, Trouble>) -> Result<(), Trouble> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = scan(self)?;
        self.tokens.push_back(token);
        Ok(())
    }
}
