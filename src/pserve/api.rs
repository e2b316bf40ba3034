//! The HTTP API and the pages: the router.

mod app;
mod batch;
mod body;
mod cut;
mod find;
mod ingest;
mod live;
mod observe;
mod openapi;
mod pages;
mod refusal;
mod respond;
mod room;
mod routes;
mod service;
mod spoil;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

pub(super) use app::App;
pub(super) use cut::Cut;
use respond::detail;
pub(super) use room::Room;
use routes::{BASE, OPERATIONS};

/// All paths.
pub(super) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/", get(pages::dashboard))
        .route("/docs", get(pages::api))
        .route("/report", get(pages::report))
        .route("/openapi.json", get(openapi::openapi))
        .route("/assets/style.css", get(pages::style))
        .route("/assets/dashboard.css", get(pages::dashboard_style))
        .route("/assets/dashboard.js", get(pages::dashboard_script))
        .route("/assets/draw.js", get(pages::drawing_script))
        .route("/assets/api.js", get(pages::api_script));
    for operation in OPERATIONS {
        router = router.route(operation.path, (operation.handler)());
    }
    router
        .method_not_allowed_fallback(async || detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
        .fallback(async || detail(StatusCode::NOT_FOUND, format!("Not Found: the API is under {BASE}")))
        .layer(from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}
