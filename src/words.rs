//! Words as data: a message is an id with arguments; its text stands in the language files `static/words/*.json`.
//!
//! In a text, `{pod}` is replaced by the argument `pod`, and `{pod|이/가}` also appends the Korean particle that fits
//! the argument's last sound. Kubernetes' own messages are not translated: they are plain strings elsewhere.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A sentence to be put into words by a language file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Key in the language files: `hop.dnat.text`.
    pub id: Cow<'static, str>,
    /// Replacements for the text's placeholders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<Cow<'static, str>, String>,
}

/// Makes a [`Message`]: `msg!("hop.dnat.text", pod = name, port = 80)`.
#[macro_export]
macro_rules! msg {
    ($id:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::words::Message {
            id: ::std::borrow::Cow::Borrowed($id),
            args: $crate::words::args(&mut [$((stringify!($name), ($value).to_string())),*]),
        }
    };
}

/// A message's arguments, for `msg!`: one function for any number of them.
pub fn args(list: &mut [(&'static str, String)]) -> BTreeMap<Cow<'static, str>, String> {
    let mut args = BTreeMap::new();
    for (name, value) in list {
        args.insert(Cow::Borrowed(*name), std::mem::take(value));
    }
    args
}

/// The order in which a person looks for names: `node-2` before `node-10`.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let number = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (one, rest) = left.split_at(number(left));
        let (other, others) = right.split_at(number(right));
        if !one.is_empty() && !other.is_empty() {
            let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
            let order = one.len().cmp(&other.len()).then_with(|| one.cmp(other));
            if order.is_ne() {
                return order;
            }
            (left, right) = (rest, others);
            continue;
        }
        let (mut one, mut other) = (left.chars(), right.chars());
        let letters = (one.next(), other.next());
        if letters.0 != letters.1 || letters.0.is_none() {
            return letters.0.cmp(&letters.1).then_with(|| a.cmp(b));
        }
        (left, right) = (one.as_str(), other.as_str());
    }
}

/// One language: message ids to texts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Words {
    texts: BTreeMap<String, String>,
}

impl Words {
    /// Reads a language file: one JSON object of strings.
    ///
    /// # Errors
    /// When the text is not such an object.
    pub fn read(json: &str) -> Result<Words, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Adds another file's texts.
    pub fn extend(&mut self, more: Words) {
        self.texts.extend(more.texts);
    }

    /// The ids of this language, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// The raw text of an id.
    pub fn text(&self, id: &str) -> Option<&str> {
        self.texts.get(id).map(String::as_str)
    }

    /// The message in this language. A missing id shows itself, which a test forbids.
    pub fn say(&self, message: &Message) -> String {
        match self.text(&message.id) {
            Some(text) => fill(text, &message.args),
            None => message.id.to_string(),
        }
    }
}

