//! What webhooks are sent: our own JSON, or the shapes that Slack and Microsoft Teams read, always signed.
//!
//! Receivers check `Rampart-Signature: t=SECONDS,v1=HEX`, where HEX is HMAC-SHA-256 of `SECONDS.BODY` under the
//! integration's credential, and refuse what is older than a few minutes.

use hmac::{Hmac, Mac};
use model::IntegrationKind;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;
use time::format_description::well_known::Rfc3339;

use super::sql::Due;
use crate::{
    Portal,
    error::{Error, Result},
    integrations::effects::Usable,
};

/// The most that Slack shows of one section (docs.slack.dev/reference/block-kit/blocks/section-block: 3000 characters).
const SLACK_SECTION_CHARS: usize = 3_000;

/// Posts a notice through an integration, to hosts that it names and that were approved with it. A chat service's
/// address is a secret that both sides know, so it signs, too.
pub(super) async fn post(portal: &Portal, due: &Due, through: &Usable) -> Result<()> {
    let Usable { integration, credential } = through;
    let secret = credential.as_ref().ok_or(Error::NotFound("credential of this integration"))?;
    let address = match &integration.endpoint {
        Some(endpoint) => endpoint.as_str(),
        None => secret.expose_secret(),
    };
    // a host that is no rule is covered by none
    let egress = portal.settings.egress.with(integration.egress_hosts.iter().filter_map(|host| host.parse().ok()));
    let url = egress.check("address", address)?;
    let link = format!("{}{}", portal.settings.base_url, due.href);
    let body = serde_json::to_vec(&body(due, integration.kind, &link)?)?;
    let seconds = portal.clock.now().unix_timestamp();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("rampart/", env!("CARGO_PKG_VERSION"))));
    headers.insert("rampart-delivery", header(due.id.to_string())?);
    headers.insert("rampart-signature", header(signature(secret, seconds, &body))?);
    let response = egress.post(&url, headers, body).await?;
    if (200..300).contains(&response.status) {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(&response.body).chars().filter(|c| !c.is_control()).take(120).collect();
    Err(Error::Unavailable(format!("the receiver answered {} {said}", response.status).trim_end().to_owned()))
}

/// `t=1700000000,v1=…`
pub(super) fn signature(secret: &SecretString, seconds: i64, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

fn header(value: String) -> Result<HeaderValue> {
    HeaderValue::from_str(&value).map_err(Error::internal)
}

fn body(due: &Due, kind: IntegrationKind, link: &str) -> Result<Value> {
    Ok(match kind {
        IntegrationKind::Slack => slack(due, link),
        IntegrationKind::Teams => teams(due, link),
        _ => json!({
            "version": 1,
            "id": due.id,
            "kind": due.kind,
            "title": due.title,
            "body": due.body,
            "url": link,
            "at": due.created_at.format(&Rfc3339).map_err(Error::internal)?,
        }),
    })
}

/// An incoming webhook's message (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, block kit): `text`
/// is what a notification shows, `blocks` what the channel shows.
fn slack(due: &Due, link: &str) -> Value {
    let (title, body) = (slack_text(&due.title), slack_text(&due.body));
    let mut section = if body.is_empty() { format!("*{title}*") } else { format!("*{title}*\n{body}") };
    if section.chars().count() > SLACK_SECTION_CHARS {
        section = section.chars().take(SLACK_SECTION_CHARS - 1).chain(['…']).collect();
    }
    json!({
        "text": title,
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": section } },
            { "type": "section", "text": { "type": "mrkdwn", "text": format!("<{}|Open in Rampart>", slack_text(link)) } },
        ],
    })
}

/// The three characters that Slack's text gives a meaning to (docs.slack.dev/messaging/formatting-message-text).
fn slack_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A message with one adaptive card, as Teams' webhooks take it (learn.microsoft.com/microsoftteams/platform,
/// "Create and send messages" for webhooks; adaptivecards.io schema 1.4).
fn teams(due: &Due, link: &str) -> Value {
    let mut content = vec![json!({
        "type": "TextBlock", "text": teams_text(&due.title), "weight": "Bolder", "size": "Medium", "wrap": true,
    })];
    if !due.body.is_empty() {
        content.push(json!({ "type": "TextBlock", "text": teams_text(&due.body), "wrap": true }));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": content,
                "actions": [{ "type": "Action.OpenUrl", "title": "Open in Rampart", "url": link }],
            },
        }],
    })
}

/// A card's text block reads a part of Markdown (learn.microsoft.com/adaptive-cards/authoring-cards/text-features);
/// what people typed is shown as they typed it.
fn teams_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '`' | '<' | '>') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use model::{DeliveryId, notification::NoticeKind};
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::notifications::sql::Receiver;

    fn due(title: &str, body: &str) -> Due {
        Due {
            id: DeliveryId(Uuid::from_u128(1)),
            kind: NoticeKind::Approval,
            title: title.to_owned(),
            body: body.to_owned(),
            href: "/requests/7".to_owned(),
            created_at: datetime!(2026-03-02 09:00 UTC),
            attempts: 0,
            next_at: datetime!(2026-03-02 09:00 UTC),
            receiver: Receiver::Gone,
        }
    }

    #[test]
    fn what_people_typed_does_not_become_a_link_or_a_mention_in_a_chat() {
        let due = due("Ada asks <!channel> & *you*", "[click](https://evil.example) <https://evil.example|here>");
        let slack = body(&due, IntegrationKind::Slack, "https://portal.example.com/requests/7").unwrap();
        let shown = slack["blocks"][0]["text"]["text"].as_str().unwrap();
        assert!(shown.contains("&lt;!channel&gt; &amp;") && !shown.contains("<http"), "{shown}");
        assert_eq!(slack["blocks"][1]["text"]["text"], "<https://portal.example.com/requests/7|Open in Rampart>");
        let teams = body(&due, IntegrationKind::Teams, "https://portal.example.com/requests/7").unwrap();
        let card = &teams["attachments"][0]["content"];
        assert_eq!(card["body"][1]["text"], "\\[click\\]\\(https://evil.example\\) \\<https://evil.example|here\\>");
        assert_eq!(card["actions"][0]["url"], "https://portal.example.com/requests/7");
    }

    #[test]
    fn a_long_text_stays_within_what_slack_takes() {
        let slack = body(&due("Title", &"<".repeat(3_000)), IntegrationKind::Slack, "https://x.example/").unwrap();
        assert_eq!(slack["blocks"][0]["text"]["text"].as_str().unwrap().chars().count(), 3_000);
    }

    #[test]
    fn a_signature_is_the_one_that_a_receiver_computes() {
        // openssl dgst -sha256 -hmac secret over "1700000000.{}"
        let signed = signature(&"secret".into(), 1_700_000_000, b"{}");
        assert_eq!(signed, "t=1700000000,v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
    }
}
