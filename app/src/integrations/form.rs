//! Adding an integration and changing one: first its kind, then what that kind needs.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{
    DataClass, Direction, FieldError, Integration, IntegrationKind, PageRequest, Proof,
    integrations::{OF_ITS_TEAM, OF_THE_ORGANISATION},
};
use portal::{
    Error,
    identity::directory,
    integrations::{self, Draft},
};
use time::{Date, Duration, macros::format_description};

use super::{PATH, detail};
use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        button::{Button, LinkButton, Weight},
        field::{Checkbox, DateField, FieldGroup, SelectField, TextArea, TextField},
        form::{Form, FormActions, FormState},
        page_head::{PageHead, Section},
        table::{Column, RowLink, Table},
    },
};

/// Proposed for the first review.
const REVIEW_AFTER: Duration = Duration::days(90);

type Pairs = Query<Vec<(String, String)>>;

/// `/admin/integrations/new`: the kinds, or with `?kind=` the form of one.
pub async fn new(cx: Cx, Query(pairs): Pairs) -> Answer {
    let kind = pairs.iter().find(|(key, _)| key == "kind").map(|(_, value)| value.parse::<IntegrationKind>());
    match kind {
        None => kinds(&cx),
        Some(Ok(kind)) => {
            let scopes = kind.needs().scopes.iter().map(|scope| ("scopes", (*scope).to_owned()));
            let review = ("review_by", (cx.chrome.now.date() + REVIEW_AFTER).to_string());
            let state = FormState::filled(scopes.chain([review]).collect::<Vec<_>>());
            ask(&cx, kind, None, state).await
        }
        Some(Err(wrong)) => Err(Error::invalid("kind", wrong).into()),
    }
}

/// `POST /admin/integrations/new`
pub async fn add(cx: Cx, posted: Posted) -> Answer {
    let kind = posted.text("kind").parse().map_err(|wrong: String| Error::invalid("kind", wrong))?;
    let added = match draft(&posted, kind) {
        Ok(draft) => integrations::add(&cx.portal, &cx.actor, draft).await,
        Err(error) => Err(error),
    };
    match added {
        Ok(issued) => detail::issued(&cx, issued).await,
        Err(error) => ask(&cx, kind, None, posted.refused(error)?).await,
    }
}

/// `/admin/integrations/{name}/edit`
pub async fn edit(cx: Cx, Path(name): Path<String>) -> Answer {
    let integration = integrations::get(&cx.portal, &cx.actor, name).await?;
    let text = |name: &'static str, value: &str| (name, value.to_owned());
    let mut values = vec![
        text("owner", integration.owner_name.as_deref().unwrap_or_default()),
        text("purpose", &integration.purpose),
        text("egress_hosts", &integration.egress_hosts.join("\n")),
        text("endpoint", integration.endpoint.as_deref().unwrap_or_default()),
        text("review_by", &integration.review_by.to_string()),
    ];
    values.extend(integration.data_classes.iter().map(|class| text("data_classes", class.as_str())));
    values.extend(integration.scopes.iter().map(|scope| text("scopes", scope)));
    ask(&cx, integration.kind, Some(integration), FormState::filled(values)).await
}

/// `POST /admin/integrations/{name}/edit`
pub async fn change(cx: Cx, Path(name): Path<String>, posted: Posted) -> Answer {
    let integration = integrations::get(&cx.portal, &cx.actor, name.clone()).await?;
    let revision = posted.text("revision").parse().unwrap_or_default();
    let changed = match draft(&posted, integration.kind) {
        Ok(draft) => integrations::edit(&cx.portal, &cx.actor, name.clone(), revision, Draft { name, ..draft }).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(after) if after.approved_at.is_none() && integration.approved_at.is_some() => {
            cx.redirect(&after.href(), format!("Changed {}; it waits for approval again", after.name))
        }
        Ok(after) => cx.redirect(&after.href(), format!("Changed {}", after.name)),
        Err(error) => ask(&cx, integration.kind, Some(integration), posted.refused(error)?).await,
    }
}

