//! The edge of the portal: HTTP, command line, and the evaluation mode around them.

pub mod assets;
pub mod evaluation;
pub mod http;
