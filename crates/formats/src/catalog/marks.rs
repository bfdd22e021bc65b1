//! What Rampart itself reads from a descriptor's annotations, all under `rampart.dev/`.

use std::collections::BTreeMap;

use model::catalog::{NAME_RULE, is_name};

/// `"true"`: seen only by those with a role over the entity.
pub const RESTRICTED: &str = "rampart.dev/restricted";
/// How much depends on the entity, in the organisation's own words: `tier-1`.
pub const TIER: &str = "rampart.dev/tier";
/// On a Group: the identity provider's group that it is.
pub const GROUP: &str = "rampart.dev/group";
/// On a User: the identity provider's subject that it is.
pub const SUBJECT: &str = "rampart.dev/subject";

/// Why the value cannot be meant; an annotation that is not ours can be anything.
///
/// A restriction that is misspelt must not read as none.
pub(super) fn wrong(key: &str, value: &str) -> Option<String> {
    match key {
        RESTRICTED if value != "true" && value != "false" => {
            Some("it is \"true\" or \"false\", in quotation marks".to_owned())
        }
        TIER if !is_name(value) => Some(format!("a tier is {NAME_RULE}")),
        GROUP | SUBJECT if value.is_empty() || value.len() > 255 || value.chars().any(char::is_control) => {
            Some("it is the provider's name for it, 1 to 255 letters".to_owned())
        }
        _ => None,
    }
}

/// Whether only those with a role over the entity may see it.
#[must_use]
pub fn is_restricted(annotations: &BTreeMap<String, String>) -> bool {
    annotations.get(RESTRICTED).is_some_and(|value| value == "true")
}
