//! The same rule everywhere, in every order, and at scale.

use super::*;

/// Fifty entities over four teams, some restricted, some without a team.
async fn some_catalog(t: &TestPortal) {
    let documents: Vec<String> = (0..50)
        .map(|n| {
            let owner = ["payments", "platform", "search", "user:ada"][n % 4];
            let restricted = if n % 3 == 0 { "  annotations:\n    rampart.dev/restricted: \"true\"\n" } else { "" };
            let more = format!("  title: Thing {}\n  tags: [t{}]\n{restricted}", n / 2, n % 5);
            let text = component(&format!("thing-{n}"), owner, &more);
            if n % 7 == 0 { text.replace("production", "experimental") } else { text }
        })
        .collect();
    read(t, &documents.join("---\n")).await;
}

#[tokio::test]
async fn a_list_and_its_counts_are_exactly_what_one_may_see_one_by_one() {
    let t = TestPortal::new().await;
    some_catalog(&t).await;
    let thing: model::EntityId = sqlx::query_scalar("select id from entity where name = 'thing-9'")
        .fetch_one(&mut t.owner().await)
        .await
        .unwrap();
    let mut actors = vec![
        t.person("Member", &[]).await,
        t.person("Dev", &[(RoleName::Developer, Some("payments"))]).await,
        t.person("Both", &[(RoleName::TeamLead, Some("search")), (RoleName::Developer, Some("platform"))]).await,
        t.person("Champion", &[(RoleName::SecurityChampion, None)]).await,
        t.person("Auditor", &[(RoleName::Auditor, None)]).await,
    ];
    let mut one = t.person("One", &[]).await;
    if let crate::authz::Who::Person(person) = &mut one.who {
        person.bindings.push(crate::authz::Binding {
            id: t.rng.id(&t.clock),
            role: RoleName::Developer,
            reach: crate::authz::Reach::Entity(thing),
        });
    }
    actors.push(one);
    let ids: Vec<model::EntityId> =
        sqlx::query_scalar("select id from entity").fetch_all(&mut t.owner().await).await.unwrap();
    let queries: Vec<Vec<(&str, &str)>> = vec![
        vec![],
        vec![("lifecycle", "experimental")],
        vec![("owner", "payments"), ("owner", "search")],
        vec![("tag", "t1"), ("q", "thing")],
        vec![("owner", "user:ada"), ("tag", "t2"), ("tag", "t3"), ("sort", "-updated")],
        vec![("tag", "nothing-has-this")],
    ];
    for actor in &actors {
        let mut allowed = BTreeMap::new();
        for id in &ids {
            let mut snapshot = t.snapshot(actor).await.unwrap();
            if let Ok(entity) = snapshot.read::<Entity>(ActionName::CatalogRead, *id).await {
                drop(snapshot);
                let text = entity.reference_text();
                allowed.insert(*id, see(&t, actor, &text).await.unwrap());
            }
        }
        for query in &queries {
            let list = listed(&t, actor, query).await;
            let filter = filter(query);
            let fits = |entity: &model::EntityDetail, except: Option<Facet>| {
                let has = |facet, values: &[String]| {
                    let wanted = filter.values(facet);
                    except == Some(facet) || wanted.is_empty() || wanted.iter().any(|wanted| values.contains(wanted))
                };
                let one = &entity.summary;
                let value = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
                has(Facet::Lifecycle, &value(&one.lifecycle))
                    && has(Facet::Owner, &value(&one.owner))
                    && has(Facet::Tag, &one.tags)
            };
            let expected: BTreeSet<_> =
                allowed.iter().filter(|(_, entity)| fits(entity, None)).map(|(id, _)| *id).collect();
            let shown: BTreeSet<_> = list.page.items.iter().map(|item| item.id).collect();
            assert_eq!(shown, expected, "{query:?}");
            assert_eq!(list.page.total.value, expected.len() as u64, "{query:?}");
            for facet in [Facet::Owner, Facet::Tag, Facet::Lifecycle] {
                let mut recount: BTreeMap<String, u64> =
                    filter.values(facet).into_iter().map(|value| (value, 0)).collect();
                for entity in allowed.values().filter(|entity| fits(entity, Some(facet))) {
                    let values = match facet {
                        Facet::Owner => entity.summary.owner.iter().cloned().collect(),
                        Facet::Tag => entity.summary.tags.clone(),
                        _ => entity.summary.lifecycle.iter().cloned().collect::<Vec<_>>(),
                    };
                    for value in values {
                        *recount.entry(value).or_default() += 1;
                    }
                }
                assert_eq!(counts(&list, facet), recount, "{query:?} {facet:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_order_meets_every_row_once_forth_and_back() {
    let t = TestPortal::new().await;
    some_catalog(&t).await;
    t.clock.advance(Duration::minutes(1));
    read(&t, &component("thing-8", "platform", "  title: Later\n")).await;
    let auditor = t.person("Auditor", &[(RoleName::Auditor, None)]).await;
    for sort in ["name", "-name", "updated", "-updated"] {
        let filter = filter(&[("sort", sort)]);
        let ask = |cursor| PageRequest { cursor, size: Some(7) };
        let mut pages = vec![list(&t, &auditor, &filter, &ask(None)).await.unwrap().page];
        while let Some(next) = pages.last().unwrap().next.clone() {
            pages.push(list(&t, &auditor, &filter, &ask(Some(next))).await.unwrap().page);
        }
        let met: Vec<_> = pages.iter().flat_map(|page| page.items.iter().map(|item| item.id)).collect();
        assert_eq!(met.len(), 50, "{sort}");
        assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), 50, "{sort}");
        let whole = listed(&t, &auditor, &[("sort", sort)]).await.page;
        assert_eq!(met, whole.items.iter().map(|item| item.id).collect::<Vec<_>>(), "{sort}");
        let last = pages.pop().unwrap();
        let back = list(&t, &auditor, &filter, &ask(last.previous)).await.unwrap().page;
        assert_eq!((&back.items, back.first), (&pages.last().unwrap().items, pages.last().unwrap().first), "{sort}");
    }
    let newest = listed(&t, &auditor, &[("sort", "-updated")]).await.page;
    assert_eq!(newest.items[0].shown_name(), "Later");
    let cursor =
        list(&t, &auditor, &filter(&[]), &PageRequest { cursor: None, size: Some(7) }).await.unwrap().page.next;
    let foreign = list(&t, &auditor, &filter(&[("sort", "updated")]), &PageRequest { cursor, size: None }).await;
    assert!(matches!(foreign, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn at_ten_thousand_entities_no_list_reads_the_whole_table() {
    let t = TestPortal::new().await;
    let mut owner = t.owner().await;
    sqlx::raw_sql(
        "insert into team (id, name, display_name, created_at)
         select gen_random_uuid(), 'team-' || n, 'Team ' || n, now() from generate_series(1, 60) n;
         insert into entity (id, kind, namespace, name, title, description, type, lifecycle, owner_ref, owner_id,
                             system_ref, restricted, tags, descriptor, created_at, updated_at)
         select gen_random_uuid(), (array['component', 'component', 'component', 'api', 'resource'])[1 + n % 5],
                'default', 'entity-' || n, initcap(md5(n::text)), repeat(md5((n * 7)::text) || ' ', 8),
                (array['service', 'website', 'library', 'batch'])[1 + n % 4],
                (array['production', 'experimental', 'deprecated'])[1 + n % 3],
                'group:default/team-' || (1 + n % 60), team.id, 'system:default/system-' || (n % 300), n % 40 = 0,
                array['tag-' || n % 200], '{}', now() - n * interval '1 minute', now() - n * interval '1 minute'
         from generate_series(1, 10000) n
         join team on team.name = 'team-' || (1 + n % 60);",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    // as autovacuum leaves a table
    sqlx::query("vacuum analyze entity").execute(&mut owner).await.unwrap();
    let actors = [
        t.person("Member", &[]).await,
        t.person("Dev", &[(RoleName::Developer, Some("team-7"))]).await,
        t.person("Auditor", &[(RoleName::Auditor, None)]).await,
    ];
    let queries: [&[(&str, &str)]; 8] = [
        &[],
        &[("kind", "api")],
        &[("type", "batch"), ("lifecycle", "deprecated")],
        &[("owner", "team-3")],
        &[("system", "system-9")],
        &[("tag", "tag-11")],
        &[("q", "9f61408e")],
        &[("q", "tag-11"), ("kind", "component")],
    ];
    for actor in &actors {
        let scope = t.policies.scope(actor, ActionName::CatalogRead);
        for query in queries {
            for sort in ["name", "-name", "updated", "-updated"] {
                let filter = filter(&[query, &[("sort", sort)]].concat());
                let mut statement = list_sql::statement("explain ", &scope, &filter, None, 51).unwrap();
                let plan: Vec<String> = statement
                    .build()
                    .fetch_all(&mut owner)
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|row| row.get::<String, _>(0))
                    .collect();
                assert!(!plan.iter().any(|line| line.contains("Seq Scan on entity")), "{query:?} {sort} {plan:#?}");
            }
        }
    }
    let list = listed(&t, &actors[2], &[]).await;
    assert_eq!((list.page.items.len(), list.page.total.value, list.page.total.exact), (200, 10_000, true));
    assert_eq!(listed(&t, &actors[0], &[]).await.page.total.value, 9_750);
}
