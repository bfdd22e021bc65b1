//! Descriptors from the administrator's files and folders, for the command line and for the start of the server.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use model::{DocumentError, ImportReport, SourceKind};
use portal::{
    Actor, Portal,
    catalog::{self, DescriptorFile, MAX_FILES, Reading, SourceName, kinds::KindFile},
};

/// Folders within each other; what lies deeper is not meant.
const MAX_DEPTH: usize = 16;

/// Reads one path into the catalog, as the source of that name or of the path's own.
///
/// # Errors
/// Where the path cannot be read, or the import was refused; wrong documents are in the report.
pub async fn import(portal: &Portal, path: &Path, source: Option<&str>) -> Result<ImportReport> {
    let mut files = read(path)?;
    let reading = follow(path, &mut files)?;
    let name = match source {
        Some(name) => name.to_owned(),
        None => {
            fs::canonicalize(path).with_context(|| format!("cannot read {}", path.display()))?.display().to_string()
        }
    };
    let actor = Actor::system("catalog.import", None, "catalog import".to_owned());
    let source = SourceName { kind: SourceKind::File, name };
    Ok(catalog::import_reading(portal, &actor, &source, files, reading).await?)
}

/// Adds the files that Locations name beside those that are there, and finds what descriptors include: never outside the
/// folder, neither by `..` nor by a link. Addresses are for sources of their own.
fn follow(path: &Path, files: &mut Vec<DescriptorFile>) -> Result<Reading> {
    let about = || format!("cannot read {}", path.display());
    let whole = fs::canonicalize(path).with_context(about)?;
    let root = if whole.is_dir() { whole } else { whole.parent().map(Path::to_owned).unwrap_or_default() };
    let mut known: BTreeSet<PathBuf> =
        files.iter().map(|file| fs::canonicalize(&file.path)).collect::<Result<_, _>>().with_context(about)?;
    let mut reading = Reading { whole: true, ..Reading::default() };
    let mut at = 0;
    while let Some(file) = files.get(at).cloned() {
        at += 1;
        for result in formats::catalog::read(&file.bytes, formats::Limits::default()) {
            let Ok(descriptor) = result.outcome else { continue };
            for include in descriptor.includes() {
                let found = within(&root, &file.path, &include.target).and_then(|path| bytes(&path));
                reading.beside.insert((file.path.clone(), include.target), found);
            }
            for target in descriptor.targets().iter().filter(|target| !target.contains("://")) {
                let found = within(&root, &file.path, target).and_then(|path| match known.insert(path.clone()) {
                    true => bytes(&path).map(|bytes| Some(DescriptorFile { path: path.display().to_string(), bytes })),
                    false => Ok(None),
                });
                match found {
                    Ok(found) => files.extend(found),
                    Err(reason) => {
                        reading.whole = false;
                        reading.errors.push(DocumentError {
                            file: file.path.clone(),
                            document: u32::try_from(descriptor.document).unwrap_or(u32::MAX),
                            line: u32::try_from(descriptor.line).unwrap_or(u32::MAX),
                            kind: Some(descriptor.kind.label().to_owned()),
                            name: Some(descriptor.metadata.name.clone()),
                            field: Some("spec.targets".to_owned()),
                            reason,
                        });
                    }
                }
            }
        }
        if files.len() > MAX_FILES {
            bail!("{} and what it points to: an import takes at most {MAX_FILES} files", path.display());
        }
    }
    Ok(reading)
}

/// Where `target` of a file leads, where that is within the folder.
fn within(root: &Path, file: &str, target: &str) -> Result<PathBuf, String> {
    if target.contains("://") {
        return Err(format!("{target} is an address; files of this server take in only what stands beside them"));
    }
    let beside = Path::new(file).parent().unwrap_or(root).join(target);
    let path = fs::canonicalize(beside).map_err(|error| format!("{target} cannot be read: {error}"))?;
    if path.starts_with(root) { Ok(path) } else { Err(format!("{target} leads out of {}", root.display())) }
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    read_file(path).map(|file| file.bytes).map_err(|error| format!("{error:#}"))
}

/// What `RAMPART_CATALOG_PATHS` names, at the start: a path that cannot be read is logged and keeps nobody out.
pub async fn import_all(portal: &Portal, paths: &[String]) {
    for path in paths {
        match import(portal, Path::new(path), None).await {
            Ok(report) => tracing::info!(
                path,
                created = report.created.len(),
                updated = report.updated.len(),
                wrong = report.errors.len(),
                "read descriptors"
            ),
            Err(error) => tracing::error!(path, error = %format!("{error:#}"), "cannot read descriptors"),
        }
    }
}

