//! `-o yaml` as kubectl writes it (`sigs.k8s.io/yaml` over `go.yaml.in/yaml/v2`): keys in the order of its `keyList` (`sorter.go`); a text that
//! YAML 1.1 reads as something else (`yes`, `80`, a time, nothing at all) stands in double quotes, so that it is a text again when it is
//! read (`stringv` of `encode.go`, `parseTimestamp` of `resolve.go`).

use crate::kubectl::scalar;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::PrettyFormatter;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Stands for a quote until the rest is written; no Kubernetes object has a use for this character.
const QUOTE: char = '\u{e000}';

/// The value as a YAML document.
pub fn yaml(value: &Value) -> String {
    let text = |value: &Value| serde_yaml::to_string(value).unwrap_or_default();
    let plain = text(value);
    if plain.contains(QUOTE) {
        return plain;
    }
    text(&quoted(value)).replace(QUOTE, "\"")
}

/// The value as `-o json` prints it: keys sorted, four blanks a level (`json.MarshalIndent` over maps).
pub fn json(value: &Value) -> String {
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    "));
    let written = sorted(value).serialize(&mut writer).is_ok();
    if written { String::from_utf8_lossy(&text).into_owned() + "\n" } else { String::new() }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> = fields.iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        _ => value.clone(),
    }
}

fn quoted(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(quoted_text(text)),
        Value::Array(items) => items.iter().map(quoted).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(one, _), (other, _)| in_order(one, other));
            fields.into_iter().map(|(key, value)| (quoted_text(key), quoted(value))).collect()
        }
        _ => value.clone(),
    }
}

fn quoted_text(text: &str) -> String {
    match scalar::resolve(text, true, None) {
        Ok(Value::String(_)) if !is_time(text) && !is_sexagesimal(text) => text.to_string(),
        _ => format!("{QUOTE}{text}{QUOTE}"),
    }
}

/// `2026-01-01`, `2026-1-1T10:00:00Z`: what begins so and is no time, as `2026-01-01-backup`, is left as it is.
fn is_time(text: &str) -> bool {
    let (date, time) = text.split_once(['T', 't', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
    let parts: Vec<&str> = date.split('-').collect();
    let digits = |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let [year, month, day] = parts.as_slice() else { return false };
    let clock = |time: &str| {
        let zoned = time.strip_suffix('Z').or_else(|| time.rsplit_once(['+', '-']).map(|(time, _)| time)).unwrap_or(time);
        let (whole, fraction) = zoned.split_once('.').unwrap_or((zoned, "0"));
        let fields: Vec<&str> = whole.split(':').collect();
        fields.len() == 3 && fields.iter().all(|field| digits(field, 2)) && digits(fraction, 9)
    };
    year.len() == 4 && digits(year, 4) && digits(month, 2) && digits(day, 2) && time.is_none_or(clock)
}

/// `10:20`, a number to the base of 60 (`isBase60Float`).
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.trim_start_matches(['+', '-']).split(':');
    let first = parts.next().is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let small = |part: &str| {
        let whole = part.split('.').next().unwrap_or(part);
        (1..=2).contains(&whole.len()) && whole.parse::<u8>().is_ok_and(|number| number < 60)
    };
    let rest: Vec<&str> = parts.collect();
    first && !rest.is_empty() && rest.into_iter().all(small)
}

/// `keyList.Less`: letters after all else, numbers by their size.
fn in_order(one: &str, other: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else { return a.len().cmp(&b.len()) };
    let (x, y) = (a[at], b[at]);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        _ => {}
    }
    let within = (x == '0' || y == '0') && a[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    let number = |text: &[char]| {
        let digits = text[at..].iter().map_while(|c| c.to_digit(10));
        digits
            .fold((u64::from(within), 0), |(sum, count), digit| (sum.saturating_mul(10).saturating_add(digit.into()), count + 1))
    };
    number(&a).cmp(&number(&b)).then(x.cmp(&y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_that_would_be_read_as_something_else_is_quoted() {
        let labels = json!({"allowed": "yes", "on": "web", "port": "80", "empty": "", "name": "web", "count": 3, "ready": true});
        let written = "allowed: \"yes\"\ncount: 3\nempty: \"\"\nname: web\n\"on\": web\nport: \"80\"\nready: true\n";
        assert_eq!(yaml(&labels), written);
        let times = json!({"at": "2026-01-01T00:00:00Z", "day": "2026-1-2", "micro": "2026-01-01T00:00:00.000000Z", "clock": "10:20",
                           "name": "2026-01-01-backup", "ip": "10.0.0.1", "port": "80:80", "image": "nginx:1.27"});
        let written = "at: \"2026-01-01T00:00:00Z\"\nclock: \"10:20\"\nday: \"2026-1-2\"\nimage: nginx:1.27\nip: 10.0.0.1\n\
                       micro: \"2026-01-01T00:00:00.000000Z\"\nname: 2026-01-01-backup\nport: 80:80\n";
        assert_eq!(yaml(&times), written);
    }

    #[test]
    fn keys_stand_in_the_order_of_gos_library() {
        let mut keys = ["b2", "b10", "a/b", "a.b", "ab", "a", "A", "a-b", "f:x", ".", "b02"];
        keys.sort_by(|one, other| in_order(one, other));
        assert_eq!(keys, [".", "A", "a", "a-b", "a.b", "a/b", "ab", "b2", "b02", "b10", "f:x"]);
    }
}
