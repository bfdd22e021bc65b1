//! Notices, mail and webhooks as their receivers meet them: a mail server that is strict about the dialogue, and an
//! HTTP receiver that checks the signature.

use std::{
    sync::{Arc, Mutex},
    time::Duration as StdDuration,
};

use model::{
    DataClass, Integration, IntegrationKind, IntegrationState, TeamId,
    integrations::{OF_ITS_TEAM, OF_THE_ORGANISATION},
    notification::{ChannelChoice, NoticeKind},
    page::PageRequest,
};
use time::Duration;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::{
    MailSettings, News, choices, choose, deliver, effects, list, mark_read, redeliver, shape, sweep, topic,
    undelivered, unread,
};
use crate::{
    Error, Portal,
    authz::{Actor, RoleName},
    egress::Egress,
    integrations::{self, Draft},
    jobs,
    live::{self, Topic},
    testing::TestPortal,
};

const ADMINISTRATOR: RoleName = RoleName::PlatformAdministrator;

fn news() -> News {
    News {
        kind: NoticeKind::Approval,
        title: "Ada asks for your approval: Grüße\r\nBcc: evil@example.com".to_owned(),
        body: "an index\n.\n<script>alert(1)</script>".to_owned(),
        href: "/requests/7".to_owned(),
        about: Topic::new("request", 7),
    }
}

/// The test's portal with other settings, on the same database.
fn with(t: &TestPortal, change: impl FnOnce(&mut crate::Settings)) -> Portal {
    let mut portal = t.portal.clone();
    let mut settings = (*portal.settings).clone();
    change(&mut settings);
    portal.settings = Arc::new(settings);
    portal
}

async fn tell(portal: &Portal, person: &Actor, news: &News) {
    let mut tx = portal.db.notices().await.unwrap();
    effects::tell(portal, &mut tx, &[person.person_id().unwrap()], news).await.unwrap();
    tx.commit().await.unwrap();
}

async fn post(portal: &Portal, teams: &[TeamId], news: &News) {
    let mut tx = portal.db.notices().await.unwrap();
    effects::post(portal, &mut tx, teams, news).await.unwrap();
    tx.commit().await.unwrap();
}

/// Makes every attempt that is due by the portal's clock.
async fn deliver_due(t: &TestPortal, portal: &Portal) {
    let due: Vec<uuid::Uuid> = sqlx::query_scalar("select id from delivery where next_at <= $1")
        .bind(t.clock.now())
        .fetch_all(&mut t.owner().await)
        .await
        .unwrap();
    for id in due {
        deliver(portal, id.into()).await.unwrap();
    }
}

// ---- in the portal

#[tokio::test]
async fn a_notice_is_unread_until_it_is_read_or_settled() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    let bea = t.person("Bea", &[]).await;
    for _ in 0..2 {
        tell(&t, &ada, &news()).await;
    }
    tell(&t, &bea, &news()).await;
    let count = |actor: Actor| {
        let t = &t;
        async move { unread(&mut t.snapshot(&actor).await.unwrap()).await.unwrap() }
    };
    let page = list(&t, &ada, &PageRequest::default()).await.unwrap();
    assert_eq!((page.items.len(), count(ada.clone()).await), (2, 2));
    mark_read(&t, &bea, Some(page.items[0].id)).await.unwrap();
    assert_eq!(count(ada.clone()).await, 2, "nobody reads for another");
    mark_read(&t, &ada, Some(page.items[0].id)).await.unwrap();
    assert_eq!(count(ada.clone()).await, 1);
    let mut tx = t.db.notices().await.unwrap();
    effects::settled(&t, &mut tx, &news().about).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((count(ada).await, count(bea).await), (0, 0));
}

#[tokio::test]
async fn a_notice_reaches_the_pages_of_another_replica_within_two_seconds() {
    let t = TestPortal::new().await;
    let ada = t.person("Ada", &[]).await;
    // a second process: its own connections, its own fan-out
    let replica = Portal::new(
        crate::Db::connect(&t.database_url()).unwrap(),
        t.clock.clone(),
        crate::Rng::from_os(),
        t.keys.clone(),
        crate::Settings::default(),
    );
    let mut page = replica.live.subscribe();
    let stop = tokio_util::sync::CancellationToken::new();
    let listening = tokio::spawn(live::listen(replica.clone(), stop.clone()));
    let mine = topic(ada.person_id().unwrap());
    let woken = tokio::time::timeout(StdDuration::from_secs(10), async {
        assert!(page.recv().await.unwrap().is_everything(), "what was told before it listened is not known there");
        let told = std::time::Instant::now();
        tell(&t, &ada, &news()).await;
        assert_eq!(page.recv().await.unwrap(), mine);
        told.elapsed()
    });
    assert!(woken.await.unwrap() < StdDuration::from_secs(2));
    stop.cancel();
    listening.await.unwrap();
}

