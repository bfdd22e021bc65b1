//! The edge of the portal: HTTP, command line, and the evaluation mode around them.

pub mod assets;
pub mod auth;
pub mod cli;
pub mod config;
pub mod demo;
pub mod descriptors;
pub mod docs;
pub mod evaluation;
pub mod http;
mod live;
pub mod pipeline;
pub mod rest;
pub mod serve;
