//! Who is calling: sign-in through OpenID Connect, the session's cookie, tokens, and the guard against forged forms.

pub mod actor;
pub mod cookie;
pub mod csrf;
pub mod oidc;
pub mod routes;
