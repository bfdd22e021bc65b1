//! How a page is written: an async function that loads what it shows, then answers with a view of it.
//!
//! ```ignore
//! /// `/catalog/{name}`
//! pub async fn detail(cx: Cx, Path(name): Path<String>) -> Answer {
//!     let entity = catalog::find(&name).await?;            // an error here becomes the page that explains it
//!     cx.page(Head::new(&entity.name).under("Catalog", "/catalog"), move || view! { <Entity entity/> })
//! }
//! ```
//!
//! Everything is loaded before the view begins, so the view is plain, its status is known, and nothing streams.
//! A form's page is one function that both the first visit and a refused submission call:
//!
//! ```ignore
//! pub async fn new(cx: Cx) -> Answer { ask(&cx, FormState::default()) }
//!
//! pub async fn submit(cx: Cx, posted: Posted) -> Answer {
//!     match environments::request(posted.text("name"), posted.text("reason")).await {
//!         Ok(request) => cx.redirect(&request.href(), "Asked for the environment"),
//!         Err(error) => ask(&cx, posted.refused(error)?),  // what was typed stays, errors stand beside their fields
//!     }
//! }
//! ```

use std::{convert::Infallible, fmt::Write as _, sync::Arc};

use axum::{
    extract::{FromRequest, FromRequestParts, Multipart, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use leptos::{prelude::*, reactive::owner::Owner};
use model::{FieldError, Problem, ProblemType};
use portal::{Actor, Portal};

use crate::{
    layout::{
        chrome::Chrome,
        chrome::Flash,
        frame::{Frame, Plain},
        preferences, shell,
    },
    ui::{Tone, form::FormState, state::ProblemState},
};

/// What a page answers; `?` turns a failure into the page that explains it.
pub type Answer = Result<Response, Failure>;

/// The request as a page sees it: who asks and how they like to read.
#[derive(Clone, Debug)]
pub struct Cx {
    pub portal: Portal,
    pub actor: Actor,
    pub chrome: Chrome,
    pub site: Arc<Site>,
    /// Names the scripts of this one answer that may run.
    pub nonce: Arc<str>,
}

/// Addresses of the built script, style, typeface and icon.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Site {
    pub script: String,
    pub wasm: String,
    pub style: String,
    pub font: String,
    pub icon: String,
}

/// The title of a page and the way to it.
#[derive(Clone, Debug)]
pub struct Head {
    pub title: String,
    /// Name and address of what the page lies under, outermost first.
    pub crumbs: Vec<(String, String)>,
    /// A table may use the whole width.
    pub wide: bool,
}

impl Head {
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), crumbs: Vec::new(), wide: false }
    }

    #[must_use]
    pub fn under(mut self, name: impl Into<String>, href: impl Into<String>) -> Self {
        self.crumbs.push((name.into(), href.into()));
        self
    }

    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }
}

impl From<&str> for Head {
    fn from(title: &str) -> Self {
        Self::new(title)
    }
}

