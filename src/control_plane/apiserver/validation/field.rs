//! `k8s.io/apimachinery/pkg/util/validation/field`: a place in an object, and what is wrong there.
//!
//! Values are printed as Go prints them: strings quoted by `strconv.Quote`, everything else as `encoding/json` writes it.

use serde_json::{Map, Value};

static EMPTY: Value = Value::String(String::new());

/// One error of validation: where, and Kubernetes' text without the path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldError {
    /// `spec.ports[0].port`
    pub path: String,
    /// `Invalid value: 70000: must be between 1 and 65535, inclusive`
    pub message: String,
}

/// A place in an object: the value there, if there is one, and its path. What is absent reads as Go's zero value.
#[derive(Clone, Debug)]
pub struct At<'a> {
    value: Option<&'a Value>,
    /// The path, as upstream writes it.
    pub path: String,
}

impl<'a> At<'a> {
    /// The object itself.
    pub fn root(object: &'a Value) -> At<'a> {
        At { value: Some(object), path: String::new() }
    }

    /// A field of a map.
    pub fn child(&self, name: &str) -> At<'a> {
        let path = if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) };
        At { value: self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null()), path }
    }

    /// A key of a map whose keys are data: `data[a/b]`.
    pub fn key(&self, key: &str) -> At<'a> {
        At { value: self.value.and_then(|value| value.get(key)), path: format!("{}[{key}]", self.path) }
    }

    /// A field some levels below.
    pub fn at(&self, names: &[&str]) -> At<'a> {
        names.iter().fold(self.clone(), |at, name| at.child(name))
    }

    /// A place that upstream names otherwise than the manifest, with no value.
    pub fn named(&self, name: &str) -> At<'a> {
        At { value: None, path: self.child(name).path }
    }

    /// A place in a list, with no value.
    pub fn index(&self, index: usize) -> At<'a> {
        At { value: None, path: format!("{}[{index}]", self.path) }
    }

    /// The items of a list, each with its index.
    pub fn items(&self) -> Vec<At<'a>> {
        let items = self.value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        // Go reads null in a list as the zero value; lists of plain values hold strings here.
        let zero = |value: &'a Value| if value.is_null() { &EMPTY } else { value };
        let place = |(index, value)| At { value: Some(zero(value)), path: format!("{}[{index}]", self.path) };
        items.iter().enumerate().map(place).collect()
    }

    /// The entries of a map, sorted by key.
    pub fn entries(&self) -> Vec<(&'a str, &'a Value)> {
        let mut entries: Vec<_> =
            self.map().map(|map| map.iter().map(|(key, value)| (key.as_str(), value)).collect()).unwrap_or_default();
        entries.sort_by_key(|(key, _)| *key);
        entries
    }

    fn map(&self) -> Option<&'a Map<String, Value>> {
        self.value.and_then(Value::as_object)
    }

    /// A string; empty if absent.
    pub fn text(&self) -> &'a str {
        self.value.and_then(Value::as_str).unwrap_or_default()
    }

    /// A string, or a fallback where it is absent or empty.
    pub fn text_or(&self, fallback: &'a str) -> &'a str {
        if self.text().is_empty() { fallback } else { self.text() }
    }

    /// A number; 0 if absent.
    pub fn number(&self) -> i64 {
        self.value.and_then(Value::as_i64).unwrap_or_default()
    }

    /// A boolean; false if absent.
    pub fn is_true(&self) -> bool {
        self.value.and_then(Value::as_bool).unwrap_or_default()
    }

    /// Whether it is there at all.
    pub fn given(&self) -> bool {
        self.value.is_some()
    }

    /// Whether it is a string.
    pub fn is_text(&self) -> bool {
        self.value.is_some_and(Value::is_string)
    }

    /// Whether a list or map has nothing in it, or is absent.
    pub fn is_empty(&self) -> bool {
        match self.value {
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(fields)) => fields.is_empty(),
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
            None => true,
        }
    }

    /// How many items a list has.
    pub fn len(&self) -> usize {
        self.value.and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// The value itself.
    pub fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// The value as an error shows it.
    pub fn shown(&self) -> String {
        self.value.map_or_else(|| "null".to_string(), shown)
    }
}

/// A value as upstream's errors show it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => go_json(other),
    }
}

/// `strconv.Quote`.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if is_unprintable(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Spaces other than U+0020, controls and format characters, which Go escapes.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c as u32, 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe000..=0xf8ff)
}

