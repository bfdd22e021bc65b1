//! What strangers may send: every reader ends in a report or in words, soon and within its limits.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::{
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use formats::{Limits, ParseError, Place, catalog, describe, incident, scan};
use proptest::prelude::*;

#[test]
fn a_file_beyond_its_bytes_is_refused_before_it_is_looked_at() {
    let limits = Limits { bytes: 100, ..Limits::default() };
    let error = scan::read(&[b'x'; 101], limits).unwrap_err();
    assert!(error.reason.contains("larger than 100 bytes"), "{error}");
}

#[test]
fn a_gzip_bomb_is_stopped_at_the_limit() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..100 {
        gzip.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 1 << 18);
    let error = scan::read(&bomb, Limits { bytes: 1 << 20, ..Limits::default() }).unwrap_err();
    assert!(error.reason.contains("unpacks to more than"), "{error}");
    assert!(scan::read(&bomb[..bomb.len() / 2], Limits::default()).unwrap_err().reason.contains("gzip"));
}

#[test]
fn depth_and_count_are_limited_before_the_parser() {
    let error = scan::read(&[b'['; 1000], Limits::default()).unwrap_err();
    assert!(error.reason.contains("more than 64 deep"), "{error}");
    assert_eq!(error.at, Place::Line { line: 1, column: 65 });

    let many = format!(r#"{{"runs": [{}0]}}"#, "0,".repeat(2000));
    let error = scan::read(many.as_bytes(), Limits { count: 1000, ..Limits::default() }).unwrap_err();
    assert!(error.reason.contains("more than 1000 values"), "{error}");

    let brackets = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"[[[[[\"{{{{{"}},"results":[]}]}"#;
    let limits = Limits { depth: 5, ..Limits::default() };
    assert!(scan::read(brackets.as_bytes(), limits).is_ok(), "brackets inside text are no depth");
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    let error = scan::read(b"{\n  \"SchemaVersion\": \"\xff\"}", Limits::default()).unwrap_err();
    assert!(error.reason.contains("not UTF-8"), "{error}");
    assert_eq!(error.at, Place::Line { line: 2, column: 21 });
    assert!(scan::read(b"\xff\xfe\x00", Limits::default()).unwrap_err().reason.contains("UTF-16"));
    assert!(scan::read(b"\xff\xfe\x00\xd8", Limits::default()).unwrap_err().reason.contains("UTF-16"));
    assert!(scan::read(b"PK\x03\x04...", Limits::default()).unwrap_err().reason.contains("zip"));
    assert!(scan::read(b" \n\t", Limits::default()).unwrap_err().reason.contains("empty"));
}

#[test]
fn a_nul_in_a_text_becomes_a_character_that_a_database_takes() {
    let report = br#"{"SchemaVersion":2,"Results":[{"Target":"a\u0000b","Secrets":[{"RuleID":"x\\u0000"}]}]}"#;
    let report = scan::read(report, Limits::default()).unwrap();
    assert_eq!(report.findings[0].location.as_ref().unwrap().file, "a\u{fffd}b");
    assert_eq!(report.findings[0].rule.as_deref(), Some("x\\u0000"), "an escaped backslash begins no escape");

    let alert = br#"{"version":"4","groupKey":"k\u0000","status":"firing","receiver":"r","alerts":[]}"#;
    assert_eq!(incident::read(alert, Limits::default()).unwrap().group_key, "k\u{fffd}");

    let entity = catalog::read(
        b"apiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: {name: \"a\\0\"}",
        Limits::default(),
    );
    assert!(entity[0].errors()[0].reason.contains("NUL"), "{:?}", entity[0]);
}

#[test]
fn one_long_text_cannot_stand_for_many_findings() {
    let text = "x".repeat(100_000);
    let places = (1..=2000).map(|line| {
        format!(r#"{{"physicalLocation":{{"artifactLocation":{{"uri":"a"}},"region":{{"startLine":{line}}}}}}}"#)
    });
    let places = places.collect::<Vec<_>>().join(",");
    let sarif = format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t"}}}},"results":[{{"message":{{"text":"{text}"}},"locations":[{places}]}}]}}]}}"#
    );
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let error = scan::read(sarif.as_bytes(), limits).unwrap_err();
    assert!(error.reason.contains("too many findings"), "{error}");

    let message = "{0}".repeat(10_000);
    let sarif = format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t"}}}},"results":[{{"message":{{"text":"{message}","arguments":["{text}"]}}}}]}}]}}"#
    );
    let report = scan::read(sarif.as_bytes(), limits).unwrap();
    assert!(report.findings[0].description.len() < 300_000);
}

#[test]
fn yaml_that_grows_by_its_aliases_is_refused() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let last = level - 1;
        laughs.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{last}"); 10].join(", ")));
    }
    assert!(refused(laughs.as_bytes()).contains("grows beyond"));

    let wide = format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(50_000), "*a, ".repeat(50_000));
    assert!(refused(wide.as_bytes()).contains("grows beyond"));

    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(50_000));
    assert!(refused(long.as_bytes()).contains("grows beyond"));
}

#[test]
fn deep_and_tangled_yaml_is_refused_soon() {
    for deep in [
        "- ", "[", "{a: ", "{[", "? ", "a:\n ", "!!", "&a ", "'", "\"", "[a, ", "{? [", "|\n", "- - ", "*a", "#", "%",
        "--- ",
    ] {
        for head in ["", "a: ", "apiVersion: backstage.io/v1alpha1\nkind: System\nspec:\n  - "] {
            let text = format!("{head}{}", deep.repeat((1 << 20) / deep.len()));
            let started = Instant::now();
            assert!(!refused(text.as_bytes()).is_empty(), "{head:?} {deep:?}");
            assert!(started.elapsed() < Duration::from_secs(20), "{head:?} {deep:?} took {:?}", started.elapsed());
        }
    }
    let nested = format!("apiVersion: backstage.io/v1alpha1\nkind: System\nspec: {}{}", "[".repeat(70), "]".repeat(70));
    assert!(refused(nested.as_bytes()).contains("64 deep"));
}

