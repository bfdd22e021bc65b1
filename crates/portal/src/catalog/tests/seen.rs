//! What each of them sees: lists, searches, one entity, teams and people.

use super::*;

#[tokio::test]
async fn a_restricted_entity_is_nowhere_for_those_without_a_role_over_it() {
    let t = TestPortal::new().await;
    read(&t, SHOP).await;
    let hidden = "  title: Hidden vault\n  tags: [secretive]\n  annotations:\n    rampart.dev/restricted: \"true\"\n";
    let mut vault = component("vault", "guards", hidden);
    vault.push_str("  system: shop\n  dependsOn: [component:checkout]\n");
    read(&t, &vault.replace("lifecycle: production", "lifecycle: clandestine")).await;
    let stranger = t.person("Eve", &[(RoleName::Developer, Some("payments"))]).await;
    let guard = t.person("Guy", &[(RoleName::Developer, Some("guards"))]).await;
    let auditor = t.person("Aud", &[(RoleName::Auditor, None)]).await;

    for (actor, sees) in [(&stranger, false), (&guard, true), (&auditor, true)] {
        let all = listed(&t, actor, &[]).await;
        assert_eq!(all.page.total.value, if sees { 3 } else { 2 });
        assert_eq!(all.page.items.iter().any(|item| item.name == "vault"), sees);
        assert_eq!(counts(&all, Facet::Lifecycle).contains_key("clandestine"), sees);
        assert_eq!(counts(&all, Facet::Owner).contains_key("group:default/guards"), sees);
        assert_eq!(counts(&all, Facet::Tag).contains_key("secretive"), sees);
        assert_eq!(counts(&all, Facet::Kind)["component"], if sees { 2 } else { 1 });
        for found in [names(&t, actor, &[("q", "hidden")]).await, names(&t, actor, &[("tag", "secretive")]).await] {
            assert_eq!(found, if sees { vec!["vault"] } else { vec![] });
        }
        let suggested = suggest(&mut t.snapshot(actor).await.unwrap(), "vau", 10).await.unwrap();
        assert_eq!(suggested.iter().any(|one| one.title == "Hidden vault"), sees, "{suggested:?}");
        assert_eq!(see(&t, actor, "component:default/vault").await.is_ok(), sees);
        assert_eq!(export(&t, actor, &filter(&[])).await.unwrap().contains("vault"), sees);
        for neighbour in ["system:default/shop", "component:default/checkout"] {
            let shown = see(&t, actor, neighbour).await.unwrap();
            let mentions = serde_json::to_string(&shown).unwrap().to_lowercase().contains("vault");
            assert_eq!(mentions, sees, "{neighbour}");
        }
        let teams = directory::teams(&t, actor, "guards", &PageRequest::default()).await.unwrap();
        assert_eq!(teams.items[0].entities, u64::from(sees));
        let guards = directory::team(&mut t.snapshot(actor).await.unwrap(), "guards").await.unwrap();
        assert_eq!((guards.owned.len(), guards.owned_in_all), (usize::from(sees), u64::from(sees)));
    }
    let (hidden, absent) = (
        see(&t, &stranger, "component:default/vault").await.unwrap_err(),
        see(&t, &stranger, "component:default/nothing").await.unwrap_err(),
    );
    assert_eq!(hidden.to_string(), absent.to_string(), "hidden and absent read the same");
}

#[tokio::test]
async fn what_is_stated_of_a_hidden_entity_stays_a_name_without_title_or_link() {
    let t = TestPortal::new().await;
    let vault = component("vault", "guards", &format!("  title: Hidden\n{RESTRICTED}"));
    let mut open = component("open", "payments", "");
    open.push_str("  dependsOn: [component:vault]\n");
    read(&t, &format!("{vault}---\n{open}")).await;
    let shown = see(&t, &t.person("Eve", &[]).await, "component:default/open").await.unwrap();
    let other = shown.related(RelationType::DependsOn).next().unwrap();
    assert!(!other.known && other.title.is_none(), "{other:?}");
}

#[tokio::test]
async fn search_finds_parts_of_words_tags_and_letters_that_are_patterns() {
    let t = TestPortal::new().await;
    read(&t, SHOP).await;
    read(&t, &component("ledger", "payments", "  description: C:\\temp and snake_case\n")).await;
    let ada = t.person("Ada", &[]).await;
    for (text, found) in [
        ("eckou", vec!["Checkout"]),
        ("CHECKOUT money", vec!["Checkout"]),
        ("pci", vec!["Checkout"]),
        ("100%", vec!["Checkout"]),
        ("10%of", vec![]),
        ("snake_case", vec!["ledger"]),
        ("snake-case", vec![]),
        ("c:\\temp", vec!["ledger"]),
        ("ledger money", vec![]),
    ] {
        assert_eq!(names(&t, &ada, &[("q", text)]).await, found, "{text}");
    }
}