fn draft(posted: &Posted, kind: IntegrationKind) -> Result<Draft, Error> {
    let mut wrong = Vec::new();
    let review_by = Date::parse(posted.text("review_by"), format_description!("[year]-[month]-[day]"));
    let classes: Result<Vec<DataClass>, String> = posted.all("data_classes").map(str::parse).collect();
    if review_by.is_err() {
        wrong.push(FieldError::new("review_by", "choose a day"));
    }
    let (Ok(review_by), Ok(data_classes)) = (review_by, classes) else {
        if wrong.is_empty() {
            wrong.push(FieldError::new("data_classes", "choose from those that are there"));
        }
        return Err(Error::Invalid(wrong));
    };
    let given = |field: &str| Some(posted.text(field).to_owned()).filter(|text| !text.is_empty());
    let hosts = posted.text("egress_hosts").split([',', '\n', ' ', '\r']).map(str::trim);
    Ok(Draft {
        kind,
        name: posted.text("name").to_owned(),
        owner: given("owner"),
        purpose: posted.text("purpose").to_owned(),
        data_classes,
        scopes: posted.all("scopes").map(str::to_owned).collect(),
        egress_hosts: hosts.filter(|host| !host.is_empty()).map(str::to_lowercase).collect(),
        endpoint: given("endpoint"),
        credential: given("credential").map(Into::into),
        review_by,
    })
}

fn kinds(cx: &Cx) -> Answer {
    cx.page(Head::new("Add integration").under("Integrations", PATH), || {
        let of = |direction: Direction| {
            let rows = IntegrationKind::ALL
                .iter()
                .filter(|kind| kind.needs().direction == direction && !kind.needs().built_in)
                .map(|kind| {
                    let href = format!("{PATH}/new?kind={kind}");
                    let proof = match kind.needs().proof {
                        Proof::Elsewhere => "Nothing of its own",
                        Proof::Token => "A token that is shown once",
                        Proof::Secret(label) => label,
                    };
                    view! {
                        <tr>
                            <td>
                                <RowLink href>{kind.label()}</RowLink>
                            </td>
                            <td class="muted">{proof}</td>
                        </tr>
                    }
                })
                .collect_view();
            let columns = vec![Column::new("Kind"), Column::new("Proves itself with")];
            let caption = match direction {
                Direction::Incoming => "Kinds that come in",
                Direction::Outgoing => "Kinds that go out",
            };
            view! { <Table caption columns>{rows}</Table> }
        };
        view! {
            <PageHead title="What is to be connected?" />
            <Section title="Comes in">{of(Direction::Incoming)}</Section>
            <Section title="Goes out">{of(Direction::Outgoing)}</Section>
        }
    })
}

async fn ask(cx: &Cx, kind: IntegrationKind, existing: Option<Integration>, state: FormState) -> Answer {
    let request = PageRequest { cursor: None, size: Some(model::page::MAX_SIZE) };
    let teams = directory::teams(&cx.portal, &cx.actor, "", &request).await?.items;
    let teams: Vec<(String, String)> = std::iter::once((String::new(), "Choose a team".to_owned()))
        .chain(teams.into_iter().map(|team| (team.name, team.display_name)))
        .collect();
    let (title, action) = match &existing {
        Some(integration) => (format!("Change {}", integration.name), format!("{}/edit", integration.href())),
        None => (format!("Add {}", kind.label()), format!("{PATH}/new")),
    };
    let mut head = Head::new(title.clone()).under("Integrations", PATH);
    if let Some(integration) = &existing {
        head = head.under(&integration.name, integration.href());
    }
    cx.form_page(head, &state.clone(), move || {
        view! {
            <PageHead title />
            <Fields kind existing teams action state />
        }
    })
}

