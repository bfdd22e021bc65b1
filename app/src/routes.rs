//! Every page address of the portal, on one screen.

use axum::{
    Router,
    routing::{get, post},
};

use crate::backend;

/// Builds the router and the list of its routes from one table, so that a test that walks the list walks the router.
macro_rules! routes {
    ($($(#[$condition:meta])* $method:ident $path:literal => $page:path;)+) => {
        /// Method and path of each page, as axum writes them.
        pub const ROUTES: &[(&str, &str)] = &[$($(#[$condition])* (stringify!($method), $path),)+];

        /// The pages; an address that is none of them answers 404 in the frame.
        pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
            let router = Router::new();
            $($(#[$condition])* let router = router.route($path, $method($page));)+
            router.fallback(backend::nothing_here)
        }
    };
}

routes! {
    get  "/audit" => crate::audit::list;
    get  "/audit/export" => crate::audit::export;
    get  "/audit/{id}" => crate::audit::detail;

    get  "/account/tokens" => crate::account::tokens::list;
    post "/account/tokens" => crate::account::tokens::issue;
    post "/account/tokens/{id}/revoke" => crate::account::tokens::revoke;
    #[cfg(debug_assertions)]
    get  "/dev/ui" => crate::ui::gallery::gallery;
    #[cfg(debug_assertions)]
    get  "/dev/ui/{state}" => crate::ui::gallery::state;

    post "/preferences" => crate::layout::preferences::save;
}