impl Cx {
    /// A page in the frame.
    pub fn page<V: IntoView + 'static>(&self, head: impl Into<Head>, view: impl FnOnce() -> V) -> Answer {
        Ok(self.framed(StatusCode::OK, &head.into(), || view().into_any()))
    }

    /// The page of something that is not there, with what is known about it.
    pub fn missing_page<V: IntoView + 'static>(&self, head: impl Into<Head>, view: impl FnOnce() -> V) -> Answer {
        Ok(self.framed(StatusCode::NOT_FOUND, &head.into(), || view().into_any()))
    }

    /// A page in the frame around a form; 422 where the form was refused.
    pub fn form_page<V: IntoView + 'static>(
        &self,
        head: impl Into<Head>,
        state: &FormState,
        view: impl FnOnce() -> V,
    ) -> Answer {
        let status = if state.is_refused() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok(self.framed(status, &head.into(), || view().into_any()))
    }

    /// A page alone on the screen, without the frame: before sign-in.
    pub fn plain_page<V: IntoView + 'static>(&self, head: impl Into<Head>, view: impl FnOnce() -> V) -> Answer {
        let head = head.into();
        Ok(self.document(StatusCode::OK, &head, || {
            let content = view();
            view! { <Plain>{content}</Plain> }.into_any()
        }))
    }

    /// Sends the browser on after a form did its work, and says so on the next page.
    pub fn redirect(&self, to: &str, done: impl Into<String>) -> Answer {
        let flash = Flash { tone: Tone::Good, text: done.into() };
        let mut response = see_other(to);
        response.headers_mut().append(header::SET_COOKIE, preferences::flash_cookie(&flash));
        Ok(response)
    }

    fn framed(&self, status: StatusCode, head: &Head, view: impl FnOnce() -> AnyView) -> Response {
        self.document(status, head, || {
            let content = view();
            view! { <Frame head=head.clone()>{content}</Frame> }.into_any()
        })
    }

    fn document(&self, status: StatusCode, head: &Head, body: impl FnOnce() -> AnyView) -> Response {
        let owner = Owner::new_root(Some(Arc::new(hydration_context::SsrSharedContext::new_islands())));
        let html = owner.with(|| {
            provide_context(self.chrome.clone());
            shell::document(&self.chrome, &self.site, &self.nonce, head, body)
        });
        owner.unset_with_forced_cleanup();

        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        if self.chrome.flash.is_some() {
            headers.append(header::SET_COOKIE, preferences::no_flash_cookie());
        }
        (status, headers, html).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Cx {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().expect("the server gives every page request its context").clone())
    }
}

/// Why a page cannot be shown; becomes the page that explains it, with the problem's status.
#[derive(Debug)]
pub struct Failure(Box<Problem>);

impl Failure {
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.0.status == StatusCode::NOT_FOUND.as_u16()
    }
}

impl<P: Into<Problem>> From<P> for Failure {
    fn from(problem: P) -> Self {
        Self(Box::new(problem.into()))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(*self.0);
        response
    }
}

/// Around the pages: gives a failure its page, in the frame.
pub async fn explain_failures(cx: Cx, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| unreadable(&response));
    let Some(mut problem) = problem else { return response };
    problem.request_id = Some(cx.actor.request_id.clone());
    let head = Head::new(problem.title.clone());
    cx.framed(response.status(), &head, move || view! { <ProblemState problem/> }.into_any())
}

/// What an extractor refused before the page began: it answers plain text.
fn unreadable(response: &Response) -> Option<Problem> {
    let is_plain =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    (response.status() == StatusCode::BAD_REQUEST && is_plain).then(|| {
        Problem::new(
            ProblemType::Malformed,
            "The address holds a character or a value that cannot be read. Take what follows the question mark away, or open the page from the navigation.",
        )
    })
}

/// The answer for an address that is no page.
pub async fn nothing_here() -> Answer {
    Err(Problem::new(
        ProblemType::NotFound,
        "No page has this address. It may have been mistyped, or what it showed has been removed.",
    )
    .into())
}

/// What a form sent: fields in the order they came, and files.
#[derive(Debug, Default)]
pub struct Posted {
    fields: Vec<(String, String)>,
    files: Vec<PostedFile>,
}

#[derive(Debug)]
pub struct PostedFile {
    pub field: String,
    pub name: String,
    pub bytes: axum::body::Bytes,
}

impl Posted {
    /// The field's text without surrounding space; empty where the form did not send it.
    #[must_use]
    pub fn text<'a>(&'a self, field: &'a str) -> &'a str {
        self.all(field).next().unwrap_or_default().trim()
    }

    /// Each value of a field that may be sent more than once.
    pub fn all<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    /// A box that was ticked.
    #[must_use]
    pub fn checked(&self, field: &str) -> bool {
        self.all(field).next().is_some()
    }

    /// Files that were chosen; a file field left empty sends none.
    pub fn files<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a PostedFile> {
        self.files.iter().filter(move |file| file.field == field)
    }

