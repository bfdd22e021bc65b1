//! Tries an outgoing integration: reaches its peer, and notes on its page what came of it.

use std::time::Duration;

use model::Integration;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Edit, Edited, open, reload, sql};
use crate::{
    Portal,
    audit::Change,
    authz::{ActionName, Actor},
    error::Result,
};

/// How long a peer may take to answer a test.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a test failed, and what to do about it.
struct Failure {
    what: String,
    remedy: &'static str,
}

/// Tries `name` where a test of it was asked for and has not been done.
pub(crate) async fn test(portal: &Portal, name: String) -> Result<()> {
    let actor = Actor::system("integration.test", None, format!("integration.test:{name}"));
    let mut snapshot = portal.snapshot(&actor).await?;
    let integration: Integration = snapshot.read(ActionName::IntegrationRead, name.clone()).await?;
    let mut visible = snapshot.visible(ActionName::IntegrationRead)?;
    let credential = open(portal, &mut visible, &integration).await?;
    drop(snapshot);

    // an approval that was withdrawn meanwhile stops the test as well
    if integration.test_requested_at.is_none() || integration.approved_at.is_none() {
        return Ok(());
    }
    let outcome = probe(&integration, credential.as_ref()).await;

    let mut permit = portal.authorize(&actor, Edit, name.clone()).await?;
    let before = permit.target.clone();
    let what = match outcome {
        Ok(()) => {
            sql::succeeded(&mut permit, before.id, portal.clock.now()).await?;
            "test passed"
        }
        Err(failure) => {
            sql::failed(&mut permit, before.id, portal.clock.now(), &failure.what, failure.remedy).await?;
            "test failed"
        }
    };
    sql::end_test(&mut permit, before.id).await?;
    let after = reload(&mut permit, &name).await?;
    permit.commit(Edited { what, change: Change::updated(before, after) }).await
}

async fn probe(integration: &Integration, credential: Option<&SecretString>) -> Result<(), Failure> {
    let tried = async {
        match (integration.kind, &integration.endpoint, credential) {
            (kind, _, Some(address)) if kind.secret_is_the_address() => reach(address.expose_secret()).await,
            (_, Some(endpoint), _) => reach(endpoint).await,
            _ => reach_hosts(&integration.egress_hosts).await,
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.unwrap_or_else(|_| {
        Err(Failure {
            what: format!("there was no answer within {} seconds", PATIENCE.as_secs()),
            remedy: "check that this server may reach the host: name resolution, routes, firewall and proxy",
        })
    })
}

/// Whether something listens at the address's host and port.
async fn reach(address: &str) -> Result<(), Failure> {
    let url = Url::parse(address).map_err(|_| unreachable("its address"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    connect(&host, port).await
}

async fn reach_hosts(hosts: &[String]) -> Result<(), Failure> {
    let Some(first) = hosts.first() else {
        return Err(Failure {
            what: "it names no host".to_owned(),
            remedy: "set it up in the installation's settings; `rampart config` shows what is set",
        });
    };
    let (host, port) = match first.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, port.parse().unwrap_or(443)),
        _ => (first.as_str(), 443),
    };
    connect(host, port).await
}

async fn connect(host: &str, port: u16) -> Result<(), Failure> {
    tokio::net::TcpStream::connect((host, port)).await.map(drop).map_err(|_| unreachable(&format!("{host}:{port}")))
}

fn unreachable(what: &str) -> Failure {
    Failure {
        what: format!("nobody answers at {what}"),
        remedy: "check the host and port, and that this server may reach them",
    }
}
