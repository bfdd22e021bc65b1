//! `/access`: what I hold, and what my team holds.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{BindingId, TeamId, access::AccessOverview};
use portal::{Error, identity::access};
use serde::Deserialize;

use super::{Give, Roles};
use crate::{
    backend::{Answer, Cx, Posted},
    ui::{
        button::{LinkButton, Weight},
        form::FormState,
        icon,
        page_head::{PageHead, Section},
        state::Empty,
        tabs::{Tab, Tabs},
    },
};

#[derive(Debug, Default, Deserialize)]
pub struct Which {
    #[serde(default)]
    team: String,
}

/// `/access`
pub async fn page(cx: Cx, Query(which): Query<Which>) -> Answer {
    show(&cx, &which.team, FormState::default()).await
}

/// `POST /access/give`
pub async fn give(cx: Cx, posted: Posted) -> Answer {
    match super::give(&cx, &posted).await {
        Ok(done) => cx.redirect(&format!("/access?team={}", posted.text("team")), done),
        Err(error) => {
            let team = posted.text("team").to_owned();
            show(&cx, &team, posted.refused(error)?).await
        }
    }
}

/// `POST /access/{id}/end`
pub async fn end(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: BindingId = id.parse().map_err(|_| Error::NotFound("role"))?;
    access::end(&cx.portal, &cx.actor, id).await?;
    cx.redirect("/access", "The role is ended")
}

async fn show(cx: &Cx, team: &str, state: FormState) -> Answer {
    let team: Option<TeamId> = match team {
        "" => None,
        team => Some(team.parse().map_err(|_| Error::NotFound("team"))?),
    };
    let overview = access::overview(&cx.portal, &cx.actor, team).await?;
    cx.form_page("Access", &state.clone(), move || {
        let actions = view! {
            <LinkButton href="/access/request" weight=Weight::Primary icon=Some(icon::KEY)>
                "Ask for a role"
            </LinkButton>
        };
        let mine = overview.mine.clone();
        view! {
            <PageHead title="Access" actions=actions.into_any() />
            <Section title="What I hold">
                {if mine.is_empty() {
                    view! {
                        <Empty
                            title="You hold no role yet"
                            icon=icon::KEY
                            action=Some(("/access/request".to_owned(), "Ask for a role".to_owned()))
                        >
                            "You see what is open to everybody. A role in a team lets you see and do more of what is that team's."
                        </Empty>
                    }
                        .into_any()
                } else {
                    view! { <Roles caption="What I hold" roles=mine /> }.into_any()
                }}
            </Section>
            <Team overview state />
        }
    })
}

#[component]
fn Team(overview: AccessOverview, state: FormState) -> impl IntoView {
    let team = overview.team?;
    let tabs: Vec<Tab> = overview
        .teams
        .iter()
        .map(|one| Tab::new(one.name.clone(), format!("/access?team={}", one.id)).current(one.id == team.id))
        .collect();
    let tabs = (tabs.len() > 1).then(|| view! { <Tabs label="Teams" tabs /> });
    let give = (!overview.may_give.is_empty()).then(|| {
        view! {
            <Section title=format!("Give a role in {}", team.name)>
                <Give action="/access/give" roles=overview.may_give team=Some(team.id) state />
            </Section>
        }
    });
    Some(view! {
        <Section title=format!("What {} holds", team.name)>
            {tabs}
            <Roles caption="What the team holds" roles=overview.held people=true />
        </Section>
        {give}
    })
}