/// A file, or every `.yaml` and `.yml` of a folder and the folders in it, by name. Links are not followed, and what
/// begins with a dot is left alone.
///
/// # Errors
/// Where something cannot be read, or there is nothing or too much to read.
pub fn read(path: &Path) -> Result<Vec<DescriptorFile>> {
    let about = || format!("cannot read {}", path.display());
    let mut paths = Vec::new();
    if fs::metadata(path).with_context(about)?.is_dir() {
        collect(path, 0, &mut paths)?;
        if paths.is_empty() {
            bail!("{} holds no .yaml file", path.display());
        }
    } else {
        paths.push(path.to_owned());
    }
    paths.iter().map(|path| read_file(path)).collect()
}

/// Makes the kinds known that the files declare which `RAMPART_CATALOG_KINDS` names.
///
/// # Errors
/// What keeps them from being read, or everything that is wrong with them.
pub fn declare_kinds(path: Option<&str>) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let path = Path::new(path);
    let mut paths = Vec::new();
    if fs::metadata(path).with_context(|| format!("RAMPART_CATALOG_KINDS: cannot read {}", path.display()))?.is_dir() {
        collect(path, 0, &mut paths).context("RAMPART_CATALOG_KINDS")?;
    } else {
        paths.push(path.to_owned());
    }
    let mut files = Vec::new();
    for path in paths {
        let about = || format!("RAMPART_CATALOG_KINDS: cannot read {}", path.display());
        let text = fs::read_to_string(&path).with_context(about)?;
        files.push(KindFile { path: path.display().to_string(), text });
    }
    catalog::kinds::declare(&files).map(drop).map_err(|wrong| {
        let wrong = wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ");
        anyhow::anyhow!("RAMPART_CATALOG_KINDS: a kind cannot be declared:\n  {wrong}")
    })
}

/// One file, no more of it than is told to be too much.
///
/// # Errors
/// Where it cannot be read.
pub fn read_file(path: &Path) -> Result<DescriptorFile> {
    let about = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    let limit = formats::catalog::MAX_BYTES as u64 + 1;
    File::open(path).with_context(about)?.take(limit).read_to_end(&mut bytes).with_context(about)?;
    Ok(DescriptorFile { path: path.display().to_string(), bytes })
}

/// The YAML files of a folder by name, without what is hidden or linked.
pub(crate) fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let about = || format!("cannot read {}", folder.display());
    let mut entries = fs::read_dir(folder).with_context(about)?.collect::<Result<Vec<_>, _>>().with_context(about)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().with_context(about)?);
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let is_descriptor = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if kind.is_dir() && depth < MAX_DEPTH {
            collect(&path, depth + 1, found)?;
        } else if kind.is_file() && is_descriptor {
            found.push(path);
        }
        if found.len() > MAX_FILES {
            bail!("{} and more: an import takes at most {MAX_FILES} files", folder.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_a_file_is_taken_in_and_nothing_outside_its_folder() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.yaml"), "secret: 1\n").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let location = "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: all\nspec:\n  targets:\n";
        fs::write(
            at("catalog-info.yaml"),
            format!("{location}    - ./more/pay.txt\n    - ../secret.yaml\n    - link.txt\n    - /etc/passwd\n    - gone.yaml\n"),
        )
        .unwrap();
        fs::create_dir(at("more")).unwrap();
        let api = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: orders\nspec:\n  type: openapi\n  lifecycle: production\n  owner: payments\n  definition:\n    $text: ./orders.json\n";
        fs::write(at("more/pay.txt"), api).unwrap();
        fs::write(at("more/orders.json"), "{}").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.yaml"), at("link.txt")).unwrap();

        let mut files = read(&at("catalog-info.yaml")).unwrap();
        let reading = follow(&at("catalog-info.yaml"), &mut files).unwrap();
        assert_eq!(files.len(), 2);
        assert!(files[1].path.ends_with("more/pay.txt"), "{files:?}");
        assert_eq!(reading.beside.values().next(), Some(&Ok(b"{}".to_vec())));
        assert_eq!(reading.errors.len(), 4, "{:?}", reading.errors);
        assert!(!reading.whole, "what cannot be had is not gone");
        assert!(!format!("{files:?}").contains("secret: 1"));
    }
}
