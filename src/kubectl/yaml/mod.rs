//! One YAML or JSON document to a tree that knows where everything stands.
//!
//! What a text is made of follows the parser that kubectl and the API server use, `go.yaml.in/yaml/v2` 2.4.3: `scanner` and
//! `parser` follow its scannerc.go and parserc.go, what things mean its `decode.go`: a merge key (`<<`) writes in its place, so it
//! overrides what stands before it; aliases may not contain themselves nor swell the document. Complaints carry go-yaml's text
//! and its way of counting lines, and come in its order: the grammar of the whole, then the values, then what JSON cannot have.

mod characters;
mod marks;
mod parser;
mod scalars;
mod scanner;

use super::complaint::template_help;
use super::scalar;
use crate::diagnostic::Finding;
use crate::msg;
use crate::words::Message;
use scanner::Mark;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
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

impl Place {
    fn between(start: Mark, end: Mark) -> Self {
        Place { line: start.line + 1, column: start.column + 1, end_line: end.line + 1, end_column: end.column + 1 }
    }
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
    /// The line where it begins, with its anchor and tag, from 1.
    line: u32,
    content: Content,
}

enum Content {
    Scalar(Scalar),
    List(Vec<Rc<Node>>),
    Map(Entries),
    Alias(Rc<Node>),
    /// An alias of what it is a part of; whether that is a mapping.
    Itself {
        name: String,
        map: bool,
    },
}

/// Keys and values, as they stand.
type Entries = Vec<(Rc<Node>, Rc<Node>)>;

struct Scalar {
    text: String,
    /// Its text tells what it is: it has neither quotes nor a tag.
    plain: bool,
    tag: Option<Tag>,
}

/// The tags that decide what a scalar is.
#[derive(Clone, Copy, PartialEq)]
enum Tag {
    /// One that YAML defines, without `!!`.
    Core(&'static str),
    /// `!` alone.
    Bare,
    Other,
}

impl Tag {
    fn new(text: &str) -> Self {
        let core = ["str", "int", "float", "bool", "null", "binary", "timestamp", "merge"];
        let name = text.strip_prefix("tag:yaml.org,2002:").and_then(|name| core.into_iter().find(|core| *core == name));
        match (name, text) {
            (Some(name), _) => Tag::Core(name),
            (None, "!") => Tag::Bare,
            (None, _) => Tag::Other,
        }
    }
}

impl Scalar {
    /// The tag as [`scalar`] takes it.
    fn tag(&self) -> Option<&'static str> {
        self.tag.map(|tag| match tag {
            Tag::Core("merge") | Tag::Bare | Tag::Other => "other",
            Tag::Core(name) => name,
        })
    }

    fn resolve(&self) -> Result<Value, String> {
        scalar::resolve(&self.text, self.plain, self.tag())
    }

    /// Whether, as a key, it merges what is under it into the mapping.
    fn merges(&self) -> bool {
        self.text == "<<" && (self.plain || self.tag == Some(Tag::Core("merge")))
    }
}

/// Reads the first document of the text; `None` when there is none.
pub(super) fn parse(text: &str) -> Result<Option<Document>, Failure> {
    decode(text, false)
}

/// Reads a JSON object, where a little is allowed that YAML forbids.
pub(super) fn parse_json(text: &str) -> Result<Option<Document>, Failure> {
    decode(text, true)
}

fn decode(text: &str, json: bool) -> Result<Option<Document>, Failure> {
    let Some(root) = parser::tree(text, json)? else { return Ok(None) };
    let mut flat = Flattener::new(text);
    let value = flat.value(&root, &mut String::new(), 0)?;
    if let Some(failure) = flat.bad_key.or(flat.bad_number) {
        return Err(failure);
    }
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
        Content::Map(entries) => entries.first().map_or(node.place, |(key, _)| key.place),
        _ => node.place,
    }
}

pub(super) fn upstream(place: Place, text: impl Into<String>) -> Failure {
    Failure { place, finding: Finding::Upstream(format!("error converting YAML to JSON: {}", text.into())), help: None }
}

