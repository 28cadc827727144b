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
}

/// Cuts a file into documents.
pub(super) fn split<'a>(file: &'a SourceFile, diagnostics: &mut Vec<Diagnostic>) -> Vec<Chunk<'a>> {
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut at) = (0, 0u32, 0);
    for (number, line) in (0u32..).zip(text.split_inclusive('\n')) {
        if let Some(rest) = line.strip_prefix("---") {
            push_chunk(&mut chunks, file, text.get(start..at).unwrap_or(""), start_line);
            start = at + line.len();
            start_line = number + 1;
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                diagnostics.push(bad_separator(&file.name, number + 1, line, rest));
            }
        }
        at += line.len();
    }
    push_chunk(&mut chunks, file, text.get(start..).unwrap_or(""), start_line);
    chunks
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

/// Adds a chunk; JSON objects that follow each other become chunks of their own.
fn push_chunk<'a>(chunks: &mut Vec<Chunk<'a>>, file: &'a SourceFile, text: &'a str, lines_before: u32) {
    let whole = Chunk { file: &file.name, text, lines_before };
    if !text.trim_start().starts_with('{') {
        chunks.push(whole);
        return;
    }
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let mut ends = Vec::new();
    while let Some(object) = stream.next() {
        match object {
            Ok(_) => ends.push(stream.byte_offset()),
            Err(_) => {
                chunks.push(whole);
                return;
            }
        }
    }
    let (mut start, mut lines) = (0, lines_before);
    for end in ends {
        // The chunk keeps its line's beginning, so that columns stay true; what stands before it becomes spaces later.
        let part = text.get(start..end).unwrap_or("");
        chunks.push(Chunk { file: &file.name, text: part, lines_before: lines });
        lines += u32::try_from(part.matches('\n').count()).unwrap_or(0);
        start = end;
    }
}
