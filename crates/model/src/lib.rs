//! Types that the browser, the server and the readers share: plain data, no I/O, safe in WASM.

pub mod id;
pub mod problem;
pub mod severity;

pub use id::*;
pub use problem::{FieldError, Problem, ProblemType};
pub use severity::Severity;
