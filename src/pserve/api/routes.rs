//! The one table of operations. The router is made from it, and so is `/openapi.json`: neither can have a path that the other lacks.

use std::sync::Arc;

use axum::routing::{MethodRouter, delete, get, post};

use super::app::App;
use super::{batch, find, ingest, live, service};

/// An operation of the API.
pub(super) struct Operation {
    /// `get`, `post` or `delete`.
    pub(super) method: &'static str,
    /// With placeholders.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// The schema of its body, if it has one.
    pub(super) body: Option<&'static str>,
    /// Status, meaning, and the schema of the answer's body if it is JSON of a fixed form.
    pub(super) answers: &'static [(u16, &'static str, &'static str)],
    /// Whether it needs a key.
    pub(super) needs_key: bool,
    pub(super) handler: fn() -> MethodRouter<Arc<App>>,
}

/// A parameter in the query.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// `text`, `time`, `event_type`, `severity`, or a range of whole numbers such as `1..1000`.
    pub(super) form: &'static str,
    pub(super) meaning: &'static str,
}

const fn parameter(name: &'static str, form: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, form, meaning }
}

/// The path of the API.
pub(super) const BASE: &str = "/api/v1/ingestion";

const START: Parameter = parameter("start_time", "time", "The earliest timestamp, inclusive");
const END: Parameter = parameter("end_time", "time", "The latest timestamp, inclusive");

const SEARCH: &[Parameter] = &[
    parameter("event_type", "event_type", "Exact value"),
    parameter("severity", "severity", "Exact value"),
    parameter("service", "text", "Exact value of source.service"),
    parameter("endpoint", "text", "Exact value of source.endpoint"),
    parameter("status_code", "100..599", "Exact value of metrics.status_code"),
    parameter("user_id", "text", "Exact value of context.user_id"),
    parameter("country", "text", "Exact value of context.tags.country"),
    parameter("region", "text", "Exact value of context.tags.region"),
    parameter("city", "text", "Exact value of context.tags.city"),
    parameter("device_type", "text", "Exact value of context.tags.device_type"),
    parameter("event_id_contains", "text", "A text within the event_id"),
    START,
    END,
    parameter("limit", "1..1000", "The most events in the answer; 100 if missing"),
    parameter("offset", "0..", "How many of the newest events to skip"),
];

const BAD: (u16, &str, &str) = (400, "The request cannot be understood", "Detail");
const NO_KEY: (u16, &str, &str) = (401, "The key is missing or wrong", "Detail");
const MISSING: (u16, &str, &str) = (404, "There is no such event", "Detail");
const SLOW: (u16, &str, &str) = (408, "The request did not arrive in time", "Detail");
const LARGE: (u16, &str, &str) = (413, "The body is larger than 10 MiB", "Detail");
const ENCODED: (u16, &str, &str) = (415, "The Content-Encoding is neither identity nor gzip", "Detail");
const INVALID: (u16, &str, &str) = (422, "The body or a parameter is not valid", "Faults");
const LIMITED: (u16, &str, &str) = (429, "The rate is used up; Retry-After says when to try again", "Detail");
const FAILED: (u16, &str, &str) = (500, "The database failed", "Detail");
const AWAY: (u16, &str, &str) = (503, "The database is away or full; Retry-After says when to try again", "Detail");

