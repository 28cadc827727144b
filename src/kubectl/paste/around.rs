//! What is copied along with manifests: marks of quotations and differences, Markdown around them, what was typed at a prompt and what
//! programs printed.

use super::starts_object;
use crate::kubectl::stranger::is_table;

/// Quoted text, each of its lines behind `>`, as mail and Markdown quote and a shell shows the lines of a here-document. What stands
/// around it goes, unless it is that shell.
pub(super) fn quoted(text: &str) -> Option<String> {
    let bare = |line: &str| {
        let mut rest = line.trim_start().strip_prefix('>')?;
        rest = rest.strip_prefix(' ').unwrap_or(rest);
        while let Some(deeper) = rest.strip_prefix('>') {
            rest = deeper.strip_prefix(' ').unwrap_or(deeper);
        }
        Some(rest.to_string())
    };
    let of_object = |line: &str| bare(line).is_some_and(|line| starts_object(&line));
    if !text.lines().any(of_object) || text.lines().any(starts_object) {
        return None;
    }
    let shell = text.lines().any(|line| line.contains("<<"));
    let kept = text.lines().filter_map(|line| bare(line).or_else(|| shell.then(|| line.to_string())));
    Some(kept.collect::<Vec<_>>().join("\n") + "\n")
}

/// What a difference adds, or what its files are afterwards where it shows them from their first line on. Of a part of a file nobody
/// can make the whole.
pub(super) fn added(text: &str) -> Option<String> {
    let is_head = |line: &str| {
        ["diff --git ", "index ", "new file mode ", "--- a/", "--- /dev/null", "+++ ", "\\ No newline"]
            .iter()
            .any(|it| line.starts_with(it))
    };
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let begins = lines().any(|line| line.get(1..).is_some_and(starts_object) && line.starts_with(['+', ' ']));
    let whole = |line: &str| line.split_once(" +").is_some_and(|(_, at)| at.starts_with("1 ") || at.starts_with("1,"));
    let hunks = lines().filter(|line| line.starts_with("@@ ")).count();
    let all_added = hunks == 0 && lines().all(|line| line.starts_with('+') || is_head(line));
    let from_first = hunks > 0
        && lines().all(|line| is_head(line) || line.starts_with(['+', '-', ' ']) || line.starts_with("@@ ") && whole(line));
    if !begins || !(all_added || from_first) {
        return None;
    }
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines() {
        if line.starts_with("@@ ") && !kept.is_empty() {
            kept.push("---");
        }
        if !(is_head(line) || line.starts_with('-') || line.starts_with("@@ ")) {
            kept.push(line.get(1..).unwrap_or_default());
        }
    }
    Some(kept.join("\n") + "\n")
}

/// kubectl's tables beside manifests, each up to the next blank line or object. A table alone stays, and is named.
pub(super) fn tables(text: &str) -> Option<String> {
    if !text.lines().any(starts_object) {
        return None;
    }
    let mut in_table = false;
    let keep = |line: &&str| {
        in_table = is_table(line) || in_table && !line.trim().is_empty() && !starts_object(line) && !line.starts_with("---");
        !in_table
    };
    let kept = text.lines().filter(keep).collect::<Vec<_>>().join("\n") + "\n";
    (kept.trim_end() != text.trim_end()).then_some(kept)
}

/// Only what stands between Markdown fences counts, if there are any.
pub(super) fn fences(text: &str) -> Option<String> {
    let fence = |line: &str| line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
    if !text.lines().any(fence) {
        return None;
    }
    let (mut blocks, mut open) = (Vec::<Vec<&str>>::new(), None::<Vec<&str>>);
    for line in text.lines() {
        match (&mut open, fence(line)) {
            (None, true) => open = Some(Vec::new()),
            (Some(_), true) => blocks.extend(open.take()),
            (Some(block), false) => block.push(line),
            (None, false) => {}
        }
    }
    blocks.extend(open);
    blocks.retain(|block| block.iter().any(|line| !line.trim().is_empty()));
    if blocks.is_empty() {
        // A lone fence, above or below the text.
        return Some(text.lines().filter(|line| !fence(line)).collect::<Vec<_>>().join("\n"));
    }
    let texts: Vec<String> = blocks.iter().map(|block| block.join("\n")).collect();
    Some(texts.join("\n---\n") + "\n")
}

/// Here-documents give their text; lines typed at a prompt go.
pub(super) fn shell(text: &str) -> Option<String> {
    let mut lines = Vec::new();
    let mut end: Option<String> = None;
    let mut commands = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(word) = &end {
            if trimmed == word {
                end = None
            } else {
                lines.push(line)
            }
            continue;
        }
        let command = trimmed.trim_start_matches(['$', '#', '>']).trim_start();
        let typed = ["kubectl ", "cat ", "helm ", "k apply", "minikube ", "kind create"].iter().any(|it| command.starts_with(it));
        commands |= typed;
        match here_document(command) {
            Some(word) if typed => end = Some(word),
            _ if typed || trimmed.starts_with("$ ") || commands && printed(trimmed) => {}
            _ => lines.push(line),
        }
    }
    let mended = lines.join("\n");
    (mended.trim_end() != text.trim_end()).then(|| mended + "\n")
}

/// What `helm install --dry-run` prints around the manifests: NAME, STATUS, HOOKS before them, NOTES behind them. Hooks stay.
pub(super) fn helm_report(text: &str) -> Option<String> {
    let begins = text.lines().find(|line| !line.trim().is_empty())?.starts_with("NAME: ");
    if !begins || !text.lines().any(|line| line == "MANIFEST:") {
        return None;
    }
    let behind = text.lines().skip_while(|line| *line != "HOOKS:" && *line != "MANIFEST:");
    let kept = behind.take_while(|line| *line != "NOTES:").filter(|line| *line != "HOOKS:" && *line != "MANIFEST:");
    let kept: Vec<&str> = kept.collect();
    Some(kept.join("\n").trim().trim_start_matches("---\n").to_string() + "\n")
}

/// What kubectl prints of an object that it applied: `service/web created`.
fn printed(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    matches!(words[..], [object, "created" | "configured" | "unchanged" | "deleted"] if object.contains('/'))
}

/// The word that ends a here-document: `<<EOF`, `<<-'EOF'`.
fn here_document(command: &str) -> Option<String> {
    let (_, rest) = command.split_once("<<")?;
    let word: String =
        rest.trim_start_matches(['-', ' ', '\'', '"']).chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}
