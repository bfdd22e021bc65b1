//! The identity provider, reached as sign-in reaches it: discovery, the redirect address, groups, administrators.

use portal::checkup::SignedIn;

use super::{Check, Verdict};
use crate::{
    auth::oidc::{Found, Provider},
    config::Config,
    evaluation, serve,
};

pub(super) async fn look(config: &Config, evaluation: bool, signed_in: Option<SignedIn>) -> Vec<Check> {
    if !evaluation && config.text("oidc_issuer").is_none() {
        let remedy = "set it with RAMPART_OIDC_CLIENT_ID, and RAMPART_OIDC_CLIENT_SECRET where the client has one";
        return vec![Check::fail("issuer", "RAMPART_OIDC_ISSUER is not set", remedy)];
    }
    let issuer = evaluation.then(|| format!("http://{}", config.text("evaluation_oidc_addr").unwrap_or_default()));
    let provider = match serve::provider(config, issuer) {
        Ok(provider) => provider,
        Err(error) => {
            let remedy = "`rampart config` shows every setting and where it came from";
            return vec![Check::fail("issuer", format!("{error:#}"), remedy)];
        }
    };
    let found = match provider.found().await {
        Ok(found) => found,
        Err(refused) if evaluation => {
            let remedy = "start the portal with `rampart serve`, which runs it";
            return vec![Check::warn("issuer", refused.what, remedy), base_url(config)];
        }
        Err(refused) => return vec![Check::fail("issuer", refused.what, refused.remedy), base_url(config)],
    };
    vec![
        issuer_check(&provider, &found),
        redirect(config, &provider).await,
        groups(config, &found, signed_in),
        administrators(config, evaluation, signed_in),
    ]
}

fn issuer_check(provider: &Provider, found: &Found) -> Check {
    let what = format!("{} is found, with {} keys", provider.issuer(), found.keys);
    if found.keys == 0 || !found.signs_as_we_check {
        return Check::fail(
            "issuer",
            format!("{what}, and signs ID tokens with nothing that is checked here"),
            "let the provider sign ID tokens with RS256, PS256, ES256 or EdDSA and publish the key at its jwks_uri",
        );
    }
    if !found.has_token_endpoint {
        return Check::fail(
            "issuer",
            format!("{what}, and names no token endpoint"),
            "RAMPART_OIDC_ISSUER has to be an OpenID provider that supports the authorization code flow",
        );
    }
    Check::ok("issuer", what)
}

/// `https`, unless only this machine is meant.
fn base_url(config: &Config) -> Check {
    let name = "redirect address";
    let url = match config.base_url() {
        Ok(url) => url,
        Err(error) => {
            let remedy = "set RAMPART_BASE_URL to https:// and the host that people open";
            return Check::fail(name, format!("{error:#}"), remedy);
        }
    };
    let callback = format!("{}/sign-in/callback", url.origin().ascii_serialization());
    if url.scheme() != "https" && !evaluation::is_loopback(&url) {
        return Check::fail(
            name,
            format!("{callback} is not https: cookies and codes can be read on the way"),
            "put a proxy that ends TLS before the portal, and set RAMPART_BASE_URL to its https:// address",
        );
    }
    Check::ok(name, callback)
}

/// Also whether the provider takes it for this client, which it shows by going on to its sign-in page.
async fn redirect(config: &Config, provider: &Provider) -> Check {
    let check = base_url(config);
    if check.verdict == Verdict::Fail {
        return check;
    }
    let (name, callback) = (check.check, check.what);
    match provider.takes_redirect().await {
        Ok(true) => Check::ok(name, format!("{callback}, which the provider takes for this client")),
        Ok(false) => Check::fail(
            name,
            format!("the provider refuses {callback} for this client"),
            "register exactly this address for the client at the provider, and check RAMPART_OIDC_CLIENT_ID and RAMPART_OIDC_SCOPES",
        ),
        Err(refused) => Check::warn(
            name,
            format!("{callback}; whether the provider takes it cannot be asked from here: {}", refused.what),
            "register exactly this address for the client at the provider",
        ),
    }
}

fn groups(config: &Config, found: &Found, signed_in: Option<SignedIn>) -> Check {
    let name = "groups claim";
    let claim = config.text("oidc_groups_claim").unwrap_or_default();
    if let Some(SignedIn { people, with_groups, .. }) = signed_in.filter(|signed_in| signed_in.people > 0) {
        if with_groups > 0 {
            return Check::ok(name, format!("{claim} named groups of {with_groups} of the {people} who signed in"));
        }
        return Check::fail(
            name,
            format!("{claim} named no group of any of the {people} who signed in"),
            "let the provider put groups into the ID token or userinfo under that name, or set RAMPART_OIDC_GROUPS_CLAIM to the name that it uses",
        );
    }
    let asked: Vec<&str> = config.text("oidc_scopes").unwrap_or_default().split_whitespace().collect();
    let unknown = found.scopes.as_ref().and_then(|known| asked.iter().find(|scope| !known.iter().any(|k| k == *scope)));
    if let Some(unknown) = unknown {
        return Check::warn(
            name,
            format!("the provider does not list the scope {unknown}, so it may refuse to sign anybody in"),
            "add the scope at the provider, or take it out of RAMPART_OIDC_SCOPES",
        );
    }
    match &found.claims {
        Some(claims) if claims.iter().any(|known| known == claim) => {
            Check::ok(name, format!("{claim}, which the provider lists"))
        }
        Some(_) => Check::warn(
            name,
            format!("the provider does not list {claim}, and nobody has signed in yet to tell"),
            "let the provider put groups into the ID token under that name, or set RAMPART_OIDC_GROUPS_CLAIM",
        ),
        None => Check::ok(name, format!("{claim}; nobody has signed in yet to tell whether the provider sends it")),
    }
}

fn administrators(config: &Config, evaluation: bool, signed_in: Option<SignedIn>) -> Check {
    let name = "administrators";
    let groups = config.list("admin_groups");
    match signed_in {
        Some(SignedIn { administrators, .. }) if administrators > 0 => {
            Check::ok(name, format!("{administrators} can sign in"))
        }
        _ if evaluation => Check::ok(name, "the demonstration has one"),
        _ if !groups.is_empty() => Check::ok(name, format!("members of {}; none has signed in yet", groups.join(", "))),
        _ => Check::warn(
            name,
            "there is none",
            "set RAMPART_ADMIN_GROUPS, or let somebody sign in and run `rampart admin grant ADDRESS`",
        ),
    }
}
