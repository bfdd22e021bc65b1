//! Descriptors at the command line, as scripts see it: what is printed and how it ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

const RIGHT: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: pay\nspec:\n  type: service\n  lifecycle: production\n  owner: payments\n";
const WRONG: &str =
    "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: pay\nspec:\n  type: service\n";

/// A folder of this test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rampart-catalog-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn validate(files: &[&Path], json: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
    // a setting that is wrong is no reason to leave a descriptor unread
    command.args(["catalog", "validate"]).args(files).args(json.then_some("--json")).env("RAMPART_ADDR", "nowhere");
    command.output().unwrap()
}

#[test]
fn a_right_file_ends_with_0_and_names_its_documents() {
    let folder = Folder::new("right");
    let path = folder.file("catalog-info.yaml", &format!("{RIGHT}---\n{}", RIGHT.replace("pay", "ledger")));
    let output = validate(&[&path], true);
    assert!(output.status.success(), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["file"], path.display().to_string());
    let names: Vec<&str> =
        found["documents"].as_array().unwrap().iter().filter_map(|document| document["name"].as_str()).collect();
    assert_eq!(names, ["pay", "ledger"]);
    assert_eq!(found["documents"][0]["kind"], "Component");
    assert_eq!(found["documents"][0]["errors"], serde_json::json!([]));
}

#[test]
fn a_wrong_document_ends_with_1_and_says_where_in_json_and_in_words() {
    let folder = Folder::new("wrong");
    let (right, wrong) = (folder.file("a.yaml", RIGHT), folder.file("b.yaml", WRONG));
    let output = validate(&[&right, &wrong, &folder.0.join("none.yaml")], true);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "a line and file");
    assert_eq!(lines[1]["documents"][0]["errors"].as_array().unwrap().len(), 2, "lifecycle and owner");
    assert_eq!(lines[1]["documents"][0]["errors"][0]["line"], 5);
    assert!(lines[2]["documents"][0]["errors"][0]["reason"].as_str().unwrap().contains("cannot read"));

    let words = String::from_utf8(validate(&[&wrong], false).stdout).unwrap();
    assert!(words.contains("b.yaml:5 spec.owner:"), "{words}");
}

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
    command.args(["catalog", "validate"]).args(arguments).current_dir(&folder.0).output().unwrap()
}

#[test]
fn a_folder_is_followed_from_its_descriptors_to_what_they_name_and_no_further() {
    let folder = Folder::new("followed");
    let outside = Folder::new("outside");
    outside.file("secret.yaml", "no");
    let location = |targets: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {{name: all}}\nspec:\n  targets: [{targets}]\n"
        )
    };
    let beyond = format!("../../{}/secret.yaml", outside.0.file_name().unwrap().display());
    folder.file(
        "shop/catalog-info.yaml",
        &location(&format!("../services/pay.yaml, {beyond}, https://example.com/a.yaml")),
    );
    folder.file("services/pay.yaml", &RIGHT.replace("  owner: payments\n", "  owner: {$text: OWNER}\n"));
    folder.file("services/OWNER", "payments");
    folder.file("unnamed.yaml", "no");
    let output = run(&folder, &["."]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(words.contains("Location all is right") && words.contains("Component pay is right"), "{words}");
    assert_eq!(words.lines().count(), 2, "{words}");

    folder.file("services/OWNER", "");
    folder.file("shop/catalog-info.yaml", &location("../services/pay.yaml,\n    ../services/gone.yaml"));
    let output = run(&folder, &["."]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.contains("catalog-info.yaml:6 spec.targets: there is no file"), "{words}");
    assert!(
        words.contains("pay.yaml:8 spec.owner: with OWNER included: spec.owner: this must not be empty"),
        "{words}"
    );
}

