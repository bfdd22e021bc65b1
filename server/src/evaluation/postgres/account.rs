//! The operating system's account that Postgres runs as, and how that account reaches our folders.
//!
//! Postgres refuses to run as root. A portal that is root (in a container, say) therefore runs it as another user,
//! who often may not even enter the folder above the data: a root's home or a temporary folder is closed to everybody
//! else. On Linux the data folder is then handed over open, as an inherited file descriptor, and named through `/proc`.

use std::{
    env, fs,
    io::{self, Read},
    os::{
        fd::AsRawFd,
        unix::{
            fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::Command,
};

use portal::Rng;
use sha2::{Digest, Sha256};

use super::{Error, Result, binaries::Binaries, io_failed};

/// Who runs Postgres.
#[derive(Clone, Copy, Debug)]
pub(super) enum Account {
    /// The user who runs the portal.
    Ours,
    /// Another one, because the portal is root.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Whoever owns the data; for new data this user, or `postgres` or `nobody` where this user is root.
    pub(super) fn for_data(data: &Path) -> Result<Self> {
        let us = rustix::process::geteuid().as_raw();
        let owner = fs::metadata(data).ok().map(|it| (it.uid(), it.gid()));
        match owner {
            Some((owner, _)) if us != 0 && owner != us => Err(Error::NotOurs { folder: data.to_owned(), owner, us }),
            _ if us != 0 => Ok(Self::Ours),
            Some((uid, gid)) if uid != 0 => Ok(Self::Other { uid, gid }),
            _ => {
                let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
                let (uid, gid) =
                    ["postgres", "nobody"].iter().find_map(|name| user(&users, name)).ok_or(Error::NoAccount)?;
                Ok(Self::Other { uid, gid })
            }
        }
    }

    /// A command that runs `program` as this account, with nothing of our environment that would change what it does.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").current_dir("/");
        for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes a folder that only this account enters.
    pub(super) fn make_folder(self, folder: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(folder)?;
        self.give(folder)
    }

    pub(super) fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Ours => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }

    /// A name for `path` that a process of this account can use, while the result lives.
    pub(super) fn reach(self, path: &Path) -> io::Result<Reach> {
        if matches!(self, Self::Ours) || !cfg!(target_os = "linux") {
            return Ok(Reach { path: path.to_owned(), _open: None });
        }
        let open = fs::File::open(path)?;
        rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty())?;
        Ok(Reach { path: format!("/proc/self/fd/{}", open.as_raw_fd()).into(), _open: Some(open) })
    }

    /// Binaries that this account can run: the same, or a copy where a folder above them is closed to it.
    pub(super) fn usable(self, binaries: Binaries, rng: &Rng) -> Result<Binaries> {
        let Self::Other { uid, gid } = self else { return Ok(binaries) };
        if binaries.folder.ancestors().all(|folder| may_enter(folder, uid, gid)) {
            return Ok(binaries);
        }
        let installation = binaries.folder.parent().expect("a folder bin has one above it").to_owned();
        let copy = copy_for_others(&installation, binaries.major, rng).map_err(io_failed("copy", &installation))?;
        Ok(Binaries { folder: copy.join(binaries.folder.file_name().expect("it is not /")), ..binaries })
    }
}

/// A path, and what must stay open for it to lead somewhere.
pub(super) struct Reach {
    pub path: PathBuf,
    _open: Option<fs::File>,
}

/// The user and group ids of `name` in the text of `/etc/passwd`.
fn user(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = users.lines().map(|line| line.split(':')).find(|it| it.clone().next() == Some(name))?.skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn may_enter(folder: &Path, uid: u32, gid: u32) -> bool {
    fs::metadata(folder).is_ok_and(|it| {
        let bit = match () {
            () if it.uid() == uid => 0o100,
            () if it.gid() == gid => 0o010,
            () => 0o001,
        };
        it.mode() & bit != 0
    })
}

/// Copies a Postgres installation to a temporary folder that everybody can read, once.
fn copy_for_others(installation: &Path, major: u32, rng: &Rng) -> io::Result<PathBuf> {
    let mut changed = Vec::new();
    fs::File::open(installation.join("bin/postgres"))?.take(1 << 16).read_to_end(&mut changed)?;
    let digest = Sha256::new().chain_update(installation.as_os_str().as_encoded_bytes()).chain_update(changed);
    let name = format!("rampart-postgres-{major}-{}", hex::encode(&digest.finalize()[..8]));
    let copy = env::temp_dir().join(&name);

    if is_copy_of_ours(&copy)? {
        return Ok(copy);
    }
    let unfinished = env::temp_dir().join(format!("{name}-{}", hex::encode(rng.bytes::<8>())));
    fs::DirBuilder::new().mode(0o755).create(&unfinished)?;
    for part in ["bin", "lib", "share"] {
        copy_tree(&installation.join(part), &unfinished.join(part))?;
    }
    if let Err(error) = fs::rename(&unfinished, &copy) {
        fs::remove_dir_all(&unfinished)?;
        // Another start may have been first.
        return if is_copy_of_ours(&copy)? { Ok(copy) } else { Err(error) };
    }
    Ok(copy)
}

/// Everybody may write to the temporary folder, so what stands there is trusted only if root made it.
fn is_copy_of_ours(copy: &Path) -> io::Result<bool> {
    let Ok(there) = fs::symlink_metadata(copy) else { return Ok(false) };
    if there.is_dir() && there.uid() == 0 && there.mode() & 0o022 == 0 {
        return Ok(true);
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} is not ours; remove it", copy.display())))
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o755).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()? {
            kind if kind.is_dir() => copy_tree(&entry.path(), &to)?,
            kind if kind.is_symlink() => std::os::unix::fs::symlink(fs::read_link(entry.path())?, &to)?,
            _ => {
                fs::copy(entry.path(), &to)?;
                let mode = fs::metadata(&to)?.mode() | 0o444;
                fs::set_permissions(&to, fs::Permissions::from_mode(mode & !0o022))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:8::/:\npostgres:x:101:104:,,,:/var/lib:/bin/bash\n";
        assert_eq!(user(users, "postgres"), Some((101, 104)));
        assert_eq!(user(users, "nobody"), None);
    }

    #[test]
    fn a_closed_folder_is_seen_as_closed_to_another_user() {
        let root = tempfile::tempdir().unwrap();
        let owner = fs::metadata(root.path()).unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o710)).unwrap();

        assert!(may_enter(root.path(), owner.uid(), 1));
        assert!(may_enter(root.path(), owner.uid() + 1, owner.gid()));
        assert!(!may_enter(root.path(), owner.uid() + 1, owner.gid() + 1));
    }
}
