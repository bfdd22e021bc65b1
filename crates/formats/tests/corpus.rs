//! Every format's samples: there are some, they are recognised, they read as they always did, and cut short they fail
//! in words.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use formats::{Limits, catalog, compliance, describe, incident, scan};
use serde_json::{Value, json};

#[test]
fn every_format_has_samples_and_every_sample_a_format() {
    let formats = formats::all().into_iter().map(|format| format.id.to_owned()).collect::<BTreeSet<_>>();
    let folders = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(formats, folders.collect::<BTreeSet<_>>());
    for format in formats {
        assert!(samples().iter().filter(|sample| sample.format == format).count() >= 2, "{format} has too few samples");
    }
}

#[test]
fn samples_read_as_they_did() {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        for sample in samples() {
            insta::assert_json_snapshot!(format!("{}__{}", sample.format, sample.name), answer(&sample.bytes));
        }
    });
}

#[test]
fn a_sample_is_recognised_by_its_own_format_and_no_other() {
    for sample in samples() {
        let input = formats::Input::open(&sample.bytes, Limits::default()).unwrap();
        let recognised = (scan::FORMATS.iter().filter(|format| (format.detect)(&input)).map(|format| format.id))
            .chain(compliance::FORMATS.iter().filter(|format| (format.detect)(&input)).map(|format| format.id))
            .chain(incident::FORMATS.iter().filter(|format| (format.detect)(&input)).map(|format| format.id))
            .chain(catalog::FORMATS.iter().filter(|format| (format.detect)(&input)).map(|format| format.id));
        assert_eq!(recognised.collect::<Vec<_>>(), [sample.format.as_str()], "{}", sample.name);
    }
}

#[test]
fn no_sample_gives_away_the_secret_that_it_holds() {
    let mut held = 0;
    for sample in samples() {
        held += usize::from(sample.bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()));
        let told = answer(&sample.bytes).to_string();
        assert!(!told.contains(CANARY), "{}: {told}", sample.name);
    }
    assert!(held >= 3, "the samples with a secret in them are gone");
}

/// What the samples have where a real file has a credential.
const CANARY: &str = "canary-secret-value";

#[test]
fn a_sample_that_is_cut_short_is_refused_in_words() {
    for sample in samples() {
        let whole = sample.bytes.trim_ascii_end();
        let is_json = matches!(whole.first(), Some(b'{' | b'['));
        for cut in 0..whole.len() {
            match describe(&whole[..cut]) {
                Ok(_) => assert!(!is_json, "{} cut at {cut} is JSON no more and was read", sample.name),
                Err(error) => assert!(!error.reason.is_empty()),
            }
            if sample.format == "backstage" {
                let results = catalog::read(&whole[..cut], Limits::default());
                assert!(results.iter().all(|result| result.errors().iter().all(|error| error.line > 0)));
            }
        }
    }
}

#[test]
fn a_sample_reads_the_same_however_it_is_packed() {
    for sample in samples() {
        let plain = answer(&sample.bytes);
        let text = std::str::from_utf8(&sample.bytes).unwrap();

        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&sample.bytes).unwrap();
        assert_eq!(answer(&gzip.finish().unwrap()), plain, "{} in gzip", sample.name);

        assert_eq!(answer(format!("\u{feff}{text}").as_bytes()), plain, "{} with a mark", sample.name);

        let little = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(answer(&little.collect::<Vec<_>>()), plain, "{} in UTF-16", sample.name);

        let big = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes));
        assert_eq!(answer(&big.collect::<Vec<_>>()), plain, "{} in UTF-16", sample.name);
    }
}

#[test]
fn validation_names_each_wrong_document_and_leaves_the_others() {
    let wrong = fs::read(folder().join("backstage/wrong.yaml")).unwrap();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_json_snapshot!("validation", catalog::validation_json("shop/catalog-info.yaml", &wrong));
    });
}

struct Sample {
    format: String,
    name: String,
    bytes: Vec<u8>,
}

fn answer(bytes: &[u8]) -> Value {
    describe(bytes).unwrap_or_else(|error| json!({ "refused": error.to_string() }))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// In a fixed order, so that a failure is the same each time.
fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for format in fs::read_dir(folder()).unwrap() {
        let format = format.unwrap();
        for file in fs::read_dir(format.path()).unwrap() {
            let file = file.unwrap();
            samples.push(Sample {
                format: format.file_name().into_string().unwrap(),
                name: file.file_name().into_string().unwrap(),
                bytes: fs::read(file.path()).unwrap(),
            });
        }
    }
    samples.sort_by(|a, b| (&a.format, &a.name).cmp(&(&b.format, &b.name)));
    samples
}
