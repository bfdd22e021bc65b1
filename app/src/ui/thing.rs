//! A person, a team, a service wherever it is named: icon, name, link, and a card with more on hover or focus.

use leptos::prelude::*;

use super::{
    avatar::Avatar,
    badge::Lifecycle,
    facts::{Fact, Facts},
    icon::{self, Icon},
};

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Person,
    Team,
    Component,
    Api,
    Resource,
    System,
    Domain,
    Location,
    Template,
    /// Of a kind that the installation declares, by its label.
    Custom(&'static str),
    Environment,
    Finding,
    Incident,
    Scorecard,
    Integration,
    ServiceAccount,
}

impl Kind {
    #[must_use]
    pub fn icon(self) -> icon::Icon {
        match self {
            Self::Person => icon::PERSON,
            Self::Team => icon::TEAM,
            Self::Component => icon::COMPONENT,
            Self::Api => icon::API,
            Self::Resource => icon::RESOURCE,
            Self::System => icon::SYSTEM,
            Self::Domain => icon::DOMAIN,
            Self::Location => icon::LOCATION,
            Self::Template => icon::TEMPLATE,
            Self::Custom(_) => icon::CUSTOM,
            Self::Environment => icon::ENVIRONMENT,
            Self::Finding => icon::FINDING,
            Self::Incident => icon::INCIDENT,
            Self::Scorecard => icon::SCORECARD,
            Self::Integration => icon::INTEGRATION,
            Self::ServiceAccount => icon::KEY,
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Person => "Person",
            Self::Team => "Team",
            Self::Component => "Component",
            Self::Api => "API",
            Self::Resource => "Resource",
            Self::System => "System",
            Self::Domain => "Domain",
            Self::Location => "Location",
            Self::Template => "Template",
            Self::Custom(label) => label,
            Self::Environment => "Environment",
            Self::Finding => "Finding",
            Self::Incident => "Incident",
            Self::Scorecard => "Scorecard",
            Self::Integration => "Integration",
            Self::ServiceAccount => "Service account",
        }
    }
}

/// A thing by its name. Children, where given, are the card: what one would open the thing to see. The card is also
/// reached by the keyboard, and nothing is said only there.
#[component]
pub fn Thing(
    kind: Kind,
    #[prop(into)] name: String,
    /// Nothing where the reader may know its name but not open it.
    #[prop(optional, into)]
    href: Option<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let mark = match kind {
        Kind::Person => view! { <Avatar name=name.clone() /> }.into_any(),
        kind => view! { <Icon of=kind.icon() /> }.into_any(),
    };
    let inside = view! {
        {mark}
        <span class="only-spoken">{kind.label()} " "</span>
        <span class="thing-name">{name}</span>
    };
    let inside = match href {
        Some(href) => view! { <a href=href>{inside}</a> }.into_any(),
        None => inside.into_any(),
    };
    view! {
        <span class="thing">
            {inside} {children.map(|children| view! { <span class="hover-card">{children()}</span> })}
        </span>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <div class="flex flex-wrap items-center gap-6">
            <Thing kind=Kind::Person name="Ada Lovelace" href="#">
                <strong>"Ada Lovelace"</strong>
                <Facts
                    facts=vec![Fact::text("Team", "payments"), Fact::text("Role", "Team lead"), Fact::text("Mail", "ada@example.com")]
                />
            </Thing>
            <Thing kind=Kind::Team name="payments" href="#" />
            <Thing kind=Kind::Component name="billing-api" href="#">
                <strong>"billing-api"</strong>
                " "
                <Lifecycle stage="production" />
                <Facts facts=vec![Fact::text("Owner", "payments"), Fact::text("Findings", "3 critical, 9 high")] />
            </Thing>
            <Thing kind=Kind::Environment name="billing-dev" href="#" />
            <Thing kind=Kind::Finding name="CVE-2026-1187" href="#" />
            <Thing kind=Kind::Custom("Queue") name="orders-placed" href="#" />
            <Thing kind=Kind::Incident name="INC-204 Checkout is slow" href="#" />
            <Thing kind=Kind::System name="a system that the reader may not open" />
        </div>
        <div class="mt-3 w-64">
            <Thing
                kind=Kind::Component
                name="a-service-whose-name-is-far-longer-than-anyone-would-choose-on-purpose"
                href="#"
            />
        </div>
    }
}
