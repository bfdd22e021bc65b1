//! A right request, spoiled in one thing: what cannot be read, and what can be read and does harm.

use axum::body::Body as Bytes;
use serde_json::{Value, json};

use crate::{
    deeds::{BOUNDARY, Body, Deed},
    house::MARK,
};

/// Text that does harm where it is taken for something else. All of it is text that somebody may write.
const TEXTS: [&str; 8] = [
    "</textarea></title></script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "../../../../etc/passwd",
    "'; drop table person; --",
    "%00%0d%0aset-cookie:%20a=b",
    "\u{202e}txt.exe \u{feff}\u{200b} 🏴‍☠️ e\u{301}\u{301}\u{301}",
    "javascript:alert(1)",
    // the last: what is written over and over keeps it
    "=HYPERLINK(\"http://evil.example\",\"x\")",
];

/// Times at the ends of what can be counted.
const TIMES: [&str; 4] =
    ["9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "+12345-01-01T00:00:00Z", "9999-12-31"];
/// Numbers that no field means.
const NUMBERS: [&str; 7] =
    ["-1", "0", "1e400", "9223372036854775807", "4294967295", "340282366920938463463374607431768211456", "0.1"];

/// One spoiled request: what was done to it, and what it must be answered with.
pub struct Spoiled {
    pub how: String,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
    /// What no reader can take; else it may be taken, and then comes back as text.
    pub unreadable: bool,
}

impl Spoiled {
    fn new(how: impl Into<String>, deed: &Deed, body: impl Into<Vec<u8>>, unreadable: bool) -> Self {
        Self { how: how.into(), content_type: deed.body.content_type(), body: body.into(), unreadable }
    }
}

/// Every way in which a right body is spoiled.
pub fn spoiled(deed: &Deed) -> Vec<Spoiled> {
    let right = deed.body.bytes();
    let mut all = Vec::new();
    if let Body::Json(value) = &deed.body {
        all.extend(spoiled_json(deed, value));
    }
    if let Body::Form(fields) | Body::Files(fields, _) = &deed.body {
        all.extend(spoiled_fields(deed, fields));
    }
    if let Body::Files(fields, (field, _, content)) = &deed.body {
        let file = |how: &str, content: Vec<u8>, name: &str| {
            let body = Body::Files(fields.clone(), (field.clone(), name.to_owned(), content));
            Spoiled::new(how, deed, body.bytes(), true)
        };
        all.extend(spoiled_files(content).into_iter().map(|(how, content)| file(how, content, "report.json")));
        // a file's name is text
        let mut named = file("a file whose name is a path", content.clone(), "../../etc/passwd");
        named.unreadable = false;
        all.push(named);
        all.push(Spoiled::new("parts that never end", deed, right[..right.len() - BOUNDARY.len() - 6].to_vec(), true));
        all.push(Spoiled {
            how: "parts without their boundary".to_owned(),
            content_type: Some("multipart/form-data".to_owned()),
            body: right.clone(),
            unreadable: true,
        });
    }
    if let Body::Files(fields, (field, name, content)) = &deed.body {
        all.extend(hostile_files(content).into_iter().map(|(how, content)| {
            let body = Body::Files(fields.clone(), (field.clone(), name.clone(), content));
            Spoiled::new(how, deed, body.bytes(), false)
        }));
    }
    if let Body::Bytes(_, content) = &deed.body {
        all.extend(hostile_files(content).into_iter().map(|(how, content)| Spoiled::new(how, deed, content, false)));
        all.extend(spoiled_files(content).into_iter().map(|(how, content)| Spoiled::new(how, deed, content, true)));
    }
    all
}

fn spoiled_json(deed: &Deed, value: &Value) -> Vec<Spoiled> {
    let right = value.to_string();
    let bad = |how: &str, body: Vec<u8>| Spoiled::new(how, deed, body, true);
    let mut all = vec![
        bad("cut short", right.as_bytes()[..right.len() - 1].to_vec()),
        bad("cut in half", right.as_bytes()[..right.len() / 2].to_vec()),
        bad("empty", Vec::new()),
        bad("nested too deeply", "[".repeat(100_000).into_bytes()),
        bad("UTF-16", right.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        bad("something after it", format!("{right}}}").into_bytes()),
        bad("no JSON", b"<xml/>".to_vec()),
        Spoiled {
            how: "another content type".to_owned(),
            content_type: Some("text/plain".to_owned()),
            body: right.clone().into_bytes(),
            unreadable: true,
        },
        Spoiled {
            how: "no content type".to_owned(),
            content_type: None,
            body: right.clone().into_bytes(),
            unreadable: true,
        },
        Spoiled {
            how: "a form".to_owned(),
            content_type: Some("application/x-www-form-urlencoded".to_owned()),
            body: b"a=b".to_vec(),
            unreadable: true,
        },
    ];
    let mut invalid = right.clone().into_bytes();
    if let Some(at) = right.find("\":\"") {
        invalid.splice(at + 3..at + 3, [0xff, 0xfe]);
        all.push(bad("bytes that are no text", invalid));
    }
    let Value::Object(fields) = value else { return all };
    all.push(bad("another kind of value", b"\"x\"".to_vec()));
    let mut more = value.clone();
    more["unknown_field"] = json!(1);
    all.push(bad("a field that there is not", more.to_string().into_bytes()));
    for (name, given) in fields {
        let twice = format!("{{{}:{given},{}", json!(name), &right[1..]);
        all.push(bad(&format!("{name} twice"), twice.into_bytes()));
        let with = |other: Value| {
            let mut spoiled = value.clone();
            spoiled[name.as_str()] = other;
            spoiled.to_string().into_bytes()
        };
        let others = [json!(null), json!(true), json!(7), json!("x"), json!([]), json!({}), json!([[["x"]]])];
        for other in others.into_iter().filter(|other| std::mem::discriminant(other) != std::mem::discriminant(given)) {
            // what is optional may be left out, and a map may be empty: no promise but that nothing breaks
            all.push(Spoiled::new(format!("{name} is {other}"), deed, with(other), false));
        }
        match given {
            Value::String(_) => {
                all.push(bad(&format!("{name} with a NUL"), with(json!("a\u{0}b"))));
                all.push(Spoiled::new(
                    format!("{name} of a million letters"),
                    deed,
                    with("x".repeat(1_000_000).into()),
                    false,
                ));
                all.push(Spoiled::new(format!("{name} empty"), deed, with("".into()), false));
                let texts = TEXTS.iter().chain(TIMES.iter().filter(|_| is_time(given.as_str().unwrap_or_default())));
                all.extend(
                    texts.map(|text| Spoiled::new(format!("{name} is {text}"), deed, with((*text).into()), false)),
                );
            }
            Value::Number(_) => {
                for number in NUMBERS {
                    let body = String::from_utf8(with(json!("NUMBER"))).unwrap().replace("\"NUMBER\"", number);
                    all.push(Spoiled::new(format!("{name} is {number}"), deed, body, false));
                }
            }
            Value::Object(inner) => {
                for key in inner.keys() {
                    for text in TEXTS.iter().chain(&["a\u{0}b"]) {
                        let mut map = inner.clone();
                        map.insert(key.clone(), (*text).into());
                        all.push(Spoiled::new(format!("{name}.{key} is {text:?}"), deed, with(map.into()), false));
                        let mut map = inner.clone();
                        map.insert((*text).to_owned(), "x".into());
                        all.push(Spoiled::new(format!("{name} has {text:?}"), deed, with(map.into()), false));
                    }
                    for number in NUMBERS {
                        let mut map = inner.clone();
                        map.insert(key.clone(), "NUMBER".into());
                        let body = String::from_utf8(with(map.into())).unwrap().replace("\"NUMBER\"", number);
                        all.push(Spoiled::new(format!("{name}.{key} is {number}"), deed, body, false));
                    }
                }
            }
            Value::Array(items) => {
                for text in TEXTS.iter().chain(&["a\u{0}b"]) {
                    all.push(Spoiled::new(format!("{name} holds {text:?}"), deed, with(json!([text])), false));
                }
                let many: Vec<Value> = items.iter().cycle().take(5_000).cloned().collect();
                all.push(Spoiled::new(format!("{name} 5,000 times"), deed, with(many.into()), false));
            }
            _ => {}
        }
    }
    all
}

fn spoiled_fields(deed: &Deed, fields: &[(String, String)]) -> Vec<Spoiled> {
    let mut all = Vec::new();
    let body = |fields: Vec<(String, String)>| match &deed.body {
        Body::Files(_, file) => Body::Files(fields, file.clone()).bytes(),
        _ => Body::Form(fields).bytes(),
    };
    for (at, (name, given)) in fields.iter().enumerate() {
        let with = |value: &str| {
            let mut fields = fields.to_vec();
            value.clone_into(&mut fields[at].1);
            body(fields)
        };
        let numbers = NUMBERS.iter().filter(|_| given.parse::<f64>().is_ok());
        let times = TIMES.iter().chain(&["1970-01-01"]).filter(|_| is_time(given));
        let texts = TEXTS.iter().chain(numbers).chain(times).chain(&["", "a\u{0}b"]);
        all.extend(texts.map(|text| Spoiled::new(format!("{name} is {text:?}"), deed, with(text), false)));
        all.push(Spoiled::new(
            format!("{name} of a hundred thousand letters"),
            deed,
            with(&"x".repeat(100_000)),
            false,
        ));
        let mut twice = fields.to_vec();
        twice.push((name.clone(), given.clone()));
        all.push(Spoiled::new(format!("{name} twice"), deed, body(twice), false));
        let left_out = fields.iter().filter(|(other, _)| other != name).cloned().collect();
        all.push(Spoiled::new(format!("without {name}"), deed, body(left_out), false));
        if matches!(deed.body, Body::Form(_)) {
            let raw = format!("{}&{name}=%ff%fe", String::from_utf8(with("")).unwrap());
            all.push(Spoiled::new(format!("{name} of bytes that are no text"), deed, raw, false));
        }
    }
    all
}

fn is_time(given: &str) -> bool {
    given.starts_with("2026-")
}

/// What may be in a file that is not what the door reads.
fn spoiled_files(right: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = String::from_utf8_lossy(right).into_owned();
    let mut nul = right.to_vec();
    nul.splice(right.len() / 2..right.len() / 2, [0, 0]);
    let mut bytes = right.to_vec();
    bytes.splice(right.len() / 2..right.len() / 2, [0xc3, 0x28, 0xff]);
    vec![
        ("nothing", Vec::new()),
        ("cut in half", right[..right.len() / 2].to_vec()),
        ("nested too deeply", "[".repeat(200_000).into_bytes()),
        ("nested too deeply in objects", "{\"a\":".repeat(200_000).into_bytes()),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("NULs within", nul),
        ("bytes that are no text", bytes),
        ("an archive of nothing but zeros, many times its size", bomb()),
        ("half an archive", bomb()[..300].to_vec()),
        ("XML that names itself", b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"&b;&b;\">]><a>&b;</a>".to_vec()),
        (
            "an anchor of anchors",
            b"a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n"
                .to_vec(),
        ),
    ]
}

/// The right file with hostile text where its own words stand.
fn hostile_files(right: &[u8]) -> Vec<(String, Vec<u8>)> {
    let text = String::from_utf8_lossy(right).into_owned();
    let is_json = text.trim_start().starts_with('{');
    let written = |hostile: &str| {
        let quoted = json!(hostile).to_string();
        if is_json { quoted[1..quoted.len() - 1].to_owned() } else { hostile.replace(['\u{0}', ':', '#'], " ") }
    };
    let texts = ["a\u{0}b", "a\nb\tc"].into_iter().chain(TEXTS);
    texts
        .map(|hostile| {
            let spoiled = text.replace(MARK, &written(hostile)).replace("Sells", &written(hostile));
            (format!("the words are {hostile:?}"), spoiled.into_bytes())
        })
        .collect()
}

/// 300 MiB of zeros, gzipped: about 300 KiB (RFC 1952; a stored stream repeats one compressed block of zeros).
fn bomb() -> Vec<u8> {
    use std::{io::Write as _, sync::OnceLock};
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![0; 1 << 20];
        for _ in 0..300 {
            gzip.write_all(&zeros).unwrap();
        }
        gzip.finish().unwrap()
    })
    .clone()
}

/// A body that is longer than any door reads, made while it is read.
pub fn endless(mib: usize) -> Bytes {
    let piece = axum::body::Bytes::from(vec![b'x'; 1 << 20]);
    Bytes::from_stream(futures::stream::iter((0..mib).map(move |_| Ok::<_, std::io::Error>(piece.clone()))))
}
