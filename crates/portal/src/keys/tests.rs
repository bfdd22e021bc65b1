//! Keys, and values under them, before, during and after a rotation.

use sqlx::query;

use super::{rotation::Rewrapped, *};
use crate::{
    Portal,
    authz::{Actor, RoleName},
    testing::TestPortal,
};

const PLACE: Place<'_> = Place { table: "session", column: "id_token", row: "1" };

fn ring(existing: Option<&str>, seed: u64) -> (String, KeyRing) {
    let text = KeyRing::with_new_key(existing, &Clock::system(), &Rng::seeded(seed)).unwrap();
    let ring = KeyRing::parse(&text).unwrap();
    (text.to_string(), ring)
}

#[test]
fn a_value_decrypts_where_it_was_put_and_nowhere_else() {
    let (_, ring) = ring(None, 1);
    let sealed = ring.encrypt(&Rng::seeded(2), PLACE, b"secret");
    assert_eq!(ring.decrypt(PLACE, &sealed).unwrap().as_slice(), b"secret");
    assert!(ring.decrypt(Place { row: "2", ..PLACE }, &sealed).is_err());
    assert!(ring.decrypt(Place { column: "other", ..PLACE }, &sealed).is_err());
}

#[test]
fn a_new_key_encrypts_and_the_old_one_still_decrypts() {
    let (text, before) = ring(None, 1);
    let old = before.encrypt(&Rng::seeded(2), PLACE, b"secret");
    let (_, after) = ring(Some(&text), 3);
    assert_ne!(after.active(), before.active());
    assert_eq!(after.decrypt(PLACE, &old).unwrap().as_slice(), b"secret");
    assert!(!old.starts_with(&after.prefix()));
    assert!(after.encrypt(&Rng::seeded(4), PLACE, b"secret").starts_with(&after.prefix()));
}

#[test]
fn any_changed_byte_is_noticed() {
    let (_, ring) = ring(None, 1);
    let sealed = ring.encrypt(&Rng::seeded(2), PLACE, b"secret");
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(ring.decrypt(PLACE, &changed).is_err(), "byte {place}");
    }
}

