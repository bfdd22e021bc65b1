//! The mail server: whether it answers, over TLS where that is set, and takes the name and password. Sends no mail.

use portal::notifications;
use secrecy::ExposeSecret;
use url::Url;

use super::Check;
use crate::{config::Config, serve};

const NAME: &str = "mail";

pub(super) async fn look(config: &Config) -> Check {
    let settings = match serve::mail_settings(config) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            let remedy = "set RAMPART_SMTP_URL, so that approvers hear of what waits for them outside the portal too";
            return Check::warn(NAME, "none is sent", remedy);
        }
        Err(error) => return Check::fail(NAME, format!("{error:#}"), "mend RAMPART_CA_FILE"),
    };
    if let Err(error) = notifications::test_mail(&settings).await {
        let remedy = "check RAMPART_SMTP_URL (smtp://user:password@host:587?tls=required, or smtps://), RAMPART_MAIL_FROM and RAMPART_CA_FILE";
        return Check::fail(NAME, error.to_string(), remedy);
    }
    let url = Url::parse(settings.url.expose_secret()).ok();
    let server = url.as_ref().and_then(Url::host_str).unwrap_or("the mail server").to_owned();
    let is_plain = url.as_ref().is_some_and(|url| {
        url.scheme() == "smtp" && !url.query_pairs().any(|(key, value)| key == "tls" && value == "required")
    });
    if is_plain && !matches!(server.as_str(), "localhost" | "127.0.0.1" | "[::1]") {
        return Check::warn(
            NAME,
            format!("{server} answers, and what is sent there can be read on the way"),
            "add ?tls=required to RAMPART_SMTP_URL, or use smtps://",
        );
    }
    Check::ok(NAME, format!("{server} answers and takes what the settings say"))
}
