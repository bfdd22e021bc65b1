//! The day from which something deprecated need not be there any more, as documents write it.

use serde_json::Value;
use time::{Date, OffsetDateTime, format_description::well_known::Rfc2822, macros::format_description};

/// The date of an object's `x-sunset`, or of one of its other spellings.
pub(super) fn of(object: &Value) -> Option<Date> {
    ["x-sunset", "x-sunset-date", "x-sunsetDate"].into_iter().find_map(|name| date(object.get(name)?.as_str()?))
}

/// A day (RFC 3339), the day of a time, or that of an HTTP date (RFC 8594 has those in its header).
pub(super) fn date(text: &str) -> Option<Date> {
    let text = text.trim();
    let day = text.get(..10).and_then(|day| Date::parse(day, format_description!("[year]-[month]-[day]")).ok());
    day.or_else(|| OffsetDateTime::parse(text, &Rfc2822).ok().map(OffsetDateTime::date))
}

/// The first day that `text` names after the word "sunset": languages that have no member for it have it in the
/// reason of the deprecation or in a comment.
pub(super) fn said_in(text: &str) -> Option<Date> {
    let lower = text.to_ascii_lowercase();
    let after = &text[lower.find("sunset")?..];
    after
        .split(|letter: char| !(letter.is_ascii_digit() || letter == '-'))
        .filter(|word| word.len() == 10)
        .find_map(date)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_sunset_is_read_however_it_is_written() {
        for text in ["2026-03-02", "2026-03-02T10:00:00Z", "Mon, 02 Mar 2026 10:00:00 GMT"] {
            assert_eq!(super::date(text), Some(date!(2026 - 03 - 02)), "{text}");
        }
        assert_eq!(super::date("soon"), None);
        assert_eq!(said_in("Use `b` (2020-01-01); Sunset: 2026-03-02."), Some(date!(2026 - 03 - 02)));
        assert_eq!(said_in("deprecated since 2026-03-02"), None);
        assert_eq!(said_in("ſunset İ sunset 2026-03-02"), Some(date!(2026 - 03 - 02)));
    }
}
