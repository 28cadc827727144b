//! Words as data: a message is an id with arguments; its text stands in the language files `static/words/*.json`.
//!
//! In a text, `{pod}` is replaced by the argument `pod`, and `{pod|이/가}` also appends the Korean particle that fits
//! the argument's last sound. Kubernetes' own messages are not translated: they are plain strings elsewhere.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
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
            args: ::std::collections::BTreeMap::from([$((::std::borrow::Cow::Borrowed(stringify!($name)), ($value).to_string())),*]),
        }
    };
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
        out.push_str(fitting(value, particle));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Picks the first or second half of `이/가` by the last sound of the word before it (`으로/로` takes the second after ㄹ, too).
fn fitting<'a>(word: &str, particle: &'a str) -> &'a str {
    let Some((closed, open)) = particle.split_once('/') else { return particle };
    let last = word.chars().rev().find(|c| c.is_alphanumeric());
    // Sounds of digits and Latin letters as they are read in Korean: 0 영, 1 일, 3 삼, 6 육, 7 칠, 8 팔 end in a consonant.
    let (closes, in_rieul) = match last {
        Some(c @ '가'..='힣') => {
            let tail = (c as u32 - '가' as u32) % 28;
            (tail != 0, tail == 8)
        }
        Some('1' | '7' | '8' | 'l' | 'L' | 'r' | 'R') => (true, true),
        Some('0' | '3' | '6' | 'm' | 'M' | 'n' | 'N' | 'b' | 'B' | 'c' | 'C' | 'k' | 'K' | 'p' | 'P' | 't' | 'T') => {
            (true, false)
        }
        _ => (false, false),
    };
    let to_direction = closed == "으로" && in_rieul;
    if closes && !to_direction { closed } else { open }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_particles_fit_the_last_sound() {
        let words = Words::read(r#"{"a":"{x|이/가} {y|으로/로} 갑니다 {z}"}"#).unwrap();
        assert_eq!(words.say(&crate::msg!("a", x = "파드", y = "서울", z = 3)), "파드가 서울로 갑니다 3");
        assert_eq!(words.say(&crate::msg!("a", x = "노드 3", y = "집")), "노드 3이 집으로 갑니다 ");
    }

    #[test]
    fn a_missing_id_shows_itself() {
        assert_eq!(Words::default().say(&crate::msg!("no.such")), "no.such");
    }
}
