//! A reader's own marks on an entity: the star, and what changed since they last looked.

use leptos::prelude::*;
use model::{EntityRef, Kind, entity::EntityEvent, marks::Mark};
use portal::{Error, marks};
use time::OffsetDateTime;

use super::detail::EntityPath;
use crate::{
    backend::{Answer, Cx, Posted},
    ui::{
        icon::{self, Icon},
        number,
        time::Time,
        words::capitalised,
    },
};

/// `POST /catalog/{kind}/{namespace}/{name}/star`
pub async fn star(cx: Cx, path: EntityPath, posted: Posted) -> Answer {
    let (kind, namespace, name) = path.0;
    let kind: Kind = kind.parse().map_err(|_| Error::NotFound("catalog entity"))?;
    let reference = EntityRef::new(kind, &namespace, &name);
    let starred = posted.text("starred") == "yes";
    marks::star(&cx.portal, &cx.actor, &reference, starred).await?;
    let done = if starred { "Starred; it is on your home page" } else { "No longer starred" };
    cx.redirect(&reference.href(), done)
}

/// The star beside an entity's name, full where it is the reader's.
#[component]
pub fn Star(entity: EntityRef, mark: Mark) -> impl IntoView {
    let (class, words, next) = match mark.starred {
        true => ("button button-quiet button-icon star star-on", "Take the star away", "no"),
        false => ("button button-quiet button-icon star", "Star", "yes"),
    };
    view! {
        <form method="post" action=format!("{}/star", entity.href())>
            <button class=class type="submit" name="starred" value=next title=words aria-pressed=mark.starred.to_string()>
                <Icon of=icon::STAR />
                <span class="only-spoken">"Star"</span>
            </button>
        </form>
    }
}

/// What its descriptor's readings changed since the reader last looked; nothing where nothing did.
#[component]
pub fn Since(looked_at: OffsetDateTime, events: Vec<EntityEvent>, href: String) -> impl IntoView {
    let news: Vec<EntityEvent> = events.into_iter().filter(|event| event.at > looked_at).collect();
    if news.is_empty() {
        return ().into_any();
    }
    let mut fields: Vec<String> =
        news.iter().flat_map(|event| event.changes.iter().map(|change| change.field.clone())).collect();
    fields.sort();
    fields.dedup();
    let times = number::counted(news.len() as u64, "change", "changes");
    let what = if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) };
    view! {
        <p class="since">
            <Icon of=icon::AUDIT />
            <span>
                {capitalised(&times)} " since you last looked, " <Time at=looked_at /> {what} ". "
                <a href=href>"See the changes"</a>
            </span>
        </p>
    }
    .into_any()
}
