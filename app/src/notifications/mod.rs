//! What a person is told, through which channels, and what did not arrive.

pub mod channels;
pub mod deliveries;
pub mod inbox;

use leptos::prelude::*;
use model::notification::NoticeKind;

use crate::ui::{
    icon,
    tabs::{Tab, Tabs},
};

#[component]
fn Views(current: &'static str, unread: u32) -> impl IntoView {
    let tabs = vec![
        Tab::new("Notifications", "/notifications").count(unread.into()).current(current == "inbox"),
        Tab::new("Channels", "/notifications/channels").current(current == "channels"),
    ];
    view! { <Tabs label="Views of notifications" tabs /> }
}

fn drawn(kind: NoticeKind) -> icon::Icon {
    match kind {
        NoticeKind::Approval | NoticeKind::Request => icon::APPROVAL,
        NoticeKind::Access => icon::KEY,
        NoticeKind::Environment => icon::ENVIRONMENT,
        NoticeKind::Incident => icon::INCIDENT,
        NoticeKind::Security => icon::SECURITY,
        NoticeKind::Catalog => icon::CATALOG,
    }
}
