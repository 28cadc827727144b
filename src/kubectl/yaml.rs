//! One YAML or JSON document to a tree that knows where everything stands.
//!
//! Grammar by `granit-parser`; what things mean by `go.yaml.in/yaml/v2` 2.4.3 `decode.go`: a merge key (`<<`) writes in its
//! place, so it overrides what stands before it; aliases may not contain themselves nor swell the document. Errors carry
//! go-yaml's text and its way of counting lines, where its grammar has the same complaint.

use super::complaint::{scan_failure, template_help};
use super::scalar;
use crate::diagnostic::Finding;
use crate::msg;
use crate::words::Message;
use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 64;

/// How many characters aliases may add to a document.
const MAX_ALIASED: usize = 4 << 20;

/// A stretch of the document: line and column from 1, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

/// Why a document cannot be read.
#[derive(Debug)]
pub(super) struct Failure {
    pub place: Place,
    pub finding: Finding,
    pub help: Option<Message>,
}

/// A key that stands twice in one mapping.
#[derive(Debug)]
pub(super) struct Duplicate {
    pub path: String,
    pub key: String,
    pub place: Place,
    /// Line of the second value, which go-yaml names.
    pub line: u32,
}

/// A document as JSON, with the places of its fields.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub value: Value,
    pub places: BTreeMap<String, Place>,
    /// The keys of fields with a plain value.
    pub keys: BTreeMap<String, Place>,
    pub duplicates: Vec<Duplicate>,
}

struct Node {
    place: Place,
    content: Content,
}

enum Content {
    Scalar(Value),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
    Alias(Rc<Node>),
}

struct Entry {
    key: String,
    place: Place,
    merge: bool,
    value: Rc<Node>,
}

/// Reads the first document of the text; `None` when there is none.
pub(super) fn parse(text: &str) -> Result<Option<Document>, Failure> {
    let Some(root) = Builder::new(text).run()? else { return Ok(None) };
    let mut flat = Flattener::default();
    let value = flat.value(&root, &mut String::new(), 0)?;
    if value.is_null() {
        return Ok(None);
    }
    flat.document.places.insert(String::new(), first_place(&root));
    flat.document.value = value;
    Ok(Some(flat.document))
}

/// Where a collection begins, for lack of a key of its own: its first key.
fn first_place(node: &Node) -> Place {
    match &node.content {
        Content::Map(entries) => entries.first().map_or(node.place, |entry| entry.place),
        _ => node.place,
    }
}

pub(super) fn upstream(place: Place, text: impl Into<String>) -> Failure {
    Failure { place, finding: Finding::Upstream(format!("error converting YAML to JSON: {}", text.into())), help: None }
}

/// A collection under construction.
struct Frame {
    place: Place,
    anchor: usize,
    items: Vec<Rc<Node>>,
    entries: Vec<Entry>,
    is_map: bool,
    /// Written with brackets or braces.
    flow: bool,
    /// Why the key that stands before the next value is refused.
    refused: Option<(String, Place)>,
    /// The key whose value comes next.
    key: Option<(String, Place, bool)>,
}

