//! Types that the browser, the server and the readers share: plain data, no I/O, safe in WASM.

pub mod access;
pub mod id;
pub mod notification;
pub mod page;
pub mod problem;
pub mod request;
pub mod severity;

pub use id::*;
pub use problem::{FieldError, Problem, ProblemType};
pub use severity::Severity;
