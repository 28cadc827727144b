//! `k8s.io/apimachinery/pkg/api/resource.Quantity`: amounts such as `250m` and `64Mi`, to a billionth.

use serde_json::Value;
use std::fmt;

const NANO: i128 = 1_000_000_000;
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i128); 9] = [
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("", NANO),
    ("k", 1_000 * NANO),
    ("M", 1_000_000 * NANO),
    ("G", NANO * NANO),
    ("T", 1_000 * NANO * NANO),
    ("P", 1_000_000 * NANO * NANO),
];

/// An amount, and whether it was written with a binary suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    nano: i128,
    binary: bool,
}

impl Quantity {
    /// Reads a JSON string or number; `None` if it is no quantity.
    pub fn of(value: &Value) -> Option<Quantity> {
        match value {
            Value::String(text) => Quantity::parse(text),
            Value::Number(number) => Quantity::parse(&number.to_string()),
            _ => None,
        }
    }

    fn parse(text: &str) -> Option<Quantity> {
        let digits = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
        let (number, suffix) = text.split_at_checked(digits)?;
        let binary = BINARY.iter().position(|name| *name == suffix);
        let scale = match binary {
            Some(power) => NANO.checked_mul(1024_i128.checked_pow(u32::try_from(power).ok()? + 1)?)?,
            None if suffix == "E" => 1_000 * 1_000_000 * NANO * NANO,
            None => match suffix.strip_prefix(['e', 'E']) {
                Some(exponent) => NANO.checked_mul(10_i128.checked_pow(exponent.parse().ok()?)?)?,
                None => DECIMAL.iter().find(|(name, _)| *name == suffix)?.1,
            },
        };
        Some(Quantity { nano: scaled(number, scale)?, binary: binary.is_some() })
    }

    /// The amount in billionths.
    pub fn nano(self) -> i128 {
        self.nano
    }
}

/// A decimal number times a scale; what is finer than a billionth is rounded up.
fn scaled(number: &str, scale: i128) -> Option<i128> {
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut amount = if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()?.checked_mul(scale)? };
    let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    if !fraction.is_empty() {
        let part = fraction.parse::<i128>().ok()?.checked_mul(scale)?;
        amount = amount.checked_add(part / divisor + i128::from(part % divisor != 0))?;
    }
    Some(if negative { -amount } else { amount })
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest suffix that fits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        if self.binary && self.nano % NANO == 0 && (self.nano / NANO).abs() >= 1024 {
            let mut amount = self.nano / NANO;
            let mut suffix = "";
            for name in BINARY {
                if amount % 1024 != 0 {
                    break;
                }
                amount /= 1024;
                suffix = name;
            }
            return write!(f, "{amount}{suffix}");
        }
        let (suffix, scale) = DECIMAL.iter().rev().find(|(_, scale)| self.nano % scale == 0).unwrap_or(&("n", 1));
        write!(f, "{}{suffix}", self.nano / scale)
    }
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    #[test]
    fn quantities_are_printed_in_canonical_form() {
        for (text, canonical) in [
            ("1000m", "1"),
            ("0.5Gi", "512Mi"),
            ("1024Mi", "1Gi"),
            ("250m", "250m"),
            ("1500", "1500"),
            ("2000", "2k"),
            ("1e3", "1k"),
            ("0.1", "100m"),
        ] {
            assert_eq!(Quantity::parse(text).map(|quantity| quantity.to_string()).as_deref(), Some(canonical), "{text}");
        }
        for text in ["", "a", "1 core", "1.2.3", "1Zi"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}
