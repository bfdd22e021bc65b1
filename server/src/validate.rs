//! Descriptors as a pipeline checks them: files found and followed, what is wrong with each, and how that is said.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fs::{self, File},
    io::Read,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use formats::{
    Limits,
    catalog::{self, Descriptor, DescriptorError, DocumentResult, MAX_INCLUDE_BYTES},
};
use model::{DocumentError, EntityRef};
use serde_json::{Value, json};
use url::Url;

use crate::descriptors;

/// What is looked for in a folder.
const NAMES: [&str; 2] = ["catalog-info.yaml", "catalog-info.yml"];

/// What is wrong, by what has to be looked at to mend it. Ids are stable: what annotates a file keeps count by them.
const RULES: &[(&str, &str)] = &[
    (UNREADABLE, "The file cannot be read"),
    ("catalog/document", "The document is no descriptor"),
    ("catalog/kind", "The kind and the version of a descriptor are known"),
    ("catalog/metadata", "The name, labels, annotations, tags and links follow the published rules"),
    ("catalog/spec", "The spec says what its kind asks for"),
    (DUPLICATE, "An entity is described once"),
    (INCLUDE, "What a descriptor includes is there and can be read"),
    (TARGET, "What a Location names is there"),
];
const UNREADABLE: &str = "catalog/unreadable";
const DUPLICATE: &str = "catalog/duplicate";
const INCLUDE: &str = "catalog/include";
const TARGET: &str = "catalog/target";

/// How what was found is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Style {
    /// A line for each document and each thing that is wrong
    #[default]
    Text,
    /// One JSON object a line and file
    Json,
    /// SARIF 2.1.0, as code hosts take it for annotations
    Sarif,
}

/// A file that was looked at.
pub struct Checked {
    pub path: PathBuf,
    /// Empty where it cannot be read.
    pub bytes: Vec<u8>,
    /// With what is wrong, also by what stands beside the file.
    pub documents: Vec<DocumentResult>,
    /// Whether a document took something in from another file.
    pub is_composed: bool,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: &'static str,
    pub file: String,
    pub line: u32,
    pub field: Option<String>,
    pub reason: String,
}

/// What a check came to.
#[derive(Default)]
pub struct Outcome {
    pub files: Vec<Checked>,
    pub findings: Vec<Finding>,
}

impl Outcome {
    /// 0 where all is right, 1 where something is wrong, 2 where files cannot be read and nothing else is wrong.
    #[must_use]
    pub fn code(&self) -> u8 {
        match (self.findings.is_empty(), self.findings.iter().all(|finding| finding.rule == UNREADABLE)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        }
    }

    /// What is printed.
    #[must_use]
    pub fn said(&self, style: Style) -> String {
        match style {
            Style::Text => self.files.iter().map(Checked::in_words).collect(),
            Style::Json => self
                .files
                .iter()
                .map(|file| format!("{}\n", catalog::results_json(&file.path.display().to_string(), &file.documents)))
                .collect(),
            Style::Sarif => format!("{:#}\n", sarif(&self.findings)),
        }
    }
}

