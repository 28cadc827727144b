//! Quantities: `500m`, `128Mi`, `2`, in the form that the API server stores.
//!
//! Source: `k8s.io/apimachinery` pkg/api/resource/quantity.go and suffix.go. Amounts beyond 2^63 keep the form in which they were written.

const FORMAT: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NUMERIC: &str = "unable to parse numeric part of quantity";
const SUFFIX: &str = "unable to parse quantity's suffix";

/// Decimal suffixes and their powers of ten.
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
/// Binary suffixes, each 1024 times the one before.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// How a quantity was written.
enum Form {
    Decimal,
    Exponent,
    Binary,
}

/// The canonical text of a quantity.
///
/// # Errors
/// With upstream's text, for a text that is none.
pub(super) fn canonical(text: &str) -> Result<String, &'static str> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or("")),
        Some(b'+') => (false, text.get(1..).unwrap_or("")),
        _ => (false, text),
    };
    let (whole, fraction, suffix) = parts(unsigned).ok_or(FORMAT)?;
    if whole.is_empty() && fraction.is_empty() {
        return Err(if unsigned == suffix { FORMAT } else { NUMERIC });
    }
    let (form, factor, power) = scale(suffix).ok_or(SUFFIX)?;
    let Some(nano) = nano(whole, fraction, factor, power) else { return Ok(text.to_string()) };
    let shown = match form {
        Form::Binary => binary(nano),
        Form::Decimal => decimal(nano, false),
        Form::Exponent => decimal(nano, true),
    };
    Ok(if negative && nano != 0 { format!("-{shown}") } else { shown })
}

/// Digits before and after the dot, and the suffix; `None` where the text does not look like a quantity.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (whole, rest) = text.split_at_checked(digits(text))?;
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(digits(rest))?,
        None => ("", rest),
    };
    let power = suffix.trim_start_matches(|c: char| "eEinumkKMGTP".contains(c));
    let power = power.strip_prefix(['+', '-']).unwrap_or(power);
    (!text.is_empty() && power.bytes().all(|byte| byte.is_ascii_digit())).then_some((whole, fraction, suffix))
}

/// Form, factor and power of ten of a suffix.
fn scale(suffix: &str) -> Option<(Form, u128, i32)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Form::Decimal, 1, *power));
    }
    if let Some(index) = BINARY.iter().position(|name| *name == suffix) {
        return Some((Form::Binary, 1 << (10 * (index + 1)), 0));
    }
    let power = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Form::Exponent, 1, power))
}

/// The amount in billionths, rounded up; `None` beyond what is kept exactly.
fn nano(whole: &str, fraction: &str, factor: u128, power: i32) -> Option<u128> {
    let digits: u128 = format!("0{whole}{fraction}").parse().ok()?;
    let power = power.checked_add(9)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let scaled = digits.checked_mul(factor)?;
    let ten = 10u128.checked_pow(power.unsigned_abs())?;
    let nano = if power < 0 { scaled.div_ceil(ten) } else { scaled.checked_mul(ten)? };
    (nano < (1 << 63) * 1_000_000_000).then_some(nano)
}

fn decimal(nano: u128, exponent: bool) -> String {
    if nano == 0 {
        return "0".into();
    }
    let (mut amount, mut power) = (nano, -9);
    while amount.is_multiple_of(1_000) && power < 18 {
        amount /= 1_000;
        power += 3;
    }
    if exponent {
        return if power == 0 { amount.to_string() } else { format!("{amount}e{power}") };
    }
    let suffix = DECIMAL.iter().find(|(_, other)| *other == power).map_or("", |(name, _)| name);
    format!("{amount}{suffix}")
}

/// Below 1024 a binary quantity is written as a decimal one.
fn binary(nano: u128) -> String {
    let mut amount = nano.div_ceil(1_000_000_000);
    if nano < 1_024 * 1_000_000_000 {
        return decimal(nano, false);
    }
    let mut suffix = "";
    for name in BINARY {
        if !amount.is_multiple_of(1_024) {
            break;
        }
        amount /= 1_024;
        suffix = name;
    }
    format!("{amount}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_stored_in_canonical_form() {
        for (written, stored) in [
            ("1", "1"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1.5Gi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("1024Ki", "1Mi"),
            ("100Ki", "100Ki"),
            ("1e3", "1e3"),
            ("1000", "1k"),
            ("-2", "-2"),
            (".5", "500m"),
            ("5.", "5"),
            ("0", "0"),
        ] {
            assert_eq!(canonical(written), Ok(stored.to_string()), "{written}");
        }
        for (written, complaint) in [("1Gb", FORMAT), ("lots", FORMAT), ("", FORMAT), ("1KM", SUFFIX), (".", NUMERIC)] {
            assert_eq!(canonical(written), Err(complaint), "{written}");
        }
    }
}
