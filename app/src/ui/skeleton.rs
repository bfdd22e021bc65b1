//! The shape of what is being loaded, shown once loading has taken 200 ms.

use leptos::prelude::*;

/// A table that is on its way.
#[component]
pub fn SkeletonRows(#[prop(default = 5)] rows: usize) -> impl IntoView {
    view! {
        <div class="skeleton" role="status" aria-label="Loading">
            {(0..rows)
                .map(|_| {
                    view! {
                        <div class="skeleton-row">
                            <div class="skeleton-line"></div>
                            <div class="skeleton-line"></div>
                            <div class="skeleton-line"></div>
                            <div class="skeleton-line"></div>
                        </div>
                    }
                })
                .collect_view()}
        </div>
    }
}

/// A paragraph that is on its way.
#[component]
pub fn SkeletonText() -> impl IntoView {
    view! {
        <div class="skeleton flex flex-col gap-2" role="status" aria-label="Loading">
            <div class="skeleton-line w-full"></div>
            <div class="skeleton-line w-4/5"></div>
            <div class="skeleton-line w-3/5"></div>
        </div>
    }
}

pub fn samples() -> impl IntoView {
    view! {
        <SkeletonRows />
        <div class="mt-6 max-w-md">
            <SkeletonText />
        </div>
    }
}
