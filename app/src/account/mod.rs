//! A person's own things: settings, sessions and tokens; and the tokens of service accounts.

pub mod service_accounts;
pub mod settings;
pub mod tokens;