/// Looks at files, at the descriptors of folders, and at what they name beside them.
///
/// # Errors
/// Where a folder cannot be read or holds no descriptor.
pub fn check(paths: &[PathBuf]) -> Result<Outcome> {
    let mut todo: VecDeque<(PathBuf, PathBuf)> = VecDeque::new();
    for path in paths {
        if path.is_dir() {
            let root = fs::canonicalize(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut found = Vec::new();
            descriptors::collect(path, 0, &mut found)?;
            found.retain(|path| path.file_name().is_some_and(|name| NAMES.iter().any(|known| name == *known)));
            if found.is_empty() {
                bail!("{} holds no {}", path.display(), NAMES[0]);
            }
            todo.extend(found.into_iter().map(|path| (path, root.clone())));
        } else {
            let root = root_of(path);
            todo.push_back((path.clone(), root));
        }
    }
    let mut outcome = Outcome::default();
    let mut seen = BTreeSet::new();
    let mut entities: HashMap<EntityRef, (PathBuf, usize)> = HashMap::new();
    while let Some((path, root)) = todo.pop_front() {
        if !seen.insert(fs::canonicalize(&path).unwrap_or_else(|_| path.clone())) {
            continue;
        }
        let mut file = Checked { path, bytes: Vec::new(), documents: Vec::new(), is_composed: false };
        match descriptors::read_file(&file.path) {
            Ok(read) => file.bytes = read.bytes,
            Err(error) => {
                file.documents = vec![unreadable(&format!("{error:#}"))];
                outcome.findings.push(file.finding(UNREADABLE, &file.documents[0].errors()[0]));
                outcome.files.push(file);
                continue;
            }
        }
        let text = String::from_utf8_lossy(&file.bytes);
        for mut result in catalog::read(&file.bytes, Limits::default()) {
            let mut wrong: Vec<(&'static str, DescriptorError)> =
                result.errors().iter().map(|error| (rule_of(error), error.clone())).collect();
            if let Ok(descriptor) = &mut result.outcome {
                file.is_composed |= !descriptor.includes().is_empty();
                include(descriptor, &file.path, &root, &text, &mut wrong);
                follow(descriptor, &file.path, &root, &text, &mut wrong, &mut todo);
                let at = (file.path.clone(), descriptor.line);
                if let Some((first, line)) = entities.get(&descriptor.entity_ref()) {
                    let reason = format!("{}, line {line}, describes the same entity", first.display());
                    wrong.push((DUPLICATE, error(descriptor, descriptor.line, "metadata.name", reason)));
                } else {
                    entities.insert(descriptor.entity_ref(), at);
                }
            }
            outcome.findings.extend(wrong.iter().map(|(rule, error)| file.finding(rule, error)));
            if !wrong.is_empty() {
                result.outcome = Err(wrong.into_iter().map(|(_, error)| error).collect());
            }
            file.documents.push(result);
        }
        outcome.files.push(file);
    }
    Ok(outcome)
}

/// Where a file's neighbours may lie: the working folder, as a checkout is, where the file is in it; else its own.
fn root_of(path: &Path) -> PathBuf {
    let own = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let own = fs::canonicalize(own).unwrap_or_else(|_| own.to_owned());
    match std::env::current_dir().and_then(fs::canonicalize) {
        Ok(here) if own.starts_with(&here) => here,
        _ => own,
    }
}

/// Puts in what stands in files beside the descriptor; what is elsewhere stays as it is.
fn include(
    descriptor: &mut Descriptor,
    path: &Path,
    root: &Path,
    text: &str,
    wrong: &mut Vec<(&'static str, DescriptorError)>,
) {
    for include in descriptor.includes() {
        let Some(file) = beside(path, root, &include.target) else { continue };
        let included = read_some(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))
            .and_then(|bytes| descriptor.include(&include, &bytes));
        if let Err(reason) = included {
            let field = include.pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/");
            let line = line_of(text, descriptor.line, &include.target);
            wrong.push((INCLUDE, error(descriptor, line, &field, reason)));
        }
    }
}

/// Goes on to the files beside it that a Location names.
fn follow(
    descriptor: &Descriptor,
    path: &Path,
    root: &Path,
    text: &str,
    wrong: &mut Vec<(&'static str, DescriptorError)>,
    todo: &mut VecDeque<(PathBuf, PathBuf)>,
) {
    for target in descriptor.targets() {
        let Some(file) = beside(path, root, &target) else { continue };
        if file.is_file() {
            todo.push_back((file, root.to_owned()));
        } else {
            let reason = format!("there is no file {}", file.display());
            let line = line_of(text, descriptor.line, &target);
            wrong.push((TARGET, error(descriptor, line, "spec.targets", reason)));
        }
    }
}

/// The file that `target` names beside `path`, where that is within `root`: not an address, a pattern, or outside.
fn beside(path: &Path, root: &Path, target: &str) -> Option<PathBuf> {
    if target.contains("://") || target.contains('*') || Path::new(target).is_absolute() {
        return None;
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut real = fs::canonicalize(folder).ok()?;
    let mut shown = folder.to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                real.pop();
                if !shown.pop() || shown.as_os_str().is_empty() {
                    shown.clone_from(&real);
                }
            }
            Component::Normal(name) => {
                real.push(name);
                shown.push(name);
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    // a link may lead out of the folder too
    let real = fs::canonicalize(&real).unwrap_or(real);
    real.starts_with(root).then_some(shown)
}

fn read_some(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_INCLUDE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first line from the document's on that says `what`.
fn line_of(text: &str, from: usize, what: &str) -> usize {
    let mut lines = text.lines().enumerate().skip(from.saturating_sub(1));
    lines.find(|(_, line)| line.contains(what)).map_or(from, |(index, _)| index + 1)
}

fn error(descriptor: &Descriptor, line: usize, field: &str, reason: String) -> DescriptorError {
    DescriptorError { document: descriptor.document, line, field: Some(field.to_owned()), reason }
}

fn unreadable(reason: &str) -> DocumentResult {
    let error = DescriptorError { document: 1, line: 1, field: None, reason: reason.to_owned() };
    DocumentResult { document: 1, line: 1, kind: None, name: None, outcome: Err(vec![error]) }
}

fn rule_of(error: &DescriptorError) -> &'static str {
    rule(error.field.as_deref())
}

fn rule(field: Option<&str>) -> &'static str {
    match field.unwrap_or_default() {
        "kind" | "apiVersion" => "catalog/kind",
        field if field.starts_with("metadata") => "catalog/metadata",
        field if field.starts_with("spec") => "catalog/spec",
        _ => "catalog/document",
    }
}

impl Finding {
    /// What a portal found.
    #[must_use]
    pub fn told(error: &DocumentError) -> Self {
        Self {
            rule: rule(error.field.as_deref()),
            file: error.file.clone(),
            line: error.line,
            field: error.field.clone(),
            reason: error.reason.clone(),
        }
    }

    /// What a portal cannot know: it is about what stands beside the files here.
    #[must_use]
    pub fn is_of_the_files(&self) -> bool {
        matches!(self.rule, UNREADABLE | INCLUDE | TARGET)
    }

    #[must_use]
    pub fn in_words(&self) -> String {
        let field = self.field.as_ref().map(|field| format!(" {field}:")).unwrap_or_default();
        format!("{}:{}{field} {}\n", self.file, self.line, self.reason)
    }
}

impl Checked {
    fn finding(&self, rule: &'static str, error: &DescriptorError) -> Finding {
        Finding {
            rule,
            file: self.path.display().to_string(),
            line: u32::try_from(error.line).unwrap_or(u32::MAX),
            field: error.field.clone(),
            reason: error.reason.clone(),
        }
    }

    fn in_words(&self) -> String {
        let file = self.path.display();
        let mut lines = String::new();
        for document in &self.documents {
            if let Ok(descriptor) = &document.outcome {
                let (kind, name) = (descriptor.kind.label(), &descriptor.metadata.name);
                lines += &format!("{file}:{} {kind} {name} is right\n", document.line);
            }
            for error in document.errors() {
                lines += &self.finding(rule_of(error), error).in_words();
            }
        }
        lines
    }

    /// What a portal is sent: the file; or, where documents took something in, those documents with it, each on the line
    /// at which it stands in the file, so that what is said of them fits.
    #[must_use]
    pub fn whole(&self) -> Vec<u8> {
        let is_told = |document: &DocumentResult| match &document.outcome {
            // what is missing from a spec stays in it, for the portal
            Ok(descriptor) => descriptor.includes().iter().all(|include| include.pointer.starts_with("/spec/")),
            Err(_) => false,
        };
        if !self.is_composed || !self.documents.iter().all(is_told) {
            return self.bytes.clone();
        }
        let mut text = String::new();
        let mut line = 1;
        for descriptor in self.documents.iter().filter_map(|document| document.outcome.as_ref().ok()) {
            while line < descriptor.line {
                text.push('\n');
                line += 1;
            }
            let document = json!({
                "apiVersion": descriptor.api_version,
                "kind": descriptor.kind.label(),
                "metadata": descriptor.metadata,
                "spec": descriptor.spec,
            });
            text += &format!("--- {document}\n");
            line += 1;
        }
        text.into_bytes()
    }
}

/// A log as OASIS SARIF 2.1.0 states it.
#[must_use]
pub fn sarif(findings: &[Finding]) -> Value {
    let rules = RULES.iter().map(|(id, says)| {
        json!({ "id": id, "shortDescription": { "text": says }, "defaultConfiguration": { "level": "error" } })
    });
    let results = findings.iter().map(|finding| {
        let field = finding.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
        json!({
            "ruleId": finding.rule,
            "ruleIndex": RULES.iter().position(|(id, _)| *id == finding.rule),
            "level": "error",
            "message": { "text": format!("{field}{}", finding.reason) },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": uri(&finding.file) },
                    "region": { "startLine": finding.line.max(1) },
                },
            }],
        })
    });
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "rampart catalog",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules.collect::<Vec<_>>(),
                },
            },
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

/// A path as an address: relative to the working folder where it lies in it, as code hosts want it.
fn uri(path: &str) -> String {
    let path = Path::new(path);
    let here = std::env::current_dir().unwrap_or_default();
    let relative = path.strip_prefix(&here).unwrap_or(path);
    if relative.is_absolute() {
        return Url::from_file_path(relative).map_or_else(|()| relative.display().to_string(), |url| url.to_string());
    }
    let relative = relative.strip_prefix(".").unwrap_or(relative);
    // encoded as a path of an address is, without being one
    let rooted = Url::from_file_path(Path::new("/").join(relative));
    rooted.map_or_else(|()| relative.display().to_string(), |url| url.path().trim_start_matches('/').to_owned())
}
