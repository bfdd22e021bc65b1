//! Adding, changing and removing a source that the portal reads itself.

use axum::extract::{Path, Query};
use leptos::prelude::*;
use model::{SourceId, SourceKind, entity::Source};
use portal::{
    Error,
    catalog::{
        self,
        edit::{self, Draft},
    },
};

use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        Tone,
        button::{Button, LinkButton, Weight},
        field::{Checkbox, TextField},
        flash::Notice,
        form::{Form, FormActions, FormState},
        number,
        page_head::PageHead,
    },
};

const PATH: &str = "/catalog/sources";

type Pairs = Query<Vec<(String, String)>>;

/// `/catalog/sources/new`: an address, or with `?kind=discovery` an organisation.
pub async fn new(cx: Cx, Query(pairs): Pairs) -> Answer {
    let asked = pairs.iter().find(|(key, _)| key == "kind").map_or("url", |(_, value)| value);
    let kind: SourceKind = asked.parse().map_err(|wrong: String| Error::invalid("kind", wrong))?;
    ask(&cx, kind, None, FormState::filled([("path", "catalog-info.yaml"), ("every_s", "300")]))
}

/// `POST /catalog/sources/new`
pub async fn add(cx: Cx, posted: Posted) -> Answer {
    let kind: SourceKind = posted.text("kind").parse().map_err(|wrong: String| Error::invalid("kind", wrong))?;
    match edit::add(&cx.portal, &cx.actor, &draft(&posted, kind)).await {
        Ok(id) => cx.redirect(&format!("{PATH}/{id}"), "Added; it is being read now"),
        Err(error) => ask(&cx, kind, None, posted.refused(error)?),
    }
}

/// `/catalog/sources/{id}/edit`
pub async fn edit(cx: Cx, Path(id): Path<String>) -> Answer {
    let source = polled(&cx, &id).await?;
    let text = |name: &'static str, value: Option<&str>| (name, value.unwrap_or_default().to_owned());
    let values = vec![
        text("name", Some(&source.name)),
        text("address", source.address.as_deref()),
        text("path", source.path.as_deref()),
        text("every_s", source.every_s.map(|every| every.to_string()).as_deref()),
    ];
    ask(&cx, source.kind, Some(source), FormState::filled(values))
}

/// `POST /catalog/sources/{id}/edit`
pub async fn change(cx: Cx, Path(id): Path<String>, posted: Posted) -> Answer {
    let source = polled(&cx, &id).await?;
    match edit::edit(&cx.portal, &cx.actor, source.id, &draft(&posted, source.kind)).await {
        Ok(()) => cx.redirect(&source.href(), format!("Changed {}; it is being read now", source.name)),
        Err(error) => ask(&cx, source.kind, Some(source), posted.refused(error)?),
    }
}

/// `POST /catalog/sources/{id}/refresh`
pub async fn refresh(cx: Cx, Path(id): Path<String>) -> Answer {
    let source = edit::refresh(&cx.portal, &cx.actor, known(&id)?).await?;
    cx.redirect(&source.href(), format!("Reading {} now", source.name))
}

/// `/catalog/sources/{id}/remove`
pub async fn ask_remove(cx: Cx, Path(id): Path<String>) -> Answer {
    let source = catalog::source(&cx.portal, &cx.actor, known(&id)?).await?.source;
    let head = head(format!("Remove {}", source.name)).under(&source.name, source.href());
    cx.page(head, move || {
        let entities = number::counted(source.entities, "entity", "entities");
        let back = source.href();
        view! {
            <PageHead title=format!("Remove {}?", source.name) />
            <Notice tone=Tone::Attention>
                "It holds " {entities}
                ". What another source describes too passes to that one; the rest goes to the bin, from where it can be restored for 30 days."
            </Notice>
            <Form action=format!("{}/remove", source.href())>
                <FormActions clone:back>
                    <Button weight=Weight::Danger>"Remove the source"</Button>
                    <LinkButton href=back.clone() weight=Weight::Quiet>
                        "Cancel"
                    </LinkButton>
                </FormActions>
            </Form>
        }
    })
}

/// `POST /catalog/sources/{id}/remove`
pub async fn remove(cx: Cx, Path(id): Path<String>) -> Answer {
    let binned = edit::remove(&cx.portal, &cx.actor, known(&id)?).await?;
    let gone = number::counted(binned.len() as u64, "entity is", "entities are");
    cx.redirect(PATH, format!("Removed the source; {gone} in the bin"))
}

fn known(id: &str) -> Result<SourceId, Error> {
    id.parse().map_err(|_| Error::NotFound("catalog source"))
}

async fn polled(cx: &Cx, id: &str) -> Result<Source, Error> {
    let source = catalog::source(&cx.portal, &cx.actor, known(id)?).await?.source;
    if source.kind.is_polled() { Ok(source) } else { Err(Error::NotFound("catalog source that can be changed here")) }
}