#[test]
fn a_wrong_key_file_says_where_and_shows_nothing() {
    let error = KeyRing::parse(r#"{"active":"a","keys":{"a":{"key":"c2hvcnQ=","created_at":"x"}}}"#).unwrap_err();
    assert!(error.to_string().contains("32 bytes"), "{error}");
    assert!(!error.to_string().contains("c2hvcnQ"), "{error}");
}

/// A file of this test's own, gone with it.
struct OnDisk(PathBuf);

impl OnDisk {
    fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rampart-keys-{}.json", hex::encode(Rng::from_os().bytes::<6>())));
        let file = Self(path);
        file.replace(text);
        file
    }

    fn replace(&self, text: &str) {
        let half = self.0.with_extension("half");
        fs::write(&half, text).unwrap();
        fs::rename(&half, &self.0).unwrap();
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

#[test]
fn a_running_process_reads_what_another_encrypted_under_a_newer_key() {
    let (text, _) = ring(None, 1);
    let file = OnDisk::new(&text);
    let running = KeyRing::open(&file.0).unwrap();
    let before = running.encrypt(&Rng::seeded(2), PLACE, b"before");
    let (newer, other) = ring(Some(&text), 3);
    file.replace(&newer);
    let during = other.encrypt(&Rng::seeded(4), PLACE, b"during");
    assert_eq!(running.decrypt(PLACE, &during).unwrap().as_slice(), b"during");
    assert_eq!(running.decrypt(PLACE, &before).unwrap().as_slice(), b"before");
    assert_eq!(running.active(), other.active());
}

#[test]
fn a_broken_key_file_leaves_the_keys_as_they_were() {
    let (text, _) = ring(None, 1);
    let file = OnDisk::new(&text);
    let running = KeyRing::open(&file.0).unwrap();
    let sealed = running.encrypt(&Rng::seeded(2), PLACE, b"secret");
    file.replace("{");
    running.follow_file(Duration::ZERO);
    assert_eq!(running.decrypt(PLACE, &sealed).unwrap().as_slice(), b"secret");
}

#[test]
fn a_staged_key_waits_and_the_active_one_is_never_removed() {
    let clock = Clock::set_to(crate::testing::NOW);
    let mut file = KeyFile::new(&clock, &Rng::seeded(1)).unwrap();
    assert_eq!(file.staged(), None);
    let first = file.active().to_owned();
    clock.advance(time::Duration::seconds(1));
    let added = file.add(&clock, &Rng::seeded(2)).unwrap();
    assert_eq!((file.active(), file.staged()), (first.as_str(), Some(added.as_str())));
    file.activate(&added).unwrap();
    assert_eq!(file.staged(), None);
    assert!(file.remove(&added).is_err());
    file.remove(&first).unwrap();
    assert_eq!(file.keys().count(), 1);
}

/// A portal whose keys are those of a file, with an integration of each of `names`, and its actor.
async fn with_integrations(t: &TestPortal, file: &OnDisk, names: &[&str]) -> (Portal, Actor) {
    let portal = Portal { keys: KeyRing::open(&file.0).unwrap(), ..t.portal.clone() };
    let mut owner = t.owner().await;
    for name in names {
        let id: model::IntegrationId = portal.rng.id(&portal.clock);
        let place = Place { table: "integration", column: "credential", row: &id.to_string() };
        let address = format!("https://example.com/{name}");
        query(
            "insert into integration (
                 id, name, kind, purpose, data_classes, scopes, egress_hosts, credential, review_by, created_at
             ) values ($1, $2, 'slack', 'for tests', '{internal}', '{}', '{}', $3, $4::date + 90, $4)",
        )
        .bind(id)
        .bind(name)
        .bind(portal.keys.encrypt(&portal.rng, place, address.as_bytes()))
        .bind(portal.clock.now())
        .execute(&mut owner)
        .await
        .unwrap();
    }
    (portal, t.system())
}

/// What every integration's credential decrypts to, by name; none where it does not.
async fn addresses(t: &TestPortal, portal: &Portal) -> Vec<(String, Option<String>)> {
    let rows: Vec<(model::IntegrationId, String, Vec<u8>)> =
        sqlx::query_as("select id, name, credential from integration where credential is not null order by name")
            .fetch_all(&mut t.owner().await)
            .await
            .unwrap();
    rows.into_iter()
        .map(|(id, name, sealed)| {
            let place = Place { table: "integration", column: "credential", row: &id.to_string() };
            let plain = portal.keys.decrypt(place, &sealed).ok();
            (name, plain.map(|plain| String::from_utf8(plain.to_vec()).unwrap()))
        })
        .collect()
}

/// Somebody's own key comes with their first record.
async fn with_a_persons_key(t: &TestPortal, portal: &Portal) {
    let admin = t.person("Ada", &[(RoleName::PlatformAdministrator, None)]).await;
    let (owner, scopes) = (admin.person_id().unwrap(), ["catalog:read".to_owned()]);
    crate::identity::token::issue(portal, &admin, owner, "x", &scopes, time::Duration::days(1)).await.unwrap();
}

#[tokio::test]
async fn values_are_readable_before_during_and_after_a_rotation() {
    let t = TestPortal::new().await;
    let (text, _) = ring(None, 1);
    let file = OnDisk::new(&text);
    let (portal, system) = with_integrations(&t, &file, &["a", "b"]).await;
    with_a_persons_key(&t, &portal).await;
    let plain = addresses(&t, &portal).await;
    let old = portal.keys.active();

    file.replace(&KeyRing::with_new_key(Some(&text), &Clock::system(), &Rng::seeded(9)).unwrap());
    let other = Portal { keys: KeyRing::open(&file.0).unwrap(), ..t.portal.clone() };
    assert_ne!(other.keys.active(), old);
    assert_eq!(addresses(&t, &other).await, plain, "during");

    let done = rotation::rewrap(&other, &system).await.unwrap();
    assert_eq!(done.refused, Vec::<String>::new());
    assert!(done.values >= 3, "{done:?}");
    assert_eq!(addresses(&t, &other).await, plain, "after");
    assert_eq!(addresses(&t, &portal).await, plain, "in a process that started before");
    let usage = rotation::usage(&other).await.unwrap();
    assert!(usage.iter().all(|usage| usage.key == other.keys.active()), "{usage:?}");
    assert_eq!(rotation::rewrap(&other, &system).await.unwrap(), Rewrapped::default(), "nothing is left");
    let records =
        t.count("select count(*) from audit_record where action = 'key.rotate' and outcome = 'committed'").await;
    assert!(records >= 2, "a record for each column");
}

#[tokio::test]
async fn what_was_moved_from_another_row_is_refused_and_left_as_it_is() {
    let t = TestPortal::new().await;
    let (text, _) = ring(None, 1);
    let file = OnDisk::new(&text);
    let (portal, system) = with_integrations(&t, &file, &["a", "b", "c"]).await;
    sqlx::query(
        "update integration set credential = (select credential from integration where name = 'a') where name = 'b'",
    )
    .execute(&mut t.owner().await)
    .await
    .unwrap();
    let old = portal.keys.active();
    file.replace(&KeyRing::with_new_key(Some(&text), &Clock::system(), &Rng::seeded(9)).unwrap());
    let portal = Portal { keys: KeyRing::open(&file.0).unwrap(), ..portal };

    let done = rotation::rewrap(&portal, &system).await.unwrap();
    assert_eq!((done.values, done.refused.len()), (2, 1));
    assert!(done.refused[0].starts_with("integration.credential of "), "{done:?}");
    let found: Vec<bool> = addresses(&t, &portal).await.into_iter().map(|(_, plain)| plain.is_some()).collect();
    assert_eq!(found, [true, false, true]);
    let usage = rotation::usage(&portal).await.unwrap();
    assert_eq!(usage.iter().filter(|usage| usage.key == old).map(|usage| usage.values).sum::<i64>(), 1);
}

#[tokio::test]
async fn an_interrupted_rotation_goes_on_where_it_stopped() {
    let t = TestPortal::new().await;
    let (text, _) = ring(None, 1);
    let file = OnDisk::new(&text);
    let (portal, system) = with_integrations(&t, &file, &["a", "b"]).await;
    with_a_persons_key(&t, &portal).await;
    let plain = addresses(&t, &portal).await;
    file.replace(&KeyRing::with_new_key(Some(&text), &Clock::system(), &Rng::seeded(9)).unwrap());
    let portal = Portal { keys: KeyRing::open(&file.0).unwrap(), ..portal };
    let mut done = Rewrapped::default();
    let column = places::COLUMNS.iter().find(|column| column.table == "integration").unwrap();
    rotation::batch(&portal, &system, column, "", &mut done).await.unwrap();
    assert_eq!(done.values, 2, "one column is done, another is not");
    assert_eq!(addresses(&t, &portal).await, plain);

    assert!(rotation::rewrap(&portal, &system).await.unwrap().values >= 1);
    assert_eq!(addresses(&t, &portal).await, plain);
    assert!(rotation::usage(&portal).await.unwrap().iter().all(|usage| usage.key == portal.keys.active()));
}
