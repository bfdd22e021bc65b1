//! Which columns the list shows: chosen by a form, kept in the address.

use leptos::prelude::*;
use model::EntitySummary;

use super::{owner_of, referred};
use crate::ui::{
    badge::{Badge, Lifecycle},
    button::Button,
    icon,
    menu::Menu,
    time::Time,
};

/// The parameter that names one.
pub const PARAMETER: &str = "column";

/// What the list can show beside the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListColumn {
    Owner,
    System,
    Kind,
    Type,
    Lifecycle,
    Tier,
    Tags,
    Description,
    Updated,
}

impl ListColumn {
    const ALL: [Self; 9] = [
        Self::Owner,
        Self::System,
        Self::Kind,
        Self::Type,
        Self::Lifecycle,
        Self::Tier,
        Self::Tags,
        Self::Description,
        Self::Updated,
    ];
    const USUAL: [Self; 5] = [Self::Owner, Self::System, Self::Type, Self::Lifecycle, Self::Updated];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::System => "system",
            Self::Kind => "kind",
            Self::Type => "type",
            Self::Lifecycle => "lifecycle",
            Self::Tier => "tier",
            Self::Tags => "tags",
            Self::Description => "description",
            Self::Updated => "updated",
        }
    }

    pub const fn label(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::System => "System",
            Self::Kind => "Kind",
            Self::Type => "Type",
            Self::Lifecycle => "Lifecycle",
            Self::Tier => "Tier",
            Self::Tags => "Tags",
            Self::Description => "Description",
            Self::Updated => "Updated",
        }
    }

    /// No wider than what is in it.
    pub const fn is_tight(self) -> bool {
        !matches!(self, Self::Owner | Self::System | Self::Tags | Self::Description)
    }

    pub fn cell(self, entity: &EntitySummary) -> AnyView {
        match self {
            Self::Owner => owner_of(entity),
            Self::System => referred(entity.system.as_deref()),
            Self::Kind => entity.reference.kind.label().into_any(),
            Self::Type => entity.kind_type.clone().unwrap_or_default().into_any(),
            Self::Lifecycle => entity.lifecycle.clone().map(|stage| view! { <Lifecycle stage /> }).into_any(),
            Self::Tier => entity.tier.clone().unwrap_or_default().into_any(),
            Self::Tags => {
                let tags = entity.tags.clone().into_iter().map(|tag| view! { <Badge>{tag}</Badge> " " });
                tags.collect_view().into_any()
            }
            Self::Description => entity.description.clone().unwrap_or_default().into_any(),
            Self::Updated => view! { <Time at=entity.updated_at /> }.into_any(),
        }
    }
}

/// The columns of one list, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<ListColumn>);

impl Columns {
    /// What the address names, the usual ones where it names none.
    pub fn read(pairs: &[(String, String)]) -> Self {
        let named =
            |column: &ListColumn| pairs.iter().any(|(name, value)| name == PARAMETER && value == column.as_str());
        let columns: Vec<ListColumn> = ListColumn::ALL.into_iter().filter(named).collect();
        Self(if columns.is_empty() { ListColumn::USUAL.to_vec() } else { columns })
    }

    /// The pairs of an address that say the same; none for the usual ones.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        if self.0 == ListColumn::USUAL {
            return Vec::new();
        }
        self.0.iter().map(|column| (PARAMETER, column.as_str().to_owned())).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = ListColumn> {
        self.0.iter().copied()
    }
}

/// Chooses columns; `keep` is the rest of the list's address.
#[component]
pub fn ColumnMenu(columns: Columns, action: &'static str, keep: Vec<(&'static str, String)>) -> impl IntoView {
    let boxes = ListColumn::ALL
        .into_iter()
        .map(|column| {
            let id = format!("column-{}", column.as_str());
            let checked = columns.0.contains(&column);
            view! {
                <li class="check">
                    <input type="checkbox" id=id.clone() name=PARAMETER value=column.as_str() checked=checked />
                    <label for=id>{column.label()}</label>
                </li>
            }
        })
        .collect_view();
    let keep = keep.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value /> });
    view! {
        <Menu label="Columns" face=view! { <icon::Icon of=icon::COLUMNS /> }.into_any()>
            <form class="menu-form" action=action>
                {keep.collect_view()}
                <fieldset>
                    <legend class="menu-title">"Columns"</legend>
                    <ul>{boxes}</ul>
                </fieldset>
                <Button>"Show these"</Button>
            </form>
        </Menu>
    }
}
