//! The edge of the portal: HTTP, command line, and the evaluation mode around them.

pub mod assets;
pub mod auth;
pub mod config;
pub mod evaluation;
pub mod http;
pub mod rest;