    /// No keyboard writes the character NUL, and the database keeps no text with one.
    fn without_nul(self) -> Result<Self, Failure> {
        let typed = self.fields.iter().find(|(name, value)| name.contains('\0') || value.contains('\0'));
        let sent = self.files.iter().find(|file| file.field.contains('\0') || file.name.contains('\0'));
        let Some(field) = typed.map(|(name, _)| name).or(sent.map(|file| &file.field)) else { return Ok(self) };
        let field = field.replace('\0', "\u{fffd}");
        let detail = format!("The field {field} holds the character NUL. Take it out and send the form again.");
        let error = FieldError::new(field, "holds the character NUL");
        Err(Problem::new(ProblemType::Invalid, detail).with_errors(vec![error]).into())
    }

    /// Everything that was typed, to show the form again with what is wrong; a problem that is not about the
    /// input is handed back for its own page.
    pub fn refused(self, problem: impl Into<Problem>) -> Result<FormState, Failure> {
        let problem = problem.into();
        match problem.kind {
            ProblemType::Invalid | ProblemType::Conflict | ProblemType::TooLarge | ProblemType::UnsupportedMedia => {
                Ok(FormState::refused(self.fields, problem))
            }
            _ => Err(problem.into()),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let malformed = |detail: String| Failure::from(Problem::new(ProblemType::Malformed, detail));
        let is_multipart = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"));
        if !is_multipart {
            let axum::Form(fields) =
                axum::Form::<Vec<(String, String)>>::from_request(request, state).await.map_err(|error| {
                    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                        return Problem::new(ProblemType::TooLarge, "The form holds more than this page takes.").into();
                    }
                    malformed(format!("The form could not be read: {error}. Send it again."))
                })?;
            return Self { fields, files: Vec::new() }.without_nul();
        }
        let mut posted = Self::default();
        let unreadable = |error: &dyn std::fmt::Display| {
            Problem::new(ProblemType::Malformed, format!("The form could not be read: {error}. Send it again."))
        };
        let mut parts = Multipart::from_request(request, state).await.map_err(|error| unreadable(&error))?;
        while let Some(part) = parts.next_field().await.map_err(|error| too_large_or(&error, &unreadable))? {
            let field = part.name().unwrap_or_default().to_owned();
            match part.file_name().map(str::to_owned) {
                Some(name) => {
                    let bytes = part.bytes().await.map_err(|error| too_large_or(&error, &unreadable))?;
                    if !(name.is_empty() && bytes.is_empty()) {
                        posted.files.push(PostedFile { field, name, bytes });
                    }
                }
                None => {
                    let text = part.text().await.map_err(|error| too_large_or(&error, &unreadable))?;
                    posted.fields.push((field, text));
                }
            }
        }
        posted.without_nul()
    }
}

fn too_large_or(
    error: &axum::extract::multipart::MultipartError,
    otherwise: &impl Fn(&dyn std::fmt::Display) -> Problem,
) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(ProblemType::TooLarge, "The file is larger than this page takes. Send a smaller one, or split it.")
    } else {
        otherwise(error)
    }
}

/// 303 to an address within the portal; to the home page where `to` leads elsewhere.
#[must_use]
pub fn see_other(to: &str) -> Response {
    let location = if is_local(to) { to } else { "/" };
    let location = HeaderValue::from_str(location).unwrap_or_else(|_| HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// An absolute path within the portal: what a browser cannot read as another origin.
#[must_use]
pub fn is_local(address: &str) -> bool {
    address.starts_with('/') && !address.starts_with("//") && !address.contains(['\\', '\r', '\n', '\t'])
}

/// Percent-encodes what may not stand in a query value or a cookie.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string does not fail");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_never_leaves_the_portal() {
        for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""] {
            assert_eq!(see_other(elsewhere).headers()[header::LOCATION], "/", "{elsewhere}");
        }
        assert_eq!(see_other("/catalog?q=a%20b").headers()[header::LOCATION], "/catalog?q=a%20b");
    }
}
