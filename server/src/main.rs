//! The binary `rampart`.

use anyhow::Context as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::var("RAMPART_ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await.with_context(|| format!("listening on {address}"))?;
    server::assets::site()?;
    axum::serve(listener, server::http::router()).await.context("serving")
}
