//! The built style, script, WASM, typeface and icon: inside the binary in release, read from `target/site` in debug.

use std::{borrow::Cow, sync::Arc};

use app::backend::Site;
use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// Serves `/pkg/…`. Every name there carries the hash of its content, so browsers keep them for ever.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/pkg/{file}", get(file)).route("/favicon.ico", get(icon))
}

/// The addresses of the current build.
///
/// # Errors
/// The site was never built.
pub fn site() -> anyhow::Result<Arc<Site>> {
    let manifest = built("manifest.json")
        .ok_or_else(|| anyhow::anyhow!("target/site has no manifest.json: build it with `cargo xtask site`"))?;
    Ok(Arc::new(serde_json::from_slice(&manifest)?))
}

/// The typeface, for pages that are not the portal's own.
pub fn font() -> Option<Cow<'static, [u8]>> {
    built(site().ok()?.font.trim_start_matches('/'))
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let found = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(accepted, coding))
        .find_map(|(coding, suffix)| Some((Some(coding), built(&format!("pkg/{name}{suffix}"))?)))
        .or_else(|| Some((None, built(&format!("pkg/{name}"))?)));
    match found {
        // The compressed copies are found only through the file that they are of.
        Some((coding, bytes)) if !name.ends_with(".br") && !name.ends_with(".gz") => send(&name, coding, bytes),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Browsers ask for this address by themselves, whatever the page says.
async fn icon() -> Response {
    match site().ok().and_then(|site| built(site.icon.trim_start_matches('/'))) {
        Some(bytes) => send("icon.svg", None, bytes),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn send(name: &str, coding: Option<&'static str>, bytes: Cow<'static, [u8]>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    match bytes {
        Cow::Borrowed(bytes) => (headers, bytes).into_response(),
        Cow::Owned(bytes) => (headers, bytes).into_response(),
    }
}

/// A file of the site, by its path in `target/site`.
#[cfg(not(debug_assertions))]
fn built(path: &str) -> Option<Cow<'static, [u8]>> {
    #[derive(rust_embed::Embed)]
    #[folder = "../target/site/"]
    struct Site;

    <Site as rust_embed::Embed>::get(path).map(|file| file.data)
}

/// A file of the site, by its path in `target/site`; read each time, so that a rebuilt site needs no new server.
#[cfg(debug_assertions)]
fn built(path: &str) -> Option<Cow<'static, [u8]>> {
    let is_plain = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    let site = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/site");
    is_plain.then(|| std::fs::read(site.join(path)).ok().map(Cow::Owned)).flatten()
}

/// RFC 9110, 12.5.3: a coding is named, and not with a weight of nothing.
fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let refused = parts.any(|part| {
            part.strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
        });
        named && !refused
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("woff2") => "font/woff2",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_used_only_where_the_browser_takes_it() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("br;q=0.5", "br"));
        assert!(!accepts("gzip;q=1, br;q=0", "br"));
        assert!(!accepts("", "gzip"));
    }
}
