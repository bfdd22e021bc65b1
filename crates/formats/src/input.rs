//! From bytes to text that a parser may see: unpacked, decoded, and held to its limits first.

use std::{borrow::Cow, io::Read};

use flate2::read::MultiGzDecoder;
use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{
    ParseError,
    json::{self, Text},
};

/// How much of a stranger's file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, after unpacking.
    pub bytes: usize,
    /// Lists and objects within each other.
    pub depth: usize,
    /// Values in all: each member, element, list and object is one.
    pub count: usize,
}

/// Room for a report of 10,000 findings (about 40 MB as Trivy writes them) and no more than twice that.
impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 64 << 20, depth: 64, count: 4_000_000 }
    }
}

/// A file's text within its limits, with what detection asks about it.
#[derive(Debug)]
pub struct Input<'a> {
    text: Cow<'a, str>,
    shape: Shape,
    limits: Limits,
}

#[derive(Debug, PartialEq, Eq)]
enum Shape {
    Object(Members),
    /// A list, by its first element.
    List(Members),
    Other,
}

/// The members of an object, with the value of those that are text or a number.
type Members = Vec<(String, Option<String>)>;

impl<'a> Input<'a> {
    /// Opens a file: gzip is unpacked; UTF-8, with or without a byte order mark, and UTF-16 with one are decoded.
    ///
    /// # Errors
    /// Where it is empty, not text, an archive, or beyond a limit.
    pub fn open(bytes: &'a [u8], limits: Limits) -> Result<Self, ParseError> {
        within(bytes.len(), &limits)?;
        let bytes = match bytes {
            [0x1f, 0x8b, ..] => Cow::Owned(unzip(bytes, &limits)?),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => {
                return Err(ParseError::whole(
                    "this is a zip archive; send the report inside it, by itself or gzipped",
                ));
            }
            _ => Cow::Borrowed(bytes),
        };
        let mut text = decode(bytes)?;
        within(text.len(), &limits)?;
        let shape = match text.trim_ascii_start().as_bytes().first() {
            None => return Err(ParseError::whole("the file is empty")),
            Some(b'{' | b'[') => {
                survey(&mut text, &limits)?;
                shape(&text)
            }
            Some(_) => Shape::Other,
        };
        Ok(Self { text, shape, limits })
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether it is a JSON object with this member.
    #[must_use]
    pub fn has(&self, member: &str) -> bool {
        matches!(&self.shape, Shape::Object(members) if members.iter().any(|(name, _)| name == member))
    }

    /// The text or number that is a member of a JSON object.
    #[must_use]
    pub fn member(&self, member: &str) -> Option<&str> {
        match &self.shape {
            Shape::Object(members) => members.iter().find(|(name, _)| name == member)?.1.as_deref(),
            Shape::List(_) | Shape::Other => None,
        }
    }

    /// Whether it is a JSON list whose first element is an object with all of these members.
    #[must_use]
    pub fn lists(&self, wanted: &[&str]) -> bool {
        matches!(&self.shape, Shape::List(members)
            if wanted.iter().all(|wanted| members.iter().any(|(name, _)| name == wanted)))
    }

    /// Whether it is a JSON list at all.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.shape, Shape::List(_))
    }

    /// The content as `T`.
    ///
    /// # Errors
    /// Where it is not JSON, or lacks what `T` needs; with line and column.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ParseError> {
        serde_json::from_str(&self.text).map_err(|error| json::error(&error))
    }
}

fn within(size: usize, limits: &Limits) -> Result<(), ParseError> {
    if size <= limits.bytes {
        return Ok(());
    }
    Err(ParseError::whole(format!("the file is larger than {} bytes", limits.bytes)))
}

fn unzip(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, ParseError> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(limits.bytes as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| ParseError::whole(format!("the gzip data is damaged: {error}")))?;
    if unpacked.len() > limits.bytes {
        return Err(ParseError::whole(format!("the file unpacks to more than {} bytes", limits.bytes)));
    }
    Ok(unpacked)
}

pub(crate) fn decode(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, ParseError> {
    match &*bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        _ => {}
    }
    let bom = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let refuse = |bytes: &[u8], at: usize| ParseError::offset(bytes, at, "the file is not UTF-8 text");
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(&bytes[bom..]) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(error) => Err(refuse(&bytes[bom..], error.valid_up_to())),
        },
        Cow::Owned(mut bytes) => {
            bytes.drain(..bom);
            String::from_utf8(bytes).map(Cow::Owned).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                refuse(error.as_bytes(), at)
            })
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, ParseError> {
    let (units, rest) = bytes.as_chunks::<2>();
    let refuse = || ParseError::whole("the file begins like UTF-16 text but is not; save it as UTF-8");
    if !rest.is_empty() {
        return Err(refuse());
    }
    char::decode_utf16(units.iter().map(|bytes| unit(*bytes))).collect::<Result<_, _>>().map_err(|_| refuse())
}

/// Holds JSON text to its limits without parsing it, and takes out what no database takes.
///
/// A NUL that is escaped in a string is valid JSON and nothing that Postgres stores as text; it becomes U+FFFD here,
/// once, so that no reader has to think of it.
fn survey(text: &mut Cow<'_, str>, limits: &Limits) -> Result<(), ParseError> {
    let bytes = text.as_bytes();
    let (mut depth, mut count, mut nuls) = (0_usize, 0_usize, Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    if bytes[at] == b'\\' {
                        if bytes[at + 1..].starts_with(b"u0000") {
                            nuls.push(at);
                        }
                        at += 1;
                    }
                    at += 1;
                }
            }
            b'{' | b'[' => {
                depth += 1;
                count += 1;
                if depth > limits.depth {
                    let reason = format!("lists and objects are more than {} deep", limits.depth);
                    return Err(ParseError::offset(bytes, at, reason));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => count += 1,
            _ => {}
        }
        if count > limits.count {
            return Err(ParseError::offset(bytes, at, format!("there are more than {} values", limits.count)));
        }
        at += 1;
    }
    if !nuls.is_empty() {
        let text = text.to_mut();
        for at in nuls {
            text.replace_range(at..at + 6, "\\ufffd");
        }
    }
    Ok(())
}

/// The members of the outermost object; of a file that is cut short, those before the cut.
fn shape(text: &str) -> Shape {
    let mut members = Members::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Whatever is wrong further on is the parser's to say.
    if text.trim_ascii_start().starts_with('{') {
        let _ = Outline(&mut members).deserialize(&mut deserializer);
        Shape::Object(members)
    } else {
        let _ = deserializer.deserialize_seq(First(&mut members));
        Shape::List(members)
    }
}

struct Outline<'a>(&'a mut Members);

impl<'de> DeserializeSeed<'de> for Outline<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outline<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            self.0.push((name, None));
            let value = map.next_value::<Text>()?.0;
            if let Some(last) = self.0.last_mut() {
                last.1 = value;
            }
        }
        Ok(())
    }
}

struct First<'a>(&'a mut Members);

impl<'de> Visitor<'de> for First<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        list.next_element_seed(Outline(self.0))?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}
