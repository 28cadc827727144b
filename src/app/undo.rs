//! The editor's own undo: browsers' stacks fall apart once a page changes a field itself, as mending a paste does.

use super::field::field;
use super::text::{between, difference, utf16_len};
use crate::kubectl::SourceFile;
use wasm_bindgen::JsCast;
use web_sys::{HtmlTextAreaElement, KeyboardEvent};

/// So many states of a file are kept, and so many bytes of them.
const KEPT: (usize, usize) = (200, 4_000_000);

/// The past of every file.
#[derive(Default)]
pub struct Undo {
    pasts: Vec<Past>,
}

struct Past {
    file: String,
    texts: Vec<String>,
    /// Which of them stands in the editor.
    at: usize,
    /// The stretch that was typed last, as long as typing may go on there.
    typed: Option<(u32, u32)>,
}

impl Undo {
    /// Other texts were opened: theirs is another past.
    pub fn forget(&mut self) {
        self.pasts.clear();
    }

    /// Remembers what changed between two states of the files.
    #[inline(never)]
    pub fn note(&mut self, old: &[SourceFile], new: &[SourceFile]) {
        self.pasts.retain(|past| new.iter().any(|file| file.name == past.file));
        for file in new {
            let Some(before) = old.iter().find(|before| before.name == file.name) else { continue };
            if before.text == file.text {
                continue;
            }
            let known = self.pasts.iter().position(|past| past.file == file.name);
            let known = known.unwrap_or_else(|| {
                self.pasts.push(Past { file: file.name.clone(), texts: vec![before.text.clone()], at: 0, typed: None });
                self.pasts.len() - 1
            });
            self.pasts[known].note(&before.text, &file.text);
        }
    }

    /// The state of a file before the shown one, or after it.
    pub fn step(&mut self, file: &str, back: bool) -> Option<&str> {
        let past = self.pasts.iter_mut().find(|past| past.file == file)?;
        let next = if back { past.at.checked_sub(1)? } else { past.at + 1 };
        let text = past.texts.get(next)?;
        past.at = next;
        past.typed = None;
        Some(text)
    }
}

impl Past {
    fn note(&mut self, before: &str, after: &str) {
        if self.texts.get(self.at).is_some_and(|text| text == after) {
            // An undo or a redo arrives.
            return;
        }
        self.texts.truncate(self.at + 1);
        let typed = self.typing(before, after);
        let goes_on = typed.is_some_and(|(_, goes_on)| goes_on);
        self.typed = typed.map(|(stretch, _)| stretch);
        match self.texts.last_mut() {
            Some(last) if goes_on => *last = after.to_string(),
            _ => self.texts.push(after.to_string()),
        }
        while self.texts.len() > 2 && (self.texts.len() > KEPT.0 || self.texts.iter().map(String::len).sum::<usize>() > KEPT.1) {
            self.texts.remove(0);
        }
        self.at = self.texts.len() - 1;
    }

    /// If a change is a single key's: the stretch that is typed, and whether it goes on with the one before. A new line and a new
    /// word begin a new one.
    fn typing(&self, before: &str, after: &str) -> Option<((u32, u32), bool)> {
        let (start, tail, fresh) = difference(before, after);
        let end = utf16_len(before) - tail;
        if end - start > 2 || fresh.chars().count() > 1 {
            return None;
        }
        let now = start + utf16_len(fresh);
        let Some((from, to)) = self.typed.filter(|(_, to)| end == *to || (start == *to && fresh.is_empty())) else {
            return Some(((start, now), false));
        };
        let last = between(before, from.max(to.saturating_sub(1)), to);
        let word = last.chars().all(char::is_whitespace) && !last.is_empty() && !fresh.chars().all(char::is_whitespace);
        if fresh == "\n" || word {
            return Some(((start, now), false));
        }
        Some(((from.min(start), now), true))
    }
}

/// Whether a key asks to undo (`true`) or to redo. A Korean keyboard names its own letters.
pub fn asked(event: &KeyboardEvent) -> Option<bool> {
    if !(event.ctrl_key() || event.meta_key()) || event.alt_key() {
        return None;
    }
    let key = event.key().to_lowercase();
    let key = if key.is_ascii() { key } else { event.code().trim_start_matches("Key").to_lowercase() };
    match (key.as_str(), event.shift_key()) {
        ("z", shift) => Some(!shift),
        ("y", false) => Some(false),
        _ => None,
    }
}

/// The editor's field of a file, if it has the focus.
pub fn focused(file: usize) -> Option<HtmlTextAreaElement> {
    let active = gloo::utils::document().active_element()?;
    field(file).filter(|field| *field.unchecked_ref::<web_sys::Element>() == active)
}

/// Shows another state of a file's text, with the caret where it differs.
pub fn show(field: &HtmlTextAreaElement, text: &str) {
    let (head, _, fresh) = difference(&field.value(), text);
    let caret = head + utf16_len(fresh);
    field.set_value(text);
    // A selection cannot fail on a text area.
    let _ = field.set_selection_range(caret, caret);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Vec<SourceFile> {
        vec![SourceFile { name: "cluster.yaml".into(), text: text.into() }]
    }

    fn played(texts: &[&str]) -> Undo {
        let mut undo = Undo::default();
        for pair in texts.windows(2) {
            undo.note(&files(pair[0]), &files(pair[1]));
        }
        undo
    }

    fn all(undo: &mut Undo, back: bool) -> Vec<String> {
        std::iter::from_fn(|| undo.step("cluster.yaml", back).map(str::to_string)).collect()
    }

    #[test]
    fn a_mended_paste_is_undone_to_the_raw_one_and_then_to_the_text_before() {
        let mut undo = played(&["kind: Pod\n", "```\nkind: Service\n```\n", "kind: Service\n"]);
        assert_eq!(all(&mut undo, true), ["```\nkind: Service\n```\n", "kind: Pod\n"]);
        assert_eq!(all(&mut undo, false), ["```\nkind: Service\n```\n", "kind: Service\n"]);
    }

    #[test]
    fn what_is_typed_is_undone_word_by_word_and_line_by_line() {
        let mut undo = played(&["", "a", "ab", "ab ", "ab c", "ab cd", "ab cd\n", "ab cd\ne"]);
        assert_eq!(all(&mut undo, true), ["ab cd\n", "ab cd", "ab ", ""]);
    }

    #[test]
    fn a_syllable_being_composed_is_one_step() {
        let mut undo = played(&["x", "xㅎ", "x하", "x한", "x한ㄱ"]);
        assert_eq!(all(&mut undo, true), ["x"]);
        assert_eq!(all(&mut undo, false), ["x한ㄱ"]);
    }

    #[test]
    fn a_new_change_gives_up_what_was_undone() {
        let mut undo = played(&["a\n", "a\nlong\n", "a\nlonger text\n"]);
        assert_eq!(undo.step("cluster.yaml", true), Some("a\nlong\n"));
        undo.note(&files("a\nlonger text\n"), &files("a\nlong\n"));
        undo.note(&files("a\nlong\n"), &files("a\nother\n"));
        assert_eq!(undo.step("cluster.yaml", false), None);
        assert_eq!(all(&mut undo, true), ["a\nlong\n", "a\n"]);
    }

    #[test]
    fn only_so_much_is_kept() {
        let mut undo = Undo::default();
        let long: Vec<String> = (0..300).map(|count| format!("line {count}\n").repeat(3)).collect();
        for pair in long.windows(2) {
            undo.note(&files(&pair[0]), &files(&pair[1]));
        }
        assert_eq!(all(&mut undo, true).len(), KEPT.0 - 1);
    }
}