#[tokio::test]
async fn each_person_chooses_which_notices_come_by_mail() {
    let t = TestPortal::new().await;
    let portal = with(&t, |settings| settings.mail = Some(mail_settings(1)));
    let ada = t.person("Ada", &[]).await;
    assert!(choices(&t, &ada).await.unwrap().iter().all(|choice| choice.mail), "mail, unless chosen otherwise");
    let chosen = choose(&t, &ada, &[ChannelChoice { kind: NoticeKind::Approval, mail: false }]).await.unwrap();
    assert_eq!(chosen.iter().filter(|choice| !choice.mail).count(), 1);
    tell(&portal, &ada, &news()).await;
    assert_eq!(t.count("select count(*) from delivery").await, 0);
    tell(&portal, &ada, &News { kind: NoticeKind::Access, ..news() }).await;
    assert_eq!(t.count("select count(*) from delivery").await, 1);
    assert_eq!(t.count("select count(*) from notice").await, 2, "in the portal always");
    assert_eq!(t.count("select count(*) from audit_record where action = 'person.edit'").await, 1);
}

// ---- mail

fn mail_settings(port: u16) -> MailSettings {
    MailSettings {
        url: format!("smtp://127.0.0.1:{port}").into(),
        from: "Rampart <rampart@portal.example.com>".to_owned(),
        authorities: Vec::new(),
    }
}

/// What a mail server took.
#[derive(Clone, Debug, Default)]
struct Taken {
    from: String,
    to: Vec<String>,
    data: String,
}

