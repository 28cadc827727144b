//! What a YAML scalar means: the YAML 1.1 rules of the parser that kubectl and the API server use.
//!
//! Source: `go.yaml.in/yaml/v2` 2.4.3 `resolve.go`, then `sigs.k8s.io/yaml` 1.6 (floats without a fraction become integers
//! on their way through JSON; numbers and booleans as keys become text). Timestamps stay text, as upstream keeps them.

use serde_json::{Number, Value};

/// Resolves a scalar. `tag` is the short name of a core-schema tag (`str`, `int` …), `other` for an application's own.
///
/// # Errors
/// With upstream's text, when the tag and the value do not go together.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    match tag {
        None if !plain => return Ok(Value::String(text.into())),
        Some("str" | "other") => return Ok(Value::String(text.into())),
        Some("binary") => return decode_base64(text).map(Value::String),
        Some("timestamp") if is_timestamp(text) => return Ok(Value::String(text.into())),
        _ => {}
    }
    let (found, value) = by_content(text);
    match tag {
        None => {}
        Some("float") if found == "int" => {}
        Some(wanted) if wanted == found => {}
        Some(wanted) => return Err(format!("yaml: cannot decode !!{found} `{text}` as a !!{wanted}")),
    }
    match value {
        Some(value) => Ok(value),
        None => Err(format!("{UNSUPPORTED_VALUE}{}", infinite(text))),
    }
}

/// How upstream's text about a number begins that JSON cannot carry.
pub(super) const UNSUPPORTED_VALUE: &str = "json: unsupported value: ";

/// How upstream's text about a key begins that JSON cannot carry; the value comes after it.
pub(super) const UNSUPPORTED_KEY: &str = "unsupported map key of type: ";

/// The text of a mapping's key.
///
/// # Errors
/// With upstream's text, where it refuses the key: null, and numbers that only fit without a sign.
pub(super) fn key(text: &str, plain: bool, tag: Option<&str>) -> Result<String, String> {
    let number_tag = tag.is_none_or(|tag| tag == "float" || tag == "int");
    let number = if number_tag && (plain || tag.is_some()) { by_content(text) } else { ("str", None) };
    if number.0 == "float" || tag == Some("float") {
        let whole = number.1.as_ref().filter(|_| number.0 == "int").and_then(Value::as_f64).map(|number| number as f32);
        return Ok(match whole.or_else(|| text.replace('_', "").parse::<f32>().ok()) {
            Some(number) if number.is_finite() => general(number),
            Some(number) if number == f32::NEG_INFINITY => "-.inf".to_string(),
            _ => infinite_key(text).to_string(),
        });
    }
    match resolve(text, plain, tag) {
        Ok(Value::String(text)) => Ok(text),
        Ok(Value::Bool(yes)) => Ok(yes.to_string()),
        Ok(Value::Number(number)) if number.is_i64() => Ok(number.to_string()),
        Ok(Value::Number(number)) => Err(format!("{UNSUPPORTED_KEY}uint64, key: {:#x}", number.as_u64().unwrap_or(0))),
        Ok(_) => Err(format!("{UNSUPPORTED_KEY}%!s(<nil>), key: <nil>")),
        Err(text) => Err(text),
    }
}

/// Go's `strconv.FormatFloat(number, 'g', -1, 32)`.
fn general(number: f32) -> String {
    let shown = shortest(number);
    let (mantissa, power) = shown.split_once('e').unwrap_or((&shown, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let (sign, digits) = if power < 0 { ('-', -power) } else { ('+', power) };
    if (-4..6).contains(&power) { plain_digits(mantissa, power) } else { format!("{mantissa}e{sign}{digits:02}") }
}

/// A number without its power of ten.
fn plain_digits(mantissa: &str, power: i32) -> String {
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let mut digits = mantissa.replace('.', "");
    let Ok(whole) = usize::try_from(power) else {
        return format!("{sign}0.{}{digits}", "0".repeat(usize::try_from(-power - 1).unwrap_or(0)));
    };
    while digits.len() <= whole {
        digits.push('0');
    }
    let (whole, fraction) = digits.split_at(whole + 1);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The fewest digits that name the number; of two that are equally near, Go takes the even one.
fn shortest(number: f32) -> String {
    let shown = format!("{number:e}");
    let digits = shown.split('e').next().unwrap_or("").bytes().filter(u8::is_ascii_digit).count();
    let even = format!("{:.*e}", digits.saturating_sub(1), f64::from(number));
    if even.parse() == Ok(number) { even } else { shown }
}

fn infinite_key(text: &str) -> &'static str {
    match infinite(text) {
        "NaN" => ".nan",
        "-Inf" => "-.inf",
        _ => ".inf",
    }
}

/// The core-schema type of a plain scalar, and its value; no value: not a number that JSON can carry.
fn by_content(text: &str) -> (&'static str, Option<Value>) {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return ("bool", Some(true.into())),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return ("bool", Some(false.into()));
        }
        "" | "~" | "null" | "Null" | "NULL" => return ("null", Some(Value::Null)),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" => {
            return ("float", None);
        }
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') => {
            if let Some(number) = float(text) {
                return ("float", Some(number));
            }
        }
        Some(b'0'..=b'9' | b'+' | b'-') => {
            let digits = text.replace('_', "");
            if let Some(number) = integer(&digits) {
                return ("int", Some(Value::Number(number)));
            }
            if looks_like_float(&digits)
                && let Some(number) = float(&digits)
            {
                return ("float", Some(number));
            }
        }
        _ => {}
    }
    ("str", Some(Value::String(text.into())))
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (base, digits) = match lower.as_deref() {
        Some("0x") => (16, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        Some("0b") => (2, digits.get(2..)?),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let size = i128::from(u64::from_str_radix(digits, base).ok()?);
    let number = if negative { -size } else { size };
    match i64::try_from(number) {
        Ok(number) => Some(number.into()),
        // An explicit plus is not read by ParseUint.
        Err(_) if text.starts_with('+') => None,
        Err(_) => u64::try_from(number).ok().map(Number::from),
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn looks_like_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at).unwrap_or(""), text.get(at + 1..)),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|part| {
        let part = part.strip_prefix(['-', '+']).unwrap_or(part);
        !part.is_empty() && digits(part)
    });
    mantissa_fits && exponent_fits
}

