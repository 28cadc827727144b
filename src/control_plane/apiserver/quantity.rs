//! Quantities: `500m`, `128Mi`, `2`, to a billionth.
//!
//! Source: `k8s.io/apimachinery` pkg/api/resource/quantity.go and suffix.go. A text that is canonical already is kept as it was
//! written, and upstream takes more for canonical than it would write itself (`+1`, `1.500`). Amounts beyond 10^29 keep their text.

use serde_json::Value;
use std::fmt;

const FORMAT: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NUMERIC: &str = "unable to parse numeric part of quantity";
const SUFFIX: &str = "unable to parse quantity's suffix";
const NANO: i128 = 1_000_000_000;
const MILLI: i128 = 1_000_000;

/// Decimal suffixes and their powers of ten.
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
/// Binary suffixes, each 1024 times the one before.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// How a quantity was written.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Decimal,
    Exponent,
    Binary,
}

/// An amount, and how it was written.
pub(super) struct Quantity {
    nano: i128,
    form: Form,
    /// The text, where it is kept.
    kept: Option<String>,
}

impl Quantity {
    /// Reads a quantity.
    ///
    /// # Errors
    /// With upstream's text, for a text that is none.
    pub(super) fn parse(text: &str) -> Result<Quantity, &'static str> {
        let text = text.trim();
        let (negative, unsigned) = match text.as_bytes().first() {
            None => return Err(FORMAT),
            Some(b'-') => (true, text.get(1..).unwrap_or("")),
            Some(b'+') => (false, text.get(1..).unwrap_or("")),
            _ => (false, text),
        };
        let (whole, fraction, suffix) = parts(unsigned).ok_or(FORMAT)?;
        let (form, factor, power) = scale(suffix).ok_or(SUFFIX)?;
        // Only what is read the long way round must have a digit.
        if whole.is_empty() && fraction.is_empty() && factor >= 1 << 50 {
            return Err(NUMERIC);
        }
        let most = i128::from(i64::MAX) * NANO;
        let kept = is_kept(whole, fraction, form, factor, power).then(|| text.to_string());
        let nano = match nano(whole, fraction, factor, power) {
            Some(nano) if form == Form::Binary => nano.min(most),
            Some(nano) => nano,
            None if form == Form::Binary => most,
            None => return Ok(Quantity { nano: i128::MAX, form, kept: Some(text.to_string()) }),
        };
        Ok(Quantity { nano: if negative { -nano } else { nano }, form, kept: kept.filter(|_| nano != 0) })
    }

    /// Reads a JSON string or number; `None` if it is no quantity.
    pub(super) fn of(value: &Value) -> Option<Quantity> {
        match value {
            Value::String(text) => Quantity::parse(text).ok(),
            Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
            _ => None,
        }
    }

    /// The amount in billionths.
    pub(super) fn nano(&self) -> i128 {
        self.nano
    }

    /// Whether it has no fraction.
    pub(super) fn is_whole(&self) -> bool {
        self.nano % NANO == 0 || self.nano == i128::MAX
    }

    /// The amount away from zero to a thousandth, as resources are stored (`SetDefaults_ResourceList`).
    pub(super) fn rounded_up(mut self) -> Quantity {
        let rest = self.nano % MILLI;
        if rest != 0 && self.nano != i128::MAX {
            self.nano += self.nano.signum() * MILLI - rest;
            self.kept = None;
        }
        self
    }
}

impl fmt::Display for Quantity {
    /// The canonical form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.kept, self.form) {
            (Some(text), _) => f.write_str(text),
            (None, _) if self.nano == 0 => f.write_str("0"),
            (None, Form::Binary) if self.is_whole() && self.nano.abs() >= 1_024 * NANO => {
                let mut amount = self.nano / NANO;
                let mut suffix = "";
                for name in BINARY {
                    if amount % 1_024 != 0 {
                        break;
                    }
                    amount /= 1_024;
                    suffix = name;
                }
                write!(f, "{amount}{suffix}")
            }
            (None, form) => {
                let (mut amount, mut power) = (self.nano, -9);
                while amount % 1_000 == 0 {
                    amount /= 1_000;
                    power += 3;
                }
                // Upstream, too, has no suffix beyond its largest, and writes none.
                let suffix = DECIMAL.iter().find(|(_, other)| *other == power).map_or("", |(name, _)| name);
                match form {
                    Form::Exponent if power != 0 => write!(f, "{amount}e{power}"),
                    _ => write!(f, "{amount}{suffix}"),
                }
            }
        }
    }
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
    power.bytes().all(|byte| byte.is_ascii_digit()).then_some((whole, fraction, suffix))
}

/// Form, factor and power of ten of a suffix.
fn scale(suffix: &str) -> Option<(Form, i128, i32)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Form::Decimal, 1, *power));
    }
    if let Some(index) = BINARY.iter().position(|name| *name == suffix) {
        return Some((Form::Binary, 1 << (10 * (index + 1)), 0));
    }
    let power: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Form::Exponent, 1, i32::try_from(power).ok()?))
}

/// Whether upstream takes the text for canonical: few digits, and no thousands that a larger suffix could say.
fn is_kept(whole: &str, fraction: &str, form: Form, factor: i128, power: i32) -> bool {
    let whole = whole.trim_start_matches('0');
    let digits = if whole.is_empty() { format!("0{fraction}") } else { format!("{whole}{fraction}") };
    let places = i32::try_from(fraction.len()).unwrap_or(i32::MAX);
    if form == Form::Binary {
        let room = 14i64 - i64::from(factor.trailing_zeros()) * 3 / 10;
        let odd = digits.parse::<u64>().is_ok_and(|digits| digits % 8 != 0);
        return places == 0 && i64::try_from(digits.len()).is_ok_and(|length| length <= room) && odd;
    }
    if digits.len() > 18 {
        return false;
    }
    let scale = power.saturating_sub(places);
    scale >= -9 && scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0')
}

/// The amount in billionths, rounded up; `None` beyond what is kept exactly.
fn nano(whole: &str, fraction: &str, factor: i128, power: i32) -> Option<i128> {
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    if digits == 0 {
        return Some(0);
    }
    let power = power.checked_add(9)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let scaled = digits.checked_mul(factor)?;
    if power < -38 {
        return Some(1);
    }
    let ten = 10i128.checked_pow(power.unsigned_abs())?;
    if power < 0 { Some(scaled / ten + i128::from(scaled % ten != 0)) } else { scaled.checked_mul(ten) }
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
            ("5.", "5."),
            ("0", "0"),
            (".", "0"),
            ("+1", "+1"),
        ] {
            assert_eq!(Quantity::parse(written).map(|it| it.to_string()), Ok(stored.to_string()), "{written}");
        }
        for (written, complaint) in [("1Gb", FORMAT), ("lots", FORMAT), ("", FORMAT), ("1KM", SUFFIX)] {
            assert_eq!(Quantity::parse(written).map(|it| it.to_string()), Err(complaint), "{written}");
        }
    }

    #[test]
    fn stored_resources_are_rounded_up_to_a_thousandth() {
        for (written, stored) in
            [("1n", "1m"), ("100m", "100m"), ("0.0001", "1m"), ("1500u", "2m"), ("-1n", "-1m"), ("1.5", "1500m")]
        {
            assert_eq!(Quantity::parse(written).map(|it| it.rounded_up().to_string()), Ok(stored.to_string()), "{written}");
        }
    }
}