/// `encoding/json` with sorted keys: `<`, `>` and `&` are escaped.
fn go_json(value: &Value) -> String {
    let text = serde_json::to_string(&sorted(value)).unwrap_or_default();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn sorted(value: &Value) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    let mut entries: Vec<_> = fields.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// What is empty and means the same as nothing, as `Semantic.DeepEqual` of two objects in Go sees it: lists and maps, texts, and
/// the flags and numbers that are no pointers.
pub fn without_empty(value: &Value) -> Value {
    const PLAIN: [&str; 9] =
        ["tty", "stdin", "stdinOnce", "hostNetwork", "hostPID", "hostIPC", "readOnly", "hostPort", "initialDelaySeconds"];
    // Most others are pointers: there, though empty, is not the same as absent.
    const MAPS: [&str; 7] = ["annotations", "labels", "limits", "matchLabels", "nodeSelector", "requests", "resources"];
    let is_empty = |key: &str, value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty() && MAPS.contains(&key),
        Value::Bool(_) | Value::Number(_) => PLAIN.contains(&key) && (*value == false || *value == 0),
    };
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), without_empty(value)));
            Value::Object(fields.filter(|(key, value)| !is_empty(key, value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_empty).collect()),
        other => other.clone(),
    }
}

/// The errors of one object, in the order of their finding.
#[derive(Debug, Default)]
pub struct Errors(pub Vec<FieldError>);

impl Errors {
    /// An error with a whole message.
    pub fn push(&mut self, at: &At, message: impl Into<String>) {
        self.0.push(FieldError { path: at.path.clone(), message: message.into() });
    }

    /// `Invalid value: …: why`, with the value that stands there.
    pub fn invalid(&mut self, at: &At, why: impl AsRef<str>) {
        self.invalid_as(at, &at.shown(), why);
    }

    /// The same with a value that is shown otherwise.
    pub fn invalid_as(&mut self, at: &At, shown: &str, why: impl AsRef<str>) {
        self.push(at, format!("Invalid value: {shown}: {}", why.as_ref()));
    }

    /// One `Invalid value` for each message.
    pub fn all_invalid(&mut self, at: &At, messages: Vec<String>) {
        for message in messages {
            self.invalid(at, message);
        }
    }

    /// `Required value`, with a reason unless it is empty.
    pub fn required(&mut self, at: &At, why: &str) {
        self.push(at, with_detail("Required value", why));
    }

    /// `Forbidden: why`.
    pub fn forbidden(&mut self, at: &At, why: &str) {
        self.push(at, with_detail("Forbidden", why));
    }

    /// `Duplicate value: …`.
    pub fn duplicate(&mut self, at: &At) {
        self.push(at, format!("Duplicate value: {}", at.shown()));
    }

    /// `Unsupported value: …: supported values: …`.
    pub fn unsupported(&mut self, at: &At, supported: &[&str]) {
        self.unsupported_as(at, &if at.given() { at.shown() } else { "\"\"".to_string() }, supported);
    }

    /// The same with a value that is shown otherwise.
    pub fn unsupported_as(&mut self, at: &At, shown: &str, supported: &[&str]) {
        let list: Vec<String> = supported.iter().map(|value| quoted(value)).collect();
        self.push(at, format!("Unsupported value: {shown}: supported values: {}", list.join(", ")));
    }

    /// An enumeration: required, or one of the supported values.
    pub fn one_of(&mut self, at: &At, supported: &[&str]) {
        if at.text().is_empty() {
            self.required(at, "");
        } else if !supported.contains(&at.text()) {
            self.unsupported(at, supported);
        }
    }

    /// An enumeration whose absence means a default.
    pub fn one_of_or_default(&mut self, at: &At, supported: &[&str]) {
        if !at.text().is_empty() && !supported.contains(&at.text()) {
            self.unsupported(at, supported);
        }
    }

    /// An enumeration behind a pointer: only its absence means a default, not the empty text.
    pub fn one_of_if_given(&mut self, at: &At, supported: &[&str]) {
        if at.given() && !supported.contains(&at.text()) {
            self.unsupported(at, supported);
        }
    }

    /// A number that may not be negative.
    pub fn non_negative(&mut self, at: &At) {
        if at.number() < 0 {
            self.invalid(at, "must be greater than or equal to 0");
        }
    }
}

fn with_detail(kind: &str, why: &str) -> String {
    if why.is_empty() { kind.to_string() } else { format!("{kind}: {why}") }
}
