//! A push that a host tells of: signed over the body, or with the secret itself, each as its host does it.

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// What a delivery proves itself with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proofs<'a> {
    /// `X-Hub-Signature-256` (GitHub) and `X-Hub-Signature` (Bitbucket): `sha256=` and HMAC-SHA-256 in hexadecimal.
    pub hub: Option<&'a str>,
    /// `X-Gitea-Signature`: HMAC-SHA-256 in hexadecimal.
    pub gitea: Option<&'a str>,
    /// `X-Gitlab-Token`, or the bearer token of anything else: the secret itself.
    pub token: Option<&'a str>,
}

impl Proofs<'_> {
    #[must_use]
    pub const fn are_none(&self) -> bool {
        self.hub.is_none() && self.gitea.is_none() && self.token.is_none()
    }

    /// Whether one of them is of this secret; comparing takes the same time wherever they differ.
    pub(in crate::catalog) fn hold(&self, secret: &SecretString, body: &[u8]) -> bool {
        let secret = secret.expose_secret().as_bytes();
        let signed = |signature: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
            mac.update(body);
            hex::decode(signature.trim()).is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
        };
        let hub = self.hub.and_then(|hub| hub.strip_prefix("sha256=")).is_some_and(signed);
        let gitea = self.gitea.is_some_and(signed);
        let token = self.token.is_some_and(|token| bool::from(token.as_bytes().ct_eq(secret)));
        hub | gitea | token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_secret_and_body_alone() {
        // from GitHub's "Validating webhook deliveries" (2022-11-28)
        let secret: SecretString = "It's a Secret to Everybody".to_owned().into();
        let signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let hub = format!("sha256={signature}");
        let holds = |proofs: Proofs<'_>, body: &[u8]| proofs.hold(&secret, body);
        assert!(holds(Proofs { hub: Some(&hub), ..Proofs::default() }, b"Hello, World!"));
        assert!(holds(Proofs { gitea: Some(signature), ..Proofs::default() }, b"Hello, World!"));
        assert!(holds(Proofs { token: Some("It's a Secret to Everybody"), ..Proofs::default() }, b"x"));
        assert!(!holds(Proofs { hub: Some(&hub), ..Proofs::default() }, b"Hello, World?"));
        assert!(!holds(Proofs { hub: Some(signature), ..Proofs::default() }, b"Hello, World!"));
        assert!(!holds(Proofs { hub: Some("sha256="), gitea: Some(""), token: Some("") }, b"Hello, World!"));
        assert!(!holds(Proofs::default(), b""));
    }
}
