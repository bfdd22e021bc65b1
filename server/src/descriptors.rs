//! Descriptors from the administrator's files and folders, for the command line and for the start of the server.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use model::{ImportReport, SourceKind};
use portal::{
    Actor, Portal,
    catalog::{self, DescriptorFile, MAX_FILES, SourceName, kinds::KindFile},
};

/// Folders within each other; what lies deeper is not meant.
const MAX_DEPTH: usize = 16;

/// Reads one path into the catalog, as the source of that name or of the path's own.
///
/// # Errors
/// Where the path cannot be read, or the import was refused; wrong documents are in the report.
pub async fn import(portal: &Portal, path: &Path, source: Option<&str>) -> Result<ImportReport> {
    let files = read(path)?;
    let name = match source {
        Some(name) => name.to_owned(),
        None => {
            fs::canonicalize(path).with_context(|| format!("cannot read {}", path.display()))?.display().to_string()
        }
    };
    let actor = Actor::system("catalog.import", None, "catalog import".to_owned());
    let source = SourceName { kind: SourceKind::File, name };
    Ok(catalog::import(portal, &actor, &source, files).await?)
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
