//! The provider's signing key, made once per installation.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use openidconnect::{JsonWebKeyId, core::CoreRsaPrivateSigningKey};
use portal::Rng;
use rsa::{
    RsaPrivateKey,
    pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, LineEnding},
    rand_core::OsRng,
    traits::PublicKeyParts,
};
use sha2::{Digest, Sha256};

/// RS256 is the one algorithm that every client of OpenID Connect knows (Core 1.0, section 15.1).
const KEY_BITS: usize = 2048;

/// The key in `file`, which is made where it is not there. Making one takes seconds in a debug build.
pub(super) fn kept(file: &Path, rng: &Rng) -> Result<CoreRsaPrivateSigningKey, String> {
    if !file.exists() {
        make(file, rng)?;
    }
    let pem = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let key = RsaPrivateKey::from_pkcs1_pem(&pem).map_err(|error| error.to_string())?;
    let id = hex::encode(&Sha256::digest(key.n().to_bytes_be())[..8]);
    CoreRsaPrivateSigningKey::from_pem(&pem, Some(JsonWebKeyId::new(id)))
}

fn make(file: &Path, rng: &Rng) -> Result<(), String> {
    let key = RsaPrivateKey::new(&mut OsRng, KEY_BITS).map_err(|error| error.to_string())?;
    let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|error| error.to_string())?;
    if let Some(folder) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| error.to_string())?;
    }
    let unfinished = file.with_extension(format!("unfinished-{}", hex::encode(rng.bytes::<8>())));
    let whole = || {
        let mut open = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        open.write_all(pem.as_bytes())?;
        open.sync_all()?;
        // Unlike a rename, a link never replaces the key that another start has just made.
        match fs::hard_link(&unfinished, file) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::remove_file(&unfinished),
        }
    };
    whole().map_err(|error| error.to_string())
}