/// Go's `%#v` of a decoded node.
fn go_syntax(node: &Node) -> String {
    match &node.content {
        Content::Scalar(scalar) => match scalar.resolve() {
            Ok(Value::Null) => "interface {}(nil)".into(),
            Ok(value) => value.to_string(),
            Err(_) => scalar.text.clone(),
        },
        Content::Itself { .. } => String::new(),
        Content::Alias(target) => go_syntax(target),
        Content::List(items) => {
            let items: Vec<String> = items.iter().map(|item| go_syntax(item)).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Content::Map(entries) => {
            let entries: BTreeMap<String, String> =
                entries.iter().map(|(key, value)| (go_syntax(key), go_syntax(value))).collect();
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}:{value}")).collect();
            format!("map[interface {{}}]interface {{}}{{{}}}", entries.join(", "))
        }
    }
}

pub(super) fn too_deep(place: Place) -> Failure {
    Failure { place, finding: Finding::Ours(msg!("read.limit.depth", limit = MAX_DEPTH)), help: None }
}

/// Tree to JSON.
struct Flattener<'a> {
    text: &'a str,
    document: Document,
    alias_depth: u32,
    /// How many nodes were decoded, and how many of them through aliases.
    decoded: usize,
    decoded_aliased: usize,
    /// Characters that came through aliases.
    aliased: usize,
    /// A key that JSON cannot have: told when all else can be decoded.
    bad_key: Option<Failure>,
    /// A number that JSON cannot have: told last.
    bad_number: Option<Failure>,
}

impl<'a> Flattener<'a> {
    fn new(text: &'a str) -> Self {
        Flattener {
            text,
            document: Document::default(),
            alias_depth: 0,
            decoded: 1,
            decoded_aliased: 0,
            aliased: 0,
            bad_key: None,
            bad_number: None,
        }
    }

    fn value(&mut self, node: &Node, path: &mut String, depth: usize) -> Result<Value, Failure> {
        if depth > MAX_DEPTH {
            return Err(too_deep(node.place));
        }
        self.count(node)?;
        match &node.content {
            Content::Scalar(scalar) => {
                self.weigh(node, scalar.text.len())?;
                match scalar.resolve() {
                    Ok(value) => Ok(value),
                    Err(text) if text.starts_with(scalar::UNSUPPORTED_VALUE) => {
                        self.bad_number.get_or_insert_with(|| upstream(node.place, text));
                        Ok(Value::Null)
                    }
                    Err(text) => Err(upstream(node.place, text)),
                }
            }
            Content::Alias(target) => {
                self.alias_depth += 1;
                let value = self.value(target, path, depth + 1);
                self.alias_depth -= 1;
                value
            }
            Content::Itself { name, .. } => Err(contains_itself(node, name)),
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

    fn map(
        &mut self,
        entries: &[(Rc<Node>, Rc<Node>)],
        map: &mut Map<String, Value>,
        path: &mut String,
        depth: usize,
    ) -> Result<(), Failure> {
        let mut written = BTreeSet::new();
        for (key, value) in entries {
            if matches!(&key.content, Content::Scalar(scalar) if scalar.merges()) {
                self.merge(value, map, path, depth + 1)?;
                continue;
            }
            let name = match self.key(key, depth + 1)? {
                Ok(name) => name,
                Err(text) => {
                    self.value(value, path, depth + 1)?;
                    self.bad_key.get_or_insert_with(|| {
                        let shown = go_syntax(value);
                        let shown = if shown == "interface {}(nil)" { "<nil>" } else { &shown };
                        upstream(key.place, format!("{text}, value: {shown}"))
                    });
                    continue;
                }
            };
            let length = path.len();
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&name);
            if !written.insert(name.clone()) && self.alias_depth == 0 {
                self.forget(path);
                let (path, key_name, line) = (path.clone(), name.clone(), value.line);
                self.document.duplicates.push(Duplicate { path, key: key_name, place: key.place, line });
            }
            let is_scalar = matches!(value.content, Content::Scalar(_));
            self.place(path, if is_scalar { value.place } else { key.place }, value)?;
            if self.alias_depth == 0 && is_scalar {
                self.document.keys.insert(path.clone(), key.place);
            }
            let value = self.value(value, path, depth + 1)?;
            path.truncate(length);
            map.insert(name, value);
        }
        Ok(())
    }

    /// The text of a key; or what go-yaml says of one that JSON cannot have.
    fn key(&mut self, node: &Node, depth: usize) -> Result<Result<String, String>, Failure> {
        match &node.content {
            Content::Scalar(scalar) => {
                self.count(node)?;
                match scalar::key(&scalar.text, scalar.plain, scalar.tag()) {
                    Err(text) if text.starts_with(scalar::UNSUPPORTED_KEY) => Ok(Err(text)),
                    other => other.map(Ok).map_err(|text| upstream(node.place, text)),
                }
            }
            Content::Alias(target) if matches!(target.content, Content::Scalar(_)) => {
                self.count(node)?;
                self.alias_depth += 1;
                let key = self.key(target, depth);
                self.alias_depth -= 1;
                key
            }
            _ => {
                // A list or mapping as a key, which is what `{{ .Values.port }}` looks like to YAML.
                self.alias_depth += 1;
                self.value(node, &mut String::new(), depth)?;
                self.alias_depth -= 1;
                let help = template_help(self.text);
                Err(Failure { help, ..upstream(node.place, format!("yaml: invalid map key: {}", go_syntax(node))) })
            }
        }
    }

    fn merge(&mut self, node: &Node, map: &mut Map<String, Value>, path: &mut String, depth: usize) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err(too_deep(node.place));
        }
        match &node.content {
            Content::Map(entries) => {
                self.count(node)?;
                self.map(entries, map, path, depth)
            }
            Content::Alias(target) if matches!(target.content, Content::Map(_)) => {
                self.count(node)?;
                self.alias_depth += 1;
                let merged = self.merge(target, map, path, depth + 1);
                self.alias_depth -= 1;
                merged
            }
            Content::Itself { name, map: true } => Err(contains_itself(node, name)),
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
        self.weigh(node, path.len())?;
        if self.alias_depth == 0 {
            self.document.places.insert(path.to_string(), place);
        }
        Ok(())
    }

