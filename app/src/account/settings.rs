//! `/settings`: the reader's own page, with what is theirs to choose, their sessions, and the way to the rest.

use axum::extract::Path;
use leptos::prelude::*;
use model::SessionId;
use portal::{
    Error,
    identity::own::{self, Own, Session},
};

use crate::{
    backend::{Answer, Cx, Posted},
    layout::chrome::Theme,
    ui::{
        badge::Badge,
        button::{Button, LinkButton, Weight},
        facts::{Fact, Facts},
        field::SelectField,
        form::{Form, FormActions, FormState},
        icon,
        page_head::{PageHead, Section},
        table::{Column, Table},
        time::{Time, Zone},
    },
};

const PATH: &str = "/settings";

/// `/settings`
pub async fn page(cx: Cx) -> Answer {
    show(&cx, FormState::default()).await
}

/// `POST /settings/zone`
pub async fn choose_zone(cx: Cx, posted: Posted) -> Answer {
    let zone = Some(posted.text("time_zone")).filter(|zone| !zone.is_empty());
    let known = zone.is_none_or(|zone| Zone::named(zone).is_some());
    let done = match known {
        true => own::choose_zone(&cx.portal, &cx.actor, zone).await,
        false => Err(Error::invalid("time_zone", "choose one of the list")),
    };
    match done {
        Ok(()) => cx.redirect(PATH, "Times are shown in the zone that you chose"),
        Err(error) => show(&cx, posted.refused(error)?).await,
    }
}

/// `POST /settings/sessions/{id}/end`
pub async fn end_session(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: SessionId = id.parse().map_err(|_| Error::NotFound("session"))?;
    own::end_session(&cx.portal, &cx.actor, id).await?;
    cx.redirect(PATH, "The session is ended")
}

async fn show(cx: &Cx, state: FormState) -> Answer {
    let own = own::own(&cx.portal, &cx.actor).await?;
    let (theme, address) = (cx.chrome.theme, cx.chrome.address.split('?').next().unwrap_or(PATH).to_owned());
    let here = cx.chrome.zone.label();
    cx.form_page("Settings", &state.clone(), move || {
        let chosen = own.time_zone.clone().unwrap_or_default();
        let sessions = own.sessions.clone();
        view! {
            <PageHead title="Settings" state=own.display_name.clone().into_any() />
            <div class="beside">
                <div class="min-w-0">
                    <Section title="Time zone">
                        <ZoneForm chosen here state />
                    </Section>
                    <Section title="Theme">
                        <Themes theme address />
                    </Section>
                    <Section title="Sessions">
                        <Sessions sessions />
                    </Section>
                </div>
                <aside aria-label="You">
                    <Section title="From the identity provider">
                        <Identity own />
                    </Section>
                    <Section title="Yours">
                        <Ways />
                    </Section>
                </aside>
            </div>
        }
    })
}

#[component]
fn ZoneForm(chosen: String, here: String, state: FormState) -> impl IntoView {
    let zones: Vec<(String, String)> = [(String::new(), "As the browser has it".to_owned())]
        .into_iter()
        .chain(Zone::all().into_iter().map(|zone| (zone.name().to_owned(), zone.label())))
        .collect();
    view! {
        <Form action="/settings/zone" name="zone" state>
            <SelectField
                name="time_zone"
                label="Show times in"
                hint=format!("Times are shown in {here} now")
                options=zones.clone()
                value=chosen.clone()
                optional=true
            />
            <FormActions>
                <Button>"Save time zone"</Button>
            </FormActions>
        </Form>
    }
}

/// The same choice as in the person's menu, with what it means.
#[component]
fn Themes(theme: Option<Theme>, address: String) -> impl IntoView {
    let choices =
        [("light", "Light", Some(Theme::Light)), ("dark", "Dark", Some(Theme::Dark)), ("system", "System", None)]
            .into_iter()
            .map(|(value, label, choice)| {
                let pressed = if theme == choice { "true" } else { "false" };
                view! { <button name="theme" value=value aria-pressed=pressed>{label}</button> }
            })
            .collect_view();
    view! {
        <form method="post" action="/preferences" class="max-w-sm">
            <input type="hidden" name="return_to" value=address />
            <fieldset>
                <legend class="field-hint mb-1">"Of this browser"</legend>
                <div class="choices">{choices}</div>
            </fieldset>
        </form>
    }
}

#[component]
fn Sessions(sessions: Vec<Session>) -> impl IntoView {
    let columns = vec![
        Column::new("Browser"),
        Column::new("Address").wide_only(),
        Column::new("Signed in").tight().wide_only(),
        Column::new("Last used").tight(),
        Column::new("").tight(),
    ];
    let rows = sessions
        .into_iter()
        .map(|session| {
            let browser = browser(&session.user_agent);
            let spoken = StoredValue::new(format!(" in {browser}, signed in from {}", session.address));
            let end = match session.current {
                true => view! {
                    <form method="post" action="/sign-out">
                        <Button weight=Weight::Quiet>"Sign out"</Button>
                    </form>
                }
                .into_any(),
                false => view! {
                    <Form action=format!("/settings/sessions/{}/end", session.id) name="end" inline=true>
                        <Button>
                            "End this session"
                            <span class="only-spoken">{spoken.get_value()}</span>
                        </Button>
                    </Form>
                }
                .into_any(),
            };
            view! {
                <tr>
                    <td>
                        <span title=session.user_agent>{browser}</span>
                        {session.current.then(|| view! { " " <Badge>"This browser"</Badge> })}
                    </td>
                    <td class="table-wide-only">{session.address}</td>
                    <td class="table-wide-only">
                        <Time at=session.begun_at />
                    </td>
                    <td>
                        <Time at=session.seen_at />
                    </td>
                    <td>{end}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Table caption="Sessions" columns>
            {rows}
        </Table>
    }
}

#[component]
fn Identity(own: Own) -> impl IntoView {
    let groups = if own.groups.is_empty() { "None".to_owned() } else { own.groups.join(", ") };
    let facts = vec![
        Fact::text("Name", own.display_name),
        Fact::text("Mail address", own.email.unwrap_or_default()),
        Fact::text("Groups", groups),
        Fact::text("Provider", own.issuer),
        match own.signed_in_at {
            Some(at) => Fact::new("Last sign-in", view! { <Time at /> }),
            None => Fact::text("Last sign-in", ""),
        },
    ];
    view! {
        <Facts facts narrow=true />
        <p class="small muted">"These are changed there, and taken over at each sign-in."</p>
    }
}

#[component]
fn Ways() -> impl IntoView {
    view! {
        <div class="flex flex-col items-start gap-2">
            <LinkButton href="/access" icon=Some(icon::KEY)>
                "What I hold"
            </LinkButton>
            <LinkButton href="/notifications/channels" icon=Some(icon::BELL)>
                "Notification channels"
            </LinkButton>
            <LinkButton href="/account/tokens" icon=Some(icon::CODE)>
                "Personal tokens"
            </LinkButton>
        </div>
    }
}

/// What a browser calls itself, as people call it: "Firefox on Linux". A name that is not known is shown as it came.
fn browser(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
    };
    // the order matters: most browsers also name those that they want to be taken for
    let name = first(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        (None, _) if user_agent.is_empty() => "Unknown".to_owned(),
        (None, _) => user_agent.chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_as_people_call_it() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36";
        let phone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1";
        assert_eq!((browser(chrome).as_str(), browser(phone).as_str()), ("Chrome on Linux", "Safari on iPhone"));
        assert_eq!(browser("something of our own"), "something of our own");
    }
}
