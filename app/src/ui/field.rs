//! Inputs with their label, hint and error. Inside a [`Form`](super::form::Form) each finds by its name what was
//! typed before and what was wrong with it.

use leptos::prelude::*;

use super::{
    form::{FormName, FormState},
    icon::{self, Icon},
};

/// What an input needs besides its own kind.
struct Wiring {
    id: String,
    value: String,
    error: Option<String>,
    /// The ids of hint and error, for `aria-describedby`.
    described_by: Option<String>,
}

fn wire(name: &str, initial: Option<String>, has_hint: bool) -> Wiring {
    let state = use_context::<FormState>().unwrap_or_default();
    let form = use_context::<FormName>().map_or("form", |form| form.0);
    let id = format!("{form}-{name}");
    let error = state.error(name).map(str::to_owned);
    let described = [(has_hint, "hint"), (error.is_some(), "error")]
        .into_iter()
        .filter(|(there, _)| *there)
        .map(|(_, part)| format!("{id}-{part}"))
        .collect::<Vec<_>>()
        .join(" ");
    Wiring {
        value: state.value(name).map(str::to_owned).or(initial).unwrap_or_default(),
        error,
        described_by: (!described.is_empty()).then_some(described),
        id,
    }
}

fn frame(
    id: &str,
    label: String,
    hint: Option<String>,
    optional: bool,
    error: Option<String>,
    input: impl IntoView + 'static,
) -> AnyView {
    view! {
        <div class="field">
            <label class="field-label" for=id.to_owned()>
                {label}
                {optional.then(|| view! { <span class="field-optional">" (optional)"</span> })}
            </label>
            {hint.map(|hint| view! { <p class="field-hint" id=format!("{id}-hint")>{hint}</p> })}
            {input}
            {error_line(id, error)}
        </div>
    }
    .into_any()
}

fn error_line(id: &str, error: Option<String>) -> impl IntoView + use<> {
    let id = format!("{id}-error");
    error.map(|error| {
        view! {
            <p class="field-error" id=id>
                <Icon of=icon::ALERT />
                {error}
            </p>
        }
    })
}

/// One line of text.
#[component]
pub fn TextField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: Option<String>,
    /// What stands there before anything was typed.
    #[prop(optional, into)]
    value: Option<String>,
    /// `text`, `email`, `url`, `number`, `password`, `date`, `datetime-local`. A password is never shown again.
    #[prop(default = "text")]
    kind: &'static str,
    #[prop(optional)] optional: bool,
    #[prop(optional, into)] placeholder: Option<String>,
    #[prop(optional, into)] autocomplete: Option<String>,
) -> impl IntoView {
    let Wiring { id, value, error, described_by } = wire(&name, value, hint.is_some());
    let value = if kind == "password" { String::new() } else { value };
    let input = view! {
        <input
            class="input"
            id=id.clone()
            name=name
            type=kind
            value=value
            placeholder=placeholder
            autocomplete=autocomplete
            required=!optional
            aria-invalid=error.is_some().then_some("true")
            aria-describedby=described_by
        />
    };
    frame(&id, label, hint, optional, error, input)
}

/// A date without a time of day.
#[component]
pub fn DateField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: Option<String>,
    /// As `2026-11-21`.
    #[prop(optional, into)]
    value: Option<String>,
    #[prop(optional)] optional: bool,
) -> impl IntoView {
    view! { <TextField name label kind="date" optional hint=hint.unwrap_or_default() value=value.unwrap_or_default() /> }
}

/// Several lines of text.
#[component]
pub fn TextArea(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] value: Option<String>,
    #[prop(default = 4)] rows: u32,
    #[prop(optional)] optional: bool,
    /// For YAML and the like.
    #[prop(optional)]
    mono: bool,
) -> impl IntoView {
    let Wiring { id, value, error, described_by } = wire(&name, value, hint.is_some());
    let input = view! {
        <textarea
            class=if mono { "input mono" } else { "input" }
            id=id.clone()
            name=name
            rows=rows
            spellcheck=mono.then_some("false")
            required=!optional
            aria-invalid=error.is_some().then_some("true")
            aria-describedby=described_by
        >
            {as_text(&value)}
        </textarea>
    };
    frame(&id, label, hint, optional, error, input)
}

