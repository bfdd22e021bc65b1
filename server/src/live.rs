//! `GET /live`: tells an open page, by server-sent events, which of its topics changed.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use axum::{
    extract::{RawQuery, State},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt};
use model::{Problem, ProblemType};
use portal::live::{Topic, may_follow};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use crate::{auth::actor::Caller, http::Edge, rest::problem::Refusal};

/// More topics are not on one page.
const MAX_TOPICS: usize = 50;
/// After this time the browser connects again, and is asked again who it is and what it may follow.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The data of each event is the topic that changed, or `*` where the page should look at all of them. What changed
/// since the mark in `since`, the one that the page was made at, is told first.
pub async fn live(State(edge): State<Edge>, Caller(actor): Caller, RawQuery(query): RawQuery) -> Response {
    // before the first look: what changes in between is told
    let changes = edge.portal.live.subscribe();
    let query: Vec<(String, String)> =
        serde_urlencoded::from_str(query.as_deref().unwrap_or_default()).unwrap_or_default();
    let mark = query.iter().find(|(name, _)| name == "since").map(|(_, mark)| mark.as_str());
    let missed = mark.map(|mark| edge.portal.live.since(mark)).unwrap_or_default();
    let topics: Vec<Topic> =
        query.into_iter().filter(|(name, _)| name == "topic").map(|(_, topic)| Topic(topic)).take(MAX_TOPICS).collect();
    let may = match may_follow(&edge.portal, &actor, &topics).await {
        Ok(may) => may,
        Err(error) => return Refusal::from(error).into_response(),
    };
    let followed: BTreeSet<String> =
        topics.into_iter().zip(may).filter(|(_, may)| *may).map(|(topic, _)| topic.0).collect();
    if followed.is_empty() {
        // 204 tells a browser not to connect again (HTML, "Server-sent events")
        return if actor.person().is_some() {
            http::StatusCode::NO_CONTENT.into_response()
        } else {
            Refusal(Problem::new(ProblemType::Unauthenticated, "sign in first")).into_response()
        };
    }
    Sse::new(told(missed, BroadcastStream::new(changes), followed).take_until(tokio::time::sleep(LIFETIME)))
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(20)))
        .into_response()
}

fn told(
    missed: Vec<Topic>,
    changes: BroadcastStream<Topic>,
    followed: BTreeSet<String>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    // the first event shows that it is open
    let opened = futures::stream::once(async { Ok(Event::default().comment("open")) });
    let changes = changes.map(|change| match change {
        Ok(topic) => topic,
        Err(BroadcastStreamRecvError::Lagged(_)) => Topic::everything(),
    });
    let told = futures::stream::iter(missed).chain(changes).filter_map(move |topic| {
        let told = topic.is_everything() || followed.contains(&topic.0);
        async move { told.then(|| Ok(Event::default().data(topic.0))) }
    });
    opened.chain(told)
}
