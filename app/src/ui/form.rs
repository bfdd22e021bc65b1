//! Forms that work without script: posted, and shown again with what was typed and what was wrong.

use leptos::{context::Provider, prelude::*};
use model::{FieldError, Problem};

use super::{
    Tone,
    button::{Button, LinkButton, Weight},
    field::{Checkbox, DateField, FieldGroup, FileField, SelectField, TextArea, TextField},
    flash::Notice,
};

/// What was typed and what was wrong with it; empty on a first visit.
#[derive(Clone, Debug, Default)]
pub struct FormState {
    values: Vec<(String, String)>,
    problem: Option<Problem>,
}

impl FormState {
    /// A form that was sent and not accepted.
    #[must_use]
    pub fn refused(values: Vec<(String, String)>, problem: Problem) -> Self {
        Self { values, problem: Some(problem) }
    }

    /// A first visit with something already filled in.
    #[must_use]
    pub fn filled<N: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { values: values.into_iter().map(|(name, value)| (name.into(), value.into())).collect(), problem: None }
    }

    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.problem.is_some()
    }

    #[must_use]
    pub fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    #[must_use]
    pub fn error(&self, name: &str) -> Option<&str> {
        self.errors().iter().find(|error| error.field == name).map(|error| error.message.as_str())
    }

    fn errors(&self) -> &[FieldError] {
        self.problem.as_ref().map_or(&[], |problem| &problem.errors)
    }
}

/// Tells the fields of one form from those of another on the same page.
#[derive(Clone, Copy, Debug)]
pub struct FormName(pub &'static str);

/// A form that changes something. Above its fields stands what was wrong, each with a link to its field.
#[component]
pub fn Form(
    #[prop(into)] action: String,
    #[prop(optional)] state: FormState,
    /// Needed where a page has more than one form.
    #[prop(default = "form")]
    name: &'static str,
    /// Sent along, not shown.
    #[prop(optional)]
    hidden: Vec<(String, String)>,
    /// Has a file field.
    #[prop(optional)]
    files: bool,
    /// Fields and button beside each other.
    #[prop(optional)]
    inline: bool,
    children: ChildrenFn,
) -> impl IntoView {
    let hidden =
        hidden.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value /> }).collect_view();
    let summary = state.problem.clone().map(|problem| view! { <Summary problem form=name /> });
    view! {
        <form
            class=if inline { "form form-inline" } else { "form" }
            method="post"
            action=action
            enctype=files.then_some("multipart/form-data")
        >
            {summary}
            {hidden}
            <Provider value=state>
                <Provider value=FormName(name)>{children()}</Provider>
            </Provider>
        </form>
    }
}

/// The buttons at the end of a form.
#[component]
pub fn FormActions(children: Children) -> impl IntoView {
    view! { <div class="form-actions">{children()}</div> }
}

#[component]
fn Summary(problem: Problem, form: &'static str) -> impl IntoView {
    // what the list below says is not said twice
    let repeated = problem.errors.iter().any(|error| problem.detail.contains(&error.message));
    let detail = if repeated { "This needs another value:".to_owned() } else { problem.detail };
    let errors = problem
        .errors
        .into_iter()
        .map(|error| {
            view! {
                <li>
                    <a href=format!("#{form}-{}", error.field)>{error.message}</a>
                </li>
            }
        })
        .collect::<Vec<_>>();
    view! {
        <Notice tone=Tone::Wrong>
            <p>{detail}</p>
            {(!errors.is_empty()).then(|| view! { <ul>{errors}</ul> })}
        </Notice>
    }
}

pub fn samples() -> impl IntoView {
    let wrong = FormState::refused(
        vec![
            ("name".into(), "Billing Dev!".into()),
            ("reason".into(), "Reproduce the rounding error of last night.".into()),
            ("size".into(), "large".into()),
            ("notify".into(), "on".into()),
        ],
        Problem::new(model::ProblemType::Invalid, "The environment was not requested: two fields need another value.")
            .with_errors(vec![
                FieldError::new("name", "Use small letters, digits and hyphens: billing-dev"),
                FieldError::new("size", "Large is for at most 24 hours; choose small, or a nearer end"),
            ]),
    );
    let fields = |name: &'static str, state: FormState| {
        view! {
            <Form action="/dev/ui" name state hidden=vec![("template".into(), "postgres".into())] files=true>
                <TextField name="name" label="Name" hint="Part of the address; it stays as it is." />
                <SelectField
                    name="size"
                    label="Size"
                    options=vec![("small".into(), "Small: 1 GB".into()), ("large".into(), "Large: 20 GB".into())]
                />
                <TextArea name="reason" label="What for" optional=true />
                <DateField name="until" label="Until" optional=true />
                <FileField name="seed" label="Seed data" accept=".sql" optional=true />
                <FieldGroup label="Tell me">
                    <Checkbox name="notify" label="By mail" hint="To ada@example.com" />
                    <Checkbox name="ready" label="Only when it is ready" />
                </FieldGroup>
                <FormActions>
                    <Button weight=Weight::Primary>"Request for 8 hours"</Button>
                    <LinkButton href="#" weight=Weight::Quiet>"Cancel"</LinkButton>
                </FormActions>
            </Form>
        }
    };
    view! {
        <div class="grid gap-8 md:grid-cols-2">
            {fields("fresh", FormState::default())} {fields("refused", wrong)}
        </div>
    }
}
