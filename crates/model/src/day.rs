//! A date on the wire, `2026-03-02` (RFC 3339, full-date): `#[serde(with = "model::day")]`.

time::serde::format_description!(full_date, Date, "[year]-[month]-[day]");

pub use full_date::{deserialize, option, serialize};