fn fill(text: &str, args: &BTreeMap<Cow<'static, str>, String>) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((place, after)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        let (name, particle) = place.split_once('|').unwrap_or((place, ""));
        let value = args.get(name).map_or("", String::as_str);
        out.push_str(value);
        out.push_str(&fitting(value, particle));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// How a word ends when it is read aloud in Korean.
enum Ending {
    Vowel,
    Rieul,
    Consonant,
    /// Latin spelling does not tell: "site" ends in a vowel (사이트), "type" in a consonant (타입).
    Unknown,
}

fn ending(word: &str) -> Ending {
    match word.chars().rev().find(|c| c.is_alphanumeric()) {
        Some(c @ '가'..='힣') => match (c as u32 - '가' as u32) % 28 {
            0 => Ending::Vowel,
            8 => Ending::Rieul,
            _ => Ending::Consonant,
        },
        // Digits as they are read: 영 일 이 삼 사 오 육 칠 팔 구.
        Some('1' | '7' | '8') => Ending::Rieul,
        Some('0' | '3' | '6') => Ending::Consonant,
        Some('2' | '4' | '5' | '9') => Ending::Vowel,
        Some(_) => latin(word),
        None => Ending::Vowel,
    }
}

/// By the last three letters: socket 소켓, client 클라이언트, node 노드, name 네임, file 파일, ping 핑.
fn latin(word: &str) -> Ending {
    let mut letters = word.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    let mut next = || letters.next().unwrap_or(b' ');
    let (last, before, third) = (next(), next(), next());
    let vowel = |letter: u8| b"aeiou".contains(&letter);
    match (before, last) {
        (b'l', b'e') | (_, b'l') => Ending::Rieul,
        (b'n', b'g') | (b'c', b'k') | (b'p', b'p') | (b'm' | b'n', b'e') | (_, b'm' | b'n') | (b'i', b'c') => Ending::Consonant,
        // route 라우트, attribute 애트리뷰트
        (b't', b'e') if third == b'u' => Ending::Vowel,
        (b'p' | b't', b'e') | (b'u', b'b') | (_, b'q') => Ending::Unknown,
        // One short vowel before it closes the syllable; with two of them spelling does not tell.
        (_, b'b' | b'p' | b't') if vowel(before) && third.is_ascii_alphabetic() && !vowel(third) => Ending::Consonant,
        (_, b'b' | b'c' | b'k' | b'p' | b't') if vowel(before) => Ending::Unknown,
        _ => Ending::Vowel,
    }
}

/// Picks the half of `이/가` that fits the word before it; both, as Korean writes them, where spelling does not tell.
fn fitting(word: &str, particle: &str) -> String {
    let Some((closed, open)) = particle.split_once('/') else { return particle.to_string() };
    match ending(word) {
        Ending::Rieul if closed == "으로" => open.to_string(),
        Ending::Consonant | Ending::Rieul => closed.to_string(),
        Ending::Vowel => open.to_string(),
        Ending::Unknown if closed == "으로" => "(으)로".to_string(),
        Ending::Unknown => format!("{closed}({open})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_names_compare_as_numbers() {
        let mut nodes = ["node-10", "b-0", "node-2", "node-02", "node-1", "edge", "node", "a-1"];
        nodes.sort_by(|a, b| natural(a, b));
        assert_eq!(nodes, ["a-1", "b-0", "edge", "node", "node-1", "node-02", "node-2", "node-10"]);
    }

    #[test]
    fn placeholders_are_filled_and_particles_fit_the_last_sound() {
        let words = Words::read(r#"{"a":"{x|이/가} {y|으로/로} 갑니다 {z}"}"#).unwrap();
        assert_eq!(words.say(&crate::msg!("a", x = "파드", y = "서울", z = 3)), "파드가 서울로 갑니다 3");
        assert_eq!(words.say(&crate::msg!("a", x = "노드 3", y = "집")), "노드 3이 집으로 갑니다 ");
    }

    #[test]
    fn latin_words_take_the_particle_of_their_sound_and_both_where_spelling_does_not_tell() {
        let closed = "10.0.0.11 kernel web shop socket webhook-bot ping app stack name machine file table public v1.36.3 format";
        let open = "selector node db http client network backend config svc redis nginx cart api cache service proxy default counter HTTPRoute";
        for (words, particle) in [(closed, "을"), (open, "를"), ("type site loop webhook ip", "을(를)")] {
            for word in words.split(' ') {
                assert_eq!(fitting(word, "을/를"), particle, "{word}");
            }
        }
        assert_eq!(fitting("", "을/를"), "를");
        assert_eq!(
            ["web", "kernel", "file", "node", "type"].map(|word| fitting(word, "으로/로")),
            ["으로", "로", "로", "로", "(으)로"]
        );
    }

    #[test]
    fn no_word_takes_its_place_before_a_particle_that_may_not_fit() {
        let words = Words::read(include_str!("../static/words/ko.json")).unwrap();
        for id in words.ids() {
            for (at, _) in words.text(id).unwrap_or_default().match_indices('}') {
                let rest = words.text(id).unwrap_or_default()[at + 1..].trim_start_matches(['`', '"']);
                let word = rest.split([' ', ',', '.', '?', '!', ':']).next().unwrap_or_default();
                let fixed = ["은", "는", "이", "가", "을", "를", "과", "와", "으로", "로", "이라", "라"].contains(&word);
                assert!(!fixed, "{id}: write {{name|은/는}} in place of {word}");
            }
        }
    }

    #[test]
    fn a_missing_id_shows_itself() {
        assert_eq!(Words::default().say(&crate::msg!("no.such")), "no.such");
    }
}
