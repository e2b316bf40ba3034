//! The pages: the dashboard, and the description of the API. They hold no data and load nothing from elsewhere.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::app::Shared;
use super::respond;
use crate::cli::api_key::TEST_KEY;
use crate::page::{STYLE, escape};

/// No script and no style of the page's own text, and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const DASHBOARD: &str = include_str!("../pages/dashboard.html");
const API: &str = include_str!("../pages/api.html");

/// `GET /`
pub(super) async fn dashboard(State(app): Shared) -> Response {
    let key = if app.shows_key { TEST_KEY } else { "" };
    page(DASHBOARD.replace("{key}", &escape(key)))
}

/// `GET /docs`
pub(super) async fn api() -> Response {
    page(API.to_owned())
}

/// `GET /report`: the page of `--page`. It is read anew each time, because a report is rewritten while a run goes on.
pub(super) async fn report(State(app): Shared) -> Response {
    let Some(path) = &app.page else { return respond::detail(StatusCode::NOT_FOUND, "Not Found: there is no --page") };
    match std::fs::read(path) {
        Ok(page) => respond::html(page),
        Err(error) => respond::detail(StatusCode::NOT_FOUND, format!("{}: {error}", path.display())),
    }
}

fn page(html: String) -> Response {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::OK, headers, html).into_response()
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (StatusCode::OK, headers, text).into_response()
}

/// `GET /assets/style.css`: the style of all pages of pulsepipe.
pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

/// `GET /assets/dashboard.css`
pub(super) async fn dashboard_style() -> Response {
    asset("text/css; charset=utf-8", include_str!("../pages/dashboard.css"))
}

/// `GET /assets/dashboard.js`
pub(super) async fn dashboard_script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../pages/dashboard.js"))
}

/// `GET /assets/draw.js`
pub(super) async fn drawing_script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../pages/draw.js"))
}

/// `GET /assets/api.js`
pub(super) async fn api_script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../pages/api.js"))
}
