//! `/`: what waits for the reader, what is theirs and how it is doing, and what changed since yesterday.

mod marked;
mod services;

use leptos::prelude::*;
use model::{Page, environment::EnvironmentRow, request::RequestRow, scorecards::Review};
use portal::{
    authz::RoleName,
    dashboards::home::{Happened, Home, OpenIncident, What, Whose, home},
    marks,
};

use self::{marked::MarkedLists, services::Services};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        Tone,
        badge::{SeverityBadge, Status},
        button::{LinkButton, Weight},
        icon, number,
        page_head::{PageHead, Section},
        pagination::SeeAll,
        state::Empty,
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
        time::{Day, Time},
        timeline::{Event, Timeline},
    },
};

/// How many stars are shown, what changed first.
const STARRED: usize = 8;
const SEEN: usize = 5;

/// `/`
pub async fn page(cx: Cx) -> Answer {
    let found = home(&cx.portal, &cx.actor).await?;
    let does = Does::of(&cx);
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let starred = marks::starred(&mut snapshot, STARRED).await?;
    let seen = marks::seen(&mut snapshot, SEEN).await?;
    drop(snapshot);
    let marked = move || view! { <MarkedLists starred seen /> }.into_any();
    cx.page(Head::new("Home").wide(), move || view! { <Shown found does marked=marked() /> })
}

/// What the reader comes here to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Builds services and asks for what that needs.
    Build,
    /// Looks after everybody's security.
    Watch,
    /// Keeps the portal itself.
    Administer,
    /// Reads and changes nothing.
    Audit,
}

impl Does {
    fn of(cx: &Cx) -> Self {
        let holds = |role| cx.actor.holds(role);
        match () {
            () if holds(RoleName::Auditor) => Self::Audit,
            () if holds(RoleName::PlatformAdministrator) => Self::Administer,
            () if holds(RoleName::SecurityChampion) => Self::Watch,
            () => Self::Build,
        }
    }

    /// Where most of the reader's work begins.
    const fn begins(self) -> (&'static str, &'static str) {
        match self {
            Self::Build => ("/environments/new", "Request environment"),
            Self::Watch => ("/scorecards", "Review scorecards"),
            Self::Administer => ("/admin/integrations", "Integrations"),
            Self::Audit => ("/audit", "Open audit log"),
        }
    }
}

#[component]
fn Shown(found: Home, does: Does, marked: AnyView) -> impl IntoView {
    let state = sentence(&found);
    let (href, words) = does.begins();
    let actions = view! {
        <LinkButton href="/dashboard">"Organisation"</LinkButton>
        <LinkButton href weight=Weight::Primary>
            {words}
        </LinkButton>
    };
    let Home { waiting, asked, environments, of, services, incidents, reviews, changes, .. } = found;
    let decides = does != Does::Audit;
    view! {
        <PageHead title="Home" state=state.into_any() actions=actions.into_any() />
        <div class="beside">
            <div>
                {decides.then(|| view! { <Waiting waiting /> })}
                <Reviews reviews />
                <Incidents incidents of />
                <Services services of />
            </div>
            <div>
                {marked}
                <Changes changes of />
                {decides.then(|| view! { <Environments environments /> })}
                {decides.then(|| view! { <Asked asked /> })}
            </div>
        </div>
    }
}

/// The page's answer in one line: the worst first.
fn sentence(found: &Home) -> String {
    let mut parts = Vec::new();
    let mut say = |count: u64, one: &str, many: &str| {
        if count > 0 {
            parts.push(number::counted(count, one, many));
        }
    };
    let critical: i64 = found.services.iter().map(|service| service.open.critical).sum();
    say(found.waiting.total.value, "request waits for you", "requests wait for you");
    say(found.incidents.len() as u64, "incident is open", "incidents are open");
    say(critical.unsigned_abs(), "critical finding", "critical findings");
    if parts.is_empty() { "Nothing waits for you.".to_owned() } else { parts.join(" · ") }
}

