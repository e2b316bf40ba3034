//! The rules of an event as a JSON schema, for `/openapi.json`.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::schema::{EVENT, Field, Need, Rule};

/// The schema of an event.
pub(in crate::pserve) fn event_schema() -> Value {
    of(&EVENT)
}

fn of(rule: &Rule) -> Value {
    match rule {
        Rule::Choice(choices) => json!({"enum": choices}),
        Rule::Text(length) => text(length),
        Rule::Timestamp => json!({
            "type": ["string", "number"],
            "description": "RFC 3339, or seconds since 1970; at most 5 minutes in the future",
        }),
        Rule::Integer(range) => json!({"type": "integer", "minimum": range.start(), "maximum": range.end()}),
        Rule::Amount => json!({"type": "number", "minimum": 0}),
        Rule::Flag => json!({"type": "boolean"}),
        Rule::Object(fields) => object(fields),
        Rule::Texts(fields) => {
            let mut schema = object(fields);
            schema["additionalProperties"] = json!({"type": "string"});
            // Tags may be missing. Those that are named only say which ones a search knows.
            schema["required"] = json!([]);
            schema
        }
    }
}

fn text(length: &RangeInclusive<usize>) -> Value {
    let mut schema = json!({"type": "string", "minLength": length.start()});
    if *length.end() != usize::MAX {
        schema["maxLength"] = json!(length.end());
    }
    schema
}

fn object(fields: &[Field]) -> Value {
    let property = |field: &Field| {
        let schema = of(&field.rule);
        let schema = if field.need == Need::Optional { json!({"anyOf": [schema, {"type": "null"}]}) } else { schema };
        (field.name.to_owned(), schema)
    };
    let properties: Map<String, Value> = fields.iter().map(property).collect();
    let required: Vec<&str> =
        fields.iter().filter(|field| field.need == Need::Required).map(|field| field.name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}
