//! `THIRD-PARTY-LICENCES.md`: whose work the server's binary and the browser's build are made of, and on what terms.
//!
//! The packages come from `cargo metadata` for one platform, so that the file is the same wherever it is written. What
//! offers the Apache License 2.0, Rampart's own, is taken under it; of all else the package's own texts are repeated.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

const FILE: &str = "THIRD-PARTY-LICENCES.md";
const PLATFORM: &str = "x86_64-unknown-linux-gnu";
/// What npm brings that is in what is served: the typeface, and the style that Tailwind begins every page's with.
const NPM: &[&str] = &["@fontsource-variable/inter", "tailwindcss"];
/// What files of terms begin with, in lower case.
const TERMS: &[&str] = &["license", "licence", "copying", "copyright", "unlicense", "notice"];

/// One package that is shipped.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    /// SPDX, as the package says it.
    terms: String,
    home: String,
    folder: PathBuf,
}

/// Writes the file, or says that it is not what it should be.
pub fn run(check: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
    let mut packages = crates(root, "server/Cargo.toml", &[], PLATFORM)?;
    let browser = ["--no-default-features", "--features", "hydrate"];
    packages.append(&mut crates(root, "app/Cargo.toml", &browser, "wasm32-unknown-unknown")?);
    for name in NPM {
        packages.insert(npm(root, name)?);
    }
    let text = document(&packages)?;
    let path = root.join(FILE);
    if !check {
        return fs::write(&path, text).with_context(|| format!("writing {FILE}"));
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    if let Some((line, (is, should))) =
        there.lines().chain([""]).zip(text.lines().chain([""])).enumerate().find(|(_, (is, should))| is != should)
    {
        bail!(
            "{FILE} is not what is shipped, at line {}: {is:?} should be {should:?}; run `cargo xtask licences`",
            line + 1
        );
    }
    ensure!(there == text, "{FILE} is not what is shipped; run `cargo xtask licences`");
    Ok(())
}

/// The packages that a workspace member's build links: normal dependencies, without what runs at compile time only.
fn crates(root: &Path, manifest: &str, features: &[&str], platform: &str) -> Result<BTreeSet<Package>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--manifest-path",
            manifest,
            "--filter-platform",
            platform,
        ])
        .args(features)
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
    let by_id = |list: &Value| -> BTreeMap<String, Value> {
        let items = list.as_array().cloned().unwrap_or_default();
        items.into_iter().map(|item| (text(&item["id"]), item)).collect()
    };
    let (packages, nodes) = (by_id(&metadata["packages"]), by_id(&metadata["resolve"]["nodes"]));
    let start = packages.values().find(|package| Path::new(&text(&package["manifest_path"])) == root.join(manifest));
    let mut waiting = vec![text(&start.context("cargo metadata does not know the package")?["id"])];
    let (mut seen, mut shipped) = (BTreeSet::new(), BTreeSet::new());
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let package = &packages[&id];
        let is_macro =
            list(&package["targets"]).iter().any(|target| list(&target["kind"]).contains(&"proc-macro".into()));
        if is_macro {
            continue;
        }
        // what has no source is the workspace's own
        if !package["source"].is_null() {
            shipped.insert(of_crate(package)?);
        }
        for dependency in list(&nodes[&id]["deps"]) {
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                waiting.push(text(&dependency["pkg"]));
            }
        }
    }
    Ok(shipped)
}

fn of_crate(package: &Value) -> Result<Package> {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let terms = match package["license"].as_str() {
        Some(terms) => terms.replace('/', " OR "),
        None => format!("see {}", text(&package["license_file"])),
    };
    Ok(Package {
        name: text(&package["name"]),
        version: text(&package["version"]),
        terms,
        home: text(&package["repository"]),
        folder: manifest.parent().context("a manifest lies in a folder")?.to_owned(),
    })
}

fn npm(root: &Path, name: &str) -> Result<Package> {
    let folder = root.join("node_modules").join(name);
    let text_of = fs::read_to_string(folder.join("package.json"));
    let manifest: Value =
        serde_json::from_str(&text_of.with_context(|| format!("{name}: run scripts/prepare-npm.sh first"))?)?;
    let home = manifest["repository"]["url"].as_str().unwrap_or_default();
    Ok(Package {
        name: name.to_owned(),
        version: text(&manifest["version"]),
        terms: text(&manifest["license"]),
        home: home.trim_start_matches("git+").to_owned(),
        folder,
    })
}

fn document(packages: &BTreeSet<Package>) -> Result<String> {
    let mut out = "# Third-party licences\n\nRampart's binary and what it sends to browsers hold the work below. What offers the Apache License 2.0 is taken under it; its text is in LICENSE. Written by `cargo xtask licences`.\n\n| package | version | terms | from |\n|---|---|---|---|\n".to_owned();
    // each text once, with all who use it
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages {
        let Package { name, version, terms, home, .. } = package;
        out += &format!("| {name} | {version} | {terms} | {home} |\n");
        for text in terms_of(package)? {
            texts.entry(text).or_default().insert(format!("{name} {version}"));
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(_, a), (_, b)| a.cmp(b));
    for (text, of) in texts {
        out += &format!("\n## {}\n\n~~~text\n{text}\n~~~\n", of.into_iter().collect::<Vec<_>>().join(", "));
    }
    Ok(out)
}

/// The texts that go with a package: of one that is taken under the Apache License its notices, which that asks for.
fn terms_of(package: &Package) -> Result<Vec<String>> {
    let is_apache = package.terms.split(" OR ").any(|terms| terms.trim_matches(['(', ')', ' ']) == "Apache-2.0");
    let mut names: Vec<String> = fs::read_dir(&package.folder)
        .with_context(|| format!("reading {}", package.folder.display()))?
        .filter_map(|entry| entry.ok().filter(|entry| entry.path().is_file()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let name = name.to_lowercase();
            // a licence's code is no licence
            let is_text = !name.ends_with(".rs") && !name.ends_with(".json") && !name.ends_with(".html");
            is_text && TERMS.iter().any(|begins| name.starts_with(begins)) && (!is_apache || name.starts_with("notice"))
        })
        .collect();
    names.sort();
    if names.is_empty() && !is_apache {
        return Ok(vec![format!("The package carries no text of its terms, {}.", package.terms)]);
    }
    names
        .iter()
        .map(|name| Ok(plain(&fs::read(package.folder.join(name)).with_context(|| format!("reading {name}"))?)))
        .collect()
}

/// The same text from wherever it comes: no trailing space, no carriage return, no empty line at either end.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').replace("~~~", "~ ~ ~").trim_start_matches('\u{feff}').to_owned()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