#[component]
fn Waiting(waiting: Page<RequestRow>) -> impl IntoView {
    if waiting.items.is_empty() {
        return view! {
            <Section title="Waits for you">
                <p class="muted">"Nothing waits for your decision."</p>
            </Section>
        }
        .into_any();
    }
    let more = (waiting.total.value > waiting.items.len() as u64)
        .then(|| view! { <SeeAll href="/approvals" total=waiting.total.value what="requests" /> }.into_any());
    let rows = waiting
        .items
        .into_iter()
        .map(|row| {
            view! {
                <tr>
                    <td>
                        <RowLink href=row.number.href()>{row.title}</RowLink>
                    </td>
                    <td class="table-wide-only">{row.requester.name}</td>
                    <td class="number">
                        <Time at=row.created_at />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![Column::new("Request"), Column::new("Asked by").wide_only(), Column::number("Asked")];
    view! {
        <Section title="Waits for you" more=more.unwrap_or_else(|| ().into_any())>
            <Table caption="Requests that wait for your decision" columns>
                {rows}
            </Table>
        </Section>
    }
    .into_any()
}

#[component]
fn Reviews(reviews: Vec<Review>) -> impl IntoView {
    if reviews.is_empty() {
        return ().into_any();
    }
    let rows = reviews
        .into_iter()
        .map(|review| {
            let entity = format!("/catalog/{}", review.entity_ref.replacen(':', "/", 1));
            let href = format!("{entity}/scorecards");
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href>
                            <Thing kind=Kind::Component name=review.title />
                        </RowLink>
                    </td>
                    <td class="table-cut">{review.scorecard_title}</td>
                    <td class="number">
                        <Day date=review.next_on />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![Column::new("Service"), Column::new("Scorecard"), Column::number("Due")];
    view! {
        <Section title="Reviews to do" more=view! { <a href="/scorecards">"All scorecards"</a> }.into_any()>
            <Table caption="Reviews that are overdue" columns>
                {rows}
            </Table>
        </Section>
    }
    .into_any()
}

#[component]
fn Incidents(incidents: Vec<OpenIncident>, of: Whose) -> impl IntoView {
    // where there is nothing to see there is nothing to say
    if of == Whose::Nobody {
        return ().into_any();
    }
    if incidents.is_empty() {
        return view! {
            <Section title="Open incidents">
                <p class="muted">"No incident is open."</p>
            </Section>
        }
        .into_any();
    }
    let rows = incidents
        .into_iter()
        .map(|incident| {
            let (tone, words) = if incident.acknowledged {
                (Tone::Attention, "Acknowledged")
            } else {
                (Tone::Wrong, "Nobody looks at it")
            };
            view! {
                <tr>
                    <td class="table-tight">
                        <SeverityBadge severity=incident.severity />
                    </td>
                    <td class="table-cut">
                        <RowLink href=format!("/incidents/{}", incident.number)>{incident.title}</RowLink>
                    </td>
                    <td class="table-wide-only">
                        <Status tone>{words}</Status>
                    </td>
                    <td class="number">
                        <Time at=incident.opened_at />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Severity").tight(),
        Column::new("Incident"),
        Column::new("State").wide_only(),
        Column::number("Opened"),
    ];
    view! {
        <Section title="Open incidents" more=view! { <a href="/incidents">"All incidents"</a> }.into_any()>
            <Table caption="Incidents that are not resolved" columns>
                {rows}
            </Table>
        </Section>
    }
    .into_any()
}

#[component]
fn Changes(changes: Vec<Happened>, of: Whose) -> impl IntoView {
    if changes.is_empty() {
        let words = match of {
            Whose::Nobody => "What happens to your teams' services is listed here.",
            _ => "Nothing has changed in the last 24 hours.",
        };
        return view! {
            <Section title="Since yesterday">
                <p class="muted">{words}</p>
            </Section>
        }
        .into_any();
    }
    let events = changes
        .into_iter()
        .map(|change| {
            let (icon, tone, words) = told(&change);
            let title = view! {
                <a href=change.href>{change.name}</a>
                " "
                {words}
            };
            view! { <Event at=change.at icon tone title=title.into_any() /> }
        })
        .collect_view();
    view! {
        <Section title="Since yesterday">
            <Timeline>{events}</Timeline>
        </Section>
    }
    .into_any()
}

fn told(change: &Happened) -> (icon::Icon, Option<Tone>, String) {
    let findings = |count: i64| number::counted(count.unsigned_abs(), "finding", "findings");
    match change.what {
        What::Described => (icon::CATALOG, None, "was added to the catalog".to_owned()),
        What::DescriptionChanged => (icon::EDIT, None, "is described anew".to_owned()),
        What::Binned => (icon::DELETE, Some(Tone::Attention), "went to the bin: no source describes it".to_owned()),
        What::Restored => (icon::CATALOG, None, "came back from the bin".to_owned()),
        What::FindingsChanged => match (change.opened, change.closed) {
            (opened, 0) => (icon::FINDING, Some(Tone::Attention), format!("has {} more", findings(opened))),
            (0, closed) => (icon::FINDING, Some(Tone::Good), format!("has {} fewer", findings(closed))),
            (opened, closed) => (icon::FINDING, None, format!("has {} more and {closed} fewer", findings(opened))),
        },
        What::IncidentOpened => (icon::INCIDENT, Some(Tone::Wrong), "opened".to_owned()),
        What::IncidentResolved => (icon::INCIDENT, Some(Tone::Good), "was resolved".to_owned()),
        What::EnvironmentReady => (icon::ENVIRONMENT, Some(Tone::Good), "is ready".to_owned()),
        What::EnvironmentEnded => (icon::ENVIRONMENT, None, "has ended".to_owned()),
    }
}

#[component]
fn Environments(environments: Page<EnvironmentRow>) -> impl IntoView {
    let rows = environments
        .items
        .into_iter()
        .map(|row| {
            view! {
                <li>
                    <Thing kind=Kind::Environment name=row.name.clone() href=format!("/environments/{}", row.name) />
                    <div class="small muted">"Ends " <Time at=row.expires_at /></div>
                </li>
            }
        })
        .collect::<Vec<_>>();
    let shown = if rows.is_empty() {
        view! { <p class="muted">"You have none. " <a href="/environments/new">"Request one"</a></p> }.into_any()
    } else {
        view! { <ul class="grid gap-3">{rows}</ul> }.into_any()
    };
    view! { <Section title="Your environments">{shown}</Section> }
}

#[component]
fn Asked(asked: Page<RequestRow>) -> impl IntoView {
    if asked.items.is_empty() {
        return ().into_any();
    }
    let rows = asked
        .items
        .into_iter()
        .map(|row| {
            let waits = if row.waits_for.is_empty() {
                row.state.label().to_owned()
            } else {
                format!("Waits for {}", row.waits_for.join(" and "))
            };
            view! {
                <li>
                    <a href=row.number.href()>{row.title}</a>
                    <div class="small muted">{waits} " · " <Time at=row.created_at /></div>
                </li>
            }
        })
        .collect_view();
    view! {
        <Section title="You asked for">
            <ul class="grid gap-3">{rows}</ul>
        </Section>
    }
    .into_any()
}

/// What stands where somebody has no services yet.
fn no_services(of: Whose) -> AnyView {
    match of {
        Whose::Nobody => view! {
            <Empty
                title="You are in no team yet"
                icon=icon::TEAM
                action=Some(("/access/request".to_owned(), "Ask for a role".to_owned()))
            >
                "Services of your teams are shown here. Teams come from your identity provider's groups, or from a role that you ask for."
            </Empty>
        }
        .into_any(),
        Whose::Teams | Whose::All => view! {
            <Empty
                title="No services yet"
                icon=icon::CATALOG
                action=Some(("/catalog".to_owned(), "Open the catalog".to_owned()))
            >
                "A component whose descriptor names your team as its owner is shown here."
            </Empty>
        }
        .into_any(),
    }
}
