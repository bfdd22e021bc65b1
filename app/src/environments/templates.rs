//! Templates: which there are, what each states, and applying and retiring them.

use axum::extract::Path;
use leptos::prelude::*;
use model::environment::{TemplateView, lifetime_in_words};
use portal::{
    authz::{ActionName, Facts as Known, ORGANISATION},
    environments::templates,
};

use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        button::{Button, LinkButton, Weight},
        code::CodeBlock,
        dialog::Dialog,
        facts::{Fact, Facts},
        field::FileField,
        form::{Form, FormActions, FormState},
        icon,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, Table},
    },
};

const PATH: &str = "/environments/templates";

/// `/environments/templates`
pub async fn list(cx: Cx) -> Answer {
    shown(&cx, FormState::default()).await
}

/// Files sent to the same address.
pub async fn apply(cx: Cx, posted: Posted) -> Answer {
    let files: Vec<templates::File> = posted
        .files("files")
        .map(|file| templates::File {
            name: file.name.clone(),
            text: String::from_utf8_lossy(&file.bytes).into_owned(),
        })
        .collect();
    match templates::apply(&cx.portal, &cx.actor, &files).await {
        Ok(edited) if edited.is_empty() => cx.redirect(PATH, "Nothing changed: these revisions are in force already"),
        Ok(edited) => {
            let names: Vec<String> = edited.into_iter().map(|edited| edited.template).collect();
            cx.redirect(PATH, format!("Applied {}", names.join(", ")))
        }
        Err(error) => shown(&cx, posted.refused(error)?).await,
    }
}

/// `/environments/templates/{name}`
pub async fn detail(cx: Cx, Path(name): Path<String>) -> Answer {
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let template = templates::read(&mut snapshot, &name).await?;
    let may_edit = may_edit(&snapshot)?;
    let head = Head::new(template.title.clone()).under("Environments", "/environments").under("Templates", PATH);
    let view = template.view();
    let source = template.source;
    cx.page(head, move || view! { <Detail template=view source may_edit /> })
}

/// `/environments/templates/{name}/retire`
pub async fn retire(cx: Cx, Path(name): Path<String>) -> Answer {
    templates::retire(&cx.portal, &cx.actor, &name).await?;
    cx.redirect(PATH, format!("{name} can no longer be asked for; environments made from it stay"))
}

async fn shown(cx: &Cx, state: FormState) -> Answer {
    let mut snapshot = cx.portal.snapshot(&cx.actor).await?;
    let templates = templates::list(&mut snapshot).await?;
    let may_edit = may_edit(&snapshot)?;
    let head = Head::new("Templates").under("Environments", "/environments");
    cx.form_page(head, &state.clone(), move || view! { <List templates may_edit state /> })
}

fn may_edit(snapshot: &portal::Snapshot) -> portal::Result<bool> {
    snapshot.may(ActionName::TemplateEdit, ORGANISATION, &Known::default())
}

#[component]
fn List(templates: Vec<TemplateView>, may_edit: bool, state: FormState) -> impl IntoView {
    let is_empty = templates.is_empty();
    let rows = templates
        .into_iter()
        .map(|template| {
            let href = format!("{PATH}/{}", template.name);
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href>{template.title}</RowLink>
                        <div class="small muted cut">{template.description}</div>
                    </td>
                    <td class="table-wide-only">{template.provider}</td>
                    <td>
                        {lifetime_in_words(template.default_hours)} " to " {lifetime_in_words(template.max_hours)}
                    </td>
                    <td class="table-wide-only table-cut">{template.approvals.join(", ")}</td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::new("Template"),
        Column::new("Provider").tight().wide_only(),
        Column::new("Lives").tight(),
        Column::new("Approved by").wide_only(),
    ];
    let content = if is_empty {
        view! {
            <Empty title="No templates yet" icon=icon::TEMPLATE>
                "A template states what can be asked for, who approves it and for how long."
            </Empty>
        }
        .into_any()
    } else {
        view! { <Table caption="Templates" columns>{rows}</Table> }.into_any()
    };
    let form = may_edit.then(|| {
        view! {
            <Section title="Apply files">
                <Form action=PATH state files=true>
                    <FileField
                        name="files"
                        label="Template files"
                        hint="YAML of kind EnvironmentTemplate. All of them are applied, or none; what was asked for before keeps its revision."
                        accept=".yaml,.yml"
                        multiple=true
                    />
                    <FormActions>
                        <Button weight=Weight::Primary>"Apply"</Button>
                    </FormActions>
                </Form>
            </Section>
        }
    });
    view! {
        <PageHead title="Templates" state="What environments are made from".into_any() />
        {content}
        {form}
    }
}

#[component]
fn Detail(template: TemplateView, source: String, may_edit: bool) -> impl IntoView {
    let ask = format!("/environments/new?template={}", template.name);
    let retire = format!("{PATH}/{}/retire", template.name);
    let facts = vec![
        Fact::text("Name", template.name.clone()),
        Fact::text("Provider", template.provider.clone()),
        Fact::text("Lives", lifetime_in_words(template.default_hours)),
        Fact::text("At most", lifetime_in_words(template.max_hours)),
        Fact::text("Approved by", template.approvals.join(", and ")),
        Fact::text("Revision", template.revision.chars().take(12).collect::<String>()),
    ];
    let title = template.title.clone();
    let dialog = may_edit.then(|| {
        view! {
            <Dialog id="retire-template" title=format!("Retire {title}?")>
                <p>"It can no longer be asked for. Environments made from it stay until their end."</p>
                <Form action=retire name="retire">
                    <FormActions>
                        <Button weight=Weight::Danger>"Retire it"</Button>
                    </FormActions>
                </Form>
            </Dialog>
        }
    });
    let retire_button = may_edit.then(|| view! { <Button opens="retire-template">"Retire"</Button> });
    view! {
        <PageHead
            title=template.title.clone()
            actions=view! {
                <LinkButton href=ask weight=Weight::Primary>
                    "Request environment"
                </LinkButton>
                {retire_button}
            }
                .into_any()
        />
        <div class="beside">
            <div class="min-w-0">
                {template.description.map(|description| view! { <p>{description}</p> })}
                <Section title="File">
                    <CodeBlock label="The template's file" code=source />
                </Section>
            </div>
            <aside aria-label="Facts">
                <Facts facts narrow=true />
            </aside>
        </div>
        {dialog}
    }
}
