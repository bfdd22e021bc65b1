//! `/access/request`: asking for a role on a team or an entity, for a time, with a reason.

use axum::extract::Query;
use leptos::prelude::*;
use model::{EntityId, TeamId};
use portal::{
    Error,
    authz::{Reach, RoleName},
    identity::access::{self, NewAccess},
};
use serde::Deserialize;

use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        Tone,
        button::{Button, LinkButton, Weight},
        field::{SelectField, TextArea, TextField},
        flash::Notice,
        form::{Form, FormActions, FormState},
        page_head::PageHead,
        words::sentence,
    },
};

/// What a denial's "request access" link names.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    role: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    entity: String,
}

/// `/access/request`
pub async fn new(cx: Cx, Query(wanted): Query<Wanted>) -> Answer {
    let state = FormState::filled([("role", wanted.role.clone()), ("team", wanted.team.clone())]);
    ask(&cx, &wanted, state).await
}

/// `POST /access/request`
pub async fn submit(cx: Cx, posted: Posted) -> Answer {
    match request(&cx, &posted).await {
        Ok(href) => cx.redirect(&href, "Your request waits for approval; you are told when it is decided"),
        Err(error) => {
            let wanted = Wanted {
                role: posted.text("role").to_owned(),
                team: posted.text("team").to_owned(),
                entity: posted.text("entity").to_owned(),
            };
            ask(&cx, &wanted, posted.refused(error)?).await
        }
    }
}

async fn request(cx: &Cx, posted: &Posted) -> portal::Result<String> {
    let reach = match (posted.text("entity"), posted.text("team")) {
        ("", "") => return Err(Error::invalid("team", "choose a team")),
        ("", team) => Reach::Team(team.parse::<TeamId>().map_err(|_| Error::NotFound("team"))?),
        (entity, _) => Reach::Entity(entity.parse::<EntityId>().map_err(|_| Error::NotFound("catalog entity"))?),
    };
    let new = NewAccess {
        role: RoleName::parse(posted.text("role")).ok_or_else(|| Error::invalid("role", "choose a role"))?,
        reach,
        days: posted.text("days").parse().map_err(|_| Error::invalid("days", "write a number of days"))?,
        reason: posted.text("reason").to_owned(),
    };
    Ok(access::request(&cx.portal, &cx.actor, &new).await?.href())
}

async fn ask(cx: &Cx, wanted: &Wanted, state: FormState) -> Answer {
    let entity = match wanted.entity.as_str() {
        "" => None,
        entity => Some(entity.parse().map_err(|_| Error::NotFound("catalog entity"))?),
    };
    let form = access::form(&cx.portal, &cx.actor, RoleName::parse(&wanted.role), entity).await?;
    cx.form_page(Head::new("Ask for a role").under("Access", "/access"), &state.clone(), move || {
        let instead = form.ask_instead.map(|words| view! { <Notice tone=Tone::Attention>{sentence(&words)}</Notice> });
        let hidden = form.entity.iter().map(|(id, _)| ("entity".to_owned(), id.to_string())).collect();
        let teams: Vec<(String, String)> = [(String::new(), "Choose a team".to_owned())]
            .into_iter()
            .chain(form.teams.into_iter().map(|team| (team.id.to_string(), team.name)))
            .collect();
        let (roles, max_days) = (form.roles, form.max_days);
        let place = form.entity.map(|(_, name)| name);
        view! {
            <PageHead title="Ask for a role" />
            {instead}
            <Form action="/access/request" state hidden>
                <SelectField name="role" label="Role" options=roles.clone() />
                {match place.clone() {
                    Some(name) => {
                        view! {
                            <p>
                                "For " <strong>{name}</strong> " alone. "
                                <a class="link" href="/access/request">"Ask for a team instead"</a>
                            </p>
                        }
                            .into_any()
                    }
                    None => view! { <SelectField name="team" label="Team" options=teams.clone() /> }.into_any(),
                }}
                <TextField
                    name="days"
                    label="For how many days"
                    kind="number"
                    value="7"
                    hint=format!("1 to {max_days}, from the last approval. It ends by itself, and you can end it earlier.")
                />
                <TextArea
                    name="reason"
                    label="What for"
                    rows=3
                    hint="Approvers decide by it: a lead of the team, and for leads and champions also a security champion."
                />
                <FormActions>
                    <Button weight=Weight::Primary>"Ask for the role"</Button>
                    <LinkButton href="/access">"Cancel"</LinkButton>
                </FormActions>
            </Form>
        }
    })
}
