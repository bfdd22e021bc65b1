//! Evaluation mode.

pub async fn loopback_only(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
    next.run(request).await
}
