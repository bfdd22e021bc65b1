//! Who holds which role where: mine, my team's, the organisation's; asking for one, giving one, ending one.

pub mod ask;
pub mod organisation;
pub mod overview;

use leptos::prelude::*;
use model::{TeamId, access::HeldRole};
use portal::{Error, authz::RoleName, identity::access};
use time::{Date, Time as TimeOfDay, format_description::well_known::Iso8601};

use crate::{
    approvals::person,
    backend::{Cx, Posted},
    ui::{
        button::Button,
        field::{DateField, SelectField, TextField},
        form::{Form, FormActions, FormState},
        table::{Column, Table},
        thing::{Kind, Thing},
        time::{ExactTime, Time},
    },
};

/// A table of roles; with `people` where they are of more than one person.
#[component]
fn Roles(caption: &'static str, roles: Vec<HeldRole>, #[prop(optional)] people: bool) -> impl IntoView {
    // where people stand in rows, the page is about one place
    let place = if people { Column::new("Where").wide_only() } else { Column::new("Where") };
    let mut columns = vec![
        Column::new("Role"),
        place,
        Column::new("From").wide_only(),
        Column::new("Since").tight().wide_only(),
        Column::new("Until").tight(),
        Column::new("").tight(),
    ];
    if people {
        columns.insert(0, Column::new("Person"));
    }
    let rows = roles.into_iter().map(|role| row(role, people)).collect_view();
    view! { <Table caption columns>{rows}</Table> }
}

fn row(role: HeldRole, people: bool) -> impl IntoView {
    let who = people.then(|| {
        view! { <td><Thing kind=Kind::Person name=role.person.name.clone() href=person(role.person.id) /></td> }
    });
    let place = match (role.place, role.href) {
        (Some(place), Some(href)) => view! { <a class="link" href=href>{place}</a> }.into_any(),
        (Some(place), None) => view! { {place} }.into_any(),
        (None, _) => view! { "The whole organisation" }.into_any(),
    };
    let from = match role.request {
        Some(number) => view! { <a class="link" href=number.href()>{format!("Request #{number}")}</a> }.into_any(),
        None => view! { {role.source.label()} }.into_any(),
    };
    let until = match role.expires_at {
        Some(at) => view! { <ExactTime at /> }.into_any(),
        None => view! { <span class="muted">"no end"</span> }.into_any(),
    };
    let end = role.may_end.then(|| {
        let spoken = StoredValue::new(format!(" {} of {}", role.role_label, role.person.name));
        view! {
            <Form action=format!("/access/{}/end", role.id) name="end" inline=true>
                <Button>"End" <span class="only-spoken">{spoken.get_value()}</span></Button>
            </Form>
        }
    });
    view! {
        <tr>
            {who}
            <td>{role.role_label.clone()}</td>
            <td class=people.then_some("table-wide-only")>{place}</td>
            <td class="table-wide-only">{from}</td>
            <td class="table-wide-only whitespace-nowrap"><Time at=role.granted_at /></td>
            <td class="whitespace-nowrap">{until}</td>
            <td>{end}</td>
        </tr>
    }
}

/// The form that gives somebody a role, in `team` or in the whole organisation.
#[component]
fn Give(action: &'static str, roles: Vec<(String, String)>, team: Option<TeamId>, state: FormState) -> impl IntoView {
    let hidden = team.map(|team| ("team".to_owned(), team.to_string())).into_iter().collect();
    view! {
        <Form action name="give" state hidden>
            <TextField name="person" label="Person" kind="text" hint="Their mail address; they have signed in once." />
            <SelectField name="role" label="Role" options=roles.clone() />
            <DateField name="until" label="Until the end of" optional=true hint="Left empty, the role holds until somebody ends it." />
            <FormActions>
                <Button>"Give the role"</Button>
            </FormActions>
        </Form>
    }
}

/// Does what that form asks.
async fn give(cx: &Cx, posted: &Posted) -> portal::Result<String> {
    let team = match posted.text("team") {
        "" => None,
        team => Some(team.parse().map_err(|_| Error::NotFound("team"))?),
    };
    let expires_at = match posted.text("until") {
        "" => None,
        day => {
            let day =
                Date::parse(day, &Iso8601::DATE).map_err(|_| Error::invalid("until", "write the day as 2026-11-21"))?;
            Some(day.next_day().unwrap_or(day).with_time(TimeOfDay::MIDNIGHT).assume_utc())
        }
    };
    let role = RoleName::parse(posted.text("role")).ok_or_else(|| Error::invalid("role", "choose a role"))?;
    let person = access::person_named(&cx.portal, &cx.actor, posted.text("person")).await?;
    access::give(&cx.portal, &cx.actor, person, role, team, expires_at).await.map_err(|error| match error {
        // the form's field is called otherwise
        Error::Invalid(mut errors) => {
            for error in &mut errors {
                if error.field == "expires_at" {
                    "until".clone_into(&mut error.field);
                }
            }
            Error::Invalid(errors)
        }
        other => other,
    })?;
    Ok(format!("{} is given to {}", role.label(), posted.text("person")))
}
