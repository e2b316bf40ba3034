//! `GET /openapi.json`: the API's description, made from the table of operations and from the rules by which events are checked.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::respond;
use super::routes::{OPERATIONS, Operation, Parameter};
use crate::pserve::validate::{EVENT_TYPES, SEVERITIES, event_schema};

/// Answers with the description.
pub(super) async fn openapi() -> Response {
    respond::json(StatusCode::OK, &description())
}

fn description() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = of(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "pserve",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "PulseStream's ingestion API. An answer of 200 says that the event is where the database keeps it.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
            "schemas": schemas(),
        },
    })
}

fn of(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation.parameters.iter().map(query).collect();
    if operation.path.contains("{event_id}") {
        let schema = json!({"type": "string", "minLength": 1});
        parameters.insert(0, json!({"name": "event_id", "in": "path", "required": true, "schema": schema}));
    }
    let answers: Map<String, Value> = operation
        .answers
        .iter()
        .map(|(status, meaning, schema)| {
            let mut answer = json!({"description": meaning});
            if !schema.is_empty() {
                answer["content"] = json!({"application/json": {"schema": reference(schema)}});
            }
            (status.to_string(), answer)
        })
        .collect();
    let mut described = json!({"summary": operation.summary, "parameters": parameters, "responses": answers});
    if let Some(schema) = operation.body {
        described["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": reference(schema)}}});
    }
    if operation.needs_key {
        described["security"] = json!([{"key": []}]);
    }
    described
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn query(parameter: &Parameter) -> Value {
    let schema = match parameter.form {
        "text" => json!({"type": "string"}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "event_type" => json!({"type": "string", "enum": EVENT_TYPES}),
        "severity" => json!({"type": "string", "enum": SEVERITIES}),
        range => {
            let (least, most) = range.split_once("..").expect("a range of whole numbers");
            let bound = |text: &str| text.parse::<u64>().ok();
            let mut schema = json!({"type": "integer", "minimum": bound(least)});
            if let Some(most) = bound(most) {
                schema["maximum"] = most.into();
            }
            schema
        }
    };
    json!({"name": parameter.name, "in": "query", "description": parameter.meaning, "schema": schema})
}

fn schemas() -> Value {
    let text = || json!({"type": "string"});
    let text_or_null = || json!({"type": ["string", "null"]});
    let count = || json!({"type": "integer", "minimum": 0});
    let result = json!({
        "type": "object",
        "required": ["success", "event_id", "ingested_at", "processing_status", "message", "errors"],
        "properties": {
            "success": {"type": "boolean"}, "event_id": text_or_null(), "ingested_at": text_or_null(),
            "processing_status": {"enum": ["queued", "failed"]}, "message": text(),
            "errors": {"type": ["array", "null"], "items": text()},
        },
    });
    let batch = json!({
        "type": "object",
        "required": ["events"],
        "properties": {
            "events": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {}},
            "batch_id": text_or_null(), "source_application": text_or_null(),
        },
    });
    let batch_result = json!({
        "type": "object",
        "required": ["batch_id", "total_events", "successful_events", "failed_events", "ingested_at", "results", "processing_status"],
        "properties": {
            "batch_id": text(), "total_events": count(), "successful_events": count(), "failed_events": count(),
            "ingested_at": text(), "results": {"type": "array", "items": reference("EventResult")},
            "processing_status": {"enum": ["completed", "partial", "failed"]},
        },
    });
    let page = json!({
        "type": "object",
        "required": ["events", "total_count", "filtered_count", "has_more", "search_id", "execution_time_ms", "total_exact"],
        "properties": {
            "events": {"type": "array", "items": {"type": "object"}}, "total_count": count(), "filtered_count": count(),
            "has_more": {"type": "boolean"}, "search_id": text(), "execution_time_ms": {"type": "number"},
            "total_exact": {"type": "boolean"},
        },
    });
    let faults = json!({
        "type": "object",
        "required": ["detail"],
        "properties": {"detail": {"type": "array", "items": {
            "type": "object",
            "required": ["type", "loc", "msg", "input"],
            "properties": {"type": text(), "loc": {"type": "array"}, "msg": text(), "input": {}},
        }}},
    });
    json!({
        "Event": event_schema(),
        "EventResult": result,
        "Batch": batch,
        "BatchResult": batch_result,
        "Page": page,
        "Detail": {"type": "object", "required": ["detail"], "properties": {"detail": text()}},
        "Faults": faults,
        "Object": {"type": "object"},
    })
}
