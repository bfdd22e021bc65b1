//! `/security/findings/{id}`: one finding, what to do about it, who sees it, and what became of it.

use axum::extract::Path;
use leptos::prelude::*;
use model::{
    FindingId, FindingKind,
    findings::{FindingDetail, FindingEvent, FindingEventKind, Place, Witness},
};
use portal::{Error, findings};

use super::{Service, State, service_href};
use crate::{
    backend::{Answer, Cx, Head},
    catalog::address,
    ui::{
        Tone,
        badge::{Badge, SeverityBadge, Status},
        facts::{Fact, Facts},
        icon::{self, Icon},
        page_head::{PageHead, Section},
        table::{Column, Table},
        thing::{Kind, Thing},
        time::{ExactTime, Time},
        timeline::{Event, Timeline},
    },
};

/// `/security/findings/{id}`
pub async fn detail(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: FindingId = id.parse().map_err(|_| Error::NotFound("finding"))?;
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let finding = findings::detail(&mut snapshot, id).await?;
    let head = Head::new(finding.summary.title.clone()).under("Security", "/security");
    cx.page(head, move || view! { <Finding finding /> })
}

#[component]
fn Finding(finding: FindingDetail) -> impl IntoView {
    let one = finding.summary.clone();
    let owner = one.owner_name.clone().map(|name| {
        let href = address("/security", [("owner", name.clone())]);
        view! { <Thing kind=Kind::Team name href /> }
    });
    let state = view! {
        <SeverityBadge severity=one.severity />
        <State state=one.state />
        <Service reference=one.service_ref.clone() />
        {owner}
    };
    let history = finding.history.clone();
    let witnesses = finding.witnesses.clone();
    let seen = witnesses.clone();
    let advice = what_to_do(&finding);
    let facts = facts(finding);
    view! {
        <PageHead title=one.title.clone() state=state.into_any() />
        <div class="beside">
            <div class="min-w-0">
                <Section title="What to do">{advice}</Section>
                <Section title="Evidence">
                    <Evidence witnesses />
                </Section>
                <Section title="Who sees it">
                    <Witnesses witnesses=seen />
                </Section>
                <Section title="History">
                    <History history />
                </Section>
            </div>
            <aside aria-label="Facts">
                <Facts facts narrow=true />
            </aside>
        </div>
    }
}

/// The one sentence that somebody came for.
fn what_to_do(finding: &FindingDetail) -> AnyView {
    let one = &finding.summary;
    let said = finding.witnesses.iter().find_map(|witness| witness.remediation.clone());
    let upgrade = one.package.as_ref().zip(one.fixed_version.as_ref()).map(|(package, fixed)| {
        let from = one.package_version.as_ref().map(|version| format!(" from {version}")).unwrap_or_default();
        format!("Upgrade {package}{from} to {fixed}.")
    });
    let advice = match (upgrade, one.kind) {
        (Some(upgrade), _) => Some(upgrade),
        (None, _) if said.is_some() => None,
        (None, FindingKind::Secret) => {
            Some("Revoke the credential where it was issued, then take it out of the code and its history.".to_owned())
        }
        (None, FindingKind::Vulnerability) => Some(
            "No version that mends it is known. See the references for how to live with it, or replace the package."
                .to_owned(),
        ),
        (None, _) => Some("Look at the places below; the rule's references say what is expected.".to_owned()),
    };
    view! {
        {advice.map(|advice| view! { <p>{advice}</p> })}
        {said.map(|said| view! { <p class="whitespace-pre-line break-words">{said}</p> })}
    }
    .into_any()
}

/// What the tools say, each text once.
#[component]
fn Evidence(witnesses: Vec<Witness>) -> impl IntoView {
    let mut told: Vec<String> = Vec::new();
    let parts = witnesses
        .into_iter()
        .filter(|witness| {
            let text = format!("{}{:?}{}", witness.description, witness.places, witness.suppressed.is_some());
            let new = !told.contains(&text);
            told.push(text);
            new
        })
        .map(|witness| {
            let suppressed = witness.suppressed.clone().map(|reason| {
                view! { <p class="muted">"The scanned project says that it need not be acted on: "{reason}</p> }
            });
            let description = if witness.description.is_empty() {
                view! { <p class="muted">{witness.scope.tool.clone()}" says no more than the title."</p> }.into_any()
            } else {
                view! { <p class="whitespace-pre-line break-words">{witness.description.clone()}</p> }.into_any()
            };
            view! {
                {description}
                {suppressed}
                <Places places=witness.places.clone() />
                <References references=witness.references />
            }
        })
        .collect_view();
    view! { {parts} }
}

#[component]
fn Places(places: Vec<Place>) -> impl IntoView {
    let items = places
        .into_iter()
        .map(|place| view! { <li class="mono break-words">{place.to_string()}</li> })
        .collect::<Vec<_>>();
    (!items.is_empty()).then(|| view! { <ul class="mt-2">{items}</ul> })
}

