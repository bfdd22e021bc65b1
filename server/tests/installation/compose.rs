//! `docker-compose.yml`, `Dockerfile` and what they read agree with the settings that there are and with each other. No
//! container engine is needed, nor is one asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;
use server::{
    config::{Config, SETTINGS},
    demo, realm,
};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The services, with what they take from each other put in.
fn services() -> BTreeMap<String, Value> {
    let mut document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read("docker-compose.yml")).unwrap();
    document.apply_merge().unwrap();
    let document = serde_json::to_value(document).unwrap();
    serde_json::from_value(document["services"].clone()).unwrap()
}

/// What a service of ours is set to.
fn config(service: &Value) -> Config {
    let found = |name: &str| service["environment"][name].as_str().map(str::to_owned);
    Config::resolve(&BTreeMap::new(), found, "").unwrap()
}

fn realm() -> Value {
    serde_json::from_str(&realm::json()).unwrap()
}

#[test]
fn every_setting_of_the_composition_is_one_and_can_be_read() {
    let mut ours = 0;
    for (name, service) in services() {
        if service["image"] != "rampart" {
            continue;
        }
        ours += 1;
        for key in service["environment"].as_object().into_iter().flat_map(|environment| environment.keys()) {
            assert!(SETTINGS.iter().any(|setting| setting.env == key), "{name}: {key} is no setting");
        }
        let config = config(&service);
        config.addr().unwrap();
        config.base_url().unwrap();
        config.metrics_addr().unwrap();
        assert!(service["read_only"] == true && service["cap_drop"][0] == "ALL", "{name} may write or has powers");
    }
    assert_eq!(ours, 4, "keys, migrate, rampart, worker");
}

#[test]
fn the_composition_reaches_the_provider_otherwise_than_browsers_do_and_both_know_each_other() {
    let services = services();
    let (portal, realm) = (config(&services["rampart"]), realm());
    let hostname = services["keycloak"]["environment"]["KC_HOSTNAME"].as_str().unwrap();
    let issuer = format!("{hostname}/realms/{}", realm["realm"].as_str().unwrap());
    assert_eq!(portal.text("oidc_issuer"), Some(issuer.as_str()));
    let backchannel = url::Url::parse(portal.text("oidc_backchannel_url").unwrap()).unwrap();
    assert!(services.contains_key(backchannel.host_str().unwrap()), "{backchannel} is no service");
    assert!(!issuer.starts_with(backchannel.as_str().trim_end_matches('/')));

    let client = &realm["clients"][0];
    let base = portal.base_url().unwrap().origin().ascii_serialization();
    assert_eq!(client["clientId"].as_str(), portal.text("oidc_client_id"));
    assert_eq!(client["redirectUris"], serde_json::json!([format!("{base}/sign-in/callback")]));
    assert_eq!(client["attributes"]["post.logout.redirect.uris"], format!("{base}/signed-out"));
    assert_eq!(client["attributes"]["pkce.code.challenge.method"], "S256");
    assert_eq!(client["publicClient"].as_bool(), Some(portal.secret("oidc_client_secret").is_none()));
    let mapper = &client["protocolMappers"][0]["config"];
    assert_eq!(mapper["claim.name"].as_str(), portal.text("oidc_groups_claim"));
    assert_eq!((&mapper["id.token.claim"], &mapper["full.path"]), (&"true".into(), &"false".into()));
    // what a realm has by itself; a scope that it does not know makes it refuse everybody
    let built_in = ["openid", "profile", "email"];
    assert!(portal.text("oidc_scopes").unwrap().split(' ').all(|scope| built_in.contains(&scope)));
    let published = services["rampart"]["ports"][0].as_str().unwrap();
    assert!(published.ends_with(":3000") && base.ends_with(":3000") && portal.addr().unwrap().port() == 3000);
}

