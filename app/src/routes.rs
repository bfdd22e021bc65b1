//! Every page address of the portal, on one screen.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

use crate::backend;

/// A page with files says how many bytes it `takes`; others take what the server takes of any form.
///
/// Builds the router and the list of its routes from one table, so that a test that walks the list walks the router.
macro_rules! routes {
    ($($(#[$condition:meta])* $method:ident $path:literal $(takes $bytes:expr)? => $page:path;)+) => {
        /// Method and path of each page, as axum writes them.
        pub const ROUTES: &[(&str, &str)] = &[$($(#[$condition])* (stringify!($method), $path),)+];

        /// The pages; an address that is none of them answers 404 in the frame.
        pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
            let router = Router::new();
            $($(#[$condition])*
            let router = router.route($path, $method($page)$(.layer(DefaultBodyLimit::max($bytes)))?);)+
            router.fallback(backend::nothing_here)
        }
    };
}

routes! {
    get  "/" => crate::home::page;
    get  "/dashboard" => crate::dashboards::page;
    get  "/dashboard.csv" => crate::dashboards::export;

    get  "/audit" => crate::audit::list;
    get  "/audit/export" => crate::audit::export;
    get  "/audit/{id}" => crate::audit::detail;
    get  "/catalog" => crate::catalog::list::list;
    get  "/catalog.csv" => crate::catalog::list::export;
    get  "/catalog.yaml" => crate::catalog::list::export_descriptors;
    get  "/catalog/facets/{facet}" => crate::catalog::narrow::facet;
    get  "/catalog/views" => crate::catalog::views::manage;
    post "/catalog/views" => crate::catalog::views::save;
    post "/catalog/views/{id}/remove" => crate::catalog::views::remove;
    get  "/catalog/import" => crate::catalog::import::new;
    post "/catalog/import" takes portal::catalog::MAX_BYTES + (1 << 20) => crate::catalog::import::submit;
    get  "/catalog/sources" => crate::catalog::sources::list;
    get  "/catalog/sources/new" => crate::catalog::source_form::new;
    post "/catalog/sources/new" => crate::catalog::source_form::add;
    get  "/catalog/sources/{id}/edit" => crate::catalog::source_form::edit;
    post "/catalog/sources/{id}/edit" => crate::catalog::source_form::change;
    get  "/catalog/sources/{id}/remove" => crate::catalog::source_form::ask_remove;
    post "/catalog/sources/{id}/remove" => crate::catalog::source_form::remove;
    post "/catalog/sources/{id}/refresh" => crate::catalog::source_form::refresh;
    get  "/catalog/sources/{id}" => crate::catalog::source::detail;
    get  "/catalog/bin" => crate::catalog::bin::list;
    post "/catalog/{kind}/{namespace}/{name}/restore" => crate::catalog::bin::restore;
    post "/catalog/{kind}/{namespace}/{name}/discard" => crate::catalog::bin::discard;
    get  "/catalog/unmatched" => crate::directory::unmatched::page;
    get  "/catalog/unowned" => crate::catalog::ownership::unowned;
    post "/catalog/unowned" => crate::catalog::ownership::give;
    get  "/catalog/ownership" => crate::catalog::ownership::choose;
    post "/catalog/ownership" takes 256 << 10 => crate::catalog::ownership::submit;
    get  "/catalog/{kind}/{namespace}/{name}" => crate::catalog::detail::overview;
    post "/catalog/{kind}/{namespace}/{name}/star" => crate::catalog::marks::star;
    get  "/catalog/{kind}/{namespace}/{name}/relations" => crate::catalog::graph::relations;
    get  "/catalog/{kind}/{namespace}/{name}/access" => crate::catalog::access::tab;
    get  "/catalog/{kind}/{namespace}/{name}/environments" => crate::environments::list::of_entity;
    get  "/catalog/{kind}/{namespace}/{name}/changes" => crate::catalog::detail::changes;
    get  "/catalog/{kind}/{namespace}/{name}/security" => crate::findings::service::tab;
    get  "/teams" => crate::directory::teams::list;
    get  "/teams/{name}" => crate::directory::teams::team;
    get  "/people" => crate::directory::people::list;
    get  "/people/{id}" => crate::directory::people::person;
    get  "/search" => crate::catalog::search::page;
    get  "/search/suggest" => crate::catalog::search::suggest;

    get  "/security" => crate::findings::list::list;
    get  "/security/findings/{id}" => crate::findings::detail::detail;
    get  "/security/reports/{id}" => crate::findings::upload::receipt;
    get  "/security/upload" => crate::findings::upload::new;
    post "/security/upload" takes crate::findings::upload::MAX_BYTES => crate::findings::upload::submit;
    get  "/scorecards" => crate::scorecards::list::overview;
    get  "/scorecards/new" => crate::scorecards::edit::new;
    post "/scorecards/new" => crate::scorecards::edit::submit;
    get  "/scorecards/{name}" => crate::scorecards::detail::detail;
    get  "/scorecards/{name}/edit" => crate::scorecards::edit::edit;
    post "/scorecards/{name}/edit" => crate::scorecards::edit::submit_edit;
    get  "/catalog/{kind}/{namespace}/{name}/scorecards" => crate::scorecards::entity::tab;
    post "/catalog/{kind}/{namespace}/{name}/scorecards" => crate::scorecards::entity::act;
    get  "/compliance" => crate::compliance::list::list;
    get  "/compliance/{framework}" => crate::compliance::detail::framework;
    get  "/compliance/{framework}/{control}" => crate::compliance::detail::control;
    get  "/catalog/{kind}/{namespace}/{name}/compliance" => crate::compliance::entity::tab;
    post "/catalog/{kind}/{namespace}/{name}/compliance" takes 66 << 20 => crate::compliance::entity::upload;

    get  "/running" => crate::running::page;
    get  "/settings" => crate::account::settings::page;
    post "/settings/zone" => crate::account::settings::choose_zone;
    post "/settings/sessions/{id}/end" => crate::account::settings::end_session;
    get  "/admin/tokens" => crate::account::service_accounts::list;
    post "/admin/tokens" => crate::account::service_accounts::issue;
    post "/admin/tokens/{id}/revoke" => crate::account::service_accounts::revoke;
    get  "/account/tokens" => crate::account::tokens::list;
    post "/account/tokens" => crate::account::tokens::issue;
    post "/account/tokens/{id}/revoke" => crate::account::tokens::revoke;

    get  "/incidents" => crate::incidents::list::list;
    get  "/incidents/inbox" => crate::incidents::inbox::list;
    get  "/incidents/inbox/{id}" => crate::incidents::inbox::ask;
    post "/incidents/rules" => crate::incidents::inbox::make;
    post "/incidents/rules/{id}/remove" => crate::incidents::inbox::remove;
    get  "/incidents/{number}" => crate::incidents::detail::detail;
    post "/incidents/{number}/acknowledge" => crate::incidents::detail::acknowledge;
    post "/incidents/{number}/resolve" => crate::incidents::detail::resolve;
    post "/incidents/{number}/reopen" => crate::incidents::detail::reopen;
    get  "/catalog/{kind}/{namespace}/{name}/incidents" => crate::incidents::list::of_entity;

    get  "/admin/integrations" => crate::integrations::list::list;
    get  "/admin/integrations/new" => crate::integrations::form::new;
    post "/admin/integrations/new" => crate::integrations::form::add;
    get  "/admin/integrations/{name}" => crate::integrations::detail::detail;
    get  "/admin/integrations/{name}/edit" => crate::integrations::form::edit;
    post "/admin/integrations/{name}/edit" => crate::integrations::form::change;
    post "/admin/integrations/{name}/approve" => crate::integrations::detail::approve;
    post "/admin/integrations/{name}/enable" => crate::integrations::detail::enable;
    post "/admin/integrations/{name}/disable" => crate::integrations::detail::disable;
    post "/admin/integrations/{name}/rotate" => crate::integrations::detail::rotate;
    post "/admin/integrations/{name}/test" => crate::integrations::detail::test;

    #[cfg(debug_assertions)]
    get  "/dev/ui" => crate::ui::gallery::gallery;
    #[cfg(debug_assertions)]
    get  "/dev/ui/{state}" => crate::ui::gallery::state;

    get  "/environments" => crate::environments::list::list;
    get  "/environments/new" => crate::environments::ask::new;
    post "/environments/new" => crate::environments::ask::submit;
    get  "/environments/templates" => crate::environments::templates::list;
    post "/environments/templates" => crate::environments::templates::apply;
    get  "/environments/templates/{name}" => crate::environments::templates::detail;
    post "/environments/templates/{name}/retire" => crate::environments::templates::retire;
    get  "/environments/{environment}" => crate::environments::detail::detail;
    get  "/environments/{environment}/extend" => crate::environments::detail::extend;
    post "/environments/{environment}/extend" => crate::environments::detail::submit_extend;
    post "/environments/{environment}/end" => crate::environments::detail::end;
    post "/environments/{environment}/retry" => crate::environments::detail::retry;
    post "/environments/{environment}/credentials" => crate::environments::detail::reveal;
    get  "/approvals" => crate::approvals::list::list;
    get  "/requests/{number}" => crate::approvals::detail::detail;
    post "/requests/{number}/decide" => crate::approvals::detail::decide;
    post "/requests/{number}/withdraw" => crate::approvals::detail::withdraw;

    get  "/access" => crate::access::overview::page;
    get  "/access/request" => crate::access::ask::new;
    post "/access/request" => crate::access::ask::submit;
    post "/access/give" => crate::access::overview::give;
    post "/access/{id}/end" => crate::access::overview::end;
    get  "/admin/people" => crate::access::organisation::page;
    post "/admin/people" => crate::access::organisation::give;

    get  "/notifications" => crate::notifications::inbox::page;
    get  "/notifications/{id}" => crate::notifications::inbox::open;
    post "/notifications/read" => crate::notifications::inbox::read;
    get  "/notifications/channels" => crate::notifications::channels::page;
    post "/notifications/channels" => crate::notifications::channels::save;
    get  "/admin/deliveries" => crate::notifications::deliveries::page;
    post "/admin/deliveries/{id}/retry" => crate::notifications::deliveries::retry;

    post "/preferences" => crate::layout::preferences::save;
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::ROUTES;
    use crate::layout::chrome::Section;

    /// What the server answers beside the pages of this crate.
    const ELSEWHERE: &[&str] =
        &["/sign-in", "/sign-out", "/docs/api", "/api/openapi.json", "/api/v1", "/live", "/hooks/alertmanager/{name}"];

    /// Whether an address, with anything in the place of its parts in braces, is one that is answered.
    fn leads_somewhere(address: &str) -> bool {
        let path = address.split(['?', '#']).next().unwrap_or_default();
        let paths = ROUTES.iter().map(|(_, path)| *path).chain(ELSEWHERE.iter().copied());
        paths.into_iter().any(|route| {
            let (parts, wanted): (Vec<_>, Vec<_>) = (path.split('/').collect(), route.split('/').collect());
            parts.len() == wanted.len()
                && parts.iter().zip(&wanted).all(|(part, wanted)| {
                    // a part written as `{}` stands for as much as the route's own part in braces
                    part == wanted || wanted.starts_with('{') && !part.is_empty() || part.contains('{')
                })
        })
    }

    /// Every text of the sources that begins as an address of a page does, outside tests and the gallery.
    fn addresses(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                addresses(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = code.split("pub fn samples()").next().unwrap_or_default();
            // a page's code: comments speak of addresses too
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                for text in line.split('"').skip(1).step_by(2) {
                    let begins =
                        text.strip_prefix('/').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
                    if begins && !text.contains(' ') {
                        found.push((path.display().to_string(), text.to_owned()));
                    }
                }
            }
        }
    }

    #[test]
    fn every_link_of_a_page_leads_to_a_page() {
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let model = app.join("../../crates/model/src");
        let mut found = Vec::new();
        addresses(&app, &mut found);
        addresses(&model, &mut found);
        found.retain(|(file, address)| {
            !file.ends_with("routes.rs") && !address.starts_with("/dev/") && !address.starts_with("/problems/")
        });
        assert!(found.len() > 200, "only {} addresses were found", found.len());
        let nowhere: Vec<_> = found.iter().filter(|(_, address)| !leads_somewhere(address)).collect();
        assert!(nowhere.is_empty(), "{nowhere:#?}");
    }

    #[test]
    fn every_section_of_the_navigation_has_its_page() {
        for section in Section::ALL {
            assert!(ROUTES.contains(&("get", section.href())), "{}", section.href());
        }
    }
}
