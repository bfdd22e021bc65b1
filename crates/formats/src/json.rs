//! What the JSON readers share: errors with a place, and tolerance for how tools really write their fields.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{ParseError, Place};

/// serde_json's error with its place, and without the value it quotes: that may be somebody's secret.
pub(crate) fn error(error: &serde_json::Error) -> ParseError {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    ParseError {
        format: None,
        at: Place::Line { line: error.line(), column: error.column() },
        reason: unquoted(message),
    }
}

/// Replaces what serde quotes from the file: `string "…"` and `` `…` `` before the word `expected`.
fn unquoted(message: &str) -> String {
    for kind in ["string", "character"] {
        for quote in ['"', '`'] {
            let begin = format!("{kind} {quote}");
            let end = format!("{quote}, expected ");
            if let (Some(from), Some(to)) = (message.find(&begin), message.rfind(&end)) {
                return format!("{}{kind}{}", &message[..from], &message[to + 1..]);
            }
        }
    }
    message.to_owned()
}

/// For a field that some tools leave out, write as `null`, or fill.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A time as RFC 3339 has it; none for Go's zero time and for what is no time.
pub(crate) fn time(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    (time.year() > 1).then(|| time.to_offset(time::UtcOffset::UTC))
}

/// Text, a number or a truth value as text; none for everything else. Tools differ in how they write versions, lines
/// and scores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub Option<String>);

impl Text {
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a number")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Some(text.to_owned())))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Text, E> {
                Ok(Text(Some(truth.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// One text or a list of them; whatever is neither is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            One(String),
            Many(Vec<Text>),
            Other(IgnoredAny),
        }

        Ok(Self(match Either::deserialize(deserializer)? {
            Either::One(text) => vec![text],
            Either::Many(texts) => texts.into_iter().filter_map(|text| text.0).collect(),
            Either::Other(_) => Vec::new(),
        }))
    }
}

/// `address` where a browser may be sent there; a `javascript:` or `data:` address is dropped.
pub(crate) fn web_address(address: &str) -> Option<String> {
    let address = address.trim();
    let url = url::Url::parse(address).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_never_quotes_a_value_from_the_file() {
        let error = error(&serde_json::from_str::<u8>(r#""hunter2\", expected x""#).unwrap_err());
        assert_eq!(error.reason, "invalid type: string, expected u8");
        assert_eq!(unquoted("invalid type: character `x`, expected u8"), "invalid type: character, expected u8");
    }

    #[test]
    fn only_addresses_of_the_web_are_kept() {
        assert_eq!(web_address(" https://example.com/a "), Some("https://example.com/a".to_owned()));
        for bad in ["javascript:alert(1)", "data:text/html,x", "//example.com", "file:///etc/passwd", ""] {
            assert_eq!(web_address(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_zero_time_of_go_is_no_time() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time("2024-01-02T03:04:05.678+02:00").map(|time| time.hour()), Some(1));
    }
}
