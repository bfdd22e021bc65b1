//! A password for a role: made here, shown once, and sent to the server only as the verifier that it keeps anyway, so
//! that no statement log ever holds it.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::clock::Rng;

/// Postgres' own default (`scram_iterations`, PostgreSQL 16, section 20.3.3).
const ITERATIONS: u32 = 4096;

/// 192 random bits, in characters that stand in an address as they are.
#[must_use]
pub fn generate(rng: &Rng) -> SecretString {
    BASE64_URL_SAFE_NO_PAD.encode(rng.bytes::<24>()).into()
}

/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (PostgreSQL 15, pg_authid.rolpassword; RFC 5803).
#[must_use]
pub fn verifier(password: &SecretString, rng: &Rng) -> String {
    verifier_with(password, &rng.bytes::<16>())
}

/// As RFC 5802, section 3: SaltedPassword, then ClientKey, StoredKey and ServerKey.
pub(super) fn verifier_with(password: &SecretString, salt: &[u8]) -> String {
    let salted = salted_password(password.expose_secret().as_bytes(), salt);
    let stored_key = Sha256::digest(mac(&salted, b"Client Key"));
    let server_key = mac(&salted, b"Server Key");
    let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    format!("SCRAM-SHA-256${ITERATIONS}:{}${}:{}", encode(salt), encode(&stored_key), encode(&server_key))
}

/// `Hi` of RFC 5802: PBKDF2 with HMAC-SHA-256 and one block.
fn salted_password(password: &[u8], salt: &[u8]) -> [u8; 32] {
    let mut last = mac(password, &[salt, &1_u32.to_be_bytes()].concat());
    let mut all = last;
    for _ in 1..ITERATIONS {
        last = mac(password, &last);
        all.iter_mut().zip(last).for_each(|(all, last)| *all ^= last);
    }
    all
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
