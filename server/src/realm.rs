//! `deploy/keycloak-realm.json`: a Keycloak realm with the demonstration's people and the client of `docker-compose.yml`,
//! as Keycloak 26 imports it (RealmRepresentation of its Admin REST API).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::demo;

/// Where `docker-compose.yml` publishes the portal.
const BASE_URL: &str = "http://localhost:3000";
/// Everybody's: the realm is for trying on one machine.
const PASSWORD: &str = "demonstration";

/// The realm as pretty JSON.
#[must_use]
pub fn json() -> String {
    let people = demo::people();
    let groups: BTreeSet<&String> = people.iter().flat_map(|person| &person.groups).collect();
    let realm = json!({
        "realm": "rampart",
        "displayName": "Rampart",
        "enabled": true,
        // for http on loopback only; Keycloak asks for https elsewhere
        "sslRequired": "external",
        "groups": groups.into_iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "users": people.iter().map(user).collect::<Vec<_>>(),
        "clients": [client()],
    });
    format!("{realm:#}\n")
}

fn user(person: &crate::evaluation::identity::DemoPerson) -> Value {
    let (first, last) = person.name.split_once(' ').unwrap_or((&person.name, ""));
    json!({
        "username": person.sub,
        "firstName": first,
        "lastName": last,
        "email": person.email,
        "emailVerified": true,
        "enabled": true,
        "credentials": [{ "type": "password", "value": PASSWORD, "temporary": false }],
        "groups": person.groups.iter().map(|group| format!("/{group}")).collect::<Vec<_>>(),
    })
}

/// A public client, which PKCE protects, so that no secret stands in a file that everybody has.
fn client() -> Value {
    json!({
        "clientId": "rampart",
        "name": "Rampart",
        "enabled": true,
        "protocol": "openid-connect",
        "publicClient": true,
        "standardFlowEnabled": true,
        "implicitFlowEnabled": false,
        "directAccessGrantsEnabled": false,
        "redirectUris": [format!("{BASE_URL}/sign-in/callback")],
        "webOrigins": [],
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "post.logout.redirect.uris": format!("{BASE_URL}/signed-out"),
        },
        "protocolMappers": [{
            "name": "groups",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-group-membership-mapper",
            "consentRequired": false,
            "config": {
                "claim.name": "groups",
                "full.path": "false",
                "id.token.claim": "true",
                "access.token.claim": "false",
                "userinfo.token.claim": "true",
            },
        }],
    })
}
