//! The demonstration organisation of an evaluation, loaded through the same operations that people use.

use portal::Portal;

use crate::evaluation::identity::DemoPerson;

/// The group whose members administer the evaluation.
pub const ADMIN_GROUP: &str = "platform-admins";

/// Whom one can sign in as; the first six are one of each kind.
#[must_use]
pub fn people() -> Vec<DemoPerson> {
    let person = |sub: &str, name: &str, title: &str, groups: &[&str]| DemoPerson {
        sub: sub.to_owned(),
        name: name.to_owned(),
        email: format!("{sub}@example.com"),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        title: title.to_owned(),
    };
    vec![
        person("dana", "Dana Okafor", "Developer, Payments", &["payments"]),
        person("lena", "Lena Fischer", "Team lead, Payments", &["payments-leads"]),
        person("omar", "Omar Haddad", "Team lead, Identity", &["identity-leads"]),
        person("chika", "Chika Sato", "Security champion", &["platform", "security-champions"]),
        person("pat", "Pat Lindqvist", "Platform administrator", &["platform", ADMIN_GROUP]),
        person("ines", "Inês Carvalho", "Auditor", &["auditors"]),
    ]
}

/// Loads what is not there yet.
///
/// # Errors
/// What an operation refused.
pub async fn load(_portal: &Portal) -> portal::Result<()> {
    Ok(())
}
