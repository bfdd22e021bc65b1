//! The same rule everywhere and in every order.

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
