//! What the demonstration's scanners say: the same reports for the same moment, every time.

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::flaws::{self, Flaw};

/// How many weeks of reports there are.
pub const WEEKS: i64 = 12;

/// How a team keeps its house: what of a hundred flaws reach it, and how many weeks they usually stay.
#[derive(Clone, Copy, Debug)]
pub struct Diligence {
    pub meets: u64,
    pub weeks_open: u64,
}

/// The same number for the same words, everywhere and always (FNV-1a, 64 bits).
#[must_use]
pub fn number(words: &[&str]) -> u64 {
    words
        .iter()
        .flat_map(|word| word.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether a service's scan `week` weeks ago saw the flaw: from when it became known until it was mended; one in eight
/// comes back for good two weeks later, with an image that was built from an old branch.
fn is_seen(service: &str, flaw: &Flaw, diligence: Diligence, week: i64) -> bool {
    let chance = number(&[service, flaw.id, flaw.package]);
    if chance % 100 >= diligence.meets {
        return false;
    }
    let known = WEEKS + 2 - i64::try_from(chance / 100 % 15).expect("below 15");
    let urgency = match flaw.severity {
        "CRITICAL" => 3,
        "HIGH" => 2,
        _ => 1,
    };
    // without a fixed version there is nothing to update to
    let open = if flaw.fixed.is_empty() { 100 } else { (diligence.weeks_open + chance / 2000 % 4) / urgency + 1 };
    let mended = known - i64::try_from(open).expect("some weeks");
    let returned = chance / 9000 % 8 == 0 && week <= mended - 2;
    week <= known && (week > mended || returned)
}

/// Trivy's report of a service's image.
#[must_use]
pub fn trivy(service: &str, language: &str, diligence: Diligence, week: i64, at: OffsetDateTime) -> Vec<u8> {
    let seen = |flaws: &'static [Flaw]| flaws.iter().filter(move |flaw| is_seen(service, flaw, diligence, week));
    let mut results = vec![json!({
        "Target": format!("registry.example.com/{service} (debian 12.5)"),
        "Class": "os-pkgs",
        "Type": "debian",
        "Vulnerabilities": seen(flaws::DEBIAN).map(|flaw| vulnerability(flaw, "deb/debian")).collect::<Vec<_>>(),
    })];
    if let Some((class, purl, flaws)) = flaws::of_language(language) {
        results.push(json!({
            "Target": "application",
            "Class": "lang-pkgs",
            "Type": class,
            "Vulnerabilities": seen(flaws).map(|flaw| vulnerability(flaw, purl)).collect::<Vec<_>>(),
        }));
    }
    bytes(&json!({
        "SchemaVersion": 2,
        "CreatedAt": written(at),
        "Trivy": { "Version": "0.69.1" },
        "ArtifactName": format!("registry.example.com/{service}"),
        "ArtifactType": "container_image",
        "Results": results,
    }))
}

fn vulnerability(flaw: &Flaw, purl: &str) -> Value {
    json!({
        "VulnerabilityID": flaw.id,
        "PkgName": flaw.package,
        "PkgIdentifier": { "PURL": format!("pkg:{purl}/{}@{}", flaw.package.replace(':', "/"), flaw.installed) },
        "InstalledVersion": flaw.installed,
        "FixedVersion": flaw.fixed,
        "Severity": flaw.severity,
        "Title": flaw.title,
        "PrimaryURL": format!("https://avd.aquasec.com/nvd/{}", flaw.id.to_lowercase()),
    })
}

/// A rule of the code scanner: its id, level, `security-severity`, title, weakness and file.
type Rule = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const RULES: &[Rule] = &[
    (
        "java/sql-injection",
        "error",
        "8.8",
        "A query is put together from what a user sent",
        "CWE-89",
        "src/main/java/Search.java",
    ),
    ("java/weak-hash", "warning", "5.9", "MD5 protects something that matters", "CWE-327", "src/main/java/Digest.java"),
    (
        "java/log-injection",
        "warning",
        "4.3",
        "What a user sent is logged as it is",
        "CWE-117",
        "src/main/java/Audit.java",
    ),
    ("js/xss", "error", "7.8", "What a user sent is written into the page", "CWE-79", "src/components/Notice.tsx"),
    ("js/insecure-randomness", "warning", "6.5", "A token comes from Math.random", "CWE-338", "src/lib/token.ts"),
    ("py/path-injection", "error", "7.5", "A path is put together from what a user sent", "CWE-22", "app/files.py"),
    ("py/clear-text-logging", "warning", "5.3", "A secret is written to the log", "CWE-532", "app/settings.py"),
    (
        "go/request-forgery",
        "error",
        "9.1",
        "The address of a request comes from a user",
        "CWE-918",
        "internal/proxy/fetch.go",
    ),
    (
        "go/unhandled-close",
        "note",
        "2.0",
        "An error when closing a file is dropped",
        "CWE-252",
        "internal/store/file.go",
    ),
];

/// The code scanner's report, as SARIF.
#[must_use]
pub fn sarif(service: &str, language: &str, diligence: Diligence, week: i64) -> Vec<u8> {
    let prefix = match language {
        "typescript" | "node" => "js/",
        "python" => "py/",
        "go" => "go/",
        _ => "java/",
    };
    let rules: Vec<&Rule> = RULES.iter().filter(|rule| rule.0.starts_with(prefix)).collect();
    let seen = rules.iter().filter(|(id, level, ..)| {
        let chance = number(&[service, id]);
        let known = WEEKS - i64::try_from(chance % 9).expect("below 9");
        let open = diligence.weeks_open / if *level == "error" { 2 } else { 1 } + chance / 7 % 3 + 1;
        week <= known && week > known - i64::try_from(open).expect("some weeks")
    });
    let results: Vec<Value> = seen
        .map(|(id, level, _, title, _, file)| {
            json!({
                "ruleId": id,
                "level": level,
                "message": { "text": title },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": file },
                    "region": { "startLine": 20 + number(&[service, file]) % 180 },
                }}],
                "partialFingerprints": { "primaryLocationLineHash": format!("{:016x}", number(&[service, id, file])) },
            })
        })
        .collect();
    let rules: Vec<Value> = rules
        .iter()
        .map(|(id, _, severity, title, weakness, _)| {
            let tag = format!("external/cwe/{}", weakness.to_lowercase());
            json!({
                "id": id,
                "shortDescription": { "text": title },
                "properties": { "security-severity": severity, "tags": ["security", tag] },
            })
        })
        .collect();
    bytes(&json!({
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{
            "tool": { "driver": { "name": "CodeQL", "semanticVersion": "2.19.3", "rules": rules } },
            "invocations": [{ "executionSuccessful": true }],
            "results": results,
        }],
    }))
}

