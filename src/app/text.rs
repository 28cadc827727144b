//! Places in a text: lines, columns, and the browser's UTF-16 offsets; where an edited line went.

use crate::kubectl::SourceFile;

/// Length as the browser counts it.
pub fn utf16_len(text: &str) -> u32 {
    text.encode_utf16().count() as u32
}

/// The browser's offset of a line and column (both from 1; columns count characters). Beyond the end: the end.
pub fn offset(text: &str, line: u32, column: u32) -> u32 {
    let mut at = 0;
    for (index, content) in text.split('\n').enumerate() {
        if index as u32 + 1 == line {
            let before = content.chars().take(column.saturating_sub(1) as usize);
            return at + before.map(|c| c.len_utf16() as u32).sum::<u32>();
        }
        at += utf16_len(content) + 1;
    }
    at.saturating_sub(1)
}

/// The text before one of the browser's offsets.
pub fn before(text: &str, offset: u32) -> String {
    between(text, 0, offset)
}

/// The text between two of the browser's offsets.
pub fn between(text: &str, start: u32, end: u32) -> String {
    let units: Vec<u16> = text.encode_utf16().take(end as usize).skip(start as usize).collect();
    String::from_utf16_lossy(&units)
}

/// Where two texts differ: how much of the beginning and of the end is the same (in the browser's units), and what stands between in
/// the new one.
pub fn difference<'a>(old: &str, new: &'a str) -> (u32, u32, &'a str) {
    let head: usize = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old, rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail: usize = old.chars().rev().zip(rest.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (between, end) = rest.split_at(rest.len() - tail);
    (utf16_len(new.get(..head).unwrap_or_default()), utf16_len(end), between)
}

/// A paste, parted from an object that begins right behind it.
pub fn parted_from(pasted: String, rest: &str) -> String {
    let begins = |text: &str| ["apiVersion:", "kind:"].iter().any(|key| text.trim_start_matches('\n').starts_with(key));
    let object = pasted.strip_prefix("---\n").unwrap_or(&pasted);
    let meets = begins(object) && begins(rest);
    if meets { format!("{}\n---\n", pasted.trim_end()) } else { pasted }
}

/// Where a line of the old text stands in the new one: the line with the same content that is nearest, with the same lines before
/// or after it rather than alone. `None` when it is gone.
pub fn line_now(old: &str, new: &str, line: u32) -> Option<u32> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let at = line.checked_sub(1)? as usize;
    let wanted = *old.get(at)?;
    let alike = |there: usize, step: isize| {
        let pair = (at.checked_add_signed(step), there.checked_add_signed(step));
        matches!(pair, (Some(a), Some(b)) if old.get(a).is_some() && old.get(a) == new.get(b))
    };
    let found = (0..new.len()).filter(|there| new[*there] == wanted);
    let best = found.min_by_key(|there| {
        let strange = u32::from(!alike(*there, -1)) + u32::from(!alike(*there, 1));
        (strange, there.abs_diff(at))
    });
    best.map(|there| there as u32 + 1)
}

/// Where two texts first differ: file and line, both from 0, and the line as it is now.
pub fn first_change<'a>(old: &[SourceFile], new: &'a [SourceFile]) -> Option<(usize, usize, &'a str)> {
    for (index, file) in new.iter().enumerate() {
        let mut before = old.get(index).map_or("", |file| &file.text).split('\n');
        for (number, line) in file.text.split('\n').enumerate() {
            if before.next() != Some(line) {
                return Some((index, number, line));
            }
        }
        if before.next().is_some() {
            return Some((index, file.text.split('\n').count(), ""));
        }
    }
    (old.len() > new.len()).then_some((new.len(), 0, ""))
}

/// A name that no file has yet: `new.yaml`, `new-2.yaml`.
pub fn free_name(files: &[SourceFile], wanted: &str) -> String {
    let (stem, ending) = wanted.rsplit_once('.').unwrap_or((wanted, "yaml"));
    let numbered = (2..).map(|number| format!("{stem}-{number}.{ending}"));
    let mut names = std::iter::once(wanted.to_string()).chain(numbered);
    names.find(|name| files.iter().all(|file| file.name != *name)).unwrap_or_default()
}

