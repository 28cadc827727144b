//! Quantities: `500m`, `128Mi`, `2`, to a billionth; as large as anyone writes.
//!
//! Source: `k8s.io/apimachinery` pkg/api/resource/quantity.go and suffix.go. A text that is canonical already is kept as it was
//! written, and upstream takes more for canonical than it would write itself (`+1`, `1.500`).

use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;

const FORMAT: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NUMERIC: &str = "unable to parse numeric part of quantity";
const SUFFIX: &str = "unable to parse quantity's suffix";
/// The largest amount with a binary suffix.
const MOST: &str = "9223372036854775807";

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

/// An amount without sign: decimal digits, neither first nor last a zero, times a power of ten. No digits are zero.
struct Amount {
    digits: String,
    power: i64,
}

impl Amount {
    fn new(digits: &str, power: i64) -> Amount {
        let short = digits.trim_end_matches('0');
        let power = power + (digits.len() - short.len()) as i64;
        Amount { digits: short.trim_start_matches('0').into(), power }
    }

    /// Its place among amounts: the power of ten above its first digit, then the digits.
    fn rank(&self) -> (i64, &str) {
        let above = if self.digits.is_empty() { i64::MIN } else { self.power + self.digits.len() as i64 };
        (above, &self.digits)
    }

    /// Rounds up to a multiple of this power of ten; whether that changed it.
    fn round_up(&mut self, power: i64) -> bool {
        if self.power >= power || self.digits.is_empty() {
            return false;
        }
        let cut = usize::try_from(power - self.power).unwrap_or(usize::MAX);
        self.digits.truncate(self.digits.len().saturating_sub(cut));
        self.power = power;
        while self.digits.ends_with('9') {
            self.digits.pop();
            self.power += 1;
        }
        let last = self.digits.pop().unwrap_or('0');
        self.digits.push(char::from(last as u8 + 1));
        true
    }

    /// The amount as a whole number, where it is one that fits.
    fn whole(&self) -> Option<u64> {
        let digits = if self.digits.is_empty() { 0 } else { self.digits.parse().ok()? };
        10u64.checked_pow(u32::try_from(self.power).ok()?)?.checked_mul(digits)
    }
}

/// An amount, and how it was written.
pub(crate) struct Quantity {
    negative: bool,
    amount: Amount,
    form: Form,
    /// The text, where it is kept.
    kept: Option<String>,
}

impl Quantity {
    /// Reads a quantity.
    ///
    /// # Errors
    /// With upstream's text, for a text that is none.
    pub(crate) fn parse(text: &str) -> Result<Quantity, &'static str> {
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
        if whole.is_empty() && fraction.is_empty() && (factor >= 1 << 50 || power < -9) {
            return Err(NUMERIC);
        }
        let kept = is_kept(whole, fraction, form, factor, power).then(|| text.to_string());
        let mut amount = Amount::new(&times(&[whole, fraction].concat(), factor), i64::from(power) - fraction.len() as i64);
        amount.round_up(-9);
        let most = Amount::new(MOST, 0);
        if form == Form::Binary && amount.rank() > most.rank() {
            amount = most;
        }
        let some = !amount.digits.is_empty();
        Ok(Quantity { negative: negative && some, amount, form, kept: kept.filter(|_| some) })
    }

    /// Reads a JSON string or number; `None` if it is no quantity.
    pub(crate) fn of(value: &Value) -> Option<Quantity> {
        match value {
            Value::String(text) => Quantity::parse(text).ok(),
            Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
            _ => None,
        }
    }

    /// Whether it is less than nothing.
    pub(crate) fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it is nothing.
    pub(crate) fn is_zero(&self) -> bool {
        self.amount.digits.is_empty()
    }

    /// Compares the amounts, however they are written.
    pub(crate) fn compare(&self, other: &Quantity) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.amount.rank().cmp(&other.amount.rank()),
            (true, true) => other.amount.rank().cmp(&self.amount.rank()),
            (negative, _) => {
                if negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }

    /// Whether it has no fraction.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_zero() || self.amount.power >= 0
    }

    /// The amount in thousandths, rounded up; the most that there is where it is more.
    pub(crate) fn thousandths(&self) -> i64 {
        let mut amount = Amount { digits: self.amount.digits.clone(), power: self.amount.power.saturating_add(3) };
        amount.round_up(0);
        let whole = amount.whole().and_then(|whole| i64::try_from(whole).ok()).unwrap_or(i64::MAX);
        if self.negative { -whole } else { whole }
    }

    /// Another amount, in thousandths, as this one is written.
    pub(crate) fn like(&self, thousandths: i64) -> Quantity {
        let amount = Amount::new(&thousandths.unsigned_abs().to_string(), -3);
        Quantity { negative: thousandths < 0, amount, form: self.form, kept: None }
    }

    /// The amount away from zero to a thousandth, as resources are stored (`SetDefaults_ResourceList`).
    pub(crate) fn rounded_up(mut self) -> Quantity {
        if self.amount.round_up(-3) {
            self.kept = None;
        }
        self
    }
}

impl fmt::Display for Quantity {
    /// The canonical form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.kept {
            return f.write_str(text);
        }
        if self.is_zero() {
            return f.write_str("0");
        }
        if self.negative {
            f.write_str("-")?;
        }
        let whole = self.amount.whole().filter(|amount| self.form == Form::Binary && *amount >= 1_024);
        if let Some(mut amount) = whole {
            let mut suffix = "";
            for name in BINARY {
                if amount % 1_024 != 0 {
                    break;
                }
                amount /= 1_024;
                suffix = name;
            }
            return write!(f, "{amount}{suffix}");
        }
        let zeros = self.amount.power.rem_euclid(3);
        let power = self.amount.power - zeros;
        f.write_str(&self.amount.digits)?;
        f.write_str(["", "0", "00"].get(zeros as usize).unwrap_or(&""))?;
        if self.form == Form::Exponent && power != 0 {
            return write!(f, "e{power}");
        }
        // Upstream, too, has no suffix beyond its largest, and writes none.
        let suffix = DECIMAL.iter().find(|(_, other)| i64::from(*other) == power);
        f.write_str(suffix.map_or("", |(name, _)| name))
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
fn scale(suffix: &str) -> Option<(Form, u64, i32)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Form::Decimal, 1, *power));
    }
    if let Some(index) = BINARY.iter().position(|name| *name == suffix) {
        return Some((Form::Binary, 1 << (10 * (index + 1)), 0));
    }
    let power: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    // Upstream, too, takes the lower half of what is larger.
    Some((Form::Exponent, 1, power as i32))
}

/// Whether upstream takes the text for canonical: few digits, and no thousands that a larger suffix could say.
fn is_kept(whole: &str, fraction: &str, form: Form, factor: u64, power: i32) -> bool {
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

/// A decimal number times a factor of up to 2^60, as decimal digits.
fn times(digits: &str, factor: u64) -> String {
    if factor == 1 {
        return digits.into();
    }
    let (mut product, mut carry) = (Vec::new(), 0);
    for digit in digits.bytes().rev() {
        carry += u64::from(digit - b'0') * factor;
        product.push(char::from(b'0' + (carry % 10) as u8));
        carry /= 10;
    }
    carry.to_string().chars().chain(product.into_iter().rev()).collect()
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
            ("1e1000", "10e999"),
            ("123456789012345678901234567890123456", "123456789012345678901234567890123456"),
            ("1000000000000000000000000000000", "1"),
            ("100Ei", "9223372036854775807"),
            ("0.1e-1000", "1e-9"),
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