/// Libraries of the apps and their flaws: what a CycloneDX document with vulnerabilities says.
const APP_FLAWS: &[(&str, Flaw)] = &[
    (
        "app-ios",
        Flaw {
            id: "CVE-2023-4863",
            package: "libwebp",
            installed: "1.3.1",
            fixed: "1.3.2",
            severity: "high",
            title: "Heap overflow when an image is decoded",
        },
    ),
    (
        "app-ios",
        Flaw {
            id: "CVE-2023-39325",
            package: "grpc-swift",
            installed: "1.17.0",
            fixed: "1.18.0",
            severity: "medium",
            title: "Streams reset in quick succession use up the client",
        },
    ),
    (
        "app-android",
        Flaw {
            id: "CVE-2023-4863",
            package: "libwebp",
            installed: "1.3.1",
            fixed: "1.3.2",
            severity: "high",
            title: "Heap overflow when an image is decoded",
        },
    ),
    (
        "app-android",
        Flaw {
            id: "CVE-2023-3635",
            package: "okio",
            installed: "3.3.0",
            fixed: "3.4.0",
            severity: "high",
            title: "A crafted gzip ends the process",
        },
    ),
    (
        "app-android",
        Flaw {
            id: "CVE-2022-25647",
            package: "gson",
            installed: "2.8.8",
            fixed: "2.8.9",
            severity: "high",
            title: "Deserialisation uses up the process",
        },
    ),
    (
        "app-android",
        Flaw {
            id: "CVE-2022-24329",
            package: "kotlin-stdlib",
            installed: "1.5.31",
            fixed: "1.6.0",
            severity: "medium",
            title: "Dependencies of a build cannot be locked",
        },
    ),
];

/// An app's bill of materials with what is known of its parts, as CycloneDX 1.6.
#[must_use]
pub fn cyclonedx(service: &str, diligence: Diligence, week: i64, at: OffsetDateTime) -> Vec<u8> {
    let of_app = || APP_FLAWS.iter().filter(|(app, _)| *app == service).map(|(_, flaw)| flaw);
    let reference = |flaw: &Flaw| format!("pkg:generic/{}@{}", flaw.package, flaw.installed);
    let diligence = Diligence { meets: 100, ..diligence };
    let components: Vec<Value> = of_app()
        .map(|flaw| {
            json!({
                "type": "library",
                "bom-ref": reference(flaw),
                "name": flaw.package,
                "version": flaw.installed,
                "purl": reference(flaw),
            })
        })
        .collect();
    let vulnerabilities: Vec<Value> = of_app()
        .filter(|flaw| is_seen(service, flaw, diligence, week))
        .map(|flaw| {
            json!({
                "id": flaw.id,
                "source": { "name": "NVD", "url": format!("https://nvd.nist.gov/vuln/detail/{}", flaw.id) },
                "ratings": [{ "severity": flaw.severity, "method": "CVSSv31" }],
                "description": flaw.title,
                "recommendation": format!("Update {} to {}", flaw.package, flaw.fixed),
                "affects": [{ "ref": reference(flaw) }],
            })
        })
        .collect();
    bytes(&json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": written(at),
            "tools": { "components": [{ "type": "application", "name": "dependency-track", "version": "4.12.1" }] },
            "component": { "type": "application", "bom-ref": service, "name": service, "version": "8.4.0" },
        },
        "components": components,
        "vulnerabilities": vulnerabilities,
    }))
}

fn bytes(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).expect("JSON can be written")
}

fn written(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).expect("the year has four digits")
}
