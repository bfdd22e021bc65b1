//! Changing a scorecard's file: a preview of who would change level, then putting it in force.

use axum::extract::Path;
use leptos::prelude::*;
use model::{
    FieldError, Problem,
    scorecards::{CheckChange, Preview},
};
use portal::{
    Error,
    authz::{Facts, ORGANISATION},
    scorecards,
};

use super::Levels;
use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        Tone,
        badge::Badge,
        button::{Button, LinkButton, Weight},
        field::TextArea,
        flash::Notice,
        form::{Form, FormActions, FormState},
        number,
        page_head::{PageHead, Section},
        table::{Column, RowLink, Table},
        words::capitalised,
    },
};

/// What the editor of a new scorecard begins with.
const BEGINNING: &str = "apiVersion: rampart/v1
kind: Scorecard
metadata:
  name: my-scorecard
  title: My scorecard
  description: What it is for.
spec:
  applies: entity.kind == \"component\"
  levels: [bronze, silver]
  checks:
    - id: owner
      title: A team owns it
      why: What nobody owns, nobody mends.
      how: Name the team in spec.owner of the descriptor.
      level: bronze
      condition: entity.has_owner
    - id: no-critical
      title: No critical finding is open
      why: One is enough.
      how: Mend the critical findings on its Security tab.
      level: silver
      condition: findings.critical == 0
";

/// `/scorecards/new`
pub async fn new(cx: Cx) -> Answer {
    may(&cx).await?;
    ask(&cx, None, FormState::filled([("file", BEGINNING)]), None)
}

/// `POST /scorecards/new`
pub async fn submit(cx: Cx, posted: Posted) -> Answer {
    save(&cx, None, posted).await
}

/// `/scorecards/{name}/edit`
pub async fn edit(cx: Cx, Path(name): Path<String>) -> Answer {
    may(&cx).await?;
    let source = scorecards::source(&cx.portal, &cx.actor, &name).await?;
    let revision = source.revision.to_string();
    let state = FormState::filled([("file", source.text.as_str()), ("revision", revision.as_str())]);
    ask(&cx, Some((source.name, source.title)), state, None)
}

/// `POST /scorecards/{name}/edit`
pub async fn submit_edit(cx: Cx, Path(name): Path<String>, posted: Posted) -> Answer {
    let source = scorecards::source(&cx.portal, &cx.actor, &name).await?;
    save(&cx, Some((source.name, source.title)), posted).await
}

/// The page is for those who may save; the operation asks again.
async fn may(cx: &Cx) -> Result<(), Error> {
    let snapshot = cx.portal.snapshot(&cx.actor).await?;
    let allowed = snapshot.may(portal::authz::ActionName::ScorecardEdit, ORGANISATION, &Facts::default())?;
    drop(snapshot);
    if allowed {
        return Ok(());
    }
    // the refusal names the rule and whom to ask
    scorecards::preview(&cx.portal, &cx.actor, BEGINNING).await.map(|_| ())
}

async fn save(cx: &Cx, existing: Option<(String, String)>, posted: Posted) -> Answer {
    // a browser sends line ends as CR LF
    let file = posted.all("file").next().unwrap_or_default().replace("\r\n", "\n");
    let revision = posted.text("revision").parse().ok();
    if posted.text("do") == "preview" {
        return match scorecards::preview(&cx.portal, &cx.actor, &file).await {
            Ok(preview) => {
                let revision = preview.revision.map(|revision| revision.to_string()).unwrap_or_default();
                let state = FormState::filled([("file", file.as_str()), ("revision", revision.as_str())]);
                ask(cx, existing, state, Some(preview))
            }
            Err(error) => ask(cx, existing, posted.refused(beside_the_file(error))?, None),
        };
    }
    match scorecards::apply(&cx.portal, &cx.actor, &file, revision).await {
        Ok(applied) => {
            let done = match (applied.changed, applied.more) {
                (false, _) => "Nothing to change: this file is in force already".to_owned(),
                (true, false) => {
                    format!("In force, and every service looked at ({})", number::grouped(applied.evaluated))
                }
                (true, true) => "In force; the last services are being looked at".to_owned(),
            };
            cx.redirect(&format!("/scorecards/{}", applied.name), done)
        }
        Err(error) => ask(cx, existing, posted.refused(beside_the_file(error))?, None),
    }
}

/// Every wrong place stands beside the one field that there is.
fn beside_the_file(error: Error) -> Problem {
    let mut problem: Problem = error.into();
    let said: Vec<String> =
        problem.errors.iter().map(|error| format!("{} ({})", capitalised(&error.message), error.field)).collect();
    if !said.is_empty() {
        problem.errors = vec![FieldError::new("file", said.join(". "))];
    }
    problem
}