    /// Drops the places under a key that a later one replaces; keys that only begin with the same letters are not looked at.
    fn forget(&mut self, path: &str) {
        self.document.places.remove(path);
        for under in [format!("{path}."), format!("{path}[")] {
            let places = self.document.places.range(under.clone()..).take_while(|(other, _)| other.starts_with(&under));
            let gone: Vec<String> = places.map(|(other, _)| other.clone()).collect();
            for other in gone {
                self.document.places.remove(&other);
            }
        }
    }

    /// go-yaml's own limit: of many nodes, no more than 99 in 100 may come through aliases, of very many fewer.
    fn count(&mut self, node: &Node) -> Result<(), Failure> {
        self.decoded += 1;
        if self.alias_depth > 0 {
            self.decoded_aliased += 1;
        }
        if self.decoded_aliased <= 100 || self.decoded <= 1000 {
            return Ok(());
        }
        #[allow(clippy::cast_precision_loss)]
        let (decoded, aliased) = (self.decoded as f64, self.decoded_aliased as f64);
        let allowed = (0.99 - 0.89 * (decoded - 400_000.0) / 3_600_000.0).clamp(0.1, 0.99);
        if aliased / decoded > allowed { Err(excessive(node)) } else { Ok(()) }
    }

    /// A limit of this reader: texts, too, are copied where an alias stands.
    fn weigh(&mut self, node: &Node, size: usize) -> Result<(), Failure> {
        if self.alias_depth > 0 {
            self.aliased += size + 8;
        }
        if self.aliased > MAX_ALIASED { Err(excessive(node)) } else { Ok(()) }
    }
}

fn excessive(node: &Node) -> Failure {
    upstream(node.place, "yaml: document contains excessive aliasing")
}

fn contains_itself(node: &Node, name: &str) -> Failure {
    upstream(node.place, format!("yaml: anchor '{name}' value contains itself"))
}

fn unmergeable(node: &Node) -> Failure {
    upstream(node.place, "yaml: map merge requires map or sequence of maps as the value")
}
