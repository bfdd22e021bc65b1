//! A person's own things: their tokens.

pub mod tokens;
