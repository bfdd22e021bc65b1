//! Every component in every state, at `/dev/ui` in debug builds.

use axum::extract::Path;
use leptos::prelude::*;
use model::{Problem, ProblemType};

use super::{
    avatar, badge, button, chart, code, dialog, facet, facts, figure, filter, flash, fold, form, icon, log, menu,
    page_head::{self, Section},
    pagination, search, skeleton, state, table, tabs, thing, time, timeline,
};
use crate::{
    backend::{Answer, Cx, Head},
    layout::chrome::{self, Chrome, Person},
};

/// `/dev/ui`: all samples.
pub async fn gallery(cx: Cx) -> Answer {
    cx.page(Head::new("Components").under("Development", "/dev/ui"), || {
        view! {
            {page_head::samples()}
            {tabs::samples()}
            <Section title="Figures">{figure::samples()}</Section>
            <Section title="Table">{table::samples()}</Section>
            <Section title="Pages">{pagination::samples()}</Section>
            <Section title="Filters">{facet::samples()} {search::samples()} {filter::samples()}</Section>
            <Section title="Charts">{chart::samples()}</Section>
            <Section title="Buttons">{button::samples()}</Section>
            <Section title="Badges">{badge::samples()}</Section>
            <Section title="Things">{thing::samples()}</Section>
            <Section title="Avatars">{avatar::samples()}</Section>
            <Section title="Forms">{form::samples()}</Section>
            <Section title="Dialog and menu">
                <div class="flex items-center gap-2">{dialog::samples()} {menu::samples()}</div>
            </Section>
            <Section title="Notices">{flash::samples()}</Section>
            <Section title="States">{state::samples()}</Section>
            <Section title="Loading">{skeleton::samples()}</Section>
            <Section title="Facts">{facts::samples()}</Section>
            <Section title="Timeline">{timeline::samples()}</Section>
            <Section title="Log">{log::samples()}</Section>
            <Section title="Code">{code::samples()}</Section>
            <Section title="Fold">{fold::samples()}</Section>
            <Section title="Times">{time::samples()}</Section>
            <Section title="Icons">{icon::samples()}</Section>
        }
    })
}

/// `/dev/ui/{state}`: a whole page in a state that is hard to come by: forbidden, missing, broken, down.
pub async fn state(Path(state): Path<String>) -> Answer {
    let (kind, detail) = match state.as_str() {
        "forbidden" => (ProblemType::Forbidden, "Reading the audit log takes the role auditor."),
        "broken" => {
            (ProblemType::Internal, "The page could not be made. Nothing was changed; the error is in the logs.")
        }
        "down" => {
            (ProblemType::Unavailable, "The database does not answer. Nothing was changed; try again in a minute.")
        }
        _ => (ProblemType::NotFound, "No page has this address."),
    };
    Err(Problem::new(kind, detail).into())
}

/// Dresses a page as for somebody who is signed in, so that the frame can be looked at alone.
pub fn dress(chrome: &mut Chrome) {
    if !chrome.address.starts_with("/dev/") {
        return;
    }
    chrome.person =
        Some(Person { name: "Ada Lovelace".into(), email: "ada@example.com".into(), href: "/people/ada".into() });
    chrome.sections = chrome::Section::ALL.to_vec();
    chrome.approvals = 3;
    chrome.notifications = 12;
    chrome.running = 1;
    chrome.topic = Some("person:ada".into());
    chrome.evaluation = true;
}
