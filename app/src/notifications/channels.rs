//! `/notifications/channels`: which notices also come by mail.

use leptos::prelude::*;
use model::notification::{ChannelChoice, NoticeKind};
use portal::notifications;

use super::Views;
use crate::{
    backend::{Answer, Cx, Head, Posted},
    ui::{
        Tone,
        button::{Button, Weight},
        field::{Checkbox, FieldGroup},
        flash::Notice,
        form::{Form, FormActions},
        page_head::PageHead,
    },
};

/// `/notifications/channels`
pub async fn page(cx: Cx) -> Answer {
    let choices = notifications::choices(&cx.portal, &cx.actor).await?;
    let (unread, mail) = (cx.chrome.notifications, cx.portal.settings.mail.is_some());
    let leaves = notifications::mail_leaves(&cx.portal, &cx.actor).await?;
    let address = cx.actor.person().and_then(|person| person.email.clone());
    cx.page(Head::new("Channels").under("Notifications", "/notifications"), move || {
        let without = match (mail, &address) {
            (false, _) => Some("No mail server is set for this installation, so nothing comes by mail."),
            (true, None) => Some("The identity provider gives no mail address of yours, so nothing comes by mail."),
            (true, Some(_)) if !leaves => {
                Some("Mail is not enabled in this installation at present. What would come by mail waits, and comes once it is.")
            }
            (true, Some(_)) => None,
        };
        let choices = StoredValue::new(choices);
        let label = address.map_or_else(|| "By mail".to_owned(), |address| format!("By mail to {address}"));
        view! {
            <PageHead title="Notifications" />
            <Views current="channels" unread />
            {without.map(|words| view! { <Notice tone=Tone::Attention>{words}</Notice> })}
            <p class="muted">"In the portal you are always told."</p>
            <Form action="/notifications/channels">
                <FieldGroup label=label.clone()>
                    {choices
                        .get_value()
                        .into_iter()
                        .map(|choice| {
                            view! {
                                <Checkbox
                                    name="mail"
                                    value=choice.kind.as_str()
                                    label=choice.kind.label()
                                    checked=choice.mail
                                />
                            }
                        })
                        .collect_view()}
                </FieldGroup>
                <FormActions>
                    <Button weight=Weight::Primary>"Save"</Button>
                </FormActions>
            </Form>
        }
    })
}

/// `POST /notifications/channels`
pub async fn save(cx: Cx, posted: Posted) -> Answer {
    let by_mail: Vec<&str> = posted.all("mail").collect();
    let chosen: Vec<ChannelChoice> = NoticeKind::ALL
        .into_iter()
        .map(|kind| ChannelChoice { kind, mail: by_mail.contains(&kind.as_str()) })
        .collect();
    notifications::choose(&cx.portal, &cx.actor, &chosen).await?;
    cx.redirect("/notifications/channels", "Your channels are saved")
}
