//! The catalog as people meet it: what an import does, and what each of them sees of it.

mod around;
mod imports;
mod kinds;
mod leases;
mod owned;
mod readings;
mod rule;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use model::{
    EntityFilter, EntityList, EntityRef, Facet, ImportReport, PageRequest, RelationType, SourceKind,
    entity::EntityEventKind,
};
use time::Duration;

use super::*;
use crate::{
    Error,
    authz::{ActionName, Actor, RoleName},
    identity::directory,
    testing::TestPortal,
};

const SHOP: &str = "\
apiVersion: backstage.io/v1alpha1
kind: System
metadata:
  name: shop
spec:
  owner: payments
  domain: retail
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: Checkout
  title: Checkout service
  description: Takes the money, 100% of it.
  tags: [java, pci]
  links:
    - url: https://wiki.example.com/checkout
      title: Runbook
  annotations:
    rampart.dev/tier: tier-1
spec:
  type: service
  lifecycle: production
  owner: payments
  system: shop
  dependsOn: [resource:orders-db]
";

fn component(name: &str, owner: &str, more: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n{more}spec:\n  type: service\n  lifecycle: production\n  owner: {owner}\n"
    )
}

const RESTRICTED: &str = "  annotations:\n    rampart.dev/restricted: \"true\"\n";

fn file(path: &str, text: &str) -> DescriptorFile {
    DescriptorFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
}

async fn administrator(t: &TestPortal) -> Actor {
    t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await
}

async fn read(t: &TestPortal, text: &str) -> ImportReport {
    let report = import(t, &t.system(), &SourceName::uploads(), vec![file("catalog-info.yaml", text)]).await.unwrap();
    assert_eq!(report.errors, [], "{text}");
    report
}

fn filter(pairs: &[(&str, &str)]) -> EntityFilter {
    EntityFilter::from_pairs(pairs.iter().copied()).unwrap()
}

async fn listed(t: &TestPortal, actor: &Actor, pairs: &[(&str, &str)]) -> EntityList {
    list(t, actor, &filter(pairs), &PageRequest { cursor: None, size: Some(200) }).await.unwrap()
}

async fn names(t: &TestPortal, actor: &Actor, pairs: &[(&str, &str)]) -> Vec<String> {
    let listed = listed(t, actor, pairs).await;
    let names: Vec<String> = listed.page.items.into_iter().map(|item| item.name).collect();
    assert_eq!(listed.page.total.value, names.len() as u64, "the total counts what is listed");
    names
}

fn counts(list: &EntityList, facet: Facet) -> BTreeMap<String, u64> {
    let counts = list.facets.iter().find(|counts| counts.facet == facet).unwrap();
    counts.values.iter().map(|value| (value.value.clone(), value.count)).collect()
}

fn reference(text: &str) -> EntityRef {
    text.parse().unwrap()
}

async fn see(t: &TestPortal, actor: &Actor, text: &str) -> crate::Result<model::EntityDetail> {
    detail(&mut t.snapshot(actor).await.unwrap(), &reference(text)).await
}
