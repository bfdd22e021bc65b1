//! A real installation: what looks after it, and what it needs around it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apply;
mod commands;
mod compose;
mod doctor;
mod metrics;
mod outside;
mod running;
mod setup;
mod traces;