/// All operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "post",
        path: "/api/v1/ingestion/events",
        summary: "Ingest an event",
        parameters: &[],
        body: Some("Event"),
        answers: &[
            (200, "The event is stored, or was stored before", "EventResult"),
            BAD,
            NO_KEY,
            SLOW,
            (409, "The event was stored before, if the server is configured to say so", "EventResult"),
            LARGE,
            ENCODED,
            INVALID,
            LIMITED,
            FAILED,
            AWAY,
        ],
        needs_key: true,
        handler: || post(ingest::event),
    },
    Operation {
        method: "post",
        path: "/api/v1/ingestion/events/batch",
        summary: "Ingest up to 1000 events",
        parameters: &[],
        body: Some("Batch"),
        answers: &[
            (200, "The result of each event, at its position", "BatchResult"),
            BAD,
            NO_KEY,
            SLOW,
            LARGE,
            ENCODED,
            INVALID,
            LIMITED,
            FAILED,
            AWAY,
        ],
        needs_key: true,
        handler: || post(batch::events),
    },
    Operation {
        method: "get",
        path: "/api/v1/ingestion/events/search",
        summary: "Find events, newest first",
        parameters: SEARCH,
        body: None,
        answers: &[(200, "A page of events", "Page"), BAD, NO_KEY, INVALID, FAILED, AWAY],
        needs_key: true,
        handler: || get(find::search),
    },
    Operation {
        method: "get",
        path: "/api/v1/ingestion/events/{event_id}",
        summary: "Get an event as it was stored",
        parameters: &[],
        body: None,
        answers: &[(200, "The event", "Object"), BAD, NO_KEY, MISSING, FAILED, AWAY],
        needs_key: true,
        handler: || get(find::event),
    },
    Operation {
        method: "delete",
        path: "/api/v1/ingestion/events/{event_id}",
        summary: "Remove an event",
        parameters: &[],
        body: None,
        answers: &[(204, "The event is removed", ""), BAD, NO_KEY, MISSING, FAILED, AWAY],
        needs_key: true,
        handler: || delete(find::delete),
    },
    Operation {
        method: "get",
        path: "/api/v1/ingestion/stats",
        summary: "Count events and errors by the hour",
        parameters: &[],
        body: None,
        answers: &[(200, "The counts", "Object"), NO_KEY, FAILED, AWAY],
        needs_key: true,
        handler: || get(find::stats),
    },
    Operation {
        method: "get",
        path: "/api/v1/ingestion/figures",
        summary: "Get the figures of the dashboard",
        parameters: &[START, END],
        body: None,
        answers: &[(200, "The figures", "Object"), BAD, NO_KEY, INVALID],
        needs_key: true,
        handler: || get(live::figures),
    },
    Operation {
        method: "get",
        path: "/api/v1/ingestion/live",
        summary: "Follow changes of the figures as server-sent events",
        parameters: &[],
        body: None,
        answers: &[(200, "A message for each change, text/event-stream", ""), NO_KEY],
        needs_key: true,
        handler: || get(live::live),
    },
    Operation {
        method: "get",
        path: "/api/v1/ingestion/rate-limit",
        summary: "See what is left of the rate",
        parameters: &[],
        body: None,
        answers: &[(200, "What is left", "Object"), NO_KEY],
        needs_key: true,
        handler: || get(service::rate_limit),
    },
    Operation {
        method: "get",
        path: "/api/v1/ingestion/health",
        summary: "See whether the server and its database are well",
        parameters: &[],
        body: None,
        answers: &[(200, "They are", "Object"), (503, "The database does not answer", "Object")],
        needs_key: false,
        handler: || get(service::health),
    },
    Operation {
        method: "get",
        path: "/health",
        summary: "See whether the server and its database are well",
        parameters: &[],
        body: None,
        answers: &[(200, "They are", "Object"), (503, "The database does not answer", "Object")],
        needs_key: false,
        handler: || get(service::health),
    },
    Operation {
        method: "get",
        path: "/ready",
        summary: "See whether to send requests here",
        parameters: &[],
        body: None,
        answers: &[(200, "It is ready", "Object"), (503, "It stops, or the database does not answer", "Object")],
        needs_key: false,
        handler: || get(service::ready),
    },
    Operation {
        method: "get",
        path: "/metrics",
        summary: "Get metrics in Prometheus' text format",
        parameters: &[],
        body: None,
        answers: &[(200, "The metrics", "")],
        needs_key: false,
        handler: || get(service::metrics),
    },
];