/// A document's text as it is appended to what stands there already.
pub fn as_next_document(before: &str, document: &str) -> String {
    let document = document.trim_start_matches("---\n");
    let end = if document.ends_with('\n') { "" } else { "\n" };
    let trimmed = before.trim_end();
    let gap = if trimmed.is_empty() {
        ""
    } else if trimmed.ends_with("---") {
        if before.ends_with('\n') { "" } else { "\n" }
    } else if before.ends_with('\n') {
        "---\n"
    } else {
        "\n---\n"
    };
    format!("{gap}{document}{end}")
}

/// A snippet whose `metadata.name` is not taken by another object of its kind.
pub fn unused_name(snippet: &str, files: &[SourceFile]) -> String {
    let field =
        |text: &str, key: &str| text.lines().find_map(|line| line.strip_prefix(key).map(|value| value.trim().to_string()));
    let (Some(kind), Some(name)) = (field(snippet, "kind:"), field(snippet, "  name:")) else { return snippet.to_string() };
    let taken = |wanted: &str| {
        let documents = files.iter().flat_map(|file| file.text.split("\n---"));
        documents.into_iter().any(|document| {
            field(document, "kind:").as_ref() == Some(&kind) && field(document, "  name:").is_some_and(|there| there == wanted)
        })
    };
    let numbered = (2..1000).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|wanted| !taken(wanted)).unwrap_or_else(|| name.clone());
    if free == name {
        snippet.to_string()
    } else {
        snippet.replacen(&format!("  name: {name}\n"), &format!("  name: {free}\n"), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_as_the_browser_does() {
        let text = "ab\n😀x\n";
        assert_eq!([offset(text, 1, 1), offset(text, 1, 3), offset(text, 2, 1), offset(text, 2, 2)], [0, 2, 3, 5]);
        assert_eq!((offset(text, 2, 99), offset(text, 9, 1)), (6, 7));
    }

    #[test]
    fn texts_differ_in_one_stretch() {
        assert_eq!(difference("a😀b\nc", "a😀x\nc"), (3, 2, "x"));
        assert_eq!(difference("aa", "aaa"), (2, 0, "a"));
        assert_eq!(difference("aaa", "a"), (1, 0, ""));
        assert_eq!(difference("same", "same"), (4, 0, ""));
    }

    #[test]
    fn a_line_is_found_again_after_lines_were_added_above() {
        let (old, new) = ("a\n  port: 80\nb\n  port: 80\nc", "x\na\n  port: 80\nb\n  port: 80\nc");
        assert_eq!((line_now(old, new, 2), line_now(old, new, 4)), (Some(3), Some(5)));
        assert_eq!(line_now(old, "a", 2), None);
    }

    #[test]
    fn the_first_change_is_the_first_line_that_differs() {
        let file = |text: &str| vec![SourceFile { name: "a".into(), text: text.into() }];
        assert_eq!(first_change(&file("a\nb\nc"), &file("a\nx\nc")), Some((0, 1, "x")));
        assert_eq!(first_change(&file("a\nb"), &file("a")), Some((0, 1, "")));
        assert_eq!(first_change(&file("a"), &file("a")), None);
        assert_eq!(first_change(&file("a"), &[]), Some((0, 0, "")));
    }

    #[test]
    fn a_paste_above_an_object_is_parted_from_it() {
        assert_eq!(parted_from("kind: A\n".into(), "\nkind: B\n"), "kind: A\n---\n");
        assert_eq!(parted_from("kind: A\n".into(), "---\nkind: B\n"), "kind: A\n");
        assert_eq!(parted_from("  a: 1\n".into(), "kind: B\n"), "  a: 1\n");
    }

    #[test]
    fn a_document_is_parted_from_the_one_before() {
        assert_eq!(as_next_document("", "a: 1"), "a: 1\n");
        assert_eq!(as_next_document("a: 1", "---\nb: 1\n"), "\n---\nb: 1\n");
        assert_eq!(as_next_document("a: 1\n---\n", "b: 1\n"), "b: 1\n");
    }

    #[test]
    fn a_second_snippet_gets_another_name() {
        let snippet = "kind: Service\nmetadata:\n  name: app\nspec:\n";
        let files =
            [SourceFile { name: "a".into(), text: format!("{snippet}---\nkind: Deployment\nmetadata:\n  name: app-2\n") }];
        assert!(unused_name(snippet, &files).contains("name: app-2\n"));
        assert_eq!(unused_name(snippet, &[]), snippet);
    }
}