#[test]
fn the_realm_holds_the_demonstrations_people_and_the_administrators_group() {
    let realm = realm();
    let groups: BTreeSet<&str> =
        realm["groups"].as_array().unwrap().iter().filter_map(|group| group["name"].as_str()).collect();
    let users = realm["users"].as_array().unwrap();
    let people = demo::people();
    assert_eq!(users.len(), people.len());
    for (user, person) in users.iter().zip(people) {
        assert_eq!(user["email"], person.email);
        assert_eq!(
            format!("{} {}", user["firstName"].as_str().unwrap(), user["lastName"].as_str().unwrap()),
            person.name
        );
        let of: Vec<&str> =
            user["groups"].as_array().unwrap().iter().filter_map(|group| group.as_str()?.strip_prefix('/')).collect();
        assert_eq!(of, person.groups);
        assert!(of.iter().all(|group| groups.contains(group)));
    }
    let administrators = config(&services()["rampart"]).list("admin_groups");
    assert!(administrators.iter().all(|group| groups.contains(group.as_str())));
    assert_eq!(read("deploy/keycloak-realm.json"), realm::json(), "run scripts/generate");
}

#[test]
fn what_is_mounted_and_who_connects_is_there() {
    let services = services();
    let roles = read("deploy/roles.sql");
    for (name, service) in &services {
        for volume in service["volumes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let source = volume.split(':').next().unwrap();
            assert!(!source.starts_with("./") || root().join(source).is_file(), "{name}: {source} is not there");
        }
        for url in service["environment"].as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str()) {
            let Some(url) = url::Url::parse(url).ok().filter(|url| url.scheme() == "postgres") else { continue };
            assert!(services.contains_key(url.host_str().unwrap()), "{name}: {url}");
            let role = format!("create role {} login", url.username());
            assert!(roles.contains(&role), "{name}: {role}");
            assert!(roles.contains(&format!("password '{}'", url.password().unwrap())));
        }
        for other in service["depends_on"].as_object().into_iter().flat_map(|others| others.keys()) {
            assert!(services.contains_key(other), "{name} depends on {other}");
        }
    }
}

#[test]
fn the_image_is_built_from_what_there_is_and_runs_without_rights() {
    let dockerfile = read("Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(
        last.contains("\nUSER 10001\n") && last.contains("\nHEALTHCHECK ") && last.contains("ENTRYPOINT [\"rampart\"]")
    );
    for line in dockerfile.lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from")) {
        let mut sources: Vec<&str> = line.split(' ').skip(1).collect();
        sources.pop();
        for source in sources {
            assert!(root().join(source).exists(), "{line}: {source} is not there");
        }
    }
    let pinned = read("rust-toolchain.toml");
    let version = dockerfile.lines().find_map(|line| line.strip_prefix("FROM rust:")).unwrap();
    assert!(pinned.contains(version.split('-').next().unwrap()), "{version} is not the pinned toolchain");
}

#[test]
fn nothing_that_the_build_includes_is_kept_out_of_the_image() {
    let ignore = read(".dockerignore");
    let (kept, out): (Vec<&str>, Vec<&str>) = ignore
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .partition(|line| line.starts_with('!'));
    let begins = |path: &str, rule: &str| {
        let rule = rule.trim_start_matches('!').trim_end_matches("/**");
        path == rule || path.strip_prefix(rule).is_some_and(|rest| rest.starts_with('/'))
    };
    let mut included = 0;
    for source in sources(&root().join("crates")).into_iter().chain(sources(&root().join("server/src"))) {
        let text = fs::read_to_string(&source).unwrap();
        for named in text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let path = source.parent().unwrap().join(named).canonicalize().unwrap();
            let path = path.strip_prefix(root().canonicalize().unwrap()).unwrap().to_str().unwrap().to_owned();
            included += 1;
            let is_out = out.iter().any(|rule| begins(&path, rule)) && !kept.iter().any(|rule| begins(&path, rule));
            assert!(!is_out, "{path} is left out by .dockerignore");
        }
    }
    assert!(included > 10, "{included}");
}

#[test]
fn the_installation_guide_names_only_settings_that_there_are() {
    for page in ["docs/installation.md", "docker-compose.yml"] {
        let text = read(page);
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        for word in words.filter(|word| word.starts_with("RAMPART_") || word.starts_with("DATABASE_URL")) {
            let known = SETTINGS.iter().any(|setting| {
                setting.env == word || (setting.secret && word.strip_suffix("_FILE") == Some(setting.env))
            });
            assert!(known, "{page}: {word} is no setting");
        }
    }
}

fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