#[tokio::test]
async fn suggestions_begin_with_what_is_called_so_and_name_teams_and_people() {
    let t = TestPortal::new().await;
    read(&t, &format!("{SHOP}---\n{}---\n{}", component("pay", "payments", ""), component("repay", "payments", "")))
        .await;
    let paula = t.person("Paula Pay", &[(RoleName::Developer, Some("payments"))]).await;
    let suggested = suggest(&mut t.snapshot(&paula).await.unwrap(), " PAY", 10).await.unwrap();
    let titles: Vec<&str> = suggested.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(titles, ["pay", "repay", "payments", "Paula Pay"]);
    assert_eq!(
        (suggested[0].href.as_str(), suggested[0].hint.as_str()),
        ("/catalog/component/default/pay", "component:default/pay of payments")
    );
    assert_eq!(suggested[2].href, "/teams/payments");
    assert!(suggest(&mut t.snapshot(&paula).await.unwrap(), "  ", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_export_is_the_list_and_no_cell_is_a_formula() {
    let t = TestPortal::new().await;
    read(&t, &component("evil", "payments", "  title: \"=cmd()\"\n")).await;
    let sheet = export(&t, &t.person("Ada", &[]).await, &filter(&[("kind", "component")])).await.unwrap();
    let lines: Vec<&str> = sheet.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with("component:default/evil,component,evil,'=cmd(),service,production,"), "{sheet}");
}

#[tokio::test]
async fn both_sides_show_who_has_no_counterpart() {
    let t = TestPortal::new().await;
    t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    t.person("Bob", &[(RoleName::Developer, Some("platform"))]).await;
    let user = |name: &str, email: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata:\n  name: {name}\nspec:\n  profile:\n    email: {email}\n  memberOf: []\n"
        )
    };
    let group = |name: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: {name}\nspec:\n  type: team\n  children: []\n"
        )
    };
    let all = [user("ada", "ADA@example.com"), user("cy", "cy@example.com"), group("payments"), group("ghosts")];
    read(&t, &all.join("---\n")).await;
    let unmatched = unmatched(&t, &administrator(&t).await).await.unwrap();
    let called =
        |entities: &[UnmatchedEntity]| entities.iter().map(|one| one.reference.name.clone()).collect::<Vec<_>>();
    assert_eq!(called(&unmatched.users), ["cy"]);
    assert_eq!(called(&unmatched.groups), ["ghosts"]);
    assert_eq!(unmatched.teams.iter().map(|team| team.name.as_str()).collect::<Vec<_>>(), ["platform"]);
    assert_eq!(unmatched.people.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Bob", "Root"]);
}

#[tokio::test]
async fn a_teams_page_says_who_is_in_it_with_which_roles_leads_first() {
    let t = TestPortal::new().await;
    read(&t, SHOP).await;
    let ada = t.person("Ada", &[(RoleName::Developer, Some("payments"))]).await;
    t.person("Zoe", &[(RoleName::Developer, Some("payments")), (RoleName::TeamLead, Some("payments"))]).await;
    let team = directory::team(&mut t.snapshot(&ada).await.unwrap(), "payments").await.unwrap();
    let members: Vec<(&str, usize)> =
        team.members.iter().map(|member| (member.name.as_str(), member.roles.len())).collect();
    assert_eq!(members, [("Zoe", 2), ("Ada", 1)]);
    assert_eq!(team.owned_in_all, 2);
    let teams = directory::teams(&t, &ada, "", &PageRequest::default()).await.unwrap();
    assert_eq!((teams.items[0].members, teams.items[0].leads.clone()), (2, vec!["Zoe".to_owned()]));
    let people = directory::people(&t, &ada, "zo", &PageRequest::default()).await.unwrap();
    assert_eq!((people.total.value, people.items[0].teams.clone()), (1, vec!["payments".to_owned()]));
    assert!(matches!(
        directory::team(&mut t.snapshot(&ada).await.unwrap(), "nobody").await,
        Err(Error::NotFound("team"))
    ));
}

#[tokio::test]
async fn people_and_teams_are_met_once_each_turning_pages_forth_and_back() {
    let t = TestPortal::new().await;
    for n in 0..7 {
        let team = format!("team-{n}");
        t.person(&format!("Person {n}"), &[(RoleName::Developer, Some(team.as_str()))]).await;
    }
    let ada = administrator(&t).await;
    let ask = |cursor| PageRequest { cursor, size: Some(3) };
    let mut pages = vec![directory::people(&t, &ada, "person", &ask(None)).await.unwrap()];
    while let Some(next) = pages.last().unwrap().next.clone() {
        pages.push(directory::people(&t, &ada, "person", &ask(Some(next))).await.unwrap());
    }
    let met: Vec<String> = pages.iter().flat_map(|page| page.items.iter().map(|one| one.name.clone())).collect();
    let last = pages.pop();
    assert_eq!(met, (0..7).map(|n| format!("Person {n}")).collect::<Vec<_>>());
    let back = directory::people(&t, &ada, "person", &ask(last.unwrap().previous)).await.unwrap();
    assert_eq!(
        back.items.iter().map(|person| person.name.as_str()).collect::<Vec<_>>(),
        ["Person 3", "Person 4", "Person 5"]
    );
    let first = directory::teams(&t, &ada, "", &ask(None)).await.unwrap();
    let second = directory::teams(&t, &ada, "", &ask(first.next.clone())).await.unwrap();
    let again = directory::teams(&t, &ada, "", &ask(second.previous.clone())).await.unwrap();
    assert_eq!(again.items, first.items);
}
