//! The audit log: what each change leaves there.

use serde_json::Value;

use crate::{
    deeds::{self, Deed, Recorded, excerpt},
    house::{Furnishing, House, Told},
};

/// The leaves that were written after the first `known` of them.
async fn written_after(house: &House, known: i64) -> Vec<Value> {
    let leaves: Vec<Vec<u8>> =
        sqlx::query_scalar("select leaf from audit_record where outcome = 'committed' order by id offset $1")
            .bind(known)
            .fetch_all(&mut house.t.owner().await)
            .await
            .unwrap();
    leaves.iter().map(|leaf| serde_json::from_slice(leaf).unwrap()).collect()
}

/// What a record of this deed does not say.
fn unsaid(house: &House, deed: &Deed, told: &Told, record: &Value) -> Vec<String> {
    let mut unsaid = Vec::new();
    let mut say = |holds: bool, what: &str| {
        if !holds {
            unsaid.push(format!("{} {}: {what}: {record}", deed.door.method, deed.address));
        }
    };
    if deed.token.is_none() {
        let person = house.actor(deed.by).person_id().unwrap().to_string();
        say(record["actor"]["kind"] == "person" && record["actor"]["id"] == person.as_str(), "who did it");
        say(record["authentication"]["method"] == "session", "how they were authenticated");
        say(record["authentication"]["amr"] == serde_json::json!(["pwd"]), "with what they proved who they are");
    } else {
        say(record["actor"]["kind"] == "integration", "who did it");
        say(record["authentication"]["method"] == "integration", "how it was authenticated");
    }
    say(record["action"].as_str().is_some_and(|action| action.contains('.')), "what was done");
    say(record["target"]["id"].as_str().is_some_and(|id| !id.is_empty()), "to what");
    let change = &record["change"];
    let told_of = change.as_object().map(serde_json::Map::len).or(change.as_array().map(Vec::len));
    say(told_of.is_some_and(|parts| parts > 0), "what was changed");
    say(record["request_id"] == told.header("x-request-id"), "in which request");
    say(record["why"]["policies"].as_array().is_some_and(|policies| !policies.is_empty()), "by which policy");
    say(record["why"]["because"].as_array().is_some_and(|because| !because.is_empty()), "why it was allowed");
    say(record["at"].as_str().is_some_and(|at| at.starts_with("2026-03-02T")), "when");
    unsaid
}

#[tokio::test]
async fn every_change_through_a_door_leaves_one_record_that_says_who_what_and_why() {
    let house = House::new(Furnishing { environment: true, ..Furnishing::default() }).await;
    let mut wrong = Vec::new();
    let mut known = house.t.count("select count(*) from audit_record where outcome = 'committed'").await;
    for deed in deeds::all(&house) {
        // each in its own moment, so that records have an order
        house.t.clock.advance(time::Duration::SECOND);
        let before = house.contents().await;
        let told = deed.done(&house).await;
        let records = written_after(&house, known).await;
        known += i64::try_from(records.len()).unwrap();
        match deed.recorded {
            Recorded::Never(_) if records.is_empty() => {
                let changed = house.changed_since(&before).await;
                // when a push was heard, and that its source is to be read, which leaves its own record
                let is_note = |table: &str| {
                    ["public.notice", "public.source", "public.star"].iter().any(|note| table.starts_with(note))
                        || (deed.address.starts_with("/hooks/") && table.starts_with("graphile_worker."))
                };
                let kept: Vec<&String> = changed.iter().filter(|table| !is_note(table)).collect();
                if !kept.is_empty() {
                    wrong.push(format!("{} changed {kept:?} and left no record", deed.address));
                }
            }
            Recorded::Once if records.len() == 1 => wrong.extend(unsaid(&house, &deed, &told, &records[0])),
            expected => wrong.push(format!(
                "{} {}: {expected:?}, and it left {}: {} {}",
                deed.door.method,
                deed.address,
                records.len(),
                told.status,
                excerpt(&told)
            )),
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn what_is_refused_is_recorded_with_the_rule_and_not_the_change() {
    let house = House::new(Furnishing::default()).await;
    let denied = async || house.t.count("select count(*) from audit_record where outcome = 'denied'").await;
    let told = house.get(Some("dana"), "/scorecards/new").await;
    assert_eq!((told.status.as_u16(), denied().await), (403, 1));
    let leaf: Vec<u8> = sqlx::query_scalar("select leaf from audit_record where outcome = 'denied'")
        .fetch_one(&mut house.t.owner().await)
        .await
        .unwrap();
    let record: Value = serde_json::from_slice(&leaf).unwrap();
    assert_eq!((&record["action"], &record["outcome"]), (&"scorecard.edit".into(), &"denied".into()));
    assert_eq!(record["why"]["because"], serde_json::json!(["the role security champion"]));
    assert_eq!(record["change"], Value::Null);
    assert_eq!(record["request_id"], told.header("x-request-id"));

    for _ in 0..5 {
        house.get(Some("dana"), "/scorecards/new").await;
    }
    assert_eq!(denied().await, 1, "the same again within a minute is counted");
    assert_eq!(house.t.count("select sum(count)::bigint from audit_denial").await, 6);
}

#[tokio::test]
async fn nobody_reads_in_the_log_the_name_of_what_they_may_not_know_of() {
    let house = House::new(Furnishing::default()).await;
    let told = house.get(Some("sid"), &format!("/security/findings/{}", house.name("findings", 0))).await;
    assert_eq!(told.status.as_u16(), 404);
    for address in ["/audit", "/audit/export", "/audit?outcome=denied"] {
        let told = house.get(Some("sid"), address).await;
        assert!(told.status.is_success() && !told.text().contains(crate::house::MARK), "{address}");
    }
    let told = house.get(Some("lena"), "/audit?outcome=denied").await;
    assert!(told.text().contains("a way in"), "the team sees who tried: {}", excerpt(&told));
}
