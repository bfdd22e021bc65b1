//! The list of integrations: what comes in, what goes out, who answers for it, whether it works.

use leptos::prelude::*;
use model::{Direction, Integration, IntegrationState};
use portal::integrations;
use time::Date;

use super::{PATH, State};
use crate::{
    backend::{Answer, Cx, Head},
    catalog::team_href,
    ui::{
        Tone,
        badge::Badge,
        button::{LinkButton, Weight},
        icon, number,
        page_head::{PageHead, Section},
        state::Empty,
        table::{Column, RowLink, Table},
        thing::{Kind, Thing},
        time::{Day, Time},
    },
};

/// `/admin/integrations`
pub async fn list(cx: Cx) -> Answer {
    let all = integrations::list(&cx.portal, &cx.actor).await?;
    let may_add = integrations::may_add(&cx.portal, &cx.actor);
    let today = cx.chrome.now.date();
    cx.page(Head::new("Integrations").wide(), move || {
        let actions = may_add.then(|| {
            view! {
                <LinkButton href=format!("{PATH}/new") weight=Weight::Primary icon=Some(icon::ADD)>
                    "Add integration"
                </LinkButton>
            }
        });
        let state = in_words(&all, today);
        let (incoming, outgoing): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|one| one.kind.needs().direction == Direction::Incoming);
        view! {
            <PageHead title="Integrations" state=state.into_any() actions=actions.into_any() />
            <p class="muted">"Nothing enters or leaves this installation that is not here, approved and enabled."</p>
            <Section title="Comes in">
                <Rows integrations=incoming caption="Incoming integrations" today />
            </Section>
            <Section title="Goes out">
                <Rows integrations=outgoing caption="Outgoing integrations" today />
            </Section>
        }
    })
}

fn in_words(all: &[Integration], today: Date) -> String {
    let of = |state: IntegrationState| all.iter().filter(|one| one.state() == state).count() as u64;
    let overdue = all.iter().filter(|one| one.is_overdue(today)).count() as u64;
    let mut words = Vec::new();
    for (count, what) in [
        (of(IntegrationState::Failing), "failing"),
        (of(IntegrationState::Unapproved), "waiting for approval"),
        (overdue, "overdue for review"),
    ] {
        if count > 0 {
            words.push(format!("{} {what}", number::grouped(count)));
        }
    }
    if words.is_empty() { number::counted(all.len() as u64, "integration", "integrations") } else { words.join(", ") }
}

#[component]
fn Rows(integrations: Vec<Integration>, caption: &'static str, today: Date) -> impl IntoView {
    if integrations.is_empty() {
        return view! {
            <Empty title="None" icon=icon::INTEGRATION>
                "A platform administrator adds one; a security champion approves it."
            </Empty>
        }
        .into_any();
    }
    let columns = vec![
        Column::new("Name"),
        Column::new("Kind").wide_only(),
        Column::new("State").tight(),
        Column::new("Owner").wide_only(),
        Column::new("Data").wide_only(),
        Column::new("Last success").tight().wide_only(),
        Column::new("Review by").wide_only().tight(),
    ];
    let rows = integrations.into_iter().map(|integration| view! { <Row integration today /> }).collect_view();
    view! { <Table caption columns>{rows}</Table> }.into_any()
}

#[component]
fn Row(integration: Integration, today: Date) -> impl IntoView {
    let owner = match integration.owner_name.clone() {
        Some(team) => view! { <Thing kind=Kind::Team name=team.clone() href=team_href(&team) /> }.into_any(),
        None => view! { <span class="muted">"Nobody yet"</span> }.into_any(),
    };
    let data = integration.data_classes.iter().map(|class| class.label()).collect::<Vec<_>>().join(", ");
    let review = if integration.is_overdue(today) {
        view! { <Badge tone=Some(Tone::Attention)>"Overdue since " <Day date=integration.review_by /></Badge> }
            .into_any()
    } else {
        view! { <Day date=integration.review_by /> }.into_any()
    };
    let (href, name) = (integration.href(), integration.name.clone());
    let success = integration.succeeded_at.map_or("never".into_any(), |at| view! { <Time at /> }.into_any());
    view! {
        <tr>
            <td>
                <RowLink href>
                    <Thing kind=Kind::Integration name />
                </RowLink>
            </td>
            <td class="table-wide-only">{integration.kind.label()}</td>
            <td class="table-tight">
                <State integration=integration.clone() />
            </td>
            <td class="table-wide-only">{owner}</td>
            <td class="table-wide-only">{data}</td>
            <td class="table-wide-only table-tight">{success}</td>
            <td class="table-wide-only table-tight">{review}</td>
        </tr>
    }
}