/// A float as JSON carries it: without a fraction it is written as an integer, up to 1e21.
fn float(text: &str) -> Option<Value> {
    let number: f64 = text.parse().ok()?;
    if !number.is_finite() {
        return None;
    }
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        // A whole number below 2^53 is exact in both types.
        #[allow(clippy::cast_possible_truncation)]
        return Some((number as i64).into());
    }
    Number::from_f64(number).map(Value::Number)
}

/// Go's name of a value that is not a number.
fn infinite(text: &str) -> &'static str {
    match text.to_ascii_lowercase().as_str() {
        ".nan" => "NaN",
        "-.inf" => "-Inf",
        _ => "+Inf",
    }
}

/// `2001-1-31`, or with a time behind `T`, `t` (then with a zone) or a blank (then without).
fn is_timestamp(text: &str) -> bool {
    let (date, time) = text.find(['T', 't', ' ']).map_or((text, ""), |at| text.split_at(at));
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let (Some(month), Some(day)) = (number(month, 12), number(day, 31)) else { return false };
    let Some(leap) =
        year.parse::<u32>().ok().map(|year| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
    else {
        return false;
    };
    let longest = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let digits = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    digits && month > 0 && (1..=longest).contains(&day) && (time.is_empty() || is_time(time))
}

/// A time, with the character before it.
fn is_time(text: &str) -> bool {
    let (zoned, text) = (!text.starts_with(' '), text.get(1..).unwrap_or(""));
    let zone = text.find(['Z', '+', '-']);
    let (time, zone) = text.split_at(zone.unwrap_or(text.len()));
    let zone_fits = match zone.split_at_checked(1) {
        None => !zoned,
        Some(("Z", rest)) => zoned && rest.is_empty(),
        Some((_, rest)) => {
            zoned
                && rest.len() == 5
                && rest.split_once(':').is_some_and(|(h, m)| number(h, 24).is_some() && number(m, 59).is_some())
        }
    };
    let (time, fraction) = time.split_once('.').map_or((time, None), |(time, fraction)| (time, Some(fraction)));
    let fraction_fits = fraction.is_none_or(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let parts: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = parts[..] else { return false };
    zone_fits && fraction_fits && number(hour, 23).is_some() && number(minute, 59).is_some() && number(second, 59).is_some()
}

/// One or two digits, up to a number.
fn number(text: &str, most: u32) -> Option<u32> {
    let digits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number <= most)
}

fn decode_base64(text: &str) -> Result<String, String> {
    let refused = || "yaml: !!binary value contains invalid base64 data".to_string();
    let text: Vec<u8> = text.bytes().filter(|byte| !b"\r\n".contains(byte)).collect();
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(&text);
    if !text.len().is_multiple_of(4) || digits.len() % 4 == 1 {
        return Err(refused());
    }
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in digits.iter().copied() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(refused()),
        };
        bits = (bits << 6 | u32::from(six)) & 0xFF_FFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(((bits >> count) & 0xFF) as u8);
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_scalars_follow_yaml_1_1() {
        for (text, value) in [
            ("0o17", json!(15)),
            ("017", json!(15)),
            ("0x1F", json!(31)),
            ("1e3", json!(1000)),
            ("8080.0", json!(8080)),
            ("1_000", json!(1000)),
            ("+80", json!(80)),
            ("08", json!(8)),
            ("0", json!(0)),
            ("-0b11", json!(-3)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("y", json!(true)),
            ("off", json!(false)),
            ("~", json!(null)),
            ("12:30", json!("12:30")),
            ("2001-01-01", json!("2001-01-01")),
            ("1.21.6", json!("1.21.6")),
            ("0x", json!("0x")),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("-", json!("-")),
            ("nO", json!("nO")),
        ] {
            assert_eq!(resolve(text, true, None), Ok(value), "{text}");
        }
    }

    #[test]
    fn quotes_and_tags_decide_before_content() {
        assert_eq!(resolve("80", false, None), Ok(json!("80")));
        assert_eq!(resolve("80", true, Some("str")), Ok(json!("80")));
        assert_eq!(resolve("80", false, Some("int")), Ok(json!(80)));
        assert_eq!(resolve("aGk=", true, Some("binary")), Ok(json!("hi")));
        assert_eq!(resolve("web", true, Some("int")), Err("yaml: cannot decode !!str `web` as a !!int".into()));
        assert_eq!(resolve(".inf", true, None), Err("json: unsupported value: +Inf".into()));
    }

    #[test]
    fn keys_become_text() {
        assert_eq!(key("on", true, None).as_deref(), Ok("true"));
        assert_eq!(key("017", true, None).as_deref(), Ok("15"));
        assert_eq!(key("1e10", true, None).as_deref(), Ok("1e+10"));
        assert_eq!(key("1.50", true, None).as_deref(), Ok("1.5"));
        assert!(key("~", true, None).is_err());
    }
}
