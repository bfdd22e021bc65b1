//! What home and the dashboards count: exactly what is there, of what the reader may see.

use model::Severity;
use sqlx::{Row, query, query_scalar};
use time::Duration;
use uuid::Uuid;

use super::{Organisation, frame_counts, home, home::Whose, organisation};
use crate::{
    authz::{Actor, RoleName},
    dashboards::export,
    testing::TestPortal,
};

/// Two teams with a service each, findings, incidents and benchmarks.
async fn two_teams(t: &TestPortal) -> (Actor, Actor) {
    let ours = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    let theirs = t.person("Bo", &[(RoleName::Developer, Some("search"))]).await;
    let mut owner = t.owner().await;
    let now = t.clock.now();
    let mut number = 0_i64;
    for (team, critical) in [("payments", 3_i64), ("search", 5)] {
        let entity = t.service(&format!("{team}-api"), team).await;
        let team_id: Uuid =
            query_scalar("select id from team where name = $1").bind(team).fetch_one(&mut owner).await.unwrap();
        query("insert into finding_count (entity_id, owner_id, restricted, critical, high, medium, low, info) values ($1, $2, false, $3, 2, 1, 0, 0)")
            .bind(entity.0)
            .bind(team_id)
            .bind(critical)
            .execute(&mut owner)
            .await
            .unwrap();
        query("insert into compliance_scope (id, entity_id, owner_id, restricted, entity_ref, entity_title, framework, framework_title, tool, target, report_id, content_hash, evidence_at, passed, failed, to_check, informational) values ($1, $2, $3, false, 'component:default/x', 'x', 'cis', 'CIS', 'kube-bench', '', $1, '', $4, $5, 1, 9, 9)")
            .bind(Uuid::now_v7())
            .bind(entity.0)
            .bind(team_id)
            .bind(now)
            .bind(i32::try_from(critical).unwrap())
            .execute(&mut owner)
            .await
            .unwrap();
        for (days, minutes, over) in
            [(1, Some(4_i64), false), (8, Some(10), true), (9, None, true), (60, Some(500), true)]
        {
            number += 1;
            let opened = now - Duration::days(days);
            query("insert into incident (id, entity_id, service, owner_id, restricted, group_hash, severity, state, title, summary, started_at, opened_at, heard_at, acknowledged_at, resolved_at, resolution) values ($1, $2, 'component:default/x', $3, false, $4, 'high', $5, 'Errors', '', $6, $6, $6, $7, $8, $9)")
                .bind(Uuid::now_v7())
                .bind(entity.0)
                .bind(team_id)
                .bind(number.to_be_bytes().to_vec())
                .bind(if over { "resolved" } else { "acknowledged" })
                .bind(opened)
                .bind(minutes.map(|minutes| opened + Duration::minutes(minutes)))
                .bind(over.then_some(opened + Duration::hours(9)))
                .bind(over.then_some("alert"))
                .execute(&mut owner)
                .await
                .unwrap();
        }
    }
    (ours, theirs)
}

fn team<'a>(found: &'a Organisation, name: &str) -> Option<&'a super::TeamRow> {
    found.teams.iter().find(|team| team.name == name)
}

#[tokio::test]
async fn the_organisations_numbers_are_those_of_a_recount() {
    let t = TestPortal::new().await;
    two_teams(&t).await;
    let auditor = t.person("Ines", &[(RoleName::Auditor, None)]).await;
    let found = organisation(&t, &auditor).await.unwrap();

    let mut owner = t.owner().await;
    let recount = query("select sum(critical)::bigint as critical, sum(high)::bigint as high, sum(medium)::bigint as medium from finding_count")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(found.findings.of(Severity::Critical), recount.get::<i64, _>("critical"));
    assert_eq!(found.findings.of(Severity::High), recount.get::<i64, _>("high"));
    assert_eq!(found.findings.of(Severity::Medium), recount.get::<i64, _>("medium"));
    let live: i64 =
        query_scalar("select count(*) from incident where state <> 'resolved'").fetch_one(&mut owner).await.unwrap();
    assert_eq!(found.incidents, live);
    // of 4 and 10 minutes; what nobody acknowledged and what is older does not count
    assert_eq!(found.acknowledged_after_s, Some(7 * 60));
    let opened: i64 = query_scalar("select count(*) from incident").fetch_one(&mut owner).await.unwrap();
    assert_eq!(found.weeks.iter().map(|week| week.opened).sum::<i64>(), opened, "all opened within 12 weeks");
    assert_eq!((found.controls_passed, found.controls_failed), (8, 2));
    assert_eq!(found.evidence_at, Some(t.clock.now()));
    assert_eq!(found.teams.iter().map(|team| team.findings.critical).sum::<i64>(), found.findings.critical);
    assert_eq!(team(&found, "payments").unwrap().controls_percent, Some(75));
    assert_eq!(team(&found, "search").unwrap().services, 1);
}

