//! The key file on disk: which one it is, and `rampart admin key` upon it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use portal::{
    Actor, Clock, KeyRing, Portal, Rng,
    keys::{KeyFile, NOTICED_AFTER, Usage, rotation},
};
use zeroize::Zeroizing;

use crate::{config::Config, serve::write_private};

/// In the data folder of an evaluation.
const EVALUATION_FILE: &str = "keys.json";

/// Where the installation's keys are.
///
/// # Errors
/// No file is named, which only an evaluation does without.
pub fn path(config: &Config, evaluation: bool) -> Result<PathBuf> {
    match config.text("key_file") {
        Some(path) => Ok(path.into()),
        None if evaluation => Ok(config.data().join(EVALUATION_FILE)),
        None => {
            bail!("RAMPART_KEY_FILE is not set: make one with `rampart admin key new FILE`, keep a copy, and name it")
        }
    }
}

/// The installation's keys; made only in an evaluation, required otherwise.
///
/// # Errors
/// No file is named, or it cannot be used.
pub fn open(config: &Config, evaluation: bool, clock: &Clock, rng: &Rng) -> Result<KeyRing> {
    let path = path(config, evaluation)?;
    if evaluation && config.text("key_file").is_none() && !path.exists() {
        write_private(&path, &KeyFile::new(clock, rng)?.text()?)?;
    }
    KeyRing::open(&path).with_context(|| format!("cannot use the keys in {}", path.display()))
}

/// Makes a key file where there is none.
///
/// # Errors
/// There is a file of that name, or it cannot be written.
pub fn make(path: &Path) -> Result<()> {
    ensure!(!path.exists(), "{} is there already; it is never overwritten", path.display());
    write_private(path, &KeyFile::new(&Clock::system(), &Rng::from_os())?.text()?)
}

/// Adds a key that decrypts and does not encrypt yet, so that it can be brought to every machine before it is used.
///
/// # Errors
/// The file cannot be read or written, or has such a key already.
pub async fn stage(portal: &Portal, actor: &Actor, path: &Path) -> Result<String> {
    let mut file = read(path)?;
    if let Some(staged) = file.staged() {
        bail!("key {staged} is staged already; `rampart admin key rotate` makes it active");
    }
    let added = file.add(&portal.clock, &portal.rng)?;
    write_private(path, &file.text()?)?;
    rotation::record(portal, actor, "added", &added).await?;
    Ok(format!(
        "added key {added} to {}; bring the file to every machine that runs the portal, then run `rampart admin key rotate`\n",
        path.display()
    ))
}

/// Makes a new key active and encrypts everything under it; goes on with a rotation that was interrupted.
///
/// # Errors
/// The file or the database does not answer as it should, or something could not be encrypted again: what was done
/// stands, and the next run does the rest.
pub async fn rotate(portal: &Portal, actor: &Actor, path: &Path) -> Result<String> {
    let mut file = read(path)?;
    let used = rotation::usage(portal).await?;
    let unfinished = used.iter().any(|usage| usage.key != file.active() && portal.keys.knows(&usage.key));
    let mut said = String::new();
    let since = Instant::now();
    if unfinished && file.staged().is_none() {
        said += &format!("going on with the rotation to key {}\n", file.active());
    } else {
        let before = file.active().to_owned();
        let next = match file.staged() {
            Some(staged) => staged.to_owned(),
            None => file.add(&portal.clock, &portal.rng)?,
        };
        file.activate(&next)?;
        write_private(path, &file.text()?)?;
        rotation::record(portal, actor, "made active", &next).await?;
        said += &format!("key {next} is active in {}, before it {before}\n", path.display());
    }
    portal.keys.look_again();
    let mut done = rotation::rewrap(portal, actor).await?;
    // a process that had not noticed the file yet may have used the old key meanwhile
    tokio::time::sleep((NOTICED_AFTER * 2).saturating_sub(since.elapsed())).await;
    let again = rotation::rewrap(portal, actor).await?;
    done.values += again.values;
    done.refused = again.refused;
    said += &format!("{} values are encrypted again\n", done.values);
    let used = rotation::usage(portal).await?;
    for (id, created_at) in file.keys().filter(|(id, _)| *id != file.active()) {
        said += &match in_use(&used, id) {
            0 => format!(
                "key {id} of {created_at} encrypts nothing any more; backups of the database from before this rotation need it: \
                 keep it with them, then `rampart admin key remove {id}`\n"
            ),
            values => format!("key {id} of {created_at} stays: {values} values are still under it\n"),
        };
    }
    if !done.refused.is_empty() {
        bail!("{said}could not encrypt again, and left as they were:\n  {}", done.refused.join("\n  "));
    }
    Ok(said)
}

/// Takes a key that encrypts nothing out of the file.
///
/// # Errors
/// There is none of that id, it is the active one, or something is under it.
pub async fn remove(portal: &Portal, actor: &Actor, path: &Path, id: &str) -> Result<String> {
    let mut file = read(path)?;
    let values = in_use(&rotation::usage(portal).await?, id);
    ensure!(values == 0, "{values} values are still under key {id}; run `rampart admin key rotate` first");
    file.remove(id)?;
    rotation::record(portal, actor, "removed", id).await?;
    write_private(path, &file.text()?)?;
    Ok(format!("removed key {id} from {}\n", path.display()))
}

fn in_use(used: &[Usage], id: &str) -> i64 {
    used.iter().filter(|usage| usage.key == id).map(|usage| usage.values).sum()
}

fn read(path: &Path) -> Result<KeyFile> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .with_context(|| format!("cannot read the keys in {}", path.display()))?;
    Ok(KeyFile::parse(&text)?)
}
