//! From a request to an [`Actor`]: by a bearer token, by the session's cookie, or nobody.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header, request::Parts};
use model::{Problem, ProblemType};
use portal::{Actor, Error, identity};
use secrecy::ExposeSecret;

use crate::{http::Edge, rest::problem::Refusal};

/// Whoever sent the request.
#[derive(Clone, Debug)]
pub struct Caller(pub Actor);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().expect("every request is identified before its handler").clone())
    }
}

/// Finds out who is calling. An unknown token is refused here; an unknown cookie is nobody's.
pub async fn identify(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let address = peer.map(|peer| client_address(peer, request.headers(), &edge.trusted_proxies));
    let request_id = request_id(request.headers());
    let by_itself = request.uri().path() == "/live" || request.headers().contains_key("rampart-live");
    match actor(&edge, request.headers(), request_id, address, by_itself).await {
        Ok(actor) => {
            request.extensions_mut().insert(Caller(actor));
            next.run(request).await
        }
        Err(problem) => Refusal(*problem).into_response(),
    }
}

async fn actor(
    edge: &Edge,
    headers: &HeaderMap,
    request_id: String,
    address: Option<IpAddr>,
    by_itself: bool,
) -> Result<Actor, Box<Problem>> {
    let failed = |error: Error| Box::new(error.problem());
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(bearer);
        let found = match token {
            Some(token) => {
                identity::token::actor(&edge.portal, token, request_id.clone(), address).await.map_err(failed)?
            }
            None => None,
        };
        // an integration's own token is checked by its own door
        return match (found, token) {
            (Some(actor), _) => Ok(actor),
            (None, Some(token)) if !token.starts_with(identity::token::PREFIX) => {
                Ok(Actor::anonymous(request_id, address))
            }
            _ => Err(Box::new(Problem::new(
                ProblemType::Unauthenticated,
                "this token is not known here, or it has expired or was revoked; issue another one",
            ))),
        };
    }
    if let Some(token) = edge.cookies.session(headers) {
        let (portal, token, id) = (&edge.portal, token.expose_secret(), request_id.clone());
        let found = if by_itself {
            identity::session::watcher(portal, token, id, address).await
        } else {
            identity::session::actor(portal, token, id, address).await
        };
        let found = found.map_err(failed)?;
        if let Some(actor) = found {
            return Ok(actor);
        }
    }
    Ok(Actor::anonymous(request_id, address))
}

/// RFC 6750, section 2.1; the scheme's case does not matter.
#[must_use]
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The id that the request-id layer put into the headers.
#[must_use]
pub fn request_id(headers: &HeaderMap) -> String {
    headers.get("x-request-id").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The first address, from the right, that is no trusted proxy's.
#[must_use]
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    if !trusted.contains(&peer) {
        return peer;
    }
    let forwarded: Vec<IpAddr> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|item| item.trim().parse().ok())
        .collect();
    forwarded.into_iter().rev().find(|address| !trusted.contains(address)).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_counts_only_behind_a_trusted_proxy() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.1".parse().unwrap());
        assert_eq!(client_address(proxy, &headers, &[]), proxy);
        assert_eq!(client_address(proxy, &headers, &[proxy]), "198.51.100.7".parse::<IpAddr>().unwrap());
    }
}
