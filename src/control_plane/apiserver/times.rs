//! Times as text: what Go's `time.Parse` says of one that is not RFC 3339.

use super::validation::field::quoted;
use crate::api::time::{seconds_of, written};

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";

/// The parts of the layout: the text before a number, its place in the layout, and how many digits it has.
const PARTS: [(&str, &str, usize); 6] =
    [("", "2006", 4), ("-", "01", 2), ("-", "02", 2), ("T", "15", 2), (":", "04", 2), (":", "05", 2)];

/// What is wrong with a time, in Go's words.
pub(super) fn bad(text: &str) -> Option<String> {
    let cannot = |rest: &str, part: &str| {
        Some(format!("parsing time {} as \"{LAYOUT}\": cannot parse {} as \"{part}\"", quoted(text), quoted(rest)))
    };
    let range = |what: &str| Some(format!("parsing time {}: {what} out of range", quoted(text)));
    let mut rest = text;
    let mut numbers = [0; PARTS.len()];
    for ((before, part, digits), number) in PARTS.iter().zip(&mut numbers) {
        match rest.strip_prefix(before) {
            Some(after) => rest = after,
            None => return cannot(rest, before),
        }
        let hold = rest;
        let Some((value, after)) = digits_of(rest, *digits, *part == "15") else { return cannot(hold, part) };
        (*number, rest) = (value, after);
        match *part {
            "01" if !(1..=12).contains(&value) => return range("month"),
            "15" if value > 23 => return range("hour"),
            "04" if value > 59 => return range("minute"),
            "05" if value > 59 => return range("second"),
            _ => {}
        }
    }
    rest = without_fraction(rest);
    match rest.strip_prefix('Z') {
        Some(after) => rest = after,
        None => match offset(rest) {
            Ok(after) => rest = after,
            Err(Some(what)) => return range(what),
            Err(None) => return cannot(rest, "Z07:00"),
        },
    }
    if !rest.is_empty() {
        return Some(format!("parsing time {}: extra text: {}", quoted(text), quoted(rest)));
    }
    let [year, month, day, ..] = numbers;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if (1..=days).contains(&day) { None } else { range("day") }
}

/// A good time as it is stored: in UTC, to the second.
pub(super) fn stored(text: &str) -> String {
    let zone = text.get(19..).map(without_fraction).unwrap_or_default();
    let part = |from: usize| zone.get(from..from + 2).and_then(|digits| digits.parse::<i64>().ok()).unwrap_or(0);
    let offset = (part(1) * 60 + part(4)) * 60;
    let offset = if zone.starts_with('-') { -offset } else { offset };
    // An hour of one digit is put up with, and stays as it is.
    seconds_of(text).map_or_else(|| text.to_string(), |seconds| written(seconds - offset))
}

/// A number of so many digits, and what follows. An hour may have one digit less.
fn digits_of(text: &str, digits: usize, short: bool) -> Option<(u32, &str)> {
    let found = text.bytes().take(digits).take_while(u8::is_ascii_digit).count();
    if found < digits && !(short && found == 1) {
        return None;
    }
    let (number, rest) = text.split_at_checked(found)?;
    Some((number.parse().ok()?, rest))
}

/// What follows a fraction of a second.
fn without_fraction(text: &str) -> &str {
    let Some(after) = text.strip_prefix(['.', ',']) else { return text };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() < after.len() { rest } else { text }
}

/// What follows an offset such as `+02:00`. An error with what is out of range, or none where it is no offset.
fn offset(text: &str) -> Result<&str, Option<&'static str>> {
    let (sign, rest) = text.split_at_checked(1).ok_or(None)?;
    let (hours, rest) = rest.split_at_checked(2).ok_or(None)?;
    let (minutes, rest) = rest.strip_prefix(':').ok_or(None)?.split_at_checked(2).ok_or(None)?;
    let (hours, _) = digits_of(hours, 2, false).ok_or(None)?;
    let (minutes, _) = digits_of(minutes, 2, false).ok_or(None)?;
    match () {
        () if hours > 24 => Err(Some("time zone offset hour")),
        () if minutes > 60 => Err(Some("time zone offset minute")),
        () if !["+", "-"].contains(&sign) => Err(None),
        () => Ok(rest),
    }
}