#[component]
fn References(references: Vec<String>) -> impl IntoView {
    let items = references
        .into_iter()
        .take(10)
        .map(|address| {
            view! {
                <li class="cut">
                    <a class="link inline-flex items-center gap-1" href=address rel="noopener noreferrer external">
                        {address.clone()}
                        <Icon of=icon::EXTERNAL />
                    </a>
                </li>
            }
        })
        .collect::<Vec<_>>();
    (!items.is_empty()).then(|| view! { <ul class="mt-2 small">{items}</ul> })
}

#[component]
fn Witnesses(witnesses: Vec<Witness>) -> impl IntoView {
    let rows = witnesses
        .into_iter()
        .map(|witness| {
            let scope = witness.scope;
            let dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
            let state = match witness.closed_at {
                None => view! { <Status tone=Tone::Wrong>"Sees it"</Status> }.into_any(),
                Some(_) => view! { <Status tone=Tone::Good>"Not any more"</Status> }.into_any(),
            };
            view! {
                <tr>
                    <td>{scope.tool}</td>
                    <td class="table-cut">{dash(scope.target)}</td>
                    <td class="table-wide-only table-cut">{dash(scope.branch)}</td>
                    <td class="table-wide-only">{scope.stage.label()}</td>
                    <td class="table-wide-only">
                        <SeverityBadge severity=witness.severity />
                    </td>
                    <td>{state}</td>
                    <td class="table-wide-only whitespace-nowrap">
                        <Time at=witness.last_seen_at />
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Tool").tight(),
        Column::new("Target"),
        Column::new("Branch").wide_only(),
        Column::new("Stage").tight().wide_only(),
        Column::new("Severity").tight().wide_only(),
        Column::new("State").tight(),
        Column::new("Last seen").tight().wide_only(),
    ];
    view! { <Table caption="Who sees it" columns>{rows}</Table> }
}

#[component]
fn History(history: Vec<FindingEvent>) -> impl IntoView {
    let events = history
        .into_iter()
        .map(|event| {
            let (of, tone) = match event.kind {
                FindingEventKind::Opened => (icon::FINDING, Some(Tone::Wrong)),
                FindingEventKind::Reopened => (icon::REFRESH, Some(Tone::Wrong)),
                FindingEventKind::Closed => (icon::GOOD, Some(Tone::Good)),
                FindingEventKind::SeverityChanged => (icon::BOTH_WAYS, None),
            };
            let by = match event.kind {
                FindingEventKind::Closed => format!(": {} does not see it any more, and nobody else does", event.tool),
                FindingEventKind::SeverityChanged => {
                    let before = event.severity_before.map(model::Severity::label).unwrap_or_default();
                    format!(" from {before} to {} by {}", event.severity.label(), event.tool)
                }
                FindingEventKind::Opened | FindingEventKind::Reopened => format!(" by {}", event.tool),
            };
            let report = format!("/security/reports/{}", event.report);
            let title = format!("{}{by}", event.kind.label());
            view! {
                <Event at=event.at icon=of tone title=title.into_any()>
                    <a class="link" href=report>
                        "The report"
                    </a>
                </Event>
            }
        })
        .collect_view();
    view! { <Timeline>{events}</Timeline> }
}

fn facts(finding: FindingDetail) -> Vec<Fact> {
    let FindingDetail { summary: one, same_because, cwes, purl, .. } = finding;
    let mut facts = vec![Fact::text("Kind", one.kind.label())];
    let badges = |words: Vec<String>| words.into_iter().map(|word| view! { <Badge>{word}</Badge> " " }).collect_view();
    if !one.vulnerability_ids.is_empty() {
        facts.push(Fact::new("Known as", badges(one.vulnerability_ids.clone())));
    }
    if let Some(rule) = one.rule.filter(|rule| !one.vulnerability_ids.contains(rule)) {
        facts.push(Fact::text("Rule", rule));
    }
    if !cwes.is_empty() {
        facts.push(Fact::new("Weakness", badges(cwes.iter().map(|cwe| format!("CWE-{cwe}")).collect())));
    }
    if let Some(package) = one.package {
        facts.push(Fact::text("Package", format!("{package} {}", one.package_version.unwrap_or_default())));
    }
    if let Some(purl) = purl {
        facts.push(Fact::new("Package URL", view! { <span class="mono break-all">{purl}</span> }));
    }
    facts.push(Fact::text("Fixed in", one.fixed_version.unwrap_or_default()));
    facts.push(Fact::new("First seen", view! { <ExactTime at=one.first_seen_at /> }));
    facts.push(Fact::new("Last seen", view! { <ExactTime at=one.last_seen_at /> }));
    if let Some(closed_at) = one.closed_at {
        facts.push(Fact::new("Closed", view! { <ExactTime at=closed_at /> }));
    }
    let all = format!("{}/security", service_href(&one.service_ref));
    facts.push(Fact::new("Service", view! { <a class="link" href=all>"All of its findings"</a> }));
    facts.push(Fact::text("One finding because", same_because));
    facts
}
