//! Why a text is not YAML: go-yaml's complaints for those of the parser, and what to try.
//!
//! Source: `go.yaml.in/yaml/v2` 2.4.3 scannerc.go, parserc.go and `decode.go` (`parser.fail`).

use super::yaml::{Failure, Place, numbers, too_deep, upstream};
use crate::diagnostic::Finding;
use crate::msg;
use crate::words::Message;
use granit_parser::{ErrorKind, ScanError};

/// Whether the text holds a template that nobody has rendered.
pub(super) fn template_help(text: &str) -> Option<Message> {
    let from = text.find("{{")?;
    let rest = text.get(from..)?;
    let end = rest.find("}}").map_or(rest.len().min(40), |at| at + 2);
    let shown: String = rest.get(..end).unwrap_or(rest).chars().take(60).collect();
    Some(msg!("read.template.help", template = shown))
}

/// What a parser's error says to the reader.
pub(super) fn scan_failure(text: &str, error: &ScanError, in_flow: bool) -> Failure {
    let (line, column) = numbers(error.marker());
    let place = Place { line, column, end_line: line, end_column: column + 1 };
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return too_deep(place);
    }
    if let Some(place) = tab_in_indentation(text, line) {
        let what = match continues_plain(text, place.line) {
            true => "found a tab character that violates indentation",
            false => "found character that cannot start any token",
        };
        let text = format!("yaml: {}{what}", at_line(place.line));
        return Failure { help: Some(msg!("read.tab.help")), ..upstream(place, text) };
    }
    let help = template_help(text).or_else(|| syntax_help(error.kind()));
    match complaint(text, error, line, in_flow) {
        Some(text) => Failure { help, ..upstream(place, text) },
        None => Failure { place, finding: Finding::Ours(msg!("read.syntax", what = error.kind())), help },
    }
}

/// The first tab in a line's indentation, up to the line after the one where the parser gave up.
fn tab_in_indentation(text: &str, line: u32) -> Option<Place> {
    let indented_by_tab = |text: &str| text.chars().take_while(|c| c.is_whitespace() || *c == '-').any(|c| c == '\t');
    let index = text.lines().take(line as usize + 1).position(indented_by_tab)?;
    let line = u32::try_from(index).ok()? + 1;
    Some(Place { line, column: 1, end_line: line, end_column: 2 })
}

/// Whether the line before ends in a text without quotes, which could go on in this line.
fn continues_plain(text: &str, line: u32) -> bool {
    let before = text.lines().nth((line as usize).wrapping_sub(2)).unwrap_or_default();
    let value = before.split_once(": ").or_else(|| before.split_once("- ")).map_or("", |(_, value)| value.trim());
    let quoted = value.starts_with(['"', '\'', '[', '{', '|', '>', '#', '&', '*', '!']);
    !value.is_empty() && !quoted && !value.contains(" #") && !value.ends_with(':')
}

/// go-yaml leaves the first line out.
fn at_line(line: u32) -> String {
    if line <= 1 { String::new() } else { format!("line {line}: ") }
}

/// Whether a bracket is open at the beginning of the line; quoted ones are counted, too, which only changes a text.
fn bracket_is_open(text: &str, line: u32) -> bool {
    let before = || text.lines().take(line.saturating_sub(1) as usize).filter(|line| !line.trim_start().starts_with('#'));
    let count = |bracket: char| before().map(|line| line.matches(bracket).count()).sum::<usize>();
    count('[') > count(']')
}

/// go-yaml's text for the same complaint. Its scanner counts lines from 1, its parser from 0.
fn complaint(text: &str, error: &ScanError, line: u32, in_flow: bool) -> Option<String> {
    let scanner = |line: u32, text: &str| Some(format!("yaml: {}{text}", at_line(line)));
    let parser = |text: &str| match line.saturating_sub(1) {
        0 => Some(format!("yaml: {text}")),
        line => Some(format!("yaml: line {line}: {text}")),
    };
    match error.kind() {
        ErrorKind::UnknownAnchor => {
            let from = text.lines().nth(line.saturating_sub(1) as usize)?.split('*').nth(1)?;
            let name: String = from.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
            Some(format!("yaml: unknown anchor '{name}' referenced"))
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement | ErrorKind::SimpleKeyExpected
            if in_flow || bracket_is_open(text, line) =>
        {
            parser("did not find expected ',' or ']'")
        }
        ErrorKind::ExpectedBlockMappingKey => parser("did not find expected key"),
        ErrorKind::ExpectedNodeContent => parser("did not find expected node content"),
        ErrorKind::ExpectedFlowMappingSeparator => parser("did not find expected ',' or '}'"),
        ErrorKind::ExpectedFlowSequenceSeparator => parser("did not find expected ',' or ']'"),
        ErrorKind::UnclosedFlowCollection { open: '{' } => Some(format!("yaml: line {line}: did not find expected ',' or '}}'")),
        ErrorKind::UnclosedFlowCollection { .. } => Some(format!("yaml: line {line}: did not find expected ',' or ']'")),
        ErrorKind::ExpectedBlockSequenceEntry => parser("did not find expected '-' indicator"),
        ErrorKind::ExpectedDocumentStart
            if text.lines().any(|line| line.starts_with("%YAML") && !line.starts_with("%YAML 1.1")) =>
        {
            Some("yaml: line 1: found incompatible YAML document".into())
        }
        ErrorKind::ExpectedDocumentStart => parser("did not find expected <document start>"),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            scanner(line, "mapping values are not allowed in this context")
        }
        ErrorKind::MappingKeyNotAllowed => scanner(line, "mapping keys are not allowed in this context"),
        ErrorKind::BlockSequenceEntryNotAllowed => scanner(line, "block sequence entries are not allowed in this context"),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey | ErrorKind::BlockEntryInFlowCollection => {
            scanner(line + 1, "could not find expected ':'")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
            scanner(lines.saturating_add(1), "found unexpected end of stream")
        }
        ErrorKind::UnknownQuotedScalarEscape => scanner(line, "found unknown escape character"),
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            Some("yaml: control characters are not allowed".into())
        }
        ErrorKind::UnexpectedCharacter { .. } | ErrorKind::TabNotAllowed => {
            scanner(line, "found character that cannot start any token")
        }
        _ => None,
    }
}

/// What to try for the commonest slips.
fn syntax_help(kind: &ErrorKind) -> Option<Message> {
    match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => Some(msg!("read.colon.help")),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed => Some(msg!("read.indent.help")),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => Some(msg!("read.quote.help")),
        _ => None,
    }
}