/// A mail server for one test (RFC 5321): every command in its order, every line ended by CR LF, 8-bit text only where
/// it was announced, the text's dots unstuffed. It refuses the first `refusals` messages for the moment.
struct MailServer {
    port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl MailServer {
    async fn start(refusals: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (kept, left) = (taken.clone(), Arc::new(Mutex::new(refusals)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, left) = (kept.clone(), left.clone());
                tokio::spawn(async move { Self::talk(stream, &kept, &left).await });
            }
        });
        Self { port, taken }
    }

    async fn talk(stream: TcpStream, taken: &Mutex<Vec<Taken>>, refusals: &Mutex<usize>) -> Option<()> {
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        writer.write_all(b"220 mail.example.com ESMTP\r\n").await.ok()?;
        let (mut greeted, mut message): (bool, Option<Taken>) = (false, None);
        loop {
            let line = line(&mut reader).await?;
            let upper = line.to_ascii_uppercase();
            let answer = if let Some(name) = upper.strip_prefix("EHLO ") {
                greeted = !name.trim().is_empty();
                "250-mail.example.com\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned()
            } else if upper == "QUIT" {
                writer.write_all(b"221 bye\r\n").await.ok()?;
                return Some(());
            } else if upper == "NOOP" {
                "250 ok".to_owned()
            } else if upper == "RSET" {
                message = None;
                "250 ok".to_owned()
            } else if !greeted {
                "503 say EHLO first".to_owned()
            } else if let Some(path) = upper.strip_prefix("MAIL FROM:<") {
                if message.is_some() {
                    "503 one message at a time".to_owned()
                } else if std::mem::replace(&mut *refusals.lock().unwrap(), 0) > 0 {
                    "451 try again later".to_owned()
                } else {
                    let from = line[11..11 + path.find('>')?].to_owned();
                    message = Some(Taken { from, ..Taken::default() });
                    "250 ok".to_owned()
                }
            } else if let Some(path) = upper.strip_prefix("RCPT TO:<") {
                match &mut message {
                    Some(message) => {
                        message.to.push(line[9..9 + path.find('>')?].to_owned());
                        "250 ok".to_owned()
                    }
                    None => "503 MAIL first".to_owned(),
                }
            } else if upper == "DATA" {
                match message.take().filter(|message| !message.to.is_empty()) {
                    Some(mut message) => {
                        writer.write_all(b"354 go on\r\n").await.ok()?;
                        loop {
                            let text = self::line(&mut reader).await?;
                            if text == "." {
                                break;
                            }
                            assert!(text.len() <= 998, "RFC 5322, 2.1.1: {} characters in a line", text.len());
                            message.data.push_str(text.strip_prefix('.').unwrap_or(&text));
                            message.data.push('\n');
                        }
                        taken.lock().unwrap().push(message);
                        "250 taken".to_owned()
                    }
                    None => "503 MAIL and RCPT first".to_owned(),
                }
            } else {
                "500 what?".to_owned()
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        }
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

/// The next line, which has to end in CR LF and hold neither alone.
async fn line(reader: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    reader.read_until(b'\n', &mut bytes).await.ok().filter(|read| *read > 0)?;
    let text = bytes.strip_suffix(b"\r\n").expect("a line ends in CR LF");
    assert!(!text.contains(&b'\r'), "a lone CR");
    Some(String::from_utf8(text.to_vec()).expect("UTF-8"))
}

#[tokio::test]
async fn mail_arrives_as_text_and_html_with_a_link_and_nothing_smuggled_in() {
    let t = TestPortal::new().await;
    let server = MailServer::start(0).await;
    let portal = with(&t, |settings| {
        settings.mail = Some(mail_settings(server.port));
        settings.base_url = "https://portal.example.com".to_owned();
    });
    let ada = t.person("Ada", &[]).await;
    tell(&portal, &ada, &news()).await;
    jobs::work_once(&portal).await.unwrap();
    let taken = server.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert_eq!(
        (taken[0].from.as_str(), &taken[0].to),
        ("rampart@portal.example.com", &vec!["ada@example.com".to_owned()])
    );
    let data = &taken[0].data;
    let (head, _) = data.split_once("\n\n").unwrap();
    assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc:")), "{head}");
    assert!(head.contains("Auto-Submitted: auto-generated") && head.contains("@portal.example.com>"), "{head}");
    let text = decoded(data);
    assert!(text.contains("https://portal.example.com/requests/7"), "{text}");
    assert!(text.contains("&#60;script&#62;"), "escaped in HTML: {text}");
    assert_eq!(t.count("select count(*) from delivery where delivered_at is not null").await, 1);
    jobs::work_once(&portal).await.unwrap();
    assert_eq!(server.taken().len(), 1, "once");
}

/// Undoes quoted-printable as far as this test reads it.
fn decoded(data: &str) -> String {
    data.replace("=\n", "").replace("=3D", "=")
}

#[tokio::test]
async fn a_failed_mail_is_tried_again_later_and_shown_until_it_arrives() {
    let t = TestPortal::new().await;
    let server = MailServer::start(1).await;
    let portal = with(&t, |settings| settings.mail = Some(mail_settings(server.port)));
    let ada = t.person("Ada", &[]).await;
    tell(&portal, &ada, &news()).await;
    deliver_due(&t, &portal).await;
    let waiting = undelivered(&t, &ada).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].attempts), (1, 1));
    assert!(waiting[0].last_error.contains("try again later"), "{waiting:?}");
    assert_eq!(waiting[0].to, "mail to Ada");
    deliver_due(&t, &portal).await;
    assert!(server.taken().is_empty(), "not before its time");
    t.clock.advance(Duration::seconds(31));
    sweep(&portal).await.unwrap();
    jobs::work_once(&portal).await.unwrap();
    assert_eq!((server.taken().len(), undelivered(&t, &ada).await.unwrap().len()), (1, 0));
}

#[tokio::test]
async fn what_never_arrives_is_given_up_after_a_day_and_can_be_sent_again_by_hand() {
    let t = TestPortal::new().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let portal = with(&t, |settings| settings.mail = Some(mail_settings(free)));
    let (ada, root) = (t.person("Ada", &[]).await, t.person("Root", &[(ADMINISTRATOR, None)]).await);
    tell(&portal, &ada, &news()).await;
    let begun = t.clock.now();
    while t.count("select count(*) from delivery where next_at is not null").await > 0 {
        deliver_due(&t, &portal).await;
        t.clock.advance(Duration::minutes(10));
        assert!(t.clock.now() - begun < Duration::hours(30), "it is given up at some time");
    }
    let given_up = undelivered(&t, &root).await.unwrap();
    assert_eq!((given_up[0].attempts, given_up[0].next_at), (9, None));
    assert!(given_up[0].last_error.to_lowercase().contains("refused"), "{given_up:?}");

    let server = MailServer::start(0).await;
    let portal = with(&t, |settings| settings.mail = Some(mail_settings(server.port)));
    assert!(matches!(redeliver(&portal, &ada, given_up[0].id).await, Err(Error::Forbidden(_))));
    redeliver(&portal, &root, given_up[0].id).await.unwrap();
    jobs::work_once(&portal).await.unwrap();
    assert_eq!(server.taken().len(), 1);
    assert!(matches!(redeliver(&portal, &root, given_up[0].id).await, Err(Error::NotFound(_))), "it arrived");
}

