//! The pages: Leptos components rendered on the server, and the few islands that a hand is on the mouse for.

pub mod layout;
pub mod ui;
