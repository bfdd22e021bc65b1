//! What is around every page: the document, the frame with its navigation, and the keyboard.

pub mod chrome;
pub mod palette;

#[cfg(feature = "ssr")]
pub mod frame;
#[cfg(feature = "ssr")]
pub mod preferences;
#[cfg(feature = "ssr")]
pub mod shell;