#[tokio::test]
async fn mail_settings_are_tried_out_with_the_servers_answer() {
    let server = MailServer::start(0).await;
    super::test_mail(&mail_settings(server.port)).await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert!(matches!(super::test_mail(&mail_settings(free)).await, Err(Error::Unavailable(_))));
    let wrong = MailSettings { from: "nobody".to_owned(), ..mail_settings(server.port) };
    assert!(matches!(super::test_mail(&wrong).await, Err(Error::Invalid(_))));
}

// ---- what is held

#[tokio::test]
async fn mail_that_may_not_leave_waits_with_the_reason_and_goes_out_when_it_may() {
    let t = TestPortal::new().await;
    let server = MailServer::start(0).await;
    let portal = with(&t, |settings| settings.mail = Some(mail_settings(server.port)));
    let (ada, root) = (t.person("Ada", &[]).await, t.person("Root", &[(ADMINISTRATOR, None)]).await);
    t.set_enabled(IntegrationKind::Mail, false).await;
    tell(&portal, &ada, &news()).await;
    jobs::work_once(&portal).await.unwrap();
    sweep(&portal).await.unwrap();
    let held = undelivered(&t, &ada).await.unwrap();
    assert_eq!((held[0].held, held[0].attempts, held[0].next_at), (true, 0, None));
    assert!(held[0].last_error.contains("is disabled"), "{held:?}");
    redeliver(&portal, &root, held[0].id).await.unwrap();
    jobs::work_once(&portal).await.unwrap();
    assert!(server.taken().is_empty(), "not by hand either");

    t.set_enabled(IntegrationKind::Mail, true).await;
    sweep(&portal).await.unwrap();
    jobs::work_once(&portal).await.unwrap();
    assert_eq!((server.taken().len(), undelivered(&t, &ada).await.unwrap().len()), (1, 0));
    let mail = integrations::get(&t, &root, "mail".to_owned()).await.unwrap();
    assert_eq!(mail.succeeded_at, Some(t.clock.now()), "a real delivery is noted");
}

#[tokio::test]
async fn what_waits_for_a_week_is_given_up() {
    let t = TestPortal::new().await;
    let portal = with(&t, |settings| settings.mail = Some(mail_settings(1)));
    let ada = t.person("Ada", &[]).await;
    t.set_enabled(IntegrationKind::Mail, false).await;
    tell(&portal, &ada, &news()).await;
    deliver_due(&t, &portal).await;
    t.clock.advance(Duration::days(7) + Duration::minutes(1));
    sweep(&portal).await.unwrap();
    let given_up = undelivered(&t, &ada).await.unwrap();
    assert_eq!((given_up[0].held, given_up[0].next_at), (false, None));
    t.set_enabled(IntegrationKind::Mail, true).await;
    sweep(&portal).await.unwrap();
    assert_eq!(undelivered(&t, &ada).await.unwrap(), given_up);
}

// ---- webhooks

async fn receiver(status: u16) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::method("POST")).respond_with(ResponseTemplate::new(status)).mount(&server).await;
    server
}

fn allowing(t: &TestPortal, server: &MockServer) -> Portal {
    let rule = format!("{}+private", server.address()).parse().unwrap();
    with(t, |settings| {
        settings.egress = Egress::new(vec![rule]);
        settings.base_url = "https://portal.example.com".to_owned();
    })
}

const SECRET: &str = "a-signing-secret";

/// Enters an integration that posts news for the team payments, or for everybody.
async fn hook(t: &TestPortal, server: &MockServer, kind: IntegrationKind, scope: &str) -> Integration {
    let (root, name) = (t.person("Root", &[(ADMINISTRATOR, None)]).await, format!("chat-{kind}"));
    t.team("payments").await;
    let address = format!("{}/services/T0/secret-path", server.uri());
    let (endpoint, credential) = match kind {
        IntegrationKind::Webhook => (Some(address), SECRET.to_owned()),
        _ => (None, address),
    };
    let draft = Draft {
        kind,
        name,
        owner: Some("payments".to_owned()),
        purpose: "Tell the channel".to_owned(),
        data_classes: vec![DataClass::Internal],
        scopes: vec![scope.to_owned()],
        egress_hosts: vec![server.address().to_string()],
        endpoint,
        credential: Some(credential.into()),
        review_by: (t.clock.now() + Duration::days(90)).date(),
    };
    integrations::add(t, &root, draft).await.unwrap().integration
}

