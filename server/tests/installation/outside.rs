//! The ways out of an installation's network: its own certificate authority, and a proxy.

use std::{net::SocketAddr, sync::Arc};

use portal::{egress::Egress, notifications, notifications::MailSettings, route::Route};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::header::HeaderMap;
use serde_json::json;
use server::doctor::{Verdict, examine};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};
use url::Url;

use crate::setup::Installation;

/// A name that no resolver knows (RFC 6761, section 6.4).
const ELSEWHERE: &str = "outside.invalid";

/// A certificate authority that no system knows, and what it vouches for.
struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let own = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), ELSEWHERE.to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&own, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self { pem, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// An identity provider of this issuer, over TLS, as far as discovery goes (OpenID Connect Discovery 1.0).
    async fn provider(&self, issuer: impl FnOnce(SocketAddr) -> String) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let issuer = issuer(addr);
        let discovery = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "groups"],
        });
        let keys =
            json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": "sXch", "e": "AQAB" }] });
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, discovery, keys) = (acceptor.clone(), discovery.to_string(), keys.to_string());
                tokio::spawn(async move {
                    let mut stream = BufReader::new(acceptor.accept(stream).await?);
                    let asked = head(&mut stream).await?;
                    let body = match asked.split(' ').nth(1).unwrap_or_default() {
                        "/.well-known/openid-configuration" => discovery,
                        "/keys" => keys,
                        _ => "{}".to_owned(),
                    };
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(answer.as_bytes()).await?;
                    stream.shutdown().await
                });
            }
        });
        addr
    }

    /// A mail server that takes STARTTLS and nothing before it (RFC 3207); its port.
    async fn mail_server(&self) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    stream.write_all(b"220 outside ESMTP\r\n").await?;
                    talk(&mut stream, "250-outside\r\n250 STARTTLS\r\n", "STARTTLS").await?;
                    stream.write_all(b"220 go on\r\n").await?;
                    let mut stream = BufReader::new(acceptor.accept(stream.into_inner()).await?);
                    talk(&mut stream, "250 outside\r\n", "QUIT").await?;
                    stream.write_all(b"221 bye\r\n").await
                });
            }
        });
        port
    }
}

/// Greets and agrees until `last` is said.
async fn talk(
    stream: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin),
    greeting: &str,
    last: &str,
) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let said = line.trim_end();
        if said == last {
            return Ok(());
        }
        let answer = if said.starts_with("EHLO") { greeting } else { "250 ok\r\n" };
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The first line of a request, once all of its head was read.
async fn head(stream: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<String> {
    let mut first = String::new();
    stream.read_line(&mut first).await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == "\r\n" {
            return Ok(first);
        }
    }
}

/// A proxy that knows where [`ELSEWHERE`] is, and nothing else (RFC 9110, section 9.3.6).
async fn proxy(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                if !head(&mut stream).await?.starts_with(&format!("CONNECT {ELSEWHERE}:443 ")) {
                    return stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
                }
                let mut there = TcpStream::connect(to).await?;
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                tunnel(&mut stream, &mut there).await
            });
        }
    });
    addr
}

async fn tunnel(
    a: &mut (impl AsyncRead + AsyncWrite + Unpin),
    b: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> std::io::Result<()> {
    tokio::io::copy_bidirectional(a, b).await.map(drop)
}

/// How the provider is found with these settings.
async fn issuer(installation: &Installation) -> (Verdict, String) {
    let findings = examine(&installation.config(), &portal::Clock::system()).await;
    let check = findings.checks.into_iter().find(|check| check.check == "issuer").unwrap();
    (check.verdict, check.what)
}

#[tokio::test]
async fn sign_in_reaches_a_provider_whose_authority_only_the_installation_knows() {
    let authority = Authority::new();
    let mut name = String::new();
    authority
        .provider(|addr| {
            name = format!("https://localhost:{}", addr.port());
            name.clone()
        })
        .await;
    let installation = Installation::new().await.with("RAMPART_OIDC_ISSUER", name);
    let (verdict, what) = issuer(&installation).await;
    assert_eq!(verdict, Verdict::Fail);
    assert!(what.contains("UnknownIssuer"), "{what} does not say that it is the certificate");
    let file = installation.folder.path("authority.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    let installation = installation.with("RAMPART_CA_FILE", file.display().to_string());
    let (verdict, what) = issuer(&installation).await;
    assert_eq!(verdict, Verdict::Ok, "{what}");
}

#[tokio::test]
async fn sign_in_goes_through_the_proxy_but_for_what_it_is_told_not_to() {
    let authority = Authority::new();
    let there = authority.provider(|_| format!("https://{ELSEWHERE}")).await;
    let installation = Installation::new().await.with("RAMPART_OIDC_ISSUER", format!("https://{ELSEWHERE}"));
    let file = installation.folder.path("authority.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    let installation = installation
        .with("RAMPART_CA_FILE", file.display().to_string())
        .with("https_proxy", format!("http://{}", proxy(there).await));
    let (verdict, what) = issuer(&installation).await;
    assert_eq!(verdict, Verdict::Ok, "{what}");
    let installation = installation.with("NO_PROXY", "example.com, .invalid");
    assert_eq!(issuer(&installation).await.0, Verdict::Fail, "nobody else knows where it is");
}

#[tokio::test]
async fn webhooks_take_the_same_way_out() {
    let authority = Authority::new();
    let there = authority.provider(|_| format!("https://{ELSEWHERE}")).await;
    let proxy = proxy(there).await.to_string();
    let url = Url::parse(&format!("https://{ELSEWHERE}/hook")).unwrap();
    let post = async |route: Route| {
        let egress = Egress::new(vec![ELSEWHERE.parse().unwrap()]).by(route);
        egress.post(&url, HeaderMap::new(), b"{}".to_vec()).await
    };
    let pem = || authority.pem.clone().into_bytes();
    let answer = post(Route::new(pem(), Some(&proxy), Vec::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status, 200);
    post(Route::new(Vec::new(), Some(&proxy), Vec::new()).unwrap()).await.expect_err("nobody vouches for it");
    post(Route::new(pem(), None, Vec::new()).unwrap()).await.expect_err("nobody else knows where it is");

    // an address of this machine is refused, whoever would connect to it
    let home = Url::parse("https://127.0.0.1/hook").unwrap();
    let egress = Egress::new(vec!["127.0.0.1".parse().unwrap()]);
    let egress = egress.by(Route::new(pem(), Some(&proxy), Vec::new()).unwrap());
    let refused = egress.post(&home, HeaderMap::new(), Vec::new()).await.unwrap_err();
    assert!(refused.to_string().contains("not a public address"), "{refused}");
}

#[tokio::test]
async fn mail_is_handed_in_over_tls_that_only_the_installation_can_check() {
    let authority = Authority::new();
    let port = authority.mail_server().await;
    let settings = |authorities: &str| MailSettings {
        url: format!("smtp://localhost:{port}?tls=required").into(),
        from: "Rampart <rampart@example.com>".to_owned(),
        authorities: authorities.as_bytes().to_vec(),
    };
    notifications::test_mail(&settings(&authority.pem)).await.unwrap();
    notifications::test_mail(&settings("")).await.unwrap_err();

    notifications::test_mail(&settings(&Authority::new().pem)).await.unwrap_err();
}
