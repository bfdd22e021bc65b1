//! What is generated from the code and kept in `docs/`, so that a change of it is a readable difference.

use std::fmt::Write;

use model::ProblemType;
use portal::authz::{Mode, Policies, roles_table};

use crate::config::SETTINGS;

/// `docs/errors.md`
#[must_use]
pub fn errors() -> String {
    let mut text = "# Problems\n\nEvery refusal of the API is an RFC 9457 problem of one of these types.\n\n| type | status | title |\n|---|---|---|\n".to_owned();
    for kind in ProblemType::ALL {
        writeln!(text, "| `{}` | {} | {} |", kind.slug(), kind.status(), kind.title())
            .expect("a string takes all text");
    }
    text
}

/// `docs/facts.md`
#[must_use]
pub fn facts() -> String {
    portal::scorecards::facts::document()
}

/// `docs/permissions.md`: role by action by where the role is held, as the built-in policies decide.
#[must_use]
pub fn permissions() -> String {
    let mut text = "# Permissions\n\nWhat each role may do by the built-in policies: **all** of it, what its **team** owns, its **own** things, or nothing (·).\n\
        A role in a team is asked about a thing of that team and of another; requests are never decided by who asked.\n\n".to_owned();
    let table = roles_table(&Policies::built_in());
    let header: Vec<&str> = table.roles.iter().map(|role| role.label()).collect();
    writeln!(text, "| action | to | {} |\n|---|---|{}", header.join(" | "), "---|".repeat(header.len()))
        .expect("a string takes all text");
    for (action, cells) in &table.rows {
        let mode = if action.mode() == Mode::Read { "read" } else { "change" };
        writeln!(text, "| `{action}` | {} ({mode}) | {} |", action.resource().noun(), cells.join(" | "))
            .expect("a string takes all text");
    }
    text
}

/// `docs/settings.md`
#[must_use]
pub fn settings() -> String {
    let mut text = "# Settings\n\nA flag comes before the environment, before `rampart.toml`, before the default. A secret can also be read from the file that its variable with `_FILE` names.\n\n| variable | key | default | what |\n|---|---|---|---|\n".to_owned();
    for setting in SETTINGS {
        let default = setting
            .default
            .filter(|default| !default.is_empty())
            .map_or("—".to_owned(), |default| format!("`{default}`"));
        writeln!(
            text,
            "| `{}` | `{}` | {default} | {}{} |",
            setting.env,
            setting.key,
            setting.about,
            if setting.secret { " (secret)" } else { "" }
        )
        .expect("a string takes all text");
    }
    text
}