async fn approve_and_enable(t: &TestPortal, integration: &Integration) {
    let champion = t.person("Sam", &[(RoleName::SecurityChampion, None)]).await;
    let root = t.person("Rita", &[(ADMINISTRATOR, None)]).await;
    integrations::approve(t, &champion, integration.name.clone(), integration.revision).await.unwrap();
    integrations::set_enabled(t, &root, integration.name.clone(), true).await.unwrap();
}

#[tokio::test]
async fn a_webhook_gets_its_teams_news_signed_once_it_is_approved_and_enabled() {
    let t = TestPortal::new().await;
    let server = receiver(200).await;
    let portal = allowing(&t, &server);
    let (payments, search) = (t.team("payments").await, t.team("search").await);
    let hook = hook(&t, &server, IntegrationKind::Webhook, OF_ITS_TEAM).await;
    post(&portal, &[search], &news()).await;
    assert_eq!(t.count("select count(*) from delivery").await, 0, "another team's");
    post(&portal, &[payments], &news()).await;
    jobs::work_once(&portal).await.unwrap();
    assert!(server.received_requests().await.unwrap().is_empty(), "nobody approved it");
    let root = t.person("Rosa", &[(ADMINISTRATOR, None)]).await;
    let held = undelivered(&t, &root).await.unwrap();
    assert!(held[0].held && held[0].last_error.contains("waits for approval"), "{held:?}");

    approve_and_enable(&t, &hook).await;
    sweep(&portal).await.unwrap();
    jobs::work_once(&portal).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    let signed = requests[0].headers["rampart-signature"].to_str().unwrap();
    assert_eq!(signed, shape::signature(&SECRET.into(), t.clock.now().unix_timestamp(), &requests[0].body));
    let body: serde_json::Value = requests[0].body_json().unwrap();
    assert_eq!(
        (body["kind"].as_str(), body["url"].as_str()),
        (Some("approval"), Some("https://portal.example.com/requests/7"))
    );
    let after = integrations::get(&t, &root, hook.name).await.unwrap();
    assert_eq!((after.state(), after.succeeded_at), (IntegrationState::Working, Some(t.clock.now())));
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again_and_its_answer_shown_with_what_to_do() {
    let t = TestPortal::new().await;
    let server = receiver(503).await;
    let portal = allowing(&t, &server);
    let hook = hook(&t, &server, IntegrationKind::Slack, OF_THE_ORGANISATION).await;
    approve_and_enable(&t, &hook).await;
    let root = t.person("Rosa", &[(ADMINISTRATOR, None)]).await;
    post(&portal, &[], &news()).await;
    deliver_due(&t, &portal).await;
    let waiting = undelivered(&t, &root).await.unwrap();
    assert!(waiting[0].last_error.contains("answered 503") && waiting[0].next_at.is_some(), "{waiting:?}");
    let failing = integrations::get(&t, &root, hook.name.clone()).await.unwrap();
    assert_eq!(failing.state(), IntegrationState::Failing);
    assert!(failing.failure.unwrap().contains("answered 503") && failing.remedy.is_some());

    integrations::set_enabled(&t, &root, hook.name, false).await.unwrap();
    t.clock.advance(Duration::minutes(1));
    deliver_due(&t, &portal).await;
    let held = undelivered(&t, &root).await.unwrap();
    assert_eq!((held[0].held, server.received_requests().await.unwrap().len()), (true, 1), "{held:?}");
}

#[tokio::test]
async fn a_private_host_takes_the_installations_leave_besides_the_approval() {
    let t = TestPortal::new().await;
    let server = receiver(200).await;
    let hook = hook(&t, &server, IntegrationKind::Webhook, OF_THE_ORGANISATION).await;
    approve_and_enable(&t, &hook).await;
    post(&t, &[], &news()).await;
    deliver_due(&t, &t.portal.clone()).await;
    assert!(server.received_requests().await.unwrap().is_empty());
    let root = t.person("Rosa", &[(ADMINISTRATOR, None)]).await;
    assert!(undelivered(&t, &root).await.unwrap()[0].last_error.contains("https"), "plain http, and private");
}
