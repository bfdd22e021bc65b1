//! Where an entity says that its documentation lies: the annotation `backstage.io/techdocs-ref`.

use url::Url;

use super::paths::{folder_of, join};
use crate::ParseError;

/// The annotation's name.
pub const ANNOTATION: &str = "backstage.io/techdocs-ref";

/// A place that holds documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A folder of the repository that holds the descriptor; empty for its root.
    Folder(String),
    /// http or https: a folder as a code host shows it.
    Url(Url),
}

impl Reference {
    /// Reads the annotation's `value` as it stands in the descriptor at `descriptor`, a path within its repository.
    ///
    /// # Errors
    /// Where it is neither `dir:` nor `url:`, or leads out of the repository.
    pub fn parse(value: &str, descriptor: &str) -> Result<Self, ParseError> {
        let refused = |reason: &str| ParseError::whole(format!("{ANNOTATION}: {reason}"));
        let value = value.trim();
        if let Some(folder) = value.strip_prefix("dir:") {
            if folder.contains(['\\', '\0']) {
                return Err(refused("a folder is written with / between its parts"));
            }
            // A path from the root of a machine says nothing about a repository; Backstage takes it relative too.
            return join(folder_of(descriptor), folder)
                .map(Self::Folder)
                .ok_or_else(|| refused("the folder lies outside the repository; use dir: with one inside it"));
        }
        let Some(url) = value.strip_prefix("url:") else {
            return Err(refused("use dir:FOLDER, seen from the descriptor, or url:https://…"));
        };
        match Url::parse(url.trim()) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                if !url.username().is_empty() || url.password().is_some() {
                    return Err(refused("an address must not hold credentials"));
                }
                Ok(Self::Url(url))
            }
            _ => Err(refused("the address is not one of https; use url:https://…")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_seen_from_its_descriptor() {
        for (value, descriptor, folder) in [
            ("dir:.", "catalog-info.yaml", ""),
            ("dir:.", "services/shop/catalog-info.yaml", "services/shop"),
            ("dir:./sub", "services/shop/catalog-info.yaml", "services/shop/sub"),
            ("dir:../../handbook/", "services/shop/catalog-info.yaml", "handbook"),
        ] {
            assert_eq!(Reference::parse(value, descriptor).unwrap(), Reference::Folder(folder.to_owned()));
        }
        let url = Reference::parse("url:https://git.example.com/shop/tree/main/docs", "x.yaml").unwrap();
        assert!(matches!(url, Reference::Url(url) if url.path() == "/shop/tree/main/docs"));
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for value in ["dir:../..", "url:file:///etc", "url:https://a:b@example.com/x", "github:x", "", "dir:a\\b"] {
            let error = Reference::parse(value, "shop/catalog-info.yaml").unwrap_err();
            assert!(error.reason.contains(ANNOTATION), "{value}: {error}");
        }
    }
}