#[test]
fn a_sarif_log_names_rule_file_and_line() {
    let folder = Folder::new("sarif");
    folder.file("a b/catalog-info.yaml", WRONG);
    folder.file("c/catalog-info.yaml", "kind: [");
    let output = run(&folder, &["--format", "sarif", "."]);
    assert_eq!(output.status.code(), Some(1));
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let run = &log["runs"][0];
    let rules: Vec<&Value> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 3, "{log:#}");
    for result in results {
        assert_eq!(rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()], &result["ruleId"]);
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert_eq!(result["level"], "error");
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/catalog-info.yaml");
    assert_eq!((&results[0]["ruleId"], &place["region"]["startLine"]), (&"catalog/spec".into(), &5.into()));
    assert_eq!(results[2]["ruleId"], "catalog/document");
    // the reader of scanners' reports takes the log for one
    let read = formats::scan::read(&output.stdout, formats::Limits::default()).unwrap();
    assert_eq!(read.findings.len(), 3);
}

#[test]
fn what_cannot_be_read_or_is_asked_wrongly_ends_with_2() {
    let folder = Folder::new("unreadable");
    folder.file("empty/readme.md", "no");
    for arguments in
        [&["none.yaml"] as &[&str], &["empty"], &[], &["--format", "xml", "."], &["--json", "--format", "text", "."]]
    {
        let output = run(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_kind_of_ones_own_is_validated_by_its_schema() {
    let folder = Folder::new("kinds");
    let kind = "apiVersion: rampart/v1\nkind: EntityKind\nmetadata: {name: queue}\nspec:\n  kind: Queue\n  apiVersions: [example.com/v1]\n  schema: {required: [broker]}\n";
    folder.file("kinds/queue.yaml", kind);
    folder.file("orders.yaml", "apiVersion: example.com/v1\nkind: Queue\nmetadata: {name: orders}\nspec: {}\n");
    assert_eq!(run(&folder, &["orders.yaml"]).status.code(), Some(1), "not declared");
    let output = run(&folder, &["orders.yaml", "--catalog-kinds", "kinds"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("orders.yaml:4 spec: broker is missing"));
    folder.file("kinds/queue.yaml", &kind.replace("kind: Queue", "kind: queue"));
    let output = run(&folder, &["orders.yaml", "--catalog-kinds", "kinds"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("kinds/queue.yaml:5 spec.kind must match"));
}

#[test]
fn a_folder_is_read_by_name_without_what_is_hidden_linked_or_no_descriptor() {
    let folder = Folder::new("folder");
    folder.file("b/catalog-info.yaml", RIGHT);
    folder.file("a.yml", RIGHT);
    folder.file("readme.md", "no");
    folder.file(".git/config.yaml", "no");
    std::os::unix::fs::symlink("/etc", folder.0.join("link")).unwrap();
    let files = server::descriptors::read(&folder.0).unwrap();
    let names: Vec<String> =
        files.iter().map(|file| file.path.replace(&format!("{}/", folder.0.display()), "")).collect();
    assert_eq!(names, ["a.yml", "b/catalog-info.yaml"]);
    assert!(server::descriptors::read(&folder.0.join("none")).is_err());
}

#[test]
fn every_real_descriptor_is_read_or_refused_with_its_place() {
    let corpus = std::env::var("RAMPART_CORPUS").unwrap_or_else(|_| "../../shared/data".to_owned());
    let folder = Path::new(&corpus).join("catalog/files");
    if !folder.exists() {
        eprintln!("skipped: no corpus at {}", folder.display());
        return;
    }
    let files = server::descriptors::read(&folder).unwrap();
    assert!(files.len() > 40, "{}", files.len());
    for file in files {
        let output = validate(&[Path::new(&file.path)], true);
        let found: Vec<Value> =
            output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let documents: Vec<&Value> = found.iter().flat_map(|file| file["documents"].as_array().unwrap()).collect();
        let wrong = documents.iter().any(|document| !document["errors"].as_array().unwrap().is_empty());
        assert_eq!(output.status.code(), Some(i32::from(wrong)), "{}", file.path);
        assert!(!documents.is_empty(), "{}", file.path);
        for error in documents.iter().flat_map(|document| document["errors"].as_array().unwrap()) {
            assert!(error["line"].as_u64().unwrap() >= 1 && !error["reason"].as_str().unwrap().is_empty());
        }
    }
}