fn draft(posted: &Posted, kind: SourceKind) -> Draft {
    let given = |field: &str| Some(posted.text(field).trim().to_owned()).filter(|text| !text.is_empty());
    Draft {
        kind,
        name: posted.text("name").to_owned(),
        address: posted.text("address").to_owned(),
        path: given("path"),
        with_forks: posted.checked("with_forks"),
        with_archived: posted.checked("with_archived"),
        // what is no number is outside the limits
        every_s: given("every_s").map(|every| every.parse().unwrap_or_default()),
        token: given("token").map(Into::into),
        hook_secret: given("hook_secret").map(Into::into),
    }
}

fn head(title: impl Into<String>) -> Head {
    Head::new(title).under("Catalog", "/catalog").under("Sources", PATH)
}

fn ask(cx: &Cx, kind: SourceKind, existing: Option<Source>, state: FormState) -> Answer {
    let may = catalog::may_import(&cx.portal, &cx.actor);
    let (title, action, back) = match &existing {
        Some(source) => (format!("Change {}", source.name), format!("{}/edit", source.href()), source.href()),
        None => ("Add a source".to_owned(), format!("{PATH}/new"), PATH.to_owned()),
    };
    cx.form_page(head(title.clone()), &state.clone(), move || {
        let others = existing.is_none().then(|| view! { <Kinds kind /> });
        let form = may.then(|| view! { <Fields kind existing action back state /> });
        view! {
            <PageHead title />
            {(!may)
                .then(|| {
                    view! {
                        <Notice tone=Tone::Attention>
                            "Descriptors say who owns what, and so who may see it: adding a source takes the role platform administrator. "
                            <a href="/access/request?role=platform_administrator">"Request access"</a>
                        </Notice>
                    }
                })}
            {others}
            {form}
        }
    })
}

#[component]
fn Kinds(kind: SourceKind) -> impl IntoView {
    let (words, href, other) = match kind {
        SourceKind::Discovery => (
            "Reads a file from every repository of an organisation on GitHub, GitLab or Gitea. ",
            "/catalog/sources/new",
            "Add one address instead",
        ),
        _ => (
            "Reads one file and what its Locations point to. ",
            "/catalog/sources/new?kind=discovery",
            "Add an organisation instead",
        ),
    };
    view! {
        <p class="muted mb-4">
            {words} <a class="link" href=href>
                {other}
            </a>
        </p>
    }
}

#[component]
fn Fields(kind: SourceKind, existing: Option<Source>, action: String, back: String, state: FormState) -> impl IntoView {
    let discovery = kind == SourceKind::Discovery;
    let (archived, forks) =
        existing.as_ref().map_or((false, false), |source| (source.with_archived, source.with_forks));
    let verb = if existing.is_some() { "Change the source" } else { "Add the source" };
    let hidden = vec![("kind".to_owned(), kind.as_str().to_owned())];
    let kept =
        |is: bool, otherwise: &'static str| if is { "One is kept. Empty leaves it as it is." } else { otherwise };
    let token_hint = kept(
        existing.as_ref().is_some_and(|source| source.has_token),
        "Needed for what is not public; it needs to read repositories and nothing else. Kept encrypted.",
    );
    let hook_hint = kept(
        existing.as_ref().is_some_and(|source| source.has_hook),
        "What the host signs its pushes with, at least 16 characters. The source's page shows the address to enter there.",
    );
    let (label, hint, placeholder) = if discovery {
        (
            "Organisation",
            "On a host of your own the API's address, which says what it is: https://HOST/api/v3/orgs/acme for GitHub, /api/v4/groups/acme for GitLab, /api/v1/orgs/acme for Gitea.",
            "https://github.com/acme",
        )
    } else {
        (
            "Address",
            "The file's address as you open it on GitHub, GitLab, Bitbucket or Gitea, or any other.",
            "https://github.com/acme/shop/blob/main/catalog-info.yaml",
        )
    };
    view! {
        <Form action state hidden>
            <TextField name="name" label="Name" hint="What people know it by: acme-shop" autocomplete="off" />
            <TextField name="address" label hint placeholder kind="url" autocomplete="off" />
            {discovery
                .then(|| {
                    view! {
                        <TextField
                            name="path"
                            label="File"
                            hint="In each repository, on its default branch."
                            placeholder="catalog-info.yaml"
                        />
                        <Checkbox name="with_archived" label="Archived repositories too" checked=archived />
                        <Checkbox name="with_forks" label="Forks too" checked=forks />
                    }
                })}
            <TextField name="token" label="Token" hint=token_hint kind="password" autocomplete="off" optional=true />
            <TextField
                name="hook_secret"
                label="Webhook secret"
                hint=hook_hint
                kind="password"
                autocomplete="off"
                optional=true
            />
            <TextField
                name="every_s"
                label="Seconds between readings"
                hint="60 to 604800. What has not changed is not sent again."
                kind="number"
                placeholder="300"
            />
            <FormActions clone:back>
                <Button weight=Weight::Primary>{verb}</Button>
                <LinkButton href=back.clone() weight=Weight::Quiet>
                    "Cancel"
                </LinkButton>
            </FormActions>
        </Form>
    }
}