fn ask(cx: &Cx, existing: Option<(String, String)>, state: FormState, preview: Option<Preview>) -> Answer {
    let (head, action, title) = match &existing {
        Some((name, title)) => (
            Head::new("Change").under("Scorecards", "/scorecards").under(title.clone(), format!("/scorecards/{name}")),
            format!("/scorecards/{name}/edit"),
            format!("Change {title}"),
        ),
        None => (
            Head::new("Add a scorecard").under("Scorecards", "/scorecards"),
            "/scorecards/new".to_owned(),
            "Add a scorecard".to_owned(),
        ),
    };
    let back = existing.map_or_else(|| "/scorecards".to_owned(), |(name, _)| format!("/scorecards/{name}"));
    let hidden = vec![("revision".to_owned(), state.value("revision").unwrap_or_default().to_owned())];
    cx.form_page(head, &state.clone(), move || {
        let shown = preview.is_some();
        let weight = if shown { Weight::Secondary } else { Weight::Primary };
        view! {
            <PageHead title />
            {preview.map(|preview| view! { <Shown preview /> })}
            <Form action state hidden>
                <TextArea
                    name="file"
                    label="File"
                    hint="YAML. Conditions are CEL over the facts of docs/facts.md; one that cannot be decided is refused."
                    rows=28
                    mono=true
                />
                {
                    let back = back.clone();
                    view! {
                <FormActions>
                    {shown
                        .then(|| {
                            view! {
                                <Button weight=Weight::Primary name="do" value="apply">
                                    "Put in force"
                                </Button>
                            }
                        })}
                    <Button weight=weight name="do" value="preview">
                        "Preview who changes level"
                    </Button>
                    <LinkButton href=back>"Cancel"</LinkButton>
                </FormActions>
                    }
                }
            </Form>
        }
    })
}

#[component]
fn Shown(preview: Preview) -> impl IntoView {
    if preview.changes_nothing() {
        return view! { <Notice tone=Tone::Good>"No service would change level, and no check would come out otherwise."</Notice> }
            .into_any();
    }
    let (moved, listed) = (preview.moved, preview.moves.len() as u64);
    let moves = preview
        .moves
        .into_iter()
        .map(|moved| {
            let href = format!("{}/scorecards", model::scorecards::entity_href(&moved.entity_ref));
            view! {
                <tr>
                    <td class="table-cut">
                        <RowLink href>{moved.title}</RowLink>
                    </td>
                    <td>{capitalised(moved.before.label())}</td>
                    <td>{capitalised(moved.after.label())}</td>
                </tr>
            }
        })
        .collect_view();
    let checks = preview
        .checks
        .into_iter()
        .map(|check| {
            let tone = match check.change {
                CheckChange::Added => Some(Tone::Good),
                CheckChange::Changed => Some(Tone::Attention),
                CheckChange::Removed => Some(Tone::Wrong),
                CheckChange::Same => None,
            };
            view! {
                <tr>
                    <td class="table-cut">{check.title}</td>
                    <td>
                        <Badge tone>{check.change.label()}</Badge>
                    </td>
                    <td class="number">{number::grouped(check.passing)}</td>
                    <td class="number">{format!("+{}", number::grouped(check.gains))}</td>
                    <td class="number">{format!("−{}", number::grouped(check.losses))}</td>
                </tr>
            }
        })
        .collect_view();
    let rest = (moved > listed)
        .then(|| view! { <p class="muted">{format!("The first {} are listed.", number::grouped(listed))}</p> });
    let move_table = (moved > 0).then(|| {
        view! {
            <Table
                caption="Services that would change level, the deepest falls first"
                columns=vec![Column::new("Service"), Column::new("Now"), Column::new("Then")]
            >
                {moves}
            </Table>
            {rest}
        }
    });
    view! {
        <Section title=format!("{} would change level", number::counted(moved, "service", "services"))>
            <p class="muted">"Nothing has been changed yet."</p>
            {move_table}
            <Levels
                caption=format!("Then, of {}", number::counted(preview.services, "service", "services"))
                by_level=preview.by_level
                href=format!("/scorecards/{}", preview.name)
            />
            <Table
                caption="What becomes of each check"
                columns=vec![
                    Column::new("Check"),
                    Column::new("Change").tight(),
                    Column::number("Would pass"),
                    Column::number("Gains"),
                    Column::number("Losses"),
                ]
            >
                {checks}
            </Table>
        </Section>
    }
    .into_any()
}
