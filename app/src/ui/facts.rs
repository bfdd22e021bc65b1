//! Name and value pairs about one thing.

use leptos::prelude::*;

/// One pair.
pub struct Fact {
    name: String,
    value: AnyView,
}

impl Fact {
    pub fn new(name: impl Into<String>, value: impl IntoView + 'static) -> Self {
        Self { name: name.into(), value: value.into_any() }
    }

    /// A value that is only text; a dash where there is none.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        Self::new(name, if value.is_empty() { "–".to_owned() } else { value })
    }
}

#[component]
pub fn Facts(
    facts: Vec<Fact>,
    /// Each name above its value: for a narrow column.
    #[prop(optional)]
    narrow: bool,
) -> impl IntoView {
    let pairs = facts.into_iter().map(|fact| view! { <dt>{fact.name}</dt> <dd>{fact.value}</dd> }).collect_view();
    view! { <dl class=if narrow { "facts facts-narrow" } else { "facts" }>{pairs}</dl> }
}

pub fn samples() -> impl IntoView {
    let facts = || {
        vec![
            Fact::text("Owner", "payments"),
            Fact::text("System", "checkout"),
            Fact::new("Source", view! { <a href="#">"payments/billing-api"</a> }),
            Fact::text("Classification", ""),
            Fact::text(
                "Description",
                "Takes what was bought and turns it into invoices, reminders and, in the end, money.",
            ),
        ]
    };
    view! {
        <div class="grid gap-8 md:grid-cols-2">
            <Facts facts=facts() />
            <Facts facts=facts() narrow=true />
        </div>
    }
}