#[test]
fn a_file_of_a_whole_organisation_is_read_one_document_after_another() {
    let system = |number: usize| {
        format!(
            "---\napiVersion: backstage.io/v1alpha1\nkind: System\nmetadata:\n  name: s{number}\n  description: \"{}\"\nspec:\n  owner: a\n",
            "x".repeat(1000)
        )
    };
    let file: String = (0..10_000).map(system).collect();
    assert!(file.len() > 10 << 20);
    let mut right = 0;
    catalog::read_each(file.as_bytes(), Limits::default(), |result| right += usize::from(result.outcome.is_ok()));
    assert_eq!(right, 10_000);

    let twice = format!("{}{}", system(1), system(1));
    let mut lines = Vec::new();
    catalog::read_each(twice.as_bytes(), Limits::default(), |result| {
        lines.extend(result.errors().iter().map(|error| (error.line, error.field.clone())));
    });
    assert_eq!(lines, [(13, Some("metadata.name".to_owned()))]);

    let many = "---\na: 1\n".repeat(100_001);
    assert!(refused(many.as_bytes()).contains("more than 100000 documents"));
    let long = format!("apiVersion: backstage.io/v1alpha1\nkind: System\n# {}", "x".repeat(17 << 20));
    assert!(refused(long.as_bytes()).contains("a document has at most"));
}

#[test]
fn markup_in_a_report_stays_text() {
    let html = br#"{"SchemaVersion":2,"Results":[{"Target":"../../etc/passwd","Vulnerabilities":[
        {"VulnerabilityID":"CVE-2099-1","PkgName":"=cmd|'/c calc'!A1","Title":"<script>alert(1)</script>\n\nx",
         "PrimaryURL":"javascript:alert(1)","References":["https://ok.example","data:text/html,x"]}]}]}"#;
    let report = scan::read(html, Limits::default()).unwrap();
    assert_eq!(report.findings[0].title, "<script>alert(1)</script> x");
    assert_eq!(report.findings[0].references, ["https://ok.example"]);
}

#[test]
fn an_unknown_format_is_told_what_there_is() {
    let error: ParseError = describe(b"hello").unwrap_err();
    for title in formats::all().into_iter().map(|format| format.title) {
        assert!(error.reason.contains(title), "{error}");
    }
    let error = scan::read_as("nothing", b"{}", Limits::default()).unwrap_err();
    assert!(error.reason.contains("trivy"), "{error}");
    let error = scan::read_as("sarif", b"{}", Limits::default()).unwrap_err();
    assert_eq!(error.format, Some("sarif"));
}

fn refused(yaml: &[u8]) -> String {
    let results = catalog::read(yaml, Limits::default());
    results.iter().flat_map(|result| result.errors()).map(|error| error.reason.clone()).collect::<Vec<_>>().join("; ")
}

fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut samples = Vec::new();
    for format in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(format.unwrap().path()).unwrap() {
            samples.push(fs::read(file.unwrap().path()).unwrap());
        }
    }
    samples.sort();
    samples
}

/// Reads `bytes` in every way there is; the result does not matter, coming back does.
fn read_every_way(bytes: &[u8]) {
    let _ = describe(bytes);
    for format in scan::FORMATS {
        let _ = scan::read_as(format.id, bytes, Limits::default());
    }
    let _ = formats::compliance::read_as("kubebench", bytes, Limits::default());
    let _ = incident::read(bytes, Limits::default());
    assert!(!catalog::read(bytes, Limits::default()).is_empty());
    let _ = catalog::validation_json("file", bytes);
}

/// JSON of any shape, with the names that the readers look for.
fn json_like() -> impl Strategy<Value = serde_json::Value> {
    let names = prop::sample::select(vec![
        "SchemaVersion",
        "Results",
        "Target",
        "Vulnerabilities",
        "Secrets",
        "runs",
        "version",
        "tool",
        "driver",
        "results",
        "message",
        "locations",
        "bomFormat",
        "specVersion",
        "components",
        "vulnerabilities",
        "affects",
        "ref",
        "Controls",
        "tests",
        "status",
        "alerts",
        "groupKey",
        "receiver",
        "apiVersion",
        "kind",
        "metadata",
        "name",
        "spec",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        prop::sample::select(vec![
            "2.1.0",
            "CycloneDX",
            "1.5",
            "4",
            "firing",
            "backstage.io/v1alpha1",
            "Component",
            ""
        ])
        .prop_map(Into::into),
        ".*".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        read_every_way(&bytes);
    }

    #[test]
    fn any_text_comes_back(text in "(apiVersion: backstage.io/v1alpha1\n)?(kind: [A-Z][a-z]{2,8}\n)?[-a-z:{}\\[\\]&*!|>'\"%@#, \n\t$]{0,200}") {
        read_every_way(text.as_bytes());
    }

    #[test]
    fn any_json_comes_back(value in json_like()) {
        read_every_way(value.to_string().as_bytes());
    }

    #[test]
    fn a_damaged_sample_comes_back(
        sample in prop::sample::select(samples()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut sample = sample;
        for (at, byte) in damage {
            let at = at.index(sample.len());
            sample[at] = byte;
        }
        read_every_way(&sample);
        sample.truncate(cut.index(sample.len()));
        read_every_way(&sample);
    }
}
