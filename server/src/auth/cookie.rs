//! The portal's cookies: the session's, and the one that ties a sign-in to the browser that began it.

use axum::http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

/// How cookies are named and marked; over TLS they get the `__Host-` prefix (RFC 6265bis, section 4.1.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    secure: bool,
}

impl Cookies {
    #[must_use]
    pub fn for_base_url(base_url: &str) -> Self {
        Self { secure: base_url.starts_with("https://") }
    }

    fn name(self, name: &str) -> String {
        if self.secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn set(self, name: &str, value: &str, max_age_s: i64) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}", self.name(name));
        HeaderValue::from_str(&text).expect("cookies carry base64url only")
    }

    fn get(self, headers: &HeaderMap, name: &str) -> Option<SecretString> {
        let name = self.name(name);
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.to_owned().into())
    }

    #[must_use]
    pub fn session(self, headers: &HeaderMap) -> Option<SecretString> {
        self.get(headers, "rampart_session")
    }

    #[must_use]
    pub fn begin_session(self, token: &SecretString, max_age: time::Duration) -> HeaderValue {
        self.set("rampart_session", token.expose_secret(), max_age.whole_seconds())
    }

    #[must_use]
    pub fn end_session(self) -> HeaderValue {
        self.set("rampart_session", "", 0)
    }

    #[must_use]
    pub fn browser(self, headers: &HeaderMap) -> Option<SecretString> {
        self.get(headers, "rampart_sign_in")
    }

    #[must_use]
    pub fn begin_sign_in(self, browser: &SecretString) -> HeaderValue {
        self.set("rampart_sign_in", browser.expose_secret(), 15 * 60)
    }

    #[must_use]
    pub fn end_sign_in(self) -> HeaderValue {
        self.set("rampart_sign_in", "", 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tls_a_cookie_is_bound_to_its_host() {
        let set =
            Cookies::for_base_url("https://portal.example.com").begin_session(&"abc".into(), time::Duration::HOUR);
        assert_eq!(set, "__Host-rampart_session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600; Secure");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("theme=dark; rampart_session=abc"));
        let found = Cookies::for_base_url("http://127.0.0.1:3000").session(&headers).unwrap();
        assert_eq!(found.expose_secret(), "abc");
    }
}
