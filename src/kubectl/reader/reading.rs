//! What one chunk of text holds: a document, or the items of a list, and what is wrong with it.

use super::MAX_OBJECTS;
use super::blanks::{self, misread, odd_blank};
use super::chunks::Chunk;
use crate::api::Kind;
use crate::diagnostic::{Diagnostic, Finding, Fix, Severity, Span};
use crate::kubectl::yaml::{self, Document, Failure, Place};
use crate::kubectl::{Manifest, stranger, tabs};
use crate::msg;
use crate::words::Message;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One chunk being read.
pub(super) struct Reading {
    /// Position of its first document.
    position: u32,
    pub documents: Vec<Arc<Manifest>>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Reading {
    pub fn of(chunk: &Chunk, position: u32) -> Reading {
        let mut reading = Reading { position, documents: Vec::new(), diagnostics: Vec::new() };
        reading.read(chunk);
        reading
    }

    fn read(&mut self, chunk: &Chunk) {
        let read = match (chunk.json, chunk.text.ends_with('\n')) {
            // JSON may begin with a tab, which YAML forbids; no JSON text can hold a raw one.
            (true, _) => yaml::parse_json(&chunk.text.replace('\t', " ")),
            (false, true) => yaml::parse(chunk.text),
            // kubectl ends the last line, too.
            (false, false) => yaml::parse(&format!("{}\n", chunk.text)),
        };
        match read {
            Ok(None) => {}
            Ok(Some(document)) if !chunk.json && misread(chunk, &document) => {
                self.blanks(chunk, odd_blank(chunk).unwrap_or_default());
            }
            Ok(Some(document)) => self.document(chunk, document, chunk.json),
            Err(failure) => self.failed(chunk, failure),
        }
    }

    fn failed(&mut self, chunk: &Chunk, failure: Failure) {
        let odd = odd_blank(chunk);
        let stranger = stranger::unreadable(chunk.text).filter(|_| !chunk.json);
        let fixes = match &failure.help {
            _ if odd.is_some() => blanks::fixes(chunk),
            _ if stranger.is_some() => Vec::new(),
            Some(help) if help.id == "read.tab.help" => whole(chunk, msg!("fix.tabs"), tabs::untab),
            _ => Vec::new(),
        };
        let help = odd.map(|place| msg!("read.blanks.help", line = place.line + chunk.lines_before));
        let help = help.or(stranger).or(failure.help);
        self.diagnostics.push(Diagnostic {
            severity: Severity::Error,
            span: Some(span(chunk, failure.place)),
            object: None,
            path: String::new(),
            message: failure.finding,
            help,
            fixes,
        });
    }

    /// Names that begin with a no-break blank: Kubernetes would complain of each of them, in words that show no blank.
    fn blanks(&mut self, chunk: &Chunk, place: Place) {
        self.diagnostics.push(Diagnostic {
            severity: Severity::Error,
            span: Some(span(chunk, place)),
            object: None,
            path: String::new(),
            message: Finding::Ours(msg!("read.blanks")),
            help: Some(msg!("read.blanks.help", line = place.line + chunk.lines_before)),
            fixes: blanks::fixes(chunk),
        });
    }

    fn document(&mut self, chunk: &Chunk, document: Document, json: bool) {
        let spans =
            |places: &BTreeMap<String, Place>| places.iter().map(|(path, place)| (path.clone(), span(chunk, *place))).collect();
        self.unroll(document.value, spans(&document.places), spans(&document.keys), 0);
        let object = match self.documents.as_slice() {
            [only] => only.object(),
            _ => None,
        };
        for twice in document.duplicates {
            let line = twice.line + chunk.lines_before;
            let message = if json {
                format!("duplicate field {:?}", twice.path)
            } else {
                format!("line {line}: key {:?} already set in map", twice.key)
            };
            self.diagnostics.push(Diagnostic {
                severity: Severity::Warning,
                span: Some(span(chunk, twice.place)),
                object: object.clone(),
                path: twice.path,
                message: Finding::Upstream(message),
                help: Some(msg!("read.duplicate.help", key = twice.key)),
                fixes: Vec::new(),
            });
        }
    }

    /// Adds a document, or for a list its items, lists in lists included.
    fn unroll(&mut self, mut value: Value, spans: Spans, keys: Spans, depth: u32) {
        let kind = text_of(&value, "kind").to_string();
        // kubectl takes whatever has items for a list.
        let items = value.get_mut("items").filter(|_| depth < 4).and_then(Value::as_array_mut).map(std::mem::take);
        let Some(items) = items else {
            self.add(value, spans, keys);
            return;
        };
        let version = text_of(&value, "apiVersion").to_string();
        for (index, mut item) in items.into_iter().enumerate() {
            // A list of one kind may leave its items' kind out.
            if kind != "List"
                && text_of(&item, "kind").is_empty()
                && text_of(&item, "apiVersion").is_empty()
                && let Some(fields) = item.as_object_mut()
            {
                fields.insert("apiVersion".into(), version.clone().into());
                fields.insert("kind".into(), kind.strip_suffix("List").unwrap_or(&kind).into());
            }
            let prefix = format!("items[{index}]");
            self.unroll(item, below(&spans, &prefix), below(&keys, &prefix), depth + 1);
            if self.documents.len() > MAX_OBJECTS {
                return;
            }
        }
    }

    fn add(&mut self, value: Value, spans: Spans, keys: Spans) {
        let api_version = text_of(&value, "apiVersion").to_string();
        let kind = text_of(&value, "kind").to_string();
        let meta = value.get("metadata").cloned().unwrap_or(Value::Null);
        let namespaced = Kind::find(&api_version, &kind).is_none_or(Kind::namespaced);
        let namespace = match text_of(&meta, "namespace") {
            _ if !namespaced => "",
            "" => "default",
            other => other,
        };
        let before = u32::try_from(self.documents.len()).unwrap_or(u32::MAX);
        self.documents.push(Arc::new(Manifest {
            namespace: namespace.into(),
            name: text_of(&meta, "name").into(),
            position: self.position.saturating_add(before),
            api_version,
            kind,
            value,
            spans,
            keys,
        }));
    }
}

/// Places by path.
type Spans = BTreeMap<String, Span>;

/// The places below a list item, by their paths from there.
fn below(spans: &Spans, prefix: &str) -> Spans {
    spans
        .range(prefix.to_string()..)
        .take_while(|(path, _)| path.starts_with(prefix))
        .filter_map(|(path, span)| Some((path.get(prefix.len()..)?.trim_start_matches('.').to_string(), span.clone())))
        .collect()
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

pub(super) fn span(chunk: &Chunk, place: Place) -> Span {
    Span {
        file: chunk.file.to_string(),
        line: place.line.saturating_add(chunk.lines_before),
        column: place.column,
        end_line: place.end_line.saturating_add(chunk.lines_before),
        end_column: place.end_column,
    }
}

/// A fix that writes the whole document anew.
pub(super) fn whole(chunk: &Chunk, label: Message, mend: fn(&str) -> String) -> Vec<Fix> {
    let lines: Vec<&str> = chunk.text.lines().collect();
    let (Some(last), Ok(count)) = (lines.last(), u32::try_from(lines.len())) else { return Vec::new() };
    let span = Span {
        file: chunk.file.to_string(),
        line: chunk.lines_before + 1,
        column: 1,
        end_line: chunk.lines_before + count,
        end_column: u32::try_from(last.chars().count()).unwrap_or(0) + 1,
    };
    vec![Fix { label, span: Some(span), text: mend(&lines.join("\n")) }]
}