/// Leptos writes what is inside a text area as it stands (0.8, `textarea` among the elements that it does not escape),
/// and what somebody typed may close it.
fn as_text(typed: &str) -> String {
    typed.replace('&', "&amp;").replace('<', "&lt;")
}

/// One of a list.
#[component]
pub fn SelectField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    /// Value and words of each.
    options: Vec<(String, String)>,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] value: Option<String>,
    #[prop(optional)] optional: bool,
) -> impl IntoView {
    let Wiring { id, value, error, described_by } = wire(&name, value, hint.is_some());
    let options = options
        .into_iter()
        .map(|(option, words)| {
            let selected = option == value;
            view! { <option value=option selected=selected>{words}</option> }
        })
        .collect_view();
    let input = view! {
        <select
            class="input"
            id=id.clone()
            name=name
            required=!optional
            aria-invalid=error.is_some().then_some("true")
            aria-describedby=described_by
        >
            {options}
        </select>
    };
    frame(&id, label, hint, optional, error, input)
}

/// A box to tick; sends `value` when ticked and nothing when not.
#[component]
pub fn Checkbox(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: Option<String>,
    /// Tells boxes of one name apart.
    #[prop(default = "on".into(), into)]
    value: String,
    #[prop(optional)] checked: bool,
) -> impl IntoView {
    let state = use_context::<FormState>().unwrap_or_default();
    let form = use_context::<FormName>().map_or("form", |form| form.0);
    let id = if value == "on" { format!("{form}-{name}") } else { format!("{form}-{name}-{value}") };
    let ticked = if state.is_refused() { state.values(&name).any(|sent| sent == value) } else { checked };
    let error = state.error(&name).filter(|_| value == "on").map(str::to_owned);
    let hint_id = hint.is_some().then(|| format!("{id}-hint"));
    view! {
        <div class="check">
            <input
                type="checkbox"
                id=id.clone()
                name=name
                value=value
                checked=ticked
                aria-invalid=error.is_some().then_some("true")
                aria-describedby=hint_id.clone()
            />
            <div>
                <label for=id.clone()>{label}</label>
                {hint.map(|hint| view! { <p class="field-hint" id=hint_id>{hint}</p> })}
                {error_line(&id, error)}
            </div>
        </div>
    }
}

/// A file to send; the form around it needs `files=true`.
#[component]
pub fn FileField(
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: Option<String>,
    /// As in HTML: `.json,.sarif`.
    #[prop(optional, into)]
    accept: Option<String>,
    #[prop(optional)] multiple: bool,
    #[prop(optional)] optional: bool,
) -> impl IntoView {
    let Wiring { id, error, described_by, .. } = wire(&name, None, hint.is_some());
    let input = view! {
        <input
            class="input"
            type="file"
            id=id.clone()
            name=name
            accept=accept
            multiple=multiple
            required=!optional
            aria-invalid=error.is_some().then_some("true")
            aria-describedby=described_by
        />
    };
    frame(&id, label, hint, optional, error, input)
}

/// A group of boxes or choices under one name.
#[component]
pub fn FieldGroup(#[prop(into)] label: String, children: Children) -> impl IntoView {
    view! {
        <fieldset class="field">
            <legend class="field-label mb-1">{label}</legend>
            <div class="check-group">{children()}</div>
        </fieldset>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_does_not_close_its_text_area() {
        let html = Owner::new().with(|| {
            let area =
                view! { <TextArea name="note" label="Note" value="a & b</textarea><script>alert(1)</script>" /> };
            area.to_html()
        });
        assert!(html.contains("a &amp; b&lt;/textarea>&lt;script>"), "{html}");
        assert_eq!(html.matches("</textarea>").count(), 1, "{html}");
    }
}