#[tokio::test]
async fn a_members_dashboard_counts_their_own_teams_alone() {
    let t = TestPortal::new().await;
    let (ours, theirs) = two_teams(&t).await;
    for (actor, mine, other, critical) in [(&ours, "payments", "search", 3), (&theirs, "search", "payments", 5)] {
        let found = organisation(&t, actor).await.unwrap();
        assert_eq!(found.findings.critical, critical);
        assert_eq!(found.incidents, 1);
        assert_eq!(team(&found, mine).unwrap().findings.critical, critical);
        let other = team(&found, other).expect("its services are in the catalog for all to see");
        assert_eq!((other.findings.total(), other.incidents, other.controls_percent), (0, 0, None));
    }
}

#[tokio::test]
async fn a_strangers_dashboard_shows_none_of_others_numbers() {
    let t = TestPortal::new().await;
    two_teams(&t).await;
    let stranger = t.person("Stranger", &[]).await;
    let found = organisation(&t, &stranger).await.unwrap();
    assert_eq!(found.findings.total(), 0);
    assert_eq!((found.incidents, found.environments), (0, 0));
    assert_eq!((found.controls_passed, found.controls_failed), (0, 0));
    assert_eq!((found.reported_at, found.heard_at, found.evidence_at), (None, None, None));
    assert!(found.weeks.iter().all(|week| week.opened == 0));
    assert!(found.trend.iter().all(|point| point.open.total() == 0));

    let home = home(&t, &stranger).await.unwrap();
    assert_eq!(home.of, Whose::Nobody);
    assert!(home.services.is_empty() && home.incidents.is_empty() && home.changes.is_empty());
    assert!(home.waiting.items.is_empty() && home.environments.items.is_empty());
}

#[tokio::test]
async fn home_shows_a_developer_their_teams_services_and_incidents() {
    let t = TestPortal::new().await;
    let (ours, _) = two_teams(&t).await;
    let home = home(&t, &ours).await.unwrap();
    assert_eq!(home.of, Whose::Teams);
    assert_eq!(home.services.len(), 1);
    assert_eq!(home.services[0].name, "payments-api");
    assert_eq!((home.services[0].open.critical, home.services[0].incidents), (3, 1));
    assert_eq!(home.incidents.len(), 1);
    assert!(home.incidents[0].acknowledged);
    assert!(home.reviews.is_empty());
}

#[tokio::test]
async fn home_shows_those_who_look_after_all_services_the_worst_first() {
    let t = TestPortal::new().await;
    two_teams(&t).await;
    for role in [RoleName::SecurityChampion, RoleName::PlatformAdministrator, RoleName::Auditor] {
        let actor = t.person(role.label(), &[(role, None)]).await;
        let home = home(&t, &actor).await.unwrap();
        assert_eq!(home.of, Whose::All, "{role:?}");
        let names: Vec<&str> = home.services.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["search-api", "payments-api"], "{role:?}");
        assert_eq!(home.incidents.len(), 2, "{role:?}");
    }
}

#[tokio::test]
async fn what_happened_yesterday_is_told_and_what_is_older_is_not() {
    let t = TestPortal::new().await;
    let (ours, _) = two_teams(&t).await;
    assert!(home(&t, &ours).await.unwrap().changes.is_empty(), "the incident opened 24 hours ago, not since");
    let mut owner = t.owner().await;
    query("update incident set opened_at = $1 where state <> 'resolved'")
        .bind(t.clock.now() - Duration::hours(3))
        .execute(&mut owner)
        .await
        .unwrap();
    let home = home(&t, &ours).await.unwrap();
    assert_eq!(home.changes.len(), 1, "their team's, not the other's");
    assert_eq!(home.changes[0].what, super::home::What::IncidentOpened);
}

#[tokio::test]
async fn the_frame_counts_nothing_for_somebody_new() {
    let t = TestPortal::new().await;
    let stranger = t.person("Stranger", &[]).await;
    assert_eq!(frame_counts(&t, &stranger).await.unwrap(), super::FrameCounts::default());
}

#[tokio::test]
async fn the_export_has_a_line_for_each_team_and_says_when_it_was_counted() {
    let t = TestPortal::new().await;
    two_teams(&t).await;
    let auditor = t.person("Ines", &[(RoleName::Auditor, None)]).await;
    let sheet = export(&t, &auditor).await.unwrap();
    let lines: Vec<&str> = sheet.lines().collect();
    assert!(lines[0].starts_with("team,services,critical"), "{}", lines[0]);
    assert!(lines.iter().any(|line| line.starts_with("payments,1,3,2,1,0,0,1,420,0,75,")), "{sheet}");
    assert!(lines[1].ends_with("2026-03-02T09:00:00Z"), "{}", lines[1]);
}
