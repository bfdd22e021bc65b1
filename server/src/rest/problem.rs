//! Refusals on the wire: `application/problem+json` (RFC 9457), for the API and for whatever is no page.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use model::{FieldError, Problem, ProblemType};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::auth::actor::request_id;

/// A problem as an answer.
#[derive(Debug)]
pub struct Refusal(pub Problem);

/// What a handler of the API answers.
pub type Answer<T> = Result<T, Refusal>;

impl<P: Into<Problem>> From<P> for Refusal {
    fn from(problem: P) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).expect("a problem is plain data");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Nameless(self.0));
        response
    }
}

/// A refusal that does not say yet which request it answers.
#[derive(Clone)]
struct Nameless(Problem);

/// No name holds the character NUL, and the database keeps no text with one.
pub async fn refuse_nul_in_address(request: Request, next: Next) -> Response {
    if request.uri().path_and_query().is_some_and(|address| address.as_str().contains("%00")) {
        let detail = "the address holds the character NUL (%00), which no name and no text here has";
        return Refusal(Problem::new(ProblemType::Malformed, detail)).into_response();
    }
    next.run(request).await
}

/// Says in each refusal which request it answers: by that id its cause is found in the logs and in the audit log.
pub async fn name_the_request(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let mut response = next.run(request).await;
    if let Some(Nameless(mut problem)) = response.extensions_mut().remove::<Nameless>() {
        problem.request_id = Some(id);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = serde_json::to_vec(&problem).expect("a problem is plain data").into();
    }
    response
}

/// A JSON body, whose mistakes are named with their place.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let refused = |kind, detail: String| Refusal(Problem::new(kind, detail));
        if !is_json(request.headers()) {
            let detail = "send JSON with Content-Type: application/json".to_owned();
            return Err(refused(ProblemType::UnsupportedMedia, detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                refused(ProblemType::TooLarge, "the body is larger than this address takes".to_owned())
            }
            _ => refused(ProblemType::Malformed, error.body_text()),
        })?;
        refuse_nul(&bytes)?;
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let body = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let (place, error) = (pointer(error.path()), error.into_inner());
            if error.is_data() {
                let told = FieldError::new(place, error.to_string());
                Refusal(portal::Error::Invalid(vec![told]).problem())
            } else {
                refused(ProblemType::Malformed, format!("this is not JSON that can be read: {error}"))
            }
        })?;
        reader.end().map_err(|error| {
            refused(ProblemType::Malformed, format!("something stands behind the end of the JSON: {error}"))
        })?;
        Ok(Self(body))
    }
}

fn is_json(headers: &http::HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// The place of a mistake, as RFC 6901 writes it; empty for the whole body.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;

    let segments = path.iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", escaped(key)),
        Segment::Enum { variant } => format!("/{}", escaped(variant)),
        Segment::Unknown => String::new(),
    });
    segments.collect()
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// JSON may hold a NUL within a text, and the database keeps none.
fn refuse_nul(bytes: &[u8]) -> Result<(), Refusal> {
    if !bytes.windows(6).any(|six| six == b"\\u0000") {
        return Ok(());
    }
    // what cannot be read is told where it is read
    let Ok(value) = serde_json::from_slice(bytes) else { return Ok(()) };
    match place_of_nul(&value) {
        Some(place) => Err(Refusal(portal::Error::invalid(place, "holds the character NUL; take it out").problem())),
        None => Ok(()),
    }
}

fn place_of_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            let mut places = items.iter().enumerate();
            places.find_map(|(at, item)| place_of_nul(item).map(|rest| format!("/{at}{rest}")))
        }
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let rest = if key.contains('\0') { Some(String::new()) } else { place_of_nul(value) };
            rest.map(|rest| format!("/{}{rest}", escaped(&key.replace('\0', "\u{fffd}"))))
        }),
        _ => None,
    }
}

impl<T: serde::Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A query string, whose mistakes are named.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(Refusal(Problem::new(ProblemType::Malformed, error.body_text()))),
        }
    }
}

/// Path parameters, whose mistakes are named: an id that is none names nothing.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(error) => Err(Refusal(Problem::new(ProblemType::NotFound, error.body_text()))),
        }
    }
}
