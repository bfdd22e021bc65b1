//! `/docs/api`: the REST API for people, made from the document that the server serves.

mod document;

use leptos::prelude::*;
use model::ProblemType;

pub use self::document::Reference;
use self::document::{Body, Feature, Field, Operation, Reply};
use crate::{
    backend::{Answer, Cx, Head},
    ui::{
        button::LinkButton,
        code::{Code, CodeBlock},
        icon, number,
        page_head::{PageHead, Section},
        search::SearchBox,
        state::Empty,
        table::{Column, Table},
        words::capitalised,
    },
};

pub const PATH: &str = "/docs/api";
/// So few operations are shown opened.
const OPEN: u64 = 3;

/// The page; `text` narrows it to the operations that speak of it.
pub fn page(cx: &Cx, reference: &Reference, text: &str) -> Answer {
    let text = text.trim().to_owned();
    let (all, found) = (reference.count(), reference.matching(&text));
    let base = cx.portal.settings.base_url.clone();
    cx.page(Head::new("API").wide(), move || {
        let count = found.count();
        let state = match text.is_empty() {
            true => number::counted(all, "operation", "operations"),
            false => format!("{} of {}", count, number::counted(all, "operation", "operations")),
        };
        let actions = view! {
            <LinkButton href="/account/tokens" icon=Some(icon::KEY)>
                "Personal tokens"
            </LinkButton>
            <LinkButton href="/api/openapi.json" icon=Some(icon::DOWNLOAD)>
                "OpenAPI document"
            </LinkButton>
        };
        let features = found
            .features
            .into_iter()
            .map(|feature| view! { <OneFeature feature open=count <= OPEN /> })
            .collect_view();
        view! {
            <PageHead title="API" state=state.into_any() actions=actions.into_any() />
            <p class="muted max-w-prose">
                "Every request carries a token: yours from \"Personal tokens\", or a service account's. The commands below take it from "
                <Code code="RAMPART_TOKEN" /> " and the portal's address from " <Code code="RAMPART_URL" /> ", here "
                <Code code=base /> "."
            </p>
            <div class="filters mt-4">
                <SearchBox action=PATH label="Search operations" value=text.clone() />
            </div>
            {(count == 0)
                .then(|| {
                    view! {
                        <Empty
                            title=format!("No operation speaks of {text:?}")
                            icon=icon::SEARCH
                            action=Some((PATH.to_owned(), "Show all".to_owned()))
                        >
                            "Search for a part of an address, a field, a scope or a word of what it does."
                        </Empty>
                    }
                })}
            {features}
            <Problems />
        }
    })
}

#[component]
fn OneFeature(feature: Feature, open: bool) -> impl IntoView {
    let title = capitalised(&feature.name);
    let operations =
        feature.operations.into_iter().map(|operation| view! { <OneOperation operation open /> }).collect_view();
    view! {
        <Section title>
            <div class="operations">{operations}</div>
        </Section>
    }
}

#[component]
fn OneOperation(operation: Operation, open: bool) -> impl IntoView {
    let Operation { id, method, path, summary, scope, parameters, body, answers, example } = operation;
    let named = format!("{method} {path}");
    let class = format!("operation-method operation-{}", method.to_lowercase());
    let needs = match scope {
        Some(scope) => view! { <p>"Takes a token with the scope " <Code code=scope /> "."</p> }.into_any(),
        None => view! { <p>"Takes any token."</p> }.into_any(),
    };
    view! {
        <details class="operation" id=id open=open>
            <summary>
                <span class=class>{method}</span>
                <span class="operation-path">{path}</span>
                <span class="operation-summary">{summary}</span>
            </summary>
            <div class="operation-body">
                {needs}
                {(!parameters.is_empty())
                    .then(|| view! { <Fields caption=format!("Parameters of {named}") fields=parameters places=true /> })}
                {body.map(|body| view! { <Sent caption=format!("Body of {named}") body /> })}
                <Answers caption=format!("Answers of {named}") answers />
                <CodeBlock label=format!("Example of {named}") code=example />
            </div>
        </details>
    }
}

#[component]
fn Fields(caption: String, fields: Vec<Field>, #[prop(optional)] places: bool) -> impl IntoView {
    let first = if places { "Parameter" } else { "Field" };
    let columns = vec![Column::new(first), Column::new("Type"), Column::new("What it is").wide_only()];
    let rows = fields
        .into_iter()
        .map(|field| {
            let place = (!field.place.is_empty()).then(|| format!("in {}", field.place));
            let required = field.required.then_some("required");
            let notes = place.into_iter().chain(required.map(str::to_owned)).collect::<Vec<_>>().join(", ");
            view! {
                <tr>
                    <td>
                        <Code code=field.name />
                        {(!notes.is_empty()).then(|| view! { " " <span class="small muted">{notes}</span> })}
                    </td>
                    <td>{field.kind}</td>
                    <td class="table-wide-only muted">{field.description}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Table caption columns>
            {rows}
        </Table>
    }
}

#[component]
fn Sent(caption: String, body: Body) -> impl IntoView {
    let Body { media, kind, fields } = body;
    let content = match fields.is_empty() {
        true => view! { <p class="muted">{kind}</p> }.into_any(),
        false => view! { <Fields caption fields /> }.into_any(),
    };
    view! {
        <p class="operation-part">"Sends " <Code code=media /></p>
        {content}
    }
}

#[component]
fn Answers(caption: String, answers: Vec<Reply>) -> impl IntoView {
    let columns = vec![Column::new("Answer").tight(), Column::new("When"), Column::new("With").wide_only()];
    let rows = answers
        .into_iter()
        .map(|answer| {
            let class = if answer.is_error { "muted" } else { "" };
            view! {
                <tr class=class>
                    <td>{answer.status}</td>
                    <td>{answer.words}</td>
                    <td class="table-wide-only">{answer.kind}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Table caption columns>
            {rows}
        </Table>
    }
}

/// What every operation can answer with.
#[component]
fn Problems() -> impl IntoView {
    let columns = vec![Column::new("Type"), Column::new("Status").tight(), Column::new("Title")];
    let rows = ProblemType::ALL
        .iter()
        .map(|kind| {
            view! {
                <tr id=kind.slug().trim_start_matches('/').replace('/', "-")>
                    <td>
                        <Code code=kind.slug() />
                    </td>
                    <td>{kind.status()}</td>
                    <td>{kind.title()}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Section title="Refusals">
            <p class="muted">
                "A refusal is " <Code code="application/problem+json" />
                " (RFC 9457): its type says what kind, its detail what happened this time and what to do now, its errors which inputs were wrong."
            </p>
            <Table caption="Types of refusals" columns>
                {rows}
            </Table>
        </Section>
    }
}
