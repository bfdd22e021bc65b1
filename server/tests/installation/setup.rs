//! What an installation stands on, each real and of this test's own: database, identity provider, mail server, keys.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, path::PathBuf};

use portal::{Clock, Rng, testing::TestPortal};
use secrecy::ExposeSecret;
use server::{
    config::Config,
    evaluation::identity::{Client, DemoPerson, Options, Provider},
    keys, serve,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

/// Where people open the portal; nothing listens there.
pub const BASE_URL: &str = "http://127.0.0.1:3000";

/// A folder, gone with the test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Everything right; a test breaks one thing.
pub struct Installation {
    pub database: TestPortal,
    pub folder: Folder,
    /// As in the environment.
    pub settings: BTreeMap<&'static str, String>,
}

impl Installation {
    pub async fn new() -> Self {
        let database = TestPortal::new().await;
        let folder = Folder::new();
        let key_file = folder.path("keys.json");
        keys::make(&key_file).unwrap();
        let settings = BTreeMap::from([
            ("DATABASE_URL", database.database_url().expose_secret().to_owned()),
            ("RAMPART_BASE_URL", BASE_URL.to_owned()),
            ("RAMPART_KEY_FILE", key_file.display().to_string()),
            ("RAMPART_OIDC_ISSUER", provider(&format!("{BASE_URL}/sign-in/callback")).await),
            ("RAMPART_OIDC_CLIENT_ID", "rampart".to_owned()),
            ("RAMPART_ADMIN_GROUPS", "platform-admins".to_owned()),
            ("RAMPART_SMTP_URL", format!("smtp://127.0.0.1:{}", mail_server().await)),
        ]);
        let installation = Self { database, folder, settings };
        // the tests' template stands at a fixed day, and the audit log's months begin there
        let owner = installation.database.database_url().expose_secret().replace("user=rampart", "user=postgres");
        serve::migrate_as(&owner.into(), &installation.config()).await.unwrap();
        installation
    }

    /// The same with another value; an empty one is none.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.insert(name, value.into());
        self
    }

    pub fn config(&self) -> Config {
        let found = |name: &str| self.settings.get(name).cloned();
        Config::resolve(&BTreeMap::new(), found, "").unwrap()
    }

    /// Lets others use the key file too.
    pub fn set_key_mode(&self, mode: u32) {
        let file = self.folder.path("keys.json");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// An identity provider that knows the client `rampart` at one redirect address; its issuer.
pub async fn provider(redirect: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::bind(Options {
        addr: ([127, 0, 0, 1], 0).into(),
        key_file: folder.path().join("provider.json"),
        people: vec![DemoPerson {
            sub: "ada".to_owned(),
            name: "Ada".to_owned(),
            email: "ada@example.org".to_owned(),
            groups: vec!["platform-admins".to_owned()],
            title: "Administrator".to_owned(),
        }],
        clients: vec![Client {
            id: "rampart".to_owned(),
            secret: None,
            name: "Rampart".to_owned(),
            redirect_uris: vec![redirect.to_owned()],
            post_logout_redirect_uris: Vec::new(),
        }],
        clock: Clock::system(),
        rng: Rng::from_os(),
    })
    .await
    .unwrap();
    let issuer = provider.issuer().to_string();
    tokio::spawn(provider.serve(std::future::pending()));
    issuer
}

/// A mail server that greets and goes (RFC 5321, sections 3.1 and 4.1.1.10); its port.
pub async fn mail_server() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (read, mut write) = stream.split();
                let mut lines = BufReader::new(read).lines();
                write.write_all(b"220 mail.example.org ESMTP\r\n").await?;
                while let Some(line) = lines.next_line().await? {
                    let answer: &[u8] = match line.split(' ').next().unwrap_or_default() {
                        "EHLO" => b"250-mail.example.org\r\n250 8BITMIME\r\n",
                        "NOOP" => b"250 ok\r\n",
                        "QUIT" => b"221 bye\r\n",
                        _ => b"502 not here\r\n",
                    };
                    write.write_all(answer).await?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    port
}
