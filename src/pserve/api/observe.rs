//! Counts each request, and writes it to the access log.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::Body as _;

use super::app::Shared;
use crate::pserve::access_log::Answered;

/// The route of a request for no path that there is.
const NOWHERE: &str = "(none)";

/// Serves a request and notes it.
pub(super) async fn observe(State(app): Shared, request: Request, next: Next) -> Response {
    let (begun, at) = (app.clock.elapsed(), app.clock.now());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let request_bytes = request.body().size_hint().exact();
    let noted = app.access_log.as_ref().map(|log| (log, request.uri().clone(), request.headers().clone()));
    let answer = next.run(request).await;
    let took = app.clock.elapsed().saturating_sub(begun);
    let route = route.as_ref().map_or(NOWHERE, MatchedPath::as_str);
    app.metrics.request(name(&method), route, answer.status().as_u16(), took);
    if let Some((log, uri, headers)) = noted {
        let key = headers.get("x-api-key").and_then(|key| app.keys.find(key.as_bytes()));
        let written = log.write(&Answered {
            at,
            took,
            method: method.as_str(),
            path: uri.path(),
            route,
            status: answer.status().as_u16(),
            tenant: key.map(|key| &*key.tenant),
            user_agent: headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()),
            request_bytes,
            response_bytes: answer.body().size_hint().exact(),
        });
        if written.is_err() {
            app.metrics.lost_line();
        }
    }
    answer
}

/// The name of a method in the metrics. A client may invent methods; there must be few names.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "POST" => "POST",
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "CONNECT" => "CONNECT",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_a_client_invents_share_a_name() {
        assert_eq!(name(&Method::DELETE), "DELETE");
        for invented in ["FOO", "get", "PROPFIND"] {
            assert_eq!(name(&Method::from_bytes(invented.as_bytes()).expect("a token")), "OTHER", "{invented}");
        }
    }
}
