//! What a link and the browser's memory carry: text, settings, seeds and events, so that the same cluster comes back.
//!
//! A link's fragment is `#1.` and base64url of deflated JSON; it never leaves the browser. The number is the form's version.

use crate::kubectl::SourceFile;
use crate::settings::Settings;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Deserialize, Serialize};

/// Longest JSON that a link may unfold to, in bytes: 1 MiB of text, and some room for the rest. The engine reads longer texts, a whole
/// dump, of which no link could be sent anyway.
pub const LIMIT: usize = (1 << 20) + (1 << 16);

/// Everything that makes a cluster and the next request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Saved {
    /// The learner's text.
    pub files: Vec<SourceFile>,
    /// Of the cluster.
    pub settings: Settings,
    /// Of the cluster's names and addresses.
    pub seed: u64,
    /// What was done to the cluster, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Who calls.
    pub from: String,
    /// Where to.
    pub target: String,
    /// HTTP method.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// Seed of the next request.
    pub next: u64,
    /// Requests go over one connection that stays open.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_alive: bool,
    /// Id of the example that it came from; empty for own text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub example: String,
    /// Whether a person has changed the text.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
}

/// How far a learner has come in a lesson.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Begun {
    /// The text as the learner has it, what was done to the cluster, the next request.
    pub work: Saved,
    /// The option that was guessed.
    pub guess: Option<usize>,
    /// Whether the guess stands and the request was sent.
    pub confirmed: bool,
    /// How many hints are open.
    pub hints: usize,
}

/// Whether this is written as a link's fragment is.
pub fn is_link(fragment: &str) -> bool {
    fragment.starts_with("1.")
}

/// What is wrong with a link that [`from_fragment`] cannot read, as an id of words; nothing if it is none of ours.
pub fn flaw(fragment: &str) -> Option<&'static str> {
    let (version, _) = fragment.split_once('.')?;
    match version.parse::<u64>() {
        Ok(1) => Some("link.damaged"),
        Ok(_) => Some("link.newer"),
        Err(_) => None,
    }
}

/// The fragment of a link, without `#`; `None` when it would be one that [`from_fragment`] refuses as too long.
pub fn to_fragment(saved: &Saved) -> Option<String> {
    let json = serde_json::to_vec(saved).ok().filter(|json| json.len() <= LIMIT)?;
    Some(format!("1.{}", to_base64url(&compress_to_vec(&json, 9))))
}

/// Reads a fragment. `None` when it is no link of ours, of a later version, damaged, or too long.
pub fn from_fragment(fragment: &str) -> Option<Saved> {
    unfold(fragment.strip_prefix("1.")?)
}

/// Apart, so that a page that opens without a link does not need it.
#[inline(never)]
fn unfold(packed: &str) -> Option<Saved> {
    let packed = from_base64url(packed)?;
    let json = decompress_to_vec_with_limit(&packed, LIMIT).ok()?;
    Saved::read(std::str::from_utf8(&json).ok()?)
}

impl Begun {
    /// Reads what was written as JSON.
    pub fn read(json: &str) -> Option<Begun> {
        let value: serde_json::Value = serde_json::from_str(json).ok()?;
        serde_json::from_value(value).ok()
    }
}

impl Saved {
    /// Reads what was written as JSON. By way of a `Value`, as the engine reads its objects: the same code then serves both.
    pub fn read(json: &str) -> Option<Saved> {
        let value: serde_json::Value = serde_json::from_str(json).ok()?;
        serde_json::from_value(value).ok()
    }
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn to_base64url(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for letter in 0..=chunk.len() {
            out.push(char::from(LETTERS[(group >> (18 - 6 * letter) & 63) as usize]));
        }
    }
    out
}

fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.as_bytes().chunks(4) {
        let mut group = 0u32;
        for letter in chunk {
            group = group << 6 | LETTERS.iter().position(|known| known == letter)? as u32;
        }
        group <<= 6 * (4 - chunk.len());
        out.extend_from_slice(&group.to_be_bytes()[1..chunk.len().max(1)]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_brings_back_what_was_shared() {
        for text in ["", "a", "ab", "abc", "kind: 서비스\n"] {
            let file = SourceFile { name: "cluster.yaml".into(), text: text.into() };
            let saved = Saved { files: vec![file], events: vec!["node/node-2 down".into()], seed: 7, ..Saved::default() };
            assert_eq!(from_fragment(&to_fragment(&saved).unwrap()), Some(saved));
        }
        let file = SourceFile { name: "dump.yaml".into(), text: "#".repeat(LIMIT) };
        assert_eq!(to_fragment(&Saved { files: vec![file], ..Saved::default() }), None);
    }

    #[test]
    fn damaged_foreign_and_swollen_links_are_refused() {
        let swollen = compress_to_vec(&vec![b' '; LIMIT + 1], 9);
        for fragment in ["", "embed=nodeport", "1.", "1.%%", "1.AAAA", "2.AAAA", &format!("1.{}", to_base64url(&swollen))] {
            assert_eq!(from_fragment(fragment), None, "{fragment}");
        }
        let flaws = ["1.", "1.%%", "2.AAAA", "lessons", "lang=ko&x=1.2", ""].map(flaw);
        assert_eq!(flaws, [Some("link.damaged"), Some("link.damaged"), Some("link.newer"), None, None, None]);
    }
}
