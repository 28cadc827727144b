//! Files cut into documents, as kubectl cuts them (`k8s.io/apimachinery/pkg/util/yaml/decoder.go`).

use crate::diagnostic::{Diagnostic, Finding, Fix, Severity, Span};
use crate::kubectl::SourceFile;
use crate::msg;

/// A stretch of a file that holds one document.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub file: &'a str,
    pub text: &'a str,
    /// Lines of the file before it.
    pub lines_before: u32,
    /// Read by the rules of JSON.
    pub json: bool,
}

/// What was found between documents, before the chunk of this number.
pub(super) type Between = Vec<(usize, Diagnostic)>;

/// Cuts a file into documents.
pub(super) fn split(file: &SourceFile) -> (Vec<Chunk<'_>>, Between) {
    let mut between = Vec::new();
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    let (mut chunks, mut start) = json_objects(file, text);
    let mut start_line = lines(text.get(..start).unwrap_or(""));
    let (mut at, mut number) = (start, start_line);
    if chunks.len() > 1 && !text.get(start..).unwrap_or("").trim().is_empty() {
        between.push((chunks.len(), not_json(&file.name, start_line + 1, text.get(start..).unwrap_or(""))));
    }
    let chunk = |from: usize, to: usize, lines_before: u32| {
        let text = text.get(from..to).filter(|text| !text.is_empty())?;
        Some(Chunk { file: &file.name, text, lines_before, json: false })
    };
    for line in text.get(start..).unwrap_or("").split_inclusive('\n') {
        let next = at + line.len();
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            let good = rest.is_empty() || rest.starts_with('#');
            if !good {
                between.push((chunks.len(), bad_separator(&file.name, number + 1, line, rest)));
            }
            // A separator before all else is a part of its document.
            if !good || at > start {
                chunks.extend(chunk(start, at, start_line));
                (start, start_line) = (next, number + 1);
            }
        }
        (at, number) = (next, number + 1);
    }
    chunks.extend(chunk(start, text.len(), start_line));
    (chunks, between)
}

fn lines(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX)
}

/// The JSON objects that a file begins with, and where the rest of it begins, which is YAML.
fn json_objects<'a>(file: &'a SourceFile, text: &'a str) -> (Vec<Chunk<'a>>, usize) {
    let (mut chunks, mut start, mut lines_before) = (Vec::new(), 0, 0);
    if !text.trim_start().starts_with('{') {
        return (chunks, 0);
    }
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    while let Some(Ok(_)) = stream.next() {
        let end = stream.byte_offset();
        let text = text.get(start..end).unwrap_or("");
        chunks.push(Chunk { file: &file.name, text, lines_before, json: true });
        (start, lines_before) = (end, lines_before + lines(text));
    }
    if start == 0 {
        return (chunks, 0);
    }
    // The rest of the last line is passed.
    let rest = text.get(start..).unwrap_or("");
    let blank = rest.len() - rest.trim_start().len();
    (chunks, start + rest.find('\n').map_or(blank, |line| blank.min(line + 1)))
}

/// Where several JSON objects were read, kubectl takes nothing else.
fn not_json(file: &str, line: u32, rest: &str) -> Diagnostic {
    let rest = rest.trim_start();
    let mut chars = rest.chars();
    let what = match (chars.next(), chars.next()) {
        (Some('-'), Some(next)) if !next.is_ascii_digit() => format!("{next:?} in numeric literal"),
        (first, _) => format!("{:?} looking for beginning of value", first.unwrap_or(' ')),
    };
    Diagnostic {
        severity: Severity::Error,
        span: Some(Span { file: file.into(), line, column: 1, end_line: line, end_column: 2 }),
        object: None,
        path: String::new(),
        message: Finding::Upstream(format!("invalid character {what}")),
        help: None,
        fixes: Vec::new(),
    }
}

fn bad_separator(file: &str, line: u32, text: &str, rest: &str) -> Diagnostic {
    let end = u32::try_from(text.trim_end().chars().count()).unwrap_or(u32::MAX);
    let span = Span { file: file.into(), line, column: 1, end_line: line, end_column: end.saturating_add(1) };
    Diagnostic {
        severity: Severity::Error,
        span: Some(span.clone()),
        object: None,
        path: String::new(),
        message: Finding::Upstream(format!("invalid Yaml document separator: {rest}")),
        help: Some(msg!("read.separator.help")),
        fixes: vec![Fix { label: msg!("fix.replace", text = "---"), span: Some(span), text: "---".into() }],
    }
}
