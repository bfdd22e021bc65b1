//! The guard against forged forms: a change comes from our own pages, or carries a token instead of a cookie.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, header};
use model::{Problem, ProblemType};

use crate::{http::Edge, rest::problem::Refusal};

/// Refuses a changing request that a browser sends from somewhere else.
pub async fn guard(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    if is_safe(request.method()) || allowed(request.headers(), &edge.origin) {
        return next.run(request).await;
    }
    let problem = Problem::new(
        ProblemType::Forbidden,
        "this change did not come from a page of this portal; open the page here and try again",
    );
    Refusal(problem).into_response()
}

const fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Fetch Metadata where the browser sends it, else Origin; a request with neither and without a cookie is no browser's
/// (Fetch Metadata Request Headers, W3C; Origin, RFC 6454).
fn allowed(headers: &HeaderMap, origin: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some("same-origin"), _) => true,
        (Some("none"), None) => true,
        (Some(_), _) => false,
        (None, Some(sent)) => sent == origin,
        (None, None) => !headers.contains_key(header::COOKIE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_our_own_pages_and_callers_without_a_cookie_change_anything() {
        let origin = "https://portal.example.com";
        for (sent, expected) in [
            (headers(&[("sec-fetch-site", "same-origin"), ("cookie", "a=b")]), true),
            (headers(&[("sec-fetch-site", "cross-site"), ("cookie", "a=b")]), false),
            (headers(&[("sec-fetch-site", "same-site"), ("origin", "https://evil.example.com")]), false),
            (headers(&[("origin", "https://portal.example.com"), ("cookie", "a=b")]), true),
            (headers(&[("origin", "https://evil.example.com"), ("cookie", "a=b")]), false),
            (headers(&[("origin", "null"), ("cookie", "a=b")]), false),
            (headers(&[("cookie", "a=b")]), false),
            (headers(&[("authorization", "Bearer x")]), true),
        ] {
            assert_eq!(allowed(&sent, origin), expected, "{sent:?}");
        }
    }
}
