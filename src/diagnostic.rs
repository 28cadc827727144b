//! What is wrong with a text, where, and what to try next.

use crate::api::ObjectRef;
use crate::words::Message;
use serde::{Deserialize, Serialize};

/// How bad it is. Errors keep a document from being played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Severity {
    Error,
    Warning,
    Info,
}

/// A stretch of one file. Lines and columns count from 1; columns count characters; the end is exclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Span {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Where in the text; `None` when it has no place there.
    pub span: Option<Span>,
    /// About which object, when it is known.
    pub object: Option<ObjectRef>,
    /// About which field, with list indexes: `spec.ports[0].port`. Empty for the whole object.
    pub path: String,
    /// What is wrong.
    pub message: Finding,
    /// What to try next, in our words.
    pub help: Option<Message>,
    /// Changes of the text that would mend it, best first.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// The object that stands in its own document's way: it would have to be deleted and applied anew (`kubectl replace --force`).
    pub fn replaceable(&self) -> Option<&ObjectRef> {
        let immutable = self.help.as_ref().is_some_and(|help| help.id == "help.immutable");
        self.object.as_ref().filter(|_| immutable)
    }
}

/// A finding's text: Kubernetes' own, which is never translated, or ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Finding {
    /// As the API server or kubectl writes it, without its frame.
    Upstream(String),
    /// Ours.
    Ours(Message),
}

/// A change of the text that a click makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// What the click does: "Change to `app: web`".
    pub label: Message,
    /// The edit. A span with an empty stretch inserts; `None` appends a document.
    pub span: Option<Span>,
    /// The new text in that place.
    pub text: String,
}

/// Whether a text of Kubernetes names the field itself, as its decoding errors do. An error of validation stands behind its field,
/// whatever else it speaks of: `spec: Forbidden: updates to statefulset spec for …`.
pub fn names_its_field(text: &str, path: &str) -> bool {
    let behind = ["Forbidden: ", "Invalid value: ", "Required value", "Duplicate value: ", "Unsupported value: "];
    text.contains(path) && !behind.iter().any(|kind| text.starts_with(kind))
}

/// How far a typed word is from another: Levenshtein's distance over the first 64 letters, in which a different case counts as
/// nothing and two swapped letters as one.
pub fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.to_lowercase().chars().take(64).collect();
    let other: Vec<char> = other.to_lowercase().chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, against) in other.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX / 2);
            let mut least = at(&above, column) + usize::from(letter != against);
            least = least.min(at(&above, column + 1) + 1).min(at(&line, column) + 1);
            let swapped = row > 0 && column > 0 && one.get(row - 1) == Some(against) && other.get(column - 1) == Some(letter);
            if swapped {
                least = least.min(at(&before, column - 1) + 1);
            }
            line.push(least);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(0)
}

/// Whether so many wrong letters are a slip of the hand. A few may be wrong, but where a name is short, another letter makes another
/// name: `es` is no mistyped `db`.
pub fn is_slip(distance: usize, one: &str, other: &str) -> bool {
    let letters = one.chars().count().min(other.chars().count());
    let most = match letters {
        0..=2 => 0,
        3..=4 => 1,
        _ => 2.max(letters / 4),
    };
    distance <= most
}

#[cfg(test)]
mod tests {
    use super::{distance, is_slip, names_its_field};

    #[test]
    fn short_names_are_no_slips_of_each_other() {
        for (a, b, expected) in [("es", "db", false), ("a", "lb", false), ("web", "db", false), ("wbe", "web", true)] {
            assert_eq!(is_slip(distance(a, b), a, b), expected, "{a} {b}");
        }
        assert!(is_slip(distance("postgers", "postgres"), "postgers", "postgres"));
    }

    #[test]
    fn only_a_decoding_error_names_its_field_itself() {
        assert!(names_its_field("unknown field \"spec.prots\"", "spec.prots"));
        assert!(!names_its_field("Forbidden: updates to statefulset spec for fields other than 'replicas'", "spec"));
        assert!(!names_its_field("Invalid value: 70000: must be between 1 and 65535, inclusive", "spec.ports[0].port"));
    }

    #[test]
    fn distances_count_changed_letters() {
        for (a, b, expected) in
            [("web", "web", 0), ("wbe", "web", 1), ("Web", "web", 0), ("api", "", 3), ("", "x", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
