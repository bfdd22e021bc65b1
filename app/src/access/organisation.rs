//! `/admin/people`: who holds a role in the whole organisation, and giving one.

use leptos::prelude::*;
use portal::identity::access;

use super::{Give, Roles};
use crate::{
    backend::{Answer, Cx, Posted},
    ui::{
        form::FormState,
        icon,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, Table},
    },
};

/// `/admin/people`
pub async fn page(cx: Cx) -> Answer {
    show(&cx, FormState::default()).await
}

/// `POST /admin/people`
pub async fn give(cx: Cx, posted: Posted) -> Answer {
    match super::give(&cx, &posted).await {
        Ok(done) => cx.redirect("/admin/people", done),
        Err(error) => show(&cx, posted.refused(error)?).await,
    }
}

async fn show(cx: &Cx, state: FormState) -> Answer {
    let overview = access::organisation(&cx.portal, &cx.actor).await?;
    cx.form_page("People and roles", &state.clone(), move || {
        let held = overview.held.clone();
        let give = (!overview.may_give.is_empty()).then(|| {
            let roles = overview.may_give.clone();
            view! {
                <Section title="Give a role in the whole organisation">
                    <Give action="/admin/people" roles team=None state />
                </Section>
            }
        });
        let teams = overview
            .teams
            .clone()
            .into_iter()
            .map(|team| {
                view! {
                    <tr>
                        <td>
                            <RowLink href=format!("/access?team={}", team.id)>{team.name}</RowLink>
                        </td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <PageHead title="People and roles" />
            <Section title="In the whole organisation">
                {if held.is_empty() {
                    view! {
                        <Empty title="Nobody holds a role in the whole organisation" icon=icon::PEOPLE>
                            "Security champions, administrators and auditors show here. Their groups come from the identity provider, or a role is given by hand."
                        </Empty>
                    }
                        .into_any()
                } else {
                    view! { <Roles caption="Roles in the whole organisation" roles=held people=true /> }.into_any()
                }}
            </Section>
            {give}
            <Section title="In teams">
                <Table caption="Teams" columns=vec![Column::new("Team")]>
                    {teams}
                </Table>
            </Section>
        }
    })
}
