//! How somebody likes to read: theme, navigation, zone; kept in the browser's cookies, read for each page.

use http::{HeaderMap, HeaderValue, header};

use super::chrome::{Chrome, Flash, Theme};
use crate::{
    backend::{Answer, Posted, percent_encoded, see_other},
    ui::{Tone, time::Zone},
};

const YEAR_SECONDS: u32 = 31_536_000;

/// `POST /preferences`: keeps what was chosen and returns to where it was chosen.
pub async fn save(posted: Posted) -> Answer {
    let mut response = see_other(posted.text("return_to"));
    let mut keep = |name: &str, value: &str| {
        let max_age = if value.is_empty() { 0 } else { YEAR_SECONDS };
        response.headers_mut().append(header::SET_COOKIE, cookie(name, value, max_age));
    };
    if let Some(theme) = posted.all("theme").next() {
        keep("theme", Theme::read(theme).map_or("", Theme::as_str));
    }
    if let Some(nav) = posted.all("nav").next() {
        keep("nav", if nav == "folded" { "folded" } else { "" });
    }
    Ok(response)
}

/// Takes over what the request's cookies say.
pub fn read_into(chrome: &mut Chrome, headers: &HeaderMap) {
    for (name, value) in cookies(headers) {
        match name {
            "theme" => chrome.theme = Theme::read(value),
            "nav" => chrome.folded = value == "folded",
            "zone" => {
                if let Some(zone) = Zone::named(&percent_decoded(value)) {
                    chrome.zone = zone;
                }
            }
            "flash" => chrome.flash = read_flash(value),
            _ => {}
        }
    }
}

/// Tells the next page what was done; read once.
pub fn flash_cookie(flash: &Flash) -> HeaderValue {
    cookie("flash", &format!("{}.{}", flash.tone.as_str(), percent_encoded(&flash.text)), 60)
}

/// Forgets what has now been told.
pub fn no_flash_cookie() -> HeaderValue {
    cookie("flash", "", 0)
}

fn read_flash(value: &str) -> Option<Flash> {
    let (tone, text) = value.split_once('.')?;
    Some(Flash { tone: Tone::read(tone)?, text: percent_decoded(text) })
}

fn cookie(name: &str, value: &str, max_age_seconds: u32) -> HeaderValue {
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; SameSite=Lax; HttpOnly");
    HeaderValue::from_str(&text).expect("cookie values are words or percent-encoded")
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match (first, hex.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_is_told_as_it_was_said() {
        let said = Flash { tone: Tone::Good, text: "Approved “billing”; 50% done\n".to_owned() };
        let cookie = flash_cookie(&said);
        let value = cookie.to_str().unwrap().split(';').next().unwrap().strip_prefix("flash=").unwrap();
        assert_eq!(read_flash(value), Some(said));
    }

    #[test]
    fn a_cookie_that_is_nonsense_is_passed_over() {
        assert_eq!(read_flash("%%%"), None);
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
    }
}
