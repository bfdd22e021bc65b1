//! Adding descriptors by hand: choose files, and see what became of each document.

use leptos::prelude::*;
use model::{DocumentError, EntityRef, FieldError, ImportReport, Problem, ProblemType, SourceKind};
use portal::{
    Error,
    catalog::{self, DescriptorFile, SourceName},
};

use super::drawn;
use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        Tone,
        badge::Status,
        button::{Button, LinkButton, Weight},
        field::{FileField, TextField},
        flash::Notice,
        form::{Form, FormActions, FormState},
        number,
        page_head::{PageHead, Section},
        table::{Column, Table},
        thing::Thing,
    },
};

const PATH: &str = "/catalog/import";
/// Enough to mend a file by.
const SHOWN_ERRORS: usize = 20;

fn head() -> Head {
    Head::new("Add descriptors").under("Catalog", "/catalog")
}

/// `GET /catalog/import`
pub async fn new(cx: Cx) -> Answer {
    ask(&cx, FormState::default())
}

/// `POST /catalog/import`
pub async fn submit(cx: Cx, posted: Posted) -> Answer {
    let source = match posted.text("source") {
        "" => SourceName::uploads(),
        name => SourceName { kind: SourceKind::Upload, name: name.to_owned() },
    };
    let files = posted.files("file").map(|file| DescriptorFile { path: file.name.clone(), bytes: file.bytes.to_vec() });
    match catalog::import(&cx.portal, &cx.actor, &source, files.collect()).await {
        Ok(report) => cx.page(head(), move || view! { <Report report /> }),
        Err(Error::Invalid(errors)) => ask(&cx, posted.refused(nothing_read(errors))?),
        Err(error) => ask(&cx, posted.refused(error)?),
    }
}

/// What is wrong within a file stands at the field that the file was chosen in, with its place.
fn nothing_read(errors: Vec<FieldError>) -> Problem {
    let more = errors.len().saturating_sub(SHOWN_ERRORS);
    let detail = match more {
        0 => "Nothing was read. Mend this, and choose the files again.".to_owned(),
        more => format!("Nothing was read. Mend this and {more} more, and choose the files again."),
    };
    let at = |error: FieldError| match error.field.as_str() {
        "file" | "source" => error,
        place => FieldError::new("file", format!("{place}: {}", error.message)),
    };
    Problem::new(ProblemType::Invalid, detail).with_errors(errors.into_iter().take(SHOWN_ERRORS).map(at).collect())
}

fn ask(cx: &Cx, state: FormState) -> Answer {
    let may = catalog::may_import(&cx.portal, &cx.actor);
    cx.form_page(head(), &state.clone(), move || {
        let form = move || {
            view! {
                <Form action=PATH state=state.clone() files=true>
                    <FileField
                        name="file"
                        label="Descriptor files"
                        hint="catalog-info.yaml, one or several; each may hold many documents."
                        accept=".yaml,.yml"
                        multiple=true
                    />
                    <TextField
                        name="source"
                        label="Source"
                        hint="Who describes these entities. What one source described, another cannot change."
                        placeholder="uploads"
                        optional=true
                    />
                    <FormActions>
                        <Button weight=Weight::Primary>"Read into the catalog"</Button>
                        <LinkButton href="/catalog" weight=Weight::Quiet>
                            "Cancel"
                        </LinkButton>
                    </FormActions>
                </Form>
            }
        };
        view! {
            <PageHead title="Add descriptors" />
            {(!may)
                .then(|| {
                    view! {
                        <Notice tone=Tone::Attention>
                            "Descriptors say who owns what, and so who may see it: reading them takes the role platform administrator. "
                            <a href="/access/request?role=platform_administrator">"Request access"</a>
                        </Notice>
                    }
                })}
            {may.then(form)}
        }
    })
}

#[component]
fn Report(report: ImportReport) -> impl IntoView {
    let right = report.created.len() + report.updated.len() + report.unchanged.len();
    let words = format!(
        "{}, {} changed, {} as before",
        number::counted(report.created.len() as u64, "entity added", "entities added"),
        report.updated.len(),
        report.unchanged.len(),
    );
    let (tone, wrong) = match report.errors.len() {
        0 => (Tone::Good, String::new()),
        1 => (Tone::Attention, "; 1 problem".to_owned()),
        many => (Tone::Attention, format!("; {many} problems")),
    };
    let state = view! { <Status tone>{words} {wrong}</Status> };
    let actions = view! {
        <LinkButton href="/catalog" weight=Weight::Primary>
            "Open the catalog"
        </LinkButton>
        <LinkButton href=PATH>"Add more"</LinkButton>
    };
    let rows = [
        (report.created, "Added", Tone::Good),
        (report.updated, "Changed", Tone::Good),
        (report.unchanged, "As before", Tone::Unknown),
    ];
    let rows = rows
        .into_iter()
        .flat_map(|(references, words, tone)| references.into_iter().map(move |reference| (reference, words, tone)))
        .map(|(reference, words, tone)| view! { <Outcome reference words tone /> })
        .collect_view();
    view! {
        <PageHead title="What was read" state=state.into_any() actions=actions.into_any() />
        {(!report.errors.is_empty())
            .then(|| {
                view! {
                    <Section title="What is wrong">
                        <Wrong caption="What is wrong" errors=report.errors />
                    </Section>
                }
            })}
        {(right > 0)
            .then(|| {
                let columns = vec![Column::new("Entity"), Column::new("Kind").tight(), Column::new("Outcome").tight()];
                view! {
                    <Section title="What is right">
                        <Table caption="Entities read" columns>
                            {rows}
                        </Table>
                    </Section>
                }
            })}
    }
}

#[component]
fn Outcome(reference: EntityRef, words: &'static str, tone: Tone) -> impl IntoView {
    view! {
        <tr>
            <td class="table-cut">
                <Thing kind=drawn(reference.kind) name=reference.name.clone() href=reference.href() />
            </td>
            <td>{reference.kind.label()}</td>
            <td>
                <Status tone>{words}</Status>
            </td>
        </tr>
    }
}

/// What is wrong with documents, each with its place.
#[component]
pub fn Wrong(#[prop(into)] caption: String, errors: Vec<DocumentError>) -> impl IntoView {
    let columns = vec![Column::new("Where"), Column::new("Document").wide_only(), Column::new("What is wrong")];
    let rows = errors
        .into_iter()
        .map(|error| {
            let document = match (error.kind, error.name) {
                (Some(kind), Some(name)) => format!("{kind} {name}"),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => format!("Document {}", error.document),
            };
            let field = error.field.map(|field| view! { <code class="code-inline">{field}</code> " " });
            view! {
                <tr>
                    <td>{error.file} ", " <span class="whitespace-nowrap">"line " {error.line}</span></td>
                    <td class="table-wide-only">{document}</td>
                    <td>{field} {error.reason}</td>
                </tr>
            }
        })
        .collect_view();
    view! { <Table caption columns>{rows}</Table> }
}
