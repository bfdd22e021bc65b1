//! How long each request took, from its handler to the last byte that was handed to the connection, by route template,
//! method and status. No path, query or person is ever a label, so the set of series is closed.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{Method, StatusCode};
use hyper::body::{Frame, SizeHint};
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use tracing::Span;

/// The histogram's name, in seconds.
pub const DURATION: &str = "rampart_http_request_duration_seconds";
const CUT_SHORT: &str = "rampart_http_responses_cut_short_total";

/// Upper bounds in seconds; 20 ms is the budget of a page.
pub const BUCKETS: &[f64] = &[
    0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.012_5, 0.015, 0.017_5, 0.02, 0.025, 0.03, 0.05, 0.075, 0.1,
    0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

pub(super) fn describe() {
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "from the handler's entry to the last byte of the answer, by route, method and status"
    );
    describe_counter!(CUT_SHORT, "answers that the client did not take to the end, live streams among them");
}

/// Middleware: measures a request and traces it under its route template.
pub async fn measure(request: Request, next: Next) -> Response {
    let entered = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", |path| path.as_str()).to_owned();
    let method = known(request.method());
    let span = crate::telemetry::request_span(method, &route, request.headers());
    let response = tracing::Instrument::instrument(next.run(request), span.clone()).await;
    let status = response.status();
    crate::telemetry::answered(&span, status);
    let taken = Taken { entered, route, method, status };
    response.map(|body| {
        let expected = body.size_hint().exact();
        let mut measured = Measured { body, taken: Some(taken), expected, sent: 0, _span: span };
        measured.end_if(measured.body.is_end_stream());
        Body::new(measured)
    })
}

/// The methods of RFC 9110 and RFC 5789; a client can make up others.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

struct Taken {
    entered: Instant,
    route: String,
    method: &'static str,
    status: StatusCode,
}

/// A body that is measured when its last byte was taken. The trace ends with it.
struct Measured {
    body: Body,
    /// Gone once it was measured.
    taken: Option<Taken>,
    /// Bytes, where they are known beforehand: then nobody asks for more once they were taken.
    expected: Option<u64>,
    sent: u64,
    _span: Span,
}

impl Measured {
    fn end_if(&mut self, ended: bool) {
        if ended && let Some(Taken { entered, route, method, status }) = self.taken.take() {
            histogram!(DURATION, "route" => route, "method" => method, "status" => status.as_str().to_owned())
                .record(entered.elapsed());
        }
    }
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                let ended = self.body.is_end_stream() || self.expected == Some(self.sent);
                self.end_if(ended);
            }
            Poll::Ready(None) => self.end_if(true),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        if let Some(Taken { route, method, .. }) = self.taken.take() {
            counter!(CUT_SHORT, "route" => route, "method" => method).increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware, routing::get};
    use tokio::sync::mpsc;
    use tower::ServiceExt as _;

    use super::*;
    use crate::metrics::recorder;

    /// A route whose answer is sent as the test sends it.
    async fn answer(route: &'static str) -> (mpsc::UnboundedSender<&'static str>, Response) {
        recorder();
        let (sender, receiver) = mpsc::unbounded_channel::<&'static str>();
        let stream = tokio_stream::wrappers::UnboundedReceiverStream::new(receiver);
        let body = std::sync::Mutex::new(Some(Body::from_stream(tokio_stream::StreamExt::map(stream, |text| {
            Ok::<_, std::convert::Infallible>(Bytes::from(text))
        }))));
        let body = std::sync::Arc::new(body);
        let router = Router::new()
            .route(route, get(async move || body.lock().unwrap().take().unwrap()))
            .layer(middleware::from_fn(measure));
        (sender, router.oneshot(Request::get(route).body(Body::empty()).unwrap()).await.unwrap())
    }

    fn shown(name: &str, labels: &str) -> bool {
        recorder().render().contains(&format!("{name}{{{labels}}} 1\n"))
    }

    #[tokio::test]
    async fn a_request_is_measured_when_its_last_byte_was_taken_and_not_before() {
        let counted = || shown(&format!("{DURATION}_count"), "route=\"/slow\",method=\"GET\",status=\"200\"");
        let (sender, response) = answer("/slow").await;
        let mut body = response.into_body();
        sender.send("first").unwrap();
        http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        assert!(!counted(), "more is to come");
        drop(sender);
        assert!(http_body_util::BodyExt::frame(&mut body).await.is_none());
        assert!(counted());
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_to_the_end_is_counted_apart() {
        let (sender, response) = answer("/left").await;
        sender.send("first").unwrap();
        drop(response);
        assert!(shown(CUT_SHORT, "route=\"/left\",method=\"GET\""));
        assert!(!recorder().render().contains("route=\"/left\",method=\"GET\",status"));
    }
}