struct Builder<'a> {
    text: &'a str,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        Builder { text, frames: Vec::new(), anchors: BTreeMap::new(), root: None }
    }

    fn run(mut self) -> Result<Option<Rc<Node>>, Failure> {
        let mut options = granit_parser::options! { simple_key_max_lookahead: 100_000 };
        options.set_emit_comments(false);
        for event in Parser::new_from_str_with_options(self.text, options) {
            let in_flow = self.frames.last().is_some_and(|frame| frame.flow);
            let (event, span) = event.map_err(|error| scan_failure(self.text, &error, in_flow))?;
            let place = place_of(&span);
            match event {
                Event::Alias(id) => self.alias(id, place, span.slice(self.text).unwrap_or("*"))?,
                Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), place)?,
                Event::SequenceStart(style, anchor, _) => self.open(false, style, anchor, place)?,
                Event::MappingStart(style, anchor, _) => self.open(true, style, anchor, place)?,
                Event::SequenceEnd | Event::MappingEnd => self.close()?,
                Event::DocumentEnd => break,
                _ => {}
            }
        }
        Ok(self.root)
    }

    fn open(&mut self, is_map: bool, style: StructureStyle, anchor: usize, place: Place) -> Result<(), Failure> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(too_deep(place));
        }
        let flow = style == StructureStyle::Flow;
        if flow {
            self.not_under_its_key(place)?;
        }
        self.frames.push(Frame { place, anchor, items: Vec::new(), entries: Vec::new(), is_map, flow, refused: None, key: None });
        Ok(())
    }

    /// go-yaml takes brackets at the column of their own key for another key.
    fn not_under_its_key(&self, place: Place) -> Result<(), Failure> {
        let frame = self.frames.last().filter(|frame| frame.is_map && !frame.flow);
        match frame.and_then(|frame| frame.key.as_ref()) {
            Some((_, key, _)) if place.line > key.line && place.column <= key.column => {
                Err(upstream(place, format!("yaml: line {}: could not find expected ':'", place.line + 1)))
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), Failure> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let content = if frame.is_map { Content::Map(frame.entries) } else { Content::List(frame.items) };
        self.add(Rc::new(Node { place: frame.place, content }), frame.anchor)
    }

    fn alias(&mut self, id: usize, place: Place, name: &str) -> Result<(), Failure> {
        let name = name.trim_start_matches('*');
        match self.anchors.get(&id) {
            Some(node) => {
                let node = Rc::new(Node { place, content: Content::Alias(Rc::clone(node)) });
                self.add(node, 0)
            }
            None => Err(upstream(place, format!("yaml: anchor '{name}' value contains itself"))),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, tag: Option<&Tag>, place: Place) -> Result<(), Failure> {
        let plain = style == ScalarStyle::Plain;
        let tag = tag.map(|tag| match tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() {
            Some("str") => "str",
            Some("int") => "int",
            Some("float") => "float",
            Some("bool") => "bool",
            Some("null") => "null",
            Some("binary") => "binary",
            Some("timestamp") => "timestamp",
            _ => "other",
        });
        if let Some(frame) = self.frames.last_mut()
            && frame.is_map
            && frame.key.is_none()
        {
            let key = match scalar::key(text, plain, tag) {
                Err(message) if message.starts_with(scalar::UNSUPPORTED_KEY) => {
                    frame.refused = Some((message, place));
                    String::new()
                }
                other => other.map_err(|text| upstream(place, text))?,
            };
            if anchor != 0 {
                let node = Node { place, content: Content::Scalar(Value::String(text.into())) };
                self.anchors.insert(anchor, Rc::new(node));
            }
            frame.key = Some((key, place, plain && text == "<<"));
            return Ok(());
        }
        let value = scalar::resolve(text, plain, tag).map_err(|text| upstream(place, text))?;
        self.add(Rc::new(Node { place, content: Content::Scalar(value) }), anchor)
    }

    /// Puts a finished node into its parent.
    fn add(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), Failure> {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        if !frame.is_map {
            frame.items.push(node);
            return Ok(());
        }
        if let Some((text, place)) = frame.refused.take() {
            return Err(upstream(place, format!("{text}, value: {}", go_syntax(&node))));
        }
        match frame.key.take() {
            Some((key, place, merge)) => frame.entries.push(Entry { key, place, merge, value: node }),
            None => match &node.content {
                Content::Alias(target) if matches!(&target.content, Content::Scalar(value) if !value.is_null()) => {
                    let Content::Scalar(value) = &target.content else { return Ok(()) };
                    let key = value.as_str().map_or_else(|| value.to_string(), str::to_string);
                    frame.key = Some((key, node.place, false));
                }
                _ => return Err(bad_key(self.text, &node)),
            },
        }
        Ok(())
    }
}

/// A list or mapping as a key, which is what `{{ .Values.port }}` looks like to YAML.
fn bad_key(text: &str, node: &Node) -> Failure {
    let mut failure = upstream(node.place, format!("yaml: invalid map key: {}", go_syntax(node)));
    failure.help = template_help(text);
    failure
}

/// Go's `%#v` of a decoded node.
fn go_syntax(node: &Node) -> String {
    let all = |parts: Vec<String>| parts.join(", ");
    match &node.content {
        Content::Scalar(Value::Null) => "interface {}(nil)".into(),
        Content::Scalar(value) => value.to_string(),
        Content::Alias(_) => "…".into(),
        Content::List(items) => format!("[]interface {{}}{{{}}}", all(items.iter().map(|item| go_syntax(item)).collect())),
        Content::Map(entries) => {
            let entry = |entry: &Entry| format!("{:?}:{}", entry.key, go_syntax(&entry.value));
            format!("map[interface {{}}]interface {{}}{{{}}}", all(entries.iter().map(entry).collect()))
        }
    }
}

pub(super) fn too_deep(place: Place) -> Failure {
    Failure { place, finding: Finding::Ours(msg!("read.limit.depth", limit = MAX_DEPTH)), help: None }
}

/// Tree to JSON.
#[derive(Default)]
struct Flattener {
    document: Document,
    alias_depth: u32,
    aliased: usize,
}

impl Flattener {
    fn value(&mut self, node: &Node, path: &mut String, depth: usize) -> Result<Value, Failure> {
        if depth > MAX_DEPTH {
            return Err(too_deep(node.place));
        }
        self.count(node, 8)?;
        match &node.content {
            Content::Scalar(value) => {
                self.count(node, value.as_str().map_or(0, str::len))?;
                Ok(value.clone())
            }
            Content::Alias(target) => {
                self.alias_depth += 1;
                let value = self.value(target, path, depth + 1);
                self.alias_depth -= 1;
                value
            }
            Content::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let length = path.len();
                    path.push_str(&format!("[{index}]"));
                    self.place(path, first_place(item), node)?;
                    values.push(self.value(item, path, depth + 1)?);
                    path.truncate(length);
                }
                Ok(Value::Array(values))
            }
            Content::Map(entries) => {
                let mut map = Map::new();
                self.map(entries, &mut map, path, depth)?;
                Ok(Value::Object(map))
            }
        }
    }

    fn map(&mut self, entries: &[Entry], map: &mut Map<String, Value>, path: &mut String, depth: usize) -> Result<(), Failure> {
        let mut written: BTreeMap<&str, ()> = BTreeMap::new();
        for entry in entries {
            if entry.merge {
                self.merge(&entry.value, map, path, depth + 1)?;
                continue;
            }
            let length = path.len();
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&entry.key);
            if written.insert(&entry.key, ()).is_some() && self.alias_depth == 0 {
                self.forget(path);
                self.document.duplicates.push(Duplicate {
                    path: path.clone(),
                    key: entry.key.clone(),
                    place: entry.place,
                    line: entry.value.place.line,
                });
            }
            let place = match entry.value.content {
                Content::Scalar(_) => entry.value.place,
                _ => entry.place,
            };
            self.place(path, place, &entry.value)?;
            if self.alias_depth == 0 && matches!(entry.value.content, Content::Scalar(_)) {
                self.document.keys.insert(path.clone(), entry.place);
            }
            let value = self.value(&entry.value, path, depth + 1)?;
            path.truncate(length);
            map.insert(entry.key.clone(), value);
        }
        Ok(())
    }

    fn merge(&mut self, node: &Node, map: &mut Map<String, Value>, path: &mut String, depth: usize) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err(too_deep(node.place));
        }
        self.count(node, 8)?;
        match &node.content {
            Content::Map(entries) => self.map(entries, map, path, depth),
            Content::Alias(target) if matches!(target.content, Content::Map(_)) => {
                self.alias_depth += 1;
                let merged = self.merge(target, map, path, depth + 1);
                self.alias_depth -= 1;
                merged
            }
            // Earlier maps win, so they are written last.
            Content::List(items) => items.iter().rev().try_for_each(|item| match &item.content {
                Content::List(_) => Err(unmergeable(item)),
                _ => self.merge(item, map, path, depth + 1),
            }),
            _ => Err(unmergeable(node)),
        }
    }

    /// Remembers where a path stands. What an alias brings stands where the alias is written.
    fn place(&mut self, path: &str, place: Place, node: &Node) -> Result<(), Failure> {
        self.count(node, path.len())?;
        if self.alias_depth == 0 {
            self.document.places.insert(path.to_string(), place);
        }
        Ok(())
    }

    /// Drops the places under a key that a later one replaces.
    fn forget(&mut self, path: &str) {
        let gone: Vec<String> = self
            .document
            .places
            .range(path.to_string()..)
            .take_while(|(other, _)| other.starts_with(path))
            .filter(|(other, _)| other[path.len()..].is_empty() || other[path.len()..].starts_with(['.', '[']))
            .map(|(other, _)| other.clone())
            .collect();
        for other in gone {
            self.document.places.remove(&other);
        }
    }

    fn count(&mut self, node: &Node, size: usize) -> Result<(), Failure> {
        if self.alias_depth > 0 {
            self.aliased += size;
            if self.aliased > MAX_ALIASED {
                return Err(upstream(node.place, "yaml: document contains excessive aliasing"));
            }
        }
        Ok(())
    }
}

fn unmergeable(node: &Node) -> Failure {
    upstream(node.place, "yaml: map merge requires map or sequence of maps as the value")
}

fn place_of(span: &granit_parser::Span) -> Place {
    let (line, column) = numbers(&span.start);
    let (end_line, end_column) = numbers(&span.end);
    Place { line, column, end_line, end_column }
}

pub(super) fn numbers(marker: &granit_parser::Marker) -> (u32, u32) {
    (
        u32::try_from(marker.line()).unwrap_or(u32::MAX),
        u32::try_from(marker.col()).map_or(u32::MAX, |column| column.saturating_add(1)),
    )
}