#[component]
fn Fields(
    kind: IntegrationKind,
    existing: Option<Integration>,
    teams: Vec<(String, String)>,
    action: String,
    state: FormState,
) -> impl IntoView {
    let needs = kind.needs();
    let is_new = existing.is_none();
    let built_in = existing.as_ref().is_some_and(|existing| existing.built_in);
    let back = existing.as_ref().map_or_else(|| PATH.to_owned(), Integration::href);
    let mut hidden = vec![("kind".to_owned(), kind.to_string())];
    if let Some(existing) = &existing {
        hidden.push(("revision".to_owned(), existing.revision.to_string()));
        if built_in {
            hidden.push(("egress_hosts".to_owned(), existing.egress_hosts.join("\n")));
        }
    }
    let classes: Vec<String> = state.values("data_classes").map(str::to_owned).collect();
    let scopes: Vec<String> = state.values("scopes").map(str::to_owned).collect();
    let with_hosts = needs.direction == Direction::Outgoing && !built_in;
    let secret = match needs.proof {
        Proof::Secret(label) if is_new => Some(label),
        _ => None,
    };
    let endpoint = needs.endpoint.first().map(|scheme| format!("{scheme}://…"));
    view! {
        <Form action state name="integration" hidden>
            {is_new
                .then(|| {
                    view! {
                        <TextField
                            name="name"
                            label="Name"
                            hint="Part of its address, so it stays as it is: alertmanager-main"
                            autocomplete="off"
                        />
                    }
                })}
            <SelectField
                name="owner"
                label="Owner"
                hint="The team that answers for it"
                options=teams.clone()
            />
            <TextArea name="purpose" label="Purpose" hint="Why this installation needs it" rows=2 />
            <FieldGroup label="Data that passes through it" clone:classes>
                {DataClass::ALL
                    .map(|class| {
                        let checked = classes.iter().any(|on| on == class.as_str());
                        view! { <Checkbox name="data_classes" label=class.label() value=class.as_str() checked /> }
                    })
                    .collect_view()}
            </FieldGroup>
            <FieldGroup label="Scopes" clone:scopes>
                {needs
                    .scopes
                    .iter()
                    .map(|scope| {
                        let checked = scopes.iter().any(|on| on == scope);
                        view! { <Checkbox name="scopes" label=in_words(scope) value=*scope checked /> }
                    })
                    .collect_view()}
            </FieldGroup>
            {with_hosts
                .then(|| {
                    view! {
                        <TextArea
                            name="egress_hosts"
                            label="Hosts that it sends to"
                            hint="One a line, with a port where it is not the usual one"
                            rows=2
                            mono=true
                        />
                    }
                })}
            {endpoint
                .clone()
                .map(|placeholder| {
                    view! {
                        <TextField
                            name="endpoint"
                            label="Address"
                            hint="Without anything secret; its host is one of those above"
                            placeholder
                            autocomplete="off"
                        />
                    }
                })}
            {secret
                .map(|label| {
                    view! {
                        <TextField
                            name="credential"
                            label
                            kind="password"
                            hint="Kept encrypted and never shown again; it can be replaced"
                            autocomplete="off"
                        />
                    }
                })}
            <DateField name="review_by" label="Review by" hint="Somebody looks at it again by then, within a year" />
            <FormActions clone:back>
                <Button weight=Weight::Primary>{if is_new { "Enter for approval" } else { "Save" }}</Button>
                <LinkButton href=back.clone() weight=Weight::Quiet>
                    "Cancel"
                </LinkButton>
            </FormActions>
        </Form>
    }
}

/// A scope as somebody who chooses reads it.
fn in_words(scope: &str) -> String {
    match scope {
        OF_ITS_TEAM => "What concerns the team that owns it".to_owned(),
        OF_THE_ORGANISATION => "What concerns anybody in the organisation".to_owned(),
        scope => scope.to_owned(),
    }
}
