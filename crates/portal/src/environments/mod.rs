//! Environments: what a template describes, made for a time and taken away at its end.

pub mod effects;
