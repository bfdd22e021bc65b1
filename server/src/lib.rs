//! The edge of the portal: HTTP, command line, and the evaluation mode around them.

pub mod apply;
pub mod assets;
pub mod auth;
pub mod cli;
pub mod config;
pub mod demo;
pub mod descriptors;
pub mod docs;
pub mod doctor;
pub mod evaluation;
pub mod http;
pub mod keys;
mod live;
pub mod metrics;
pub mod pipeline;
pub mod realm;
pub mod rest;
pub mod serve;
pub mod telemetry;
pub mod validate;
