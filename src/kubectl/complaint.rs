//! Why a text is not YAML: go-yaml's complaint, and what to try.

use super::yaml::{Failure, Place, upstream};
use crate::msg;
use crate::words::Message;

/// Whether the text holds a template that nobody has rendered.
pub(super) fn template_help(text: &str) -> Option<Message> {
    let from = text.find("{{")?;
    let rest = text.get(from..)?;
    let end = rest.find("}}").map_or(rest.len().min(40), |at| at + 2);
    let shown: String = rest.get(..end).unwrap_or(rest).chars().take(60).collect();
    Some(msg!("read.template.help", template = shown))
}

/// What the reader is told of a complaint, with the line that go-yaml names.
pub(super) fn failure(text: &str, place: Place, line: Option<u32>, problem: &str) -> Failure {
    let at = line.map_or_else(String::new, |line| format!("line {line}: "));
    let failure = upstream(place, format!("yaml: {at}{problem}"));
    match tab_in_indentation(text, place.line) {
        Some(place) => Failure { place, help: Some(msg!("read.tab.help")), ..failure },
        None if problem == "could not find expected ':'" && template_help(text).is_none() => {
            let place = without_colon(text, failure.place.line).unwrap_or(failure.place);
            Failure { place, help: Some(msg!("read.noColon.help")), ..failure }
        }
        None => Failure { help: template_help(text).or_else(|| help(problem)), ..failure },
    }
}

/// The first tab in a line's indentation, up to the line after the one where the parser gave up.
fn tab_in_indentation(text: &str, line: u32) -> Option<Place> {
    let indented_by_tab = |text: &str| text.chars().take_while(|c| c.is_whitespace() || *c == '-').any(|c| c == '\t');
    let index = text.lines().take(line as usize + 1).position(indented_by_tab)?;
    let line = u32::try_from(index).ok()? + 1;
    Some(Place { line, column: 1, end_line: line, end_column: 2 })
}

/// The line that most likely lacks its colon: the parser gives up behind it, at the text's end even behind its last line.
fn without_colon(text: &str, line: u32) -> Option<Place> {
    let lines: Vec<&str> = text.lines().take(line as usize).collect();
    let index = lines.iter().rposition(|line| !line.trim().is_empty())?;
    let bare = |line: &&str| !line.contains(':') && !line.trim_start().starts_with('#');
    let index = if lines.get(index).is_some_and(bare) {
        index
    } else {
        index.checked_sub(1).filter(|at| lines.get(*at).is_some_and(bare))?
    };
    let end = lines.get(index)?.trim_end().chars().count() + 1;
    let line = u32::try_from(index).ok()? + 1;
    Some(Place { line, column: 1, end_line: line, end_column: u32::try_from(end).ok()? })
}

/// What to try for the commonest slips.
fn help(problem: &str) -> Option<Message> {
    match problem {
        "mapping values are not allowed in this context" => Some(msg!("read.colon.help")),
        "did not find expected key"
        | "did not find expected '-' indicator"
        | "block sequence entries are not allowed in this context" => Some(msg!("read.indent.help")),
        "found unexpected end of stream" | "found unexpected document indicator" => Some(msg!("read.quote.help")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::kubectl::{SourceFile, read};
    use crate::msg;

    #[test]
    fn a_text_that_was_cut_off_is_named_at_its_last_line_not_behind_it() {
        let text = "kind: Deployment\nspec:\n  template:\n    metadata: {}\n    sp\n";
        let (_, found) = read(&[SourceFile { name: "half.yaml".into(), text: text.into() }]);
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(only.span.as_ref().map(|span| span.line), Some(5));
        assert_eq!(only.help, Some(msg!("read.noColon.help")));
    }
}
