//! Tokens to a tree, by the grammar of `go.yaml.in/yaml/v2` 2.4.3 `parserc.go` and the aliases of `decode.go`.
//!
//! Only the first document of a text is read. What follows it is not even scanned, as with kubectl.

use super::scanner::{Kind, Mark, Scanner, Token, Trouble};
use super::{Content, Entries, Failure, MAX_DEPTH, Node, Place, Scalar, Tag, too_deep, upstream};
use crate::kubectl::complaint;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What `!!` stands for.
const LONG: &str = "tag:yaml.org,2002:";

/// What an anchor names.
enum Anchored {
    /// A list or a mapping that is not read to its end; whether it is a mapping, and which one of all.
    Open {
        map: bool,
        number: usize,
    },
    Closed(Rc<Node>),
}

/// What stands before a value: `&anchor`, `!tag`.
#[derive(Default)]
struct Properties {
    start: Option<Mark>,
    anchor: Option<String>,
    tag: Option<Tag>,
}

pub(super) struct Parser<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
    anchors: BTreeMap<String, Anchored>,
    handles: BTreeMap<String, String>,
    /// How many lists and mappings were begun.
    begun: usize,
}

/// The first document of the text; `None` when there is none.
pub(super) fn tree(text: &str, json: bool) -> Result<Option<Rc<Node>>, Failure> {
    let mut parser =
        Parser { text, scanner: Scanner::new(text, json), anchors: BTreeMap::new(), handles: BTreeMap::new(), begun: 0 };
    parser.document()
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Option<Rc<Node>>, Failure> {
        let content = match self.peek()? {
            Kind::StreamEnd => return Ok(None),
            Kind::Version(..) | Kind::TagDirective { .. } | Kind::DocumentStart => {
                self.directives()?;
                if *self.peek()? != Kind::DocumentStart {
                    return Err(self.refuse("did not find expected <document start>"));
                }
                self.take()?;
                match self.peek()? {
                    Kind::Version(..) | Kind::TagDirective { .. } | Kind::DocumentStart | Kind::DocumentEnd | Kind::StreamEnd => {
                        let start = self.start()?;
                        empty(start)
                    }
                    _ => self.node(true, false, 0)?,
                }
            }
            _ => self.node(true, false, 0)?,
        };
        self.peek()?;
        Ok(Some(content))
    }

    fn directives(&mut self) -> Result<(), Failure> {
        let mut versions = 0;
        loop {
            match self.peek()?.clone() {
                Kind::Version(..) if versions > 0 => return Err(self.refuse("found duplicate %YAML directive")),
                Kind::Version(1, 1) => versions += 1,
                Kind::Version(..) => return Err(self.refuse("found incompatible YAML document")),
                Kind::TagDirective { handle, .. } if self.handles.contains_key(&handle) => {
                    return Err(self.refuse("found duplicate %TAG directive"));
                }
                Kind::TagDirective { handle, prefix } => {
                    self.handles.insert(handle, prefix);
                }
                _ => return Ok(()),
            }
            self.take()?;
        }
    }

    // -- nodes

    /// One value. In a block it may be a block collection; under a key also a list at the key's own column.
    fn node(&mut self, block: bool, indentless: bool, depth: usize) -> Result<Rc<Node>, Failure> {
        if matches!(self.peek()?, Kind::Alias(_)) {
            return self.alias();
        }
        let properties = self.properties()?;
        if matches!(self.peek()?, Kind::Scalar { .. })
            && let Token { kind: Kind::Scalar { text, plain }, start, end } = self.take()?
        {
            let place = Place::between(start, end);
            let start = properties.start.unwrap_or(start);
            // The tag `!` says no more than no tag; of a quoted text it says that it is one.
            let plain = properties.tag.map_or(plain, |tag| tag == Tag::Bare);
            return Ok(self.scalar(Scalar { text, plain, tag: properties.tag }, start, place, properties.anchor));
        }
        let token = self.token()?;
        let start = properties.start.unwrap_or(token.start);
        let place = Place::between(token.start, token.end);
        let map = matches!(token.kind, Kind::FlowMappingStart | Kind::BlockMappingStart);
        let is_collection = match token.kind {
            Kind::FlowSequenceStart | Kind::FlowMappingStart => true,
            Kind::BlockSequenceStart | Kind::BlockMappingStart => block,
            Kind::BlockEntry => indentless,
            _ => false,
        };
        if is_collection {
            if depth >= MAX_DEPTH {
                return Err(too_deep(place));
            }
            let number = self.open(properties.anchor.as_deref(), map);
            let content = match token.kind {
                Kind::FlowSequenceStart => Content::List(self.flow_sequence(depth + 1)?),
                Kind::FlowMappingStart => Content::Map(self.flow_mapping(depth + 1)?),
                Kind::BlockSequenceStart => Content::List(self.block_sequence(depth + 1)?),
                Kind::BlockMappingStart => Content::Map(self.block_mapping(depth + 1)?),
                _ => Content::List(self.indentless_sequence(depth + 1)?),
            };
            let node = Rc::new(Node { place, line: start.line + 1, content });
            self.close(properties.anchor, number, &node);
            return Ok(node);
        }
        if properties.start.is_some() {
            let scalar = Scalar { text: String::new(), plain: properties.tag.is_none(), tag: properties.tag };
            return Ok(self.scalar(scalar, start, Place::between(start, token.start), properties.anchor));
        }
        Err(self.refuse("did not find expected node content"))
    }

    fn scalar(&mut self, scalar: Scalar, start: Mark, place: Place, anchor: Option<String>) -> Rc<Node> {
        let node = Rc::new(Node { place, line: start.line + 1, content: Content::Scalar(scalar) });
        if let Some(name) = anchor {
            self.anchors.insert(name, Anchored::Closed(Rc::clone(&node)));
        }
        node
    }

    fn alias(&mut self) -> Result<Rc<Node>, Failure> {
        let token = self.take()?;
        let place = Place::between(token.start, token.end);
        let Kind::Alias(name) = token.kind else { return Ok(empty(token.start)) };
        let content = match self.anchors.get(&name) {
            Some(Anchored::Closed(node)) => Content::Alias(Rc::clone(node)),
            Some(Anchored::Open { map, .. }) => Content::Itself { name, map: *map },
            None => {
                let help = complaint::template_help(self.text);
                return Err(Failure { help, ..upstream(place, format!("yaml: unknown anchor '{name}' referenced")) });
            }
        };
        Ok(Rc::new(Node { place, line: token.start.line + 1, content }))
    }

    fn open(&mut self, anchor: Option<&str>, map: bool) -> usize {
        self.begun += 1;
        if let Some(name) = anchor {
            self.anchors.insert(name.to_string(), Anchored::Open { map, number: self.begun });
        }
        self.begun
    }

    /// From here on the anchor names the whole; unless it was given to something inside.
    fn close(&mut self, anchor: Option<String>, begun: usize, node: &Rc<Node>) {
        let Some(name) = anchor else { return };
        if matches!(self.anchors.get(&name), Some(Anchored::Open { number, .. }) if *number == begun) {
            self.anchors.insert(name, Anchored::Closed(Rc::clone(node)));
        }
    }

    fn properties(&mut self) -> Result<Properties, Failure> {
        let mut found = Properties::default();
        let mut tag = None;
        loop {
            match self.peek()? {
                Kind::Anchor(_) if found.anchor.is_none() => {}
                Kind::Tag { .. } if tag.is_none() => {}
                _ => break,
            }
            let token = self.take()?;
            found.start.get_or_insert(token.start);
            match token.kind {
                Kind::Anchor(name) => found.anchor = Some(name),
                Kind::Tag { handle, suffix } => tag = Some((handle, suffix, token.start)),
                _ => {}
            }
        }
        if let Some((handle, suffix, mark)) = tag {
            let prefix = match self.handles.get(&handle) {
                Some(prefix) => prefix,
                None if matches!(handle.as_str(), "" | "!") => &handle,
                None if handle == "!!" => LONG,
                None => {
                    // The line of the tag, or else of what stands before it.
                    let line = [mark.line, found.start.map_or(0, |start| start.line)].into_iter().find(|line| *line > 0);
                    return Err(failure(self.text, &Trouble { mark, problem: "found undefined tag handle", line }));
                }
            };
            found.tag = Some(Tag::new(&format!("{prefix}{suffix}")));
        }
        Ok(found)
    }

    // -- collections

    fn block_sequence(&mut self, depth: usize) -> Result<Vec<Rc<Node>>, Failure> {
        self.take()?;
        let mut items = Vec::new();
        loop {
            match self.peek()? {
                Kind::BlockEntry => {
                    let end = self.take()?.end;
                    items.push(match self.peek()? {
                        Kind::BlockEntry | Kind::BlockEnd => empty(end),
                        _ => self.node(true, false, depth)?,
                    });
                }
                Kind::BlockEnd => {
                    self.take()?;
                    return Ok(items);
                }
                _ => return Err(self.refuse("did not find expected '-' indicator")),
            }
        }
    }

    /// A list whose dashes stand right under their key.
    fn indentless_sequence(&mut self, depth: usize) -> Result<Vec<Rc<Node>>, Failure> {
        let mut items = Vec::new();
        while *self.peek()? == Kind::BlockEntry {
            let end = self.take()?.end;
            items.push(match self.peek()? {
                Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd => empty(end),
                _ => self.node(true, false, depth)?,
            });
        }
        Ok(items)
    }

    fn block_mapping(&mut self, depth: usize) -> Result<Entries, Failure> {
        self.take()?;
        let mut entries = Vec::new();
        loop {
            let key = match self.peek()? {
                Kind::Key => self.block_part(depth)?,
                Kind::BlockEnd => {
                    self.take()?;
                    return Ok(entries);
                }
                _ => return Err(self.refuse("did not find expected key")),
            };
            let value = match self.peek()? {
                Kind::Value => self.block_part(depth)?,
                _ => empty(self.start()?),
            };
            entries.push((key, value));
        }
    }

    /// What stands behind the token of a key or of a value.
    fn block_part(&mut self, depth: usize) -> Result<Rc<Node>, Failure> {
        let end = self.take()?.end;
        match self.peek()? {
            Kind::Key | Kind::Value | Kind::BlockEnd => Ok(empty(end)),
            _ => self.node(true, true, depth),
        }
    }

    /// The comma between two things of a flow collection.
    fn pass_comma(&mut self, first: bool, end: &Kind, otherwise: &'static str) -> Result<(), Failure> {
        match self.peek()? {
            next if first || next == end => Ok(()),
            Kind::FlowEntry => self.take().map(|_| ()),
            _ => Err(self.refuse(otherwise)),
        }
    }

    fn flow_sequence(&mut self, depth: usize) -> Result<Vec<Rc<Node>>, Failure> {
        self.take()?;
        let mut items = Vec::new();
        loop {
            self.pass_comma(items.is_empty(), &Kind::FlowSequenceEnd, "did not find expected ',' or ']'")?;
            match self.peek()? {
                Kind::FlowSequenceEnd => {
                    self.take()?;
                    return Ok(items);
                }
                Kind::Key => items.push(self.single_pair(depth)?),
                _ => items.push(self.node(false, false, depth)?),
            }
        }
    }

    /// `[a: b]`: a mapping of one key, without braces.
    fn single_pair(&mut self, depth: usize) -> Result<Rc<Node>, Failure> {
        let token = self.take()?;
        let (place, line) = (Place::between(token.start, token.end), token.start.line + 1);
        let key = match self.peek()? {
            // go-yaml passes this token: the value of `[? : a]` is lost.
            Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd => empty(self.take()?.end),
            _ => self.node(false, false, depth)?,
        };
        let value = self.flow_value(&Kind::FlowSequenceEnd, depth)?;
        Ok(Rc::new(Node { place, line, content: Content::Map(vec![(key, value)]) }))
    }

    /// What stands behind a `:`, if there is one.
    fn flow_value(&mut self, close: &Kind, depth: usize) -> Result<Rc<Node>, Failure> {
        let start = self.start()?;
        if *self.peek()? == Kind::Value {
            self.take()?;
            let next = self.peek()?;
            if *next != Kind::FlowEntry && next != close {
                return self.node(false, false, depth);
            }
        }
        Ok(empty(start))
    }

    fn flow_mapping(&mut self, depth: usize) -> Result<Entries, Failure> {
        self.take()?;
        let mut entries = Vec::new();
        loop {
            self.pass_comma(entries.is_empty(), &Kind::FlowMappingEnd, "did not find expected ',' or '}'")?;
            match self.peek()? {
                Kind::FlowMappingEnd => {
                    self.take()?;
                    return Ok(entries);
                }
                Kind::Key => {
                    self.take()?;
                    let key = match self.peek()? {
                        Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd => empty(self.start()?),
                        _ => self.node(false, false, depth)?,
                    };
                    let value = self.flow_value(&Kind::FlowMappingEnd, depth)?;
                    entries.push((key, value));
                }
                _ => {
                    let key = self.node(false, false, depth)?;
                    let value = empty(self.start()?);
                    entries.push((key, value));
                }
            }
        }
    }

    // -- tokens

    fn peek(&mut self) -> Result<&Kind, Failure> {
        let text = self.text;
        match self.scanner.peek() {
            Ok(token) => Ok(&token.kind),
            Err(trouble) => Err(failure(text, &trouble)),
        }
    }

    fn take(&mut self) -> Result<Token, Failure> {
        self.scanner.take().map_err(|trouble| failure(self.text, &trouble))
    }

    /// A copy of the next token.
    fn token(&mut self) -> Result<Token, Failure> {
        self.scanner.peek().cloned().map_err(|trouble| failure(self.text, &trouble))
    }

    fn start(&mut self) -> Result<Mark, Failure> {
        self.scanner.peek().map(|token| token.start).map_err(|trouble| failure(self.text, &trouble))
    }

    /// A complaint about the next token. go-yaml's parser names the line before.
    fn refuse(&mut self, problem: &'static str) -> Failure {
        match self.start() {
            Ok(mark) => {
                let line = Some(mark.line).filter(|line| *line > 0);
                failure(self.text, &Trouble { mark, problem, line })
            }
            Err(failure) => failure,
        }
    }
}

fn failure(text: &str, trouble: &Trouble) -> Failure {
    let (line, column) = (trouble.mark.line + 1, trouble.mark.column + 1);
    let place = Place { line, column, end_line: line, end_column: column + 1 };
    complaint::failure(text, place, trouble.line, trouble.problem)
}

/// A value that is left out.
fn empty(mark: Mark) -> Rc<Node> {
    let scalar = Scalar { text: String::new(), plain: true, tag: None };
    Rc::new(Node { place: Place::between(mark, mark), line: mark.line + 1, content: Content::Scalar(scalar) })
}
