//! Mail: one message a notice, as text and as HTML, with a link that leads through sign-in to the page.

use std::time::Duration;

use askama::Template;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, header},
    transport::smtp::client::{Certificate, Tls, TlsParameters},
};
use secrecy::ExposeSecret;
use url::Url;

use super::{MailSettings, sql::Due};
use crate::{
    Portal,
    error::{Error, Result},
};

const TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Template)]
#[template(path = "mail/notice.txt")]
struct Text<'a> {
    title: &'a str,
    body: &'a str,
    link: &'a str,
    settings: &'a str,
}

#[derive(Template)]
#[template(path = "mail/notice.html")]
struct Html<'a> {
    title: &'a str,
    body: &'a str,
    link: &'a str,
    settings: &'a str,
}

/// Hands one notice to the mail server.
pub(super) async fn send(portal: &Portal, settings: &MailSettings, due: &Due, name: &str, address: &str) -> Result<()> {
    let message = message(portal, settings, due, name, address)?;
    transport(settings)?.send(message).await.map_err(|error| Error::Unavailable(in_words(&error)))?;
    Ok(())
}

/// Whether mail can be sent: connects, signs in and leaves.
///
/// # Errors
/// `Unavailable` with the server's reason; `Invalid` for settings that cannot work.
pub async fn test(settings: &MailSettings) -> Result<()> {
    sender(settings)?;
    let connected = transport(settings)?.test_connection().await;
    match connected {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Unavailable("the mail server does not answer as one".to_owned())),
        Err(error) => Err(Error::Unavailable(in_words(&error))),
    }
}

fn transport(settings: &MailSettings) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
    let wrong = || {
        Error::invalid(
            "RAMPART_SMTP_URL",
            "is not a mail server's address (smtp://user:password@host:587?tls=required)",
        )
    };
    let url = Url::parse(settings.url.expose_secret()).map_err(|_| wrong())?;
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str()).map_err(|_| wrong())?;
    if !settings.authorities.is_empty() {
        builder = builder.tls(tls(&url, &settings.authorities)?);
    }
    Ok(builder.timeout(Some(TIMEOUT)).build())
}

/// The TLS that the address asks for, with further authorities besides the system's.
fn tls(url: &Url, authorities: &[u8]) -> Result<Tls> {
    let parameters = || {
        let authorities = Certificate::from_pem(authorities)
            .map_err(|_| Error::invalid("RAMPART_CA_FILE", "holds no PEM certificates"))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        TlsParameters::builder(host).add_root_certificate(authorities).build_rustls().map_err(Error::internal)
    };
    let asked = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
    Ok(match (url.scheme(), asked.as_deref()) {
        ("smtps", _) => Tls::Wrapper(parameters()?),
        (_, Some("required")) => Tls::Required(parameters()?),
        (_, Some("opportunistic")) => Tls::Opportunistic(parameters()?),
        _ => Tls::None,
    })
}

fn sender(settings: &MailSettings) -> Result<Mailbox> {
    settings
        .from
        .parse()
        .map_err(|_| Error::invalid("RAMPART_MAIL_FROM", "is not a sender (Rampart <rampart@example.com>)"))
}

fn message(portal: &Portal, settings: &MailSettings, due: &Due, name: &str, address: &str) -> Result<Message> {
    let link = format!("{}{}", portal.settings.base_url, due.href);
    let choices = format!("{}/notifications", portal.settings.base_url);
    let (title, body) = (due.title.as_str(), due.body.as_str());
    let text = Text { title, body, link: &link, settings: &choices }.render().map_err(Error::internal)?;
    let html = Html { title, body, link: &link, settings: &choices }.render().map_err(Error::internal)?;
    let address: Address =
        address.parse().map_err(|_| Error::NotFound("mail address that works; the identity provider's is none"))?;
    let from = sender(settings)?;
    let id = format!("<{}@{}>", due.id, from.email.domain());
    Message::builder()
        .from(from)
        .to(Mailbox::new(Some(name.to_owned()), address))
        .subject(one_line(title))
        .date(due.created_at.into())
        .message_id(Some(id))
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(text, html))
        .map_err(Error::internal)
}

/// Keeps vacation replies away (RFC 3834, section 5).
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The reason with those behind it, which say what the server answered.
fn in_words(error: &lettre::transport::smtp::Error) -> String {
    let mut words = format!("mail server: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    words
}
