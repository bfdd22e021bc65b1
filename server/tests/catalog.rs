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
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let documents = found["documents"].as_array().unwrap();
        let wrong = documents.iter().any(|document| !document["errors"].as_array().unwrap().is_empty());
        assert_eq!(output.status.code(), Some(i32::from(wrong)), "{}", file.path);
        assert!(!documents.is_empty(), "{}", file.path);
        for error in documents.iter().flat_map(|document| document["errors"].as_array().unwrap()) {
            assert!(error["line"].as_u64().unwrap() >= 1 && !error["reason"].as_str().unwrap().is_empty());
        }
    }
}
