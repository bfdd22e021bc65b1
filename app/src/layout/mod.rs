//! What is around every page: the document, the frame with its navigation, and the keyboard.

pub mod chrome;
pub mod live;
pub mod palette;

#[cfg(feature = "ssr")]
pub mod frame;
#[cfg(feature = "ssr")]
pub mod preferences;
#[cfg(feature = "ssr")]
pub mod shell;

/// Percent-encodes a query's value: every byte, as the browser's side has no need to be thrifty.
#[cfg(feature = "hydrate")]
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
