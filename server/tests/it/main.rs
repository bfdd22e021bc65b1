//! The portal's doors, each asked through the router as the network would ask.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod canary;
mod deeds;
mod doors;
mod furniture;
mod headers;
mod hostile;
mod house;
mod permissions;
mod records;
mod spoiled;
mod statements;
mod unauthorized;
