//! Virtual time as `metav1.Time` writes it: RFC 3339, counted from a fixed morning.

/// The cluster's first second: 2026-01-01T00:00:00Z, in days since 1970-01-01.
const FIRST_DAY: i64 = 20_454;
const DAY: i64 = 86_400;

/// Writes virtual seconds as RFC 3339.
pub fn timestamp(seconds: u64) -> String {
    written(i64::try_from(seconds).unwrap_or(i64::MAX / 2))
}

/// The same for a time that may be before the cluster's first second.
pub fn written(seconds: i64) -> String {
    let (days, rest) = (FIRST_DAY + seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Reads RFC 3339 (`2026-01-01T00:01:40Z`, fractions and offsets of zero allowed) as virtual seconds; negative before the
/// cluster's first second, as in a dump of a real cluster.
pub fn seconds_of(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    Some((days(year, month, day) - FIRST_DAY) * DAY + hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a date (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Date of a day since 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_seconds_and_timestamps_are_each_others_inverse() {
        assert_eq!(timestamp(0), "2026-01-01T00:00:00Z");
        assert_eq!(timestamp(100), "2026-01-01T00:01:40Z");
        for seconds in [0, 59, 86_400 * 59, 86_400 * 800 + 3_661] {
            assert_eq!(seconds_of(&timestamp(seconds)), i64::try_from(seconds).ok());
        }
        assert_eq!(seconds_of("2025-12-31T23:59:59Z"), Some(-1));
        assert_eq!(seconds_of("moon"), None);
    }
}
