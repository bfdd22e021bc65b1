//! One source: how it is, what its last reading did, and what is wrong with what it says.

use axum::extract::Path;
use leptos::prelude::*;
use model::{
    Origin, SourceId,
    entity::{Source, SourceConflict},
};
use portal::{
    Error,
    catalog::{self, Sourced},
};

use super::{drawn, import::Wrong, sources::State};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        Tone,
        button::{Button, LinkButton, Weight},
        code::CodeBlock,
        facts::{Fact, Facts},
        flash::Notice,
        form::Form,
        icon,
        live::Live,
        number,
        page_head::{PageHead, Section},
        table::{Column, Table},
        thing::Thing,
        time::Time,
    },
};

/// `/catalog/sources/{id}`
pub async fn detail(cx: Cx, Path(id): Path<String>) -> Answer {
    let id: SourceId = id.parse().map_err(|_| Error::NotFound("catalog source"))?;
    let sourced = catalog::source(&cx.portal, &cx.actor, id).await?;
    let head = Head::new(&sourced.source.name).under("Catalog", "/catalog").under("Sources", "/catalog/sources");
    cx.page(head, move || view! { <Detail sourced /> })
}

#[component]
fn Detail(sourced: Sourced) -> impl IntoView {
    let Sourced { source, conflicts, may_edit, hook } = sourced;
    let title = source.name.clone();
    let state = view! {
        <State source=source.clone() />
        <span class="muted">{source.kind.label()}</span>
    };
    let errors = source.errors.clone();
    let actions = may_edit.then(|| view! { <Actions source=source.clone() /> });
    let failing = source.failure.clone().map(|failure| {
        view! {
            <Notice tone=Tone::Wrong>
                <p>
                    {failure} ". Everything stays as it was read last. Failing since "
                    {source.failing_since.map(|at| view! { <Time at /> })} "."
                </p>
            </Notice>
        }
    });
    view! {
        <PageHead title state=state.into_any() actions=actions.into_any() />
        <Live id="source" topic="catalog:organisation">
            {failing}
            <Facts facts=facts(&source) />
            {hook
                .map(|address| {
                    view! {
                        <Section title="Webhook">
                            <p class="muted mb-2">
                                "Enter this address and the secret at the host, for push events, as application/json."
                            </p>
                            <CodeBlock label="Address for webhooks" code=address />
                        </Section>
                    }
                })}
            {(!errors.is_empty())
                .then(|| {
                    view! {
                        <Section title="What is wrong">
                            <p class="muted mb-2">"What a wrong document described before stays as it was."</p>
                            <Wrong caption="What is wrong" errors />
                        </Section>
                    }
                })}
            {(!conflicts.is_empty())
                .then(|| {
                    view! {
                        <Section title="Described twice">
                            <Conflicts conflicts />
                        </Section>
                    }
                })}
        </Live>
    }
}

#[component]
fn Actions(source: Source) -> impl IntoView {
    let href = source.href();
    let polled = source.kind.is_polled().then(|| {
        view! {
            <Form action=format!("{href}/refresh") name="refresh" inline=true>
                <Button weight=Weight::Primary icon=Some(icon::REFRESH)>
                    "Refresh now"
                </Button>
            </Form>
            <LinkButton href=format!("{href}/edit") icon=Some(icon::EDIT)>
                "Change"
            </LinkButton>
        }
    });
    view! {
        {polled}
        <LinkButton href=format!("{href}/remove") icon=Some(icon::DELETE)>
            "Remove…"
        </LinkButton>
    }
}

fn facts(source: &Source) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(address) = source.address.clone() {
        facts.push(Fact::new("Address", view! { <span class="mono break-words">{address}</span> }));
    }
    if let Some(path) = source.path.clone() {
        let with = [(source.with_archived, ", archived repositories too"), (source.with_forks, ", forks too")];
        let with: String = with.into_iter().filter(|(is, _)| *is).map(|(_, words)| words).collect();
        facts.push(Fact::text("File", format!("{path} of every repository{with}")));
    }
    if source.kind.is_polled() {
        let token = if source.has_token { "One is kept" } else { "None: only what is public" };
        facts.push(Fact::text("Token", token));
    }
    facts.push(Fact::text("Entities", number::grouped(source.entities)));
    if let Some(at) = source.tried_at {
        facts.push(Fact::new("Last reading", view! { <Time at /> }));
    }
    if let Some(took) = source.took_ms {
        facts.push(Fact::text("Took", format!("{}.{:03} s", took / 1000, took % 1000)));
    }
    if let Some(did) = source.did {
        let words = format!(
            "{} added, {} changed, {} as before, {} to the bin",
            number::grouped(did.created),
            number::grouped(did.updated),
            number::grouped(did.unchanged),
            number::grouped(did.binned)
        );
        facts.push(Fact::text("What it did", words));
    }
    if let Some(at) = source.next_at {
        facts.push(Fact::new("Next reading", view! { <Time at /> }));
    }
    if let Some(at) = source.hook_at {
        facts.push(Fact::new("Last push", view! { <Time at /> }));
    }
    if let Some(at) = source.hook_refused_at {
        let words = view! { <Time at /> ": its signature was not of this source's secret" };
        facts.push(Fact::new("Push refused", words));
    }
    facts
}

#[component]
fn Conflicts(conflicts: Vec<SourceConflict>) -> impl IntoView {
    let columns = vec![
        Column::new("Entity"),
        Column::new("Held by"),
        Column::new("Also described by"),
        Column::new("Since").tight().wide_only(),
    ];
    let place = |origin: Origin| format!("{} ({}, line {})", origin.source, origin.file, origin.line);
    let rows = conflicts
        .into_iter()
        .map(|conflict| {
            let SourceConflict { reference, held_by, wanted_by, since } = conflict;
            view! {
                <tr>
                    <td class="table-cut">
                        <Thing kind=drawn(reference.kind) name=reference.name.clone() href=reference.href() />
                    </td>
                    <td>{held_by.map(place)}</td>
                    <td>{place(wanted_by)}</td>
                    <td class="table-wide-only">
                        <Time at=since />
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <p class="muted mb-2">"The first keeps it. When that lets go, the other gets it at its next reading."</p>
        <Table caption="Described twice" columns>
            {rows}
        </Table>
    }
}
